"""Values in the form that a property takes: strings or numbers, /Date()/ or ISO, and no longer than
its metadata allows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from assay.sap.fields import Value, ValueKind
from assay.sap.metadata import OData, Property

Json = str | int | float | bool

_INTEGERS = {"Edm.Byte": 8, "Edm.SByte": 7, "Edm.Int16": 15, "Edm.Int32": 31, "Edm.Int64": 63}
_FLOATS = ("Edm.Double", "Edm.Single")
_TAKEN_BY: dict[ValueKind, tuple[str, ...]] = {
    "text": ("Edm.String",),
    "decimal": ("Edm.Decimal", *_FLOATS),
    "integer": (*_INTEGERS, "Edm.Decimal", "Edm.String"),
    "date": ("Edm.Date", "Edm.DateTime", "Edm.DateTimeOffset"),
    "flag": ("Edm.Boolean",),
}
_FIRST_DAY_V2 = date(1753, 1, 1)  # Edm.DateTime begins here
_SAFE_DIGITS = 15  # that a JSON number surely carries


def fits(kind: ValueKind, each: Property) -> bool:
    """Whether a property takes values of a kind."""
    return each.type in _TAKEN_BY[kind]


def faults(each: Property, value: Value, odata: OData, digits: int | None = None) -> list[str]:
    """Every rule of the metadata that a value breaks, in words.

    ``digits``: of the currency's minor unit, where the value is an amount and its property leaves
    the scale open.
    """
    if isinstance(value, bool):
        return []
    if isinstance(value, Decimal | int) and each.type != "Edm.String":
        return list(_number_faults(each, Decimal(value), odata, digits))
    if isinstance(value, date):
        too_early = odata == "V2" and value < _FIRST_DAY_V2
        return [f"before {_FIRST_DAY_V2}, the first day of Edm.DateTime"] if too_early else []
    return list(_text_faults(each, str(value)))


def _text_faults(each: Property, text: str) -> list[str]:
    found: list[str] = []
    if each.max_length is not None and len(text) > each.max_length:
        found.append(f"{len(text)} characters, at most {each.max_length} fit")
    if any(ord(letter) < 32 and letter not in "\n\t\r" for letter in text):
        found.append("control characters")
    return found


def _number_faults(each: Property, number: Decimal, odata: OData, digits: int | None) -> list[str]:
    if not number.is_finite():
        return ["not a finite number"]
    places = _places(number)
    if bits := _INTEGERS.get(each.type):
        return (
            [] if places == 0 and abs(number) < 2**bits else [f"not a whole number of {bits} bits"]
        )
    found: list[str] = []
    scale = each.scale if each.scale is not None else digits
    if digits is not None and places > digits:
        found.append(f"{places} digits after the point, the currency has {digits}")
    elif scale is not None and places > scale:
        found.append(f"{places} digits after the point, at most {scale} fit")
    if each.precision is not None:
        whole = each.precision - (each.scale or 0)
        if number and number.adjusted() + 1 > whole:
            found.append(f"{number.adjusted() + 1} digits before the point, at most {whole} fit")
    if odata == "V4" and not found and _digits(number) > _SAFE_DIGITS:
        found.append(f"more than {_SAFE_DIGITS} digits, which a JSON number does not carry safely")
    return found


def _places(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _digits(number: Decimal) -> int:
    return len(number.normalize().as_tuple().digits)


def literal(each: Property, value: Value, odata: OData) -> Json:
    """The value as JSON of this OData version carries it; it must have no ``faults``.

    V2 writes Edm.Decimal and Edm.Int64 as strings and days as ``/Date(ms)/`` (MS-ODATA, verbose
    JSON); V4 writes numbers and ISO 8601 (OData JSON Format 4.01, 7.1).
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, date):
        return _day(each, value, odata)
    if each.type == "Edm.String":
        return str(value)
    number = Decimal(value)
    if odata == "V2" and each.type in ("Edm.Decimal", "Edm.Int64"):
        return f"{number:f}"
    return int(number) if number == number.to_integral_value() else float(number)


def _day(each: Property, day: date, odata: OData) -> str:
    if odata == "V2":
        at_midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        offset = "+0000" if each.type == "Edm.DateTimeOffset" else ""
        return f"/Date({int(at_midnight.timestamp()) * 1000}{offset})/"
    return f"{day.isoformat()}T00:00:00Z" if each.type == "Edm.DateTimeOffset" else day.isoformat()
