"""An index is built from distinct texts, resumed, rebuilt on change; queries find and filter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.errors import DataError
from assay.models.load import Embedder
from assay.observability.progress import SILENT
from assay.sap.fields import fields
from assay.sap.metadata import EntityType, Property, Service
from assay.sap.rules import rules
from assay.sap.search import index as indexing
from assay.sap.search.entries import OTHER, entries_of, module_of
from assay.sap.search.explanations import explanations
from assay.sap.search.index import folder_of, open_index
from assay.sap.search.ranking import Filter, Search, require_query
from assay.sap.store import KnowledgeBase, Origin


def service(name: str, title: str, *properties: str) -> Service:
    found = tuple(Property(each, "Edm.String") for each in properties)
    return Service(name, name, "V2", "edmx", (EntityType(f"A_{title}", found),), title=title)


ORDERS = service("API_SALES_ORDER_SRV", "SalesOrder", "SalesOrder", "PaymentTerms")
GOODS = service("API_MATERIAL_DOCUMENT_SRV", "MaterialDocument", "GoodsMovementType", "Plant")
TEXTS = ["sales order payment terms goods movement type plant material document"]


def put(base: KnowledgeBase, each: Service, digest: str = "1") -> None:
    base.put(each, Origin("a test", "MIT", digest))


@pytest.fixture
def base(tmp_path: Path) -> Iterator[KnowledgeBase]:
    found = KnowledgeBase(str(tmp_path / "kb.sqlite"))
    put(found, ORDERS)
    put(found, GOODS)
    yield found
    found.close()


@pytest.fixture(scope="module")
def embedder(tiny_encoder: Callable[..., Callable[[], Any]]) -> Embedder:
    return tiny_encoder(TEXTS)()


@pytest.fixture
def search(base: KnowledgeBase, embedder: Embedder) -> Search:
    return Search(open_index(base, embedder, SILENT), embedder)


def paths(search: Search, query: str, only: Filter | None = None) -> list[str]:
    return [hit.entry.path for hit in search.find(query, 5, only)]


def test_entries_are_services_entities_properties() -> None:
    kinds = [each.kind for each in entries_of([ORDERS], [], [])]
    assert kinds == ["service", "entity", "property", "property"]


def test_a_field_and_a_rule_are_entries_that_belong_to_no_service() -> None:
    found = list(entries_of([], [fields()["iban"]], rules()[:1]))
    assert [each.path for each in found] == ["field/iban", f"rule/{rules()[0].id}"]
    assert [each.service_name for each in found] == ["", ""] and found[1].own


def test_a_service_has_a_module() -> None:
    assert module_of("API_SALES_ORDER_SRV") == "sales"
    assert module_of("com.sap.gateway.srvd_a2x.api_purchaseorder_2.v0001") == "purchasing"
    assert module_of("ZZ_UNHEARD_OF") == OTHER


def test_german_and_misspelt_queries_find_what_is_meant(search: Search) -> None:
    wanted = "API_SALES_ORDER_SRV/A_SalesOrder/PaymentTerms"
    for query in ("payment terms", "Zahlungsbedingungen", "paymnt terms"):
        assert wanted in paths(search, query)


def test_a_term_is_found_by_what_it_means(search: Search) -> None:
    phrase = explanations()["payment terms"][0]
    found = search.find(phrase, 3)
    assert found[0].entry.path.endswith("/PaymentTerms")
    assert found[0].by == "payment terms"


def test_a_misspelt_query_finds_what_the_right_one_does(search: Search) -> None:
    assert search.find("paymnt terms of an ordr") == search.find("payment terms of an order")


def test_what_is_not_in_the_knowledge_base_is_not_meant(search: Search) -> None:
    assert "payment terms" in search.index.terms
    assert "abc indicator" in explanations()
    assert "abc indicator" not in search.index.terms


def test_filters_narrow(search: Search) -> None:
    assert all("MATERIAL" in p for p in paths(search, "order", Filter(module="inventory")))
    assert paths(search, "order", Filter(kind="service", service=GOODS.name)) == [GOODS.name]
    assert paths(search, "order", Filter(odata="V4")) == []


@pytest.mark.parametrize("only", [Filter(module="sale"), Filter(kind="x"), Filter(odata="V3")])
def test_an_unknown_filter_is_refused_with_what_there_is(only: Filter) -> None:
    with pytest.raises(DataError, match="Known are"):
        only.check([])


@pytest.mark.parametrize("query", ["", " ?! ", "x" * 2001])
def test_a_query_that_cannot_be_read_is_refused(query: str) -> None:
    with pytest.raises(DataError):
        require_query(query)


def test_an_empty_knowledge_base_says_how_to_fill_it(tmp_path: Path, embedder: Embedder) -> None:
    with pytest.raises(DataError, match="assay kb import"):
        open_index(KnowledgeBase(str(tmp_path / "none.sqlite")), embedder, SILENT)


def test_only_new_texts_are_embedded_when_the_base_changes(
    base: KnowledgeBase, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay.models import embed

    read: list[str] = []
    real = embed.embed

    def counted(encoder: Embedder, texts: list[str], *rest: Any, **named: Any) -> Any:
        read.extend(texts)
        return real(encoder, texts, *rest, **named)

    monkeypatch.setattr(embed, "embed", counted)
    before = open_index(base, embedder, SILENT)
    assert read and len(read) == len(set(read))
    read.clear()
    assert open_index(base, embedder, SILENT).entries == before.entries and not read
    put(
        base, service("API_SALES_ORDER_SRV", "SalesOrder", "SalesOrder", "SerialNumberProfile"), "2"
    )
    after = open_index(base, embedder, SILENT)
    assert set(read) == {"serial number profile", *explanations()["serial number profile"]}
    assert any(each.path.endswith("/SerialNumberProfile") for each in after.entries)


def test_an_altered_file_is_built_again(base: KnowledgeBase, embedder: Embedder) -> None:
    open_index(base, embedder, SILENT)
    file = folder_of(base) / indexing.VECTORS
    good = file.read_bytes()
    file.write_bytes(good[:-4] + b"abcd")
    open_index(base, embedder, SILENT)
    assert file.read_bytes() == good


def test_rules_are_found_by_their_kind_alone(search: Search) -> None:
    query = "the IBAN has the form and check digits of its country"
    assert not any(path.startswith("rule/") for path in paths(search, query))
    found = paths(search, query, Filter(kind="rule"))
    assert found and all(path.startswith("rule/") for path in found)
