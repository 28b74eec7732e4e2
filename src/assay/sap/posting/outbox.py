"""What is to be posted and what became of it, in a SQLite file that survives a crash.

A posting is written here before anything is sent: ``pending``, then ``sending``, then ``posted``,
``refused``, ``unknown`` or ``abandoned``. Each step is on the disk before the next begins.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from assay import files
from assay.errors import DataError
from assay.sap.posting.errors import Message
from assay.sap.posting.request import Posting, from_json, to_json

State = Literal["pending", "sending", "posted", "refused", "unknown", "abandoned"]
OPEN = ("pending", "sending", "unknown")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS posting (
    key TEXT PRIMARY KEY, posting TEXT NOT NULL, state TEXT NOT NULL, result TEXT NOT NULL,
    created TEXT NOT NULL, changed TEXT NOT NULL
)"""


@dataclass(frozen=True)
class Result:
    """What is known of a posting so far."""

    entity: str = ""  # the address of what was created, as SAP wrote it
    location: str = ""
    status: int = 0  # of the last answer
    said: str = ""  # why it is where it is
    messages: tuple[Message, ...] = ()
    attempts: int = 0  # requests that may have reached SAP
    found: bool = False  # SAP had it: nothing was sent for it this time
    etag: str = ""  # of the entity that a PATCH changes
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Entry:
    """One posting with its state."""

    key: str
    posting: Posting
    state: State
    result: Result
    created: str
    changed: str


class Outbox:
    """The outbox in one file, shared by threads and processes of one machine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with files.storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # payloads are confidential
            self._locks = path.with_name(path.name + ".locks")
            self._locks.mkdir(mode=0o700, exist_ok=True)
        self._connection = sqlite3.connect(path, timeout=60, isolation_level=None)
        try:
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute(_SCHEMA)
        except sqlite3.DatabaseError as error:
            raise DataError(f"{path}: not an outbox ({error})") from error

    def close(self) -> None:
        self._connection.close()

    def add(self, key: str, posting: Posting) -> None:
        """Writes a new posting; the same one again changes nothing.

        Raises ``DataError`` where the key belongs to another posting.
        """
        written = json.dumps(to_json(posting), sort_keys=True)
        now = _now()
        self._connection.execute(
            "INSERT INTO posting VALUES (?, ?, 'pending', '{}', ?, ?) ON CONFLICT DO NOTHING",
            (key, written, now, now),
        )
        held = self.get(key).posting
        if held.key() != posting.key():
            raise DataError(
                f"{self.path}: key {key} belongs to another posting, of {held.document or '?'}",
                "Give each posting its own key, or none.",
            )

    def get(self, key: str) -> Entry:
        """The posting with this key; raises ``DataError`` where there is none."""
        row = self._connection.execute("SELECT * FROM posting WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise DataError(f"{self.path}: no posting has the key {key}")
        return _entry(row)

    def entries(self, *states: State) -> list[Entry]:
        """The postings in these states, or all, the oldest first."""
        rows = self._connection.execute("SELECT * FROM posting ORDER BY created, rowid").fetchall()
        return [each for each in map(_entry, rows) if not states or each.state in states]

    def mark(self, key: str, state: State, result: Result) -> Entry:
        """Writes what became of a posting; it is on the disk when this returns."""
        self._connection.execute(
            "UPDATE posting SET state = ?, result = ?, changed = ? WHERE key = ?",
            (state, json.dumps(asdict(result)), _now(), key),
        )
        return self.get(key)

    @contextmanager
    def lock(self, posting: Posting) -> Generator[None]:
        """Nobody else sends this document meanwhile; the lock of a process ends with it.

        Locks are 256 files, so that they need never be deleted: two documents may share one, and
        then wait for each other.
        """
        handle = os.open(self._locks / posting.identity[:2], os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _entry(row: tuple[str, str, State, str, str, str]) -> Entry:
    key, posting, state, result, created, changed = row
    held = json.loads(result)
    held["messages"] = tuple(Message(**each) for each in held.get("messages", []))
    return Entry(key, from_json(json.loads(posting)), state, Result(**held), created, changed)


def _now() -> str:
    return datetime.now(UTC).isoformat()
