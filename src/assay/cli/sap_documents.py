"""What the commands of ``assay sap`` share: from a document to its mapping and its payloads."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from assay.sap.canonical import Document
    from assay.sap.mappings import DocumentMapping
    from assay.sap.payloads import Payload
    from assay.sap.transformations import Tables

REFUSED = 3  # exit code of a document that cannot be posted as it is, or was not

Version = Annotated[
    str | None, typer.Option("--odata", help="V2 or V4, where a document can go to either.")
]
Own = Annotated[
    Path | None, typer.Option("--mapping", help="A mapping of your own instead of the router's.")
]

Tables_ = Annotated[
    Path | None, typer.Option("--tables", help="YAML with codes of your own, such as units.")
]


def tables_of(path: Path | None) -> Tables:
    """The company's own tables, none without a file."""
    from assay.sap.transformations import NO_TABLES, load_tables

    return load_tables(path) if path else NO_TABLES


def version_of(odata: str | None) -> Any:
    from assay.errors import DataError

    if odata and odata.upper() not in ("V2", "V4"):
        raise DataError(f"--odata {odata}: no such version", "There are: V2, V4.")
    return odata.upper() if odata else None


def mapping_of(document: Document, odata: str | None, own: Path | None) -> DocumentMapping:
    """The mapping that is asked for, or the router's; raises where it refuses the document."""
    from assay.errors import DataError
    from assay.sap import mappings
    from assay.sap.routing import route as decide

    if own:
        return mappings.load(own)
    decision = decide(document, version_of(odata))
    if decision.chosen is None:
        raise DataError(f"{document.name}: {decision.refused}", decision.instead)
    return mappings.mappings()[decision.chosen.mapping]


def build(
    document: Document, mapping: DocumentMapping, kb: str | None, tables: Tables
) -> list[Payload]:
    from assay.sap import payloads
    from assay.sap.store import KnowledgeBase

    with closing(KnowledgeBase(kb)) as base:
        return payloads.build(document, mapping, base.service(mapping.service), tables)


def is_message(document: Document) -> bool:
    """Whether a document goes to SAP as a SOAP message."""
    from assay.sap.routing import route as decide

    chosen = decide(document).chosen
    return chosen is not None and chosen.odata == "SOAP"


def plain(said: Any) -> dict[str, Any]:
    """A dataclass for JSON: amounts as texts with all their digits, days in ISO 8601."""
    return json.loads(json.dumps(asdict(said), default=str))
