"""Making a package: the gate's rule, the files' digests, the signatures, one atomic rename."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import zlib
from pathlib import Path

from assay.errors import GateError, PackageError
from assay.files import fsync_directory, storage_errors
from assay.packaging import archive, content, dsse, manifest
from assay.packaging.archive import CHUNK, Part
from assay.packaging.keys import KeyPair, TrustStore
from assay.packaging.manifest import CONTENT, ENVELOPE, MANIFEST, Claims, FileEntry
from assay.packaging.verify import verify

SUFFIX = ".tgsp"


def build(folder: Path, claims: Claims, key: KeyPair, target: Path) -> Path:
    """Sign ``claims`` and every file below ``folder`` into the package ``target``.

    What was written is verified before it gets its name, so ``target`` is a good package or what
    it was before. The same folder, claims and key give the same bytes, but for the ML-DSA
    signature, which is randomised. Raises ``GateError`` for a verdict other than ``pass`` without
    an override, ``PackageError`` for content that may not be packaged.
    """
    _check_gate(claims)
    if target.suffix != SUFFIX:
        raise PackageError(f"{target}: a package's name ends in {SUFFIX}", "Rename the target.")
    with storage_errors(folder):
        measured = [_measure(path, folder) for path in _files(folder)]
    payload = manifest.encode(manifest.of(claims, [entry for entry, _ in measured]))
    parts = [part for _, part in measured]
    parts += [_part(MANIFEST, payload), _part(ENVELOPE, dsse.sign(payload, key))]
    _write(target, parts, TrustStore.of(key.public))
    return target


def _check_gate(claims: Claims) -> None:
    if claims.verdict != "pass" and claims.override is None:
        raise GateError(
            f"the verdict on {claims.name} is {claims.verdict}: it may not be packaged",
            "Read the reasons in the report. To package it all the same, give --override"
            ' "reason": it is recorded and signed, and servers refuse it unless told otherwise.',
        )
    if claims.verdict == "pass" and claims.override is not None:
        raise GateError(
            f"the verdict on {claims.name} is pass, so there is nothing to override",
            "Leave --override out.",
        )


def _files(folder: Path) -> list[Path]:
    """Every file below ``folder``, sorted; refuses what an archive could not give back."""
    if not folder.is_dir():
        raise PackageError(f"{folder}: not a folder", "Give the folder of a trained specialist.")
    files: list[Path] = []
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode):
            files.append(path)
        elif not stat.S_ISDIR(mode):
            raise PackageError(
                f"{path}: a symbolic link or special file", "Package the file it stands for."
            )
        elif not any(path.iterdir()):
            raise PackageError(f"{path}: an empty folder", "Remove it, or put its files there.")
    if not files:
        raise PackageError(f"{folder}: there is nothing to package", "Train the specialist first.")
    return files


def _measure(path: Path, folder: Path) -> tuple[FileEntry, Part]:
    """Check one content and take its size, SHA-256 and CRC-32 in one pass."""
    relative = path.relative_to(folder).as_posix()
    archive.check_name(CONTENT + relative)
    size = crc = 0
    sha256 = hashlib.sha256()
    with path.open("rb") as handle:
        total = os.fstat(handle.fileno()).st_size
        descriptor = handle.fileno()
        content.check(
            relative, total, lambda offset, length: os.pread(descriptor, length, offset), str(path)
        )
        while chunk := handle.read(CHUNK):
            size += len(chunk)
            crc = zlib.crc32(chunk, crc)
            sha256.update(chunk)
    entry = FileEntry(path=relative, size=size, sha256=sha256.hexdigest())
    return entry, Part(CONTENT + relative, size, crc, path)


def _part(name: str, data: bytes) -> Part:
    return Part(name, len(data), zlib.crc32(data), data)


def _write(target: Path, parts: list[Part], trust: TrustStore) -> None:
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(descriptor, "wb") as handle:
                archive.write(handle, parts)
                handle.flush()
                os.fsync(handle.fileno())
            verify(Path(name), trust, allow_override=True).close()
            Path(name).chmod(0o644)
            Path(name).replace(target)
        finally:
            Path(name).unlink(missing_ok=True)
        fsync_directory(target.parent)
