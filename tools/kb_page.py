"""Writes docs/sap-services.md from the schemas that ship, with their sources and licences.

Usage: python tools/kb_page.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from assay.observability.progress import SILENT
from assay.sap.documents import in_path
from assay.sap.importing import import_documents
from assay.sap.shipped import SCHEMAS, deprecations
from assay.sap.store import KnowledgeBase, Listed

PAGE = Path(__file__).resolve().parents[1] / "docs" / "sap-services.md"
HEAD = """\
# The SAP services that ship

Made from the schemas by `tools/kb_page.py`, through an import into an empty knowledge base; a test keeps
it in step. How to bring more, and your own system's: [SAP](sap.md).

"""


def page() -> str:
    """The page's text."""
    with tempfile.TemporaryDirectory() as scratch:
        kb = KnowledgeBase(f"{scratch}/kb.sqlite")
        import_documents(kb, in_path(SCHEMAS), kb.quarantine, SILENT)
        rows = kb.services()
        broken = sum(1 for row in rows for _ in kb.service(row.name).broken())
        kb.close()
    totals = (
        f"**{len(rows)} services, {sum(row.entities for row in rows):,} entity types, "
        f"{sum(row.properties for row in rows):,} properties**, "
        f"{sum(row.custom for row in rows)} of them customers' extension fields; "
        f"{broken} broken references.\n\n"
    )
    head = "| service | OData | types | properties | title | from | licence |\n|---|---|---|---|---|---|---|\n"
    gone = [f"- {row.name}: {deprecations()[row.name]}." for row in rows if row.deprecated]
    notes = "\nDeprecated:\n\n" + "\n".join(gone) + "\n" if gone else ""
    return HEAD + totals + head + "".join(map(_row, rows)) + notes


def _row(row: Listed) -> str:
    address, _, rest = row.origin.source.partition(" ")
    file = rest.rpartition(" (")[0]
    source = f"[{address.removeprefix('https://github.com/')}]({address}) `{file}` ({row.kind})"
    numbers = f"{row.entities} | {row.properties}"
    return f"| {row.name} | {row.odata} | {numbers} | {row.title} | {source} | {row.origin.licence} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
