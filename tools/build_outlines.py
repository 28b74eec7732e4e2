"""Writes the outlines of services whose metadata may not be passed on, from a knowledge base that has
them: of each entity the keys, the ways and properties of Assay's mappings, and those in which canonical
fields live.

Usage: python tools/build_outlines.py KNOWLEDGE_BASE
Names, types and lengths are facts of an interface; no label, text or annotation is taken. The same
knowledge base gives the same bytes.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence

from assay.sap.fields import fields
from assay.sap.mappings import Child, DocumentMapping, Properties, mappings
from assay.sap.metadata import EntityType, Property, Service
from assay.sap.outline import SUFFIX
from assay.sap.shipped import SCHEMAS
from assay.sap.store import KnowledgeBase

SOURCE = "Assay: what its mappings and fields use of the service"
Wanted = dict[
    str, tuple[dict[str, None], dict[str, None]]
]  # {entity: (properties, ways)}, in order


def main(kb: KnowledgeBase) -> None:
    """Write an outline for each mapped service that does not ship, and list it in sources.tsv."""
    for old in SCHEMAS.glob(f"*{SUFFIX}"):
        old.unlink()
    shipped = {row["file"]: row for row in _sources() if not row["file"].endswith(SUFFIX)}
    by_service: dict[str, list[DocumentMapping]] = {}
    for mapping in mappings().values():
        by_service.setdefault(mapping.service, []).append(mapping)
    homes: dict[str, list[tuple[str, str]]] = {}
    for reference in (each for one in fields().values() for each in one.sap):
        name, entity, key = reference.split("/")
        homes.setdefault(name, []).append((entity, key))
    for name in sorted({*by_service, *homes}):
        if any(file.startswith(f"{_short(name)}.") for file in shipped):
            continue
        service = kb.service(name)
        wanted: Wanted = {}
        for mapping in by_service.get(name, ()):
            root = service.entity(mapping.entity)
            assert root is not None
            _collect(service, root, mapping.properties, mapping.children, wanted)
            wanted[_name(root)][0].update(dict.fromkeys(mapping.find_by))
        for entity, key in homes.get(name, ()):
            wanted.setdefault(entity, ({}, {}))[0][key] = None
        file = f"{_short(name)}{SUFFIX}"
        path = by_service[name][0].path if name in by_service else service.path
        text = _outline(service, path, wanted)
        (SCHEMAS / file).write_text(text, encoding="utf-8")
        shipped[file] = {"file": file, "source": SOURCE, "licence": "Apache-2.0"}
    rows = ["\t".join(shipped[file].values()) for file in sorted(shipped)]
    text = "\n".join(["file\tsource\tlicence", *rows]) + "\n"
    (SCHEMAS / "sources.tsv").write_text(text, encoding="utf-8")


def _sources() -> list[dict[str, str]]:
    with (SCHEMAS / "sources.tsv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def _short(service: str) -> str:
    """As the files of services are called: without SAP's own prefix, and v0001 after a line."""
    return service.removeprefix("com.sap.gateway.srvd_a2x.").replace(".v", "_v")


def _name(entity: EntityType) -> str:
    return entity.set or entity.name


def _collect(
    service: Service,
    entity: EntityType,
    properties: Properties,
    children: Sequence[Child],
    wanted: Wanted,
) -> None:
    names, ways = wanted.setdefault(_name(entity), ({}, {}))
    names.update(dict.fromkeys(properties))
    for child in children:
        way = entity.navigation(child.way)
        target = service.entity(way.target) if way else None
        assert way is not None and target is not None, f"{_name(entity)}/{child.way}"
        ways[child.way] = None
        _collect(service, target, child.properties, child.children, wanted)


def _outline(service: Service, path: str, wanted: Wanted) -> str:
    lines = [
        "# What Assay uses of the service; `assay kb import` of its own metadata replaces it.",
        f"service: {service.name}",
        f"odata: {service.odata}",
        f"path: {path}",
        "entities:",
    ]
    for name, (properties, ways) in wanted.items():
        entity = service.entity(name)
        assert entity is not None and entity.keys is not None
        lines += [f"  {name}:", f"    keys: [{', '.join(entity.keys)}]"]
        if ways:
            lines.append("    ways:")
        for key in ways:
            way = entity.navigation(key)
            target = service.entity(way.target) if way else None
            assert way is not None and target is not None
            lines.append(f"      {key}: {_name(target)}{'*' if way.many else ''}")
        lines.append("    properties:")
        units = [each.unit for key in properties if (each := entity.property(key)) and each.unit]
        for key in dict.fromkeys((*entity.keys, *properties, *units)):
            each = entity.property(key)
            assert each is not None, f"{name}.{key}"
            lines.append(f"      {key}: {_type(each)}")
    return "\n".join(lines) + "\n"


def _type(each: Property) -> str:
    said = each.type.removeprefix("Edm.")
    if each.max_length is not None:
        said += f"({each.max_length})"
    elif each.precision is not None and said == "Decimal":
        scale = "variable" if each.variable_scale else each.scale or 0
        said += f"({each.precision},{scale})"
    said += " day" if each.is_date else ""
    said += " given" if each.creatable is False else ""
    return said + (f" unit={each.unit}" if each.unit else "")


if __name__ == "__main__":
    main(KnowledgeBase(sys.argv[1]))
