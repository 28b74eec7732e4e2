"""What the processes of the crash tests do; each dies by SIGKILL at the moment it is told."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from assay.sap.posting.client import Client, Settings
from assay.sap.posting.outbox import Outbox
from assay.sap.posting.poster import Patience, Poster
from assay.sap.posting.request import Posting

ROOT = "/sap/opu/odata4/sap/api_purchaseorder_2/srvd_a2x/sap/purchaseorder/0001"
STEPS = 7  # moments at which an outbox is written, before and after; the server adds two


def order(number: int | str) -> Posting:
    body = {"Supplier": "17300001", "CorrespncExternalReference": f"R-{number}"}
    return Posting(
        "api_purchaseorder_2",
        "V4",
        ROOT,
        "PurchaseOrder",
        {**body, "_PurchaseOrderItem": [{"PurchaseOrderItem": "10", "Plant": "1710"}]},
        body,
        document=f"order-{number}.pdf",
    )


class DyingOutbox(Outbox):
    """An outbox whose process ends at the n-th moment, before or after a write."""

    def __init__(self, path: Path, step: int, die=lambda: os.kill(os.getpid(), signal.SIGKILL)):
        super().__init__(path)
        self.left, self.die = step, die

    def moment(self) -> None:
        self.left -= 1
        if self.left == -1:
            self.die()

    def add(self, key, posting):
        self.moment()
        super().add(key, posting)
        self.moment()

    def mark(self, key, state, result):
        self.moment()
        entry = super().mark(key, state, result)
        self.moment()
        return entry


def poster(base: str, outbox: Outbox, **settings) -> Poster:
    client = Client(base, settings=Settings(attempts=2, first_wait=0.01), **settings)
    return Poster(client, outbox, patience=Patience(2, 0.01))


def post(base: str, path: str, number: int, step: int) -> None:
    poster(base, DyingOutbox(Path(path), step)).post(order(number), dry_run=False)


def race(base: str, path: str, numbers: list[int]) -> None:
    sender = poster(base, Outbox(Path(path)))
    for number in numbers:
        sender.post(order(number), dry_run=False)
