"""What a text must look like: the formats that a rule names after ``matches``, each with its source."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache

_REMEMBERED = 8192  # texts of which the answer is kept, per format

NO_CENTS = frozenset(  # ISO 4217: currencies without decimals
    (
        *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI"),
        *("VND", "VUV", "XAF", "XOF", "XPF"),
    )
)
THREE_DIGITS = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))
FOUR_DIGITS = frozenset(("CLF", "UYW"))

SEA_TERMS = frozenset(("FAS", "FOB", "CFR", "CIF"))
INCOTERMS = SEA_TERMS | {"EXW", "FCA", "CPT", "CIP", "DAP", "DPU", "DDP"}  # Incoterms 2020
OLDER_TERMS = frozenset(("DAT", "DAF", "DES", "DEQ", "DDU"))  # of Incoterms 2010 and 2000

POSTAL_CODES = {  # {country: the form that its post prescribes}
    "AT": r"[1-9]\d{3}",
    "AU": r"\d{4}",
    "BE": r"[1-9]\d{3}",
    "CA": r"[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z] ?\d[ABCEGHJ-NPRSTV-Z]\d",
    "CH": r"[1-9]\d{3}",
    "CZ": r"\d{3} ?\d{2}",
    "DE": r"\d{5}",
    "DK": r"\d{4}",
    "ES": r"(?:0[1-9]|[1-4]\d|5[0-2])\d{3}",
    "FI": r"\d{5}",
    "FR": r"\d{5}",
    "GB": r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}",
    "IT": r"\d{5}",
    "JP": r"\d{3}-?\d{4}",
    "LU": r"(?:L-)?\d{4}",
    "NL": r"[1-9]\d{3} ?[A-Z]{2}",
    "NO": r"\d{4}",
    "PL": r"\d{2}-?\d{3}",
    "PT": r"\d{4}-\d{3}",
    "SE": r"\d{3} ?\d{2}",
    "US": r"\d{5}(?:-\d{4})?",
}

_EMAIL = re.compile(r"[^@\s,;<>\"]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}")
_PHONE = re.compile(r"\+?[\d\s()/.\-]{5,}")
_VAT_PREFIX = re.compile(r"[A-Z]{2}")


@lru_cache(_REMEMBERED)
def is_iban(text: str) -> bool:
    """ISO 13616: the country's structure and the check digits."""
    from schwifty import IBAN

    return IBAN(text, allow_invalid=True).is_valid


@lru_cache(_REMEMBERED)
def is_bic(text: str) -> bool:
    """ISO 9362: the form, and a country that exists."""
    from schwifty import BIC

    return BIC(text, allow_invalid=True).is_valid


@lru_cache(_REMEMBERED)
def is_vat_id(text: str) -> bool:
    """A VAT number with its country in front: the EU's, Great Britain's, Switzerland's, Norway's."""
    from stdnum.ch import vat as swiss
    from stdnum.eu import vat as european
    from stdnum.gb import vat as british
    from stdnum.no import mva

    plain = re.sub(r"[\s.\-]", "", text).upper()
    if plain.startswith(("GB", "XI")):
        return bool(british.is_valid(plain[2:]))
    if plain.startswith("CHE"):
        return bool(swiss.is_valid(plain))
    if plain.startswith("NO"):
        return bool(mva.is_valid(plain))
    return bool(european.is_valid(plain))


@lru_cache(_REMEMBERED)
def is_creditor_id(text: str) -> bool:
    """SEPA creditor identifier (EPC262-08): check digits over country and national part."""
    from stdnum.iso7064 import mod_97_10

    plain = re.sub(r"\s", "", text).upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{3}[A-Z0-9]{1,28}", plain, re.ASCII):
        return False
    return bool(mod_97_10.is_valid(plain[7:] + plain[:4]))


@lru_cache(_REMEMBERED)
def is_gtin(text: str) -> bool:
    """GS1: 8, 12, 13 or 14 digits, the last of them a check digit."""
    from stdnum import ean

    return text.isascii() and text.isdigit() and bool(ean.is_valid(text))


def is_gln(text: str) -> bool:
    """GS1: 13 digits, the last of them a check digit."""
    return len(text) == 13 and is_gtin(text)


@cache
def _currencies() -> frozenset[str]:
    import pycountry

    return frozenset(str(each.alpha_3) for each in pycountry.currencies)


@cache
def _countries() -> frozenset[str]:
    import pycountry

    return frozenset(str(each.alpha_2) for each in pycountry.countries)


def is_currency(text: str) -> bool:
    """ISO 4217, three letters."""
    return text in _currencies()


def is_country(text: str) -> bool:
    """ISO 3166-1, two letters."""
    return text in _countries()


def is_incoterm(text: str) -> bool:
    """One of the eleven rules of Incoterms 2020."""
    return text in INCOTERMS


def is_sea_incoterm(text: str) -> bool:
    """One of the four rules for sea and inland waterway transport."""
    return text in SEA_TERMS


def is_older_incoterm(text: str) -> bool:
    """A rule of Incoterms 2010 or 2000 that later editions dropped."""
    return text in OLDER_TERMS


def is_email(text: str) -> bool:
    """One address with a domain that has a point."""
    return _EMAIL.fullmatch(text) is not None


def is_phone(text: str) -> bool:
    """Digits with the usual signs between them; E.164 allows 15 digits at most."""
    digits = sum(each.isdigit() for each in text)
    return _PHONE.fullmatch(text) is not None and 5 <= digits <= 15


def is_duns(text: str) -> bool:
    """Nine digits."""
    return re.fullmatch(r"\d{9}", text.replace("-", ""), re.ASCII) is not None


def is_commodity_code(text: str) -> bool:
    """The Harmonized System's 6 digits, the EU's 8 (Combined Nomenclature), 10 or 11 (TARIC)."""
    return re.fullmatch(r"\d{6}|\d{8}|\d{10,11}", re.sub(r"[\s.]", "", text), re.ASCII) is not None


def is_container(text: str) -> bool:
    """ISO 6346: owner, category, serial number, check digit."""
    plain = re.sub(r"[\s\-/]", "", text).upper()
    if not re.fullmatch(r"[A-Z]{3}[UJZ]\d{7}", plain, re.ASCII):
        return False
    letters = [value for value in range(10, 39) if value % 11]  # A is 10; no multiples of 11
    values = [int(each) if each.isdigit() else letters[ord(each) - 65] for each in plain[:10]]
    total = sum(value << place for place, value in enumerate(values))
    return total % 11 % 10 == int(plain[10])


def is_digits(text: str) -> bool:
    """ASCII digits only."""
    return text.isascii() and text.isdigit()


FORMATS: dict[str, Callable[[str], bool]] = {
    "iban": is_iban,
    "bic": is_bic,
    "vat_id": is_vat_id,
    "creditor_id": is_creditor_id,
    "gtin": is_gtin,
    "gln": is_gln,
    "currency": is_currency,
    "country": is_country,
    "incoterm": is_incoterm,
    "sea_incoterm": is_sea_incoterm,
    "older_incoterm": is_older_incoterm,
    "email": is_email,
    "phone": is_phone,
    "duns": is_duns,
    "commodity_code": is_commodity_code,
    "container": is_container,
    "digits": is_digits,
}


def digits_of_currency(currency: str) -> int | None:
    """How many decimals ISO 4217 gives a currency; None of what is no currency."""
    if not is_currency(currency):
        return None
    if currency in NO_CENTS:
        return 0
    if currency in THREE_DIGITS:
        return 3
    return 4 if currency in FOUR_DIGITS else 2


def postal_code_fits(code: str, country: str) -> bool | None:
    """Whether a postal code has its country's form; None for a country that is not listed."""
    form = POSTAL_CODES.get(country)
    return None if form is None else re.fullmatch(form, code.upper(), re.ASCII) is not None


def vat_country(vat_id: str) -> str | None:
    """The country that a VAT number begins with, as ISO 3166 has it (Greece writes EL)."""
    prefix = _VAT_PREFIX.match(vat_id.strip().upper())
    if prefix is None:
        return None
    return {"EL": "GR", "XI": "GB"}.get(prefix.group(), prefix.group())
