"""Imports: repeated, of several forms of a service, of a newer release, and of what is broken."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from orders import OPENAPI_V2, V2

from assay import files
from assay.observability.progress import SILENT
from assay.sap.documents import Document, in_path
from assay.sap.importing import Result, import_documents
from assay.sap.shipped import SCHEMAS, deprecations
from assay.sap.store import KnowledgeBase


def document(name: str, text: str) -> Document:
    return Document(name, f"from {name}", "MIT", text.encode)


def run(kb: KnowledgeBase, *documents: Document) -> list[Result]:
    return import_documents(kb, documents, kb.quarantine, SILENT)


def actions(kb: KnowledgeBase, *documents: Document) -> list[str]:
    return [each.action for each in run(kb, *documents)]


EDMX = document("x.edmx", V2)
API = document("x.json", files.canonical_json(OPENAPI_V2).decode())


def test_what_ships_goes_in_once(kb: KnowledgeBase) -> None:
    found = list(in_path(SCHEMAS))
    assert set(actions(kb, *found)) == {"added"}
    before = kb.services()
    assert len(before) == len(found) == 42
    assert set(actions(kb, *found)) == {"unchanged"}
    assert kb.services() == before  # with the time of their import
    assert {each.origin.licence for each in before} == {"Apache-2.0", "MIT"}
    assert not kb.quarantine.exists()


@pytest.mark.parametrize("order", [(EDMX, API), (API, EDMX)])
def test_the_richest_form_of_a_service_is_kept(
    kb: KnowledgeBase, order: tuple[Document, ...]
) -> None:
    run(kb, *order)
    assert [(each.name, each.kind) for each in kb.services()] == [("API_ORDER_0002", "edmx")]
    again = {each.name: each.action for each in run(kb, *order)}
    assert again == {"x.edmx": "unchanged", "x.json": "set aside"}


def test_a_newer_release_replaces_and_says_what_it_dropped(kb: KnowledgeBase) -> None:
    run(kb, EDMX)
    newer = V2.replace('Name="Rate"', 'Name="ExchangeRate"')
    (result,) = run(kb, document("new.edmx", newer))
    assert (result.action, result.added, result.dropped) == (
        "replaced",
        ("A_Order.ExchangeRate",),
        ("A_Order.Rate",),
    )
    order = kb.service("API_ORDER_0002").entity("A_Order")
    assert order is not None and order.property("Rate") is None


def test_two_that_disagree_in_one_import_are_an_error_of_the_second(kb: KnowledgeBase) -> None:
    other = document("other.edmx", V2.replace('MaxLength="5"', 'MaxLength="6"'))
    same = document("copy.edmx", V2)
    results = run(kb, EDMX, same, other)
    assert [each.action for each in results] == ["added", "unchanged", "quarantined"]
    assert results[2].reason == (
        "other.edmx: it names the service API_ORDER_0002, as x.edmx does, and says otherwise"
    )
    order = kb.service("API_ORDER_0002").entity("A_Order")
    currency = order and order.property("Currency")
    assert currency and currency.max_length == 5


def test_what_is_broken_is_kept_with_its_reason_and_the_rest_goes_on(kb: KnowledgeBase) -> None:
    broken = document("dir/broken.edmx", V2[:-100])
    assert actions(kb, broken, EDMX) == ["quarantined", "added"]
    raw, reason = sorted(kb.quarantine.iterdir())
    assert raw.read_bytes() == V2[:-100].encode() and raw.name.endswith("-broken.edmx")
    said = files.read_json(reason)
    assert said["document"] == "dir/broken.edmx" and "not XML" in said["reason"]
    assert actions(kb, broken, EDMX) == ["quarantined", "unchanged"]
    assert len(list(kb.quarantine.iterdir())) == 2  # the same one is put aside once


def test_a_large_one_is_not_copied(kb: KnowledgeBase, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.edmx.gz"
    bomb.write_bytes(gzip.compress(b" " * 5_000_000))
    assert actions(kb, *in_path(bomb, 2**20)) == ["quarantined"]
    assert [file.name.endswith("reason.json") for file in kb.quarantine.iterdir()] == [True]


def test_an_import_that_is_cut_short_goes_on(kb: KnowledgeBase) -> None:
    found = list(in_path(SCHEMAS))[:6]

    def cut() -> bytes:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(kb, *found[:3], Document("cut", "", "", cut), *found[3:])
    assert len(kb.services()) == 3
    assert actions(kb, *found) == ["unchanged"] * 3 + ["added"] * 3


def test_a_deprecated_service_is_flagged(kb: KnowledgeBase) -> None:
    run(kb, *in_path(SCHEMAS))
    flagged = {each.name for each in kb.services() if each.deprecated}
    assert flagged == {"API_PURCHASEREQ_PROCESS_SRV", "API_PURCHASEORDER_PROCESS_SRV"}
    successor = deprecations()["API_PURCHASEREQ_PROCESS_SRV"]
    assert str(successor) == (
        "deprecated since 2308, use com.sap.gateway.srvd_a2x.api_purchaserequisition_2.v0001 "
        "(SAP KBA 3598071)"
    )
