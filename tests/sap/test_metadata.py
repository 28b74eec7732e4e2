"""What a service is, and which of its references lead nowhere."""

from __future__ import annotations

import pytest

from assay.sap.metadata import (
    ComplexType,
    EntityType,
    Navigation,
    Property,
    Service,
    is_custom,
    service_name,
)

ORDER = EntityType(
    "OrderType",
    (Property("Order", "Edm.String", max_length=10), Property("Address", "AddressType")),
    keys=("Order",),
    navigations=(Navigation("to_Item", "ItemType", True, (("Order", "Order"),)),),
    set="A_Order",
)
ITEM = EntityType(
    "ItemType",
    (Property("Order", "Edm.String"), Property("Item", "Edm.String")),
    keys=("Order", "Item"),
    navigations=(Navigation("to_Order", "OrderType", False, (("Order", "Order"),)),),
    set="A_Item",
)
ADDRESS = ComplexType("AddressType", (Property("City", "Edm.String"),))


def service(*entities: EntityType, complex_types: tuple[ComplexType, ...] = (ADDRESS,)) -> Service:
    return Service("API_X", "API_X", "V2", "edmx", entities, complex_types)


def test_a_cycle_of_navigations_is_sound() -> None:
    assert list(service(ORDER, ITEM).broken()) == []


def test_every_broken_reference_is_told() -> None:
    lost = EntityType(
        "LostType",
        (
            Property("A", "Edm.Money"),
            Property("B", "Collection(Nothing)"),
            Property("C", "Edm.Date"),
        ),
        keys=("A", "Z"),
        navigations=(
            Navigation("to_Nobody", "NobodyType", False),
            Navigation("to_Order", "OrderType", False, (("Q", "Order"), ("A", "R"))),
        ),
    )
    assert list(service(lost, ORDER, ITEM).broken()) == [
        "LostType.A: the type Edm.Money is unknown",
        "LostType.B: the type Collection(Nothing) is unknown",
        "LostType.C: the type Edm.Date is unknown",  # a type of V4
        "LostType: the key Z is no property",
        "LostType/to_Nobody: leads to NobodyType, which is no entity type",
        "LostType/to_Order: the constraint's Q is no property",
        "LostType/to_Order: OrderType has no property R",
    ]


def test_an_entity_is_found_by_type_and_by_set() -> None:
    both = service(ORDER, ITEM)
    assert both.entity("A_Item") is ITEM is both.entity("ItemType")
    assert both.entity("A_Nothing") is None
    assert both.property_count == 4
    assert ITEM.property("Item") is ITEM.properties[1] and ITEM.navigation("to_Order")


@pytest.mark.parametrize(
    "path,name",
    [
        ("/sap/opu/odata/sap/API_X", "API_X"),
        ("/sap/opu/odata/sap/API_X;v=1", "API_X"),
        ("/sap/opu/odata/sap/API_X;v=0002", "API_X_0002"),
        ("/sap/opu/odata/sap/API_X;v=2", "API_X_0002"),
        ("", "API_X"),
    ],
)
def test_versions_of_a_service_have_names_of_their_own(path: str, name: str) -> None:
    assert service_name("API_X", path) == name


@pytest.mark.parametrize(
    "name,custom",
    [
        ("YY1_Colour_PCI", True),
        ("ZZ1_Size", True),
        ("ZZField_", False),
        ("ZZ_Old", True),
        ("Year", False),
    ],
)
def test_extension_fields_are_told_by_their_prefix(name: str, custom: bool) -> None:
    assert is_custom(name) is custom
