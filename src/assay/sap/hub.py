"""The catalogue of SAP's Business Accelerator Hub: which services there are, and their metadata.

The catalogue may be read by anybody. Metadata comes from the Hub's sandbox, which the API key of an
account opens, or else from the Hub itself, which may ask for a logon that a program does not have.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from assay import files
from assay.errors import DataError, did_you_mean
from assay.sap.documents import Document, Stopped, Withheld
from assay.sap.fetch import KEY, Fetcher, Refused, Unreachable

HUB = "https://api.sap.com"
SANDBOX = "https://sandbox.api.sap.com/s4hanacloud"
PACKAGES = ("SAPS4HANACloud", "S4HANAOPAPI")  # S/4HANA Cloud public edition; private, on premise
LICENCE = "SAP Business Accelerator Hub, terms of use"
FRESH = 24 * 3600  # seconds for which a fetched document stands, so that an import can go on
_PAGE, _MOST_PAGES = 1000, 50
_ODATA = {"ODATA": "V2", "ODATAV4": "V4"}
_WANTED = re.compile(r"^(?P<package>\w[\w.-]*)(?:/(?P<name>\w[\w.-]*))?$")


@dataclass(frozen=True)
class Api:
    """A service as the catalogue lists it."""

    name: str
    title: str
    odata: str
    version: str
    deprecated: bool


@dataclass
class Hub:
    """One package of the Hub; raises ``DataError`` without an API key."""

    package: str
    fetcher: Fetcher
    hub: str
    sandbox: str
    _logon: bool = field(default=False, init=False)  # the Hub gives no document without one
    _key: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self._key = os.environ.get(KEY, "")
        if not self._key:
            raise DataError(
                f"hub:{self.package}: the Hub gives metadata to those with an API key",
                f"Log on at {HUB}, take it from Settings > Show API Key, and set {KEY}.",
            )

    def apis(self) -> list[Api]:
        """The OData services of the package, in the order of their names."""
        first = self._catalogue(
            f"ContentEntities.ContentPackages('{quote(self.package)}')/Artifacts",
            {"$format": "json", "$top": str(_PAGE)},
        )
        try:
            found = [_api(each) for each in self._pages(first) if each.get("Type") == "API"]
        except Refused as error:
            if error.code != 404:
                raise
            raise DataError(
                f"hub:{self.package}: the Hub has no such package",
                f"S/4HANA's are {' and '.join(PACKAGES)}.",
            ) from error
        return sorted((each for each in found if each is not None), key=lambda each: each.name)

    def release(self) -> str:
        """The package's version, where the catalogue states one."""
        path = f"ContentEntities.ContentPackages('{quote(self.package)}')"
        try:
            stated = _json(self._get(self._catalogue(path, {"$format": "json"})), path)["d"]
        except (Refused, KeyError):
            return ""
        return str(stated.get("Version") or "") if isinstance(stated, Mapping) else ""

    def addresses(self) -> dict[str, str]:
        """``{service: its address in the sandbox}``, of those whose address the Hub tells."""
        found: dict[str, str] = {}
        first = self._catalogue("APIContent.APIs", {"$format": "json", "$top": str(_PAGE)})
        try:
            for each in self._pages(first):
                address = str(each.get("ServiceUrl") or "")
                if _origin(address) == _origin(self.sandbox):
                    found[str(each.get("Name"))] = address.rstrip("/")
        except (Refused, _LogonPage):
            return {}  # those of V2 follow from the name
        return found

    def document(self, api: Api, addresses: Mapping[str, str], release: str) -> Document:
        """A service's metadata, which is fetched when it is read, and kept for a day."""
        told = addresses.get(api.name, "")
        by_name = f"{self.sandbox}/sap/opu/odata/sap/{quote(api.name)}" if api.odata == "V2" else ""
        return Document(
            f"hub:{self.package}/{api.name}",
            f"{self.hub}/api/{api.name}",
            LICENCE,
            lambda: self._metadata(api, told or by_name),
            title=api.title,
            release=release,
            path=urlsplit(told).path.removeprefix(urlsplit(self.sandbox).path),
            deprecated=api.deprecated,
        )

    def _metadata(self, api: Api, address: str) -> bytes:
        """A document's bytes; raises ``Withheld``, and ``Stopped`` for a host that went away."""
        name = re.sub(r"[^\w.-]", "_", f"{api.name}-{api.version}")
        kept = files.home() / "hub" / self.package / f"{name}.xml"
        if _is_fresh(kept):
            return kept.read_bytes()
        try:
            data = self._from_sandbox(address) or self._from_hub(api)
        except Unreachable as error:
            raise Stopped(
                error.cause, "The same command goes on from there: what came is not fetched again."
            ) from error
        if data is None:
            raise Withheld(
                f"hub:{self.package}/{api.name}: the Hub gives it after a logon only",
                f"Download its EDMX at {HUB}/api/{api.name}/overview and import the file.",
            )
        files.write_bytes(kept, data)
        return data

    def _from_sandbox(self, address: str) -> bytes | None:
        """Metadata of the sandbox; None for a service that it does not have, as far as is known."""
        if not address:
            return None
        try:
            data = self._get(f"{address}/$metadata")
        except Refused as error:
            if error.code == 401:
                raise Stopped(
                    f"{_origin(address)}: it does not take the API key",
                    f"Look it up at {HUB}, Settings > Show API Key, and set {KEY}.",
                ) from error
            return None
        return None if _is_page(data) else data

    def _from_hub(self, api: Api) -> bytes | None:
        """The Hub's own document; None where it asks for a logon, and then for all that follow."""
        if self._logon:
            return None
        path = f"APIContent.APIs('{quote(api.name)}')/$value"
        try:
            data = self._get(self._catalogue(path, {"type": "EDMX"}))
        except Refused as error:
            self._logon = error.code in (302, 401, 403)
            return None
        self._logon = _is_page(data)
        return None if self._logon else data

    def _catalogue(self, path: str, options: Mapping[str, str]) -> str:
        return f"{self.hub}/odata/1.0/catalog.svc/{path}?{urlencode(options, safe='$')}"

    def _pages(self, url: str) -> Iterator[Mapping[str, Any]]:
        """The entries of every page; the catalogue names the next one, on its own host."""
        for _ in range(_MOST_PAGES):
            answer = _json(self._get(url), url)
            try:
                entries, following = answer["d"]["results"], answer["d"].get("__next")
            except (KeyError, TypeError, AttributeError) as error:
                raise DataError(f"{url}: not an answer of OData V2") from error
            yield from entries
            if not following:
                return
            if _origin(str(following)) != _origin(self.hub):
                raise DataError(f"{url}: it goes on at another host, {_origin(str(following))}")
            url = str(following)
        raise DataError(f"{url}: more than {_MOST_PAGES} pages")

    def _get(self, url: str) -> bytes:
        return self.fetcher.get(url, {"APIKey": self._key, "Accept": "*/*"})


class _LogonPage(DataError):
    """A page for people, where data was asked for."""


def of_package(wanted: str, fetcher: Fetcher) -> Iterator[Document]:
    """The documents of ``PACKAGE``, or of ``PACKAGE/NAME``; raises ``DataError`` for no such."""
    found = _WANTED.match(wanted)
    if found is None:
        raise DataError(
            f"hub:{wanted}: not a package of the Hub", "Write hub:PACKAGE or hub:PACKAGE/NAME."
        )
    hub = Hub(found["package"], fetcher, HUB, SANDBOX)
    apis = hub.apis()
    if found["name"]:
        known = [each.name for each in apis]
        if found["name"] not in known:
            raise DataError(
                f"hub:{wanted}: no such OData service in {found['package']}."
                + did_you_mean(found["name"], known[:2000])
            )
        apis = [each for each in apis if each.name == found["name"]]
    release, addresses = hub.release(), hub.addresses()
    yield from (hub.document(each, addresses, release) for each in apis)


def _api(entry: Mapping[str, Any]) -> Api | None:
    """An entry of the catalogue; None for what is no OData service."""
    odata = _ODATA.get(str(entry.get("SubType")))
    name = str(entry.get("Name") or "")
    if odata is None or not name:
        return None
    state = str(entry.get("State") or "").upper()
    title = str(entry.get("DisplayName") or "")
    return Api(name, title, odata, str(entry.get("Version") or ""), state == "DEPRECATED")


def _json(data: bytes, url: str) -> Any:
    if _is_page(data):
        raise _LogonPage(f"{url}: a page for people instead of data, most often a logon")
    try:
        return json.loads(data)
    except ValueError as error:
        raise DataError(f"{url}: its answer is no JSON ({error})") from error


def _is_page(data: bytes) -> bool:
    """Whether that is HTML: a host that wants a logon answers so, with code 200."""
    start = data[:500].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype html", b"<html"))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _is_fresh(path: Path) -> bool:
    return path.is_file() and time.time() - path.stat().st_mtime < FRESH
