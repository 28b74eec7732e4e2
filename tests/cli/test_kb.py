"""``assay kb``: what ships is imported, listed, shown, counted and forgotten."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay import files
from assay.sap.shipped import SCHEMAS

Assay = Callable[..., Any]  # the fixture `assay`


@pytest.fixture
def full(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> Assay:
    """A command line with what ships in its knowledge base."""
    monkeypatch.delenv("ASSAY_KB", raising=False)
    assert assay("kb", "import").code == 0
    return assay


def test_what_ships_is_imported_listed_and_counted(full: Assay, home: Path) -> None:
    again = full("kb", "import")
    assert again.code == 0 and "42 documents" in again.out and "42 unchanged" in again.out
    rows = full("kb", "list", "--json").json
    assert len(rows) == 42 and {row["origin"]["licence"] for row in rows} == {"Apache-2.0", "MIT"}
    counts = full("kb", "stats", "--json").json
    assert counts["services"] == 35 and counts["outlines"] == 7 and counts["broken_references"] == 0
    real = [row for row in rows if row["kind"] != "outline"]
    assert counts["entity_types"] == sum(row["entities"] for row in real)
    assert counts["properties"] == sum(row["properties"] for row in real)
    assert counts["deprecated"] == 1 and counts["extension_fields"] == 14 and counts["bytes"] > 0
    assert counts["kb"] == f"sqlite:///{home / 'kb.sqlite'}"
    shown = full("kb", "stats").out
    assert "services" in shown and "broken references" in shown


def test_a_list_may_be_narrowed(full: Assay) -> None:
    names = [row["name"] for row in full("kb", "list", "sales order", "--json").json]
    assert "API_SALES_ORDER_SRV" in names and "API_PRODUCT_SRV" not in names
    assert {row["odata"] for row in full("kb", "list", "--odata", "v4", "--json").json} == {"V4"}
    assert "srvd_a2x.api_salesorder.v0001" in full("kb", "list", "salesorder").out
    assert "No service" in full("kb", "list", "nothing like it").out


def test_a_service_and_an_entity_are_shown(full: Assay) -> None:
    service = full("kb", "show", "API_SALES_ORDER_SRV").out
    assert "/sap/opu/odata/sap/API_SALES_ORDER_SRV" in service and "A_SalesOrderItem" in service
    assert "releaseApprovalRequest" in service
    entity = full("kb", "show", "srvd_a2x.api_salesorder.v0001", "SalesOrder").out
    assert "SalesOrder" in entity and "String(10)" in entity and "_Item" in entity
    one = full("kb", "show", "API_PRODUCT_SRV", "A_Product", "--json").json
    assert one["keys"] == ["Product"] and one["set"] == "A_Product"
    old = full("kb", "show", "API_PURCHASEREQ_PROCESS_SRV").out
    assert "deprecated since 2308, use com.sap.gateway.srvd_a2x.api_purchaserequisition_2" in old
    whole = full("kb", "show", "API_PRODUCT_SRV", "--json").json
    assert whole["origin"]["licence"] == "Apache-2.0" and len(whole["entities"]) > 20


def test_misspelt_names_are_told_with_what_is_like_them(full: Assay) -> None:
    done = full("kb", "show", "API_PRODUCT_SV")
    assert done.code == 1 and 'Did you mean "API_PRODUCT_SRV"?' in done.err
    done = full("kb", "show", "API_PRODUCT_SRV", "A_Produkt")
    assert done.code == 1 and 'Did you mean "A_Product"?' in done.err


def test_a_service_is_forgotten(full: Assay) -> None:
    assert full("kb", "remove", "API_PRODUCT_SRV").code == 0
    assert len(full("kb", "list", "--json").json) == 41
    assert full("kb", "remove", "API_PRODUCT_SRV").code == 1


def test_a_broken_file_is_put_aside_and_the_code_says_so(assay: Assay, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "a.edmx").write_text("<edmx:Edmx")
    packed = SCHEMAS / "API_CUSTOMER_MATERIAL_SRV.edmx.gz"
    (folder / "b.edmx.gz").write_bytes(packed.read_bytes())
    done = assay("kb", "import", folder, "--kb", tmp_path / "k.sqlite", "--licence", "ours")
    assert done.code == 1
    assert "quarantined a.edmx: not XML" in done.out and "added" in done.out
    assert "1 entity type, 20 properties" in done.out
    assert str(tmp_path / "k-quarantine") in done.out
    (row,) = assay("kb", "list", "--kb", tmp_path / "k.sqlite", "--json").json
    assert row["origin"]["licence"] == "ours"
    results = assay("kb", "import", folder, "--kb", tmp_path / "k.sqlite", "--json").json["results"]
    assert [each["action"] for each in results] == ["quarantined", "unchanged"]
    assert assay("kb", "stats", "--kb", tmp_path / "k.sqlite", "--json").json["quarantined"] == 1


def test_a_source_that_is_none_changes_nothing(
    assay: Assay, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ASSAY_SAP_API_KEY", raising=False)
    for source, said in (
        ("nosuch", "no such file or folder"),
        ("npm:x", "not a package with its version"),
        ("hub:SAPS4HANACloud", "set ASSAY_SAP_API_KEY"),
    ):
        done = assay("kb", "import", SCHEMAS, source)
        assert done.code == 1 and said in done.err
    assert not (home / "kb.sqlite").exists()


def test_an_empty_base_says_how_to_fill_it(assay: Assay) -> None:
    assert "assay kb import" in assay("kb", "list").out
    done = assay("kb", "show", "API_PRODUCT_SRV")
    assert done.code == 1 and "assay kb import" in done.err


def test_a_pull_needs_the_licence_to_be_accepted(
    assay: Assay, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a list of one package of our own, which is in the cache already."""
    kept = io.BytesIO()
    model = {"definitions": {"API_X": {"kind": "service"}}}
    with tarfile.open(fileobj=kept, mode="w:gz") as tar:
        for name, text in (("p/x-csn.json", json.dumps(model)), ("p/LICENSE", "TERMS OF OURS")):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    sha = hashlib.sha512(kept.getvalue())
    pins = tmp_path / "pins.tsv"
    written = base64.b64encode(sha.digest()).decode()
    pins.write_text(f"package\tversion\tintegrity\n@sap/x\t1.0.0\tsha512-{written}\n")
    files.write_bytes(home / "npm" / f"{sha.hexdigest()}.tgz", kept.getvalue())
    monkeypatch.setattr("assay.sap.shipped.CLOUD_SDK", pins)
    refused = assay("kb", "pull")
    assert refused.code == 1 and "TERMS OF OURS" in refused.err
    assert not (home / "kb.sqlite").exists()
    assert assay("kb", "pull", "--accept-licence").code == 0
    (row,) = assay("kb", "list", "--json").json
    assert (row["name"], row["origin"]["licence"]) == ("API_X", "TERMS OF OURS")
    assert row["origin"]["source"] == "npm:@sap/x@1.0.0/x-csn.json"
