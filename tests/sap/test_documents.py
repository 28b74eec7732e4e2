"""Finding metadata in files and folders, and refusing what is too large or none."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from assay.errors import DataError
from assay.sap.documents import SOURCES, in_path, parse, read_file
from assay.sap.shipped import SCHEMAS

EDMX = gzip.decompress((SCHEMAS / "API_CUSTOMER_MATERIAL_SRV.edmx.gz").read_bytes())
API = gzip.decompress((SCHEMAS / "API_SALESDISTRICT_SRV.openapi.json.gz").read_bytes())


def test_a_folder_is_looked_through(tmp_path: Path) -> None:
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    (tmp_path / "a.edmx").write_bytes(EDMX)
    (tmp_path / "deep" / "spec.json").write_bytes(API)
    (tmp_path / "deep" / "deeper" / "b.edmx.gz").write_bytes(gzip.compress(EDMX))
    for stranger in ("package.json", "tsconfig.json", "README.md", "a.edmx.bak"):
        (tmp_path / stranger).write_text("{}")
    found = list(in_path(tmp_path))
    assert [Path(each.name).name for each in found] == ["a.edmx", "b.edmx.gz", "spec.json"]
    assert {parse(each.read(), each.name).name for each in found} == {
        "API_CUSTOMER_MATERIAL_SRV",
        "API_SALESDISTRICT_SRV",
    }
    assert {each.licence for each in found} == {"not stated"}


def test_a_folders_list_says_source_and_licence(tmp_path: Path) -> None:
    (tmp_path / "a.edmx").write_bytes(EDMX)
    (tmp_path / "b.edmx").write_bytes(EDMX)
    (tmp_path / SOURCES).write_text("file\tsource\tlicence\na.edmx\tthe tenant\tours\n")
    first, second = in_path(tmp_path)
    assert (first.source, first.licence) == ("the tenant", "ours")
    assert (second.source, second.licence) == (str(tmp_path / "b.edmx"), "not stated")
    (tmp_path / SOURCES).write_text("file\tlicence\n")
    with pytest.raises(DataError, match="no column source"):
        list(in_path(tmp_path))


def test_what_is_too_large_is_not_read(tmp_path: Path) -> None:
    large, bomb = tmp_path / "large.edmx", tmp_path / "bomb.edmx.gz"
    large.write_bytes(b" " * 2_000_000)
    bomb.write_bytes(gzip.compress(b" " * 50_000_000))
    for file in (large, bomb):
        with pytest.raises(DataError, match="more than 1 MB is not read"):
            read_file(file, 2**20)


@pytest.mark.parametrize("data", [b"\x1f\x8b\x08\x00broken", gzip.compress(EDMX)[:-9], b"plain"])
def test_a_broken_archive_is_said(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "x.edmx.gz"
    file.write_bytes(data)
    with pytest.raises(DataError, match="not a sound gzip file"):
        read_file(file)


def test_nothing_to_find_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        list(in_path(tmp_path / "nothing"))
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(DataError, match="no metadata in it"):
        list(in_path(tmp_path))


@pytest.mark.parametrize(
    "data,said",
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"hello", "neither XML nor JSON; it begins: 'hello'"),
        (b"\x00\x01\xff", "neither XML nor JSON"),
        (b"[]", "no OpenAPI document"),
    ],
)
def test_what_is_no_metadata_is_said(data: bytes, said: str) -> None:
    with pytest.raises(DataError) as caught:
        parse(data, "x")
    assert said in caught.value.cause


def test_a_mark_of_the_byte_order_does_not_matter() -> None:
    assert parse(b"\xef\xbb\xbf" + EDMX, "x").name == "API_CUSTOMER_MATERIAL_SRV"
