"""Which service takes a document, by its type, its fields and what is missing.

Deterministic, and the baseline that any learned router has to beat: a table of document types, and
the fields that tell apart the services that one type may go to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from assay import files
from assay.errors import DataError, did_you_mean
from assay.sap.canonical import Document, Row
from assay.sap.doctypes import doctype
from assay.sap.fields import field as canonical_field
from assay.sap.mappings import Child, DocumentMapping, Properties, mappings
from assay.sap.metadata import OData
from assay.sap.payloads import child_rows, unaccepted
from assay.sap.shipped import deprecations

ROUTES = Path(__file__).with_name("knowledge") / "routes.yaml"


@dataclass(frozen=True)
class Candidate:
    """A service that could take the document."""

    mapping: str
    service: str
    entity_set: str
    odata: OData | Literal["SOAP"]
    confidence: float  # share of the required fields that are there; 0 where it is not eligible
    reasons: tuple[str, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision:
    """Where a document goes, or why nowhere."""

    document_type: str
    chosen: Candidate | None
    others: tuple[Candidate, ...]
    method: Literal["POST"] = "POST"
    refused: str = ""
    instead: str = ""


def route(document: Document, odata: OData | None = None) -> Decision:
    """Decide on a service; ``odata`` asks for a version of it.

    The first eligible mapping of a group is taken. Where several groups are eligible the one with
    the greater share of its required fields is, and the confidence is halved: it could be the other.
    Raises ``DataError`` for a document type that is not known.
    """
    said = _route_of(document.type)
    if "refused" in said:
        return Decision(document.type, None, (), refused=said["refused"], instead=said["instead"])
    if "message" in said:
        return Decision(document.type, _message(document, said["message"]), ())
    tried = [
        [_candidate(document, mappings()[name], odata) for name in group] for group in said["to"]
    ]
    every = [each for group in tried for each in group]
    firsts = [next((each for each in group if each.confidence > 0), None) for group in tried]
    eligible = sorted((each for each in firsts if each), key=lambda each: -each.confidence)
    if not eligible:
        return Decision(
            document.type,
            None,
            tuple(every),
            refused="; ".join(dict.fromkeys(reason for each in every for reason in each.reasons)),
            instead="Complete the document, or have somebody decide.",
        )
    best = eligible[0]
    others = tuple(each for each in every if each.mapping != best.mapping)
    if len(eligible) > 1:
        rivals = ", ".join(each.service for each in eligible[1:])
        best = replace(
            best,
            confidence=best.confidence / 2,
            reasons=(*best.reasons, f"{rivals} could take it as well"),
        )
    return Decision(document.type, best, others)


def _message(document: Document, name: str) -> Candidate:
    """A SOAP message, where no OData service takes the type."""
    type_ = doctype(document.type)
    wanted = [(each, each in document.fields) for each in type_.needed("document")]
    wanted.append(("items", bool(document.items)))
    for number, row in enumerate(document.items, 1):
        wanted += [(f"items[{number}].{each}", each in row) for each in type_.needed("item")]
    lacking = tuple(each for each, there in wanted if not there)
    reasons = (
        f"no OData service posts a {document.type}; the SOAP message {name} does",
        f"{len(wanted) - len(lacking)} of {len(wanted)} required fields are given",
    )
    share = round(1 - len(lacking) / len(wanted), 3)
    return Candidate(name, name, "JournalEntryBulkCreateRequest", "SOAP", share, reasons, lacking)


def _candidate(document: Document, mapping: DocumentMapping, odata: OData | None) -> Candidate:
    version: OData = "V4" if mapping.name.endswith(".v4") else "V2"
    lacking, required = missing(document, mapping)
    reasons = [f"a {document.type} is a {mapping.entity} of {mapping.service}"]
    against = list(_against(document, mapping, version, odata))
    if mapping.service in deprecations():
        reasons.append(f"the service is {deprecations()[mapping.service]}")
    if not against:
        there = [name for name in mapping.only_with if _has(document, name)]
        reasons += [f"{name} is given" for name in there]
        reasons.append(f"{required - len(lacking)} of {required} required fields are given")
    share = 1 - len(lacking) / required if required else 1.0
    return Candidate(
        mapping.name,
        mapping.service,
        mapping.entity,
        version,
        0.0 if against else round(share, 3),
        tuple(against or reasons),
        tuple(lacking),
    )


def _against(
    document: Document, mapping: DocumentMapping, version: OData, wanted: OData | None
) -> Iterator[str]:
    if wanted and wanted != version:
        yield f"{mapping.service} is {version}, {wanted} is asked for"
    if mapping.only_with and not any(_has(document, name) for name in mapping.only_with):
        yield f"{mapping.service} needs one of {', '.join(mapping.only_with)}"
    for name, value in unaccepted(document, mapping):
        yield f"{mapping.service} does not take {name} {value!r}"


def missing(document: Document, mapping: DocumentMapping) -> tuple[list[str], int]:
    """The required fields that a document lacks, and how many are required in all."""
    found = {(field, place): there for field, place, there in _required(document, mapping)}
    lacking = sorted(f"{place}{field}" for (field, place), there in found.items() if not there)
    return lacking, len(found)


def _required(document: Document, mapping: DocumentMapping) -> Iterator[tuple[str, str, bool]]:
    """Each required (field, row it stands in, whether it is there)."""

    def walk(
        properties: Properties, children: Sequence[Child], scope: Row, place: str
    ) -> Iterator[tuple[str, str, bool]]:
        for source in properties.values():
            if source.required and (not source.only_for or document.type in source.only_for):
                of_row = canonical_field(source.field).level != "document"
                yield source.field, place if of_row else "", source.field in scope
        for child in children:
            rows = child_rows(document, child, scope)
            if child.required:
                yield child.each, place, bool(rows)
            for number, row in rows:
                inner = f"{child.each}[{number}]." if child.each in ("items", "taxes") else place
                yield from walk(child.properties, child.children, row, inner)

    rows = document.items if mapping.rows else ({},)
    for number, row in enumerate(rows, 1):
        place = f"items[{number}]." if mapping.rows else ""
        scope = {**document.fields, **row}
        yield from walk(mapping.properties, mapping.children, scope, place)


def _has(document: Document, name: str) -> bool:
    return name in document.fields or any(name in row for row in document.items)


@cache
def _routes() -> dict[str, Any]:
    return files.read_shipped(ROUTES)


def _route_of(document_type: str) -> dict[str, Any]:
    routes = _routes()
    if document_type not in routes:
        raise DataError(
            f"no document type {document_type}." + did_you_mean(document_type, list(routes)),
            f"There are: {', '.join(routes)}.",
        )
    return routes[document_type]
