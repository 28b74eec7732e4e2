"""Metadata documents as they are found: in files, folders, at addresses and in npm packages."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from assay.errors import AssayError, DataError
from assay.sap import csn, edmx, openapi, outline
from assay.sap.metadata import Service, require_size

LIMIT = 64 * 2**20  # bytes of one document, unpacked
NOT_STATED = "not stated"
SOURCES = "sources.tsv"  # in a folder: where its files came from and under which licence
_READ = (".edmx", ".xml", ".json", ".csn", outline.SUFFIX)
_BESIDE = (".js", ".d.ts", "package.json")


class Withheld(DataError):
    """A document that is known and not given to a program; ``remedy`` says how to come by it."""


class Stopped(AssayError, RuntimeError):
    """No more documents can be had from where they come; what was imported before stays."""


@dataclass(frozen=True)
class Document:
    """One metadata document that has been found and not been read yet."""

    name: str  # what messages call it
    source: str  # where it came from, for the record
    licence: str
    read: Callable[[], bytes]  # raises DataError
    beside: Callable[[], Mapping[str, bytes]] = field(default=dict)  # a CSN's package
    title: str = ""  # what a catalogue calls the service, for a document that does not say
    release: str = ""
    path: str = ""  # below the host, where it was fetched from the service itself
    deprecated: bool = False  # says the catalogue


def parse(data: bytes, name: str, beside: Callable[[], Mapping[str, bytes]] = dict) -> Service:
    """The service in a document, whichever form it has, without broken references.

    Raises ``DataError`` with the reason and the first of what is broken.
    """
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if not start:
        raise DataError(f"{name}: empty")
    if name.endswith(outline.SUFFIX):
        service = outline.read(data, name)
    elif start == b"<":
        service = edmx.read(data, name)
    elif start not in (b"{", b"["):
        shown = data[:60].decode("utf-8", "replace")
        raise DataError(f"{name}: neither XML nor JSON; it begins: {shown!r}")
    elif _holds(data, "definitions"):
        service = csn.read(data, name, beside())
    else:
        service = openapi.read(data, name)
    broken = list(service.broken())
    if broken:
        more = f"; and {len(broken) - 3} more" if len(broken) > 3 else ""
        raise DataError(f"{name}: references that lead nowhere: {'; '.join(broken[:3])}{more}")
    return service


def _holds(data: bytes, key: str) -> bool:
    """Whether a document of JSON has that key outermost; of what is no JSON, no."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and key in value


def in_path(path: Path, limit: int = LIMIT) -> Iterator[Document]:
    """The documents of a file, or of a folder and those below it, in the order of their names.

    In a folder, files that are no metadata are passed over. Raises ``DataError`` when there is no
    such path, or nothing in it.
    """
    if path.is_file():
        yield _file(path, limit, {})
        return
    if not path.is_dir():
        raise DataError(f"{path}: no such file or folder")
    stated = _stated(path)
    found = 0
    for each in sorted(path.rglob("*")):
        if each.is_file() and _is_metadata(each, limit):
            found += 1
            yield _file(each, limit, stated)
    if not found:
        raise DataError(
            f"{path}: no metadata in it",
            "Files that end in .edmx, .xml, .json or .csn are looked into (.gz as well).",
        )


def _file(path: Path, limit: int, stated: Mapping[str, tuple[str, str]]) -> Document:
    source, licence = stated.get(path.name, (str(path), NOT_STATED))
    return Document(
        str(path), source, licence, lambda: read_file(path, limit), lambda: _neighbours(path, limit)
    )


def read_file(path: Path, limit: int = LIMIT) -> bytes:
    """A file's bytes, unpacked where its name ends in .gz, and never more than ``limit``."""
    try:
        if path.suffix != ".gz":
            require_size(path.stat().st_size, limit, str(path))
            return path.read_bytes()
        with gzip.open(path) as packed:
            data = packed.read(limit + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a sound gzip file ({error})") from error
    require_size(len(data), limit, str(path))
    return data


def _neighbours(path: Path, limit: int) -> dict[str, bytes]:
    """What a CSN's package has beside it."""
    return {
        each.name: read_file(each, limit)
        for each in sorted(path.parent.iterdir())
        if each.is_file() and each.name.endswith(_BESIDE)
    }


def _is_metadata(path: Path, limit: int) -> bool:
    """Whether a file of a folder is worth reading: by its name, and JSON by its keys."""
    name = path.name.removesuffix(".gz")
    if not name.endswith(_READ) or name in ("package.json", "package-lock.json"):
        return False
    if not name.endswith(".json") or name.endswith((".openapi.json", "-csn.json", ".csn.json")):
        return True
    try:
        data = read_file(path, limit)
    except DataError:
        return True  # the import says why
    return b'"openapi"' in data or b'"definitions"' in data


def _stated(folder: Path) -> dict[str, tuple[str, str]]:
    """``{file: (source, licence)}`` of a folder's list of sources, if it has one."""
    path = folder / SOURCES
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as handle:
        rows = csv.DictReader(handle, delimiter="\t")
        needed = {"file", "source", "licence"} - set(rows.fieldnames or ())
        if needed:
            raise DataError(f"{path}: no column {', '.join(sorted(needed))}")
        return {row["file"]: (row["source"], row["licence"] or NOT_STATED) for row in rows}
