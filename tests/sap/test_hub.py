"""The Hub's catalogue: pages, what it gives and what it keeps; a server on loopback speaks for it."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hosts import Host, serving
from orders import V2

from assay.errors import DataError
from assay.observability.progress import SILENT
from assay.sap import fetch, hub
from assay.sap.documents import Stopped
from assay.sap.fetch import Fetcher
from assay.sap.hub import of_package
from assay.sap.importing import Result, import_documents
from assay.sap.store import KnowledgeBase

CATALOGUE = "/odata/1.0/catalog.svc"
LIST = f"{CATALOGUE}/ContentEntities.ContentPackages('CLOUD')/Artifacts"
ADDRESSES = f"{CATALOGUE}/APIContent.APIs"
PAGE = b"<!DOCTYPE html><html><body>Log on</body></html>"
ORDER = V2.replace(";v=0002", "").encode()
RECEIPT = re.sub(rb"<atom:link.*?/>", b"", ORDER, flags=re.DOTALL)  # does not tell its path
RECEIPT = RECEIPT.replace(b"API_ORDER", b"API_RECEIPT")


def entry(name: str, odata: str = "ODATA", state: str = "ACTIVE", **more: str) -> dict[str, Any]:
    stated = {"Name": name, "Type": "API", "SubType": odata, "State": state, "Version": "1.0.0"}
    return {**stated, "DisplayName": f"The {name}", **more}


def page(*entries: dict[str, Any], following: str = "") -> bytes:
    return json.dumps({"d": {"results": entries, "__next": following or None}}).encode()


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(fetch.KEY, "a key")
    with serving() as here:
        monkeypatch.setattr(hub, "HUB", here.url)
        monkeypatch.setattr(hub, "SANDBOX", f"{here.url}/s4hanacloud")
        here.by_path = True
        yield here


@pytest.fixture
def kb(tmp_path: Path) -> Iterator[KnowledgeBase]:
    base = KnowledgeBase(f"sqlite:///{tmp_path / 'kb.sqlite'}")
    yield base
    base.close()


def fetched(kb: KnowledgeBase, tmp_path: Path, wanted: str = "CLOUD") -> dict[str, Result]:
    documents = of_package(wanted, Fetcher(2**20, lambda _: None))
    results = import_documents(kb, documents, tmp_path / "quarantine", SILENT)
    return {each.name.rpartition("/")[2]: each for each in results}


def in_sandbox(name: str) -> str:
    return f"/s4hanacloud/sap/opu/odata/sap/{name}/$metadata"


def asked(host: Host) -> list[str]:
    return [unquote(urlsplit(path).path) for path, _ in host.asked]


def test_a_package_is_listed_fetched_and_remembered(
    host: Host, kb: KnowledgeBase, tmp_path: Path
) -> None:
    soap = entry("A_MESSAGE", "SOAP")
    flow = {**entry("A_FLOW"), "Type": "IntegrationFlow"}
    following = f"{host.url}{CATALOGUE}/more"
    host.says(LIST, 200, page(entry("API_ORDER"), soap, flow, following=following))
    host.says(f"{CATALOGUE}/more", 200, page(entry("API_RECEIPT", "ODATAV4", "DEPRECATED")))
    release = {"d": {"Version": "2602.3"}}
    host.says(LIST.removesuffix("/Artifacts"), 200, json.dumps(release).encode())
    at = "/sap/opu/odata4/sap/api_receipt/srvd_a2x/sap/receipt/0001"
    address = f"{host.url}/s4hanacloud{at}/"
    elsewhere = {"Name": "API_ORDER", "ServiceUrl": "https://elsewhere.example/s4hanacloud/sap"}
    host.says(ADDRESSES, 200, page({"Name": "API_RECEIPT", "ServiceUrl": address}, elsewhere))
    host.says(in_sandbox("API_ORDER"), 200, ORDER)
    host.says(f"/s4hanacloud{at}/$metadata", 200, RECEIPT)

    results = fetched(kb, tmp_path)
    assert {name: each.action for name, each in results.items()} == {
        "API_ORDER": "added",
        "API_RECEIPT": "added",
    }
    order, receipt = kb.service("API_ORDER"), kb.service("API_RECEIPT")
    assert (order.deprecated, receipt.deprecated) == (False, True)
    assert order.title == "The API_ORDER" and receipt.release == "2602.3"
    assert receipt.path == at
    origin = kb.origin("API_ORDER")
    assert origin is not None and origin[1].licence == hub.LICENCE
    assert origin[1].source == f"{host.url}/api/API_ORDER"
    assert {headers["APIKey"] for _, headers in host.asked} == {"a key"}

    host.asked.clear()  # what came is there for a day
    again = fetched(kb, tmp_path)
    assert {each.action for each in again.values()} == {"unchanged"}
    assert not [path for path in asked(host) if path.endswith("$metadata")]
    for each in (tmp_path / "home" / "hub").rglob("*.xml"):
        old = time.time() - hub.FRESH - 1
        os.utime(each, (old, old))
    fetched(kb, tmp_path)
    assert len([path for path in asked(host) if path.endswith("$metadata")]) == 2


def test_one_service_of_a_package(host: Host, kb: KnowledgeBase, tmp_path: Path) -> None:
    host.says(LIST, 200, page(entry("API_ORDER"), entry("API_RECEIPT")))
    host.says(in_sandbox("API_ORDER"), 200, ORDER)
    assert list(fetched(kb, tmp_path, "CLOUD/API_ORDER")) == ["API_ORDER"]
    with pytest.raises(DataError, match='Did you mean "API_ORDER"'):
        fetched(kb, tmp_path, "CLOUD/API_ODER")


def test_what_needs_a_logon_is_said_and_not_asked_for_again(
    host: Host, kb: KnowledgeBase, tmp_path: Path
) -> None:
    host.says(LIST, 200, page(*(entry(f"API_{letter}", "ODATAV4") for letter in "ABC")))
    host.says(ADDRESSES, 200, PAGE)
    host.says(f"{ADDRESSES}('API_A')/$value", 200, PAGE)
    results = fetched(kb, tmp_path)
    assert {each.action for each in results.values()} == {"withheld"}
    assert "Download its EDMX at" in results["API_B"].reason
    assert len([path for path in asked(host) if path.endswith("$value")]) == 1
    assert not (tmp_path / "quarantine").exists()


def test_the_hubs_own_document_stands_in_for_the_sandbox(
    host: Host, kb: KnowledgeBase, tmp_path: Path
) -> None:
    host.says(LIST, 200, page(entry("API_ORDER")))
    host.says(f"{ADDRESSES}('API_ORDER')/$value", 200, ORDER)
    assert fetched(kb, tmp_path)["API_ORDER"].action == "added"
    assert any("type=EDMX" in path for path, _ in host.asked)


def test_a_service_that_is_now_deprecated_is_marked(
    host: Host, kb: KnowledgeBase, tmp_path: Path
) -> None:
    host.says(LIST, 200, page(entry("API_ORDER")))
    host.says(LIST, 200, page(entry("API_ORDER", state="DEPRECATED")))
    host.says(in_sandbox("API_ORDER"), 200, ORDER)
    fetched(kb, tmp_path)
    again = fetched(kb, tmp_path)["API_ORDER"]
    assert (again.action, again.reason) == ("replaced", "now deprecated")
    assert kb.service("API_ORDER").deprecated


def test_an_import_goes_on_where_the_hub_went_away(
    host: Host, kb: KnowledgeBase, tmp_path: Path
) -> None:
    host.says(LIST, 200, page(entry("API_ORDER"), entry("API_RECEIPT")))
    host.says(in_sandbox("API_ORDER"), 200, ORDER)
    for _ in range(fetch.ATTEMPTS):
        host.says(in_sandbox("API_RECEIPT"), 503)
    host.says(in_sandbox("API_RECEIPT"), 200, RECEIPT)
    with pytest.raises(Stopped, match="503, 4 times") as stopped:
        fetched(kb, tmp_path)
    assert "The same command goes on" in stopped.value.remedy
    assert [each.name for each in kb.services()] == ["API_ORDER"]
    host.asked.clear()
    assert fetched(kb, tmp_path)["API_RECEIPT"].action == "added"
    assert in_sandbox("API_ORDER") not in asked(host)


def test_a_broken_document_is_put_aside_and_the_rest_goes_on(
    host: Host, kb: KnowledgeBase, tmp_path: Path
) -> None:
    host.says(LIST, 200, page(entry("API_BROKEN"), entry("API_ORDER")))
    host.says(in_sandbox("API_BROKEN"), 200, b"<edmx:Edmx")
    host.says(in_sandbox("API_ORDER"), 200, ORDER)
    actions = {name: each.action for name, each in fetched(kb, tmp_path).items()}
    assert actions == {"API_BROKEN": "quarantined", "API_ORDER": "added"}


def test_a_key_that_is_not_taken_stops_the_import(
    host: Host, kb: KnowledgeBase, tmp_path: Path
) -> None:
    host.says(LIST, 200, page(entry("API_ORDER"), entry("API_RECEIPT")))
    host.says(in_sandbox("API_ORDER"), 401)
    with pytest.raises(Stopped, match="does not take the API key") as stopped:
        fetched(kb, tmp_path)
    assert "a key" not in str(stopped.value)


def test_no_key_is_said_before_anything_is_asked(
    host: Host, kb: KnowledgeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(fetch.KEY)
    with pytest.raises(DataError, match="API key"):
        fetched(kb, tmp_path)
    assert host.asked == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (PAGE, "a page for people"),
        (b"{", "no JSON"),
        (b'{"value": []}', "not an answer of OData V2"),
        (b"[]", "not an answer of OData V2"),
        (page(following="https://elsewhere.example/next"), "another host, https://elsewhere"),
    ],
)
def test_an_answer_that_is_no_catalogue_is_said(
    host: Host, kb: KnowledgeBase, tmp_path: Path, body: bytes, said: str
) -> None:
    host.says(LIST, 200, body)
    with pytest.raises(DataError, match=said):
        fetched(kb, tmp_path)


def test_a_catalogue_without_an_end_is_not_followed_for_ever(
    host: Host, kb: KnowledgeBase, tmp_path: Path
) -> None:
    host.says(LIST, 200, page(entry("API_ORDER"), following=f"{host.url}{LIST}"))
    with pytest.raises(DataError, match="more than 50 pages"):
        fetched(kb, tmp_path)


@pytest.mark.parametrize("wanted", ["", "A/B/C", "../A", "A B"])
def test_what_is_no_package_is_said(
    host: Host, kb: KnowledgeBase, tmp_path: Path, wanted: str
) -> None:
    with pytest.raises(DataError, match="Write hub:PACKAGE"):
        fetched(kb, tmp_path, wanted)
    with pytest.raises(DataError, match="no such package"):
        fetched(kb, tmp_path, "NONE")
