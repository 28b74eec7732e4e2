"""Days as documents print them: orders of day and month, names of months in five languages, ISO 8601."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta

from assay.sap.transformations.texts import ascii_digits
from assay.sap.transformations.values import ASK, Context, TransformationError, folded, shown

LONGEST = 60  # characters of a printed day
CENTURY_TURNS = 70  # a year of two digits below it is 20xx, else 19xx
_MONTHS = """
    january januar janvier enero gennaio jan janv ene gen
    february februar fevrier febrero febbraio feb fev fevr
    march marz mars marzo mar mrz maerz
    april avril abril aprile apr avr abr
    may mai mayo maggio mag
    june juni juin junio giugno jun giu
    july juli juillet julio luglio jul juil lug
    august aout agosto aug ago aou
    september septembre septiembre settembre sep sept set setiembre
    october oktober octobre octubre ottobre oct okt ott
    november novembre noviembre nov
    december dezember decembre diciembre dicembre dec dez dic
"""
MONTHS = {
    name: number
    for number, names in enumerate(_MONTHS.split("\n")[1:13], 1)
    for name in names.split()
}
_WEEKDAYS = """
    monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun
    montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag mo di mi do fr sa so
    lundi mardi mercredi jeudi vendredi samedi dimanche
    lunes martes miercoles jueves viernes sabado domingo
    lunedi martedi mercoledi giovedi venerdi domenica
"""
_BEFORE = re.compile(  # "Hamburg, den", "Montag,", "lundi", "le": and then a day or a month
    rf"^(?:[^\W\d_]+\.?,\s*)?(?:(?:{'|'.join(_WEEKDAYS.split())})\b\.?,?\s*)?"
    r"(?:(?:the|den|am|le|el|il)\s+)?(?=\d|[a-z]+\.? \d)"
)
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?")
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)")
_YEAR_FIRST = re.compile(r"(\d{4})[./ ](\d{1,2})[./ ](\d{1,2})\.?")
_NUMBERS = re.compile(r"(\d{1,2})\s?[./-]\s?(\d{1,2})\s?[./-]\s?(\d{4}|\d\d)\.?")
_DAY_FIRST = re.compile(
    r"(\d{1,2})(?:\.|st|nd|rd|th|er|º|°)?[\s.-]*(?:de |of )?([^\W\d_]+)\.?[\s,.-]*(?:de )?(\d{4}|\d\d)"
)
_MONTH_FIRST = re.compile(r"([^\W\d_]+)\.?\s*(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})")
_V2 = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")
_EPOCH = date(1970, 1, 1)


def day(text: str, context: Context) -> date:
    """The day that a text names. ``01/02/2025`` is ambiguous without a locale.

    ISO 8601 and ``YYYYMMDD`` are taken in every locale; a weekday or a place before it is left out.
    """
    if len(text) > LONGEST:
        raise TransformationError(f"{shown(text)}: {len(text):,} characters, which no date has")
    plain = ascii_digits(folded(text)).replace("\u2010", "-")
    plain = _BEFORE.sub("", plain)
    for form in (_ISO, _COMPACT, _YEAR_FIRST):
        if found := form.fullmatch(plain.upper()):
            return _date(text, *(int(part) for part in found.groups()))
    if found := _NUMBERS.fullmatch(plain):
        return _ordered(text, int(found[1]), int(found[2]), _year(found[3]), context)
    if found := _DAY_FIRST.fullmatch(plain):
        return _date(text, _year(found[3]), _month(found[2], text), int(found[1]))
    if found := _MONTH_FIRST.fullmatch(plain):
        return _date(text, int(found[3]), _month(found[1], text), int(found[2]))
    raise TransformationError(f"{shown(text)} is no date")


def _month(name: str, text: str) -> int:
    if name not in MONTHS:
        raise TransformationError(f"{shown(text)}: {name} is no month")
    return MONTHS[name]


def _year(digits: str) -> int:
    year = int(digits)
    if len(digits) == 4:
        return year
    return year + (2000 if year < CENTURY_TURNS else 1900)


def _ordered(text: str, first: int, second: int, year: int, context: Context) -> date:
    if context.locale is None and first != second and first <= 12 and second <= 12:
        one = _date(text, year, second, first).isoformat()
        other = _date(text, year, first, second).isoformat()
        raise TransformationError(
            f"{shown(text)} is {one} or {other}: the locale is not known", ASK
        )
    month_first = context.locale.order == "mdy" if context.locale else second > 12
    month, number = (first, second) if month_first else (second, first)
    return _date(text, year, month, number)


def _date(text: str, year: int, month: int, number: int) -> date:
    try:
        return date(year, month, number)
    except ValueError as error:
        raise TransformationError(f"{shown(text)} is no day of the calendar") from error


def add_days(start: date, days: int) -> date:
    """So many days later."""
    try:
        return start + timedelta(days=days)
    except OverflowError as error:
        raise TransformationError(f"{start} and {days} days: no day of the calendar") from error


def end_of_month(start: date) -> date:
    """The last day of the month."""
    return start.replace(day=monthrange(start.year, start.month)[1])


def iso_date(value: date) -> str:
    """``2026-11-03``."""
    return value.isoformat()


def sap_date(value: date) -> str:
    """``20261103``, as ABAP and IDocs write it; no OData service takes it."""
    return value.strftime("%Y%m%d") if value.year >= 1000 else f"{value.year:04d}{value:%m%d}"


def v2_date(value: date) -> str:
    """``/Date(ms)/`` of midnight UTC, as OData V2 writes a day."""
    return f"/Date({(value - _EPOCH).days * 86_400_000})/"


def from_v2_date(text: str) -> date:
    """The day in ``/Date(ms)/``; raises for any other text."""
    found = _V2.fullmatch(text.strip())
    if not found:
        raise TransformationError(f"{shown(text)} is no /Date(ms)/")
    try:
        return datetime.fromtimestamp(int(found[1]) / 1000, UTC).date()
    except (ValueError, OverflowError, OSError) as error:
        raise TransformationError(f"{shown(text)} is no day of the calendar") from error
