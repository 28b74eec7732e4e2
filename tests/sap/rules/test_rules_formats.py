"""Formats: one that is valid and one that is nearly so, for each."""

from __future__ import annotations

import pytest

from assay.sap.rules.formats import FORMATS, digits_of_currency

PAIRS = {
    "iban": ("DE89370400440532013000", "DE89370400440532013001"),
    "bic": ("COBADEFFXXX", "COBAXXFFXXX"),
    "vat_id": ("DE136695976", "DE136695978"),
    "creditor_id": ("DE98ZZZ09999999999", "DE98ZZZ09999999998"),
    "gtin": ("4006381333931", "4006381333932"),
    "gln": ("4006381333931", "96385074"),
    "currency": ("EUR", "EURO"),
    "country": ("GB", "UK"),
    "incoterm": ("DPU", "DAT"),
    "sea_incoterm": ("FOB", "FCA"),
    "older_incoterm": ("DAT", "DAP"),
    "email": ("a.b@example.org", "a.b@example"),
    "phone": ("+49 40 123456", "12a456"),
    "duns": ("12-345-6789", "12345678"),
    "commodity_code": ("7208.51.20", "7208512"),
    "container": ("CSQU3054383", "CSQU3054384"),
    "digits": ("0123", "１２３"),
}


def test_every_format_has_a_pair() -> None:
    assert PAIRS.keys() == FORMATS.keys()


@pytest.mark.parametrize("name", PAIRS)
def test_format(name: str) -> None:
    good, bad = PAIRS[name]
    assert FORMATS[name](good) is True
    assert FORMATS[name](bad) is False
    assert FORMATS[name]("") is False


@pytest.mark.parametrize("text", ["GB980780684", "CHE-100.155.212 MWST", "NO 995525828 MVA"])
def test_vat_numbers_outside_the_union(text: str) -> None:
    assert FORMATS["vat_id"](text)


@pytest.mark.parametrize(("code", "digits"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4)])
def test_digits_of_currencies(code: str, digits: int) -> None:
    assert digits_of_currency(code) == digits
