"""Recipes for whole texts: what belongs together, and what has no meaning there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from assay.errors import RecipeError
from assay.recipe.load import load


def written(tmp_path: Path, **changes: Any) -> Path:
    document: dict[str, Any] = {
        "name": "prose",
        "summary": "our own prose",
        "task": {"output": "text", "template": "plain"},
        "base": {"model": "smollm2-135m-instruct"},
        "data": {"train": {"path": "prose.jsonl"}, "format": "text"},
        "ladder": [{"kind": "llm"}],
        "gate": {"primary": "compression", "thresholds": {"max_bits_per_byte": 1.2}},
    }
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({**document, **changes}), encoding="utf-8")
    return path


def test_a_recipe_for_whole_texts_is_valid(tmp_path: Path) -> None:
    assert load(written(tmp_path)).recipe.data.format == "text"


@pytest.mark.parametrize(
    "changes,told",
    [
        ({"task": {"output": "text"}}, "go together"),
        ({"data": {"train": {"path": "prose.jsonl"}}}, "go together"),
        ({"task": {"output": "label", "template": "plain"}}, "template: plain is for whole texts"),
        ({"ladder": [{"kind": "nearest"}, {"kind": "llm"}]}, "only an llm predicts whole texts"),
        ({"gate": {"primary": "chrf", "thresholds": {}}}, "no metric"),
        ({"gate": {"primary": "bits_per_byte", "thresholds": {}}}, "better when lower"),
        (
            {"gate": {"primary": "compression", "thresholds": {"bits_per_byte": 1}}},
            "write max_bits_per_byte",
        ),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, changes: Any, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        load(written(tmp_path, **changes))
