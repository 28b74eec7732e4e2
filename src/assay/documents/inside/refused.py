"""Why a document is not read: the verdicts, and the exception that carries one."""

from __future__ import annotations

OPENED = "opened"
EMPTY = "empty"
UNKNOWN = "unknown type"
ENCRYPTED = "encrypted"
DAMAGED = "damaged"
TOO_LARGE = "too large"
TOO_SLOW = "too slow"
ACTIVE = "active content"
AMBIGUOUS = "two readings"
UNCONFINED = "unconfined"  # the kernel refused: nothing was read
VERDICTS = (OPENED, EMPTY, UNKNOWN, ENCRYPTED, DAMAGED, TOO_LARGE, TOO_SLOW, ACTIVE, AMBIGUOUS)


class Refused(Exception):
    """A document that is not read."""

    def __init__(self, verdict: str, reason: str) -> None:
        super().__init__(verdict, reason)
        self.verdict = verdict
        self.reason = reason
