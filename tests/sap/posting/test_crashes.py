"""Crashes and timeouts at every step around the POST: no document twice, none lost."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from collections import Counter
from pathlib import Path

import pytest
from posting import children
from posting.children import DyingOutbox, order
from posting.server import PurchaseOrders, v4

from assay.sap.posting.client import Client, Settings
from assay.sap.posting.outbox import Outbox
from assay.sap.posting.poster import Patience, Poster

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["assay.sap.posting.poster"])


class Abort(BaseException):
    """Stands for the end of a process: no handler of errors catches it."""


def abort(*_) -> None:
    raise Abort


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


FAULTS = (
    "",
    "cut before",
    "cut after",
    "500",
    "500 after",
    "503",
    "502 after",
    "late",
    "429 retry",
)


def assert_once(orders: PurchaseOrders, count: int) -> None:
    held = Counter(each["CorrespncExternalReference"] for each in orders.rows)
    assert held == Counter(f"R-{number}" for number in range(count))


def test_500_crashes_and_timeouts_leave_no_duplicate_and_lose_nothing(tmp_path: Path) -> None:
    draw, clock, orders = random.Random(10), Clock(), PurchaseOrders(late=20.0)
    orders.visible = lambda: clock.now
    path, injected, aborted = tmp_path / "outbox.db", 0, 0
    for number in range(250):
        fault = draw.choice(FAULTS)
        orders.faults = [fault] if fault else []
        step = draw.randrange(10)
        moment = draw.choice(("before", "after", "", ""))
        orders.at = lambda at, moment=moment: abort() if at == moment else None
        injected += bool(fault)
        while True:
            client = Client(
                "https://sap.example",
                transport=orders.transport(),
                sleep=clock.sleep,
                settings=Settings(attempts=3),
            )
            outbox = DyingOutbox(path, step, abort)
            poster = Poster(client, outbox, patience=Patience(4, 2.0), sleep=clock.sleep)
            try:
                receipt = poster.post(order(number), dry_run=False)
                assert receipt.state == "posted", receipt
                break
            except Abort:
                aborted += 1
            finally:
                outbox.close()
                orders.at = lambda at: None
            step = draw.choice((step, 99))  # once more at the same step, or through
    assert injected + aborted >= 500
    assert_once(orders, 250)


def killed(kills: int, tmp_path: Path) -> None:
    orders, path = PurchaseOrders(), str(tmp_path / "outbox.db")
    died = 0
    with v4(orders) as base:
        for number in range(kills):
            step = number % (children.STEPS + 2) - 2  # -2 and -1: killed by the server
            process = CONTEXT.Process(
                target=children.post, args=(base, path, number, step if step >= 0 else 99)
            )
            moment = {-2: "before", -1: "after"}.get(step, "")
            process.start()
            orders.at = lambda at, moment=moment, pid=process.pid: (
                os.kill(pid, signal.SIGKILL) if at == moment else None
            )
            process.join()
            died += process.exitcode == -signal.SIGKILL
            orders.at = lambda at: None
        outbox = Outbox(Path(path))
        sender = children.poster(base, outbox)
        sender.resume()
        for number in range(kills):
            assert sender.post(order(number), dry_run=False).state == "posted"
        outbox.close()
    assert died >= kills * 0.75
    assert_once(orders, kills)


def test_25_killed_processes_leave_no_duplicate_and_lose_nothing(tmp_path: Path) -> None:
    killed(25, tmp_path)


@pytest.mark.full
def test_500_killed_processes_leave_no_duplicate_and_lose_nothing(tmp_path: Path) -> None:
    killed(500, tmp_path)


def test_two_processes_on_one_outbox_send_each_document_once(tmp_path: Path) -> None:
    orders, path = PurchaseOrders(), str(tmp_path / "outbox.db")
    Outbox(Path(path)).close()
    with v4(orders) as base:
        racers = [
            CONTEXT.Process(target=children.race, args=(base, path, list(range(20))))
            for _ in range(2)
        ]
        for each in racers:
            each.start()
        for each in racers:
            each.join()
    assert [each.exitcode for each in racers] == [0, 0]
    assert_once(orders, 20)
