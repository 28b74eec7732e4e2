"""Canonical documents become bodies that the metadata holds, or every reason why not is told."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from what_ships import EXAMPLES, example, services

from assay.errors import DataError
from assay.sap.canonical import Document
from assay.sap.fields import Value
from assay.sap.mappings import mappings
from assay.sap.metadata import EntityType, Service
from assay.sap.payloads import Payload, PayloadError, build
from assay.sap.routing import route

POSTED = sorted(path.stem for path in EXAMPLES.glob("*.json") if path.stem != "journal_entry")


def built(document: Document, name: str = "") -> list[Payload]:
    chosen = route(document).chosen
    assert name or chosen
    mapping = mappings()[name or (chosen.mapping if chosen else "")]
    return build(document, mapping, services()[mapping.service])


def refused(document: Document, name: str = "") -> list[str]:
    with pytest.raises(PayloadError) as caught:
        built(document, name)
    return [str(each) for each in caught.value.faults]


def held(body: dict[str, Any], entity: EntityType, service: Service) -> int:
    """How many properties a body has, each of which the entity must have."""
    count = 0
    for name, value in body.items():
        way = entity.navigation(name)
        if way is None:
            assert entity.property(name), f"{entity.name}.{name}"
            count += 1
            continue
        target = service.entity(way.target)
        assert target
        rows = value["results"] if isinstance(value, dict) and "results" in value else value
        for row in rows if isinstance(rows, list) else [rows]:
            count += held(row, target, service)
    return count


@pytest.mark.parametrize("name", POSTED)
def test_an_example_becomes_a_body_of_its_service(name: str) -> None:
    (payload,) = built(example(name))
    service = services()[payload.service]
    entity = service.entity(payload.entity_set)
    assert entity and held(payload.body, entity, service) >= 9
    assert json.loads(json.dumps(payload.body)) == payload.body
    assert payload.find_by.keys() <= payload.body.keys() and None not in payload.find_by.values()
    assert bool(payload.find_by)


def test_a_purchase_order_of_v4() -> None:
    (payload,) = built(example("purchase_order"))
    first, second = payload.body["_PurchaseOrderItem"]
    assert payload.body["PurchaseOrderDate"] == "2026-11-03"
    assert first["OrderQuantity"] == 1250.5 and first["NetPriceAmount"] == 12.4
    assert first["_PurchaseOrderScheduleLineTP"] == [
        {
            "ScheduleLine": "1",
            "ScheduleLineDeliveryDate": "2026-11-30",
            "ScheduleLineOrderQuantity": 1250.5,
        }
    ]
    assert "_PurOrdAccountAssignment" not in first
    assert second["_PurOrdAccountAssignment"][0]["CostCenter"].endswith("17101301")
    assert payload.path.startswith("/sap/opu/odata4/") and payload.defaults == {}


def test_the_same_order_for_the_deprecated_service_of_v2() -> None:
    (payload,) = built(example("purchase_order"), "purchase_order.v2")
    first, _ = payload.body["to_PurchaseOrderItem"]["results"]
    assert payload.body["PurchaseOrderDate"] == "/Date(1793664000000)/"
    assert first["OrderQuantity"] == "1250.5" and first["NetPriceAmount"] == "12.40"
    assert first["to_ScheduleLine"]["results"][0]["ScheduleLineOrderQuantity"] == "1250.5"


def test_an_invoice_s_lines_go_where_they_refer_to() -> None:
    document = example("supplier_invoice")
    by_account: dict[str, Value] = {
        "item_number": "2",
        "gl_account": "61003000",
        "debit_credit": "S",
        "net_amount": Decimal("10.00"),
    }
    (payload,) = built(replace(document, items=(*document.items, by_account)))
    assert len(payload.body["to_SuplrInvcItemPurOrdRef"]["results"]) == 1
    (line,) = payload.body["to_SupplierInvoiceItemGLAcct"]["results"]
    assert line["GLAccount"].endswith("61003000") and line["SupplierInvoiceItemAmount"] == "10.00"
    assert "SupplierInvoiceIsCreditMemo" not in payload.body


def test_a_credit_memo_says_that_it_is_one() -> None:
    (payload,) = built(example("credit_memo"))
    assert payload.body["SupplierInvoiceIsCreditMemo"] == "X"


def test_partners_of_one_way_share_its_list() -> None:
    document = example("sales_order")
    more = {**document.fields, "ship_to_number": "10100002", "payer_number": "10100003"}
    for name, way in (("sales_order.v2", "to_Partner"), ("sales_order.v4", "_Partner")):
        (payload,) = built(replace(document, fields=more), name)
        rows = payload.body[way]["results"] if name.endswith("v2") else payload.body[way]
        assert [row["PartnerFunction"] for row in rows] == ["SH", "PY"]


def test_what_was_taken_for_granted_is_told() -> None:
    (payload,) = built(example("goods_receipt"))
    assert payload.defaults == {
        "GoodsMovementCode": "01",
        "to_MaterialDocumentItem[1].GoodsMovementType": "101",
        "to_MaterialDocumentItem[1].GoodsMovementRefDocType": "B",
    }


def test_each_item_of_a_product_list_is_a_product() -> None:
    document = example("product_master")
    again = replace(document, items=(document.items[0], {**document.items[0], "material": "BX-21"}))
    first, second = built(again)
    assert (first.find_by, second.find_by) == ({"Product": "BX-20-RED"}, {"Product": "BX-21"})
    assert refused(replace(document, items=())) == [
        "items: missing: each item is an entity of its own (items)"
    ]


def test_every_fault_is_told_at_once_with_field_value_rule_and_place() -> None:
    document = example("purchase_order")
    first = {**document.items[0], "unit_price": Decimal("12.405"), "batch": "0123456789A"}
    del first["quantity"]
    fields = {key: value for key, value in document.fields.items() if key != "company_code"}
    faults = refused(replace(document, fields={**fields, "currency": "EUR"}, items=(first,)))
    assert faults == [
        "company_code: missing: it is required (CompanyCode)",
        "quantity: missing: it is required (_PurchaseOrderItem[1].OrderQuantity)",
        "unit_price = '12.405': 3 digits after the point, the currency has 2 "
        "(_PurchaseOrderItem[1].NetPriceAmount)",
        "batch = '0123456789A': 11 characters, at most 10 fit (_PurchaseOrderItem[1].Batch)",
    ]


def test_yen_have_no_fraction() -> None:
    document = example("purchase_order")
    item = {**document.items[0], "unit_price": Decimal("1240.50")}
    faults = refused(
        replace(document, fields={**document.fields, "currency": "JPY"}, items=(item,))
    )
    assert any("the currency has 0" in each for each in faults)


@pytest.mark.parametrize("missing", ["currency", "supplier_number", "purchasing_group"])
def test_nothing_required_is_guessed(missing: str) -> None:
    document = example("purchase_order")
    fields = {key: value for key, value in document.fields.items() if key != missing}
    assert any(
        each.startswith(f"{missing}: missing") for each in refused(replace(document, fields=fields))
    )


def test_without_a_material_a_text_and_a_group_are_needed() -> None:
    document = example("purchase_order")
    bare = {
        k: v
        for k, v in document.items[1].items()
        if k not in ("item_description", "material_group")
    }
    faults = refused(replace(document, items=(bare,)))
    assert [each.split(":")[0] for each in faults] == ["item_description", "material_group"]
    assert "required without material" in faults[0]


def test_an_order_without_items_is_refused() -> None:
    assert refused(replace(example("purchase_order"), items=())) == [
        "items: missing: at least one is needed (_PurchaseOrderItem)"
    ]


def test_a_code_that_the_service_does_not_take_is_refused() -> None:
    document = example("purchase_order")
    item = {**document.items[0], "item_category": "D"}
    faults = refused(replace(document, items=(item,)), "purchase_order.v4")
    assert faults == [
        "item_category = 'D': the service takes (none), L, S, E, K "
        "(com.sap.gateway.srvd_a2x.api_purchaseorder_2.v0001)"
    ]


def test_a_mapping_that_the_metadata_does_not_hold_builds_nothing() -> None:
    mapping = mappings()["purchase_order.v4"]
    service = replace(services()[mapping.service], entities=())
    with pytest.raises(DataError, match="has no entity set PurchaseOrder"):
        build(example("purchase_order"), mapping, service)


def test_the_error_survives_a_process_pool() -> None:
    with pytest.raises(PayloadError) as caught:
        built(replace(example("purchase_order"), items=()))
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.faults == caught.value.faults and str(again) == str(caught.value)


VALUES: dict[str, st.SearchStrategy[Value]] = {
    "quantity": st.decimals(allow_nan=True, allow_infinity=True),
    "unit_price": st.decimals(min_value=-(10**14), max_value=10**14),
    "item_description": st.text(max_size=60),
    "delivery_date": st.dates(),
    "plant": st.text(max_size=6),
}


@given(st.fixed_dictionaries({}, optional=VALUES))
def test_any_values_make_a_body_or_a_list_of_faults(values: dict[str, Value]) -> None:
    document = example("purchase_order")
    item = {**document.items[0], **values}
    for name in ("purchase_order.v4", "purchase_order.v2"):
        try:
            (payload,) = built(replace(document, items=(item,)), name)
        except PayloadError as error:
            assert error.faults and all(each.rule for each in error.faults)
        else:
            assert json.loads(json.dumps(payload.body, allow_nan=False)) == payload.body


def test_a_day_before_v2_s_first_is_refused_there_only() -> None:
    document = example("purchase_order")
    old = replace(document, fields={**document.fields, "document_date": date(1700, 1, 1)})
    assert built(old, "purchase_order.v4")
    assert "1753-01-01" in refused(old, "purchase_order.v2")[0]


def test_what_finds_it_again_is_typed_and_says_what_is_missing() -> None:
    order = example("purchase_order")
    (payload,) = built(order)
    assert payload.find_by["PurchaseOrderDate"] == date(2026, 11, 3)
    without = {key: value for key, value in order.fields.items() if key != "your_reference"}
    (payload,) = built(replace(order, fields=without))
    assert payload.find_by["CorrespncExternalReference"] is None


def test_the_examples_are_all_of_the_types_that_can_be_posted() -> None:
    types = {example(name).type for name in POSTED}
    assert types | {"material_master"} == {t for m in mappings().values() for t in m.documents}


@pytest.mark.parametrize("name,way", [("", "_PurchaseOrderItem"), ("purchase_order.v2", "to_")])
def test_two_items_of_one_number_are_refused(name: str, way: str) -> None:
    order = example("purchase_order")
    twice = replace(order, items=(*order.items, {**order.items[1], "item_number": "10"}))
    (said,) = refused(twice, name)
    assert said.startswith("item_number = '10': stands twice, and it is the key (")
    assert way in said and "[3]." in said
