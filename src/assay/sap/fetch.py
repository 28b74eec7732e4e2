"""Fetches metadata over HTTP: a tenant's ``$metadata``, and packages of an npm registry.

Secrets come from the environment and are written nowhere. A redirect to another host is refused,
because it would be sent them.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import ssl
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

import httpx

from assay import files
from assay.errors import AssayError, DataError
from assay.sap import tls
from assay.sap.documents import LIMIT, NOT_STATED, Document
from assay.sap.metadata import require_size

HOST = "ASSAY_SAP_HOST"  # the one host that the next three are sent to
USER, PASSWORD, TOKEN = "ASSAY_SAP_USER", "ASSAY_SAP_PASSWORD", "ASSAY_SAP_TOKEN"
KEY = "ASSAY_SAP_API_KEY"  # of SAP's API hub
REGISTRY = "https://registry.npmjs.org"
TIMEOUT = httpx.Timeout(60, connect=10)
LOOPBACK = ("127.0.0.1", "localhost", "::1")  # the only hosts spoken to without encryption
REDIRECTS, ATTEMPTS = 5, 4
PER_SECOND = 10  # requests to one host at most
LONGEST_WAIT = 30.0  # seconds a host may ask to be left alone
OPEN_LICENCES = ("Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC", "0BSD", "CC0-1.0")
_NPM = re.compile(r"^(?P<name>(?:@[\w.-]+/)?[\w.-]+)@(?P<version>\d[\w.+-]*)$")


class Refused(DataError):
    """The host answered, and did not give what was asked for; ``code`` is 3xx for a redirect."""

    def __init__(self, cause: str, remedy: str = "", code: int = 0) -> None:
        super().__init__(cause, remedy)
        self.args = (cause, remedy, code)
        self.code = code


class Unreachable(DataError):
    """The host gave no answer, or was busy each time."""


@dataclass
class Fetcher:
    """Answers of hosts, at most ten a second, within a size; repeated where that is safe."""

    limit: int = LIMIT
    sleep: Callable[[float], None] = time.sleep
    _last: dict[str, float] = field(default_factory=dict[str, float])
    _trusted: ssl.SSLContext = field(default_factory=tls.context, init=False, repr=False)

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> bytes:
        """The body of the answer to a GET; raises ``DataError`` with what the host said.

        It is ``Refused`` where the host says so, ``Unreachable`` where it says nothing.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise DataError(f"{url}: not an address", "Give http:// or https://.")
        if parts.username or parts.password:
            raise DataError(
                f"{parts.hostname}: an address with a password in it is not used",
                f"Set {HOST}, with {USER} and {PASSWORD} or {TOKEN}.",
            )
        if headers is None:
            headers = _credentials(parts.scheme, parts.hostname)
        with httpx.Client(timeout=TIMEOUT, headers=dict(headers), verify=self._trusted) as client:
            answer = self._attempt(client, url)
            for attempt in range(1, ATTEMPTS):
                if isinstance(answer, bytes):
                    return answer
                self.sleep(min(answer.wait or 2.0 ** (attempt - 1), LONGEST_WAIT))
                answer = self._attempt(client, url)
        if isinstance(answer, bytes):
            return answer
        raise Unreachable(
            f"{url}: {answer.said}, {ATTEMPTS} times", "Try again later: what was imported stays."
        )

    def _attempt(self, client: httpx.Client, url: str) -> bytes | _Busy:
        address = url
        for _ in range(REDIRECTS + 1):
            self._pace(urlsplit(address).netloc)
            try:
                with client.stream("GET", address) as answer:
                    if answer.is_redirect:
                        address = _same_host(address, answer.headers.get("location", ""))
                        continue
                    if answer.status_code in (429, 500, 502, 503, 504):
                        return _Busy(f"it answered {answer.status_code}", retry_after(answer))
                    if answer.status_code != 200:
                        raise _refusal(address, answer)
                    return self._body(answer, address)
            except httpx.HTTPError as error:
                return _Busy(f"no answer ({type(error).__name__}: {error})", None)
        raise DataError(f"{url}: redirected more than {REDIRECTS} times")

    def _body(self, answer: httpx.Response, url: str) -> bytes:
        body = bytearray()
        for piece in answer.iter_bytes():
            body += piece
            require_size(len(body), self.limit, url)
        return bytes(body)

    def _pace(self, host: str) -> None:
        wait = self._last.get(host, 0.0) + 1 / PER_SECOND - time.monotonic()
        if wait > 0:
            self.sleep(wait)
        self._last[host] = time.monotonic()


@dataclass(frozen=True)
class _Busy:
    said: str
    wait: float | None


def at_url(url: str, fetcher: Fetcher) -> Iterator[Document]:
    """The metadata at an address; the address of a service is followed by ``/$metadata``."""
    parts = urlsplit(url)
    last = parts.path.rstrip("/").rpartition("/")[2]
    if "$metadata" not in url and "." not in last.split(";")[0]:
        url = parts._replace(path=f"{parts.path.rstrip('/')}/$metadata").geturl()
    path = unquote(urlsplit(url).path)
    at = path.removesuffix("/$metadata") if path.endswith("/$metadata") else ""
    yield Document(url, url, NOT_STATED, lambda: fetcher.get(url), path=at)


def _credentials(scheme: str, host: str) -> dict[str, str]:
    """What the environment holds for this host, and never for another: the hub's key, a logon."""
    if host == "api.sap.com" or host.endswith(".api.sap.com"):
        found = {"APIKey": os.environ.get(KEY, "")}
    elif os.environ.get(HOST) != host:
        return {}
    elif token := os.environ.get(TOKEN):
        found = {"Authorization": f"Bearer {token}"}
    else:
        written = f"{os.environ.get(USER, '')}:{os.environ.get(PASSWORD, '')}".encode()
        found = {"Authorization": f"Basic {base64.b64encode(written).decode()}"}
    if scheme != "https" and host not in LOOPBACK:
        raise DataError(f"{host}: credentials are not sent without encryption", "Use https://.")
    return found


def _same_host(address: str, location: str) -> str:
    """Where a redirect leads; raises ``Refused`` when that is another host, or not encrypted."""
    target = urljoin(address, location)
    here, there = urlsplit(address), urlsplit(target)
    if here.netloc != there.netloc or (here.scheme == "https" and there.scheme != "https"):
        raise Refused(
            f"{address}: it redirects to {there.scheme}://{there.netloc}, which is not followed",
            "That is often a logon page: check the address and the credentials.",
            302,
        )
    return target


def retry_after(answer: httpx.Response) -> float | None:
    """The seconds that a host asks to be left alone, where it states them."""
    value = answer.headers.get("retry-after", "")
    return float(value) if value.isdigit() else None


def _refusal(url: str, answer: httpx.Response) -> Refused:
    code = answer.status_code
    remedy = "Check the address."
    if code in (401, 403):
        remedy = (
            f"Set {HOST} to its name, with {USER} and {PASSWORD} or {TOKEN} ({KEY} for SAP's hub)."
        )
    return Refused(f"{url}: it answered {code} {answer.reason_phrase}", remedy, code)


# -- npm -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Package:
    """A version of a package, and the hash it must have where that is known beforehand."""

    name: str
    version: str
    integrity: str = ""  # sha512-… in base64

    def __str__(self) -> str:
        return f"npm:{self.name}@{self.version}"


def package(text: str) -> Package:
    """``NAME@VERSION``; raises ``DataError`` for anything else, a version is not chosen here."""
    found = _NPM.match(text)
    if found is None:
        raise DataError(
            f"npm:{text}: not a package with its version",
            "Write npm:NAME@VERSION, e.g. npm:@sap/cloud-sdk-vdm-purchase-order-service@1.28.2.",
        )
    return Package(found["name"], found["version"])


def pinned(path: Path) -> list[Package]:
    """The packages of a list with their hashes."""
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    return [Package(*line.split("\t")) for line in lines]


def registry() -> str:
    """The npm registry: ``$NPM_CONFIG_REGISTRY``, or the public one."""
    return (os.environ.get("NPM_CONFIG_REGISTRY") or REGISTRY).rstrip("/")


def in_package(wanted: Package, fetcher: Fetcher, accept_licence: bool) -> Iterator[Document]:
    """The CSN documents of a package, which is fetched once and kept.

    Raises ``DataError`` for other bytes than the pinned ones, and where the licence is none of the
    open ones and was not accepted.
    """
    held = unpacked(tarball(wanted, fetcher), str(wanted), fetcher.limit)
    licence = _licence(held)
    if licence not in OPEN_LICENCES and not accept_licence:
        raise DataError(
            f"{wanted}: its licence is {licence!r}",
            f"Read it at https://www.npmjs.com/package/{wanted.name}/v/{wanted.version}"
            "?activeTab=code; where you accept it, say so with --accept-licence.",
        )
    for name in sorted(held):
        if name.endswith("csn.json"):
            yield Document(
                f"{wanted}/{name}",
                f"{wanted}/{name}",
                licence,
                lambda name=name: held[name],
                lambda: {Path(each).name: data for each, data in held.items()},
            )


def tarball(wanted: Package, fetcher: Fetcher) -> bytes:
    """A package's archive, with the hash that it is pinned to, or that the registry states."""
    integrity, base = wanted.integrity, registry()
    if not integrity:
        integrity = _stated_integrity(wanted, fetcher, base)
    digest = base64.b64decode(integrity.removeprefix("sha512-")).hex()
    kept = files.home() / "npm" / f"{digest}.tgz"
    if kept.is_file():
        data = kept.read_bytes()
        if hashlib.sha512(data).hexdigest() == digest:
            return data
    short = wanted.name.rpartition("/")[2]
    data = fetcher.get(f"{base}/{wanted.name}/-/{short}-{wanted.version}.tgz", {})
    if hashlib.sha512(data).hexdigest() != digest:
        raise DataError(
            f"{wanted}: the registry sent other bytes than the pinned ones", "Do not use them."
        )
    files.write_bytes(kept, data)
    return data


def _stated_integrity(wanted: Package, fetcher: Fetcher, base: str) -> str:
    answer = fetcher.get(f"{base}/{quote(wanted.name, safe='@')}", {})
    try:
        versions: dict[str, Any] = json.loads(answer)["versions"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{base}: its answer about {wanted.name} is not npm's") from error
    if wanted.version not in versions:
        raise DataError(
            f"{wanted}: no such version",
            f"The newest is {list(versions)[-1] if versions else '-'}.",
        )
    integrity = str(versions[wanted.version].get("dist", {}).get("integrity", ""))
    if not integrity.startswith("sha512-"):
        raise DataError(f"{wanted}: the registry states no SHA-512 for it")
    return integrity


def unpacked(archive: bytes, name: str, limit: int) -> dict[str, bytes]:
    """The texts of a package's archive by their path in it; nothing is written or run."""
    held: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            for member in tar:
                path = member.name.partition("/")[2]
                if not member.isfile() or not path.endswith((".json", ".js", ".d.ts", "LICENSE")):
                    continue
                require_size(member.size + sum(map(len, held.values())), limit, name)
                stream = tar.extractfile(member)
                held[path] = stream.read() if stream is not None else b""
    except (tarfile.TarError, EOFError, OSError) as error:
        if isinstance(error, AssayError):
            raise
        raise DataError(f"{name}: not a sound archive ({error})") from error
    return held


def _licence(held: Mapping[str, bytes]) -> str:
    """The licence that a package states: in its description, or the first line of its text."""
    try:
        stated = json.loads(held.get("package.json", b"{}")).get("license", "")
    except (ValueError, AttributeError):
        stated = ""
    if isinstance(stated, str) and stated and not stated.upper().startswith("SEE LICENSE"):
        return stated
    lines = held.get("LICENSE", b"").decode("utf-8", "replace").splitlines()
    return next((line.strip() for line in lines if line.strip()), NOT_STATED)
