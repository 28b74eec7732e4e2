"""Opening a package: signatures first, then every byte, then only bytes that were checked.

The order is the point. The container is proved canonical; both signatures are checked against
the trust store of this machine; only then is the manifest parsed, the list of files compared,
every content digested, and its form checked. ``Verified`` keeps the one open file and checks the
digest again on whatever it hands out, so a file changed after verification gives no byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from assay.errors import GateError, PackageError
from assay.files import new_directory, storage_errors
from assay.packaging import archive as container
from assay.packaging import content, dsse, manifest
from assay.packaging.archive import REFETCH, Archive
from assay.packaging.keys import PublicKey, TrustStore
from assay.packaging.manifest import CONTENT, ENVELOPE, MANIFEST, FileEntry

MAX_ENVELOPE = 2 * manifest.MAX_MANIFEST
NOT_VERIFIED = "only shown: no signature and no digest was checked; `assay verify` does that"


@dataclass(frozen=True)
class Verified:
    """A package that verified. Use it as a context manager, or ``close`` it."""

    path: Path
    manifest: dict[str, Any]
    sha256: str
    signer: PublicKey
    files: dict[str, FileEntry]
    _archive: Archive

    def read(self, name: str) -> bytes:
        """The content of ``name`` (relative to the content folder), its digest checked.

        Raises ``PackageError`` if there is no such file or if it changed since verification.
        """
        return b"".join(self._chunks(name))

    def extract(self, folder: Path) -> Path:
        """Write all contents into ``folder``, which must not exist or be empty.

        It appears complete, in one rename, and only if every digest still matched.
        """
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise PackageError(f"{folder}: exists and is not empty", "Extract into a new folder.")
        with new_directory(folder) as scratch:
            for name in self.files:
                path = scratch / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("xb") as handle:
                    for chunk in self._chunks(name):
                        handle.write(chunk)
        return folder

    def _chunks(self, name: str) -> Iterator[bytes]:
        if name not in self.files:
            raise PackageError(
                f"{self.path}: it has no file {name!r}", f"It has {', '.join(self.files)}."
            )
        sha256 = hashlib.sha256()
        for chunk in self._archive.chunks(CONTENT + name):
            sha256.update(chunk)
            yield chunk
        if sha256.hexdigest() != self.files[name].sha256:
            raise _altered(self.path, name)

    def close(self) -> None:
        """Close the file."""
        self._archive.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def verify(path: Path, trust: TrustStore, *, allow_override: bool = False) -> Verified:
    """Open the package at ``path`` if a key in ``trust`` signed every byte of it.

    Raises ``PackageError`` if anything is altered, missing, added, not trusted, revoked or out of
    its window, and ``GateError`` if all that is well but the specialist was packaged without a
    passing verdict and ``allow_override`` is false.
    """
    with storage_errors(path):
        archive = container.open_archive(path)
        try:
            verified = _verify(archive, trust)
            _check_verdict(verified, allow_override)
            return verified
        except BaseException:
            archive.close()
            raise


def _verify(archive: Archive, trust: TrustStore) -> Verified:
    where = str(archive.path)
    raw = _read_signed(archive)
    envelope = _open_envelope(archive, raw)
    key = trust.find(envelope.key_id, where)
    dsse.verify(envelope, key.public, where)
    signed = manifest.decode(envelope.payload)
    key.check_window(signed.created, where)
    files = {entry.path: entry for entry in signed.files}
    _check_same_files(archive, files)
    sha256 = _check_digests(archive, files, raw)
    for name, entry in files.items():
        content.check(name, entry.size, _reader(archive, CONTENT + name), f"{where}: {name}")
    return Verified(
        archive.path, signed.model_dump(mode="json"), sha256, key.public, files, archive
    )


def _read_signed(archive: Archive) -> dict[str, bytes]:
    """The bytes of the envelope and of the manifest."""
    return {
        ENVELOPE: _read_small(archive, ENVELOPE, MAX_ENVELOPE),
        MANIFEST: _read_small(archive, MANIFEST, manifest.MAX_MANIFEST),
    }


def _open_envelope(archive: Archive, raw: dict[str, bytes]) -> dsse.Envelope:
    """The envelope, not verified; its payload is byte for byte the manifest."""
    envelope = dsse.parse(raw[ENVELOPE], f"{archive.path}: {ENVELOPE}")
    if envelope.payload != raw[MANIFEST]:
        raise PackageError(
            f"{archive.path}: {MANIFEST} is not the document that {ENVELOPE} signs", REFETCH
        )
    return envelope


def _read_small(archive: Archive, name: str, limit: int) -> bytes:
    member = archive.members.get(name)
    if member is None:
        raise PackageError(f"{archive.path}: {name} is missing", REFETCH)
    if member.size > limit:
        raise PackageError(f"{archive.path}: {name} has {member.size:,} bytes", REFETCH)
    return b"".join(archive.chunks(name))


def _check_same_files(archive: Archive, files: dict[str, FileEntry]) -> None:
    """The archive holds the signed files and nothing else."""
    expected = {CONTENT + name for name in files} | {MANIFEST, ENVELOPE}
    extra, missing = set(archive.members) - expected, expected - set(archive.members)
    for names, problem in ((extra, "not in the signed manifest"), (missing, "missing")):
        if names:
            raise PackageError(f"{archive.path}: {', '.join(sorted(names))}: {problem}", REFETCH)
    for name, entry in files.items():
        size = archive.members[CONTENT + name].size
        if size != entry.size:
            raise PackageError(
                f"{archive.path}: {name} was altered: {size:,} bytes, {entry.size:,} signed",
                REFETCH,
            )


def _check_digests(archive: Archive, files: dict[str, FileEntry], known: dict[str, bytes]) -> str:
    """Digest the whole file in one pass, compare each content, return the file's SHA-256.

    ``known`` are members already read: what was checked must be what is digested.
    """
    whole = hashlib.sha256()
    each = {name: hashlib.sha256() for name in archive.members}
    for name, chunk in archive.container_bytes():
        whole.update(chunk)
        if name is not None:
            each[name].update(chunk)
    expected = {CONTENT + name: entry.sha256 for name, entry in files.items()}
    expected |= {name: hashlib.sha256(data).hexdigest() for name, data in known.items()}
    for name, sha256 in expected.items():
        if each[name].hexdigest() != sha256:
            raise _altered(archive.path, name)
    return whole.hexdigest()


def _reader(archive: Archive, name: str) -> content.Read:
    return lambda offset, length: archive.read_at(name, offset, length)


def _check_verdict(verified: Verified, allow_override: bool) -> None:
    override = verified.manifest["override"]
    if override is None or allow_override:
        return
    raise GateError(
        f"{verified.path}: the verdict is {verified.manifest['verdict']}; {override['by']} packaged"
        f" it all the same: {override['reason']}",
        "Use a package that passed, or accept this one with --allow-override.",
    )


def _altered(path: Path, name: str) -> PackageError:
    return PackageError(f"{path}: {name} was altered: its SHA-256 is not the signed one", REFETCH)


def inspect(path: Path) -> dict[str, Any]:
    """What a package says about itself, believed by nobody: ``verified`` is always false.

    Keys: ``verified``, ``reason``, ``path``, ``size`` (bytes), ``key_id`` (claimed), ``manifest``.
    Raises ``PackageError`` if it cannot even be read as a package.
    """
    with storage_errors(path):
        archive = container.open_archive(path)
        try:
            envelope = _open_envelope(archive, _read_signed(archive))
            stated = manifest.decode(envelope.payload)
        finally:
            archive.close()
        return {
            "verified": False,
            "reason": NOT_VERIFIED,
            "path": str(path),
            "size": path.stat().st_size,
            "key_id": envelope.key_id,
            "manifest": stated.model_dump(mode="json"),
        }
