from __future__ import annotations

import json
from collections.abc import Callable

from assay.recipe.explain import explain
from assay.recipe.load import load

Write = Callable[[str], str]


def test_every_value_tells_who_gave_it_and_where(write: Write, minimal: str) -> None:
    text = minimal + "profiles:\n  p:\n    training:\n      batch: 8\n"
    loaded = load(write(text), profile="p", overrides=["training.epochs=3"])
    rows = {row.key: row for row in explain(loaded)}
    told = {
        key: (rows[key].value, rows[key].layer, rows[key].where, rows[key].default)
        for key in ("base.model", "training.batch", "training.epochs", "training.clip")
    }
    assert told == {
        "base.model": ("smollm2-135m-instruct", "recipe", "recipe.yaml:6", None),
        "training.batch": (8, "profile:p", "recipe.yaml:20", 16),
        "training.epochs": (3.0, "--set", "", 1.0),
        "training.clip": (1.0, "default", "", 1.0),
    }
    assert rows["base.model"].required and not rows["training.clip"].required
    assert rows["gate.thresholds.accuracy"].where == "recipe.yaml:16"
    assert rows["ladder.1.kind"].where == "recipe.yaml:12"


def test_every_setting_says_what_it_does(write: Write, minimal: str) -> None:
    rows = explain(load(write(minimal)))
    assert [row.key for row in rows if not row.description] == []
    assert len({row.key for row in rows}) == len(rows)


def test_a_json_schema_is_one_setting() -> None:
    rows = {row.key: row for row in explain(load("request-json"))}
    assert rows["task.schema"].value["required"] == ["intent", "slots"]
    assert not any(key.startswith("task.schema.") for key in rows)


def test_the_values_are_those_of_the_recipe() -> None:
    loaded = load("request-json")
    dumped = loaded.recipe.model_dump(mode="json", by_alias=True)
    for row in explain(loaded):
        value = dumped
        for part in row.key.split("."):
            value = value[int(part)] if isinstance(value, list) else value[part]
        assert json.loads(json.dumps(row.value)) == value
