"""Posts each document once: an outbox before the request, a read-back after an unknown outcome.

The remaining risk: SAP may still be committing when a connection is cut. A read-back therefore asks
``Patience.asks`` times over ``Patience.seconds()`` before it takes "not there" for an answer. A
commit that becomes visible later than that, for a service without a duplicate check of its own,
is posted twice; so it is where the document is posted by another system at the same moment. Where
the service takes repeatable requests, ``Posting.repeatability`` closes the first gap: what is sent
again carries the identifier of its first sending, and SAP answers it without running it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from assay.errors import DataError
from assay.sap.posting import repeatable
from assay.sap.posting.client import Answer, Client
from assay.sap.posting.errors import Message, NotSent, OutcomeUnknown, Refused
from assay.sap.posting.outbox import OPEN, Entry, Outbox, Result, State
from assay.sap.posting.request import Posting

SENDS = 3  # times that one call sends a document which SAP each time turns out not to have


@dataclass(frozen=True)
class Patience:
    """How a read-back waits for a commit that may still be running."""

    asks: int = 5
    wait: float = 2.0  # seconds before the first; each next one waits twice as long

    def waits(self) -> list[float]:
        return [self.wait * 2**i for i in range(self.asks)]

    def seconds(self) -> float:
        return sum(self.waits())


@dataclass(frozen=True)
class Preview:
    """What would be sent."""

    key: str
    method: str
    url: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    filter: str  # by which SAP is asked for it


@dataclass(frozen=True)
class Receipt:
    """What became of a posting."""

    key: str
    state: State
    document: str
    entity: str
    location: str
    status: int
    warnings: tuple[Message, ...]
    attempts: int
    found: bool
    said: str
    messages: tuple[Message, ...]
    values: Mapping[str, Any]  # the properties of the document, as SAP answered them


class Poster:
    """Posts through one client, and remembers in one outbox."""

    def __init__(
        self,
        client: Client,
        outbox: Outbox,
        *,
        check_before: bool = True,
        patience: Patience = Patience(),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.client = client
        self.outbox = outbox
        self.check_before = check_before
        self.patience = patience
        self._sleep = sleep

    def post(self, posting: Posting, *, dry_run: bool = True, key: str = "") -> Preview | Receipt:
        """Sends a posting with ``dry_run=False``; the same key again returns the first result.

        Raises ``Refused`` where SAP refuses it. A receipt that is ``pending`` or ``unknown`` is
        finished by ``resume``.
        """
        key = key or posting.key()
        if dry_run:
            return Preview(
                key,
                posting.method,
                posting.url,
                posting.body,
                posting.repeatability,
                posting.filter(),
            )
        self.outbox.add(key, posting)
        return _raised(self._finish(key, posting))

    def resume(self) -> list[Receipt]:
        """Finishes what a crash or an outage left; a refusal is a receipt here, not an error."""
        return [
            _receipt(self._finish(each.key, each.posting)) for each in self.outbox.entries(*OPEN)
        ]

    def status(self) -> list[Receipt]:
        """Every posting of the outbox."""
        return [_receipt(each) for each in self.outbox.entries()]

    def retry(self, key: str) -> Receipt:
        """Sends a refused or abandoned posting again, its cause being removed in SAP."""
        posting = self.outbox.get(key).posting
        with self.outbox.lock(posting):
            entry = self.outbox.get(key)
            if entry.state in ("refused", "abandoned"):
                attempts = entry.result.attempts
                # What was sent before may be there by now: it is read back first.
                state = "unknown" if attempts else "pending"
                self.outbox.mark(key, state, Result(attempts=attempts))
        return _raised(self._finish(key, posting))

    def abandon(self, key: str, reason: str) -> Receipt:
        """Gives up a posting that is not posted; whoever does so answers for an unknown one."""
        posting = self.outbox.get(key).posting
        with self.outbox.lock(posting):
            entry = self.outbox.get(key)
            if entry.state == "posted":
                raise DataError(f"{key}: it is posted", "Reverse the document in SAP.")
            return _receipt(self.outbox.mark(key, "abandoned", replace(entry.result, said=reason)))

    def _finish(self, key: str, posting: Posting) -> Entry:
        with self.outbox.lock(posting):
            entry = self.outbox.get(key)  # another process may have finished it meanwhile
            if entry.state not in OPEN:
                return entry
            try:
                return self._advance(entry)
            except NotSent as error:
                held = self.outbox.get(key)
                return self.outbox.mark(key, held.state, replace(held.result, said=error.cause))
            except Refused as error:
                return self._refused(self.outbox.get(key), error)

    def _advance(self, entry: Entry) -> Entry:
        """From where a posting stands to where it ends; every step is written before the next."""
        if entry.state in ("sending", "unknown"):
            entry = self._read_back(entry)
        elif entry.posting.method == "POST" and (self.check_before or entry.result.attempts):
            entry = self._found(entry) or entry
        for _ in range(SENDS):
            if entry.state != "pending":
                return entry
            entry = self._send(entry)
        if entry.state == "pending" and entry.result.messages:
            raise Refused(entry.result.said, entry.result.status, entry.result.messages)
        return entry

    def _send(self, entry: Entry) -> Entry:
        entry = self._with_etag(entry)
        result = replace(entry.result, attempts=entry.result.attempts + 1)
        entry = self.outbox.mark(entry.key, "sending", result)
        try:
            answer = self._request(entry)
        except NotSent:
            self.outbox.mark(entry.key, "pending", replace(result, attempts=result.attempts - 1))
            raise
        except OutcomeUnknown as error:
            result = replace(result, said=error.cause, status=error.status, messages=error.messages)
            return self._read_back(self.outbox.mark(entry.key, "unknown", result))
        doubt = repeatable.doubt(entry.posting.repeatability, answer.repeatability)
        return self.outbox.mark(entry.key, "posted", replace(_posted(result, answer), said=doubt))

    def _request(self, entry: Entry) -> Answer:
        posting = entry.posting
        if posting.method == "PATCH":
            return self.client.change(
                "PATCH",
                posting.path,
                posting.url,
                entry.result.etag,
                posting.body,
                posting.repeatability,
            )
        return self.client.write(
            "POST", posting.path, posting.url, posting.body, posting.repeatability
        )

    def _refused(self, entry: Entry, error: Refused) -> Entry:
        """A refusal of the document; where only the read-back was refused, it stays unknown."""
        result = replace(
            entry.result, said=error.cause, status=error.status, messages=error.messages
        )
        state: State = "unknown" if entry.state == "unknown" else "refused"
        return self.outbox.mark(entry.key, state, result)

    def _with_etag(self, entry: Entry) -> Entry:
        """A PATCH with the ETag of before its first sending, so that a repeat cannot pass twice."""
        if entry.posting.method != "PATCH" or entry.result.etag:
            return entry
        etag = self.client.get(entry.posting.url).etag
        return self.outbox.mark(entry.key, entry.state, replace(entry.result, etag=etag))

    def _read_back(self, entry: Entry) -> Entry:
        """Whether SAP has the document: ``posted``, or ``pending`` once it certainly has not."""
        entry = self.outbox.mark(entry.key, "unknown", entry.result)
        for wait in self.patience.waits():
            self._sleep(wait)
            if (found := self._found(entry)) is not None:
                return found
        return self.outbox.mark(entry.key, "pending", entry.result)

    def _found(self, entry: Entry) -> Entry | None:
        posting = entry.posting
        held = self._patched(posting) if posting.method == "PATCH" else self._document(posting)
        if held is None:
            return None
        result = replace(entry.result, found=True, said="", messages=())
        return self.outbox.mark(
            entry.key, "posted", replace(result, entity=_address(held), values=_scalars(held))
        )

    def _document(self, posting: Posting) -> Mapping[str, Any] | None:
        answer = self.client.get(posting.url, {"$filter": posting.filter(), "$top": "2"})
        rows = _rows(answer.body)
        if rows is None:
            raise NotSent(f"{posting.url}: its answer is not a list of entities")
        if len(rows) > 1:
            raise Refused(
                f"{posting.url}: more than one document has {posting.filter()}; "
                "it is not known which is this one",
                answer.status,
            )
        return rows[0] if rows else None

    def _patched(self, posting: Posting) -> Mapping[str, Any] | None:
        held = _entity(self.client.get(posting.url).body)
        return held if all(held.get(n) == v for n, v in posting.body.items()) else None


def _rows(body: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
    """The entities of a list, of V4 or V2; None where it is no list, which is not an empty one."""
    held: Any = body.get("value", body.get("d"))
    if isinstance(held, dict):
        held = held.get("results")
    if not isinstance(held, list) or not all(isinstance(each, dict) for each in held):
        return None
    return held


def _entity(body: Mapping[str, Any]) -> Mapping[str, Any]:
    held: Any = body.get("d", body)
    return held if isinstance(held, dict) else {}


def _address(entity: Mapping[str, Any]) -> str:
    """The path of an entity with its key, where the answer states it."""
    metadata: Any = entity.get("__metadata", {})
    stated = entity.get("@odata.id", "") or (
        metadata.get("uri", "") if isinstance(metadata, dict) else ""
    )
    return urlsplit(str(stated)).path


def _scalars(entity: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in entity.items()
        if "@" not in name and not isinstance(value, (dict, list))
    }


def _posted(result: Result, answer: Answer) -> Result:
    held = _entity(answer.body)
    return replace(
        result,
        entity=_address(held) or urlsplit(answer.location).path,
        values=_scalars(held),
        location=answer.location,
        status=answer.status,
        said="",
        messages=answer.warnings,
        found=False,
    )


def _receipt(entry: Entry) -> Receipt:
    result = entry.result
    posted = entry.state == "posted"
    return Receipt(
        entry.key,
        entry.state,
        entry.posting.document,
        result.entity,
        result.location,
        result.status,
        result.messages if posted else (),
        result.attempts,
        result.found,
        result.said,
        () if posted else result.messages,
        result.values,
    )


def _raised(entry: Entry) -> Receipt:
    if entry.state == "refused":
        raise Refused(entry.result.said, entry.result.status, entry.result.messages)
    return _receipt(entry)
