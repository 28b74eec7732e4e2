"""Names are split at case and signs, accents folded."""

from __future__ import annotations

import pytest

from assay.sap.search.words import entity_words, fold, service_words, split_name


@pytest.mark.parametrize(
    "name,words",
    [
        ("PurchaseOrderItem", "purchase order item"),
        ("GLAccountType", "gl account type"),
        ("NetAmount2", "net amount 2"),
    ],
)
def test_a_name_is_split(name: str, words: str) -> None:
    assert split_name(name) == words


@pytest.mark.parametrize(
    "name,words",
    [
        ("API_MATERIAL_DOCUMENT_SRV", "material document"),
        ("com.sap.gateway.srvd_a2x.api_salesorder.v0001", "salesorder"),
        ("Bank detail service", "bank detail"),
        ("API_SERVICE_ORDER_SRV", "service order"),
        ("Service", "service"),
    ],
)
def test_a_service_is_called_by_what_it_is_of(name: str, words: str) -> None:
    assert service_words(name) == words


@pytest.mark.parametrize(
    "name,words",
    [
        ("A_SalesOrderType", "sales order"),
        ("SalesOrderItem_Type", "sales order item"),
        ("A_GLAccountText", "gl account text"),
        ("I_TaxCodeType", "tax code"),
        ("WorkCenterType", "work center type"),
    ],
)
def test_what_marks_an_entity_type_is_none_of_its_words(name: str, words: str) -> None:
    assert entity_words(name) == words


def test_accents_are_folded_and_umlauts_are_two_letters() -> None:
    assert fold("Prüflos Straße échéance") == "prueflos strasse echeance"
