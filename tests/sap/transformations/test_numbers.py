"""Printed numbers: what each reading gives, and what is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.sap.transformations import LOCALES, Context, TransformationError, line_total
from assay.sap.transformations import numbers as n

NOWHERE = Context()
AMOUNTS = st.decimals(min_value=Decimal("-1e12"), max_value=Decimal("1e12"), places=2)


@pytest.mark.parametrize(
    "text,locale,value",
    [
        ("1.234,56", "", "1234.56"),
        ("1,234.56", "", "1234.56"),
        ("1.234.567", "", "1234567"),
        ("1,234,567", "", "1234567"),
        ("12.5", "", "12.5"),
        ("0.125", "", "0.125"),
        ("1234.567", "", "1234.567"),  # four digits before it: no group
        ("1 234,56", "", "1234.56"),
        ("1\u00a0234\u202f567,8", "", "1234567.8"),
        ("1'234.50", "", "1234.50"),
        ("1\u2019234.50", "de-CH", "1234.50"),
        ("12,34,567.89", "", "1234567.89"),
        ("1.234", "de-DE", "1234"),
        ("1.234", "en-US", "1.234"),
        ("1,234", "en-GB", "1234"),
        ("1,234", "fr-FR", "1.234"),
        ("€ 1.234,56", "", "1234.56"),
        ("1,234.56 USD", "", "1234.56"),
        ("EUR -12,50", "", "-12.50"),
        ("-12,50 €", "", "-12.50"),
        ("12,50-", "", "-12.50"),
        ("\u221212.5", "", "-12.5"),
        ("(1,234.56)", "", "-1234.56"),
        ("+7", "", "7"),
        (".5", "", "0.5"),
        ("12.", "", None),
        ("\u200e1,5\u200f", "de-DE", "1.5"),
        ("\uff11\uff12,\uff15", "de-DE", "12.5"),  # full width
        ("7 kg", "", "7"),
        ("7 Stk.", "", "7"),
        ("Fr. 12.50", "", "12.50"),
        ("12,5 m²", "", "12.5"),
        ("EUR 100,-", "", "100"),
        ("1.234,\u2014 €", "", "1234"),  # the dash stands for decimals: no ambiguity is left
        ("-100,-- EUR", "de-DE", "-100"),
        ("9" * 28, "", "9" * 28),
    ],
)
def test_an_amount(text: str, locale: str, value: str | None) -> None:
    if value is None:
        with pytest.raises(TransformationError):
            n.amount(text, Context.of(locale))
    else:
        assert n.amount(text, Context.of(locale)) == Decimal(value)


@pytest.mark.parametrize(
    "text,locale,reason",
    [
        ("1.234", "", "is 1234 or 1.234: the locale is not known"),
        ("12,345", "", "is 12345 or 12.345"),
        ("1.234,5,6", "", "more than one decimal mark"),
        ("1.234,5,6", "de-DE", "more than one decimal mark"),
        ("1,234.56", "de-DE", "the decimal mark of de-DE is ','"),
        ("1.23.456", "", "not in groups of three"),
        ("12.5", "de-DE", "not in groups of three"),
        ("12.", "", "behind its decimal mark are not only digits"),
        ("--5", "", "has two signs"),
        ("(-5)", "", "has two signs"),
        ("-5 EUR-", "", "has two signs"),
        ("-(5)", "", "has two signs"),
        ("12 3456", "", "not in groups of three"),
        ("4711 123", "", "not in groups of three"),
        ("1 234'567", "", "not in groups of three"),
        ("1_234", "", "is no number"),
        ("5 Mio EUR", "", "'mio' changes the number"),
        ("TEUR 5", "", "'teur' changes the number"),
        ("5k€", "", "'k€' changes the number"),
        ("1.2 million", "", "'million' changes the number"),
        ("1,5 lakh", "", "'lakh' changes the number"),
        ("1,234.56 CR", "", "'cr' changes the number"),
        ("5½", "", "'½' changes the number"),
        ("5 ⁵", "", "'⁵' changes the number"),
        ("5\u4e07", "", "changes the number"),  # ten thousand, in Chinese
        ("19 %", "", "'%' changes the number"),
        ("9" * 29, "", "more than 28 digits"),
        ("", "", "is no number"),
        ("free", "", "is no number"),
        ("1 of 2", "", "is no number"),
        ("1e5", "", "is no number"),
        ("12/5", "", "is no number"),
        (".", "", "behind its decimal mark are not only digits"),
        ("9" * 100_000, "", "100,000 characters"),
    ],
)
def test_what_is_no_amount_or_two(text: str, locale: str, reason: str) -> None:
    with pytest.raises(TransformationError) as caught:
        n.amount(text, Context.of(locale))
    assert reason in caught.value.cause
    assert ("locale" in caught.value.remedy) == ("not known" in reason or " or " in reason)


@given(AMOUNTS, st.sampled_from(sorted(LOCALES)), st.booleans(), st.sampled_from(["", "€", "EUR"]))
def test_an_amount_is_read_back_in_the_locale_that_printed_it(
    value: Decimal, locale: str, grouped: bool, currency: str
) -> None:
    context = Context.of(locale)
    decimal = LOCALES[locale].decimal
    printed = f"{value:,.2f}" if grouped else f"{value:.2f}"
    if decimal == ",":
        printed = printed.translate(str.maketrans(".,", ",."))
    assert n.amount(f"{printed} {currency}".strip(), context) == value


@given(AMOUNTS)
def test_without_a_locale_a_reading_is_right_or_refused(value: Decimal) -> None:
    for printed in (f"{value:,.2f}", f"{value:,.2f}".translate(str.maketrans(".,", ",."))):
        assert n.amount(printed, NOWHERE) == value  # two digits behind the mark: never ambiguous


@given(st.text(max_size=70))
def test_any_text_gives_a_number_or_an_error(text: str) -> None:
    for locale in ("", "de-DE", "en-US"):
        try:
            assert n.amount(text, Context.of(locale)).is_finite()
        except TransformationError as error:
            assert error.cause


def test_percent_integer_and_the_like() -> None:
    assert n.percent("19,0 %", Context.of("de-DE")) == 19
    assert n.percent("5 ‰", NOWHERE) == Decimal("0.5")
    assert n.integer("30 Tage", NOWHERE) == 30
    assert n.rounded(Decimal("2.345"), 2) == Decimal("2.35")
    assert n.rounded(Decimal("-2.345"), 2) == Decimal("-2.35")
    assert n.rounded(Decimal("9e30"), 2) == Decimal("9e30")
    assert n.between(16, 1, 16) == 16 and str(n.amount("-0", NOWHERE)) == "0"
    assert n.at_most(Decimal("2.30"), 1) == Decimal("2.3")
    assert n.not_negative(Decimal(0)) == 0 and n.rate(Decimal(100)) == 100
    assert n.decimal_text(Decimal("1E+3")) == "1000" and n.credit_amount(Decimal(-5)) == 5


@pytest.mark.parametrize(
    "call",
    [
        lambda: n.percent("none", NOWHERE),
        lambda: n.integer("2.5", NOWHERE),
        lambda: n.between(17, 1, 16),
        lambda: n.rounded(Decimal("1e200"), 2),
        lambda: n.at_most(Decimal("1e200"), 2),
        lambda: n.at_most(Decimal("2.305"), 2),
        lambda: n.not_negative(Decimal("-0.01")),
        lambda: n.rate(Decimal(101)),
        lambda: line_total(Decimal(1), Decimal(1), Decimal(0)),
    ],
)
def test_what_is_refused(call: object) -> None:
    with pytest.raises(TransformationError):
        call()  # pyright: ignore[reportCallIssue]


def test_a_line_is_quantity_times_price_per_so_many_less_a_discount() -> None:
    assert line_total(Decimal("1250.5"), Decimal("12.40")) == Decimal("15506.20")
    assert line_total(Decimal(500), Decimal(80), Decimal(100), Decimal(5)) == 380
