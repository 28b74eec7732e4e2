"""What the knowledge base holds, counted from what is there and nowhere typed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from assay.sap.doctypes import doctypes
from assay.sap.fields import fields
from assay.sap.mappings import check, mappings, references
from assay.sap.metadata import Service
from assay.sap.rules import rules
from assay.sap.store import KnowledgeBase
from assay.sap.transformations import count as transformations


@dataclass(frozen=True)
class Counts:
    """Services, and the documents' side. Outlines are counted apart: they are no metadata of SAP's."""

    services: int
    entity_types: int
    properties: int
    extension_fields: int
    deprecated: int
    broken_references: int  # within the services' metadata
    outlines: int
    quarantined: int
    by_odata: dict[str, int]
    by_kind: dict[str, int]
    by_licence: dict[str, int]
    document_types: int
    subtypes: int
    fields: int
    labels: int  # of fields, in five languages
    field_references: int  # from fields to properties
    mappings: int
    mapped_references: int  # properties and ways that mappings name
    unchecked_references: int  # of services that are not there
    broken_mappings: int
    transformations: int
    rules: int


def counted(kb: KnowledgeBase) -> Counts:
    """Count what is stored, with every reference of mappings and fields held against it."""
    every = kb.services()
    rows = [each for each in every if each.kind != "outline"]
    named = [reference.split("/") for one in fields().values() for reference in one.sap]
    wanted = {each.service for each in mappings().values()} | {name for name, _, _ in named}
    there = {each.name for each in every}
    found = {name: kb.service(name) for name in sorted(wanted & there)}
    held = [each for each in mappings().values() if each.service in found]
    lost = sum(references(each) for each in mappings().values() if each.service not in found)
    lost += sum(name not in found for name, _, _ in named)
    broken = sum(len(check(each, found[each.service])) for each in held)
    broken += sum(not _resolves(found[name], rest) for name, *rest in named if name in found)
    return Counts(
        services=len(rows),
        entity_types=sum(each.entities for each in rows),
        properties=sum(each.properties for each in rows),
        extension_fields=sum(each.custom for each in rows),
        deprecated=sum(each.deprecated for each in rows),
        broken_references=sum(1 for each in every for _ in kb.service(each.name).broken()),
        outlines=len(every) - len(rows),
        quarantined=len(list(kb.quarantine.glob("*.reason.json"))),
        by_odata=_by(each.odata for each in rows),
        by_kind=_by(each.kind for each in rows),
        by_licence=_by(each.origin.licence for each in rows),
        document_types=len(doctypes()),
        subtypes=sum(len(each.subtypes) for each in doctypes().values()),
        fields=len(fields()),
        labels=sum(len(words) for one in fields().values() for words in one.names.values()),
        field_references=len(named),
        mappings=len(mappings()),
        mapped_references=sum(map(references, mappings().values())),
        unchecked_references=lost,
        broken_mappings=broken,
        transformations=transformations(),
        rules=len(rules()),
    )


def _resolves(service: Service, rest: list[str]) -> bool:
    entity = service.entity(rest[0])
    return entity is not None and entity.property(rest[1]) is not None


def _by(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))
