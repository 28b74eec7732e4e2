"""Every mapping holds against metadata, and each way in which one can be wrong is said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from what_ships import services

from assay.errors import DataError
from assay.sap import fields as catalogue
from assay.sap.mappings import (
    MAPPINGS,
    Child,
    DocumentMapping,
    Source,
    check,
    load,
    mappings,
    references,
)
from assay.sap.metadata import Service

ORDER = "purchase_order.v4"


def sources(mapping: DocumentMapping) -> Iterator[tuple[str, Source]]:
    def walk(
        properties: dict[str, Source], children: tuple[Child, ...]
    ) -> Iterator[tuple[str, Source]]:
        yield from properties.items()
        for child in children:
            yield from walk(child.properties, child.children)

    yield from walk(mapping.properties, mapping.children)


def service_of(mapping: DocumentMapping) -> Service:
    return services()[mapping.service]


@pytest.mark.parametrize("name", sorted(mappings()))
def test_every_reference_holds(name: str) -> None:
    mapping = mappings()[name]
    assert check(mapping, service_of(mapping)) == []
    assert mapping.name == name and references(mapping) > 5
    assert mapping.path.startswith("/sap/opu/odata")


def test_the_mappings_cover_every_document_type_that_can_be_posted() -> None:
    types = {each for mapping in mappings().values() for each in mapping.documents}
    assert len(types) == 12 and sum(map(references, mappings().values())) >= 500


def test_a_currency_is_never_taken_for_granted() -> None:
    for mapping in mappings().values():
        for name, source in sources(mapping):
            if source.field and catalogue.field(source.field).type == "currency":
                assert not source.otherwise and not source.constant, f"{mapping.name}: {name}"
            assert "Currency" not in name or not source.otherwise


def changed(service: Service, entity: str, name: str, **facets: object) -> Service:
    """A release of the service in which a property is another, or gone."""
    entities = tuple(
        replace(
            each,
            properties=tuple(
                replace(one, **facets) if one.name == name else one  # pyright: ignore[reportArgumentType]
                for one in each.properties
                if facets or one.name != name
            ),
        )
        if each.set == entity
        else each
        for each in service.entities
    )
    return replace(service, entities=entities)


def test_a_property_that_a_release_dropped_is_told() -> None:
    mapping = mappings()[ORDER]
    later = changed(service_of(mapping), "PurchaseOrderItem", "OrderQuantity")
    assert check(mapping, later) == [f"{ORDER}: PurchaseOrderItem has no property OrderQuantity"]


def test_a_property_that_may_not_be_given_or_takes_another_type_is_told() -> None:
    mapping = mappings()[ORDER]
    fixed = changed(service_of(mapping), "PurchaseOrder", "Supplier", creatable=False)
    assert check(mapping, fixed) == [
        f"{ORDER}: PurchaseOrder.Supplier cannot be given when it is created"
    ]
    other = changed(service_of(mapping), "PurchaseOrder", "Supplier", type="Edm.Decimal")
    assert check(mapping, other) == [
        f"{ORDER}: PurchaseOrder.Supplier is Edm.Decimal, and supplier_number is text"
    ]


def test_an_entity_or_a_way_that_is_gone_is_told() -> None:
    mapping = mappings()[ORDER]
    service = service_of(mapping)
    nothing = replace(service, entities=())
    assert check(mapping, nothing) == [f"{ORDER}: {service.name} has no entity set PurchaseOrder"]
    no_ways = replace(service, entities=tuple(replace(e, navigations=()) for e in service.entities))
    assert check(mapping, no_ways) == [f"{ORDER}: PurchaseOrder has no way _PurchaseOrderItem"]
    one = tuple(
        replace(e, navigations=tuple(replace(way, many=False) for way in e.navigations))
        for e in service.entities
    )
    assert "leads to one, not `each: items`" in check(mapping, replace(service, entities=one))[0]


def written(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    text = (MAPPINGS / f"{ORDER}.yaml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "old,new,said",
    [
        (
            "from: company_code, required",
            "from: company_cod, required",
            "no field company_cod. Did you mean",
        ),
        (
            "Supplier: {from: supplier_number,",
            "Supplier: {form: supplier_number,",
            "properties.Supplier.form",
        ),
        ("{from: purchase_order_type,", "{from: purchase_order_type, is: X,", "give either `from`"),
        (
            "PaymentTerms: payment_terms",
            "PaymentTerms: plant",
            "plant stands in a row of the items",
        ),
        ("Plant: {from: plant,", "Plant: {from: plant, as: [nonsense],", "nonsense"),
        ("each: items", "each: lines", "children.0.each"),
        ("if: [delivery_date]", "if: [delivery_day]", "no field delivery_day"),
        ("entity: PurchaseOrder\n", "", "entity: Field required"),
        ("properties:", "properties", "not a mapping in YAML"),
    ],
)
def test_what_is_wrong_with_a_mapping_is_said(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    path = written(tmp_path, (old, new))
    with pytest.raises(DataError) as caught:
        load(path)
    assert said in caught.value.cause and str(path) in caught.value.cause


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    path = written(
        tmp_path, ("from: company_code", "from: firm"), ("if: [delivery_date]", "if: [day]")
    )
    with pytest.raises(DataError) as caught:
        load(path)
    assert "no field firm" in caught.value.cause and "no field day" in caught.value.cause


def test_a_mapping_of_ones_own_takes_an_extension_field(tmp_path: Path) -> None:
    path = written(tmp_path, ("  Language: document_language", "  YY1_Project_PDH: project"))
    service = service_of(mappings()[ORDER])
    assert check(load(path), service) == ["mine: PurchaseOrder has no property YY1_Project_PDH"]
    root = service.entity("PurchaseOrder")
    assert root
    field = replace(root.properties[0], name="YY1_Project_PDH", max_length=20, custom=True)
    own = replace(root, properties=(*root.properties, field))
    others = tuple(own if each is root else each for each in service.entities)
    assert check(load(path), replace(service, entities=others)) == []


def test_a_file_that_holds_no_mapping_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.yaml"
    path.write_text(yaml.safe_dump([1, 2]), encoding="utf-8")
    with pytest.raises(DataError, match="not a mapping"):
        load(path)
