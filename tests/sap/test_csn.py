"""CSN: alone, and with the generated classes of a package beside it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from assay.errors import DataError
from assay.sap import csn
from assay.sap.metadata import Navigation, Service

CSN: dict[str, Any] = {
    "definitions": {
        "API_ORDER": {"kind": "service"},
        "API_ORDER.A_Order": {
            "kind": "entity",
            "elements": {
                "Order": {"key": True, "type": "cds.String", "length": 10},
                "Day": {"type": "cds.Date"},
                "Changed": {"type": "cds.Timestamp"},
                "Net": {"type": "cds.Decimal", "precision": 16, "scale": 3},
                "Pieces": {"type": "cds.Integer"},
                "Ship": {"type": "API_ORDER.Address"},
                "Notes": {"type": "API_ORDER.Address"},
                "to_Item": {
                    "type": "cds.Association",
                    "target": "API_ORDER.A_Item",
                    "cardinality": {"max": "*"},
                    "on": [{"ref": ["to_Item", "Order"]}, "=", {"ref": ["Order"]}],
                },
            },
        },
        "API_ORDER.A_Item": {
            "kind": "entity",
            "elements": {
                "Order": {"key": True, "type": "cds.String"},
                "Tags": {"items": {"type": "cds.String"}},
                "to_Order": {"type": "cds.Association", "target": "API_ORDER.A_Order"},
            },
        },
        "API_ORDER.Address": {"kind": "type", "elements": {"City": {"type": "cds.String"}}},
    }
}
CLASS = """
    Order._entityName = 'A_Order';
    Order._defaultServicePath = '/sap/opu/odata/sap/API_ORDER;v=0002';
    /** Static representation of the [[order]] property for query construction. */
    Order.ORDER = _fieldBuilder.buildEdmTypeField('Order', 'Edm.String', false);
    /** Static representation of the [[day]] property for query construction. */
    Order.DAY = _fieldBuilder.buildEdmTypeField('Day', 'Edm.DateTime', true);
    /** Static representation of the [[changed]] property for query construction. */
    Order.CHANGED = _fieldBuilder.buildEdmTypeField('Changed', 'Edm.DateTime', true);
    /** Static representation of the [[pieces]] property for query construction. */
    Order.PIECES = _fieldBuilder.buildEdmTypeField('Pieces', 'Edm.Int16', true);
    /** Static representation of the [[ship]] property for query construction. */
    Order.SHIP = _fieldBuilder.buildComplexTypeField('Ship', Address_1.AddressField, false);
    /** Static representation of the [[notes]] property for query construction. */
    Order.NOTES = _fieldBuilder.buildCollectionField('Notes', Address_1.Address, false);
    /** Static representation of the one-to-many navigation property [[toItem]]. */
    Order.TO_ITEM = new core_1.Link('to_Item', Order, Item_1.Item);
"""
DECLARED = """
    /** Technical entity name for Order. */
    static _entityName: string;
    /**
     * Number of the order.
     * Identifies an order.
     * Maximum length: 10.
     */
    order: string;
    /**
     * @nullable
     */
    day?: Moment;
"""
PACKAGE = '{"description": "VDM for the SAP S/4HANA Cloud order service"}'
BESIDE = {
    "Order.js": CLASS.encode(),
    "Order.d.ts": DECLARED.encode(),
    "package.json": PACKAGE.encode(),
}


def read(document: object, beside: dict[str, bytes] | None = None) -> Service:
    return csn.read(json.dumps(document).encode(), "x-csn.json", beside)


def test_alone_it_says_little_and_nothing_is_guessed() -> None:
    service = read(CSN)
    assert (service.name, service.odata, service.path) == ("API_ORDER", "V2", "")
    order, item = service.entities
    assert [(p.name, p.type, p.nullable, p.is_date) for p in order.properties] == [
        ("Order", "Edm.String", False, False),
        ("Day", "Edm.DateTime", None, True),
        ("Changed", "Edm.DateTimeOffset", None, False),
        ("Net", "Edm.Decimal", None, False),
        ("Pieces", "Edm.Int32", None, False),
        ("Ship", "Address", None, False),
        ("Notes", "Address", None, False),
    ]
    assert order.properties[0].creatable is None and order.creatable is None
    assert (order.properties[0].max_length, order.properties[3].scale) == (10, 3)
    assert order.keys == ("Order",) and order.set == "A_Order"
    assert order.navigations == (Navigation("to_Item", "A_Item", True, (("Order", "Order"),)),)
    assert item.navigations == (Navigation("to_Order", "A_Order", False),)
    assert item.properties[1].type == "Collection(Edm.String)"
    assert list(service.broken()) == []


def test_the_package_says_the_rest() -> None:
    service = read(CSN, BESIDE)
    assert (service.name, service.title) == ("API_ORDER_0002", "Order service")
    assert service.path == "/sap/opu/odata/sap/API_ORDER;v=0002"
    order = service.entities[0]
    assert [(p.name, p.type, p.nullable) for p in order.properties] == [
        ("Order", "Edm.String", False),
        ("Day", "Edm.DateTime", True),
        ("Changed", "Edm.DateTime", True),
        ("Net", "Edm.Decimal", None),  # the class does not know it
        ("Pieces", "Edm.Int16", True),
        ("Ship", "Address", False),
        ("Notes", "Collection(Address)", False),
    ]
    first, second, *_ = order.properties
    assert (first.label, first.description) == ("Number of the order", "Identifies an order.")
    assert (second.label, second.description) == ("", "")
    assert list(service.broken()) == []


def test_v4_has_types_of_its_own() -> None:
    text = json.dumps(CSN).replace("API_ORDER", "com.sap.gateway.srvd_a2x.api_order.v0001")
    service = csn.read(text.encode(), "x")
    assert service.odata == "V4"
    assert [p.type for p in service.entities[0].properties][1:3] == [
        "Edm.Date",
        "Edm.DateTimeOffset",
    ]


def changed(name: str, value: object) -> dict[str, Any]:
    document = copy.deepcopy(CSN)
    document["definitions"][name] = value
    return document


@pytest.mark.parametrize(
    "document,said",
    [
        ({"definitions": []}, "no CSN"),
        ({}, "no CSN"),
        ({"definitions": {}}, "this one holds none"),
        (changed("API_Z", {"kind": "service"}), "this one holds API_ORDER, API_Z"),
        (changed("API_ORDER.A_Item", {"kind": "entity", "elements": {"X": {"type": "cds.Colour"}}}),
         "A_Item.X has the unknown type cds.Colour"),
        (changed("API_ORDER.A_Item", {"kind": "entity", "elements": []}), "not of the form of a CSN"),
        (changed("API_ORDER.A_Item", []), "not of the form of a CSN"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(document: object, said: str) -> None:
    with pytest.raises(DataError) as caught:
        read(document)
    assert said in caught.value.cause and "x-csn.json" in caught.value.cause


def test_a_broken_description_beside_is_said() -> None:
    with pytest.raises(DataError, match=r"package\.json beside it is not JSON"):
        read(CSN, {"package.json": b"{"})
