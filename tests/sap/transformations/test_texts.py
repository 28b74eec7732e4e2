"""Texts, flags, and keys as SAP stores them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.sap.transformations import TransformationError
from assay.sap.transformations import texts as t


@pytest.mark.parametrize(
    "made,expected",
    [
        (t.clean("  a\u00a0 b\u200f\tc "), "a b c"),
        (t.clean("e\u0301"), "é"),
        (t.lines(" a \n\n b\n"), "a\n\nb"),
        (t.upper("ab"), "AB"),
        (t.lower("AB"), "ab"),
        (t.tight(" a b "), "ab"),
        (t.digits("No. \uff10\uff17-3"), "073"),
        (t.ascii_digits("Nr. \uff10\uff17"), "Nr. 07"),
        (t.one_number("Pos. \uff10\uff17"), "07"),
        (t.without("a.b/c", "./"), "abc"),
        (t.at_most("abc", 3), "abc"),
        (t.exactly("abc", 3), "abc"),
        (t.cut("ab cd", 3), "ab"),
        (t.prefix("1", "Z"), "Z1"),
        (t.suffix("DE", "0"), "DE0"),
        (t.matching("S", re.compile("S|H")), "S"),
        (t.flag("Sí"), True),
        (t.flag("nein"), False),
        (t.flag("x"), True),
        (t.sap_flag(True), "X"),
        (t.sap_flag(False), ""),
    ],
)
def test_what_an_operator_gives(made: object, expected: object) -> None:
    assert made == expected


@pytest.mark.parametrize(
    "call,reason",
    [
        (lambda: t.digits("none"), "has no digit"),
        (lambda: t.one_number("1.2"), "has 2 numbers (1, 2), not one number"),
        (lambda: t.one_number("none"), "has no digit, not one number"),
        (lambda: t.clean("a" + "\u0316\u0301" * 50_000), "more than 30 marks on one letter"),
        (lambda: t.flag("a" + "\u0316\u0301" * 50_000), "more than 30 marks on one letter"),
        (lambda: t.at_most("abcd", 3), "4 characters, at most 3 fit"),
        (lambda: t.exactly("ab", 3), "2 characters, not 3"),
        (lambda: t.key("12345678901", 10), "at most 10 fit"),
        (lambda: t.matching("D", re.compile("S|H")), "has not the form S|H"),
        (lambda: t.flag("perhaps"), "neither yes nor no"),
        (lambda: t.flag(""), "neither yes nor no"),
    ],
)
def test_what_is_refused(call: object, reason: str) -> None:
    with pytest.raises(TransformationError) as caught:
        call()  # pyright: ignore[reportCallIssue]
    assert reason in caught.value.cause


def test_only_numeric_keys_are_filled_with_zeros() -> None:
    assert t.key("4711", 10) == "0000004711"
    assert t.key("MAT-7", 10) == "MAT-7" and t.key("\u0664\u0667", 10) == "\u0664\u0667"
    assert t.unkey("0000004711") == "4711" and t.unkey("000") == "0" and t.unkey("0A1") == "0A1"


@given(st.integers(min_value=0, max_value=10**10 - 1))
def test_a_key_goes_there_and_back(number: int) -> None:
    assert t.unkey(t.key(str(number), 10)) == str(number) and len(t.key(str(number), 10)) == 10
