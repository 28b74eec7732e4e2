"""A business document in Assay's own terms: canonical fields with typed values, read from JSON.

``{"type": "purchase_order", "locale": "de-DE", "fields": {...}, "items": [{...}], "taxes": [{...}]}``;
texts are read as their field is printed, in the document's locale, and nothing is guessed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from assay.errors import DataError, did_you_mean
from assay.sap import fields as catalogue
from assay.sap.fields import Field, Level, Value
from assay.sap.transformations import (
    LOCALES,
    NO_TABLES,
    Context,
    Tables,
    TransformationError,
    read_value,
)

Row = Mapping[str, Value]  # {name of a canonical field: its value}; what is missing is not there

CANONICAL = "en-US"  # the locale whose numbers are written as canonical ones are
_KEYS = ("type", "subtype", "locale", "fields", "items", "taxes")
_LIMIT = 16 * 2**20  # bytes of one document


@dataclass(frozen=True)
class Document:
    """A document as rules, routing and payloads see it."""

    type: str  # purchase_order, supplier_invoice, …
    fields: Row
    items: tuple[Row, ...] = ()
    taxes: tuple[Row, ...] = ()
    subtype: str = ""
    name: str = field(default="document", compare=False)  # for messages


def load(path: Path, tables: Tables = NO_TABLES) -> Document:
    """Read a document from a file of JSON; raises ``DataError`` naming every place that is wrong."""
    try:
        if path.stat().st_size > _LIMIT:
            raise DataError(f"{path}: more than {_LIMIT // 2**20} MB, which no document is")
        data = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error})") from error
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    try:
        said = parsed(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error})") from error
    return read(said, str(path), tables)


def parsed(text: str) -> Any:
    """JSON with exact decimals; raises ``ValueError`` for NaN and for a key that stands twice."""
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_object)


def read(said: object, name: str = "document", tables: Tables = NO_TABLES) -> Document:
    """A document from what its JSON says; ``name`` is for messages."""
    reader = _Reader(name, tables)
    document = reader.document(said)
    if reader.faults:
        raise DataError("\n".join(reader.faults), "\n".join(reader.remedies))
    return document


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no value of JSON")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    said = dict(pairs)
    if len(said) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise ValueError(f"{twice!r} stands twice in one object")
    return said


@dataclass
class _Reader:
    name: str
    tables: Tables
    faults: list[str] = field(default_factory=list[str])
    remedies: dict[str, None] = field(default_factory=dict[str, None])  # each once, in order
    locale: str = ""

    def document(self, said: object) -> Document:
        if not isinstance(said, dict):
            self._fault("", "not an object of JSON")
            return Document("", {})
        for key in said:
            if key not in _KEYS:
                self._fault(str(key), f"no such key.{did_you_mean(str(key), _KEYS)}")
        texts = {key: said.get(key, "") for key in ("type", "subtype", "locale")}
        for key, value in texts.items():
            if not isinstance(value, str):
                self._fault(key, f"not a text: {value!r}")
                texts[key] = ""
        if not texts["type"]:
            self._fault("type", "missing: which kind of document is it?")
        self.locale = texts["locale"]
        if self.locale and self.locale not in LOCALES:
            near = did_you_mean(self.locale, list(LOCALES))
            self._fault(
                "locale", f"{self.locale!r} is not known: there are {', '.join(LOCALES)}.{near}"
            )
            self.locale = ""
        return Document(
            texts["type"],
            self._row(said.get("fields", {}), "fields", "document"),
            self._rows(said.get("items", []), "items", "item"),
            self._rows(said.get("taxes", []), "taxes", "tax"),
            texts["subtype"],
            self.name,
        )

    def _rows(self, said: object, where: str, level: Level) -> tuple[Row, ...]:
        if not isinstance(said, list):
            self._fault(where, "not a list")
            return ()
        return tuple(
            self._row(row, f"{where}[{number}]", level) for number, row in enumerate(said, 1)
        )

    def _row(self, said: object, where: str, level: Level) -> Row:
        if not isinstance(said, dict):
            self._fault(where, "not an object of JSON")
            return {}
        return dict(self._values(said, where, level))

    def _values(
        self, said: Mapping[Any, Any], where: str, level: Level
    ) -> Iterator[tuple[str, Value]]:
        known = catalogue.fields()
        here = [each.name for each in known.values() if each.level == level]
        for key, value in said.items():
            place = f"{where}.{key}"
            if key not in here:
                other = f" It stands at the {known[key].level}." if key in known else ""
                self._fault(
                    place, f"no field of this level.{other or catalogue.near(str(key), here)}"
                )
            elif value is not None:
                read_as = self._value(known[key], value, place)
                if read_as is not None:
                    yield key, read_as

    def _value(self, each: Field, value: object, place: str) -> Value | None:
        if isinstance(value, str):
            return self._text(each, value, place)
        if isinstance(value, bool):
            if each.kind == "flag":
                return value
        elif isinstance(value, int | Decimal):
            if each.kind == "decimal":
                return Decimal(value)
            if each.kind == "integer" and isinstance(value, int):
                return value
        self._fault(place, f"{value!r} is no {each.kind}; give it as a text")
        return None

    def _text(self, each: Field, text: str, place: str) -> Value | None:
        if not text.strip():
            return None
        try:
            return read_value(each.name, text, Context.of(self.locale, self.tables))
        except TransformationError as error:
            if error.remedy:
                self.remedies[error.remedy] = None
            self._fault(place, error.cause)
        return None

    def _fault(self, place: str, rule: str) -> None:
        self.faults.append(f"{self.name}: {place}: {rule}" if place else f"{self.name}: {rule}")


def as_json(document: Document) -> dict[str, Any]:
    """The document in the form that ``read`` takes, with every value in its canonical writing.

    The locale is said: without one, 158.125 could be 158125.
    """

    def row(values: Row) -> dict[str, Any]:
        return {key: _plain(value) for key, value in values.items()}

    said: dict[str, Any] = {"type": document.type}
    if document.subtype:
        said["subtype"] = document.subtype
    said["locale"] = CANONICAL
    said["fields"] = row(document.fields)
    if document.items:
        said["items"] = [row(each) for each in document.items]
    if document.taxes:
        said["taxes"] = [row(each) for each in document.taxes]
    return said


def _plain(value: Value) -> str | int | bool:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date) else value
