"""Reads CSN, the model that SAP's CAP tools and the packages of its Cloud SDK are made of.

A CSN says less than the metadata it came from: CDS types instead of Edm types, and nothing of
labels, of what may be null or of what may be created. The Cloud SDK's packages hold the rest beside
it, in generated JavaScript and TypeScript, which is read as text and never run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

from assay.errors import DataError
from assay.sap.metadata import (
    ComplexType,
    EntityType,
    Navigation,
    OData,
    Property,
    Service,
    is_custom,
    service_name,
)

Json = dict[str, Any]

_COMMON = {
    "Binary": "Edm.Binary",
    "Boolean": "Edm.Boolean",
    "Decimal": "Edm.Decimal",
    "Double": "Edm.Double",
    "Int16": "Edm.Int16",
    "Int32": "Edm.Int32",
    "Int64": "Edm.Int64",
    "Integer": "Edm.Int32",
    "Integer64": "Edm.Int64",
    "LargeBinary": "Edm.Binary",
    "LargeString": "Edm.String",
    "String": "Edm.String",
    "Timestamp": "Edm.DateTimeOffset",
    "UInt8": "Edm.Byte",
    "UUID": "Edm.Guid",
}
_TYPES: dict[OData, dict[str, str]] = {
    "V2": _COMMON | {"Date": "Edm.DateTime", "DateTime": "Edm.DateTime", "Time": "Edm.Time"},
    "V4": _COMMON | {"Date": "Edm.Date", "DateTime": "Edm.DateTimeOffset", "Time": "Edm.TimeOfDay"},
}
_FIELD = re.compile(
    r"\[\[(?P<member>\w+)\]\](?:(?!\[\[).)*?"
    r"\.build(?P<how>EdmType|Collection|ComplexType)Field\('(?P<name>[^']+)', "
    r"(?:'(?P<type>Edm\.\w+)'|[\w.]+), (?P<nullable>true|false)",
    re.DOTALL,
)
_ENTITY = re.compile(r"\._entityName = '([^']+)'")
_PATH = re.compile(r"_defaultServicePath = '([^']+)'")
_COMMENT = re.compile(r"/\*\*((?:(?!\*/).)*)\*/\s+(\w+)\??:", re.DOTALL)
_TITLE = re.compile(r"for the SAP S/4HANA(?: Cloud)? (.+?)\.?$")


def read(data: bytes, name: str, beside: Mapping[str, bytes] | None = None) -> Service:
    """The service that a CSN describes; ``name`` is for messages.

    ``beside`` holds the package's other files by name, where there is one. Raises ``DataError`` for
    what is no CSN, holds no service or several, or has an element of an unknown type.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name}: not JSON ({error})") from error
    if not isinstance(document, dict) or not isinstance(document.get("definitions"), dict):
        raise DataError(f"{name}: JSON, but no CSN: it has no key definitions")
    try:
        return _Reader(name, cast(Json, document["definitions"]), beside or {}).service()
    except (AttributeError, KeyError, TypeError) as error:
        raise DataError(f"{name}: not of the form of a CSN ({error!r})") from error


class _Reader:
    def __init__(self, name: str, definitions: Json, beside: Mapping[str, bytes]) -> None:
        self.name, self.definitions = name, definitions
        self.beside = {file: text.decode("utf-8", "replace") for file, text in beside.items()}
        services = [key for key, value in definitions.items() if value.get("kind") == "service"]
        if len(services) != 1:
            said = ", ".join(services) if services else "none"
            raise DataError(f"{name}: a CSN of one service is read; this one holds {said}")
        self.namespace = services[0]
        self.odata: OData = "V4" if self.namespace.startswith("com.sap.gateway.srvd") else "V2"

    def service(self) -> Service:
        path = next((m[1] for text in self.beside.values() for m in [_PATH.search(text)] if m), "")
        owned = {
            key.removeprefix(f"{self.namespace}."): value
            for key, value in self.definitions.items()
            if key.startswith(f"{self.namespace}.")
        }
        described = self._described()
        entities = [
            _completed(self._entity(key, value), described.get(key, {}))
            for key, value in owned.items()
            if value.get("kind") == "entity"
        ]
        return Service(
            name=service_name(self.namespace, path),
            namespace=self.namespace,
            odata=self.odata,
            kind="csn",
            entities=tuple(entities),
            complex_types=tuple(
                ComplexType(key, tuple(self._properties(key, value)))
                for key, value in owned.items()
                if value.get("kind") == "type" and "elements" in value
            ),
            path=path,
            title=self._title(),
        )

    def _title(self) -> str:
        """What the package says it is for."""
        package = self.beside.get("package.json")
        try:
            said = str(json.loads(package).get("description", "")) if package else ""
        except ValueError as error:
            raise DataError(f"{self.name}: package.json beside it is not JSON ({error})") from error
        found = _TITLE.search(said)
        return found[1][:1].upper() + found[1][1:] if found else ""

    def _entity(self, name: str, value: Json) -> EntityType:
        elements: dict[str, Json] = value.get("elements", {})
        return EntityType(
            name,
            tuple(self._properties(name, value)),
            tuple(key for key, element in elements.items() if element.get("key")),
            tuple(
                self._way(key, element)
                for key, element in elements.items()
                if element.get("type") in ("cds.Association", "cds.Composition")
            ),
            set=name,
            label=str(value.get("@title", "")),
        )

    def _way(self, name: str, element: Json) -> Navigation:
        pairs: list[tuple[str, str]] = []
        condition: list[Any] = element.get("on", [])
        for left, sign, right in zip(condition, condition[1:], condition[2:], strict=False):
            if sign == "=" and isinstance(left, dict) and isinstance(right, dict):
                there, here = left.get("ref", []), right.get("ref", [])
                if len(there) == 2 and there[0] == name and len(here) == 1:
                    pairs.append((here[0], there[1]))
        many = element.get("cardinality", {}).get("max") not in (None, 1, "1")
        return Navigation(name, self._local(str(element["target"])), many, tuple(pairs))

    def _properties(self, owner: str, value: Json) -> Iterator[Property]:
        for name, element in value.get("elements", {}).items():
            if element.get("type") in ("cds.Association", "cds.Composition"):
                continue
            type_ = self._type(f"{owner}.{name}", element)
            yield Property(
                name,
                type_,
                nullable=False if element.get("key") or element.get("notNull") else None,
                max_length=element.get("length") if type_ == "Edm.String" else None,
                precision=element.get("precision"),
                scale=element.get("scale") if isinstance(element.get("scale"), int) else None,
                variable_scale=element.get("scale") in ("variable", "floating"),
                label=str(element.get("@title", "")),
                updatable=False if element.get("key") else None,
                is_date=self.odata == "V2" and element.get("type") == "cds.Date",
                custom=is_custom(name),
            )

    def _type(self, where: str, element: Json) -> str:
        if "items" in element:
            return f"Collection({self._type(where, cast(Json, element['items']))})"
        given = str(element.get("type", ""))
        if not given.startswith("cds."):
            return self._local(given)
        type_ = _TYPES[self.odata].get(given.removeprefix("cds."))
        if type_ is None:
            raise DataError(f"{self.name}: {where} has the unknown type {given}")
        return type_

    def _local(self, name: str) -> str:
        return name.removeprefix(f"{self.namespace}.")

    def _described(self) -> dict[str, dict[str, Property]]:
        """What the generated classes say of each entity's properties, by the entity's name."""
        found: dict[str, dict[str, Property]] = {}
        for file, text in self.beside.items():
            entity = _ENTITY.search(text) if file.endswith(".js") else None
            if entity is None:
                continue
            comments = dict(_comments(self.beside.get(f"{file[:-3]}.d.ts", "")))
            fields: dict[str, Property] = {}
            for field in _FIELD.finditer(text):
                label, description = comments.get(field["member"], ("", ""))
                fields[field["name"]] = Property(
                    field["name"],
                    "Collection" if field["how"] == "Collection" else field["type"] or "",
                    nullable=field["nullable"] == "true",
                    label=label,
                    description=description,
                )
            found[entity[1]] = fields
        return found


def _completed(entity: EntityType, described: dict[str, Property]) -> EntityType:
    """The entity with Edm types, labels and nullability of its generated class."""
    properties: list[Property] = []
    for each in entity.properties:
        said = described.get(each.name)
        if said is None:
            properties.append(each)
            continue
        type_ = said.type if said.type.startswith("Edm.") else each.type
        if said.type == "Collection" and not each.is_collection:
            type_ = f"Collection({each.type})"
        properties.append(
            replace(
                each,
                type=type_,
                nullable=said.nullable,
                label=each.label or said.label,
                description=said.description,
            )
        )
    return replace(entity, properties=tuple(properties))


def _comments(text: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Each member's label and description in a declaration file.

    A comment holds the label, then the description, then what the model says as well.
    """
    for comment, member in _COMMENT.findall(text):
        lines = [line.strip().removeprefix("*").strip() for line in comment.splitlines()]
        said = [
            line
            for line in lines
            if line and not line.startswith(("@", "Maximum length:", "Precision:"))
        ]
        if said:
            yield member, (said[0].removesuffix("."), " ".join(said[1:]))
