"""Writes docs/sap-services.md from the schemas that ship, with their sources and licences.

Usage: python tools/kb_page.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from assay.observability.progress import SILENT
from assay.sap.counts import Counts, counted
from assay.sap.documents import in_path
from assay.sap.importing import import_documents
from assay.sap.shipped import SCHEMAS, deprecations
from assay.sap.store import KnowledgeBase, Listed

PAGE = Path(__file__).resolve().parents[1] / "docs" / "sap-services.md"
HEAD = """\
# What ships for SAP

Made from the schemas by `tools/kb_page.py`, through an import into an empty knowledge base; a test keeps
it in step. How to bring more, and your own system's: [SAP](sap.md).

"""


def page() -> str:
    """The page's text."""
    with tempfile.TemporaryDirectory() as scratch:
        kb = KnowledgeBase(f"{scratch}/kb.sqlite")
        import_documents(kb, in_path(SCHEMAS), kb.quarantine, SILENT)
        everything = kb.services()
        rows = [each for each in everything if each.kind != "outline"]
        outlines = [each for each in everything if each.kind == "outline"]
        counts = counted(kb)
        kb.close()
    totals = (
        f"**{counts.services} services, {counts.entity_types:,} entity types, "
        f"{counts.properties:,} properties**, "
        f"{counts.extension_fields} of them customers' extension fields; "
        f"{counts.broken_references} broken references.\n\n"
    )
    head = "| service | OData | types | properties | title | from | licence |\n|---|---|---|---|---|---|---|\n"
    gone = [f"- {row.name}: {deprecations()[row.name]}." for row in rows if row.deprecated]
    notes = "\nDeprecated:\n\n" + "\n".join(gone) + "\n" if gone else ""
    listed = head + "".join(map(_row, rows))
    return HEAD + _known(counts) + totals + listed + _outlines(outlines) + notes


def _known(counts: Counts) -> str:
    """What Assay itself knows of documents, each with where it is written down."""
    rows = (
        ("document types", counts.document_types, "`documents.yaml`: [fields](sap-fields.md)"),
        ("subtypes, on SAP's axes", counts.subtypes, "`documents.yaml`"),
        ("canonical fields", counts.fields, "`fields/`"),
        ("labels of fields, in five languages", counts.labels, "`fields/`"),
        ("places of fields in SAP", counts.field_references, "held to the services below"),
        ("mappings", counts.mappings, "`mappings/`"),
        (
            "properties and ways that they name",
            counts.mapped_references,
            "held to the services below",
        ),
        ("of these, broken", counts.broken_mappings, "`assay kb stats`"),
        (
            "of these, of a service that is not there",
            counts.unchecked_references,
            "`assay kb stats`",
        ),
        ("field transformations", counts.transformations, "`transformations/fields.yaml`"),
        ("business rules", counts.rules, "`rules/`: [the rules](sap-rules.md)"),
    )
    head = (
        "| what Assay knows of documents | | written in src/assay/sap/knowledge |\n|---|---|---|\n"
    )
    return head + "".join(f"| {what} | {n:,} | {where} |\n" for what, n, where in rows) + "\n"


def _outlines(rows: list[Listed]) -> str:
    head = (
        "\nOutlines, which hold what Assay's own mappings and fields use of services whose metadata may not "
        "be passed on; they are not counted above, and an import of the service takes their place:\n\n"
        "| service | OData | types | properties |\n|---|---|---|---|\n"
    )
    lines = [f"| {row.name} | {row.odata} | {row.entities} | {row.properties} |\n" for row in rows]
    return head + "".join(lines)


def _row(row: Listed) -> str:
    address, _, rest = row.origin.source.partition(" ")
    file = rest.rpartition(" (")[0]
    source = f"[{address.removeprefix('https://github.com/')}]({address}) `{file}` ({row.kind})"
    numbers = f"{row.entities} | {row.properties}"
    return f"| {row.name} | {row.odata} | {numbers} | {row.title} | {source} | {row.origin.licence} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
