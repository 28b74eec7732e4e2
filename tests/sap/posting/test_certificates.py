"""A server that asks for a client's certificate, under an authority of our own: a real handshake."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from assay.errors import DataError
from assay.sap import tls
from assay.sap.fetch import Fetcher, Unreachable
from assay.sap.posting import credentials
from assay.sap.posting.client import Client, Settings
from assay.sap.posting.errors import NotSent

ONCE = Settings(attempts=1)


@dataclass
class Authority:
    """Signs certificates, and keeps them with their keys in a folder."""

    folder: Path

    def __post_init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name("Our own authority")
        constraint = x509.BasicConstraints(ca=True, path_length=None)
        self.root = self._signed(self.name, self.key.public_key(), constraint)
        self.file = self.folder / "ca.pem"
        self.file.write_bytes(self.root.public_bytes(serialization.Encoding.PEM))

    def issue(self, whom: str) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        made = self._signed(_name(whom), key.public_key(), address)
        certificate, secret = self.folder / f"{whom}.pem", self.folder / f"{whom}.key"
        certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        secret.chmod(0o600)
        return certificate, secret

    def _signed(self, whom: x509.Name, key: Any, extension: x509.ExtensionType) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(whom)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(extension, critical=False)
            .sign(self.key, hashes.SHA256())
        )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass
class Guarded:
    url: str
    authority: Authority
    seen: list[str]  # the names on the certificates of those who came


@pytest.fixture
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guarded]:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server"))
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            subject = dict(pair[0] for pair in self.connection.getpeercert()["subject"])
            seen.append(subject["commonName"])
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # a handshake that failed is what some tests want
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Guarded(f"https://127.0.0.1:{server.server_port}", authority, seen)
    server.shutdown()
    server.server_close()


def logon(guarded: Guarded, **more: str) -> credentials.Logon:
    guarded.authority.issue("assay")
    path = guarded.authority.folder / "logon.json"
    path.write_text(json.dumps({"certificate": "assay.pem", "key": "assay.key", **more}))
    path.chmod(0o600)
    return credentials.from_file(path)


def test_a_certificate_opens_the_door(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(guarded.authority.file))
    held = logon(guarded)
    with Client(
        guarded.url, held.credentials, certificate=held.certificate, settings=ONCE
    ) as client:
        assert client.get("/").status == 200
    assert guarded.seen == ["assay"]
    assert logon(guarded, user="U", password="p").credentials == credentials.Basic("U", "p")


def test_without_a_certificate_nothing_is_answered(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(guarded.authority.file))
    with Client(guarded.url, settings=ONCE) as client, pytest.raises(NotSent):
        client.get("/")
    assert guarded.seen == []


def test_a_server_of_an_unknown_authority_is_not_spoken_to(guarded: Guarded) -> None:
    held = logon(guarded)
    with (
        Client(guarded.url, certificate=held.certificate, settings=ONCE) as client,
        pytest.raises(NotSent, match="certificate"),
    ):
        client.get("/")
    with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
        Fetcher(1000, lambda _: None).get(f"{guarded.url}/$metadata", {})
    assert guarded.seen == []


def test_a_key_of_another_certificate_is_told(guarded: Guarded) -> None:
    certificate, _ = guarded.authority.issue("one")
    _, key = guarded.authority.issue("other")
    with pytest.raises(DataError, match="not a certificate with its key"):
        credentials.Certificate(certificate, key).context()


def test_a_file_of_authorities_that_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(DataError, match="SSL_CERT_FILE"):
        tls.context()


def test_the_public_authorities_are_trusted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    made = tls.context()
    assert made.cert_store_stats()["x509_ca"] > 50
    assert made.verify_mode == ssl.CERT_REQUIRED and made.check_hostname
