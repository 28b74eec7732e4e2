"""The document types that ship, and that each kind of fault in their file would be found."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from assay.errors import DataError
from assay.sap.doctypes import DOCUMENTS, check, doctype, doctypes, faults
from assay.sap.fields import fields

SAID = yaml.safe_load(DOCUMENTS.read_text(encoding="utf-8"))
TYPES = [
    *("purchase_order", "supplier_invoice", "sales_order", "customer_invoice", "goods_receipt"),
    *("goods_issue", "journal_entry", "product_master", "vendor_master", "customer_master"),
    *("material_master", "payment_advice", "delivery_note", "credit_memo", "unknown"),
]


def test_the_types_are_sound() -> None:
    assert list(doctypes()) == TYPES
    assert check() == []


@pytest.mark.parametrize("name,least", [("purchase_order", 35), ("supplier_invoice", 15)])
def test_the_large_types_have_their_subtypes(name: str, least: int) -> None:
    assert len(doctype(name).subtypes) >= least


@pytest.mark.parametrize("name", TYPES)
def test_no_two_subtypes_share_all_axes_and_every_code_is_used(name: str) -> None:
    kind = doctype(name)
    places = [tuple(each.axes.items()) for each in kind.subtypes.values()]
    assert len(set(places)) == len(places)
    for axis, codes in kind.axes.items():
        assert {each.axes[axis] for each in kind.subtypes.values()} == set(codes), axis


def test_account_assignments_need_what_bears_the_cost() -> None:
    bearers = {
        "K": "cost_center",
        "A": "asset",
        "P": "wbs_element",
        "Q": "wbs_element",
        "F": "internal_order",
        "N": "network",
        "C": "item_sales_order_number",
        "E": "item_sales_order_number",
    }
    for each in doctype("purchase_order").subtypes.values():
        code = each.axes["account_assignment"]
        assert (bearers[code] in each.needs) if code in bearers else code in ("", "U"), each.name


def test_limit_items_have_a_limit_in_place_of_a_quantity() -> None:
    order = doctype("purchase_order")
    limits = [
        name for name, each in order.subtypes.items() if each.axes["item_category"] in ("B", "E")
    ]
    assert limits
    for name in limits:
        assert "limit_amount" in order.needed("document", name)
        assert "quantity" not in order.needed("item", name)


def test_a_subtype_adds_to_its_type_and_takes_from_it() -> None:
    order = doctype("purchase_order")
    assert order.needed("item") == ("item_description", "quantity", "quantity_unit", "plant")
    assert order.needed("item", "standard_cost_center") == (*order.needed("item"), "cost_center")
    assert "supplier_number" in order.needed("document")
    assert "supplier_number" not in order.needed("document", "stock_transport")
    assert order.needed("tax", "stock_transport") == ()
    for kind in doctypes().values():
        for name in kind.subtypes:
            for level in ("document", "item"):
                needed = kind.needed(level, name)
                assert all(fields()[each].level == level for each in needed)


def test_a_name_that_is_none_is_told_with_the_closest() -> None:
    with pytest.raises(DataError, match=r'a\.json: no document type invoice.*"supplier_invoice"'):
        doctype("invoice", "a.json")
    with pytest.raises(DataError, match=r'no subtype stock_transprot.*"stock_transport"'):
        doctype("purchase_order").needed("item", "stock_transprot")


def set_in(where: str, value: object) -> Any:
    """A change of ``sales_order``, or of its first subtype, at ``where``."""

    def change(entry: dict[str, Any]) -> None:
        *path, last = where.split(".")
        for step in path:
            entry = entry[int(step) if step.isdigit() else step]
        entry[last] = value

    return change


@pytest.mark.parametrize(
    "change,said",
    [
        (set_in("colour", "red"), "sales_order: no key colour."),
        (set_in("means", " "), "sales_order: means is empty"),
        (lambda entry: entry.pop("required"), "sales_order: required is missing"),
        (set_in("names.nl", ["Order"]), "sales_order: unknown language nl"),
        (lambda entry: entry["names"].pop("it"), "sales_order: no names in it"),
        (
            set_in("names.en", ["Order", "Order"]),
            "sales_order: names in en are no list of different",
        ),
        (set_in("names.en", "Order"), "sales_order: names in en are no list of different"),
        (set_in("names.en", []), "sales_order: names in en are no list of different"),
        (set_in("required", ["custmer_number"]), 'no field custmer_number. Did you mean "customer'),
        (set_in("required", ["quantity"]), "quantity is a field of the level item"),
        (set_in("required_items", ["material"] * 2), "required_items: material comes 2 times"),
        (set_in("subtypes.0.code", "OR"), "sales_order.standard: no key code."),
        (set_in("subtypes.0.means", ""), "sales_order.standard: means is empty"),
        (lambda entry: entry["subtypes"][0].pop("name"), "sales_order.?: name is missing"),
        (set_in("subtypes.0.name", "returns"), "sales_order.returns: the name comes twice"),
        (set_in("subtypes.0.needs", ["nothing"]), "sales_order.standard.needs: no field nothing."),
        (set_in("subtypes.0.needs", ["material"]), "the type requires material already"),
        (set_in("subtypes.0.waives", ["plant"]), "the type does not require plant"),
        (set_in("subtypes.0.axes", {"document_type": "OR"}), "document_type instead of document"),
        (set_in("subtypes.0.axes.document_type", "XX"), "document_type has no code 'XX'."),
        (set_in("subtypes.0.axes.item_category", "TAS"), "third_party: has the axes of standard"),
    ],
)
def test_every_kind_of_fault_is_found(change: Any, said: str) -> None:
    entry = copy.deepcopy(SAID["sales_order"])
    change(entry)
    found = list(faults({"sales_order": entry}))
    assert any(said in each for each in found), found
