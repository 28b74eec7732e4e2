"""Which canonical field goes into which property of which service, per document type and version.

A mapping is one YAML file: a service, an entity set, its properties, and below them the children
that a deep insert takes along. ``check`` holds every reference against metadata.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from assay.errors import DataError
from assay.sap import fields as catalogue
from assay.sap.fields import Level, ValueKind
from assay.sap.literals import fits
from assay.sap.metadata import EntityType, Service
from assay.sap.transformations import Pipeline

MAPPINGS = Path(__file__).with_name("knowledge") / "mappings"
ROWS = ("items", "taxes")  # what a field may be required without, beside other fields


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Source(_Strict):
    """Where one property's value comes from."""

    field: str = Field("", alias="from")
    constant: str = Field("", alias="is")
    otherwise: str = ""  # taken where the document does not say, and reported
    required: bool = False
    required_without: str = ""  # required where this field, or these rows, are missing
    only_for: tuple[str, ...] = Field((), alias="for")  # document types
    only_with: tuple[str, ...] = Field((), alias="if")  # one of these fields is there
    steps: tuple[str, ...] = Field((), alias="as")  # operators on the field's value

    @model_validator(mode="after")
    def _one_origin(self) -> Source:
        if bool(self.field) == bool(self.constant):
            raise ValueError("give either `from`, a canonical field, or `is`, a constant")
        return self

    @property
    def pipeline(self) -> Pipeline | None:
        """The operators, parsed; ``None`` without any."""
        return _pipeline(self.steps) if self.steps else None

    @property
    def kind(self) -> ValueKind:
        """What the value is in Python when it reaches the property."""
        if not self.field:
            return "text"
        pipeline = self.pipeline
        return pipeline.gives if pipeline else catalogue.field(self.field).kind


@cache
def _pipeline(steps: tuple[str, ...]) -> Pipeline:
    return Pipeline.parse(steps, "as")


def _source(value: Any) -> Any:
    return {"from": value} if isinstance(value, str) else value


Properties = dict[str, Annotated[Source, BeforeValidator(_source)]]


class Child(_Strict):
    """What a deep insert takes along below an entity."""

    way: str  # the navigation
    each: Literal["items", "taxes", "once", "only"]
    # once: one row of a list, from the fields of the row above; only: the way leads to one entity
    only_with: tuple[str, ...] = Field((), alias="if")
    unless: tuple[str, ...] = ()
    required: bool = False
    properties: Properties
    children: tuple[Child, ...] = ()


class DocumentMapping(_Strict):
    """How documents of some types become an entity of a service."""

    name: str
    documents: tuple[str, ...]
    service: str
    path: str  # below the host; the metadata of V4 does not say it
    entity: str  # the entity set
    find_by: tuple[str, ...]  # properties by which a posted document is found again
    only_with: tuple[str, ...] = Field(
        (), alias="if_any"
    )  # the router takes it only with one of these
    accepts: dict[str, tuple[str, ...]] = {}  # {field: patterns of which its values match one}
    rows: Literal["", "items"] = ""  # items: each is an entity of its own
    properties: Properties
    children: tuple[Child, ...] = ()


def load(path: Path) -> DocumentMapping:
    """Read a mapping; raises ``DataError`` naming the file and every place that is wrong."""
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
        mapping = DocumentMapping.model_validate({"name": path.stem, **(said or {})})
    except (yaml.YAMLError, TypeError) as error:
        raise DataError(f"{path}: not a mapping in YAML: {error}") from error
    except ValidationError as error:
        raise DataError("\n".join(f"{path}: {_said(each)}" for each in error.errors())) from error
    if faults := list(_unknown_fields(mapping)):
        raise DataError("\n".join(f"{path}: {each}" for each in faults))
    return mapping


@cache
def mappings() -> dict[str, DocumentMapping]:
    """Every mapping that ships, by name."""
    found = (load(path) for path in sorted(MAPPINGS.glob("*.yaml")))
    return {each.name: each for each in found}


def check(mapping: DocumentMapping, service: Service) -> list[str]:
    """Every reference of a mapping that the service's metadata does not hold, or holds otherwise."""
    root = service.entity(mapping.entity)
    if root is None:
        return [f"{mapping.name}: {service.name} has no entity set {mapping.entity}"]
    found = [
        f"{mapping.name}: find_by: {mapping.entity} has no property {name}"
        for name in mapping.find_by
        if root.property(name) is None
    ]
    found += [
        f"{mapping.name}: {each}"
        for each in _broken(service, root, mapping.properties, mapping.children)
    ]
    return found


def _broken(
    service: Service, entity: EntityType, properties: Properties, children: Sequence[Child]
) -> Iterator[str]:
    where = entity.set or entity.name
    for name, source in properties.items():
        each = entity.property(name)
        if each is None:
            yield f"{where} has no property {name}"
        elif each.creatable is False:
            yield f"{where}.{name} cannot be given when it is created"
        elif not fits(source.kind, each):
            yield f"{where}.{name} is {each.type}, and {source.field or 'the constant'} is {source.kind}"
    for child in children:
        way = entity.navigation(child.way)
        target = service.entity(way.target) if way else None
        if way is None or target is None:
            yield f"{where} has no way {child.way}"
        elif way.many == (child.each == "only"):
            yield f"{where}/{child.way} leads to {'many' if way.many else 'one'}, not `each: {child.each}`"
        else:
            yield from _broken(service, target, child.properties, child.children)


def references(mapping: DocumentMapping) -> int:
    """How many properties and ways a mapping names."""

    def count(properties: Mapping[str, Source], children: Sequence[Child]) -> int:
        return len(properties) + sum(1 + count(each.properties, each.children) for each in children)

    return count(mapping.properties, mapping.children)


def _unknown_fields(mapping: DocumentMapping) -> Iterator[str]:
    """Fields that the catalogue does not have, or not where the mapping looks for them."""
    above: frozenset[Level] = frozenset({"document", "item"} if mapping.rows else {"document"})
    yield from _names(mapping.properties, mapping.children, above, "properties")
    anywhere: frozenset[Level] = frozenset({"document", "item"})
    yield from _missing(mapping.only_with, anywhere, "if_any")
    yield from _missing(tuple(mapping.accepts), anywhere, "accepts")


def _names(
    properties: Properties, children: Sequence[Child], levels: frozenset[Level], where: str
) -> Iterator[str]:
    for name, source in properties.items():
        named = (source.field, *source.only_with, source.required_without)
        wanted = [each for each in named if each and each not in ROWS]
        yield from _missing(wanted, levels, f"{where}.{name}")
        yield from _unfit_steps(source, f"{where}.{name}")
    for child in children:
        rows: dict[str, Level] = {"items": "item", "taxes": "tax"}
        added: frozenset[Level] = frozenset([rows[child.each]] if child.each in rows else [])
        inner = levels | added
        yield from _missing((*child.only_with, *child.unless), inner, child.way)
        yield from _names(child.properties, child.children, inner, child.way)


def _unfit_steps(source: Source, where: str) -> Iterator[str]:
    """Operators that are none, or do not take what the field is."""
    try:
        pipeline = source.pipeline
    except DataError as error:
        yield f"{where}.{error.cause}"
        return
    if pipeline and source.field in catalogue.fields():
        kind = catalogue.field(source.field).kind
        if pipeline.takes != kind:
            yield f"{where}: {source.field} is {kind}, and `{source.steps[0]}` takes {pipeline.takes}"


def _missing(names: Sequence[str], levels: frozenset[Level], where: str) -> Iterator[str]:
    for name in names:
        try:
            each = catalogue.field(name, where)
        except DataError as error:
            yield error.cause
            continue
        if each.level not in levels:
            yield f"{where}: {name} stands in a row of the {each.level}s, which is not read here"


def _said(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"])
    return f"{place}: {error['msg'].removeprefix('Value error, ')}"
