"""Numbers that hold a check: bank accounts, tax numbers, places and articles, by maintained libraries."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from assay.sap.transformations.texts import ascii_digits
from assay.sap.transformations.values import TransformationError, shown

LONGEST = 100  # characters of a printed number of these
_MAIL = re.compile(r"[^@\s,;<>]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_POSTAL = {  # of the countries whose codes have one form
    "AT": r"\d{4}",
    "BE": r"\d{4}",
    "CH": r"\d{4}",
    "DE": r"\d{5}",
    "DK": r"\d{4}",
    "ES": r"\d{5}",
    "FR": r"\d{5}",
    "GB": r"[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}",
    "IT": r"\d{5}",
    "NL": r"\d{4} ?[A-Z]{2}",
    "PL": r"\d{2}-\d{3}",
    "PT": r"\d{4}-\d{3}",
    "SE": r"\d{3} ?\d{2}",
    "US": r"\d{5}(?:-\d{4})?",
}


def iban(text: str) -> str:
    """An IBAN without spaces, its length and check digits verified (ISO 13616; schwifty)."""
    from schwifty import IBAN
    from schwifty.exceptions import SchwiftyException

    try:
        return str(IBAN(_tight(text)))
    except SchwiftyException as error:
        raise TransformationError(f"{shown(text)} is no IBAN: {error}") from error


def bic(text: str) -> str:
    """A BIC of 8 or 11 characters (ISO 9362; schwifty)."""
    from schwifty import BIC
    from schwifty.exceptions import SchwiftyException

    try:
        return str(BIC(_tight(text)))
    except SchwiftyException as error:
        raise TransformationError(f"{shown(text)} is no BIC: {error}") from error


def payment_reference(text: str) -> str:
    """A structured reference whose check holds as banks send it, without its spaces; others as printed.

    ISO 11649 (RF…), the Swiss one of 27 digits, the Belgian one between ``+++`` (python-stdnum).
    """
    from stdnum import iso11649
    from stdnum.be import ogm_vcs
    from stdnum.ch import esr

    if len(text) > LONGEST:
        return text
    tight = _tight(text)
    if iso11649.is_valid(tight):
        return str(iso11649.compact(tight))
    if len(tight) == 27 and esr.is_valid(tight):
        return tight
    if tight[:3] == tight[-3:] and tight[:3] in ("+++", "***") and ogm_vcs.is_valid(tight):
        return str(ogm_vcs.compact(tight))
    return text


def vat_id(text: str) -> str:
    """A VAT number with its country: of the EU, GB, CH or NO (python-stdnum)."""
    from stdnum.ch import vat as swiss
    from stdnum.eu import vat as european
    from stdnum.gb import vat as british
    from stdnum.no import mva as norwegian

    compact = re.sub(r"[\s.\-/]", "", text).upper()
    if compact.startswith("GR"):
        compact = f"EL{compact[2:]}"  # Greece's prefix for VAT, so that one number has one form
    if compact.startswith("CHE"):
        return _held(swiss.validate, compact, text, "VAT number of CH")
    if compact.startswith("GB"):
        return f"GB{_held(british.validate, compact.removeprefix('GB'), text, 'VAT number of GB')}"
    if compact.startswith("NO"):
        return (
            f"NO{_held(norwegian.validate, compact.removeprefix('NO'), text, 'VAT number of NO')}"
        )
    if not compact[:2].isalpha():
        raise TransformationError(f"{shown(text)}: a VAT number begins with its country")
    return _held(european.validate, compact, text, f"VAT number of {compact[:2]}")


def creditor_id(text: str) -> str:
    """A SEPA creditor identifier, its check digits verified (EPC 262-08; ISO 7064 mod 97-10)."""
    compact = _tight(text)
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{3}[A-Z0-9]{1,28}", compact):
        raise TransformationError(f"{shown(text)} is no creditor identifier")
    checked = compact[7:] + compact[:4]  # the business code in between is not covered
    if int("".join(str(int(c, 36)) for c in checked)) % 97 != 1:
        raise TransformationError(f"{shown(text)}: its check digits are wrong")
    return compact


def gtin(text: str) -> str:
    """A GTIN of 8, 12, 13 or 14 digits (GS1; python-stdnum)."""
    from stdnum import ean

    return _held(ean.validate, _tight(text), text, "GTIN")


def gln(text: str) -> str:
    """A GLN: 13 digits with a check digit (GS1; python-stdnum)."""
    from stdnum import ean

    found = _held(ean.validate, _tight(text), text, "GLN")
    if len(found) != 13:
        raise TransformationError(f"{shown(text)} is no GLN: {len(found)} digits, not 13")
    return found


def duns(text: str) -> str:
    """A D-U-N-S number: nine digits."""
    compact = re.sub(r"[\s-]", "", ascii_digits(text))
    if not re.fullmatch(r"\d{9}", compact):
        raise TransformationError(f"{shown(text)} is no D-U-N-S number: it has nine digits")
    return compact


def email(text: str) -> str:
    """One address of electronic mail; ``mailto:`` and angle brackets are left out."""
    plain = text.strip().removeprefix("mailto:").strip("<> ")
    if not _MAIL.fullmatch(plain):
        raise TransformationError(f"{shown(text)} is no address of electronic mail")
    return plain


def phone(text: str) -> str:
    """A number to call, in its own writing; raises without six digits, or with words."""
    plain = re.sub(
        r"^(?:tel|telefon|phone|tél|fon|t)\b[.:\s]*", "", text.strip(), flags=re.IGNORECASE
    )
    if (
        not re.fullmatch(r"[+\d][\d\s()./-]*(?:(?:ext\.?|x|-)\s?\d+)?", plain)
        or sum(map(str.isdigit, plain)) < 6
    ):
        raise TransformationError(f"{shown(text)} is no telephone number")
    return plain


def postal_code(text: str) -> str:
    """A postal code without the country before it (``D-20457``); at most ten characters."""
    plain = re.sub(r"^[A-Z]{1,3}\s?-\s?(?=\d)", "", ascii_digits(text).strip().upper())
    if not re.fullmatch(r"[A-Z\d][A-Z\d -]{1,9}", plain):
        raise TransformationError(f"{shown(text)} is no postal code")
    return plain


def is_postal_code(text: str, country: str) -> bool | None:
    """Whether a code has its country's form; ``None`` for countries whose form is not held here."""
    form = _POSTAL.get(country)
    return None if form is None else re.fullmatch(form, text) is not None


def _tight(text: str) -> str:
    if len(text) > LONGEST:
        raise TransformationError(f"{shown(text)}: {len(text):,} characters, which no number has")
    return ascii_digits("".join(text.split())).upper()


def _held(check: Callable[[str], Any], number: str, text: str, what: str) -> str:
    from stdnum.exceptions import ValidationError

    try:
        return str(check(number))
    except ValidationError as error:
        raise TransformationError(f"{shown(text)} is no {what}: {error}") from error
