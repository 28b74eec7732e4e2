"""SAP's OpenAPI files: a hand-written one of each version, broken ones, and all that ship."""

from __future__ import annotations

import copy
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from orders import OPENAPI_V2, OPENAPI_V4

from assay.errors import DataError
from assay.sap import openapi
from assay.sap.metadata import Navigation, Service
from assay.sap.shipped import SCHEMAS


def read(document: object) -> Service:
    return openapi.read(json.dumps(document).encode(), "x.json")


def test_v2_is_read_as_it_says() -> None:
    service = read(OPENAPI_V2)
    assert (service.name, service.namespace) == ("API_ORDER_0002", "API_ORDER")
    assert service.path == "/sap/opu/odata/sap/API_ORDER;v=0002"
    assert (service.title, service.release, service.deprecated) == ("Orders", "2402", False)
    order, item = service.entities
    assert [(p.name, p.type, p.is_date) for p in order.properties] == [
        ("Order", "Edm.String", False),
        ("Day", "Edm.DateTime", True),
        ("Moment", "Edm.DateTime", False),
        ("Instant", "Edm.DateTimeOffset", False),
        ("Time", "Edm.Time", False),
        ("Net", "Edm.Decimal", False),
        ("Blocked", "Edm.Boolean", False),
        ("Id", "Edm.Guid", False),
        ("YY1_Shop_SDH", "Edm.String", False),
        ("Ship", "Address", False),
    ]
    net, day, shop = (order.property(name) for name in ("Net", "Day", "YY1_Shop_SDH"))
    assert net is not None and day is not None and shop is not None
    assert (net.precision, net.scale, net.nullable, net.updatable) == (15, 3, False, True)
    assert (day.creatable, day.updatable, day.nullable) == (False, False, True)
    assert shop.custom and shop.description == "The shop" and shop.max_length == 4
    assert (order.set, order.keys, order.label) == ("A_Order", ("Order",), "Order")
    assert (order.creatable, order.updatable, order.deletable) == (True, True, False)
    assert order.navigations == (
        Navigation("to_Item", "A_Item", True),
        Navigation("to_First", "A_Item", False),
    )
    assert (item.set, item.keys, item.creatable) == ("", None, None)  # no path reads one
    assert item.property("Item") and item.properties[0].creatable is None
    assert [each.name for each in service.complex_types] == ["Address"]
    release = service.operations[0]
    assert (release.name, release.method, release.returns) == ("Release", "POST", "A_Order")
    assert [(p.name, p.max_length, p.nullable) for p in release.parameters] == [
        ("Order", None, False)
    ]
    assert len(service.operations) == 1 and list(service.broken()) == []


def test_v4_is_read_as_it_says() -> None:
    service = read(OPENAPI_V4)
    assert service.name == "com.sap.gateway.srvd_a2x.api_order.v0001" and service.deprecated
    order, item = service.entities
    assert (order.name, order.set, order.keys) == ("Order", "OrderSet", ("Order", "Line"))
    assert [(p.type, p.scale, p.variable_scale) for p in order.properties] == [
        ("Edm.String", None, False),
        ("Edm.Int16", None, False),
        ("Edm.Date", None, False),
        ("Edm.TimeOfDay", None, False),
        ("Edm.Decimal", None, True),
        ("Edm.Decimal", 0, False),
        ("Collection(SAP__Message)", None, False),
    ]
    assert (order.creatable, order.updatable, order.deletable) == (False, False, True)
    assert item.name == "Item" and order.navigations == (Navigation("_Item", "Item", True),)
    assert [(o.name, o.bound_to, o.returns) for o in service.operations] == [
        ("Approve", "Order", "Order")
    ]
    assert list(service.broken()) == []


def changed(where: str, value: object) -> dict[str, Any]:
    document = copy.deepcopy(OPENAPI_V2)
    *way, last = where.split("|")
    place: Any = document
    for key in way:
        place = place[key]
    place[last] = value
    return document


PROPERTY = "components|schemas|A_Item|properties|Item"


@pytest.mark.parametrize(
    "document,said",
    [
        ([], "no OpenAPI document"),
        ({"openapi": "3.0.0"}, "x-sap-api-type is None"),
        (changed("x-sap-api-type", "REST"), "'REST', not ODATA or ODATAV4"),
        (changed("servers", []), "no servers"),
        (changed("components", {}), "not of the form of SAP's OpenAPI files"),
        (changed("paths", []), "not of the form of SAP's OpenAPI files"),
        (changed(PROPERTY, {"type": "string", "format": "colour"}), "A_Item.Item has the unknown format 'colour'"),
        (changed(PROPERTY, {"type": "null"}), "A_Item.Item has the unknown type 'null'"),
        ({**OPENAPI_V4, "servers": [{"url": "https://x/api"}]}, "not one of SAP's V4 services"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(document: object, said: str) -> None:
    with pytest.raises(DataError) as caught:
        read(document)
    assert said in caught.value.cause and "x.json" in caught.value.cause


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"openapi": '])
def test_what_is_no_json_is_said(text: str) -> None:
    with pytest.raises(DataError, match="not JSON"):
        openapi.read(text.encode(), "x.json")


@pytest.mark.parametrize(
    "file", sorted(SCHEMAS.glob("*.openapi.json.gz")), ids=lambda file: file.name
)
def test_what_ships_is_whole(file: Path) -> None:
    """No property of an entity's schema is lost, and nothing refers to what is not there."""
    data = gzip.decompress(file.read_bytes())
    service = openapi.read(data, file.name)
    schemas = json.loads(data)["components"]["schemas"]
    for entity in service.entities:
        names = {p.name for p in entity.properties} | {w.name for w in entity.navigations}
        assert names == set(schemas[entity.name]["properties"])
    assert service.path.startswith("/sap/opu/odata") and service.title and service.release
    assert service.entities and list(service.broken()) == []
