"""Which number a text comes to."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.data.numbers import final_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("#### 72", "72"),
        ("5 apples, then #### 1,234", "1234"),
        ("#### -3", "-3"),
        ("#### −3", "-3"),  # a true minus sign
        ("#### $ 18.50 a day", "18.50"),
        ("first #### 1, no: #### 2", "2"),
        ("it is 20%", "20"),
        ("12-5", "5"),  # an operator
        ("12 - 5", "5"),
        ("12 -$5", "-5"),  # an account's line, not a subtraction
        ("-$ 5", "-5"),
        ("= -5.", "-5"),
        ("(3)-4", "4"),
        ("0.5", "0.5"),
        ("x = .5", "0.5"),
        ("1,2,3", "3"),  # a list
        ("12,34", "34"),
        ("1,234,5", "5"),
        ("In 1999, 3 of 4", "4"),
        ("7.", "7"),
        ("no number", None),
        ("####", None),
        ("12 #### none", None),
        ("", None),
        ("٣", None),  # digits of other scripts are no answer the checks know
    ],
)
def test_the_final_number(text: str, number: str | None) -> None:
    assert final_number(text) == (None if number is None else Decimal(number))


@given(value=st.decimals(-(10**9), 10**9, places=2), grouped=st.booleans())
def test_a_number_is_read_back_however_it_is_written(value: Decimal, grouped: bool) -> None:
    written = f"{value:,.2f}" if grouped else f"{value:.2f}"
    assert (
        final_number(f"The total of 3 items is {written} dollars.".replace(" dollars", "")) == value
    )
    assert final_number(f"so\n#### {written}") == value
