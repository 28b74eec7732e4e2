"""Postings: their filters, their keys, and the way to the outbox and back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mocksap.odata import tokenize
from posting.children import order

from assay.errors import DataError
from assay.sap.posting.request import Key, from_json, literal, to_json

VALUES: list[Key] = ["O'Neil", 7, True, Decimal("1.50"), date(2026, 2, 1), datetime(2026, 2, 1, 8)]


@pytest.mark.parametrize(
    ("value", "v2", "v4"),
    [
        ("O'Neil", "'O''Neil'", "'O''Neil'"),
        (True, "true", "true"),
        (Decimal("1.50"), "1.50M", "1.50"),
        (date(2026, 2, 1), "datetime'2026-02-01T00:00:00'", "2026-02-01"),
        (
            datetime(2026, 2, 1, 8, tzinfo=UTC),
            "datetimeoffset'2026-02-01T08:00:00+00:00'",
            "2026-02-01T08:00:00+00:00",
        ),
    ],
)
def test_literals(value: Key, v2: str, v4: str) -> None:
    assert (literal(value, "V2"), literal(value, "V4")) == (v2, v4)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1))
def test_a_text_stays_one_literal(text: str) -> None:
    assert len(tokenize(f"A eq {literal(text, 'V2')}")) == 3


@given(st.dictionaries(st.sampled_from(["A", "B", "C"]), st.sampled_from(VALUES), min_size=1))
def test_a_posting_survives_the_outbox(key: dict[str, Key]) -> None:
    posting = replace(order(1), business_key=key)
    held = from_json(to_json(posting))
    assert held == posting and held.key() == posting.key() and held.filter() == posting.filter()


def test_the_identity_is_that_of_the_document_and_the_key_that_of_the_body() -> None:
    first, second = order(1), replace(order(1), body={"Supplier": "2"})
    assert first.identity == second.identity and first.key() != second.key()


@pytest.mark.parametrize("change", [{"path": "https://x"}, {"path": "/a?b"}, {"business_key": {}}])
def test_a_posting_that_cannot_be_found_again_is_refused(change) -> None:
    with pytest.raises(DataError):
        replace(order(1), **change)
