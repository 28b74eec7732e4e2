"""EDMX of both versions: hand-written documents, broken ones, and pyodata as the oracle."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path

import pytest
from orders import V2, V4

from assay.errors import DataError
from assay.sap import edmx
from assay.sap.documents import parse
from assay.sap.metadata import Navigation, Property, Service
from assay.sap.shipped import SCHEMAS


def read(text: str) -> Service:
    return edmx.read(text.encode(), "x.edmx")


def test_v2_is_read_as_it_says() -> None:
    service = read(V2)
    assert (service.name, service.namespace, service.odata) == ("API_ORDER_0002", "API_ORDER", "V2")
    assert service.path == "/sap/opu/odata/sap/API_ORDER;v=0002"
    order, item = service.entities
    assert order.properties == (
        Property(
            "Order", "Edm.String", False, 10, label="Order", description="Number of the order",
            creatable=True, updatable=False,
        ),
        Property("Date", "Edm.DateTime", True, creatable=True, updatable=False, is_date=True),
        Property("Changed", "Edm.DateTime", True, creatable=False, updatable=False),
        Property(
            "Net", "Edm.Decimal", True, None, 16, 3, unit="Currency", creatable=True, updatable=True
        ),
        Property(
            "Rate", "Edm.Decimal", True, None, 9, None, True, creatable=True, updatable=True
        ),
        Property("Currency", "Edm.String", True, 5, creatable=True, updatable=True),
        Property("YY1_Shop_SDH", "Edm.String", True, creatable=True, updatable=True, custom=True),
        Property("Ship", "Address", True, creatable=True, updatable=True),
    )  # fmt: skip
    assert order.keys == ("Order",) and item.keys == ("Order", "Item")
    assert order.navigations == (Navigation("to_Item", "ItemType", True, (("Order", "Order"),)),)
    assert item.navigations == (Navigation("to_Order", "OrderType", False, (("Order", "Order"),)),)
    assert (order.set, order.creatable, order.deletable) == ("A_Order", True, False)
    assert (item.set, item.creatable, item.updatable) == ("A_Item", False, None)
    release = service.operations[0]
    assert (release.method, release.returns, release.bound_to) == ("POST", "OrderType", "OrderType")
    assert [each.max_length for each in release.parameters] == [10]
    assert list(service.broken()) == []


def test_v4_is_read_as_it_says() -> None:
    service = read(V4)
    assert (service.odata, service.path) == ("V4", "")
    order = service.entity("Order")
    item = service.entity("Item")
    assert order is not None and item is not None
    assert order.keys == ("Order",) and order.name == "Order_Type"
    assert [(p.name, p.type, p.creatable, p.updatable) for p in order.properties] == [
        ("Order", "Edm.String", True, False),
        ("Created", "Edm.Date", False, False),
        ("Kind", "Edm.String", True, False),
        ("Weight", "Edm.Decimal", True, False),  # what it stands for; the set's restriction
        ("State", "Edm.String", True, True),
        ("Price", "Edm.Decimal", True, True),
        ("Count", "Edm.Decimal", True, True),
        ("Notes", "Collection(Note)", True, True),
    ]
    weight, price, count = (order.property(name) for name in ("Weight", "Price", "Count"))
    assert weight is not None and price is not None and count is not None
    assert (weight.precision, weight.scale, weight.unit) == (13, 3, "Kind")
    assert price.variable_scale and (count.scale, count.variable_scale) == (0, False)
    assert (order.creatable, order.updatable, order.deletable) == (True, None, False)
    assert order.navigations == (Navigation("_Item", "Item_Type", True),)
    assert item.navigations == (Navigation("_Order", "Order_Type", False, (("Order", "Order"),)),)
    approve, following = service.operations
    assert (approve.method, approve.bound_to) == ("POST", "Order_Type")
    assert [each.name for each in approve.parameters] == ["Reason"]
    assert (following.method, following.returns, following.bound_to) == ("GET", "Edm.String", "")
    assert list(service.broken()) == []


BOMB = (
    '<!DOCTYPE a [<!ENTITY b "x"><!ENTITY c "&b;&b;&b;&b;">]>'
    '<edmx:Edmx xmlns:edmx="e">&c;</edmx:Edmx>'
)
FILE = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'


@pytest.mark.parametrize(
    "text,said",
    [
        ("no xml", "not XML"),
        ("<a>", "not XML"),
        (V2[:2000], "not XML"),
        (V2.replace("utf-8", "utf-99"), "not XML"),
        (BOMB, "declares a document type or entities"),
        (FILE, "declares a document type or entities"),
        ("<html><body>logon</body></html>", "a web page, perhaps a logon form"),
        ("<a/>", "<a>, not <Edmx>"),
        (V2.replace("EntityContainer", "Box"), "no <EntityContainer>"),
        (V2.replace('Name="Net" Type="Edm.Decimal"', 'Name="Net"'), "<Property> Net has no Type"),
        (V2.replace('MaxLength="5"', 'MaxLength="five"'), "Currency has the MaxLength 'five'"),
        (V2.replace('Name="Currency"', 'Name="Net"'), "OrderType has two properties Net"),
        (V2.replace('Name="ItemType"', 'Name="OrderType"'), "two <EntityType> are named OrderType"),
        (V2.replace('Association Name="assoc"', 'Association Name="x"'), "API_ORDER.assoc, which is"),
        (V2.replace('ToRole="Items"', 'ToRole="Item"'), 'no end Item. Did you mean "Items"?'),
        (V2.replace('m:HttpMethod="POST"', 'm:HttpMethod="BREW"'), "Release has the method BREW"),
        (V4.replace('BaseType="SAP__self.Base_Type"', 'BaseType="X"'), "derived from X, unknown"),
        (V4.replace('Name="Base_Type"', 'Name="Base_Type" BaseType="SAP__self.Order_Type"'),
         "Base_Type is derived from itself"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(DataError) as caught:
        read(text)
    assert said in caught.value.cause and "x.edmx" in caught.value.cause


def test_an_unknown_type_is_no_service() -> None:
    with pytest.raises(DataError, match=r"OrderType\.Net: the type Edm\.Money is unknown"):
        parse(V2.replace('"Net" Type="Edm.Decimal"', '"Net" Type="Edm.Money"').encode(), "x.edmx")


@pytest.mark.parametrize(
    "file", sorted(each for each in SCHEMAS.glob("API_*.edmx.gz")), ids=lambda file: file.name
)
def test_an_independent_reader_reads_the_same(file: Path) -> None:
    """pyodata reads V2: types, lengths, keys and navigations must be those that it finds."""
    from pyodata.v2.model import Config, MetadataBuilder, PolicyIgnore

    data = gzip.decompress(file.read_bytes())
    logging.disable(logging.WARNING)  # it warns of every annotation that it does not know
    theirs = MetadataBuilder(data, config=Config(default_error_policy=PolicyIgnore())).build()
    logging.disable(logging.NOTSET)
    ours = edmx.read(data, file.name)
    compared = 0
    for entity in ours.entities:
        other = theirs.entity_type(entity.name, namespace=ours.namespace)
        assert {each.name for each in other.proprties()} == {p.name for p in entity.properties}
        assert {each.name for each in other.key_proprties} == set(entity.keys or ())
        assert {each.name for each in other.nav_proprties} == {w.name for w in entity.navigations}
        for each in entity.properties:
            twin = other.proprty(each.name)
            assert twin.typ.name == each.type
            assert twin.nullable == each.nullable and (twin.label or "") == each.label
            if each.type == "Edm.String" and each.max_length is not None:
                assert twin.max_length == each.max_length
            if each.type == "Edm.Decimal":
                assert (twin.precision, twin.scale) == (each.precision, each.scale)
            compared += 1
        for way in entity.navigations:
            assert other.nav_proprty(way.name).to_role.entity_type_name == way.target
    assert compared == ours.property_count > 0
