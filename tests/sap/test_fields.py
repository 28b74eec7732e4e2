"""The canonical fields: complete, told apart by their labels, and true to SAP's metadata."""

from __future__ import annotations

import re
import runpy
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from what_ships import services

from assay.errors import DataError
from assay.sap.fields import FIELDS, GROUPS, KINDS, LANGUAGES, Field, field, fields
from assay.sap.metadata import Service

ROOT = Path(__file__).resolve().parents[2]
KEYS = {"type", "level", "means", "names", "sap"}


def broken(known: Iterable[Field], services: Mapping[str, Service]) -> Iterator[str]:
    """References to what no service has."""
    for each in known:
        for reference in each.sap:
            service, entity, name = reference.split("/")
            found = services[service].entity(entity) if service in services else None
            if found is None or found.property(name) is None:
                yield f"{each.name}: {reference}"


def test_the_fields_cover_all_groups() -> None:
    assert len(fields()) >= 180
    assert {each.group for each in fields().values()} == set(GROUPS)


@pytest.mark.parametrize("group", GROUPS)
def test_no_field_comes_twice_or_has_unknown_keys(group: str) -> None:
    """YAML would keep the last, and what nobody reads, and say nothing."""
    text = (FIELDS / f"{group}.yaml").read_text(encoding="utf-8")
    said = yaml.safe_load(text)
    names = re.findall(r"^(\w+):", text, re.MULTILINE)
    assert sorted(names) == sorted(each.name for each in fields().values() if each.group == group)
    assert {key for entry in said.values() for key in entry} <= KEYS


@pytest.mark.parametrize("one", fields().values(), ids=lambda one: one.name)
def test_a_field_says_what_it_is_and_how_documents_call_it(one: Field) -> None:
    assert one.type in KINDS
    assert len(one.means.split()) >= 4, "a name is no meaning"
    assert re.sub(r"\W+", "_", one.means.lower()).strip("_") != one.name
    assert one.means.endswith(".")
    assert tuple(one.names) == LANGUAGES
    for language, labels in one.names.items():
        assert 1 <= len(labels) <= 5, language
        assert all(label == label.strip() and label for label in labels), language
        assert len({label.casefold() for label in labels}) == len(labels), language


def test_a_label_points_to_one_field_of_its_level() -> None:
    owners: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for one in fields().values():
        for language, labels in one.names.items():
            for label in labels:
                owners[one.level, language, label.casefold()].add(one.name)
    twice = {place: names for place, names in owners.items() if len(names) > 1}
    assert twice == {}


def test_where_a_field_lives_in_sap_exists() -> None:
    references = [reference for each in fields().values() for reference in each.sap]
    assert all(reference.count("/") == 2 for reference in references)
    assert all(len(set(each.sap)) == len(each.sap) <= 4 for each in fields().values())
    assert len(references) >= 500 and list(broken(fields().values(), services())) == []


@pytest.mark.parametrize(
    "reference",
    [
        "API_SALES_ORDER_SRV/A_SalesOrderType/SalesOrderNumber",
        "API_SALES_ORDER_SRV/A_SalesOrders/SalesOrder",
        "API_SALES_ORDERS_SRV/A_SalesOrder/SalesOrder",
    ],
)
def test_a_wrong_place_in_sap_is_found(reference: str) -> None:
    wrong = replace(field("sales_order_number"), sap=(reference,))
    assert list(broken([wrong], services())) == [f"sales_order_number: {reference}"]


def test_an_unknown_field_is_told_with_the_closest() -> None:
    with pytest.raises(DataError, match=r'rule 7: no field suplier_name.*"supplier_name"'):
        field("suplier_name", "rule 7")


def test_the_page_is_in_step_with_the_fields_and_the_document_types() -> None:
    made = runpy.run_path(str(ROOT / "tools" / "fields_page.py"))
    written = (ROOT / "docs" / "sap-fields.md").read_text(encoding="utf-8")
    assert made["page"]() == written, "run: python tools/fields_page.py"
