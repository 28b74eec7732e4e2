"""Secrets come from the environment or a private file, and a token is fetched once."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from assay.errors import DataError
from assay.sap.posting import credentials
from assay.sap.posting.client import Client
from assay.sap.posting.credentials import Basic, Bearer, ClientCredentials, Logon


def test_the_environment_is_for_one_host(monkeypatch) -> None:
    monkeypatch.setenv("ASSAY_SAP_HOST", "sap.example")
    monkeypatch.setenv("ASSAY_SAP_USER", "U")
    monkeypatch.setenv("ASSAY_SAP_PASSWORD", "s3cret")
    assert credentials.from_environment("sap.example").credentials == Basic("U", "s3cret")
    with pytest.raises(DataError, match="no credentials for this host"):
        credentials.from_environment("other.example")


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "logon.json"
    path.write_text(json.dumps({"token": "t0ken"}))
    path.chmod(0o640)
    with pytest.raises(DataError, match=r"others may read it \(mode 0640\)"):
        credentials.from_file(path)
    path.chmod(0o600)
    held = credentials.from_file(path)
    assert held == Logon(Bearer("t0ken")) and "t0ken" not in repr(held)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"passwort": "x"}, "'passwort' is not read. Known are: user, password"),
        ({"user": "U"}, "no credentials"),
        ({"certificate": "c.pem"}, "go together"),
        ({"endpoint": "http://idp.example", "client_id": "a", "secret": "b"}, "encryption"),
        ([], "not a JSON object"),
    ],
)
def test_a_file_that_says_something_else_is_refused(
    tmp_path: Path, said: object, error: str
) -> None:
    path = tmp_path / "logon.json"
    path.write_text(json.dumps(said))
    path.chmod(0o600)
    with pytest.raises(DataError, match=error):
        credentials.from_file(path)


def test_a_token_is_kept_and_renewed_once() -> None:
    fetched: list[str] = []

    def endpoint(request: httpx.Request) -> httpx.Response:
        fetched.append(request.content.decode())
        body = {"access_token": f"T{len(fetched)}", "expires_in": 600}
        return httpx.Response(200, json=body)

    def host(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200 if request.headers["authorization"] == "Bearer T2" else 401)

    held = ClientCredentials(
        "https://idp.example/token", "id", "s3cret", transport=httpx.MockTransport(endpoint)
    )
    client = Client("https://sap.example", held, transport=httpx.MockTransport(host))
    client.get("/a")
    client.get("/b")
    assert fetched == ["grant_type=client_credentials"] * 2
    assert "s3cret" not in repr(held) and "T2" not in repr(held)


@pytest.mark.parametrize("base", ["http://sap.example", "https://u:p@sap.example", "ftp://x"])
def test_an_unsafe_address_is_refused(base: str) -> None:
    with pytest.raises(DataError):
        Client(base)


def test_the_key_of_a_certificate_is_private(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("")
    key.chmod(0o644)
    with pytest.raises(DataError, match="others may read it"):
        Client("https://sap.example", certificate=credentials.Certificate(tmp_path / "c.pem", key))
