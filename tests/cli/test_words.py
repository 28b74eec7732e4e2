"""``assay words``: documents in, words or a verdict out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import made
import pytest
from typer.testing import CliRunner

from assay.cli.main import app


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("ASSAY_WORDS", str(tmp_path / "kept"))
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, ["words", *map(str, words)])


def test_good_and_bad_files_at_once(run: Any, tmp_path: Path) -> None:
    Path("good.pdf").write_bytes(made.pdf(made.LINES))
    Path("bad.pdf").write_bytes(b"<html>")
    done = run("bad.pdf", "good.pdf", "--html", "words.html")
    assert done.exit_code == 3, done.output
    assert "bad.pdf  unknown type: it is an HTML page" in done.stdout
    assert "good.pdf  PDF, en" in done.stdout
    assert "Total amount due 149.35 EUR" in done.stdout
    assert "page: words.html" in done.stdout
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_json(run: Any) -> None:
    Path("good.pdf").write_bytes(made.pdf(made.LINES[:1]))
    done = run("good.pdf", "--json")
    (document,) = json.loads(done.stdout)
    assert (document["verdict"], document["pages"][0]["source"]) == ("opened", "text layer")
    assert [word["text"] for word in document["pages"][0]["words"]] == made.LINES[0].split()
    assert "pictures" not in document


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("none.pdf",), "none.pdf: No such file or directory"),
        ((".",), "this is a folder"),
        (("good.pdf", "--ocr", "eyes"), "there is no OCR engine 'eyes'"),
        (("two.pdf", "--max-pages", "1"), "it has 2 pages, and 1 are read (--max-pages)"),
        (("good.pdf", "--dpi", "5000"), "--dpi"),
        ((), "Missing argument"),
    ],
)
def test_what_is_wrong_is_said(run: Any, words: tuple[str, ...], said: str) -> None:
    Path("good.pdf").write_bytes(made.pdf(made.LINES))
    Path("two.pdf").write_bytes(made.pdf(made.LINES, made.LINES))
    done = run(*words)
    assert done.exit_code != 0
    assert said in done.output.replace("\n", " ")
