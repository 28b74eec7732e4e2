"""Grounding: which strings are free, and what they may hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from assay.data.grounding import MOST_WORDS, _is_run, grounded_schema, grounding, runs

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "intent": {"enum": ["Play", "Book"]},
        "date": {"type": "string", "format": "date"},
        "code": {"type": "string", "pattern": "^[A-Z]{2}$"},
        "type": {"type": "string", "maxLength": 5},
        "note": {"type": ["string", "null"]},
        "names": {"type": "array", "items": {"type": "string"}},
        "count": {"type": "integer"},
    },
    "additionalProperties": False,
}


def test_runs_are_words_as_written() -> None:
    assert runs("Play  jazz!") == ["!", "Play", "Play  jazz", "Play  jazz!", "jazz", "jazz!"]
    assert runs("") == []
    assert max(len(run.split()) for run in runs("w " * 100)) == MOST_WORDS


@given(st.text(max_size=60))
def test_every_run_is_in_the_text(text: str) -> None:
    assert all(run in text and run for run in runs(text))


@given(st.text("aB_é1 .-'\n", max_size=20), st.integers(0, 20), st.integers(1, 20))
def test_the_quick_answer_is_the_right_one(text: str, start: int, length: int) -> None:
    piece = text[start : start + length]
    found = runs(text)
    assert _is_run(piece, text) is (piece in found)
    for run in found:
        assert _is_run(run, text)


@pytest.mark.parametrize(
    "answer,grounded",
    [
        ({"names": ["blue note", "jazz"]}, True),
        ({"names": ["blue notes"]}, False),
        ({"names": ["lue"]}, False),
        ({"names": ["Blue"]}, False),
        ({"intent": "Book", "date": "2026-01-01", "code": "XY", "count": 7}, True),
        ({"type": "jazz"}, True),
        ({"type": "blue note"}, False),  # longer than its own limit
        ({"note": None}, True),
        ({"note": "never said"}, False),
    ],
)
def test_only_free_strings_are_held_to_the_text(answer: dict[str, Any], grounded: bool) -> None:
    text = "put on blue note jazz"
    if grounded or answer != {"type": "blue note"}:
        assert Draft202012Validator(SCHEMA).is_valid(answer)
    assert Draft202012Validator(grounded_schema(SCHEMA, text)).is_valid(answer) is grounded
    assert grounding(SCHEMA)(text, answer) is grounded


@given(
    st.text("ab .", max_size=8), st.text("ab .", max_size=4), st.integers(0, 3), st.integers(1, 4)
)
def test_one_schema_for_all_texts_says_what_each_text_s_own_does(
    text: str, piece: str, least: int, most: int
) -> None:
    free = {"type": ["string", "null"], "minLength": least, "maxLength": most}
    own = Draft202012Validator(grounded_schema(free, text))
    valid, holds = Draft202012Validator(free), grounding(free)
    for answer in (piece, "", None, 7):
        assert holds(text, answer) is (valid.is_valid(answer) and own.is_valid(answer))


def test_a_schema_without_free_strings_stays_as_it_is() -> None:
    schema = {"type": "object", "properties": {"a": {"enum": ["x"]}, "b": {"type": "number"}}}
    assert grounded_schema(schema, "some text") == schema


def test_own_definitions_are_kept() -> None:
    schema = {
        "type": "object",
        "$defs": {"name": {"type": "string"}},
        "properties": {"who": {"$ref": "#/$defs/name"}},
    }
    made = Draft202012Validator(grounded_schema(schema, "ask Ada"))
    assert made.is_valid({"who": "Ada"}) and not made.is_valid({"who": "Bob"})
    holds = grounding(schema)
    assert holds("ask Ada", {"who": "Ada"}) and not holds("ask Ada", {"who": "Bob"})


@pytest.mark.parametrize("name", ["enum", "const", "default", "examples", "properties", "type"])
def test_a_property_may_be_named_like_a_keyword(name: str) -> None:
    schema = {"type": "object", "properties": {name: {"type": "string"}}}
    made = Draft202012Validator(grounded_schema(schema, "ask Ada"))
    assert made.is_valid({name: "Ada"}) and not made.is_valid({name: "Bob"})
    holds = grounding(schema)
    assert holds("ask Ada", {name: "Ada"}) and not holds("ask Ada", {name: "Bob"})


def test_one_of_several_schemas_may_hold() -> None:
    either = {"anyOf": [{"enum": ["none"]}, {"type": "string"}]}
    schema = {"type": "object", "patternProperties": {"^a": either}, "additionalProperties": False}
    made, holds = Draft202012Validator(grounded_schema(schema, "ask Ada")), grounding(schema)
    for answer, grounded in (
        ({"a": "none"}, True),
        ({"a": "Ada"}, True),
        ({"a": "Bob"}, False),
        ({"b": "Ada"}, False),
    ):
        assert made.is_valid(answer) is holds("ask Ada", answer) is grounded


def test_what_holds_data_is_left_alone() -> None:
    data = {"enum": [{"type": "string"}]}
    assert grounded_schema({"properties": {"a": data}}, "ask Ada") == {"properties": {"a": data}}
