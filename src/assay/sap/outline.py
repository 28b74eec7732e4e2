"""Reads outlines: what Assay's own mappings use of a service whose metadata may not be passed on.

An outline is YAML, written down by ``tools/build_outlines.py``: names, types, lengths and what may
be created, of the mapped properties alone. Any document of SAP's own takes its place.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from assay.errors import DataError
from assay.sap.metadata import PRIMITIVES, EntityType, Navigation, Property, Service

SUFFIX = ".outline.yaml"
_TYPE = re.compile(r"(?P<type>\w+)(?:\((?P<first>\d+)(?:,(?P<scale>\d+|variable))?\))?(?P<rest>.*)")


def read(data: bytes, name: str) -> Service:
    """The part of a service that an outline holds. Raises ``DataError`` where it is malformed."""
    try:
        said = yaml.safe_load(data)
        return Service(
            name=said["service"],
            namespace=said["service"],
            odata=said["odata"],
            kind="outline",
            entities=tuple(
                _entity(name, key, each, said["odata"]) for key, each in said["entities"].items()
            ),
            path=said.get("path", ""),
            title=said.get("title", ""),
        )
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{name}: not an outline ({type(error).__name__}: {error})") from error


def _entity(file: str, name: str, said: dict[str, Any], odata: str) -> EntityType:
    return EntityType(
        name=name,
        set=name,
        keys=tuple(said["keys"]),
        properties=tuple(
            _property(f"{file}: {name}.{key}", key, str(text), odata)
            for key, text in said["properties"].items()
        ),
        navigations=tuple(
            Navigation(way, target.removesuffix("*"), target.endswith("*"))
            for way, target in said.get("ways", {}).items()
        ),
        creatable=True,
    )


def _property(where: str, name: str, text: str, odata: str) -> Property:
    found = _TYPE.fullmatch(text)
    if not found or f"Edm.{found['type']}" not in PRIMITIVES[odata]:
        raise DataError(f"{where}: {text!r} is no type of OData {odata}")
    words = found["rest"].split()
    units = [word.removeprefix("unit=") for word in words if word.startswith("unit=")]
    if strange := [word for word in words if word not in ("day", "given") and "unit=" not in word]:
        raise DataError(f"{where}: {strange[0]!r} is not known; there are: day, given, unit=NAME")
    is_text = found["type"] == "String"
    first = int(found["first"]) if found["first"] else None
    variable = found["scale"] == "variable"
    return Property(
        name,
        f"Edm.{found['type']}",
        max_length=first if is_text else None,
        precision=None if is_text else first,
        scale=int(found["scale"]) if found["scale"] and not variable else None,
        variable_scale=variable,
        creatable=False if "given" in words else None,
        unit=units[0] if units else "",
        is_date="day" in words,
    )
