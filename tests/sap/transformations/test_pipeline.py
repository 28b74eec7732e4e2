"""Pipelines: typed from end to end, and every way to write a wrong one is said."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import DataError
from assay.sap.fields import fields
from assay.sap.transformations import (
    OPERATORS,
    Context,
    Pipeline,
    TransformationError,
    count,
    read_value,
    reads,
)
from assay.sap.transformations.reading import readings

PYTHON = {"text": str, "decimal": Decimal, "date": date, "integer": int, "flag": bool}
ONE_OF_A_KIND = {str(each): name for name, each in reads().items()}.values()
EXAMPLES = [
    (name, entry["reads"], example)
    for part in ("types", "fields")
    for name, entry in readings()[part].items()
    for example in entry["examples"]
]
REFUSED = [
    (name, entry["reads"], text)
    for part in ("types", "fields")
    for name, entry in readings()[part].items()
    for text in entry["refuses"]
]


def test_a_pipeline_applies_its_operators_in_order() -> None:
    pipeline = Pipeline.parse(["clean", "amount", "rounded 1", "decimal_text", "suffix EUR"], "x")
    assert (pipeline.takes, pipeline.gives) == ("text", "text")
    assert pipeline(" 1.234,56 ", Context()) == "1234.6EUR"


@pytest.mark.parametrize(
    "words,reason",
    [
        ([], "without an operator"),
        (["amout"], 'no operator amout. Did you mean "amount"?'),
        (["key"], "key takes 1 argument, not 0"),
        (["clean 3"], "clean takes 0 arguments, not 1"),
        (["key ten"], "key ten: invalid literal"),
        (["clean", "matching ("], "matching (: missing )"),
        (["amount", "upper"], "amount gives decimal, and upper takes text"),
    ],
)
def test_a_wrong_pipeline_is_told_with_its_place(words: list[str], reason: str) -> None:
    with pytest.raises(DataError) as caught:
        Pipeline.parse(words, "mine.yaml: price")
    assert caught.value.cause.startswith("mine.yaml: price: ") and reason in caught.value.cause


def test_every_operator_says_what_it_does() -> None:
    assert len(OPERATORS) >= 45
    for operator in OPERATORS.values():
        assert operator.says.endswith((".", ":", ";")) or len(operator.says) > 15


def test_every_field_has_a_transformation_that_ends_in_its_kind() -> None:
    assert count() == len(fields()) >= 180
    for name, pipeline in reads().items():
        assert (pipeline.takes, pipeline.gives) == ("text", fields()[name].kind)


def test_every_type_has_examples() -> None:
    assert {each.type for each in fields().values()} == set(readings()["types"])
    for part in ("types", "fields"):
        assert all(entry["examples"] for entry in readings()[part].values())


@pytest.mark.parametrize("name,words,example", EXAMPLES)
def test_an_example_is_read(name: str, words: list[str], example: dict[str, str]) -> None:
    value = Pipeline.parse(words, name)(example["text"], Context.of(example.get("locale", "")))
    assert str(value) == example["gives"]


@pytest.mark.parametrize("name,words,text", REFUSED)
def test_an_example_is_refused(name: str, words: list[str], text: str) -> None:
    with pytest.raises(TransformationError):
        Pipeline.parse(words, name)(text, Context())


@pytest.mark.parametrize("text", ["", " \u00a0", "\u200f"])
@pytest.mark.parametrize("name", ["supplier_name", "supplier_number", "company_code", "net_amount"])
def test_an_empty_text_is_no_value(name: str, text: str) -> None:
    with pytest.raises(TransformationError):
        read_value(name, text, Context())


@pytest.mark.parametrize("text", ["9" * 100_000, "a" * 100_000, " " * 100_000, "1," * 50_000])
def test_no_operator_on_text_takes_long(text: str) -> None:
    """Every one ends at once on 100,000 characters, with a value or its own error."""
    given = {"matching": ["[a-z]*"], "without": ["x"], "prefix": ["x"], "suffix": ["x"]}
    begun = perf_counter()
    for operator in OPERATORS.values():
        if operator.takes == "text":
            arguments = given.get(operator.name, ["9"] * len(operator.arguments))
            try:
                Pipeline.parse([" ".join([operator.name, *arguments])], "x")(text, Context())
            except TransformationError as error:
                assert len(error.cause) < 300
    assert perf_counter() - begun < 5


@given(st.text(max_size=70) | st.from_regex(r"[A-Z]{2,3}[\dA-Z .\-]{0,20}", fullmatch=True))
def test_every_field_reads_any_text_or_says_why_not(text: str) -> None:
    for name, each in fields().items():
        if name in ONE_OF_A_KIND:
            try:
                value = read_value(name, text, Context())
            except TransformationError as error:
                assert error.cause
            else:
                assert isinstance(value, PYTHON[each.kind]) and value != ""


@pytest.mark.parametrize("name", sorted(fields()))
def test_a_canonical_value_is_read_as_itself(name: str) -> None:
    """What a reading gives, written plainly, is read as the same: documents can be stored and loaded."""
    entry = readings()["fields"].get(name) or readings()["types"][fields()[name].type]
    for example in entry["examples"]:
        value = reads()[name](example["text"], Context.of(example.get("locale", "")))
        if isinstance(value, Decimal):
            continue  # written as JSON numbers or in the document's locale
        assert reads()[name](str(value), Context()) == value
