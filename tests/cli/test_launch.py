"""``assay launch``: the task is written, shown, and started only when asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Assay = Callable[..., Any]  # the fixture `assay`
ASKED = ("--cloud", "aws", "--bucket", "s3://mine/runs", "--wheel", "a.whl")


@pytest.fixture
def wheel(home: Path) -> None:
    Path("a.whl").write_bytes(b"")


def test_a_dry_run_writes_the_task_and_says_how_to_start_it(assay: Assay, wheel: None) -> None:
    done = assay("launch", "review-sentiment", *ASKED, "--profile", "full", "--dry-run")
    assert done.code == 0, done
    assert "sky jobs launch --yes" in done.out and "aws s3 sync s3://mine/runs/assay-" in done.out
    found = assay("launch", "review-sentiment", *ASKED, "--no-spot", "--dry-run", "--json").json
    assert found["started"] is False and "use_spot: false" in Path(found["task"]).read_text()


@pytest.mark.parametrize(
    "words,said",
    [
        (["review-sentiment", *ASKED, "--on", "g5.huge"], "g5.xlarge"),
        (["review-sentimnt", *ASKED], "review-sentiment"),
        (["review-sentiment", *ASKED[2:], "--cloud", "gcp"], "aws"),
        (["review-sentiment", "--cloud", "aws", "--wheel", "a.whl", "--bucket", "x"], "bucket"),
        (["review-sentiment", *ASKED], "SkyPilot is not installed"),
    ],
)
def test_wrong_input_is_told(
    assay: Assay, wheel: None, words: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    done = assay("launch", *words, "--json")
    assert done.code in (1, 2)
    assert said in json.dumps(done.json["error"])
