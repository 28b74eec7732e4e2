"""What is known beside a document, from plain data: its order, receipts, master data and history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from assay.errors import DataError, did_you_mean
from assay.sap import canonical
from assay.sap.canonical import Document, Row
from assay.sap.rules.evidence import Evidence, Facts, Master, Settings
from assay.sap.rules.history import History, Past
from assay.sap.rules.names import evidence_names
from assay.sap.transformations import NO_TABLES, Tables

Said = Mapping[str, Any]
KEYS = (
    *("order", "receipts", "supplier", "customer", "company", "products", "history", "settings"),
    *("today", "no_record"),
)


def load_evidence(
    path: Path | None, document: Document, today: date, tables: Tables = NO_TABLES
) -> Evidence:
    """What a file of JSON knows beside the document; without a file, the day alone.

    Its keys are ``KEYS``; order and receipts are documents in canonical fields, supplier, customer
    and company the document's own records, products records by number. Raises ``DataError``.
    """
    if path is None:
        return Evidence(today=today)
    try:
        said = canonical.parsed(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error})") from error
    if not isinstance(said, dict):
        raise DataError(f"{path}: not an object of JSON")
    for key in said:
        if key not in KEYS:
            raise DataError(f"{path}: no key {key}.{did_you_mean(str(key), KEYS)}")

    def read(each: Any, type: str) -> Document:
        typed = {"type": type, **each} if isinstance(each, dict) else each
        return canonical.read(typed, f"{path}: {type}", tables)

    try:
        return evidence_of({"today": today.isoformat(), **said}, document.fields, read)
    except (TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: not of the form that docs/sap-rules.md shows ({error})"
        ) from error


def evidence_of(said: Said, header: Row, read: Callable[[Any, str], Document]) -> Evidence:
    """Evidence from plain data beside a document with these header fields.

    ``read`` makes a document of plain data and a type. Raises ``DataError`` for an unknown name.
    """
    records: dict[str, Mapping[str, Facts] | None] = {
        group: _own_record(said, group, str(header.get(name, "")))
        for group, name in (
            ("supplier", "supplier_number"),
            ("customer", "customer_number"),
            ("company", "company_code"),
        )
    }
    return Evidence(
        today=day(said["today"]) if "today" in said else None,
        order=read(said["order"], "order") if "order" in said else None,
        receipts=tuple(read(each, "goods_receipt") for each in said["receipts"])
        if "receipts" in said
        else None,
        master=Master(
            records["supplier"], records["customer"], records["company"], _products(said)
        ),
        history=History(map(_past, said["history"])) if "history" in said else None,
        settings=Settings({name: number(each) for name, each in said.get("settings", {}).items()}),
    )


def number(value: Any) -> Decimal:
    """A number of plain data; raises ``DataError``."""
    try:
        return Decimal(str(value))
    except InvalidOperation as error:
        raise DataError(f"{value!r} is not a number") from error


def day(value: Any) -> date:
    """A day of plain data, in ISO 8601; raises ``DataError``."""
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise DataError(f"{value!r} is not a date") from error


def _own_record(said: Said, group: str, number: str) -> Mapping[str, Facts] | None:
    """The records of a group: the document's own, none, or None where they are not known."""
    if group in said.get("no_record", ()):
        return {}
    if group not in said:
        return None
    return {number: _facts(group, said[group])}


def _products(said: Said) -> Mapping[str, Facts] | None:
    if "product" in said.get("no_record", ()):
        return {}
    if "products" not in said:
        return None
    return {str(name): _facts("product", each) for name, each in said["products"].items()}


def _facts(group: str, said: Said) -> Facts:
    known = evidence_names()[group]
    for name in said:
        if name not in known:
            raise DataError(f"{group}: no {name}.{did_you_mean(name, list(known))}")
    return {name: _fact(known[name], value) for name, value in said.items()}


def _fact(type: str, value: Any) -> Any:
    if type == "number":
        return number(value)
    if type == "date":
        return day(value)
    return tuple(value) if type == "texts" else value


def _past(said: Said) -> Past:
    """An earlier document, with the names of ``Past``."""
    values = dict(said)
    for name in ("amount", "net"):
        if name in values:
            values[name] = number(values[name])
    if "date" in values:
        values["date"] = day(values["date"])
    quantities = values.pop("quantities", {})
    pairs = tuple((str(item), number(each)) for item, each in quantities.items())
    try:
        return Past(**values, quantities=pairs)
    except TypeError as error:
        raise DataError(f"an earlier document: {error}") from error
