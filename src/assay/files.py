"""Atomic writes, digests and canonical JSON: the ground every room stands on."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assay.errors import DataError, StorageError

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
NO_PERMISSION = (errno.EACCES, errno.EPERM, errno.EROFS)


def home() -> Path:
    """Where Assay keeps bases, keys and caches: ``$ASSAY_HOME`` or ``~/.cache/assay``."""
    return Path(os.environ.get("ASSAY_HOME") or Path.home() / ".cache" / "assay")


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sha256_bytes(data: bytes) -> str:
    """Hex SHA-256 of ``data``."""
    return hashlib.sha256(data).hexdigest()


def canonical_json(value: Any) -> bytes:
    """RFC 8785 bytes of ``value``; raises ``ValueError`` on NaN and on integers above 2^53."""
    import rfc8785

    return rfc8785.dumps(value)


def digest(value: Any) -> str:
    """Hex SHA-256 of the canonical JSON of ``value``."""
    return sha256_bytes(canonical_json(value))


def tree_digests(folder: Path) -> dict[str, str]:
    """``{relative posix path: sha256}`` of every file below ``folder``, sorted."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}


def fsync_directory(folder: Path) -> None:
    """Make a rename inside ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def storage_errors(path: Path) -> Generator[None]:
    """Turn the operating system's storage errors at ``path`` into ``StorageError``.

    Those are: no space, no permission. Others, such as a file that is not there, stay as they are.
    """
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        if error.errno not in (*NO_SPACE, *NO_PERMISSION):
            raise
        raise storage_error(error, path) from error
    except Exception as error:
        # safetensors wraps the system's error in a class of its own, its number as text only.
        if "os error 28" not in str(error) and "No space left" not in str(error):
            raise
        raise storage_error(OSError(errno.ENOSPC, "No space left on device"), path) from error


def storage_error(error: OSError, path: Path | None = None) -> StorageError:
    """What the operating system said about a path, as an error with a remedy."""
    place = path or error.filename or "the system"
    if error.errno in NO_SPACE:
        free = shutil.disk_usage(_existing(Path(place))).free // 2**20
        return StorageError(
            f"{place}: no space left on the disk ({free} MB free)",
            "Free some space and run the same command again: finished work is kept.",
        )
    if error.errno in NO_PERMISSION:
        return StorageError(
            f"{place}: permission denied", "Change its permissions, or name another place."
        )
    said = error.strerror or str(error)
    return StorageError(
        f"{place}: {said[:1].lower()}{said[1:]}", "Correct the path, or name another."
    )


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` so that ``path`` holds either all of it or what it held before."""
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        fsync_directory(path.parent)


def write_text(path: Path, text: str) -> None:
    """``write_bytes`` of UTF-8 text."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any, *, sort_keys: bool = True) -> None:
    """Atomically write ``value`` as indented JSON; NaN is refused."""
    text = json.dumps(value, indent=2, sort_keys=sort_keys, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def read_json(path: Path) -> Any:
    """The JSON value in ``path``; raises ``DataError`` when it does not parse."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # bytes that are no UTF-8, or text that is no JSON
        raise DataError(
            f"{path}: not valid JSON ({error})", "The file is damaged: restore it or remove it."
        ) from error


def read_shipped(path: Path) -> Any:
    """The YAML of a table that comes with Assay, by libyaml's parser where PyYAML has it (8x as fast).

    Not for what a user wrote: libyaml's messages say less.
    """
    import yaml

    kind = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    loader = kind(path.read_bytes())
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def read_object(path: Path, *keys: str) -> dict[str, Any]:
    """The JSON object in ``path``; raises ``DataError`` unless it is one and has every key."""
    value = read_json(path)
    missing = [key for key in keys if not isinstance(value, dict) or key not in value]
    if missing or not isinstance(value, dict):
        lacks = f"lacks {', '.join(missing)}" if isinstance(value, dict) else "not a JSON object"
        raise DataError(f"{path}: {lacks}", "The file is damaged: restore it or remove it.")
    return value  # pyright: ignore[reportUnknownVariableType]


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Atomically write one JSON object a line."""
    lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
    write_text(path, "".join(line + "\n" for line in lines))


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a file that Assay itself wrote."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


@contextmanager
def new_directory(target: Path) -> Generator[Path]:
    """Yield a scratch folder that becomes ``target`` in one rename when the block succeeds.

    Every file is flushed to disk before the rename; on an error the scratch folder goes away
    and ``target`` is as it was.
    """
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".tmp-{target.name}-"))
        try:
            yield scratch
            for path in scratch.rglob("*"):
                descriptor = os.open(path, os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
            scratch.chmod(0o755)
            if target.exists():
                retired = Path(
                    tempfile.mkdtemp(dir=target.parent, prefix=f".tmp-old-{target.name}-")
                )
                target.replace(retired / "old")
                scratch.replace(target)
                shutil.rmtree(retired, ignore_errors=True)
            else:
                scratch.replace(target)
            fsync_directory(target.parent)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
