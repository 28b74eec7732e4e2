"""What an OData service offers, whichever way its metadata was written down.

``None`` means that the source does not say: an EDMX names every key, SAP's OpenAPI files do not
name the keys of an entity that no path reads, and the model in CSN says nothing of what may be
created. Nothing is filled in by guessing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from assay.errors import DataError

OData = Literal["V2", "V4"]
Kind = Literal["edmx", "openapi", "csn", "outline"]

PRIMITIVES = {  # of both versions, with those that only one of them has
    "V2": frozenset(
        f"Edm.{name}"
        for name in [
            "Binary",
            "Boolean",
            "Byte",
            "DateTime",
            "DateTimeOffset",
            "Decimal",
            "Double",
            "Guid",
            "Int16",
            "Int32",
            "Int64",
            "SByte",
            "Single",
            "Stream",
            "String",
            "Time",
        ]
    ),
    "V4": frozenset(
        f"Edm.{name}"
        for name in [
            "Binary",
            "Boolean",
            "Byte",
            "Date",
            "DateTimeOffset",
            "Decimal",
            "Double",
            "Duration",
            "Guid",
            "Int16",
            "Int32",
            "Int64",
            "SByte",
            "Single",
            "Stream",
            "String",
            "TimeOfDay",
            "Untyped",
            "PrimitiveType",
            "GeographyPoint",
            "GeometryPoint",
        ]
    ),
}
_COLLECTION = re.compile(r"^Collection\((.+)\)$")
_VERSION = re.compile(r";v=0*(\d+)")
_EXTENSION = re.compile(r"^(?:YY\d|ZZ\d|ZZ|YY)_")  # SAP's prefixes for fields that a customer adds


@dataclass(frozen=True)
class Property:
    """One property of an entity or complex type, or one parameter of an operation."""

    name: str
    type: str  # Edm.…, a complex type of the service, or Collection(…) of either
    nullable: bool | None = None
    max_length: int | None = None
    precision: int | None = None
    scale: int | None = (
        None  # digits after the point; None with variable_scale: as many as it likes
    )
    variable_scale: bool = False
    label: str = ""
    description: str = ""
    creatable: bool | None = None
    updatable: bool | None = None
    unit: str = ""  # the property that holds the unit or currency of this one
    is_date: bool = False  # an Edm.DateTime of V2 that carries a day and no time
    custom: bool = False  # a customer's extension field

    @property
    def is_collection(self) -> bool:
        """Whether the value is a list."""
        return self.type.startswith("Collection(")

    @property
    def element(self) -> str:
        """The type of the value, or of a list's items."""
        found = _COLLECTION.match(self.type)
        return found[1] if found else self.type


@dataclass(frozen=True)
class Navigation:
    """A way from one entity to others."""

    name: str
    target: str  # the name of an entity type of the same service
    many: bool
    constraints: tuple[tuple[str, str], ...] = ()  # (property here, property there)


@dataclass(frozen=True)
class EntityType:
    """An entity type, with what its first entity set allows."""

    name: str
    properties: tuple[Property, ...]
    keys: tuple[str, ...] | None = None
    navigations: tuple[Navigation, ...] = ()
    set: str = ""  # the first entity set; "" where there is none
    label: str = ""
    creatable: bool | None = None
    updatable: bool | None = None
    deletable: bool | None = None

    def property(self, name: str) -> Property | None:
        """The property of that name."""
        return next((each for each in self.properties if each.name == name), None)

    def navigation(self, name: str) -> Navigation | None:
        """The navigation of that name."""
        return next((each for each in self.navigations if each.name == name), None)


@dataclass(frozen=True)
class ComplexType:
    """A structure that properties and operations use."""

    name: str
    properties: tuple[Property, ...]


@dataclass(frozen=True)
class Operation:
    """A function import of V2, an action or a function of V4."""

    name: str
    method: Literal["GET", "POST", "PUT", "PATCH", "MERGE", "DELETE"]
    parameters: tuple[Property, ...] = ()
    returns: str = ""
    bound_to: str = ""  # the entity type it is called on


@dataclass(frozen=True)
class Service:
    """All that one metadata document says of one service."""

    name: str  # the namespace, and _0002 for the second version of a V2 service
    namespace: str
    odata: OData
    kind: Kind
    entities: tuple[EntityType, ...]
    complex_types: tuple[ComplexType, ...] = ()
    operations: tuple[Operation, ...] = ()
    path: str = ""  # below the host; "" where the document does not say
    title: str = ""
    description: str = ""
    release: str = ""  # the release it is known from, as the document writes it
    deprecated: bool = False

    def entity(self, name: str) -> EntityType | None:
        """The entity type of that name, or the one whose first entity set has it."""
        by_name = (each for each in self.entities if each.name == name)
        by_set = (each for each in self.entities if each.set == name)
        return next(by_name, None) or next(by_set, None)

    @property
    def property_count(self) -> int:
        """Properties of entity types; those of complex types are not counted."""
        return sum(len(entity.properties) for entity in self.entities)

    def broken(self) -> Iterator[str]:
        """Every reference that leads nowhere, as ``where: what``.

        Those are: keys and constraints without a property, navigations without a target, types
        that neither OData nor the service has.
        """
        types = {each.name for each in self.entities} | {each.name for each in self.complex_types}
        by_name = {each.name: each for each in self.entities}
        for owner in (*self.entities, *self.complex_types):
            for each in owner.properties:
                if not self._is_known(each.element, types):
                    yield f"{owner.name}.{each.name}: the type {each.type} is unknown"
        for entity in self.entities:
            names = {each.name for each in entity.properties}
            for key in entity.keys or ():
                if key not in names:
                    yield f"{entity.name}: the key {key} is no property"
            for way in entity.navigations:
                yield from _broken_way(entity.name, names, way, by_name.get(way.target))

    def _is_known(self, type_: str, types: set[str]) -> bool:
        return type_ in PRIMITIVES[self.odata] or type_ in types


def _broken_way(
    owner: str, names: set[str], way: Navigation, target: EntityType | None
) -> Iterator[str]:
    if target is None:
        yield f"{owner}/{way.name}: leads to {way.target}, which is no entity type"
        return
    there = {each.name for each in target.properties}
    for here, beyond in way.constraints:
        if here not in names:
            yield f"{owner}/{way.name}: the constraint's {here} is no property"
        if beyond not in there:
            yield f"{owner}/{way.name}: {target.name} has no property {beyond}"


def service_name(namespace: str, path: str) -> str:
    """A name for a service that differs between its versions, as SAP's own lists write it."""
    found = _VERSION.search(path)
    version = int(found[1]) if found else 1
    return namespace if version == 1 else f"{namespace}_{version:04d}"


def is_custom(name: str) -> bool:
    """Whether a property's name has one of the prefixes of customers' extension fields."""
    return _EXTENSION.match(name) is not None


def require_size(count: int, limit: int, name: str) -> None:
    """Raise ``DataError`` for a document of more bytes than are read."""
    if count > limit:
        raise DataError(
            f"{name}: {count / 2**20:,.0f} MB, and metadata of more than {limit // 2**20} MB is not read",
            "SAP's own services have about 1 MB at most: check what this is, "
            "or raise the limit with --max-mb.",
        )
