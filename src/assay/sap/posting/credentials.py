"""How a client proves to SAP who it is; a secret is never part of a repr, a log or an error."""

from __future__ import annotations

import base64
import json
import os
import ssl
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from assay.errors import DataError
from assay.sap import tls
from assay.sap.fetch import HOST, LOOPBACK, PASSWORD, TOKEN, USER
from assay.sap.posting.errors import NotSent

EARLY = 30.0  # seconds before its end at which a token is no longer used


class Credentials(Protocol):
    """What is sent with each request."""

    def header(self) -> str:
        """The value of ``Authorization``; empty where none is sent."""
        ...

    def renew(self) -> bool:
        """Whether a refused ``header`` can be replaced by another one."""
        ...


@dataclass(frozen=True)
class Basic:
    """User and password."""

    user: str
    password: str = field(repr=False)

    def header(self) -> str:
        written = f"{self.user}:{self.password}".encode()
        return f"Basic {base64.b64encode(written).decode()}"

    def renew(self) -> bool:
        return False


@dataclass(frozen=True)
class Bearer:
    """A token that somebody else obtained."""

    token: str = field(repr=False)

    def header(self) -> str:
        return f"Bearer {self.token}"

    def renew(self) -> bool:
        return False


@dataclass
class ClientCredentials:
    """OAuth 2.0 client credentials: a token is fetched, and kept until it expires."""

    endpoint: str
    client_id: str
    secret: str = field(repr=False)
    timeout: httpx.Timeout = field(default_factory=lambda: httpx.Timeout(30, connect=10))
    transport: httpx.BaseTransport | None = field(default=None, repr=False)
    _token: str = field(default="", repr=False)
    _until: float = 0.0

    def __post_init__(self) -> None:
        require_encryption(self.endpoint)

    def header(self) -> str:
        if time.monotonic() >= self._until:
            self._fetch()
        return f"Bearer {self._token}"

    def renew(self) -> bool:
        self._until = 0.0
        return True

    def _fetch(self) -> None:
        try:
            with httpx.Client(
                timeout=self.timeout, transport=self.transport, verify=tls.context()
            ) as client:
                answer = client.post(
                    self.endpoint,
                    data={"grant_type": "client_credentials"},
                    auth=(self.client_id, self.secret),
                )
        except httpx.HTTPError as error:
            raise NotSent(f"{self.endpoint}: no answer ({type(error).__name__})") from None
        if answer.status_code != 200:
            raise NotSent(
                f"{self.endpoint}: no token, it answered {answer.status_code}",
                "Check the client's identifier and secret.",
            )
        try:
            held = answer.json()
            self._token, lasts = str(held["access_token"]), float(held.get("expires_in", 0))
        except (ValueError, KeyError, TypeError):
            raise NotSent(f"{self.endpoint}: its answer is not a token") from None
        self._until = time.monotonic() + max(lasts - EARLY, lasts / 2)


@dataclass(frozen=True)
class Certificate:
    """A client certificate (mTLS) and the file of its key."""

    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """What TLS uses; raises ``DataError`` where others may read the key."""
        require_private(self.key)
        context = tls.context()
        try:
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise DataError(
                f"{self.certificate}: not a certificate with its key {self.key} ({error.strerror})"
            ) from None
        return context


@dataclass(frozen=True)
class Anonymous:
    """Nothing is sent, as where the certificate says it all."""

    def header(self) -> str:
        return ""

    def renew(self) -> bool:
        return False


@dataclass(frozen=True)
class Logon:
    """Credentials, and the certificate that is shown beside them or in their place."""

    credentials: Credentials
    certificate: Certificate | None = None


def from_environment(host: str) -> Logon:
    """The logon that the environment holds for this host, and never for another."""
    if os.environ.get(HOST) != host:
        raise DataError(
            f"{host}: no credentials for this host", f"Set {HOST} to its name, with {_NAMES}."
        )
    held = {name: os.environ.get(name, "") for name in (USER, PASSWORD, TOKEN)}
    return Logon(_chosen(held, HOST))


def from_file(path: Path) -> Logon:
    """The logon in a JSON file of mode 0600.

    It holds user and password, a token, or an OAuth client (endpoint, client_id, secret), and may
    hold a certificate with its key, which alone is enough; their paths are seen from the file.
    Raises ``DataError`` for a file that others may read, and for one that says something else.
    """
    require_private(path)
    try:
        held = json.loads(path.read_bytes())
    except ValueError:
        raise DataError(f"{path}: not JSON") from None
    if not isinstance(held, dict):
        raise DataError(f"{path}: not a JSON object")
    if unknown := sorted(set(held) - set(_IN_FILE)):
        raise DataError(f"{path}: {unknown[0]!r} is not read. Known are: {', '.join(_IN_FILE)}.")
    text = {str(name): str(value) for name, value in held.items()}
    pair = [path.parent / text[name] for name in ("certificate", "key") if name in text]
    if len(pair) == 1:
        raise DataError(f"{path}: a certificate and its key go together")
    certificate = Certificate(*pair) if pair else None
    if "endpoint" in text:
        client = ClientCredentials(
            text["endpoint"], text.get("client_id", ""), text.get("secret", "")
        )
        return Logon(client, certificate)
    if certificate and not set(text) & {"user", "password", "token"}:
        return Logon(Anonymous(), certificate)
    names = ((USER, "user"), (PASSWORD, "password"), (TOKEN, "token"))
    return Logon(_chosen({n: text.get(k, "") for n, k in names}, str(path)), certificate)


_IN_FILE = ("user", "password", "token", "endpoint", "client_id", "secret", "certificate", "key")
_NAMES = f"{USER} and {PASSWORD}, or {TOKEN}"


def _chosen(held: dict[str, str], source: str) -> Credentials:
    if held[TOKEN]:
        return Bearer(held[TOKEN])
    if held[USER] and held[PASSWORD]:
        return Basic(held[USER], held[PASSWORD])
    raise DataError(f"{source}: no credentials", "Give a user with its password, or a token.")


def require_private(path: Path) -> None:
    """Raises ``DataError`` where somebody else may read or write a file with a secret."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    if not stat.S_ISREG(mode) or mode & 0o077:
        raise DataError(
            f"{path}: others may read it (mode {stat.S_IMODE(mode):04o})", f"chmod 600 {path}"
        )


def require_encryption(url: str) -> None:
    """Raises ``DataError`` for an address without TLS, unless it is this machine."""
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise DataError(f"{parts.hostname}: an address with a password in it is not used")
    if not parts.hostname or parts.scheme not in ("http", "https"):
        raise DataError(f"{url}: not an address", "Give https://HOST.")
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise DataError(f"{parts.hostname}: nothing is sent without encryption", "Use https://.")
