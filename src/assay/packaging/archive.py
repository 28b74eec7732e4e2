"""The container: a ZIP file of which one list of files has exactly one encoding.

Everything is stored (not compressed), sorted by name, stamped 1980-01-01 and mode 0644, without
extra fields or comments. The reader takes only names, sizes and CRCs from the file, writes down
what the writer would have written for them, and refuses the file if one byte differs: there is
no gap, no second directory and no spare field in which anything could hide.
Layout: PKWARE APPNOTE 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory) and
4.3.16 (end record), without ZIP64.
"""

from __future__ import annotations

import os
import stat
import struct
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from assay.errors import PackageError
from assay.files import storage_errors

CHUNK = 1 << 20
MAX_BYTES = 2**32 - 1
MAX_MEMBERS = 10_000
MAX_NAME = 255
SUFFIXES = (".safetensors", ".json", ".jsonl", ".md", ".txt")
REFETCH = "Get the package again from where it was made; do not use this copy."

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_VERSION, _UTF8, _STORED, _TIME, _DATE = 20, 0x0800, 0, 0, 0x21
_MADE_ON_UNIX = 3 << 8 | _VERSION
_ATTRIBUTES = (stat.S_IFREG | 0o644) << 16


@dataclass(frozen=True)
class Member:
    """One file of an archive: its name, bytes, CRC-32 and where its local header starts."""

    name: str
    size: int
    crc: int
    offset: int

    @property
    def start(self) -> int:
        """Offset of the first byte of the content."""
        return self.offset + _LOCAL.size + len(self.name.encode())


@dataclass(frozen=True)
class Part:
    """One file to be written: its bytes, or the file that holds them, measured beforehand."""

    name: str
    size: int
    crc: int
    source: bytes | Path


# names ---------------------------------------------------------------------------------------


def check_name(name: str) -> None:
    """Raise ``PackageError`` unless ``name`` is a portable relative path of an allowed kind."""
    problem = _name_problem(name)
    if problem:
        raise PackageError(
            f"{name!r}: {problem}",
            f"Only relative paths of files ending in {', '.join(SUFFIXES)} may be packaged.",
        )


def _name_problem(name: str) -> str | None:
    parts = name.split("/")
    if not name or name.startswith("/"):
        return "the path is empty or absolute"
    if any(unicodedata.category(character).startswith("C") for character in name):
        return "the path holds a control, format or unassigned character"
    if "\\" in name or ":" in name:
        return "the path holds a backslash or a colon (drive letter)"
    if any(part in ("", ".", "..") for part in parts):
        return "the path has an empty, '.' or '..' component"
    if any(part != part.strip() or part.endswith(".") for part in parts):
        return "a component starts or ends with a blank, or ends with a dot"
    if name != unicodedata.normalize("NFC", name):
        return "the path is not in Unicode normal form C"
    if len(name.encode()) > MAX_NAME:
        return f"the path is longer than {MAX_NAME} bytes"
    if PurePosixPath(name).suffix not in SUFFIXES:
        return "this kind of file is refused (pickles and other code-bearing files among them)"
    return None


def check_names(names: Sequence[str]) -> None:
    """``check_name`` of each, in sorted order, without two that are one on some file system."""
    seen: dict[str, str] = {}
    for name in names:
        check_name(name)
        folded = _fold(name)
        if folded in seen:
            raise PackageError(
                f"{name!r} appears twice (also as {seen[folded]!r})",
                "Names must differ by more than case and Unicode form.",
            )
        seen[folded] = name
    for name in names:
        for parent in PurePosixPath(name).parents:
            if _fold(str(parent)) in seen:
                raise PackageError(
                    f"{name!r}: {seen[_fold(str(parent))]!r} is a file and a folder",
                    "Rename one of the two.",
                )
    if list(names) != sorted(names):
        raise PackageError("the files are not sorted by name", REFETCH)


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


# writing -------------------------------------------------------------------------------------


def write(handle: BinaryIO, parts: Iterable[Part]) -> None:
    """Write the archive of ``parts`` in its one canonical form.

    Raises ``PackageError`` for a refused name, an archive over 4 GiB, or a source that is no
    longer what was measured.
    """
    ordered = sorted(parts, key=lambda part: part.name)
    check_names([part.name for part in ordered])
    members = _lay_out([(part.name, part.size, part.crc) for part in ordered])
    for member, part in zip(members, ordered, strict=True):
        handle.write(_local_header(member))
        _copy(part, handle)
    handle.write(_directory(members))


def _copy(part: Part, handle: BinaryIO) -> None:
    size = crc = 0
    with _open_source(part.source) as source:
        while chunk := source.read(CHUNK):
            size += len(chunk)
            crc = zlib.crc32(chunk, crc)
            handle.write(chunk)
    if (size, crc) != (part.size, part.crc):
        raise PackageError(
            f"{part.name}: the file changed while it was being packaged",
            "Stop whatever writes to it, and package again.",
        )


def _open_source(source: bytes | Path) -> BinaryIO:
    return BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def _lay_out(files: Sequence[tuple[str, int, int]]) -> list[Member]:
    """Members one after the other from offset 0."""
    members: list[Member] = []
    offset = 0
    for name, size, crc in files:
        members.append(Member(name, size, crc, offset))
        offset = members[-1].start + size
    total = offset + sum(_CENTRAL.size + len(name.encode()) for name, _, _ in files) + _END.size
    if total > MAX_BYTES or len(files) > MAX_MEMBERS:
        raise PackageError(
            f"{len(files):,} files and {total:,} bytes do not fit in a package"
            f" (at most {MAX_MEMBERS:,} files and {MAX_BYTES:,} bytes)",
            "Package the adapter, not the merged model.",
        )
    return members


def _local_header(member: Member) -> bytes:
    name = member.name.encode()
    fields = (_VERSION, _UTF8, _STORED, _TIME, _DATE, member.crc, member.size, member.size)
    return _LOCAL.pack(b"PK\3\4", *fields, len(name), 0) + name


def _directory(members: Sequence[Member]) -> bytes:
    """The central directory and the end record."""
    entries = b"".join(_central_header(member) for member in members)
    start = members[-1].start + members[-1].size if members else 0
    count = len(members)
    return entries + _END.pack(b"PK\5\6", 0, 0, count, count, len(entries), start, 0)


def _central_header(member: Member) -> bytes:
    name = member.name.encode()
    fields = (_MADE_ON_UNIX, _VERSION, _UTF8, _STORED, _TIME, _DATE)
    sizes = (member.crc, member.size, member.size, len(name), 0, 0, 0, 0)
    return _CENTRAL.pack(b"PK\1\2", *fields, *sizes, _ATTRIBUTES, member.offset) + name


# reading -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Archive:
    """An open archive whose headers and directory are proved canonical; contents are not yet.

    The file is opened once; every read goes to that one open file, by offset.
    """

    path: Path
    handle: BinaryIO
    members: dict[str, Member]

    def close(self) -> None:
        """Close the file."""
        self.handle.close()

    def read_at(self, name: str, offset: int, length: int) -> bytes:
        """``length`` bytes of a member's content from ``offset``."""
        return _pread(self.path, self.handle, self.members[name].start + offset, length)

    def chunks(self, name: str) -> Iterator[bytes]:
        """A member's content in pieces of up to 1 MiB; raises at its end if the CRC differs."""
        member = self.members[name]
        crc = 0
        for offset in range(0, member.size, CHUNK):
            chunk = self.read_at(name, offset, min(CHUNK, member.size - offset))
            crc = zlib.crc32(chunk, crc)
            yield chunk
        if crc != member.crc:
            raise PackageError(f"{self.path}: {name} was altered (its CRC-32 differs)", REFETCH)

    def container_bytes(self) -> Iterator[tuple[str | None, bytes]]:
        """Every byte of the file in order, as ``(member name, or None for headers, bytes)``."""
        members = list(self.members.values())
        for member in members:
            yield None, _local_header(member)
            for chunk in self.chunks(member.name):
                yield member.name, chunk
        yield None, _directory(members)


def open_archive(path: Path) -> Archive:
    """Open ``path`` and prove that all but the contents is canonical.

    Raises ``PackageError`` saying what is wrong with which entry.
    """
    handle = _open_regular(path)
    try:
        size = os.fstat(handle.fileno()).st_size
        members = _read_directory(path, handle, size)
        for member in members:
            header = _local_header(member)
            if _pread(path, handle, member.offset, len(header)) != header:
                raise _bad(path, f"the header of {member.name} was altered")
        return Archive(path, handle, {member.name: member for member in members})
    except BaseException:
        handle.close()
        raise


def _open_regular(path: Path) -> BinaryIO:
    # O_NONBLOCK: opening a named pipe must not hang before fstat can refuse it.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        with storage_errors(path):
            descriptor = os.open(path, flags)
    except FileNotFoundError as error:
        raise PackageError(f"{path}: no such package", "Check the path.") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise PackageError(f"{path}: not a regular file", "Give the path of a .tgsp file.")
    return os.fdopen(descriptor, "rb")


def _read_directory(path: Path, handle: BinaryIO, size: int) -> list[Member]:
    if size < _END.size or _pread(path, handle, 0, 4) not in (b"PK\3\4", b"PK\5\6"):
        raise _bad(path, "not a package: it does not start as one")
    if size > MAX_BYTES:
        raise _bad(path, f"{size:,} bytes, more than the {MAX_BYTES:,} a package may have")
    end = _END.unpack(_pread(path, handle, size - _END.size, _END.size))
    magic, _, _, _, count, length, start, _ = end
    if magic != b"PK\5\6":
        raise _bad(path, "truncated, or followed by other data: its end record is not at its end")
    if (
        count > MAX_MEMBERS
        or length > MAX_MEMBERS * (_CENTRAL.size + MAX_NAME)
        or start + length + _END.size != size
    ):
        raise _bad(path, "its end record does not describe this file (truncated or ZIP64)")
    raw = _pread(path, handle, start, length + _END.size)
    files = list(_entries(path, raw[:length]))
    try:
        check_names([name for name, _, _ in files])
        members = _lay_out(files)
    except PackageError as error:
        raise _bad(path, error.cause) from error
    if _directory(members) != raw:
        raise _bad(path, "its directory was altered, or is not in canonical form")
    return members


def _entries(path: Path, raw: bytes) -> Iterator[tuple[str, int, int]]:
    """``(name, size, CRC)`` of each directory entry, refusing by name what is plainly foul."""
    position = 0
    while position < len(raw):
        header = raw[position : position + _CENTRAL.size]
        if len(header) < _CENTRAL.size or not header.startswith(b"PK\1\2"):
            raise _bad(path, f"its directory is broken at byte {position}")
        fields = _CENTRAL.unpack(header)
        name_length, extra, comment = fields[10:13]
        position += _CENTRAL.size
        try:
            name = raw[position : position + name_length].decode()
        except UnicodeDecodeError as error:
            raise _bad(path, "a file name is not UTF-8") from error
        problem = _entry_problem(name, fields)
        if problem:
            raise _bad(path, f"{name!r} {problem}")
        position += name_length + extra + comment
        yield name, fields[9], fields[7]


def _entry_problem(name: str, fields: tuple[int, ...]) -> str | None:
    flags, method = fields[3], fields[4]
    extra, comment, mode = fields[11], fields[12], fields[15] >> 16
    if stat.S_ISLNK(mode):
        return "is a symbolic link"
    if stat.S_ISDIR(mode) or name.endswith("/"):
        return "is a directory"
    if flags & 0x2041:
        return "is encrypted"
    if method != _STORED:
        return f"is compressed (method {method})"
    if extra or comment:
        return "has extra fields (ZIP64 or other) or a comment"
    return None


def _pread(path: Path, handle: BinaryIO, offset: int, length: int) -> bytes:
    """Exactly ``length`` bytes, or ``PackageError``."""
    data = os.pread(handle.fileno(), length, offset)
    if len(data) != length:
        raise _bad(path, f"truncated: {length} bytes expected at {offset}, {len(data)} found")
    return data


def _bad(path: Path, cause: str) -> PackageError:
    return PackageError(f"{path}: {cause}", REFETCH)
