"""Progress for people: core code reports here and never prints."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Task(Protocol):
    """One bar."""

    def advance(self, amount: float = 1, note: str = "") -> None:
        """Move the bar; ``note`` is shown beside it (e.g. the current loss)."""
        ...


class Progress(Protocol):
    """Where work of more than two seconds reports how far it is, and decisions with reasons."""

    def task(self, title: str, total: float) -> AbstractContextManager[Task]:
        """A context manager that yields a ``Task``."""
        ...

    def say(self, message: str) -> None:
        """A decision and its reason, or a finding, as one line."""
        ...


class _Silent:
    def advance(self, amount: float = 1, note: str = "") -> None:
        del amount, note


class SilentProgress:
    """Reports nothing: for libraries, tests and ``--json``."""

    @contextmanager
    def task(self, title: str, total: float) -> Generator[Task]:
        """A bar nobody sees."""
        del title, total
        yield _Silent()

    def say(self, message: str) -> None:
        """Nothing."""
        del message


SILENT = SilentProgress()
