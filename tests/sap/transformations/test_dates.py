"""Printed days: what each form gives, and what is refused."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.sap.transformations import LOCALES, Context, TransformationError
from assay.sap.transformations import dates as d

DAY = date(2026, 3, 5)


@pytest.mark.parametrize(
    "text,locale,value",
    [
        ("2026-03-05", "", DAY),
        ("2026-03-05T10:00:00Z", "", DAY),
        ("20260305", "", DAY),
        ("2026/03/05", "en-US", DAY),
        ("05.03.2026", "de-DE", DAY),
        ("5.3.26", "de-DE", DAY),
        ("5. 3. 2026", "de-DE", DAY),
        ("05/03/2026", "en-GB", DAY),
        ("03/05/2026", "en-US", DAY),
        ("05-03-2026", "fr-FR", DAY),
        ("13/02/2025", "", date(2025, 2, 13)),  # only one reading
        ("02/13/2025", "", date(2025, 2, 13)),
        ("02/02/2025", "", date(2025, 2, 2)),
        ("5. März 2026", "", DAY),
        ("5 Mar 2026", "", DAY),
        ("5th of March 2026", "", DAY),
        ("March 5, 2026", "", DAY),
        ("Mar. 5th, 2026", "", DAY),
        ("5 mars 2026", "", DAY),
        ("1er août 2026", "", date(2026, 8, 1)),
        ("5 février 2026", "", date(2026, 2, 5)),
        ("5 de marzo de 2026", "", DAY),
        ("5 marzo 2026", "", DAY),
        ("05-MAR-2026", "", DAY),
        ("Donnerstag, 5. März 2026", "", DAY),
        ("Thursday, March 5, 2026", "", DAY),
        ("jeudi 5 mars 2026", "", DAY),
        ("giovedì 5 marzo 2026", "", DAY),
        ("le 5 mars 2026", "", DAY),
        ("Do 05.03.2026", "de-DE", DAY),
        ("Hamburg, den 5. März 2026", "", DAY),
        ("29.02.2024", "de-DE", date(2024, 2, 29)),
        ("\uff10\uff15.03.2026", "de-DE", DAY),  # full width
        ("\u200f05.03.2026", "de-DE", DAY),
        ("01.01.70", "de-DE", date(1970, 1, 1)),
        ("01.01.69", "de-DE", date(2069, 1, 1)),
    ],
)
def test_a_day(text: str, locale: str, value: date) -> None:
    assert d.day(text, Context.of(locale)) == value


@pytest.mark.parametrize(
    "text,locale,reason",
    [
        ("01/02/2025", "", "is 2025-02-01 or 2025-01-02: the locale is not known"),
        ("29.02.2025", "de-DE", "no day of the calendar"),
        ("31.04.2026", "de-DE", "no day of the calendar"),
        ("13/13/2026", "", "no day of the calendar"),
        ("13/02/2025", "en-US", "no day of the calendar"),
        ("5 Foo 2026", "", "foo is no month"),
        ("until 5 March 2026", "", "is no date"),
        ("soon", "", "is no date"),
        ("", "", "is no date"),
        ("2026-13-01", "", "no day of the calendar"),
        ("0000-01-01", "", "no day of the calendar"),
        ("1" * 100_000, "", "100,000 characters"),
    ],
)
def test_what_is_no_day_or_two(text: str, locale: str, reason: str) -> None:
    with pytest.raises(TransformationError) as caught:
        d.day(text, Context.of(locale))
    assert reason in caught.value.cause


@given(st.dates(min_value=date(1000, 1, 1)), st.sampled_from(sorted(LOCALES)))
def test_a_day_is_read_back_in_the_locale_that_printed_it(value: date, locale: str) -> None:
    order = "{2}/{1}/{0}" if LOCALES[locale].order == "dmy" else "{1}/{2}/{0}"
    printed = order.format(value.year, value.month, value.day)
    assert d.day(printed, Context.of(locale)) == value
    assert d.day(d.iso_date(value), Context()) == value
    assert d.day(d.sap_date(value), Context()) == value


@given(st.dates())
def test_v2_s_form_goes_there_and_back(value: date) -> None:
    assert d.from_v2_date(d.v2_date(value)) == value


@pytest.mark.parametrize("text", ["2026-03-05", "/Date(x)/", "/Date(99999999999999999999)/"])
def test_what_is_no_day_of_v2_is_refused(text: str) -> None:
    with pytest.raises(TransformationError):
        d.from_v2_date(text)


@given(st.text(max_size=70))
def test_any_text_gives_a_day_or_an_error(text: str) -> None:
    try:
        assert d.day(text, Context()).year >= 1
    except TransformationError as error:
        assert error.cause


def test_days_are_counted_and_months_end() -> None:
    assert d.add_days(date(2026, 12, 31), 1) == date(2027, 1, 1)
    assert d.end_of_month(date(2024, 2, 3)) == date(2024, 2, 29)
    with pytest.raises(TransformationError):
        d.add_days(date.max, 1)
