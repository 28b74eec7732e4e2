"""Codes of ISO, UN/ECE and SAP from what documents print: currencies, countries, units, Incoterms."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from assay import files
from assay.sap.transformations.values import Context, TransformationError, folded, shown

TABLES = Path(__file__).parents[1] / "knowledge" / "transformations"
_SIGNS = {
    "€": ("EUR",),
    "euro": ("EUR",),
    "euros": ("EUR",),
    "£": ("GBP",),
    "$": ("USD", "CAD", "AUD", "MXN"),
    "us$": ("USD",),
    "c$": ("CAD", "NIO"),
    "ca$": ("CAD",),
    "a$": ("AUD",),
    "au$": ("AUD",),
    "r$": ("BRL",),
    "¥": ("JPY", "CNY"),
    "kr": ("SEK", "NOK", "DKK", "ISK"),
    "kr.": ("SEK", "NOK", "DKK", "ISK"),
    "zł": ("PLN",),
    "₹": ("INR",),
    "₺": ("TRY",),
    "₩": ("KRW",),
    "fr.": ("CHF",),
}
_NO_MONEY = frozenset(
    ["XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XPD", "XPT", "XTS", "XXX"]
)  # metals, bonds, tests
_DIGITS = {  # ISO 4217: minor units other than 2
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    "CLF": 4,
    "UYW": 4,
}
_USUAL = {  # names that documents print and ISO does not have
    "England": "GB",
    "Großbritannien": "GB",
    "Great Britain": "GB",
    "UK": "GB",
    "Royaume-Uni": "GB",
    "USA": "US",
    "U.S.A.": "US",
    "Holland": "NL",
    "Czech Republic": "CZ",
    "Tschechische Republik": "CZ",
    "Deutschland": "DE",
    "Bundesrepublik Deutschland": "DE",
    "Schweiz": "CH",
    "Suisse": "CH",
    "Turkey": "TR",
    "Russland": "RU",
    "Russie": "RU",
    "Rusia": "RU",
    "Moldawien": "MD",
    "Weißrussland": "BY",
    "EE.UU.": "US",
    "EE. UU.": "US",
    "Vereinigte Staaten von Amerika": "US",
    "États-Unis d'Amérique": "US",
    "Estados Unidos de América": "US",
    "Stati Uniti d'America": "US",
    "UAE": "AE",
}
_GREEK = ("greek", "griechisch", "grec", "griego", "greco")  # ISO has "Modern Greek" only
INCOTERMS = ("EXW", "FCA", "FAS", "FOB", "CFR", "CIF", "CPT", "CIP", "DAP", "DPU", "DDP")
_OLDER = ("DAT", "DAF", "DES", "DEQ", "DDU")  # of 2010 and 2000, still printed


@cache
def _table(name: str) -> dict[str, Any]:
    return files.read_shipped(TABLES / f"{name}.yaml")


@cache
def _currencies() -> frozenset[str]:
    import pycountry

    return frozenset(each.alpha_3 for each in pycountry.currencies) - _NO_MONEY


def currency(text: str) -> str:
    """The ISO 4217 code. A sign that several currencies share is refused; none is ever assumed."""
    plain = text.strip()
    if plain.upper() in _currencies():
        return plain.upper()
    found = _SIGNS.get(folded(plain), _SIGNS.get(plain.casefold(), ()))
    if len(found) == 1:
        return found[0]
    if found:
        raise TransformationError(f"{shown(text)} is the sign of {', '.join(found)}: give the code")
    raise TransformationError(f"{shown(text)} is no currency of ISO 4217")


def currency_digits(code: str) -> int:
    """Digits of a currency's minor unit (ISO 4217): 2 for EUR, 0 for JPY, 3 for BHD.

    Raises ``TransformationError`` for what is no currency.
    """
    if code not in _currencies():
        raise TransformationError(f"{shown(code)} is no currency of ISO 4217")
    return _DIGITS.get(code, 2)


def _translated(domain: str, name: str) -> list[str]:
    """A name of ISO's lists in English and the four other languages, by iso-codes' translations."""
    return [
        name,
        *(_catalogue(domain, language).gettext(name) for language in ("de", "fr", "es", "it")),
    ]


@cache
def _catalogue(domain: str, language: str) -> Any:
    import gettext

    import pycountry

    return gettext.translation(domain, pycountry.LOCALES_DIR, languages=[language])


@cache
def _countries() -> dict[str, str]:
    import pycountry

    found = {folded(name).strip(" ."): code for name, code in _USUAL.items()}
    for each in pycountry.countries:
        names = [each.alpha_2, each.alpha_3, *_translated("iso3166-1", each.name)]
        if common := getattr(each, "common_name", ""):
            names += _translated("iso3166-1", common)
        for name in names:
            found.setdefault(folded(name), each.alpha_2)
    return found


def country(text: str) -> str:
    """The ISO 3166-1 code of two letters, from it, from three letters, or from a name."""
    name = folded(text).strip(" .")
    if name not in _countries():
        raise TransformationError(
            f"{shown(text)} is no country that is known here; give its ISO 3166 code"
        )
    return _countries()[name]


@cache
def _units() -> dict[str, str]:
    found: dict[str, str] = {}
    for code, said in _table("units").items():
        for name in (code, said["iso"], *said["names"]):
            found.setdefault(folded(str(name)).rstrip("."), code)
    return found


def unit(text: str, context: Context) -> str:
    """SAP's code of a unit (as an English system shows it) from a printed one, or from UN/ECE Rec 20.

    A table ``units`` of the context comes first: customers define units of their own.
    """
    own = context.tables.get("units", {})
    if text.strip() in own:
        return own[text.strip()]
    name = folded(text).strip(" .")
    if name not in _units():
        raise TransformationError(
            f"{shown(text)} is no unit that is known here",
            "Units of your own: --tables FILE.",
        )
    return _units()[name]


def unit_iso(code: str) -> str:
    """The UN/ECE Rec 20 code of one of SAP's; raises for a unit that is not in the table."""
    units = _table("units")
    if code not in units:
        raise TransformationError(f"{shown(code)} is no unit that is known here")
    return str(units[code]["iso"])


@cache
def _languages() -> dict[str, str]:
    import pycountry

    found: dict[str, str] = dict.fromkeys(_GREEK, "EL")
    for each in pycountry.languages:
        if code := getattr(each, "alpha_2", ""):
            codes = (code, each.alpha_3, getattr(each, "bibliographic", code))
            for name in (*codes, *_translated("iso639-3", each.name)):
                plain = name.partition("(")[0]  # "Spanisch (Kastilisch)"
                found.setdefault(folded(plain), code.upper())
    return found


def language(text: str) -> str:
    """The ISO 639-1 code, in capitals as SAP shows it, from it or from the language's name."""
    name = folded(text)
    if name not in _languages():
        raise TransformationError(
            f"{shown(text)} is no language that is known here; give its ISO 639-1 code"
        )
    return _languages()[name]


def incoterm(text: str) -> str:
    """The rule of Incoterms in a text that may go on with a place: ``FOB Hamburg``."""
    code, _ = _rule(text)
    if not code:
        raise TransformationError(f"{shown(text)} is no rule of Incoterms: {', '.join(INCOTERMS)}")
    return code


def incoterm_place(text: str) -> str:
    """The place behind a rule of Incoterms; a text without a rule is the place itself."""
    _, place = _rule(text)
    return re.split(r",? ?\bIncoterms\b", place, maxsplit=1, flags=re.IGNORECASE)[0].strip()


def _rule(text: str) -> tuple[str, str]:
    """The rule, "" without one, and what stands behind it.

    An older rule counts in capitals only: "Des Moines" is a place.
    """
    plain = " ".join(text.split())
    found = re.match(r"([A-Za-z]{3})\b[ ,:-]*", plain)
    if found and (found[1].upper() in INCOTERMS or found[1] in _OLDER):
        return found[1].upper(), plain[found.end() :]
    return "", plain


def lookup(text: str, table: str, context: Context) -> str:
    """What the context's own table says; raises where it does not."""
    values = context.tables.get(table, {})
    if text not in values:
        raise TransformationError(f"{shown(text)} is not in the table {table}")
    return values[text]
