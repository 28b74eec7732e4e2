"""Reads OData metadata documents (EDMX) of V2 and V4, as ``$metadata`` answers them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, cast
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

from assay.errors import DataError, did_you_mean
from assay.sap.metadata import (
    ComplexType,
    EntityType,
    Navigation,
    OData,
    Operation,
    Property,
    Service,
    is_custom,
    service_name,
)

_SAP = "{http://www.sap.com/Protocols/SAPData}"
_M = "{http://schemas.microsoft.com/ado/2007/08/dataservices/metadata}"
_CORE, _CAPABILITIES = "Org.OData.Core.V1", "Org.OData.Capabilities.V1"
_COMMON, _MEASURES = "com.sap.vocabularies.Common.v1", "Org.OData.Measures.V1"
_METHODS = ("GET", "POST", "PUT", "PATCH", "MERGE", "DELETE")


def read(data: bytes, name: str) -> Service:
    """The service that an EDMX document describes; ``name`` is for messages.

    Raises ``DataError`` for what is no XML, declares a document type or entities (which EDMX has
    no use for, and attacks do), is no EDMX, or leaves out what it must say.
    """
    root = _parsed(data, name)
    if _tag(root) != "Edmx":
        raise DataError(
            f"{name}: its outermost element is <{_tag(root)}>, not <Edmx>"
            + (": this is a web page, perhaps a logon form" if _tag(root) == "html" else ""),
            "Give the answer to $metadata.",
        )
    schemas = [each for each in root.iter() if _tag(each) == "Schema"]
    containers = [s for s in schemas if _first(s, "EntityContainer") is not None]
    if not containers:
        raise DataError(f"{name}: no <EntityContainer>, so that it describes no service")
    odata: OData = "V4" if (root.get("Version") or "").startswith("4") else "V2"
    return _Reader(name, odata, root, schemas, containers[0]).service()


def _parsed(data: bytes, name: str) -> Element:
    try:
        return defusedxml.ElementTree.fromstring(data, forbid_dtd=True)
    except DefusedXmlException as error:
        raise DataError(
            f"{name}: it declares a document type or entities ({type(error).__name__})",
            "Metadata needs none of them, and they can exhaust memory or read files: it is not read.",
        ) from error
    except ParseError as error:
        start = data[:200].decode("utf-8", "replace").strip()
        raise DataError(f"{name}: not XML ({error}); it begins: {start[:60]!r}") from error
    except (LookupError, ValueError) as error:  # an encoding that is unknown, or a lie
        raise DataError(f"{name}: not XML ({error})") from error


@dataclass
class _Reader:
    name: str
    odata: OData
    root: Element
    schemas: list[Element]
    container_schema: Element
    _prefixes: list[str] = field(default_factory=list[str])
    _aliases: dict[str, str] = field(default_factory=dict[str, str])
    _stands_for: dict[str, Element] = field(default_factory=dict[str, Element])
    _notes: dict[str, dict[str, Element]] = field(default_factory=dict[str, dict[str, Element]])

    def service(self) -> Service:
        for schema in self.schemas:
            self._prefixes += [p for p in (schema.get("Namespace"), schema.get("Alias")) if p]
            for each in schema:
                if _tag(each) == "TypeDefinition":
                    self._stands_for[self._required(each, "Name")] = each
                if _tag(each) == "EnumType":
                    self._stands_for[self._required(each, "Name")] = each
        self._prefixes.sort(key=len, reverse=True)
        for include in self.root.iter():
            if _tag(include) == "Include" and include.get("Alias"):
                self._aliases[include.get("Alias", "")] = include.get("Namespace", "")
        if self.odata == "V4":
            self._collect_notes()
        namespace = self._required(self.container_schema, "Namespace")
        path = self._path()
        sets = self._sets()
        return Service(
            name=service_name(namespace, path),
            namespace=namespace,
            odata=self.odata,
            kind="edmx",
            entities=tuple(self._entity(each, sets) for each in self._all("EntityType")),
            complex_types=tuple(
                ComplexType(self._required(each, "Name"), self._own_properties(each))
                for each in self._all("ComplexType")
            ),
            operations=tuple(self._operations()),
            path=path,
        )

    # -- names ---------------------------------------------------------------------------------

    def _all(self, tag: str) -> list[Element]:
        found = [each for schema in self.schemas for each in schema if _tag(each) == tag]
        names = [self._required(each, "Name") for each in found]
        for repeated in sorted({name for name in names if names.count(name) > 1}):
            if tag != "Action" and tag != "Function":
                raise DataError(f"{self.name}: two <{tag}> are named {repeated}")
        return found

    def _required(self, element: Element, attribute: str) -> str:
        value = element.get(attribute)
        if not value:
            what = element.get("Name") or "one"
            raise DataError(f"{self.name}: <{_tag(element)}> {what} has no {attribute}")
        return value

    def _local(self, type_: str) -> str:
        """A type's name without the service's own namespace or alias."""
        if type_.startswith("Collection(") and type_.endswith(")"):
            return f"Collection({self._local(type_[11:-1])})"
        for prefix in self._prefixes:
            if type_.startswith(prefix + ".") and "." not in type_[len(prefix) + 1 :]:
                return type_[len(prefix) + 1 :]
        return type_

    def _path(self) -> str:
        """The service's path, from the link to itself that Gateway writes; "" without one."""
        for link in self.root.iter():
            if _tag(link) == "link" and link.get("rel") == "self":
                path = unquote(urlsplit(link.get("href", "")).path)
                return path.removesuffix("/$metadata").rstrip("/")
        return ""

    # -- entities ------------------------------------------------------------------------------

    def _sets(self) -> dict[str, Element]:
        """The first entity set of each entity type, by the type's name."""
        found: dict[str, Element] = {}
        for container in self._all("EntityContainer"):
            for each in container:
                if _tag(each) == "EntitySet":
                    found.setdefault(self._local(self._required(each, "EntityType")), each)
        return found

    def _entity(self, element: Element, sets: dict[str, Element]) -> EntityType:
        name = self._required(element, "Name")
        lineage = self._lineage(element)
        entity_set = sets.get(name)
        keys = tuple(
            self._required(ref, "Name")
            for each in lineage
            for ref in each.iter()
            if _tag(ref) == "PropertyRef"
        )
        properties = tuple(
            replace(p, updatable=False) if p.name in keys else p  # a key never changes
            for each in lineage
            for p in self._own_properties(each)
        )
        ways = tuple(w for each in lineage for w in self._navigations(each))
        entity = EntityType(
            name,
            properties,
            keys,
            ways,
            set="" if entity_set is None else self._required(entity_set, "Name"),
            label=element.get(f"{_SAP}label") or self._text(name, _COMMON, "Label"),
        )
        if entity_set is None:
            return entity
        if self.odata == "V2":
            return replace(
                entity,
                label=entity_set.get(f"{_SAP}label") or entity.label,
                creatable=_allowed(entity_set, "creatable"),
                updatable=_allowed(entity_set, "updatable"),
                deletable=_allowed(entity_set, "deletable"),
            )
        return self._with_restrictions(entity)

    def _lineage(self, element: Element) -> list[Element]:
        """An entity or complex type after those it is derived from."""
        by_name = {each.get("Name"): each for each in self._all(_tag(element))}
        lineage = [element]
        while base := lineage[0].get("BaseType"):
            parent = by_name.get(self._local(base))
            if parent is None:
                raise DataError(
                    f"{self.name}: {element.get('Name')} is derived from {base}, unknown"
                )
            if parent in lineage:
                raise DataError(f"{self.name}: {element.get('Name')} is derived from itself")
            lineage.insert(0, parent)
        return lineage

    def _own_properties(self, owner: Element) -> tuple[Property, ...]:
        found = [self._property(each, owner) for each in owner if _tag(each) == "Property"]
        names = [each.name for each in found]
        for name in names:
            if names.count(name) > 1:
                raise DataError(f"{self.name}: {owner.get('Name')} has two properties {name}")
        return tuple(found)

    def _property(self, element: Element, owner: Element | None = None) -> Property:
        name = self._required(element, "Name")
        type_, facets = self._resolved(self._required(element, "Type"), element)
        scale = facets.get("Scale") or ("0" if type_ == "Edm.Decimal" else None)
        variable = scale == "variable" or facets.get(f"{_SAP}variable-scale") == "true"
        plain = Property(
            name,
            type_,
            nullable=element.get("Nullable", "true") != "false",
            max_length=self._number(facets, "MaxLength", name),
            precision=self._number(facets, "Precision", name),
            scale=None if variable else self._number({"Scale": scale}, "Scale", name),
            variable_scale=variable,
            custom=is_custom(name) or element.get(f"{_SAP}is-extension-field") == "true",
        )
        if self.odata == "V4":
            return self._annotated(plain, owner)
        return replace(
            plain,
            label=element.get(f"{_SAP}label", ""),
            description=element.get(f"{_SAP}quickinfo", ""),
            creatable=None if owner is None else _allowed(element, "creatable"),
            updatable=None if owner is None else _allowed(element, "updatable"),
            unit=element.get(f"{_SAP}unit", ""),
            is_date=type_ == "Edm.DateTime" and element.get(f"{_SAP}display-format") == "Date",
        )

    def _resolved(self, type_: str, element: Element) -> tuple[str, dict[str, str]]:
        """A property's type and facets, where the type is defined by another: of that one."""
        local = self._local(type_)
        definition = self._stands_for.get(local)
        if definition is None:
            return local, dict(element.attrib)
        if _tag(definition) == "EnumType":  # its members are written as strings
            return "Edm.String", {}
        return self._required(definition, "UnderlyingType"), {**definition.attrib, **element.attrib}

    def _number(self, facets: Mapping[str, str | None], key: str, name: str) -> int | None:
        value = facets.get(key)
        if value is None or value.lower() in ("max", "floating"):
            return None
        if not re.fullmatch(r"\d{1,9}", value):
            raise DataError(f"{self.name}: {name} has the {key} {value!r}, which is no number")
        return int(value)

    def _navigations(self, owner: Element) -> Iterator[Navigation]:
        for each in owner:
            if _tag(each) == "NavigationProperty":
                yield self._way(each) if self.odata == "V4" else self._way_v2(each)

    def _way(self, element: Element) -> Navigation:
        type_ = self._local(self._required(element, "Type"))
        pairs = tuple(
            (self._required(each, "Property"), self._required(each, "ReferencedProperty"))
            for each in element
            if _tag(each) == "ReferentialConstraint" and "/" not in each.get("Property", "")
        )
        many = type_.startswith("Collection(")
        target = type_[11:-1] if many else type_
        return Navigation(self._required(element, "Name"), target, many, pairs)

    def _way_v2(self, element: Element) -> Navigation:
        name, wanted = self._required(element, "Name"), self._required(element, "Relationship")
        association = next(
            (a for a in self._all("Association") if a.get("Name") == self._local(wanted)), None
        )
        if association is None:
            raise DataError(
                f"{self.name}: {name} uses the association {wanted}, which is not there"
            )
        to, back = self._required(element, "ToRole"), self._required(element, "FromRole")
        ends = {each.get("Role"): each for each in association if _tag(each) == "End"}
        if to not in ends:
            known = [role for role in ends if role]
            raise DataError(f"{self.name}: {wanted} has no end {to}." + did_you_mean(to, known))
        pairs: tuple[tuple[str, str], ...] = ()
        constraint = _first(association, "ReferentialConstraint")
        if constraint is not None:
            sides = {side.get("Role"): [ref.get("Name", "") for ref in side] for side in constraint}
            pairs = tuple(zip(sides.get(back, ()), sides.get(to, ()), strict=False))
        target = self._local(self._required(ends[to], "Type"))
        return Navigation(name, target, ends[to].get("Multiplicity") == "*", pairs)

    # -- operations ----------------------------------------------------------------------------

    def _operations(self) -> Iterator[Operation]:
        for container in self._all("EntityContainer"):
            for each in container:
                if self.odata == "V2" and _tag(each) == "FunctionImport":
                    yield self._function_import(each)
        for tag, method in (("Action", "POST"), ("Function", "GET")):
            for each in self._all(tag) if self.odata == "V4" else ():
                yield self._operation(each, cast("Literal['GET', 'POST']", method))

    def _function_import(self, element: Element) -> Operation:
        method = element.get(f"{_M}HttpMethod", "GET").upper()
        if method not in _METHODS:
            raise DataError(f"{self.name}: {element.get('Name')} has the method {method}")
        return Operation(
            self._required(element, "Name"),
            cast("Literal['GET', 'POST']", method),
            tuple(self._property(each) for each in element if _tag(each) == "Parameter"),
            returns=self._local(element.get("ReturnType", "")),
            bound_to=self._local(element.get(f"{_SAP}action-for", "")),
        )

    def _operation(self, element: Element, method: Literal["GET", "POST"]) -> Operation:
        parameters = [each for each in element if _tag(each) == "Parameter"]
        bound = ""
        if element.get("IsBound") == "true" and parameters:
            bound = self._local(self._required(parameters.pop(0), "Type"))
            bound = bound.removeprefix("Collection(").removesuffix(")")
        returned = _first(element, "ReturnType")
        return Operation(
            self._required(element, "Name"),
            method,
            tuple(self._property(each) for each in parameters),
            returns="" if returned is None else self._local(self._required(returned, "Type")),
            bound_to=bound,
        )

    # -- annotations of V4 ---------------------------------------------------------------------

    def _collect_notes(self) -> None:
        """Annotations by target (``Type/Property``) and full term."""
        for schema in self.schemas:
            for block in schema:
                if _tag(block) == "Annotations":
                    self._note(self._local_target(block.get("Target", "")), block)
                if _tag(block) in ("EntityType", "ComplexType"):
                    name = block.get("Name", "")
                    self._note(name, block)
                    for each in block:
                        if _tag(each) in ("Property", "NavigationProperty"):
                            self._note(f"{name}/{each.get('Name')}", each)
                if _tag(block) == "EntityContainer":
                    for each in block:
                        self._note(f"{block.get('Name')}/{each.get('Name')}", each)

    def _local_target(self, target: str) -> str:
        owner, _, member = target.partition("/")
        return f"{self._local(owner)}/{member}" if member else self._local(owner)

    def _note(self, target: str, block: Element) -> None:
        for each in block:
            if _tag(each) == "Annotation" and each.get("Term") and not each.get("Qualifier"):
                vocabulary, _, term = each.get("Term", "").rpartition(".")
                full = f"{self._aliases.get(vocabulary, vocabulary)}.{term}"
                self._notes.setdefault(target, {})[full] = each

    def _text(self, target: str, vocabulary: str, term: str) -> str:
        found = self._notes.get(target, {}).get(f"{vocabulary}.{term}")
        return "" if found is None else found.get("String") or found.get("Path") or ""

    def _annotated(self, plain: Property, owner: Element | None) -> Property:
        if owner is None:
            return plain
        target = f"{owner.get('Name')}/{plain.name}"
        notes = self._notes.get(target, {})
        computed = _holds(notes.get(f"{_CORE}.Computed"))
        immutable = _holds(notes.get(f"{_CORE}.Immutable"))
        return replace(
            plain,
            label=self._text(target, _COMMON, "Label"),
            description=self._text(target, _COMMON, "QuickInfo"),
            creatable=not computed,
            updatable=not (computed or immutable),
            unit=self._text(target, _MEASURES, "Unit")
            or self._text(target, _MEASURES, "ISOCurrency"),
        )

    def _with_restrictions(self, entity: EntityType) -> EntityType:
        """What the entity set's own restrictions allow."""
        container = next(iter(self._all("EntityContainer")))
        notes = self._notes.get(f"{container.get('Name')}/{entity.set}", {})
        insert = notes.get(f"{_CAPABILITIES}.InsertRestrictions")
        update = notes.get(f"{_CAPABILITIES}.UpdateRestrictions")
        delete = notes.get(f"{_CAPABILITIES}.DeleteRestrictions")
        fixed, kept = (
            _paths(insert, "NonInsertableProperties"),
            _paths(update, "NonUpdatableProperties"),
        )
        return replace(
            entity,
            creatable=_restricted(insert, "Insertable"),
            updatable=_restricted(update, "Updatable"),
            deletable=_restricted(delete, "Deletable"),
            properties=tuple(
                replace(
                    each,
                    creatable=False if each.name in fixed else each.creatable,
                    updatable=False if each.name in kept else each.updatable,
                )
                for each in entity.properties
            ),
        )


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _first(element: Element, tag: str) -> Element | None:
    return next((each for each in element if _tag(each) == tag), None)


def _allowed(element: Element, what: str) -> bool | None:
    """SAP's annotation of V2: allowed unless it says no; unknown where the row decides."""
    if element.get(f"{_SAP}{what}-path"):
        return None
    return element.get(f"{_SAP}{what}", "true") != "false"


def _holds(annotation: Element | None) -> bool:
    """Whether a tag such as ``Core.Computed`` is set: it is, unless it says false."""
    return annotation is not None and annotation.get("Bool", "true") != "false"


def _restricted(annotation: Element | None, what: str) -> bool | None:
    """A capability of V4: allowed unless it says no; unknown where a path decides."""
    for value in _values(annotation, what):
        if value.get("Path"):
            return None
        return value.get("Bool", "true") != "false"
    return True


def _paths(annotation: Element | None, what: str) -> set[str]:
    return {
        each.text or ""
        for value in _values(annotation, what)
        for each in value.iter()
        if _tag(each) == "PropertyPath"
    }


def _values(annotation: Element | None, what: str) -> Iterable[Element]:
    """The ``PropertyValue`` elements of that name in an annotation's own record."""
    record = None if annotation is None else _first(annotation, "Record")
    if record is None:
        return ()
    return [
        each for each in record if _tag(each) == "PropertyValue" and each.get("Property") == what
    ]
