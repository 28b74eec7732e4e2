"""A small recipe to bend, and a way to write one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

MINIMAL = """\
name: tiny
summary: A tiny recipe
task:
  output: label
base:
  model: smollm2-135m-instruct
data:
  train:
    path: rows.jsonl
ladder:
  - kind: tfidf
  - kind: llm
gate:
  primary: accuracy
  thresholds:
    accuracy: 0.9
"""


@pytest.fixture
def minimal() -> str:
    """The text of a valid recipe of 16 lines."""
    return MINIMAL


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Write a text as ``recipe.yaml`` into an empty current folder; returns that name."""
    monkeypatch.chdir(tmp_path)

    def to_file(text: str) -> str:
        Path("recipe.yaml").write_text(text, encoding="utf-8")
        return "recipe.yaml"

    return to_file
