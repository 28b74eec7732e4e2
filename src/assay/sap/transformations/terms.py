"""Printed terms of payment in five languages: cash discounts with their days, days until all is due."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from assay.sap.transformations.values import TransformationError, folded, shown

LONGEST = 500  # characters of printed terms
_COUNTED = r"(?<!\d)(\d{1,3})\s*(?:tag(?:en?)?|days?|jours?|dias?|giorni|gg|tg|d)\b"
_DAYS = re.compile(_COUNTED)
_PERCENT = re.compile(r"(?<![\d.,])(\d{1,2}(?:[.,]\d{1,3})?)\s*%")
_BREAKS = re.compile(  # between what is due when: "…, …", "… or …", "… net 30", "… 30 days net"
    r"[;\n]|(?<!\d),|,(?!\d)|\b(?:oder|or|ou|o|oppure|und|and|et)\b|\s(?=nett?o?\s*\d)"
    rf"|\s(?={_COUNTED}\.?\s*(?:rein\s+)?nett?o?\b(?!\s*\d))"
)
_SHORT = re.compile(  # 2/10 net 30, 2/10, n/30
    r"(\d{1,2}(?:[.,]\d{1,3})?)\s*%?\s*/\s*(\d{1,3})(?:,?\s*n(?:et)?\s*/?\s*(\d{1,3}))?(?:\s*days?)?\.?"
)
_NET = re.compile(r"\bnett?o?\s*(\d{1,3})\b")
_NOW = re.compile(r"sofort|on receipt|immediat|a vista|comptant|al contado|rimessa diretta")
_MONTH_END = re.compile(
    r"fin d[eu] mois|\bfdm\b|end of month|month[ -]end|\beom\b|monatsende|ultimo|fine mese|fin de mes"
    r"|\bd\.?f\.?f\.?m\b|\bf\.?m\b"
)


@dataclass(frozen=True)
class _Terms:
    discounts: tuple[tuple[Decimal, int], ...] = ()  # per cent, days; as they are printed
    net: frozenset[int] = frozenset()  # every number of days after which all may be due


def discount_percent(text: str) -> Decimal:
    """The first cash discount in printed terms: ``10 Tage 2%, 30 Tage netto`` is 2."""
    return _first_discount(text)[0]


def discount_days(text: str) -> int:
    """The days of the first cash discount: ``10 Tage 2%, 30 Tage netto`` is 10."""
    return _first_discount(text)[1]


def net_days(text: str) -> int:
    """The days until the whole is due: ``30 Tage netto`` is 30, ``due on receipt`` is 0.

    Raises where there are none, or several: which of them is meant is not guessed.
    """
    net = _terms(text).net
    if len(net) > 1:
        days = " or ".join(map(str, sorted(net)))
        raise TransformationError(f"{shown(text)}: it may all be due after {days} days")
    if not net:
        raise TransformationError(f"{shown(text)} names no days until all is due")
    return next(iter(net))


def _first_discount(text: str) -> tuple[Decimal, int]:
    discounts = _terms(text).discounts
    if not discounts:
        raise TransformationError(f"{shown(text)} names no cash discount with its days")
    return discounts[0]


def _terms(text: str) -> _Terms:
    if len(text) > LONGEST:
        raise TransformationError(f"{shown(text)}: {len(text):,} characters, which no terms have")
    plain = "\n".join(folded(line) for line in text.splitlines())
    if _MONTH_END.search(plain):
        raise TransformationError(f"{shown(text)}: the end of a month is no number of days")
    if short := _SHORT.fullmatch(plain):
        net = frozenset([int(short[3])] if short[3] else ())
        return _Terms(((_decimal(short[1]), int(short[2])),), net)
    discounts: list[tuple[Decimal, int]] = []
    net_of: set[int] = set()
    start = 0
    for found in (*_BREAKS.finditer(plain), None):
        clause = plain[start : found.start() if found else len(plain)]
        start = found.end() if found else start
        percents, days = _PERCENT.findall(clause), _clause_days(clause)
        if len(percents) > 1 or (percents and len(days) > 1):
            raise TransformationError(
                f"{shown(text)}: which days belong to which discount is not said",
                "Write each discount with its days, and a comma between them.",
            )
        if percents and days:
            discounts.append((_decimal(percents[0]), days.pop()))
        elif not percents:
            net_of |= days
    return _Terms(tuple(discounts), frozenset(net_of))


def _clause_days(clause: str) -> set[int]:
    """The days that a clause names: 0 for at once; ``net 30`` needs no word for days."""
    days = {int(number) for number in _DAYS.findall(clause) or _NET.findall(clause)}
    return days | {0} if _NOW.search(clause) else days


def _decimal(number: str) -> Decimal:
    return Decimal(number.replace(",", "."))
