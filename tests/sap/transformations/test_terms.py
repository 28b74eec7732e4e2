"""Terms of payment: the clauses may stand in any order, and what is not said is not guessed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.sap.transformations import TransformationError
from assay.sap.transformations import terms as t


@pytest.mark.parametrize(
    "text,percent,days,net",
    [
        ("2% 10 Tage, 30 Tage netto", "2", 10, 30),
        ("10 Tage 2% Skonto, 30 Tage netto", "2", 10, 30),
        ("10 Tage 2% Skonto 30 Tage netto", "2", 10, 30),
        ("30 Tage netto, 10 Tage 2%", "2", 10, 30),
        ("30 Tage netto oder 2,5 % Skonto bei Zahlung in 14 Tagen", "2.5", 14, 30),
        ("Within 14 days 2 % cash discount\nWithin 30 days due net", "2", 14, 30),
        ("2% 10 days net 30", "2", 10, 30),
        ("2% 10 days net 30 days", "2", 10, 30),
        ("2/10 net 30", "2", 10, 30),
        ("2/10, n/30", "2", 10, 30),
        ("1.5/15, net 45 days", "1.5", 15, 45),
        ("14 Tage 3%, 20 Tage 2%, 30 Tage netto", "3", 14, 30),
        ("30 jours, 2% d'escompte à 10 jours", "2", 10, 30),
        ("sofort 3% Skonto, 30 Tage netto", "3", 0, 30),
        ("30 Tage,2% 10 Tage", "2", 10, 30),
    ],
)
def test_terms_with_a_discount(text: str, percent: str, days: int, net: int) -> None:
    assert (t.discount_percent(text), t.discount_days(text)) == (Decimal(percent), days)
    assert t.net_days(text) == net


@pytest.mark.parametrize(
    "text,net",
    [
        ("30 days net", 30),
        ("net 45", 45),
        ("à 30 jours", 30),
        ("60 giorni data fattura", 60),
        ("60 gg. data fattura", 60),
        ("30 días", 30),
        ("Zahlbar innerhalb von 30 Tagen ohne Abzug", 30),
        ("sofort ohne Abzug", 0),
        ("due on receipt", 0),
        ("\uff13\uff10 Tage", 30),  # full width
    ],
)
def test_terms_without_a_discount(text: str, net: int) -> None:
    assert t.net_days(text) == net
    with pytest.raises(TransformationError) as caught:
        t.discount_percent(text)
    assert "names no cash discount" in caught.value.cause


@pytest.mark.parametrize(
    "text,reason",
    [
        ("2% Skonto 10 Tage", "names no days until all is due"),  # the ten are the discount's
        ("by arrangement", "names no days until all is due"),
        ("", "names no days until all is due"),
        ("1000 days", "names no days until all is due"),
        ("30 Tage netto, Verzug ab 60 Tagen", "may all be due after 30 or 60 days"),
        ("sofort, spätestens in 30 Tagen", "may all be due after 0 or 30 days"),
        ("10 Tage 2% 20 Tage 1%", "which days belong to which discount is not said"),
        ("30 jours fin de mois", "the end of a month is no number of days"),
        ("45 jours FDM", "the end of a month is no number of days"),
        ("30 gg d.f.f.m.", "the end of a month is no number of days"),
        ("60 gg f.m.", "the end of a month is no number of days"),
        ("30 days EOM", "the end of a month is no number of days"),
        ("9" * 100_000, "100,000 characters"),
    ],
)
def test_what_is_not_said_is_not_guessed(text: str, reason: str) -> None:
    with pytest.raises(TransformationError) as caught:
        t.net_days(text)
    assert reason in caught.value.cause


@given(
    st.integers(1, 20), st.lists(st.integers(1, 180), min_size=2, max_size=2, unique=True),
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_the_order_of_the_clauses_does_not_matter(
    percent: int, days: list[int], net_first: bool, days_first: bool
) -> None:
    discount = f"{days[0]} Tage {percent} %" if days_first else f"{percent} % {days[0]} Tage"
    clauses = [discount, f"{days[1]} Tage netto"]
    text = ", ".join(reversed(clauses) if net_first else clauses)
    assert (t.discount_percent(text), t.discount_days(text)) == (percent, days[0])
    assert t.net_days(text) == days[1]
