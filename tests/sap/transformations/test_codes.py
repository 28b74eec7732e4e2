"""Codes: currencies, countries, languages, units, Incoterms."""

from __future__ import annotations

import pytest
import yaml

from assay.sap.transformations import Context, TransformationError, currency_digits
from assay.sap.transformations import codes as c

NOWHERE = Context()
UNITS = yaml.safe_load((c.TABLES / "units.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "made,expected",
    [
        (c.currency("eur"), "EUR"),
        (c.currency("€"), "EUR"),
        (c.currency("£"), "GBP"),
        (c.currency("US$"), "USD"),
        (c.currency("Euros"), "EUR"),
        (c.currency("R$"), "BRL"),
        (c.country("Deutschland"), "DE"),
        (c.country("Russland"), "RU"),
        (c.country("EE. UU."), "US"),
        (c.country("Turkey"), "TR"),
        (c.country("Allemagne"), "DE"),
        (c.country("Alemania"), "DE"),
        (c.country("Germania"), "DE"),
        (c.country("DEU"), "DE"),
        (c.country("U.S.A."), "US"),
        (c.country("Großbritannien"), "GB"),
        (c.language("de"), "DE"),
        (c.language("Französisch"), "FR"),
        (c.language("ita"), "IT"),
        (c.language("ger"), "DE"),
        (c.language("Greek"), "EL"),
        (c.language("Spanisch"), "ES"),
        (c.unit("Stck.", NOWHERE), "PC"),
        (c.unit("kg", NOWHERE), "KG"),
        (c.unit("heures", NOWHERE), "H"),
        (c.unit("m²", NOWHERE), "M2"),
        (c.unit("Bund", Context(tables={"units": {"Bund": "BND"}})), "BND"),
        (c.unit("XPX", NOWHERE), "PAL"),
        (c.unit_iso("PC"), "C62"),
        (c.incoterm("fob Hamburg"), "FOB"),
        (c.incoterm_place("CIF Port of Rotterdam, Incoterms 2020"), "Port of Rotterdam"),
        (c.incoterm_place("Bremen"), "Bremen"),
        (c.incoterm_place("Des Moines"), "Des Moines"),  # DES is a rule of 2000
        (c.incoterm("DES Genova"), "DES"),
        (c.incoterm_place("DES Genova"), "Genova"),
        (c.incoterm_place("FOB" + " " * 100_000 + "Hamburg"), "Hamburg"),
        (c.lookup("A", "terms", Context(tables={"terms": {"A": "0001"}})), "0001"),
    ],
)
def test_what_an_operator_gives(made: object, expected: object) -> None:
    assert made == expected


@pytest.mark.parametrize(
    "call,reason",
    [
        (lambda: c.currency("$"), "is the sign of USD, CAD, AUD, MXN"),
        (lambda: c.currency("kr"), "is the sign of SEK"),
        (lambda: c.currency("kr."), "is the sign of SEK"),
        (lambda: c.currency("C$"), "is the sign of CAD, NIO"),
        (lambda: c.currency("XXX"), "is no currency"),
        (lambda: c.currency(""), "is no currency"),
        (lambda: c.currency("EURO2"), "is no currency"),
        (lambda: currency_digits("ABC"), "is no currency"),
        (lambda: c.country("Atlantis"), "is no country"),
        (lambda: c.language("Klingonisch"), "is no language"),
        (lambda: c.unit("thing", NOWHERE), "is no unit"),
        (lambda: c.unit_iso("XYZ"), "is no unit"),
        (lambda: c.incoterm("free house"), "is no rule of Incoterms"),
        (lambda: c.incoterm("Des Moines"), "is no rule of Incoterms"),
        (lambda: c.lookup("B", "terms", NOWHERE), "is not in the table terms"),
    ],
)
def test_what_is_refused(call: object, reason: str) -> None:
    with pytest.raises(TransformationError) as caught:
        call()  # pyright: ignore[reportCallIssue]
    assert reason in caught.value.cause


def test_digits_of_currencies_are_iso_s() -> None:
    assert [currency_digits(each) for each in ("EUR", "JPY", "BHD", "CLF", "KRW")] == [
        2,
        0,
        3,
        4,
        0,
    ]


@pytest.mark.parametrize("code", UNITS)
def test_a_unit_is_met_by_its_codes_and_every_name(code: str) -> None:
    for name in (code, UNITS[code]["iso"], *UNITS[code]["names"]):
        found = c.unit(str(name), NOWHERE)
        assert found == code or str(name) == UNITS[code]["iso"], name


def test_no_printed_unit_stands_for_two() -> None:
    assert len(UNITS) >= 45
    seen: dict[str, str] = {}
    for code, said in UNITS.items():
        for name in {str(each).casefold().rstrip(".") for each in said["names"]}:
            assert seen.setdefault(name, code) == code, name
