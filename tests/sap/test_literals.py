"""Values as V2 and V4 carry them, and the rules of the metadata that they may break."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyodata.v2.model import Typ, Types

from assay.sap.fields import Value, ValueKind
from assay.sap.literals import Json, faults, fits, literal
from assay.sap.metadata import OData, Property


def prop(type_: str, **facets: object) -> Property:
    return Property("P", f"Edm.{type_}", **facets)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "type_,value,v2,v4",
    [
        ("String", "0010", "0010", "0010"),
        ("String", 2026, "2026", "2026"),
        ("Decimal", Decimal("19.90"), "19.90", 19.9),
        ("Decimal", Decimal("8"), "8", 8),
        ("Decimal", Decimal("1E+3"), "1000", 1000),
        ("Decimal", 30, "30", 30),
        ("Int64", 2**40, str(2**40), 2**40),
        ("Int32", 7, 7, 7),
        ("Boolean", True, True, True),
        ("DateTimeOffset", date(2026, 1, 2), "/Date(1767312000000+0000)/", "2026-01-02T00:00:00Z"),
    ],
)
def test_a_value_is_written_as_its_version_carries_it(
    type_: str, value: Value, v2: Json, v4: Json
) -> None:
    for odata, expected in (("V2", v2), ("V4", v4)):
        said = literal(prop(type_), value, odata)  # pyright: ignore[reportArgumentType]
        assert said == expected and type(said) is type(expected)


@given(st.dates(min_value=date(1753, 1, 1)))
def test_a_day_of_v2_is_read_back_by_pyodata(day: date) -> None:
    said = literal(prop("DateTime"), day, "V2")
    typ: Typ = Types.from_name("Edm.DateTime")
    assert typ.traits.from_json(said) == datetime(day.year, day.month, day.day, tzinfo=UTC)


@given(st.dates())
def test_a_day_of_v4_is_iso(day: date) -> None:
    said = str(literal(prop("Date"), day, "V4"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", said) and date.fromisoformat(said) == day


@given(st.decimals(min_value=-(10**11), max_value=10**11, places=3))
def test_a_decimal_that_is_no_fault_survives_json(number: Decimal) -> None:
    each = prop("Decimal", precision=15, scale=3)
    assert faults(each, number, "V4") == []
    assert Decimal(str(literal(each, number, "V4"))) == number
    assert Decimal(str(literal(each, number, "V2"))) == number


@pytest.mark.parametrize(
    "each,value,odata,digits,rule",
    [
        (prop("String", max_length=4), "12345", "V2", None, "5 characters, at most 4 fit"),
        (prop("String"), "a\x00b", "V2", None, "control characters"),
        (prop("Decimal", precision=5, scale=2), Decimal("1000"), "V2", None, "4 digits before"),
        (prop("Decimal", precision=5, scale=2), Decimal("1.005"), "V2", None, "3 digits after"),
        (prop("Decimal", precision=13), Decimal("1.005"), "V4", 2, "the currency has 2"),
        (prop("Decimal", precision=13, scale=3), Decimal("1.5"), "V2", 0, "the currency has 0"),
        (prop("Decimal"), Decimal("1234567890.123456"), "V4", None, "more than 15 digits"),
        (prop("Decimal"), Decimal("NaN"), "V4", None, "not a finite number"),
        (prop("Int16"), 40000, "V2", None, "not a whole number of 15 bits"),
        (prop("DateTime"), date(1752, 12, 31), "V2", None, "the first day of Edm.DateTime"),
    ],
)
def test_what_does_not_fit_is_said(
    each: Property, value: Value, odata: OData, digits: int | None, rule: str
) -> None:
    (said,) = faults(each, value, odata, digits)
    assert rule in said


def test_what_fits_is_no_fault() -> None:
    assert faults(prop("Decimal", precision=5, scale=2), Decimal("999.99"), "V2") == []
    assert faults(prop("Decimal", precision=13), Decimal("0.10"), "V4", 2) == []
    assert faults(prop("String", max_length=4), "1010", "V4") == []
    assert faults(prop("String"), "two\nlines", "V4") == []
    assert faults(prop("DateTime"), date(1753, 1, 1), "V2") == []


@pytest.mark.parametrize(
    "kind,type_,taken",
    [
        ("text", "String", True),
        ("text", "Decimal", False),
        ("decimal", "Decimal", True),
        ("decimal", "String", False),  # only through an operator that says how it is written
        ("integer", "String", True),
        ("integer", "Decimal", True),
        ("date", "Date", True),
        ("date", "String", False),
        ("flag", "Boolean", True),
        ("flag", "String", False),
    ],
)
def test_which_kinds_a_property_takes(kind: ValueKind, type_: str, taken: bool) -> None:
    assert fits(kind, prop(type_)) is taken
