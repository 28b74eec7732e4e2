"""Speaks to one SAP host: CSRF tokens with their cookies, ETags, and repeats only where safe.

A request is repeated only when it was certainly not executed: no connection was made, or SAP
refused it as locked (423), too many (429), without work processes (503 with ``Retry-After``), or
for its CSRF token or its expired logon. After anything else its outcome is unknown, and
``OutcomeUnknown`` is raised: whether it happened must be read back.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from assay.errors import DataError
from assay.sap import tls
from assay.sap.fetch import LONGEST_WAIT, retry_after
from assay.sap.metadata import require_size
from assay.sap.posting import repeatable
from assay.sap.posting.credentials import Anonymous, Certificate, Credentials, require_encryption
from assay.sap.posting.errors import (
    Message,
    NotSent,
    OutcomeUnknown,
    Refused,
    messages_of,
    warnings_of,
)

TIMEOUT = httpx.Timeout(60, connect=10)
ANSWER_LIMIT = 16 << 20  # bytes
_CSRF = "x-csrf-token"
_NOT_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True)
class Settings:
    """How long to wait, how often to repeat, and the two parameters that SAP knows."""

    timeout: httpx.Timeout = field(default_factory=lambda: TIMEOUT)
    attempts: int = 4
    first_wait: float = 1.0  # doubled at each repeat; a random share of it is waited
    client: str = ""  # sap-client
    language: str = ""  # sap-language


@dataclass(frozen=True)
class Answer:
    """What SAP answered to a request that succeeded."""

    status: int
    body: Mapping[str, Any]
    etag: str
    location: str
    warnings: tuple[Message, ...]
    attempts: int
    repeatability: str = ""  # "accepted" where SAP runs the request once, whatever comes


class Client:
    """One host and one logon; not shared between threads."""

    def __init__(
        self,
        base: str,
        credentials: Credentials | None = None,
        *,
        certificate: Certificate | None = None,
        settings: Settings | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        require_encryption(base)
        self.settings = settings or Settings()
        self._credentials = credentials or Anonymous()
        self._sleep = sleep
        self._tokens: dict[str, str] = {}  # by service root; their cookies are the client's
        known = {"sap-client": self.settings.client, "sap-language": self.settings.language}
        self._http = httpx.Client(
            base_url=base,
            timeout=self.settings.timeout,
            verify=certificate.context() if certificate else tls.context(),
            transport=transport,
            params={name: value for name, value in known.items() if value},
            headers={"Accept": "application/json"},
            trust_env=False,  # no proxy or .netrc is used that nobody named here
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def get(self, url: str, query: Mapping[str, str] | None = None) -> Answer:
        """Reads; a read is safe, so ``NotSent`` is all that a lost answer means."""
        try:
            return self._repeated("GET", _with_query(url, query or {}), {}, None)
        except OutcomeUnknown as error:
            raise NotSent(error.cause, "Try again later.") from None

    def write(
        self,
        method: str,
        root: str,
        url: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Sends a change to a service with its CSRF token.

        Raises ``Refused``, ``NotSent`` or ``OutcomeUnknown``.
        """
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        sent[_CSRF] = self._tokens.get(root) or self._fetch_token(root)
        try:
            return self._repeated(method, url, sent, content)
        except _TokenExpired:
            sent[_CSRF] = self._fetch_token(root)
        try:
            return self._repeated(method, url, sent, content)
        except _TokenExpired as error:
            raise Refused(error.cause, error.status, error.messages) from None

    def change(
        self,
        method: str,
        root: str,
        url: str,
        etag: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Sends a ``PATCH`` or ``DELETE`` of the state that ``etag`` names, never of any state."""
        if etag.strip() == "*":
            raise DataError(f"{url}: If-Match: * overrides the changes of others", "Read its ETag.")
        match = {"If-Match": etag} if etag else {}
        return self.write(method, root, url, body, {**(headers or {}), **match})

    def delete(self, root: str, url: str) -> Answer:
        """Deletes the entity as it is now read."""
        return self.change("DELETE", root, url, self.get(url).etag)

    def _fetch_token(self, root: str) -> str:
        self._tokens.pop(root, None)
        for name in [each.name for each in self._http.cookies.jar]:
            self._http.cookies.delete(name)  # a token belongs to its session, and goes with it
        try:
            answer = self._sent("GET", f"{root.rstrip('/')}/", {_CSRF: "Fetch"}, None)
        except OutcomeUnknown as error:
            raise NotSent(error.cause, "Try again later.") from None
        token = answer.headers.get(_CSRF, "")
        if not token or token.lower() == "required":
            raise NotSent(f"{root}: SAP gave no CSRF token", "Check the service's address.")
        self._tokens[root] = token
        return token

    def _repeated(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None
    ) -> Answer:
        count: list[int] = []
        answer = self._sent(method, url, headers, content, count)
        return Answer(
            answer.status_code,
            _object(answer),
            answer.headers.get("etag", ""),
            answer.headers.get("location", ""),
            warnings_of(answer),
            len(count),
            repeatable.result_of(answer.headers),
        )

    def _sent(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | None,
        count: list[int] | None = None,
    ) -> httpx.Response:
        renewed, wait = False, self.settings.first_wait
        counted = [] if count is None else count
        while True:
            counted.append(1)
            try:
                return self._once(method, url, headers, content)
            except _Expired as error:
                if renewed or not self._credentials.renew():
                    raise Refused(error.cause, error.status, error.messages) from None
                renewed = True
            except _Busy as error:
                if len(counted) >= self.settings.attempts:
                    raise NotSent(f"{error.cause}, {len(counted)} times", error.remedy) from None
                self._sleep(error.wait + random.uniform(0, min(wait, LONGEST_WAIT)))
                wait *= 2

    def _once(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None
    ) -> httpx.Response:
        where = f"{method} {url}"
        sent = dict(headers)
        if written := self._credentials.header():
            sent["Authorization"] = written
        try:
            with self._http.stream(method, url, headers=sent, content=content) as answer:
                body = bytearray()
                for piece in answer.iter_bytes():
                    body += piece
                    require_size(len(body), ANSWER_LIMIT, where)
                held = httpx.Response(
                    answer.status_code,
                    headers={
                        name: value
                        for name, value in answer.headers.items()
                        if name not in ("content-encoding", "content-length", "transfer-encoding")
                    },
                    content=bytes(body),
                )
        except _NOT_CONNECTED as error:
            raise _Busy(
                f"{where}: no connection ({str(error) or type(error).__name__})", 0.0
            ) from None
        except (httpx.HTTPError, DataError) as error:
            raise OutcomeUnknown(f"{where}: no whole answer ({type(error).__name__})") from None
        _judge(where, held)
        return held


class _Busy(NotSent):
    def __init__(self, cause: str, wait: float) -> None:
        super().__init__(cause, "Try again later: nothing was executed.")
        self.wait = wait


class _Expired(Refused):
    pass


class _TokenExpired(Refused):
    pass


def _judge(where: str, answer: httpx.Response) -> None:
    """Raises what an answer means, unless it is a success."""
    status = answer.status_code
    if status < 300:
        if "html" in answer.headers.get("content-type", ""):
            raise OutcomeUnknown(f"{where}: it answered a page in HTML, often a logon page", status)
        return
    messages = messages_of(answer)
    if answer.has_redirect_location or status < 400:
        host = httpx.URL(answer.headers.get("location", "")).host or "another address"
        raise Refused(f"{where}: it redirects to {host}, which is not followed", status)
    cause = f"{where}: it answered {status} {answer.reason_phrase}"
    if status == 401:
        raise _Expired(cause, status, messages)
    if status == 403 and answer.headers.get(_CSRF, "").lower() == "required":
        raise _TokenExpired(cause, status, messages)
    wait = retry_after(answer)
    if status in (423, 429) or (status == 503 and wait is not None):
        raise _Busy(cause, min(wait or 0.0, LONGEST_WAIT))
    if status >= 500 or status == 408:  # 408: of a proxy that no longer waited
        raise OutcomeUnknown(cause, status, messages)
    if status == 412:
        cause += ": the entity was changed after it was read"
    if status == 428:
        cause += ": the service wants an ETag, and the entity gave none"
    raise Refused(cause, status, messages)


def _object(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        held = answer.json() if answer.content else {}
    except ValueError:
        held = {}
    return held if isinstance(held, dict) else {}


def _with_query(url: str, query: Mapping[str, str]) -> str:
    written = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    return f"{url}?{written}" if written else url
