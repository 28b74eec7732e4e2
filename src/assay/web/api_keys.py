"""API keys of the server: only hashes are stored, and a revoked key stops working at once."""

from __future__ import annotations

import builtins
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assay import files
from assay.errors import DataError

SHAPE = re.compile(r"assay_([0-9a-f]{8})_([A-Za-z0-9_-]{20,100})")


@dataclass(frozen=True)
class ApiKey:
    """What is known of a key: not its secret."""

    id: str
    name: str
    created: str


@dataclass(frozen=True)
class NewApiKey(ApiKey):
    """A key just made: the only time its secret is seen."""

    secret: str


def _path() -> Path:
    return files.home() / "api_keys.json"


def _read() -> dict[str, dict[str, Any]]:
    return files.read_object(_path()) if _path().is_file() else {}


def _write(keys: dict[str, dict[str, Any]]) -> None:
    files.write_json(_path(), keys)
    _path().chmod(0o600)


def create(name: str) -> NewApiKey:
    """Make a key for a client called ``name``; raises ``DataError`` for a name not to be shown."""
    if not re.fullmatch(r"\S(.{0,62}\S)?", name) or not name.isprintable():
        raise DataError(
            f"{name[:80]!r}: not a name for an API key",
            "Give one line of 1 to 64 characters that says whose key it is.",
        )
    id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    full = f"assay_{id}_{secret}"
    keys = _read()
    keys[id] = {"name": name, "created": created, "sha256": _hash(full)}
    _write(keys)
    return NewApiKey(id, name, created, full)


def list() -> builtins.list[ApiKey]:
    """Every key that works."""
    return [ApiKey(id, entry["name"], entry["created"]) for id, entry in sorted(_read().items())]


def revoke(id: str) -> None:
    """Stop accepting a key; raises ``DataError`` if there is none with that id."""
    keys = _read()
    if id not in keys:
        raise DataError(f'no API key has the id "{id}"', "See: assay keys api list")
    del keys[id]
    _write(keys)


def check(presented: str) -> ApiKey | None:
    """The key that a client presented, or None. The file is read each time: revocation is instant."""
    match = SHAPE.fullmatch(presented)
    entry = _read().get(match.group(1)) if match else None
    if match is None or entry is None:
        return None
    if not hmac.compare_digest(entry["sha256"], _hash(presented)):
        return None
    return ApiKey(match.group(1), entry["name"], entry["created"])


def _hash(secret: str) -> str:
    # The secret has 256 random bits, so a plain hash cannot be guessed backwards.
    return hashlib.sha256(secret.encode()).hexdigest()
