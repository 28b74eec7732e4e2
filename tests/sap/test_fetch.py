"""Fetching metadata from hosts that answer well, badly, late and elsewhere; a server on loopback."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosts import Host, serving
from orders import V2

from assay.errors import DataError
from assay.sap import fetch
from assay.sap.fetch import Fetcher, Package, at_url, in_package, package, pinned, tarball
from assay.sap.shipped import CLOUD_SDK

PATH = "/sap/opu/odata/sap/API_ORDER"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    for name in (fetch.HOST, fetch.USER, fetch.PASSWORD, fetch.TOKEN, fetch.KEY):
        monkeypatch.delenv(name, raising=False)
    with serving() as here:
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", here.url)
        yield here


def fetcher(limit: int = 2**20) -> tuple[Fetcher, list[float]]:
    waits: list[float] = []
    return Fetcher(limit, waits.append), waits


def body_of(host: Host, path: str = f"{PATH}/$metadata", limit: int = 2**20) -> bytes:
    return fetcher(limit)[0].get(host.url + path)


def test_the_address_of_a_service_leads_to_its_metadata(host: Host) -> None:
    host.says(f"{PATH}/$metadata", 200, V2.encode())
    for address in (PATH, f"{PATH}/", f"{PATH}/$metadata"):
        (found,) = at_url(host.url + address, fetcher()[0])
        assert found.read() == V2.encode() and found.source.endswith("/$metadata")
    (spec,) = at_url(f"{host.url}/docs/spec.json", fetcher()[0])
    assert spec.source == f"{host.url}/docs/spec.json"


def test_a_busy_host_is_asked_again_when_it_says(host: Host) -> None:
    host.says(f"{PATH}/$metadata", 429, Retry_After="7")
    host.says(f"{PATH}/$metadata", 503)
    host.says(f"{PATH}/$metadata", 200, b"well")
    asking, waits = fetcher()
    assert asking.get(f"{host.url}{PATH}/$metadata") == b"well"
    assert [wait for wait in waits if wait > 0.2] == [7.0, 2.0]


def test_a_host_that_stays_busy_is_left_alone(host: Host) -> None:
    host.says(f"{PATH}/$metadata", 503, Retry_After="86400")
    asking, waits = fetcher()
    with pytest.raises(DataError, match="it answered 503, 4 times"):
        asking.get(f"{host.url}{PATH}/$metadata")
    assert len(host.asked) == 4 and max(waits) == fetch.LONGEST_WAIT


def test_no_host_is_said() -> None:
    with pytest.raises(DataError, match=r"no answer \(ConnectError"):
        fetcher()[0].get("http://127.0.0.1:9/x")


def test_a_redirect_is_followed_on_the_host_and_refused_elsewhere(host: Host) -> None:
    host.says("/a", 302, Location="/b")
    host.says("/b", 200, b"here")
    assert body_of(host, "/a") == b"here"
    host.says("/c", 302, Location="http://127.0.0.2:1/logon")
    with pytest.raises(
        DataError, match=r"redirects to http://127\.0\.0\.2:1, which is not followed"
    ):
        body_of(host, "/c")
    host.says("/d", 302, Location="/d")
    with pytest.raises(DataError, match="more than 5 times"):
        body_of(host, "/d")


def test_an_answer_that_is_too_long_is_cut_off(host: Host) -> None:
    host.says("/x", 200, b" " * 3_000_000)
    with pytest.raises(DataError, match="more than 1 MB is not read"):
        body_of(host, "/x")


@pytest.mark.parametrize("code,remedy", [(401, fetch.USER), (403, fetch.TOKEN), (404, "address")])
def test_a_refusal_says_what_to_do(host: Host, code: int, remedy: str) -> None:
    host.says("/x", code)
    with pytest.raises(DataError, match=f"it answered {code}") as caught:
        body_of(host, "/x")
    assert remedy in caught.value.remedy and len(host.asked) == 1


@pytest.mark.parametrize("address", ["ftp://x/y", "http://", "//x"])
def test_what_is_no_address_is_said(address: str) -> None:
    with pytest.raises(DataError, match="not an address"):
        fetcher()[0].get(address)


def test_credentials_go_to_the_host_they_are_for_only(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.says("/x", 200, b"x")
    monkeypatch.setenv(fetch.USER, "anna")
    monkeypatch.setenv(fetch.PASSWORD, "s3cret")
    body_of(host, "/x")
    assert "Authorization" not in host.asked[-1][1]  # for which host was not said
    monkeypatch.setenv(fetch.HOST, "elsewhere.example")
    body_of(host, "/x")
    assert "Authorization" not in host.asked[-1][1]
    monkeypatch.setenv(fetch.HOST, "127.0.0.1")
    body_of(host, "/x")
    sent = host.asked[-1][1]["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent) == b"anna:s3cret"
    monkeypatch.setenv(fetch.TOKEN, "abc")
    body_of(host, "/x")
    assert host.asked[-1][1]["Authorization"] == "Bearer abc"


def test_credentials_are_not_sent_in_the_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fetch.HOST, "sap.example")
    monkeypatch.setenv(fetch.TOKEN, "s3cret")
    with pytest.raises(DataError, match="not sent without encryption") as caught:
        fetcher()[0].get("http://sap.example/x")
    assert "s3cret" not in str(caught.value)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(DataError, match="with a password in it") as caught:
        fetcher()[0].get("https://anna:s3cret@sap.example/x")
    assert "s3cret" not in str(caught.value)


# -- npm -----------------------------------------------------------------------------------------

CSN = {
    "definitions": {
        "API_ORDER": {"kind": "service"},
        "API_ORDER.A_Order": {
            "kind": "entity",
            "elements": {"Order": {"key": True, "type": "cds.String", "length": 10}},
        },
    }
}


def archive(licence: str, text: str = "") -> bytes:
    kept = io.BytesIO()
    with tarfile.open(fileobj=kept, mode="w:gz") as tar:
        for name, data in (
            ("package/package.json", json.dumps({"license": licence})),
            ("package/order-csn.json", json.dumps(CSN)),
            ("package/LICENSE", text),
            ("package/index.html", "<html>"),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(data.encode())
            tar.addfile(info, io.BytesIO(data.encode()))
    return kept.getvalue()


def integrity(data: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()


def offer(host: Host, data: bytes, stated: str | None = None) -> Package:
    host.answers.clear()
    versions = {"1.2.3": {"dist": {"integrity": stated or integrity(data)}}}
    host.says("/@sap%2Fx", 200, json.dumps({"versions": versions}).encode())
    host.says("/@sap/x/-/x-1.2.3.tgz", 200, data)
    return package("@sap/x@1.2.3")


def test_a_package_is_fetched_once_and_its_model_found(host: Host) -> None:
    wanted = offer(host, archive("Apache-2.0"))
    for _ in range(2):
        (found,) = in_package(wanted, fetcher()[0], accept_licence=False)
        assert json.loads(found.read()) == CSN and found.licence == "Apache-2.0"
        assert found.source == "npm:@sap/x@1.2.3/order-csn.json"
        assert sorted(found.beside()) == ["LICENSE", "order-csn.json", "package.json"]
    assert [path for path, _ in host.asked].count("/@sap/x/-/x-1.2.3.tgz") == 1


def test_a_licence_that_is_not_open_must_be_accepted(host: Host) -> None:
    wanted = offer(host, archive("SEE LICENSE IN LICENSE FILE", "\nOUR OWN TERMS\n\nfirst"))
    with pytest.raises(DataError, match="its licence is 'OUR OWN TERMS'") as caught:
        list(in_package(wanted, fetcher()[0], accept_licence=False))
    assert "--accept-licence" in caught.value.remedy
    (found,) = in_package(wanted, fetcher()[0], accept_licence=True)
    assert found.licence == "OUR OWN TERMS"


def test_other_bytes_than_the_pinned_ones_are_refused(host: Host) -> None:
    wanted = offer(host, archive("MIT"))
    pin = Package(wanted.name, wanted.version, integrity(b"what was meant"))
    with pytest.raises(DataError, match="other bytes than the pinned ones"):
        tarball(pin, fetcher()[0])
    with pytest.raises(DataError, match="other bytes"):
        tarball(offer(host, b"other", integrity(b"stated")), fetcher()[0])


def test_a_damaged_copy_is_fetched_again(host: Host, tmp_path: Path) -> None:
    wanted = offer(host, archive("MIT"))
    data = tarball(wanted, fetcher()[0])
    (kept,) = (tmp_path / "home" / "npm").iterdir()
    kept.write_bytes(b"damaged")
    assert tarball(wanted, fetcher()[0]) == data == kept.read_bytes()


def test_what_is_wrong_with_a_package_is_said(host: Host) -> None:
    with pytest.raises(DataError, match="not a package with its version"):
        package("@sap/x")
    offer(host, archive("MIT"))
    with pytest.raises(DataError, match="no such version") as caught:
        tarball(package("@sap/x@9.9.9"), fetcher()[0])
    assert "1.2.3" in caught.value.remedy
    with pytest.raises(DataError, match="not a sound archive"):
        list(in_package(offer(host, b"no archive"), fetcher()[0], accept_licence=True))
    with pytest.raises(DataError, match="more than 0 MB"):
        fetch.unpacked(archive("MIT"), "x", 10)


def test_the_pinned_list_is_whole() -> None:
    packages = pinned(CLOUD_SDK)
    assert len(packages) == len({each.name for each in packages}) == 206
    for each in packages:
        assert each.name.startswith("@sap/cloud-sdk-vdm-")
        assert len(base64.b64decode(each.integrity.removeprefix("sha512-"))) == 64
        assert package(f"{each.name}@{each.version}").version == each.version
