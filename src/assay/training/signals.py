"""Turns SIGTERM and Ctrl-C into a request that the loop honours between two steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Any

from assay.errors import Interrupted

# What those who take turns in one thread are asked; they set no handlers of their own, which would not
# be taken away in the order they were set.
SHARED_STOP: ContextVar[StopRequest | None] = ContextVar("shared_stop", default=None)


class StopRequest:
    """While entered, the first signal sets ``requested``; a second one acts as usual."""

    def __init__(self) -> None:
        self._signal: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    @property
    def requested(self) -> bool:
        """Whether this one was asked to stop, or the one that all share who take turns."""
        return self._heard() is not None

    @property
    def name(self) -> str:
        """The signal's name; empty before it."""
        heard = self._heard()
        return heard.name if heard is not None else ""

    def _heard(self) -> signal.Signals | None:
        shared = SHARED_STOP.get()
        return self._signal or (shared._signal if shared is not None else None)

    def __enter__(self) -> StopRequest:
        if SHARED_STOP.get() is None and threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._request)
        return self

    def stop(self) -> None:
        """Ask as SIGTERM would."""
        self._signal = self._signal or signal.SIGTERM

    def _request(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._signal = signal.Signals(number)
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

    if SHARED_STOP.get() is not None or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
