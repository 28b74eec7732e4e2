"""The counts are of what is there, and the numbers that the product promises are reached."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.observability.progress import SILENT
from assay.sap.counts import Counts, counted
from assay.sap.documents import in_path
from assay.sap.importing import import_documents
from assay.sap.shipped import SCHEMAS
from assay.sap.store import KnowledgeBase


@pytest.fixture(scope="module")
def counts(tmp_path_factory: pytest.TempPathFactory) -> Counts:
    kb = KnowledgeBase(str(tmp_path_factory.mktemp("kb") / "kb.sqlite"))
    import_documents(kb, in_path(SCHEMAS), kb.quarantine, SILENT)
    found = counted(kb)
    kb.close()
    return found


def test_what_ships_is_whole(counts: Counts) -> None:
    assert (counts.services, counts.outlines) == (35, 7)
    assert counts.broken_references == counts.broken_mappings == counts.unchecked_references == 0
    assert sum(counts.by_kind.values()) == sum(counts.by_odata.values()) == counts.services
    assert counts.by_licence.keys() == {"Apache-2.0", "MIT"}


def test_the_knowledge_of_documents_is_as_large_as_is_promised(counts: Counts) -> None:
    assert counts.document_types == 15 and counts.subtypes >= 50
    assert counts.fields >= 180 and counts.transformations >= 180 and counts.rules >= 200
    assert counts.labels >= 5 * counts.fields and counts.field_references >= 500
    assert counts.mappings == 13 and counts.mapped_references >= 500


def test_an_empty_base_holds_nothing_and_leaves_references_unchecked(tmp_path: Path) -> None:
    kb = KnowledgeBase(str(tmp_path / "kb.sqlite"))
    found = counted(kb)
    kb.close()
    assert found.services == found.properties == found.outlines == 0
    assert found.unchecked_references == found.mapped_references + found.field_references
