"""Recipes on bases small enough to be probed in a test."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

RECIPE = """\
name: cards
summary: A message about a card becomes an intent
task: {{output: {output}, max_new_tokens: 6}}
base: {{model: {llm}}}
data: {{train: {{path: rows.jsonl}}, near_duplicates: null, leakage: null}}
ladder:
  - kind: majority
{rungs}
training: {{batch: 4, epochs: 2, validation_items: 8, sinks: [], learning_rate: 1e-3}}
gate: {{primary: {primary}, thresholds: {{}}, min_items: 5}}
"""
ENCODERS = """\
  - {{kind: embedding, base: {{model: {bert}}}}}
  - {{kind: encoder, base: {{model: {bert}}}}}
"""
LLM = "  - kind: llm\n"


@pytest.fixture
def small(
    tmp_path: Path,
    tiny_folder: Path,
    tiny_bert: Callable[[list[str]], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., str]:
    """Write a recipe in an empty working folder: its output, and which rungs it has."""
    monkeypatch.chdir(tmp_path)
    topics = ("lost card gone", "euro rate now")
    rows = [
        {"text": f"{topics[n % 2]} {'again ' * (n % 7)}{n}", "label": ("lost", "rate")[n % 2]}
        for n in range(100)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    Path("rows.jsonl").write_text(lines, encoding="utf-8")

    def make(output: str = "label", *, encoders: bool = False, llm: str | None = None) -> str:
        rungs = ENCODERS.format(bert=tiny_bert([row["text"] for row in rows])) if encoders else ""
        text = RECIPE.format(
            output=output,
            llm=llm or tiny_folder,
            rungs=rungs + ("" if encoders else LLM),
            primary="accuracy" if output == "label" else "exact_match",
        )
        Path("cards.yaml").write_text(text, encoding="utf-8")
        return "cards.yaml"

    return make
