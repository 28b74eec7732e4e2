"""``assay sap``: routes and payloads of documents, at the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from posting.children import ROOT
from posting.server import PurchaseOrders, v2, v4

from assay.sap.mappings import MAPPINGS
from assay.sap.metadata import Service

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ORDER = EXAMPLES / "purchase_order.json"
Assay = Callable[..., Any]  # the fixture `assay`


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a knowledge base with what ships."""
    from assay.observability.progress import SILENT
    from assay.sap.documents import in_path
    from assay.sap.importing import import_documents
    from assay.sap.shipped import SCHEMAS
    from assay.sap.store import KnowledgeBase

    kb = KnowledgeBase(str(tmp_path_factory.mktemp("kb") / "kb.sqlite"))
    import_documents(kb, in_path(SCHEMAS), kb.quarantine, SILENT)
    kb.close()
    return kb.shown


@pytest.fixture(scope="module")
def services(shipped: str) -> Callable[[str], Service]:
    """What ships, from the knowledge base."""
    from assay.sap.store import KnowledgeBase

    return KnowledgeBase(shipped).service


@contextmanager
def v4_at(orders: PurchaseOrders) -> Iterator[str]:
    """The V4 service, which must be at the path of the real one."""
    assert ROOT == "/sap/opu/odata4/sap/api_purchaseorder_2/srvd_a2x/sap/purchaseorder/0001"
    with v4(orders) as address:
        yield address


def altered(path: Path, **fields: Any) -> Path:
    said = json.loads(ORDER.read_text(encoding="utf-8"))
    said["fields"] = {k: v for k, v in {**said["fields"], **fields}.items() if v is not None}
    path.write_text(json.dumps(said), encoding="utf-8")
    return path


def test_a_route_says_where_and_why(assay: Assay) -> None:
    done = assay("sap", "route", ORDER)
    assert done.code == 0 and "POST PurchaseOrder" in done.out and "confidence 1.00" in done.out
    assert "16 of 16 required fields are given" in done.out
    assert "API_PURCHASEORDER_PROCESS_SRV" in done.out  # the one not taken
    said = assay("sap", "route", ORDER, "--odata", "v2", "--json").json
    assert said["chosen"]["service"] == "API_PURCHASEORDER_PROCESS_SRV"


def test_what_lacks_something_is_told(assay: Assay, tmp_path: Path) -> None:
    done = assay("sap", "route", altered(tmp_path / "order.json", company_code=None))
    assert done.code == 0 and "missing: company_code" in done.out and "confidence 0.94" in done.out


def test_a_type_that_cannot_be_posted_ends_in_a_code_of_its_own(
    assay: Assay, tmp_path: Path
) -> None:
    path = tmp_path / "invoice.json"
    path.write_text('{"type": "customer_invoice"}', encoding="utf-8")
    done = assay("sap", "route", path)
    assert done.code == 3 and "refused" in done.out and "BDwReferenceRequest" in done.out
    assert assay("sap", "payload", path).code == 1


def test_a_payload_is_written_and_nothing_else_to_standard_output(
    assay: Assay, shipped: str, tmp_path: Path
) -> None:
    done = assay("sap", "payload", ORDER, "--kb", shipped, "--out", tmp_path / "body.json")
    body = done.json
    assert done.code == 0 and body["Supplier"].endswith("17300001")
    assert body == json.loads((tmp_path / "body.json").read_text(encoding="utf-8"))
    assert "POST /sap/opu/odata4/" in done.err and "outline" in done.err
    (said,) = assay("sap", "payload", ORDER, "--kb", shipped, "--json").json
    assert said["body"] == body and said["checked_against"] == "outline"


def test_a_document_that_does_not_fit_is_refused_with_every_fault(
    assay: Assay, shipped: str, tmp_path: Path
) -> None:
    path = altered(tmp_path / "order.json", company_code=None, your_reference="0123456789ABC")
    done = assay("sap", "payload", path, "--kb", shipped)
    assert done.code == 1 and done.out == ""
    assert "company_code: missing" in done.err and "13 characters, at most 12 fit" in done.err


def test_an_empty_knowledge_base_says_how_to_fill_it(assay: Assay) -> None:
    done = assay("sap", "payload", ORDER)
    assert done.code == 1 and "assay kb import" in done.err


def test_a_mapping_of_ones_own_is_taken(assay: Assay, shipped: str, tmp_path: Path) -> None:
    text = (MAPPINGS / "purchase_order.v4.yaml").read_text(encoding="utf-8")
    own = tmp_path / "mine.yaml"
    own.write_text(text.replace("  Language: document_language\n", ""), encoding="utf-8")
    (said,) = assay("sap", "payload", ORDER, "--mapping", own, "--kb", shipped, "--json").json
    assert said["mapping"] == "mine"
    own.write_text("entity: X", encoding="utf-8")
    wrong = assay("sap", "payload", ORDER, "--mapping", own, "--kb", shipped)
    assert wrong.code == 1 and "Field required" in wrong.err


def test_a_journal_entry_becomes_a_message(assay: Assay, tmp_path: Path) -> None:
    entry = EXAMPLES / "journal_entry.json"
    assert "(SOAP), confidence 1.00" in assay("sap", "route", entry).out
    done = assay("sap", "payload", entry, "--out", tmp_path / "entry.xml")
    assert done.code == 0 and "SOAPAction" in done.err
    assert done.out.strip() == (tmp_path / "entry.xml").read_text(encoding="utf-8").strip()
    assert "JournalEntryBulkCreateRequest" in done.out
    refused = assay("sap", "post", entry)
    assert refused.code == 1 and "built and not sent" in refused.err


def test_a_document_is_checked_against_rules_and_metadata(assay: Assay, shipped: str) -> None:
    invoice = EXAMPLES / "supplier_invoice.json"
    words = ("sap", "validate", invoice, "--today", "2026-11-23", "--kb", shipped)
    alone = assay(*words)
    assert alone.code == 0 and "159 rules" in alone.out and "SAP's metadata holds" in alone.out
    evidence = EXAMPLES / "evidence" / "supplier_invoice.json"
    known = assay(*words, "--with", evidence)
    assert known.code == 0 and "DUP-002: fail" in known.out and "5105600011" in known.out
    findings = assay(*words, "--with", evidence, "--json").json["findings"]
    matched = {each["rule"]: each["result"] for each in findings}
    assert matched["DUP-002"] == "fail" and list(matched.values()).count("unknown") < 10
    everything = assay(*words, "--all")
    assert "unknown" in everything.out and "pass" in everything.out


def test_an_error_of_a_rule_or_of_the_payload_ends_in_a_code_of_its_own(
    assay: Assay, shipped: str, tmp_path: Path
) -> None:
    said = json.loads((EXAMPLES / "supplier_invoice.json").read_text(encoding="utf-8"))
    said["fields"]["gross_total"] = "18,452.83"
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps(said), encoding="utf-8")
    words = ("sap", "validate", wrong, "--today", "2026-11-23", "--kb", shipped)
    done = assay(*words)
    assert done.code == 3 and "18452.83" in done.out and "TOT-" in done.out
    del said["fields"]["company_code"]
    wrong.write_text(json.dumps(said), encoding="utf-8")
    assert "payload: company_code: missing" in assay(*words).out


def test_rules_of_ones_own_are_added(assay: Assay, shipped: str, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("rules: [{id: X}]", encoding="utf-8")
    words = ("sap", "validate", EXAMPLES / "supplier_invoice.json", "--kb", shipped)
    done = assay(*words, "--rules", own)
    assert done.code == 1 and "own.yaml" in done.err


@pytest.mark.parametrize(
    "text,reason",
    [
        ("{", "not JSON"),
        ("[]", "not an object"),
        ('{"orders": {}}', 'Did you mean "order"'),
        ('{"supplier": {"ibn": []}}', "ibn"),
        ('{"order": {"fields": {"document_date": "01/02/2025"}}}', "locale"),
        ('{"history": [3]}', "docs/sap-rules.md"),
        ('{"today": "now"}', "not a date"),
    ],
)
def test_what_is_wrong_with_evidence_is_said(
    assay: Assay, shipped: str, tmp_path: Path, text: str, reason: str
) -> None:
    path = tmp_path / "known.json"
    path.write_text(text, encoding="utf-8")
    done = assay(
        "sap", "validate", EXAMPLES / "supplier_invoice.json", "--with", path, "--kb", shipped
    )
    assert done.code == 1 and reason in done.err


def test_a_day_that_is_none_is_refused(assay: Assay) -> None:
    done = assay("sap", "validate", ORDER, "--today", "tomorrow")
    assert done.code == 1 and "--today tomorrow" in done.err


def test_nothing_is_sent_unless_it_is_asked_for(assay: Assay, shipped: str) -> None:
    done = assay("sap", "post", ORDER, "--kb", shipped)
    assert done.code == 0 and "would POST /sap/opu/odata4/" in done.out
    assert "Supplier eq" in done.out and "Nothing was sent" in done.err
    assert "The outbox is empty" in assay("sap", "outbox").out
    assert "which system" in assay("sap", "post", ORDER, "--post", "--kb", shipped).err
    assert "which system" in assay("sap", "outbox", "--resume").err


def test_a_document_is_posted_once_and_found_the_second_time(
    assay: Assay, shipped: str, services: Callable[[str], Service]
) -> None:
    order = EXAMPLES / "sales_order.json"
    with v2(services("API_SALES_ORDER_SRV")) as (address, _, faults):
        words = ("sap", "post", order, "--to", address, "--post", "--kb", shipped)
        first = assay(*words)
        assert first.code == 0 and first.out.startswith("posted") and "A_SalesOrder(" in first.out
        assert assay(*words).out == first.out  # the outbox knows it
        (found,) = assay(*words, "--outbox", "another.sqlite", "--json").json
        assert found["state"] == "posted" and found["found"] is True
        rows = assay("sap", "outbox", "--json").json
        assert [(row["state"], row["attempts"]) for row in rows] == [("posted", 1)]
        assert "posted" in assay("sap", "outbox").out
        assert "Nothing is open" in assay("sap", "outbox", "--resume", "--to", address).out
        assert not faults


def test_a_request_is_made_repeatable(assay: Assay, shipped: str, tmp_path: Path) -> None:
    orders = PurchaseOrders(repeatable=True)
    with v4_at(orders) as base:
        asked = ("--kb", shipped, "--outbox", tmp_path / "box.sqlite", "--to", base)
        done = assay("sap", "post", ORDER, "--post", "--repeatable", *asked)
    assert done.code == 0 and "wish" not in done.out and len(orders.answers) == 1
    with v4_at(PurchaseOrders()) as base:
        asked = ("--kb", shipped, "--outbox", tmp_path / "other.sqlite", "--to", base)
        done = assay("sap", "post", ORDER, "--post", "--repeatable", *asked)
    assert done.code == 0 and "SAP did not answer to the wish" in done.out


def test_a_refusal_is_told_with_all_that_sap_says(
    assay: Assay, shipped: str, tmp_path: Path
) -> None:
    orders = PurchaseOrders(faults=["400"])
    order = EXAMPLES / "purchase_order.json"
    with v4_at(orders) as address:
        words = ("sap", "post", order, "--to", address, "--post", "--kb", shipped)
        done = assay(*words)
        assert done.code == 3 and done.out.startswith("refused") and "Enter Plant" in done.out
        assert orders.rows == []
        assert assay(*words).code == 3  # a refusal is remembered
    body = PurchaseOrders()
    with v4_at(body) as address:
        again = assay(*words[:4], address, *words[5:], "--outbox", tmp_path / "new.sqlite")
        assert again.code == 0 and len(body.rows) == 1


def test_a_document_that_could_not_be_found_again_is_not_posted(
    assay: Assay, shipped: str, tmp_path: Path
) -> None:
    path = altered(tmp_path / "order.json", your_reference=None)
    done = assay("sap", "post", path, "--kb", shipped)
    assert done.code == 1 and "CorrespncExternalReference is missing" in done.err


def test_credentials_are_for_one_host(
    assay: Assay, shipped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("HOST", "one.example"), ("USER", "me"), ("PASSWORD", "hidden")):
        monkeypatch.setenv(f"ASSAY_SAP_{name}", value)
    words = ("sap", "post", ORDER, "--post", "--kb", shipped, "--to")
    done = assay(*words, "https://other.example")
    assert done.code == 1 and "no credentials for this host" in done.err
    open_ = assay(*words, "http://one.example")
    assert open_.code == 1 and "https" in open_.err and "hidden" not in open_.err + done.err


def test_a_version_that_is_none_is_refused(assay: Assay) -> None:
    done = assay("sap", "route", ORDER, "--odata", "V3")
    assert done.code == 1 and "There are: V2, V4" in done.err


def test_units_of_ones_own_are_taken(assay: Assay, shipped: str, tmp_path: Path) -> None:
    said = json.loads(ORDER.read_text(encoding="utf-8"))
    said["items"][0]["quantity_unit"] = "Gebinde"
    document, tables = tmp_path / "order.json", tmp_path / "tables.yaml"
    document.write_text(json.dumps(said), encoding="utf-8")
    tables.write_text('units: {Gebinde: "GEB"}', encoding="utf-8")
    refused = assay("sap", "payload", document, "--kb", shipped)
    assert refused.code == 1 and "--tables FILE" in refused.err
    for command in ("route", "payload", "validate", "post"):
        more = () if command == "route" else ("--kb", shipped)
        done = assay("sap", command, document, "--tables", tables, *more)
        assert done.code == 0, done.err
    (built,) = assay("sap", "payload", document, "--tables", tables, "--kb", shipped, "--json").json
    item = built["body"]["_PurchaseOrderItem"][0]
    assert item["PurchaseOrderQuantityUnit"] == "GEB"


def test_an_outbox_that_is_not_there_is_told(assay: Assay, tmp_path: Path) -> None:
    done = assay("sap", "outbox", "--outbox", tmp_path / "none.sqlite")
    assert done.code == 1 and "there is no outbox" in done.err
    assert not (tmp_path / "none.sqlite").exists()
