"""A service that takes repeatable requests runs each once, even where no read-back can tell."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from uuid import UUID

import pytest
from posting.children import order
from posting.server import PurchaseOrders

from assay.sap.posting.client import Client, Settings
from assay.sap.posting.outbox import Outbox
from assay.sap.posting.poster import Patience, Poster, Receipt
from assay.sap.posting.repeatable import doubt, request_headers, result_of
from assay.sap.posting.request import Posting

NEVER = 1e9  # seconds until a commit can be read


def poster(orders: PurchaseOrders, path: Path) -> Poster:
    client = Client(
        "http://127.0.0.1",
        settings=Settings(attempts=2, first_wait=0.01),
        transport=orders.transport(),
        sleep=lambda _: None,
    )
    return Poster(client, Outbox(path), patience=Patience(2, 0.0))


def wished(number: int) -> Posting:
    return replace(order(number), repeatability=request_headers("V4"))


def identifiers(orders: PurchaseOrders) -> list[str]:
    sent = [headers for method, _, headers in orders.seen if method == "POST"]
    return [headers.get("repeatability-request-id", "") for headers in sent]


def test_the_headers_are_those_that_sap_and_oasis_ask_for() -> None:
    v2, v4 = request_headers("V2"), request_headers("V4")
    assert re.fullmatch("[0-9A-F]{32}", v2["RequestID"])
    said = datetime.fromisoformat(v2["RepeatabilityCreation"]).replace(tzinfo=UTC)
    sent = parsedate_to_datetime(v4["Repeatability-First-Sent"])
    assert v4["Repeatability-First-Sent"].endswith(" GMT")
    assert all(abs(datetime.now(UTC) - each) < timedelta(minutes=1) for each in (said, sent))
    assert UUID(v4["Repeatability-Request-ID"]).version == 4
    assert request_headers("V2")["RequestID"] != v2["RequestID"]


def test_a_commit_that_cannot_be_read_is_not_made_twice(tmp_path: Path) -> None:
    """Without the wish it is: the risk that docs/sap.md names."""
    orders = PurchaseOrders(faults=["late"], late=NEVER, repeatable=True)
    receipt = poster(orders, tmp_path / "a.db").post(wished(1), dry_run=False)
    assert isinstance(receipt, Receipt) and receipt.state == "posted" and receipt.said == ""
    assert receipt.values["PurchaseOrder"] == "4500000000" and len(orders.rows) == 1
    first, second = identifiers(orders)
    assert first == second != ""
    without = PurchaseOrders(faults=["late"], late=NEVER, repeatable=True)
    poster(without, tmp_path / "b.db").post(order(1), dry_run=False)
    assert len(without.rows) == 2


def test_the_identifier_outlives_the_process(tmp_path: Path) -> None:
    orders = PurchaseOrders(faults=["late", "503 retry", "503 retry"], late=NEVER, repeatable=True)
    posting = wished(1)
    left = poster(orders, tmp_path / "a.db").post(posting, dry_run=False)
    assert isinstance(left, Receipt) and left.state == "pending"
    again = poster(orders, tmp_path / "a.db").post(wished(1), dry_run=False)  # asked for anew
    assert isinstance(again, Receipt) and again.state == "posted"
    assert len(orders.rows) == 1 and len(set(identifiers(orders))) == 1


@pytest.mark.parametrize(
    "headers,said",
    [
        ({}, "SAP did not answer to the wish"),
        ({"repeatabilityresult": "Unsupported"}, "SAP answered 'unsupported'"),
        ({"repeatabilityresult": "accepted"}, ""),
        ({"repeatability-result": "Accepted"}, ""),
    ],
)
def test_what_sap_says_of_the_wish_is_told(headers: dict[str, str], said: str) -> None:
    told = doubt(request_headers("V2"), result_of(headers))
    assert told.startswith(said) and bool(told) == bool(said)
    assert doubt({}, "") == ""  # nobody asked


def test_a_service_that_does_not_take_the_wish_is_told(tmp_path: Path) -> None:
    receipt = poster(PurchaseOrders(), tmp_path / "a.db").post(wished(1), dry_run=False)
    assert isinstance(receipt, Receipt) and receipt.state == "posted"
    assert "only the read-back protected it" in receipt.said
