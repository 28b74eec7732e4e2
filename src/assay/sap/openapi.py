"""Reads the OpenAPI files that SAP generates from the metadata of its OData services.

They name no Edm types, no constraints of navigations, and keys only in the paths that read one
entity; what V2 writes as a string is told apart by format and by SAP's examples.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Literal, cast
from urllib.parse import unquote, urlsplit

from assay.errors import DataError
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

Json = dict[str, Any]

_VERSIONS: dict[str, OData] = {"ODATA": "V2", "ODATAV4": "V4"}
_HELPERS = re.compile(r"(Options|^count|^error|Wrapper)$")
_DATE = re.compile(r"^/Date\((-?\d+)([+-]\d+)?\)/$")
_BRACES = re.compile(r"\{([^}]+)\}")
_DAY = 86_400_000  # milliseconds
_FORMATS = {  # of both versions; those of dates and times differ and are told apart below
    "decimal": "Edm.Decimal",
    "double": "Edm.Double",
    "float": "Edm.Single",
    "int16": "Edm.Int16",
    "int32": "Edm.Int32",
    "int64": "Edm.Int64",
    "int8": "Edm.SByte",
    "uint8": "Edm.Byte",
    "uuid": "Edm.Guid",
    "base64url": "Edm.Binary",
    "byte": "Edm.Binary",
    "date": "Edm.Date",
    "date-time": "Edm.DateTimeOffset",
    "time": "Edm.TimeOfDay",
    "duration": "Edm.Duration",
}


def read(data: bytes, name: str) -> Service:
    """The service that an OpenAPI document of SAP describes; ``name`` is for messages.

    Raises ``DataError`` for what is no JSON, no OpenAPI of an OData service, or has a property
    whose type cannot be told.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name}: not JSON ({error})") from error
    if not isinstance(document, dict) or "openapi" not in document:
        raise DataError(f"{name}: JSON, but no OpenAPI document: it has no key openapi")
    found = cast(Json, document)
    odata: OData | None = _VERSIONS.get(str(found.get("x-sap-api-type")))
    if odata is None:
        raise DataError(
            f"{name}: x-sap-api-type is {found.get('x-sap-api-type')!r}, not ODATA or ODATAV4",
            "Only SAP's OpenAPI files of OData services are read.",
        )
    try:
        return _Reader(name, odata, found).service()
    except (AttributeError, KeyError, TypeError) as error:
        raise DataError(f"{name}: not of the form of SAP's OpenAPI files ({error!r})") from error


class _Reader:
    def __init__(self, name: str, odata: OData, document: Json) -> None:
        self.name, self.document = name, document
        self.odata: OData = odata
        self.schemas: dict[str, Json] = document["components"]["schemas"]
        self.paths: dict[str, Json] = document["paths"]
        self.sets = dict(self._sets())  # {schema: its first entity set}

    def service(self) -> Service:
        path, namespace = self._address()
        targets = set(self.sets)
        for schema in self._structures():
            targets |= {way.target for way in self._ways(schema)}
        entities = [name for name in self._structures() if name in targets]
        others = [name for name in self._structures() if name not in targets]
        info: Json = self.document["info"]
        return Service(
            name=service_name(namespace, path),
            namespace=namespace,
            odata=self.odata,
            kind="openapi",
            entities=tuple(self._entity(name) for name in entities),
            complex_types=tuple(ComplexType(name, self._properties(name)) for name in others),
            operations=tuple(self._operations()),
            path=path,
            title=str(info.get("title", "")).strip(),
            description=str(info.get("description", "")).strip(),
            release=str(self.document.get("x-sap-software-min-version", "")),
            deprecated=str(self.document.get("x-sap-stateInfo", "")).lower().find("deprecated")
            >= 0,
        )

    def _address(self) -> tuple[str, str]:
        """The service's path below the host, and the namespace that its metadata has."""
        servers: list[Json] = self.document.get("servers") or []
        if not servers:
            raise DataError(f"{self.name}: no servers, so that the service has no name")
        url = str(servers[0]["url"])
        path = unquote(urlsplit(re.sub(r"\{[^}]*\}", "x", url)).path).rstrip("/")
        parts = path.split("/")
        if self.odata == "V2":
            return path, parts[-1].split(";")[0]
        found = re.search(r"/(?P<api>[^/]+)/(?P<kind>srvd\w*)/sap/[^/]+/(?P<version>\d+)$", path)
        if found is None:
            raise DataError(f"{self.name}: the path {path} is not one of SAP's V4 services")
        return path, f"com.sap.gateway.{found['kind']}.{found['api']}.v{found['version']}"

    # -- entities ------------------------------------------------------------------------------

    def _structures(self) -> Iterator[str]:
        """The schemas that are entity or complex types, not helpers of the paths."""
        for name in self.schemas:
            twin = re.sub(r"^(Create|Update)", "", name)
            if _HELPERS.search(name) or (twin != name and twin in self.schemas):
                continue
            if "properties" in self.schemas[name]:
                yield name

    def _sets(self) -> Iterator[tuple[str, str]]:
        """Which schema the paths of each set read, a list without keys or one entity with them."""
        read: dict[str, str] = {}
        for path, item in self.paths.items():
            answer = json.dumps(item.get("get", {}).get("responses", {}).get("200", {}))
            many = re.search(r'"items": \{"\$ref": "#/components/schemas/([^"]+)"', answer)
            one = re.search(r'"\$ref": "#/components/schemas/([^"]+)"', answer)
            found = many if re.fullmatch(r"/\w+", path) else one
            keyed = re.fullmatch(r"/(\w+)(\(.*\)|(/\{\w+\})+)?", path)
            if keyed is not None and keyed[1] in self.schemas:
                read.setdefault(keyed[1], keyed[1])
            elif keyed is not None and found is not None and not _HELPERS.search(found[1]):
                read.setdefault(found[1], keyed[1])
        yield from read.items()

    def _entity(self, name: str) -> EntityType:
        entity_set = self.sets.get(name, "")
        allowed = self._methods(entity_set)
        properties = self._properties(name)
        return EntityType(
            name,
            properties,
            self._keys(entity_set, [each.name for each in properties]),
            tuple(self._ways(name)),
            set=entity_set,
            label=str(self.schemas[name].get("title", "")),
            creatable=("post" in allowed) if entity_set else None,
            updatable=("patch" in allowed or "put" in allowed) if entity_set else None,
            deletable=("delete" in allowed) if entity_set else None,
        )

    def _methods(self, entity_set: str) -> set[str]:
        """What the paths of a set and of one of its entities offer."""
        found: set[str] = set()
        for path, item in self.paths.items():
            rest = path.removeprefix(f"/{entity_set}")
            if rest == path or rest[:1] not in ("", "(", "/"):
                continue
            if "/" not in rest.replace("/{", "{"):
                found |= set(item)
        return found

    def _keys(self, entity_set: str, names: list[str]) -> tuple[str, ...] | None:
        """The key's properties, from the path that reads one entity; ``None`` without one."""
        by_lower = {name.lower(): name for name in names}
        for path in self.paths:
            rest = path.removeprefix(f"/{entity_set}")
            if not entity_set or rest == path:
                continue
            if re.fullmatch(r"\(.*\)" if self.odata == "V2" else r"(/\{\w+\})+", rest):
                written = [key.lower() for key in _BRACES.findall(rest)]
                if all(key in by_lower for key in written):
                    return tuple(by_lower[key] for key in written)
        return None

    def _ways(self, name: str) -> Iterator[Navigation]:
        for member, value in self._members(name):
            found = self._way(member, value)
            if found is not None:
                yield found

    def _members(self, name: str) -> Iterator[tuple[str, Json]]:
        properties: dict[str, Json] = self.schemas[name]["properties"]
        yield from properties.items()

    def _way(self, name: str, value: Json) -> Navigation | None:
        """A navigation, by SAP's prefixes: V2 and V4 write structures the same way otherwise."""
        target, many = _reference(value)
        if not target or not name.startswith("to_" if self.odata == "V2" else "_"):
            return None
        return Navigation(name, target, many)

    def _properties(self, name: str) -> tuple[Property, ...]:
        create = self.schemas.get(f"Create{name}", {}).get("properties")
        update = self.schemas.get(f"Update{name}", {}).get("properties")
        found: list[Property] = []
        for member, value in self._members(name):
            if self._way(member, value) is not None:
                continue
            found.append(
                self._property(
                    f"{name}.{member}",
                    member,
                    value,
                    creatable=None if create is None else member in create,
                    updatable=None if update is None else member in update,
                )
            )
        return tuple(found)

    def _property(
        self,
        where: str,
        name: str,
        value: Json,
        *,
        creatable: bool | None = None,
        updatable: bool | None = None,
    ) -> Property:
        type_, is_date = self._type(where, value)
        decimal = type_ == "Edm.Decimal"
        scale = value.get("x-sap-scale", 0 if value.get("multipleOf") == 1 else None)
        return Property(
            name,
            type_,
            nullable=bool(value.get("nullable", False)),
            max_length=value.get("maxLength"),
            precision=value.get("x-sap-precision"),
            scale=scale if decimal else None,
            variable_scale=decimal and scale is None,
            label=str(value.get("title", "")),
            description=str(value.get("description", "")),
            creatable=creatable,
            updatable=updatable,
            is_date=is_date,
            custom=is_custom(name),
        )

    def _type(self, where: str, value: Json) -> tuple[str, bool]:
        """The Edm type of a schema, and whether it is a V2 timestamp that carries a day only."""
        target, many = _reference(value)
        if target:
            return (f"Collection({target})" if many else target), False
        kind, form = value.get("type"), value.get("format")
        if kind == "array":
            element, is_date = self._type(where, cast(Json, value["items"]))
            return f"Collection({element})", is_date
        if form is not None:
            if form in _FORMATS:
                return _FORMATS[form], False
            raise DataError(f"{self.name}: {where} has the unknown format {form!r}")
        if kind == "boolean":
            return "Edm.Boolean", False
        if kind == "integer":
            return "Edm.Int32", False
        if kind == "string":
            return (
                _timed(str(value.get("example", "")))
                if self.odata == "V2"
                else ("Edm.String", False)
            )
        raise DataError(f"{self.name}: {where} has the unknown type {kind!r}")

    # -- operations ----------------------------------------------------------------------------

    def _operations(self) -> Iterator[Operation]:
        sets = set(self.sets.values())
        for path, item in self.paths.items():
            last = path.rpartition("/")[2]
            plain = re.fullmatch(r"/(\w+)(\(.*\))?", path)
            bound = re.search(r"\}/SAP__self\.(\w+)", path) or re.search(r"/SAP__self\.(\w+)", path)
            if last == "$batch" or (bound is None and (plain is None or plain[1] in sets)):
                continue
            owner = path.split("/")[1].split("(")[0]
            names = {entity_set: schema for schema, entity_set in self.sets.items()}
            for method in ("get", "post"):
                if method in item:
                    name = (
                        bound[1] if bound is not None else plain[1] if plain is not None else last
                    )
                    to = names.get(owner, "") if bound is not None else ""
                    yield self._operation(name, method, item[method], to)

    def _operation(self, name: str, method: str, item: Json, bound_to: str) -> Operation:
        answer = json.dumps(item.get("responses", {}).get("200", {}))
        found = re.search(r'"\$ref": "#/components/schemas/([^"]+)"', answer)
        given = [p for p in item.get("parameters", ()) if p.get("in") == "query" and "schema" in p]
        return Operation(
            name,
            cast("Literal['GET', 'POST']", method.upper()),
            tuple(self._parameter(name, p) for p in given if not str(p["name"]).startswith("$")),
            returns=found[1] if found and found[1] in set(self._structures()) else "",
            bound_to=bound_to,
        )

    def _parameter(self, operation: str, parameter: Json) -> Property:
        """A parameter in the query. V2 writes literals there: text stands in quotes, which the
        schema's lengths count, so that they are not taken over."""
        name, schema = str(parameter["name"]), cast(Json, parameter["schema"])
        described = {"title": str(parameter.get("description", "")).split("  \n")[0].strip()}
        nullable = {"nullable": not parameter.get("required", False)}
        value = {k: v for k, v in schema.items() if k != "maxLength"} | described | nullable
        return self._property(f"{operation}({name})", name, value)


def _reference(value: Json) -> tuple[str, bool]:
    """The schema that a property refers to and whether it is a list of them; ``("", False)``."""
    inner = value
    if "allOf" in inner:
        inner = cast(Json, inner["allOf"][0])
    results = (
        cast(Json, inner.get("properties", {})).get("results") if "properties" in inner else None
    )
    many = results is not None or inner.get("type") == "array"
    if many:
        inner = cast(Json, (results or inner)["items"])
    return str(inner.get("$ref", "")).rpartition("/")[2], many


def _timed(example: str) -> tuple[str, bool]:
    """What a string of V2 is, by SAP's own examples for timestamps, days and times."""
    found = _DATE.match(example)
    if found is not None:
        if found[2]:
            return "Edm.DateTimeOffset", False
        return "Edm.DateTime", int(found[1]) % _DAY == 0
    return ("Edm.Time" if example.startswith("PT") else "Edm.String"), False
