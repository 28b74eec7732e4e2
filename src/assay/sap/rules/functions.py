"""The functions of the rule language: what each takes and gives, on values that are known."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any

from assay.sap.rules import formats
from assay.sap.rules.names import Type

MAX_DECIMALS = 12


@dataclass(frozen=True)
class Function:
    """Typed and strict: an argument that is not known makes the result unknown, as None does."""

    takes: tuple[Type, ...]
    gives: Type
    run: Callable[..., Any]


def rounded(value: Decimal, decimals: Decimal) -> Decimal | None:
    """Half up, away from zero, to 0 to 12 decimals."""
    if decimals != int(decimals) or not 0 <= decimals <= MAX_DECIMALS:
        return None
    return value.quantize(Decimal(1).scaleb(-int(decimals)), ROUND_HALF_UP)


def _digits(currency: str) -> Decimal | None:
    digits = formats.digits_of_currency(currency)
    return None if digits is None else Decimal(digits)


def _left(text: str, count: Decimal) -> str | None:
    return text[: int(count)] if 0 <= count <= 1000 else None


def words(text: str) -> str:
    """A text's letters and digits in one case, one space between its words."""
    return " ".join(re.findall(r"\w+", text.casefold()))


@lru_cache(4096)
def similarity(one: str, other: str) -> Decimal:
    """Percent of characters that two texts share in order, signs and case aside."""
    ratio = SequenceMatcher(None, words(one)[:200], words(other)[:200], autojunk=False).ratio()
    return Decimal(round(100 * ratio))


FUNCTIONS: dict[str, Function] = {
    "abs": Function(("number",), "number", abs),
    "round": Function(("number", "number"), "number", rounded),
    "days": Function(("date", "date"), "number", lambda a, b: Decimal((b - a).days)),
    "year": Function(("date",), "number", lambda day: Decimal(day.year)),
    "month": Function(("date",), "number", lambda day: Decimal(day.month)),
    "weekday": Function(("date",), "number", lambda day: Decimal(day.isoweekday())),
    "lower": Function(("text",), "text", str.lower),
    "upper": Function(("text",), "text", str.upper),
    "left": Function(("text", "number"), "text", _left),
    "length": Function(("text",), "number", lambda text: Decimal(len(text))),
    "starts": Function(("text", "text"), "flag", str.startswith),
    "compact": Function(("text",), "text", lambda text: re.sub(r"[\W_]", "", text).upper()),
    "similarity": Function(("text", "text"), "number", similarity),
    "digits_of_currency": Function(("text",), "number", _digits),
    "postal_code_fits": Function(("text", "text"), "flag", formats.postal_code_fits),
    "vat_country": Function(("text",), "text", formats.vat_country),
}
