"""Builds what a service takes from a canonical document, and holds every value to the metadata.

Nothing is left out and nothing is cut: a value that does not fit is a fault, and all faults are told
at once, each with its field, its property, the value and the rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from assay.errors import DataError
from assay.sap.canonical import Document, Row
from assay.sap.fields import Value
from assay.sap.fields import field as canonical_field
from assay.sap.literals import faults, literal
from assay.sap.mappings import Child, DocumentMapping, Properties, Source, check
from assay.sap.metadata import EntityType, Kind, OData, Property, Service
from assay.sap.transformations import (
    NO_TABLES,
    Context,
    Tables,
    TransformationError,
    currency_digits,
)


@dataclass(frozen=True)
class Fault:
    """Why a value cannot be sent."""

    property: str  # with the way to it: _PurchaseOrderItem[2].OrderQuantity
    field: str  # the canonical field; "" where the mapping itself is at fault
    value: str
    rule: str

    def __str__(self) -> str:
        value = f" = {self.value!r}" if self.value else ""
        return f"{self.field or self.property}{value}: {self.rule} ({self.property})"


class PayloadError(DataError):
    """A document that cannot be posted as it is; ``faults`` holds each reason."""

    def __init__(self, document: str, faults: Sequence[Fault]) -> None:
        super().__init__(
            "\n".join(f"{document}: {each}" for each in faults),
            "Correct the document; nothing was sent.",
        )
        self.document = document
        self.faults = tuple(faults)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.document, self.faults)


@dataclass(frozen=True)
class Payload:
    """One request's body, with where it goes and how it can be found again."""

    mapping: str
    service: str
    odata: OData
    path: str  # of the service, below the host
    entity_set: str
    body: dict[str, Any]
    find_by: dict[str, Value | None]  # property: value, None where the document has none
    defaults: dict[str, str]  # property: value that the document did not say
    checked_against: Kind


def build(
    document: Document, mapping: DocumentMapping, service: Service, tables: Tables = NO_TABLES
) -> list[Payload]:
    """The payloads of a document: one, or one for each item where the mapping says so.

    Raises ``DataError`` for a mapping that the service's metadata does not hold, and
    ``PayloadError`` for values that are missing or do not fit.
    """
    if broken := check(mapping, service):
        raise DataError(
            "\n".join(broken),
            "The service's metadata is of another release: give a mapping of your own.",
        )
    builder = _Builder(document, service, tables)
    rows = document.items if mapping.rows else ({},)
    builder.accept(mapping)
    if not rows:
        builder.fault("items", "items", "", "missing: each item is an entity of its own")
    root = _entity(service, mapping.entity)
    bodies: list[dict[str, Any]] = []
    found: list[dict[str, Value | None]] = []
    for row in rows:
        scope = {**document.fields, **row}
        builder.root = dict.fromkeys(mapping.find_by)
        bodies.append(builder.entity(root, mapping.properties, mapping.children, scope, ""))
        found.append(builder.root)
    if builder.faults:
        raise PayloadError(document.name, builder.faults)
    return [
        Payload(
            mapping.name,
            service.name,
            service.odata,
            mapping.path,
            mapping.entity,
            body,
            find_by,
            dict(builder.defaults),
            service.kind,
        )
        for body, find_by in zip(bodies, found, strict=True)
    ]


@dataclass
class _Builder:
    document: Document
    service: Service
    tables: Tables
    faults: list[Fault] = field(default_factory=list[Fault])
    defaults: dict[str, str] = field(default_factory=dict[str, str])
    root: dict[str, Value | None] = field(default_factory=dict[str, Value | None])

    def fault(self, property_: str, field_: str, value: object, rule: str) -> None:
        self.faults.append(Fault(property_, field_, str(value), rule))

    def accept(self, mapping: DocumentMapping) -> None:
        """Hold the document's codes to those that the service takes."""
        for name, value in unaccepted(self.document, mapping):
            taken = ", ".join(each or "(none)" for each in mapping.accepts[name])
            self.fault(mapping.service, name, value, f"the service takes {taken}")

    def entity(
        self,
        entity: EntityType,
        properties: Properties,
        children: Sequence[Child],
        scope: Row,
        where: str,
    ) -> dict[str, Any]:
        body: dict[str, Any] = {}
        for name, source in properties.items():
            each = entity.property(name)
            assert each is not None, "check() has held every property to the metadata"
            value = self._value(each, source, scope, where)
            if value is not None:
                body[name] = literal(each, value, self.service.odata)
                if not where and name in self.root:
                    self.root[name] = value
        for child in children:
            self._child(entity, child, scope, where, body)
        return body

    def _child(
        self, entity: EntityType, child: Child, scope: Row, where: str, body: dict[str, Any]
    ) -> None:
        way = entity.navigation(child.way)
        assert way is not None, "check() has held every way to the metadata"
        target = _entity(self.service, way.target)
        rows = child_rows(self.document, child, scope)
        if child.required and not rows:
            self.fault(f"{where}{child.way}", child.each, "", "missing: at least one is needed")
        found: list[dict[str, Any]] = []
        for number, row in rows:
            inner = (
                f"{where}{child.way}[{number}]." if child.each != "only" else f"{where}{child.way}."
            )
            found.append(self.entity(target, child.properties, child.children, row, inner))
        self._keys(entity, target, child, where, [n for n, _ in rows], found)
        found = [each for each in found if each]
        if not found:
            return
        if child.each == "only":
            body[child.way] = found[0]
        elif self.service.odata == "V2":  # two children of one way share its list
            body.setdefault(child.way, {"results": []})["results"].extend(found)
        else:
            body.setdefault(child.way, []).extend(found)

    def _keys(
        self,
        entity: EntityType,
        target: EntityType,
        child: Child,
        where: str,
        numbers: Sequence[int],
        found: Sequence[Mapping[str, Any]],
    ) -> None:
        """Two entities below one may not have one key; SAP gives the key where the body does not."""
        own = [key for key in target.keys or () if key not in (entity.keys or ())]
        seen: set[tuple[Any, ...]] = set()
        for number, body in zip(numbers, found, strict=True):
            if own and all(key in body for key in own):
                key = tuple(body[each] for each in own)
                if key in seen:
                    place = f"{where}{child.way}[{number}].{own[-1]}"
                    field_ = child.properties[own[-1]].field
                    self.fault(place, field_, key[-1], "stands twice, and it is the key")
                seen.add(key)

    def _value(self, each: Property, source: Source, scope: Row, where: str) -> Value | None:
        """The value of a property; ``None`` where there is none, or it is at fault."""
        type_ = self.document.type
        if source.only_for and type_ not in source.only_for:
            return None
        if source.only_with and not _any(scope, source.only_with):
            return None
        if source.constant:
            return source.constant
        value = scope.get(source.field)
        place = f"{where}{each.name}"
        if value is None:
            return self._absent(source, scope, place)
        try:
            if pipeline := source.pipeline:
                value = pipeline(value, Context(tables=self.tables))
        except TransformationError as error:
            self.fault(place, source.field, value, error.cause)
            return None
        rules = faults(each, value, self.service.odata, self._digits(source, scope))
        for rule in rules:
            self.fault(place, source.field, value, rule)
        return None if rules else value

    def _absent(self, source: Source, scope: Row, place: str) -> Value | None:
        if default := source.otherwise:
            self.defaults[place] = default
            return default
        if source.required:
            self.fault(place, source.field, "", "missing: it is required")
        elif source.required_without and not self._there(source.required_without, scope):
            self.fault(
                place, source.field, "", f"missing: required without {source.required_without}"
            )
        return None

    def _there(self, name: str, scope: Row) -> bool:
        rows: dict[str, Sequence[Row]] = {
            "items": self.document.items,
            "taxes": self.document.taxes,
        }
        return bool(rows[name]) if name in rows else name in scope

    def _digits(self, source: Source, scope: Row) -> int | None:
        """Digits after the point of the document's currency, for amounts and prices."""
        if canonical_field(source.field).type not in ("amount", "price"):
            return None
        currency = scope.get("currency")
        return currency_digits(str(currency)) if currency else None


def unaccepted(document: Document, mapping: DocumentMapping) -> Iterator[tuple[str, str]]:
    """The codes of a document that the mapping's service does not take."""
    for name, patterns in mapping.accepts.items():
        rows = document.items if canonical_field(name).level == "item" else (document.fields,)
        for row in rows:
            value = str(row[name]) if name in row else None
            if value is not None and not any(fnmatchcase(value, each) for each in patterns):
                yield name, value


def child_rows(document: Document, child: Child, scope: Row) -> list[tuple[int, Row]]:
    """The rows that become a child, each with what stands above it, numbered from 1 as printed."""
    rows: tuple[Row, ...] = ({},)
    if child.each in ("items", "taxes"):
        rows = document.items if child.each == "items" else document.taxes
    merged = [(number, {**scope, **row}) for number, row in enumerate(rows, 1)]
    return [
        (number, row)
        for number, row in merged
        if (not child.only_with or _any(row, child.only_with)) and not _any(row, child.unless)
    ]


def _entity(service: Service, name: str) -> EntityType:
    entity = service.entity(name)
    assert entity is not None, "check() has held every entity to the metadata"
    return entity


def _any(row: Mapping[str, Value], names: Sequence[str]) -> bool:
    return any(name in row for name in names)
