"""Where documents go, why, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from what_ships import example

from assay.errors import DataError
from assay.sap.canonical import Document
from assay.sap.mappings import mappings
from assay.sap.routing import missing, route

SERVICES = {
    "purchase_order": "com.sap.gateway.srvd_a2x.api_purchaseorder_2.v0001",
    "supplier_invoice": "API_SUPPLIERINVOICE_PROCESS_SRV",
    "credit_memo": "API_SUPPLIERINVOICE_PROCESS_SRV",
    "sales_order": "API_SALES_ORDER_SRV",
    "goods_receipt": "API_MATERIAL_DOCUMENT_SRV",
    "goods_issue": "API_MATERIAL_DOCUMENT_SRV",
    "delivery_note": "API_INBOUND_DELIVERY_SRV_0002",
    "vendor_master": "API_BUSINESS_PARTNER",
    "customer_master": "API_BUSINESS_PARTNER",
    "product_master": "API_PRODUCT_SRV",
    "payment_advice": "API_PAYMENT_ADVICE_SRV",
}


@pytest.mark.parametrize("name", SERVICES)
def test_a_whole_document_goes_to_its_service_with_all_confidence(name: str) -> None:
    decision = route(example(name))
    assert decision.chosen and decision.chosen.service == SERVICES[name]
    assert decision.chosen.confidence == 1.0 and decision.chosen.missing == ()
    assert decision == route(example(name))


def test_the_deprecated_service_is_taken_only_when_it_is_asked_for() -> None:
    order = example("purchase_order")
    asked = route(order, "V2").chosen
    assert asked and asked.service == "API_PURCHASEORDER_PROCESS_SRV"
    assert any("deprecated since 2308" in reason for reason in asked.reasons)
    (other,) = route(order, "V2").others
    assert other.confidence == 0 and "V2 is asked for" in other.reasons[0]


def test_a_service_order_falls_to_the_service_that_takes_its_category() -> None:
    order = example("purchase_order")
    item = {**order.items[0], "item_category": "D"}
    decision = route(replace(order, items=(item,)))
    assert decision.chosen and decision.chosen.mapping == "purchase_order.v2"
    assert "does not take item_category 'D'" in decision.others[0].reasons[0]
    neither = route(replace(order, items=(item,)), "V4")
    assert neither.chosen is None and "item_category 'D'" in neither.refused


def test_confidence_is_the_share_of_what_is_required() -> None:
    order = example("purchase_order")
    whole, required = missing(order, mappings()["purchase_order.v4"])
    assert whole == [] and required == 16  # 5 of the order, items, 5 of each item
    fields = {key: value for key, value in order.fields.items() if key != "supplier_number"}
    items = ({k: v for k, v in order.items[0].items() if k != "plant"}, order.items[1])
    chosen = route(replace(order, fields=fields, items=items)).chosen
    assert chosen and chosen.confidence == round(14 / 16, 3)
    assert chosen.missing == ("items[1].plant", "supplier_number")


def test_our_own_delivery_note_goes_out_and_a_supplier_s_comes_in() -> None:
    ours = Document(
        "delivery_note",
        {"shipping_point": "1010", "sales_order_number": "4711"},
        ({"item_number": "1", "item_sales_order_number": "4711", "item_sales_order_item": "10"},),
    )
    decision = route(ours)
    assert decision.chosen and decision.chosen.mapping == "outbound_delivery.v2"
    assert decision.chosen.confidence == round(4 / 6, 3)
    theirs = route(example("delivery_note"))
    assert theirs.chosen and "supplier_number is given" in theirs.chosen.reasons


def test_two_services_that_could_take_it_halve_the_confidence() -> None:
    note = example("delivery_note")
    item = {**note.items[0], "item_sales_order_number": "77"}
    decision = route(replace(note, items=(item,)))
    assert decision.chosen and decision.chosen.mapping == "inbound_delivery.v2"
    assert decision.chosen.confidence == 0.5
    assert "API_OUTBOUND_DELIVERY_SRV_0002 could take it as well" in decision.chosen.reasons


@pytest.mark.parametrize(
    "type_,reason,instead",
    [
        ("customer_invoice", "not by a plain POST", "BDwReferenceRequest"),
        ("unknown", "must be known", "somebody"),
    ],
)
def test_what_no_service_creates_is_refused_with_what_does(
    type_: str, reason: str, instead: str
) -> None:
    decision = route(Document(type_, {}))
    assert decision.chosen is None and reason in decision.refused and instead in decision.instead


def test_a_journal_entry_goes_as_a_soap_message() -> None:
    chosen = route(example("journal_entry")).chosen
    assert chosen and chosen.odata == "SOAP" and chosen.confidence == 1.0
    assert chosen.service == "JournalEntryCreateRequestConfirmation_In"
    bare = route(Document("journal_entry", {"currency": "EUR"}, ({"gl_account": "1"},))).chosen
    assert bare and bare.missing[-2:] == ("items[1].debit_credit", "items[1].item_amount")
    assert bare.confidence == round(3 / 9, 3)


def test_a_delivery_note_that_refers_to_nothing_is_refused() -> None:
    decision = route(Document("delivery_note", {"document_number": "1"}))
    assert decision.chosen is None and "needs one of" in decision.refused


def test_a_type_that_is_none_is_told_with_those_that_are() -> None:
    with pytest.raises(DataError, match='Did you mean "purchase_order"') as caught:
        route(Document("purchase_orders", {}))
    assert "supplier_invoice" in caught.value.remedy
