"""The container: one encoding per list of files, and nothing but that encoding is read."""

from __future__ import annotations

import io
import os
import stat
import string
import struct
import subprocess
import tempfile
import unicodedata
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import PackageError
from assay.packaging import archive
from assay.packaging.archive import Part, check_name, check_names, open_archive


def parts_of(files: dict[str, bytes]) -> list[Part]:
    return [Part(name, len(data), zlib.crc32(data), data) for name, data in files.items()]


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    archive.write(buffer, parts_of(files))
    return buffer.getvalue()


def unpacked(data: bytes) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tgsp"
        path.write_bytes(data)
        opened = open_archive(path)
        try:
            assert b"".join(chunk for _, chunk in opened.container_bytes()) == data
            return {name: b"".join(opened.chunks(name)) for name in opened.members}
        finally:
            opened.close()


def zipped(*entries: tuple[zipfile.ZipInfo | str, bytes], **options: object) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as target:  # type: ignore[arg-type]
        for name, data in entries:
            target.writestr(name, data)
    return buffer.getvalue()


FILES = {"content/a.json": b"{}", "content/b/c.txt": b"hello", "manifest.json": b"[]"}

letters = st.text(string.ascii_letters + string.digits + "_-éßøЖ中", min_size=1, max_size=8)
paths = st.builds(
    lambda parts, suffix: unicodedata.normalize("NFC", "/".join(parts) + suffix),
    st.lists(letters, min_size=1, max_size=3),
    st.sampled_from(archive.SUFFIXES),
)


def distinct(files: dict[str, bytes]) -> bool:
    try:
        check_names(sorted(files))
    except PackageError:
        return False
    return True


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(paths, st.binary(max_size=2000), max_size=6).filter(distinct))
def test_round_trip_and_one_encoding(files: dict[str, bytes]) -> None:
    data = packed(files)
    assert unpacked(data) == files
    assert packed(dict(reversed(files.items()))) == data


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_edit_of_the_container_is_refused_or_changes_a_content_digest(
    data: st.DataObject,
) -> None:
    original = packed(FILES)
    start = data.draw(st.integers(0, len(original)))
    stop = data.draw(st.integers(start, min(len(original), start + 8)))
    edited = original[:start] + data.draw(st.binary(max_size=8)) + original[stop:]
    if edited == original:
        return
    with pytest.raises(PackageError):
        unpacked(edited)


def test_large_contents_are_streamed(tmp_path: Path) -> None:
    big = os.urandom(3 * archive.CHUNK + 17)
    (tmp_path / "big.txt").write_bytes(big)
    part = Part("content/big.txt", len(big), zlib.crc32(big), tmp_path / "big.txt")
    buffer = io.BytesIO()
    archive.write(buffer, [part])
    assert unpacked(buffer.getvalue()) == {"content/big.txt": big}


def test_a_source_that_changed_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"after")
    with pytest.raises(PackageError, match="changed while"):
        archive.write(io.BytesIO(), [Part("a.txt", 6, zlib.crc32(b"before"), tmp_path / "a.txt")])


def test_other_tools_read_it(tmp_path: Path) -> None:
    data = packed(FILES)
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        assert source.testzip() is None
        assert {name: source.read(name) for name in source.namelist()} == FILES
        info = source.getinfo("content/a.json")
        assert info.date_time == (1980, 1, 1, 0, 0, 0)
        assert info.compress_type == zipfile.ZIP_STORED
        assert stat.S_IMODE(info.external_attr >> 16) == 0o644
    (tmp_path / "a.zip").write_bytes(data)
    try:
        done = subprocess.run(["unzip", "-t", tmp_path / "a.zip"], capture_output=True)
    except FileNotFoundError:
        pytest.skip("unzip is not installed")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd.txt",
        "../up.txt",
        "a/../../up.txt",
        "a/./b.txt",
        "a//b.txt",
        "a\\b.txt",
        "C:/a.txt",
        "a.txt:stream.txt",
        "nul\0.txt",
        "line\n.txt",
        "right\u202eto-left.txt",
        "folder/",
        " a.txt",
        "a /b.txt",
        "a./b.txt",
        "e\u0301.txt",
        "a" * 252 + ".txt",
        "model.bin",
        "model.pt",
        "model.pkl",
        "model.pickle",
        "run.py",
        "model.safetensors.pkl",
        "no-suffix",
        ".json",
        "A.JSON",
    ],
)
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(PackageError):
        check_name(name)
    with pytest.raises(PackageError):
        archive.write(io.BytesIO(), parts_of({name: b"{}"}))


@pytest.mark.parametrize(
    "names",
    [
        ["a.txt", "a.txt"],
        ["A.txt", "a.txt"],
        ["STRASSE.txt", "straße.txt"],
        ["\u212b.json", "\u00e5.json"],
        ["a.txt", "a.txt/b.txt"],
        ["A.txt", "a.txt/b.txt"],
    ],
)
def test_names_that_clash_are_refused(names: list[str]) -> None:
    with pytest.raises(PackageError):
        check_names(sorted(names))


def test_unsorted_names_are_refused() -> None:
    with pytest.raises(PackageError, match="sorted"):
        check_names(["b.txt", "a.txt"])


def link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("content/a.txt")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    info.create_system = 3
    return info


def duplicate() -> bytes:
    with pytest.warns(UserWarning, match="Duplicate"):
        return zipped(("a.txt", b"1"), ("a.txt", b"2"))


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "does not start"),
        (b"hello, this is no archive at all, not even a small one", "does not start"),
        (zipped((link(), b"/etc/passwd")), "symbolic link"),
        (zipped(("content/a/", b"")), "directory"),
        (zipped(("a.txt", b"x" * 99), compression=zipfile.ZIP_DEFLATED), "compressed"),
        (zipped(("../a.txt", b"")), "'..'"),
        (zipped(("/a.txt", b"")), "absolute"),
        (zipped(("a\\b.txt", b"")), "backslash"),
        (zipped(("a.pkl", b"")), "refused"),
        (zipped(("a.txt", b""), ("A.txt", b"")), "twice"),
        (zipped(("a.txt", b"1")), "canonical"),
        (b"MZ" + packed(FILES), "does not start"),
        (packed(FILES) + b"\0", "followed by other data"),
        (packed(FILES)[:-2] + b"\2\0hi", "followed by other data"),
        (packed(FILES)[:-1], "truncated"),
    ],
)
def test_containers_that_are_refused(data: bytes, cause: str) -> None:
    with pytest.raises(PackageError, match=cause.replace(".", r"\.")):
        unpacked(data)


def test_duplicate_names_are_refused() -> None:
    with pytest.raises(PackageError, match="twice"):
        unpacked(duplicate())


def test_zip64_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w") as target,
        target.open("a.txt", "w", force_zip64=True) as handle,
    ):
        handle.write(b"x")
    with pytest.raises(PackageError, match=r"canonical|extra fields"):
        unpacked(buffer.getvalue())


def directory_entry(data: bytes, **changes: int) -> bytes:
    """``data`` with fields of its first directory entry replaced."""
    offsets = {"flags": (8, "<H"), "size": (20, "<L"), "extra": (30, "<H"), "offset": (42, "<L")}
    start = data.index(b"PK\1\2")
    raw = bytearray(data)
    for field, value in changes.items():
        offset, kind = offsets[field]
        struct.pack_into(kind, raw, start + offset, value)
    return bytes(raw)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"flags": 0x801}, "encrypted"),
        ({"size": 0xFFFFFFFF}, "canonical"),
        ({"extra": 4}, "extra fields"),
        ({"offset": 7}, "canonical"),
    ],
)
def test_directory_fields_that_are_refused(changes: dict[str, int], cause: str) -> None:
    with pytest.raises(PackageError, match=cause):
        unpacked(directory_entry(packed(FILES), **changes))


def test_a_wrong_crc_in_both_headers_is_refused() -> None:
    """Content and digest are right, yet the file is not the one encoding of them."""
    crc = zlib.crc32(b"hello").to_bytes(4, "little")
    data = packed(FILES)
    assert data.count(crc) == 2
    with pytest.raises(PackageError, match=r"content/b/c\.txt was altered \(its CRC-32"):
        unpacked(data.replace(crc, bytes(4)))


def test_a_hidden_local_entry_is_refused() -> None:
    """An entry that streaming readers see and directory readers do not."""
    data = packed(FILES)
    hidden = packed({"content/evil.txt": b"evil"})
    hidden = hidden[: hidden.index(b"PK\1\2")]
    with pytest.raises(PackageError):
        unpacked(hidden + data)


def test_a_local_header_that_differs_from_the_directory_is_named() -> None:
    data = packed(FILES).replace(b"content/b/c.txt", b"content/b/d.txt", 1)
    with pytest.raises(PackageError, match=r"header of content/b/c.txt"):
        unpacked(data)


def test_missing_and_special_files(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="no such package"):
        open_archive(tmp_path / "none.tgsp")
    os.mkfifo(tmp_path / "pipe.tgsp")
    for path in (tmp_path, tmp_path / "pipe.tgsp", Path("/dev/zero")):
        with pytest.raises(PackageError, match="not a regular file"):
            open_archive(path)


def test_more_than_a_container_can_hold_is_refused() -> None:
    half = [Part(f"content/{i}.txt", 2**31, 0, b"") for i in range(2)]
    with pytest.raises(PackageError, match="do not fit"):
        archive.write(io.BytesIO(), half)
