"""What the poster does with each answer of SAP, against services on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pyodata
import pytest
import requests
from posting.children import ROOT, order
from posting.server import PurchaseOrders, v2, v4

from assay.errors import DataError
from assay.sap import documents
from assay.sap.metadata import Service
from assay.sap.posting.client import Client, Settings
from assay.sap.posting.credentials import Basic
from assay.sap.posting.errors import Refused
from assay.sap.posting.outbox import Outbox
from assay.sap.posting.poster import Patience, Poster, Preview, Receipt
from assay.sap.posting.request import Posting

SCHEMAS = Path(documents.__file__).parent / "knowledge" / "schemas"
TIMEOUT = httpx.Timeout(0.25)


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[str, PurchaseOrders]]:
    orders = PurchaseOrders()
    with v4(orders) as base:
        yield base, orders


@pytest.fixture
def orders(running) -> PurchaseOrders:
    held = running[1]
    held.__dict__.update(PurchaseOrders().__dict__)
    return held


@pytest.fixture
def poster(running, orders, tmp_path: Path) -> Poster:
    settings = Settings(timeout=TIMEOUT, attempts=3, first_wait=0.01)
    client = Client(running[0], settings=settings, sleep=lambda _: None)
    return Poster(client, Outbox(tmp_path / "outbox.db"), patience=Patience(2, 0.02))


def send(poster: Poster, posting: Posting, **options) -> Receipt:
    receipt = poster.post(posting, dry_run=False, **options)
    assert isinstance(receipt, Receipt)
    return receipt


def test_nothing_is_sent_unless_it_is_asked_for(poster: Poster, orders: PurchaseOrders) -> None:
    preview = poster.post(order(1))
    assert isinstance(preview, Preview)
    assert preview.url == f"{ROOT}/PurchaseOrder" and preview.body == order(1).body
    assert orders.seen == [] and poster.status() == []


def test_a_document_is_posted_with_its_items_and_its_warnings(poster, orders) -> None:
    receipt = send(poster, order(1))
    assert (receipt.state, receipt.status, receipt.found) == ("posted", 201, False)
    assert receipt.entity == f"{ROOT}/PurchaseOrder('4500000000')"
    assert receipt.values["PurchaseOrder"] == "4500000000"
    assert [each.text for each in receipt.warnings] == ["Check the date"]
    assert orders.rows[0]["_PurchaseOrderItem"][0]["Plant"] == "1710"


def test_the_same_posting_again_returns_the_first_result_and_sends_nothing(poster, orders) -> None:
    first = send(poster, order(1))
    seen = len(orders.seen)
    assert send(poster, order(1)) == first
    assert len(orders.seen) == seen


def test_a_key_is_not_used_for_two_postings(poster) -> None:
    send(poster, order(1), key="mine")
    with pytest.raises(DataError, match="belongs to another posting"):
        send(poster, order(2), key="mine")


def test_what_sap_has_already_is_found_and_not_sent(poster, orders, tmp_path: Path) -> None:
    send(poster, order("O'Neil"))
    other = Poster(poster.client, Outbox(tmp_path / "other.db"))
    receipt = send(other, order("O'Neil"))
    assert (receipt.state, receipt.found, receipt.attempts) == ("posted", True, 0)
    assert len(orders.rows) == 1


@pytest.mark.parametrize(
    ("fault", "attempts", "found"),
    [
        ("expired", 1, False),
        ("429 retry", 1, False),
        ("503 retry", 1, False),
        ("423", 1, False),
        ("500", 2, False),
        ("503", 2, False),
        ("500 after", 1, True),
        ("408 after", 1, True),
        ("502 after", 1, True),
        ("cut before", 2, False),
        ("cut after", 1, True),
        ("slow before", 2, False),
        ("slow after", 1, True),
        ("html", 2, False),
    ],
)
def test_a_fault_neither_loses_nor_doubles_v4(poster, orders, fault, attempts, found) -> None:
    orders.faults = [fault]
    receipt = send(poster, order(1))
    assert (receipt.state, receipt.attempts, receipt.found) == ("posted", attempts, found)
    assert len(orders.rows) == 1


def test_a_refusal_states_every_detail_and_is_remembered(poster, orders) -> None:
    orders.faults = ["400"]
    for _ in range(2):
        with pytest.raises(Refused, match=r"ME/083: Enter Plant \(Plant\)") as caught:
            send(poster, order(1))
        assert [each.code for each in caught.value.messages] == ["ME/400", "ME/083"]
    assert orders.rows == []
    assert poster.retry(order(1).key()).state == "posted"


def test_a_redirect_is_refused(poster, orders) -> None:
    orders.faults = ["redirect"]
    with pytest.raises(Refused, match=r"it redirects to idp\.example"):
        send(poster, order(1))


def test_a_lock_that_stays_leaves_the_posting_pending_until_it_is_resumed(poster, orders) -> None:
    orders.faults = ["423"] * 3
    receipt = send(poster, order(1))
    assert (receipt.state, receipt.attempts) == ("pending", 0) and "423" in receipt.said
    assert [each.state for each in poster.resume()] == ["posted"]


def test_two_documents_with_the_key_are_told_and_not_added_to(poster, orders) -> None:
    send(poster, order(1))
    orders.rows.append(dict(orders.rows[0], PurchaseOrder="9"))
    poster.outbox.mark(order(1).key(), "unknown", poster.outbox.get(order(1).key()).result)
    (receipt,) = poster.resume()
    assert receipt.state == "unknown" and "more than one document" in receipt.said
    assert len(orders.rows) == 2


def patch(**body: str) -> Posting:
    entity = "PurchaseOrder('4500000000')"
    return Posting("api_purchaseorder_2", "V4", ROOT, entity, body, {}, method="PATCH")


def test_a_change_names_the_state_it_changes(poster, orders) -> None:
    send(poster, order(1))
    orders.faults = ["cut after"]
    assert send(poster, patch(Supplier="17300002")).found
    assert orders.rows[0]["Supplier"] == "17300002"
    assert orders.seen[-2][2]["if-match"] == 'W/"1"'
    with pytest.raises(DataError, match="overrides the changes of others"):
        poster.client.change("PATCH", ROOT, patch().url, "*", {})


@pytest.mark.parametrize(("etag", "status"), [('W/"0"', 412), ("", 428)])
def test_a_stale_or_missing_etag_is_reported(poster, orders, etag: str, status: int) -> None:
    send(poster, order(1))
    with pytest.raises(Refused) as caught:
        poster.client.change("PATCH", ROOT, patch().url, etag, {"Supplier": "1"})
    assert caught.value.status == status
    poster.client.delete(ROOT, patch().url)
    assert orders.rows == []


def test_a_password_is_nowhere_to_be_found(running, orders, tmp_path, caplog) -> None:
    caplog.set_level(0)
    orders.logon = Basic("U", "s3cret").header()
    client = Client(running[0], Basic("U", "s3cret"))
    send(Poster(client, Outbox(tmp_path / "outbox.db")), order(1))
    wrong = Poster(Client(running[0], Basic("U", "wr0ng")), Outbox(tmp_path / "outbox.db"))
    with pytest.raises(Refused, match="401") as caught:
        send(wrong, order(2))
    written = caplog.text + str(caught.value) + repr(client.__dict__) + repr(Basic("U", "s3cret"))
    kept = b"".join(each.read_bytes() for each in tmp_path.glob("outbox.db*") if each.is_file())
    for secret in ("s3cret", "wr0ng", orders.logon.split()[1]):
        assert secret not in written and secret.encode() not in kept


# -- V2: the shipped sales order service ---------------------------------------------------------


@pytest.fixture(scope="module")
def sales() -> Service:
    path = SCHEMAS / "API_SALES_ORDER_SRV.openapi.json.gz"
    return documents.parse(documents.read_file(path), path.name)


def sales_order(sales: Service) -> Posting:
    body = {"SalesOrderType": "OR", "PurchaseOrderByCustomer": "O'Neil & Sons/1"}
    items = [{"Material": "TG11", "RequestedQuantity": "3"}, {"Material": "TG12"}]
    return Posting(
        sales.name,
        "V2",
        sales.path,
        "A_SalesOrder",
        {**body, "to_Item": {"results": items}},
        {"PurchaseOrderByCustomer": body["PurchaseOrderByCustomer"]},
    )


@pytest.mark.parametrize(
    ("fault", "attempts"),
    [
        ("", 1),
        ("cut before", 2),
        ("cut after", 1),
        ("slow before", 2),
        ("slow after", 1),
        ("500 before", 2),
        ("500 after", 1),
    ],
)
def test_pyodata_reads_back_what_was_posted_v2(sales, tmp_path, fault, attempts) -> None:
    with v2(sales, basic_auth="U:s3cret") as (base, _, faults):
        faults += [fault] if fault else []
        settings = Settings(timeout=TIMEOUT, client="100", language="EN")
        client = Client(base, Basic("U", "s3cret"), settings=settings)
        sender = Poster(client, Outbox(tmp_path / "outbox.db"), patience=Patience(2, 0.02))
        receipt = send(sender, sales_order(sales))
        assert (receipt.state, receipt.attempts) == ("posted", attempts)
        session = requests.Session()
        session.auth = ("U", "s3cret")
        reader = pyodata.Client(base + sales.path, session)
        found = reader.entity_sets.A_SalesOrder.get_entities().expand("to_Item").execute()
        (held,) = found
        assert held.SalesOrder == receipt.values["SalesOrder"]
        assert held.PurchaseOrderByCustomer == "O'Neil & Sons/1"
        assert [each.Material for each in held.to_Item] == ["TG11", "TG12"]


def test_a_host_that_is_away_leaves_the_posting_pending(tmp_path) -> None:
    client = Client("http://127.0.0.1:1", sleep=lambda _: None)
    receipt = send(Poster(client, Outbox(tmp_path / "outbox.db")), order(1))
    assert (receipt.state, receipt.attempts) == ("pending", 0)
    assert "Connection refused), 4 times" in receipt.said


def test_a_logon_page_is_told_and_nothing_is_sent(tmp_path) -> None:
    seen: list[str] = []

    def page(request: httpx.Request) -> httpx.Response:
        seen.append(request.method)
        return httpx.Response(200, html="<html>Log on</html>")

    client = Client("https://sap.example", transport=httpx.MockTransport(page))
    receipt = send(Poster(client, Outbox(tmp_path / "outbox.db"), check_before=False), order(1))
    assert receipt.state == "pending" and "a page in HTML, often a logon page" in receipt.said
    assert seen == ["GET"]
