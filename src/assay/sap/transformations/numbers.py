"""Numbers as documents print them: both decimal marks, groups, signs before and behind, currencies."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext

from assay.sap.transformations.texts import ascii_digits
from assay.sap.transformations.values import ASK, Context, TransformationError, folded, shown

LONGEST = 60  # characters of a printed number
EXACT = 28  # digits that Python's decimals calculate with, by default
_SPACES = str.maketrans(dict.fromkeys("\u00a0\u2007\u2009\u202f\t\n\r", " "))
_APOSTROPHES = "'\u2019\u02bc"
_MINUS = str.maketrans({"\u2212": "-", "\u2013": "-", "\u2010": "-", "\u2011": "-", "\ufe63": "-"})
_MARKS = str.maketrans("", "", "\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069")
_WHOLE = re.compile(r"(?<=\d)([.,])(?:--?|\u2014)(?!\d)")  # 100,- is 100,00
_SHORTENED = re.compile(r"(?<=[^\W\d_])\.(?!\d)")  # Stk. and Fr.
_AROUND = re.compile(r"^(?P<before>[^\d.,+()-]*)(?P<number>.*?)(?P<after>[^\d.,+()-]*)$", re.DOTALL)
_GROUPED = re.compile(
    rf"\d{{1,3}}(?P<mark>[., {_APOSTROPHES}])\d{{3}}(?:(?P=mark)\d{{3}})*"
    r"|\d{1,2}(?:,\d\d)+,\d{3}"  # as in India
)
_CHANGES = """
    k tsd teur keur teuro keuro meur t€ k€ k$ k£ m€ m$ m£ mio mrd mill mn bn
    thousand tausend mille mila mil miles millier milliers hundred hundert cent cien cento
    million millions millionen millon millones milione milioni
    billion billions billionen billiard milliarde milliarden milliard milliards miliardo miliardi
    lakh lac crore cr dr credit debit haben soll
"""  # words that make another number, or another sign, of the number beside them
CHANGES = frozenset(_CHANGES.split())


def amount(text: str, context: Context) -> Decimal:
    """The number in a printed amount or quantity.

    A currency's sign or code, or a unit, may stand around it; a minus before or behind it, and
    parentheses as accountants write them. ``1.234`` is ambiguous without a locale. What would
    change the number (``Mio``, ``CR``, ``½``, ``%``) is refused.
    """
    if len(text) > LONGEST:
        raise TransformationError(f"{shown(text)}: {len(text):,} characters, which no number has")
    plain = text.translate(_MARKS).translate(_MINUS).translate(_SPACES).strip()
    plain = _SHORTENED.sub("", _WHOLE.sub(r"\g<1>00", plain))
    outer, body = _signed(plain)
    found = _AROUND.match(body)
    if not found or not found["number"].strip():
        raise TransformationError(f"{shown(text)} is no number")
    for beside in (found["before"], found["after"]):
        _only_names(beside, text)
    inner, digits = _signed(found["number"].strip())
    if outer and inner:
        raise TransformationError(f"{shown(text)} has two signs")
    number = _unsigned(digits, text, context)
    return -number if number and "-" in (outer, inner) else number


def _only_names(beside: str, text: str) -> None:
    """Raise where what stands beside a number is more than a currency's or a unit's name."""
    before = " "
    for character in beside:
        if character in "%‰" or (character.isnumeric() and not before.isalpha()):  # m² is a unit
            raise TransformationError(f"{shown(text)}: {character!r} changes the number")
        before = character
    words = re.findall(r"[^\W\d_]+[€$£]?", folded(beside))
    for word in (word for each in words for word in (each, each.rstrip("€$£"))):
        if word in CHANGES:
            raise TransformationError(f"{shown(text)}: {word!r} changes the number or its sign")


def _signed(text: str) -> tuple[str, str]:
    """The sign, "" without one, and what is left: ``-1``, ``1-``, ``(1)``, ``+1``."""
    if text.startswith("(") and text.endswith(")"):
        return "-", text[1:-1].strip()
    if text.startswith(("-", "+")):
        return text[0], text[1:].strip()
    if text.endswith("-"):
        return "-", text[:-1].strip()
    return "", text


def _unsigned(digits: str, text: str, context: Context) -> Decimal:
    plain = ascii_digits(digits)
    if not re.fullmatch(rf"[\d., {_APOSTROPHES}]+", plain):
        raise TransformationError(f"{shown(text)} is no number")
    whole, fraction = _split(plain, text, context)
    joined = re.sub(r"\D", "", whole)
    if len(joined + fraction) > EXACT:
        raise TransformationError(f"{shown(text)} has more than {EXACT} digits")
    if not (joined or fraction):
        raise TransformationError(f"{shown(text)} is no number")
    return Decimal(f"{joined or '0'}.{fraction}" if fraction else joined)


def _split(number: str, text: str, context: Context) -> tuple[str, str]:
    """What stands before and behind the decimal mark, by the marks there are and the locale."""
    mark = _decimal_mark(number, text, context)
    if not mark:
        return _grouped(number, text), ""
    if context.locale and mark != context.locale.decimal:
        raise TransformationError(
            f"{shown(text)}: the decimal mark of {context.locale.name} is {context.locale.decimal!r}"
        )
    whole, _, fraction = number.rpartition(mark)
    if mark in whole:
        raise TransformationError(f"{shown(text)} has more than one decimal mark")
    if not fraction.isdigit():
        raise TransformationError(f"{shown(text)}: behind its decimal mark are not only digits")
    return _grouped(whole, text), fraction


def _decimal_mark(number: str, text: str, context: Context) -> str:
    """The mark that is the decimal one, "" for none; raises where the locale would have to say it."""
    dots, commas = number.count("."), number.count(",")
    if dots and commas:
        return max(".", ",", key=number.rfind)
    if dots + commas != 1:  # several of one kind can only group
        return ""
    mark = "." if dots else ","
    if context.locale:
        return mark if mark == context.locale.decimal else ""
    whole, fraction = number.split(mark)
    if _is_ambiguous(whole, fraction):
        readings = f"{whole}{fraction} or {whole}.{fraction}"
        raise TransformationError(f"{shown(text)} is {readings}: the locale is not known", ASK)
    return mark


def _is_ambiguous(whole: str, fraction: str) -> bool:
    """Whether a mark between them may group or divide. ``0.125`` can only be a fraction."""
    return len(fraction) == 3 and whole.isdigit() and len(whole) <= 3 and not whole.startswith("0")


def _grouped(whole: str, text: str) -> str:
    """Digits, in groups or not; raises for groups that are not whole: ``1.23.456``, ``12 3456``."""
    if whole and not whole.isdigit() and not _GROUPED.fullmatch(whole):
        raise TransformationError(f"{shown(text)}: its digits are not in groups of three")
    return whole


def percent(text: str, context: Context) -> Decimal:
    """A rate in per cent: ``19 %`` is 19, ``5 ‰`` is 0.5."""
    if "‰" in text:
        return amount(text.replace("‰", ""), context) / 10
    return amount(text.replace("%", ""), context)


def integer(text: str, context: Context) -> int:
    """A whole number, words around it left out: ``30 Tage`` is 30."""
    number = amount(text, context)
    if number != number.to_integral_value():
        raise TransformationError(f"{shown(text)} is no whole number")
    return int(number)


def between(number: int, low: int, high: int) -> int:
    """The number itself; raises for one below the first or above the second argument."""
    if not low <= number <= high:
        raise TransformationError(f"{number} is not between {low} and {high}")
    return number


def rounded(number: Decimal, digits: int) -> Decimal:
    """Rounded half up, as invoices are, to that many digits after the point."""
    with localcontext(prec=2 * LONGEST):  # more than the digits of any number that is read
        try:
            return number.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
        except InvalidOperation as error:
            raise TransformationError(
                f"{number} has too many digits to round it to {digits} after the point"
            ) from error


def at_most(number: Decimal, digits: int) -> Decimal:
    """The number itself; raises where it has more digits after the point."""
    if number != rounded(number, digits):
        raise TransformationError(f"{number} has more than {digits} digits after the point")
    return number


def not_negative(number: Decimal) -> Decimal:
    """The number itself; raises for one below 0."""
    if number < 0:
        raise TransformationError(f"{number} is below 0")
    return number


def rate(number: Decimal) -> Decimal:
    """The number itself; raises for a rate outside of 0 to 100 per cent."""
    if not 0 <= number <= 100:
        raise TransformationError(f"{number} % is not between 0 and 100")
    return number


def decimal_text(number: Decimal) -> str:
    """The number as a text with a point and no exponent."""
    return f"{number:f}"


def line_total(
    quantity: Decimal, price: Decimal, per: Decimal = Decimal(1), discount: Decimal = Decimal(0)
) -> Decimal:
    """Quantity times price, per so many units, less a discount in per cent; not rounded.

    Raises ``TransformationError`` for a price per 0 units.
    """
    if per == 0:
        raise TransformationError("a price per 0 units")
    return quantity * price / per * (100 - discount) / 100


def credit_amount(number: Decimal) -> Decimal:
    """An amount of a credit memo: SAP takes it without the sign, which the document's type says."""
    return abs(number)
