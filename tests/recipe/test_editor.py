from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from assay.recipe import catalogue, fields
from assay.recipe.editor import json_schema
from assay.recipe.schema import Recipe
from assay.recipe.tree import plain
from assay.recipe.yaml_lines import parse

SCHEMA = json_schema()
CHECK = Draft202012Validator(SCHEMA)


def document(path: Path) -> Any:
    root = parse(path.read_text(encoding="utf-8"), str(path)).root
    assert root is not None
    return plain(root)


def faults_of(value: Any) -> list[str]:
    return sorted(".".join(map(str, error.absolute_path)) for error in CHECK.iter_errors(value))


def test_it_is_a_schema_with_a_name() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"].endswith("2020-12/schema")
    assert SCHEMA["$id"] == "urn:assay:recipe:1"
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


@pytest.mark.parametrize("entry", catalogue.entries(), ids=lambda entry: entry.name)
def test_it_accepts_the_shipped_recipes(entry: catalogue.Entry) -> None:
    assert faults_of(document(entry.path)) == []


def test_it_knows_every_key_and_its_description() -> None:
    assert SCHEMA["properties"].keys() == fields.keys_of(Recipe).keys() | {
        "profiles",
        "default_profile",
    }
    training = SCHEMA["$defs"]["Training"]["properties"]
    assert all(field["description"] for field in training.values())
    assert "schema" in SCHEMA["$defs"]["Task"]["properties"]


def test_it_refuses_what_the_loader_refuses() -> None:
    good = document(catalogue.find("banking-intent"))
    assert faults_of({**good, "epochs": 3}) == [""]
    assert faults_of({**good, "name": "Bad Name"}) == ["name"]
    assert faults_of({key: value for key, value in good.items() if key != "gate"}) == [""]
    assert faults_of({**good, "profiles": {"Bad Name": {}}}) == ["profiles"]


@pytest.mark.parametrize(
    ("overlay", "accepted"),
    [
        ({}, True),
        (None, True),
        ({"training": {"epochs": 2}}, True),
        ({"base": {"precision": "fp32"}}, True),
        ({"data": {"train": {"path": "x"}}}, True),
        ({"data": {"test": None}}, True),
        ({"gate": {"slices": {"min_items": 5}}}, True),
        ({"ladder": [{"kind": "llm"}]}, True),
        ({"ladder": [{"training": {"epochs": 1}}]}, False),
        ({"training": {"epoch": 2}}, False),
        ({"training": {"epochs": 0}}, False),
        ({"profiles": {}}, False),
    ],
)
def test_overlays_need_nothing_but_what_they_give_is_checked(overlay: Any, accepted: bool) -> None:
    good = document(catalogue.find("banking-intent"))
    assert (faults_of({**good, "profiles": {"p": overlay}}) == []) is accepted
