"""Outlines: read, held to what they may say, and replaced by any document of SAP's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import DataError
from assay.observability.progress import SILENT
from assay.sap.documents import in_path, parse
from assay.sap.importing import import_documents
from assay.sap.mappings import mappings
from assay.sap.metadata import Property
from assay.sap.outline import SUFFIX, read
from assay.sap.shipped import SCHEMAS
from assay.sap.store import KnowledgeBase

ORDER = b"""\
service: API_PURCHASEREQ_PROCESS_SRV
odata: V2
path: /sap/opu/odata/sap/X
entities:
  A_Order:
    keys: [Order]
    ways: {to_Item: A_Item*, to_Head: A_Item}
    properties:
      Order: String(10) given
      Date: DateTime day
      Price: Decimal(11,variable) unit=Currency
      Quantity: Decimal(13,3)
      Currency: String(5)
  A_Item:
    keys: [Order]
    properties:
      Order: String(10)
"""


def test_an_outline_is_read() -> None:
    service = read(ORDER, "x")
    assert (service.name, service.odata, service.kind) == (
        "API_PURCHASEREQ_PROCESS_SRV",
        "V2",
        "outline",
    )
    entity = service.entity("A_Order")
    assert entity and entity.properties == (
        Property("Order", "Edm.String", max_length=10, creatable=False),
        Property("Date", "Edm.DateTime", is_date=True),
        Property("Price", "Edm.Decimal", precision=11, variable_scale=True, unit="Currency"),
        Property("Quantity", "Edm.Decimal", precision=13, scale=3),
        Property("Currency", "Edm.String", max_length=5),
    )
    assert [(way.name, way.target, way.many) for way in entity.navigations] == [
        ("to_Item", "A_Item", True),
        ("to_Head", "A_Item", False),
    ]


@pytest.mark.parametrize(
    "old,new,reason",
    [
        (b"String(10) given", b"Text(10)", "A_Order.Order: 'Text(10)' is no type of OData V2"),
        (b"DateTime day", b"Date", "'Date' is no type of OData V2"),
        (b"given", b"given later", "'later' is not known; there are: day, given, unit=NAME"),
        (b"entities:", b"entries:", "not an outline (KeyError: 'entities')"),
        (b"A_Item*", b"A_Line*", "references that lead nowhere: A_Order/to_Item"),
        (b"odata: V2", b"odata: [", "not an outline"),
    ],
)
def test_what_is_wrong_with_an_outline_is_said(old: bytes, new: bytes, reason: str) -> None:
    with pytest.raises(DataError) as caught:
        parse(ORDER.replace(old, new), f"x{SUFFIX}")
    assert reason in caught.value.cause


def test_sap_s_own_metadata_takes_an_outline_s_place_and_not_the_other_way(
    kb: KnowledgeBase, tmp_path: Path
) -> None:
    (tmp_path / f"mine{SUFFIX}").write_bytes(ORDER)
    real = SCHEMAS / "API_PURCHASEREQ_PROCESS_SRV.edmx.gz"
    for path, expected in ((tmp_path, "added"), (real, "replaced"), (tmp_path, "set aside")):
        (result,) = import_documents(kb, in_path(path), kb.quarantine, SILENT)
        assert result.action == expected
    assert kb.service("API_PURCHASEREQ_PROCESS_SRV").kind == "edmx"


def test_a_mapped_service_ships_as_sap_s_own_metadata_or_as_an_outline() -> None:
    shipped = {parse(each.read(), each.name).name for each in in_path(SCHEMAS)}
    assert {each.service for each in mappings().values()} <= shipped
