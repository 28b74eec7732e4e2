"""``assay models``: what is known about each base, and what is wrong with a copy on disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay import files
from assay.models.store import MARKER

Assay = Callable[..., Any]  # the fixture `assay`


@pytest.fixture
def copy(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store that holds the tiny model under the name of a registered base."""
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "models" / "smollm2-135m-instruct"
    shutil.copytree(tiny_folder, folder)
    marker = {
        "format": 1,
        "name": "smollm2-135m-instruct",
        "kind": "causal",
        "licence": "Apache-2.0",
        "source": "a test",
        "files": files.tree_digests(folder),
    }
    files.write_json(folder / MARKER, marker)
    return folder


def test_a_sound_copy_is_listed(assay: Assay, copy: Path) -> None:
    rows = {row["name"]: row for row in assay("models", "list", "--json").json}
    row = rows["smollm2-135m-instruct"]
    assert row["on_disk"] and row["fault"] is None and row["path"] == str(copy)
    assert not rows["all-minilm-l6-v2"]["on_disk"]
    assert "yes" in assay("models", "list").out


def test_an_altered_copy_does_not_hide_the_others(assay: Assay, copy: Path) -> None:
    (copy / "config.json").write_text("{}", encoding="utf-8")
    done = assay("models", "list", "--json")
    rows = {row["name"]: row for row in done.json}
    assert done.code == 0 and "all-minilm-l6-v2" in rows
    assert "differs from what was fetched" in rows["smollm2-135m-instruct"]["fault"]
    shown = assay("models", "list").out
    assert "altered" in shown and "pull smollm2-135m-instruct --force" in shown
    told = assay("doctor").out
    assert "differs from what was fetched" in told


def test_a_base_nobody_knows(assay: Assay, copy: Path) -> None:
    done = assay("models", "info", "smolm2-135m-instruct")
    assert done.code == 1 and "smollm2-135m-instruct" in done.err
