"""Turns SIGTERM and Ctrl-C into a request that the loop honours between two steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from assay.errors import Interrupted


class StopRequest:
    """While entered, the first signal sets ``requested``; a second one acts as usual."""

    def __init__(self) -> None:
        self.requested = False
        self.name = ""
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._request)
        return self

    def _request(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.requested = True
        self.name = signal.Signals(number).name
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def __exit__(self, *exc: object) -> None:
        self._restore()


@contextmanager
def interruptible() -> Generator[None]:
    """Outside the loop SIGTERM ends a run as Ctrl-C does: at once, with its state written."""

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        raise Interrupted(
            f"{signal.Signals(number).name}: stopped; finished stages are kept",
            "Run the same command again to go on from there.",
        )

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
