"""Signing keys and the trust store: who signs, and whose signature is believed. Never in a package.

A key is a pair, Ed25519 and ML-DSA-65, named by the SHA-256 of its two public keys. Private keys
lie in ``<home>/keys/<name>/`` as PKCS8 PEM, readable by their owner only, and encrypted if a
passphrase was given (PBES2: AES-256, PBKDF2 with few rounds, hence the length asked of it). Trust is a
decision of the machine that verifies: ``<home>/trust.json`` lists the public keys it believes.

A validity window bounds the creation time that the signer states, so that old packages stay good
when a key is retired. It is no help once a key is stolen, since a thief can state any time:
``revoke`` it, and nothing it ever signed verifies.
"""

from __future__ import annotations

import base64
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey
from pydantic import Field, ValidationError, model_validator

from assay.errors import DependencyError, PackageError, did_you_mean
from assay.files import fsync_directory, sha256_bytes, storage_errors, write_json
from assay.packaging.fields import Digest, Line, Strict, Timestamp, faults, now, parse, timestamp

PRIVATE_FILES = {"ed25519": "ed25519.pem", "ml-dsa-65": "ml-dsa-65.pem"}
PUBLIC_FILE = "public.json"
SHORTEST_PREFIX = 8
PASSPHRASE = "ASSAY_KEY_PASSPHRASE"  # the environment variable, for where nobody can be asked
SHORTEST_PASSPHRASE = 12
ENCRYPTED = b"-----BEGIN ENCRYPTED PRIVATE KEY"


class PublicKey(Strict):
    """The public half of a key pair: what is given to those who should trust it."""

    format: Literal[1] = 1
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    key_id: Digest
    created: Timestamp
    ed25519: str = Field(max_length=100, description="Raw public key, base64.")
    ml_dsa_65: str = Field(max_length=4000, description="Raw public key, base64.")

    @model_validator(mode="after")
    def _id_matches(self) -> Self:
        self.ed25519_key()
        self.ml_dsa_65_key()
        if self.key_id != _key_id(_raw(self.ed25519), _raw(self.ml_dsa_65)):
            raise ValueError("key_id is not the SHA-256 of the two public keys")
        return self

    def ed25519_key(self) -> Ed25519PublicKey:
        """The key object; raises ``ValueError`` if the bytes are no such key."""
        return Ed25519PublicKey.from_public_bytes(_raw(self.ed25519))

    def ml_dsa_65_key(self) -> MLDSA65PublicKey:
        """The key object; raises ``ValueError`` if the bytes are no such key."""
        with _supported():
            return MLDSA65PublicKey.from_public_bytes(_raw(self.ml_dsa_65))


@dataclass(frozen=True)
class KeyPair:
    """A key that signs."""

    public: PublicKey
    ed25519: Ed25519PrivateKey
    ml_dsa_65: MLDSA65PrivateKey


class Revocation(Strict):
    """When and why a key stopped being believed."""

    at: Timestamp
    reason: Line


class TrustedKey(Strict):
    """An entry of the trust store."""

    public: PublicKey
    trusted: Timestamp
    valid_from: Timestamp | None = None
    valid_to: Timestamp | None = None
    revoked: Revocation | None = None

    def check_window(self, created: str, where: str) -> None:
        """Raise ``PackageError`` if the key was not valid at ``created``, a ``Timestamp``."""
        if self.valid_from and created < self.valid_from:
            problem = f"is valid only from {self.valid_from}"
        elif self.valid_to and created > self.valid_to:
            problem = f"expired on {self.valid_to}"
        else:
            return
        raise PackageError(
            f"{where}: created {created}, but its key {_short(self.public)} {problem}",
            "Have it signed with a key that is valid, or change the window with"
            " `assay keys trust KEY --valid-from ... --valid-to ...`.",
        )


class _TrustFile(Strict):
    format: Literal[1] = 1
    keys: list[TrustedKey] = Field(default_factory=list[TrustedKey])


@dataclass(frozen=True)
class TrustStore:
    """The public keys this machine believes, by key id."""

    keys: Mapping[str, TrustedKey]

    @classmethod
    def load(cls, home: Path) -> TrustStore:
        """The trust store below ``home``; empty if there is none yet.

        Raises ``PackageError`` if it is malformed, or if others than its owner may change it.
        """
        path = _trust_path(home)
        with storage_errors(path):
            present = path.exists()
        if not present:
            return cls({})
        data = _read_guarded(path, 0o022, "others may change it, and so decide what is trusted")
        document = parse(_TrustFile, data, str(path), "Restore it, or trust the keys again.")
        return cls({key.public.key_id: key for key in document.keys})

    @classmethod
    def of(cls, *keys: PublicKey) -> TrustStore:
        """A store in memory that trusts ``keys`` without bounds."""
        return cls({key.key_id: TrustedKey(public=key, trusted=now()) for key in keys})

    def find(self, key_id: str, where: str) -> TrustedKey:
        """The trusted, not revoked key ``key_id``; raises ``PackageError`` otherwise."""
        key = self.keys.get(key_id)
        if key is None:
            known = ", ".join(_short(key.public) for key in self.keys.values()) or "none"
            raise PackageError(
                f"{where}: signed by key {key_id[:16]!r}, which is not trusted (trusted: {known})",
                "If you know the signer, get their public key file by a way you trust and run"
                " `assay keys trust FILE`. If not, do not use the package.",
            )
        if key.revoked:
            raise PackageError(
                f"{where}: signed by key {_short(key.public)}, revoked on {key.revoked.at}:"
                f" {key.revoked.reason}",
                "Do not use the package; have it signed again with a key that is still good.",
            )
        return key


# key pairs -----------------------------------------------------------------------------------


def passphrase_of_environment() -> str | None:
    """What the variable ``PASSPHRASE`` holds."""
    return os.environ.get(PASSPHRASE)


def new(name: str, home: Path, passphrase: str | None = None) -> KeyPair:
    """Make the key pair ``name`` and store it, encrypted if there is a passphrase.

    Raises ``PackageError`` for a passphrase that is too short; no key is ever overwritten.
    """
    if passphrase is not None and len(passphrase) < SHORTEST_PASSPHRASE:
        raise PackageError(
            f"the passphrase has {len(passphrase)} characters; it needs {SHORTEST_PASSPHRASE}",
            "Take some words that do not belong together.",
        )
    with _supported():
        ed25519, ml_dsa_65 = Ed25519PrivateKey.generate(), MLDSA65PrivateKey.generate()
    pair = KeyPair(_public_of(name, ed25519, ml_dsa_65), ed25519, ml_dsa_65)
    _store(pair, _folder(name, home), passphrase)
    return pair


def load(
    name: str, home: Path, passphrase: Callable[[], str | None] = passphrase_of_environment
) -> KeyPair:
    """The key pair ``name``, to sign with; ``passphrase`` is asked if it is encrypted.

    Raises ``PackageError`` if it is missing, readable by others, not opened by the passphrase, or
    its parts do not match.
    """
    public = load_public(name, home)
    folder = _folder(name, home)
    problem = "others may read this private key"
    paths = [folder / PRIVATE_FILES[kind] for kind in ("ed25519", "ml-dsa-65")]
    stored = [_read_guarded(path, 0o077, problem) for path in paths]
    secret = None
    if any(data.startswith(ENCRYPTED) for data in stored):
        secret = passphrase()
        if not secret:
            raise PackageError(
                f"{folder}: the key is encrypted, and there is no passphrase",
                f"Set {PASSPHRASE}, or run the command in a terminal, where it is asked for.",
            )
    ed25519, ml_dsa_65 = (
        _opened(data, path, secret) for data, path in zip(stored, paths, strict=True)
    )
    if not isinstance(ed25519, Ed25519PrivateKey) or not isinstance(ml_dsa_65, MLDSA65PrivateKey):
        raise PackageError(f"{folder}: a private key is of the wrong kind", _restore(name))
    found = _key_id(
        ed25519.public_key().public_bytes_raw(), ml_dsa_65.public_key().public_bytes_raw()
    )
    if found != public.key_id:
        raise PackageError(
            f"{folder}: private and public keys do not belong together", _restore(name)
        )
    return KeyPair(public, ed25519, ml_dsa_65)


def load_public(name: str, home: Path) -> PublicKey:
    """The public half of the stored key ``name``; raises ``PackageError`` if there is none."""
    path = _folder(name, home) / PUBLIC_FILE
    with storage_errors(path):
        present = path.is_file()
    if not present:
        names = _names(home)
        hint = did_you_mean(name, names) if names else " There are no keys yet."
        raise PackageError(
            f"{path.parent}: there is no key named {name!r}.{hint}",
            f"Make it with `assay keys new {name}`.",
        )
    return _read_public(path)


def list_keys(home: Path) -> list[PublicKey]:
    """The public halves of the stored key pairs, by name."""
    return [load_public(name, home) for name in _names(home)]


def _names(home: Path) -> list[str]:
    return sorted(path.parent.name for path in (home / "keys").glob(f"[!.]*/{PUBLIC_FILE}"))


def _folder(name: str, home: Path) -> Path:
    if not name or name in (".", "..") or Path(name).name != name or "\\" in name:
        raise PackageError(f"{name!r} is not a key name", "Use letters, digits, '.', '_' and '-'.")
    return home / "keys" / name


def _public_of(name: str, ed25519: Ed25519PrivateKey, ml_dsa_65: MLDSA65PrivateKey) -> PublicKey:
    raw_ed25519 = ed25519.public_key().public_bytes_raw()
    raw_ml_dsa_65 = ml_dsa_65.public_key().public_bytes_raw()
    try:
        return PublicKey(
            name=name,
            key_id=_key_id(raw_ed25519, raw_ml_dsa_65),
            created=now(),
            ed25519=base64.b64encode(raw_ed25519).decode(),
            ml_dsa_65=base64.b64encode(raw_ml_dsa_65).decode(),
        )
    except ValidationError as error:
        raise PackageError(
            f"{name!r} is not a key name ({faults(error)})",
            "Use up to 64 lower-case letters, digits, '.', '_' and '-', a letter or digit first.",
        ) from error


def _store(pair: KeyPair, folder: Path, passphrase: str | None) -> None:
    """Write the pair into a private scratch folder and give it its name in one rename."""
    with storage_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".tmp-{folder.name}-"))
        try:
            write_json(scratch / PUBLIC_FILE, pair.public.model_dump(mode="json"))
            _write_private(scratch / PRIVATE_FILES["ed25519"], pair.ed25519, passphrase)
            _write_private(scratch / PRIVATE_FILES["ml-dsa-65"], pair.ml_dsa_65, passphrase)
            fsync_directory(scratch)
            # A rename onto a folder that holds anything fails, so no key is ever overwritten.
            scratch.rename(folder)
        except OSError as error:
            if not folder.exists():
                raise
            raise PackageError(
                f"{folder}: a key named {pair.public.name!r} exists already",
                "Choose another name: keys are never overwritten.",
            ) from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        fsync_directory(folder.parent)


def _write_private(
    path: Path, key: Ed25519PrivateKey | MLDSA65PrivateKey, passphrase: str | None
) -> None:
    data = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode())
        if passphrase
        else serialization.NoEncryption(),
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())


def _opened(data: bytes, path: Path, secret: str | None) -> object:
    """The private key in ``data``; ``secret`` opens it if it is encrypted."""
    password = secret.encode() if secret and data.startswith(ENCRYPTED) else None
    try:
        with _supported():
            return serialization.load_pem_private_key(data, password)
    except (ValueError, TypeError) as error:
        if password is not None:
            raise PackageError(
                f"{path}: is not opened by this passphrase ({error})",
                f"Give the right one. If it is lost: {_restore(path.parent.name)}",
            ) from error
        raise PackageError(
            f"{path}: not a private key ({error})", _restore(path.parent.name)
        ) from error


def _read_public(path: Path) -> PublicKey:
    with storage_errors(path):
        data = path.read_bytes()
    return parse(PublicKey, data, str(path), "Get the public key file (public.json) again.")


def _read_guarded(path: Path, forbidden: int, problem: str) -> bytes:
    """The bytes of ``path``, unless its mode has a ``forbidden`` bit; one open file, no race."""
    try:
        with storage_errors(path), path.open("rb") as handle:
            mode = stat.S_IMODE(os.fstat(handle.fileno()).st_mode)
            if mode & forbidden:
                raise PackageError(
                    f"{path}: its mode is {mode:04o}: {problem}",
                    f"Run `chmod {mode & ~forbidden:o} {path}`, and ask who had access meanwhile.",
                )
            return handle.read()
    except FileNotFoundError as error:
        raise PackageError(f"{path}: missing", _restore(path.parent.name)) from error


# trust ---------------------------------------------------------------------------------------


def trust(
    public_file_or_name: str | Path,
    home: Path,
    *,
    valid_from: str | None = None,
    valid_to: str | None = None,
) -> TrustedKey:
    """Believe a key from now on, for packages created within the window (dates or times).

    A ``.json`` file or a path with a folder is read as a public key file; anything else is the
    name of a stored key. Trusting a key again replaces its window; a revoked key stays revoked.
    """
    given = Path(public_file_or_name)
    is_file = given.suffix == ".json" or given.name != str(public_file_or_name)
    if is_file and not given.is_file():
        raise PackageError(f"{given}: no such public key file", "Check the path.")
    public = _read_public(given) if is_file else load_public(str(public_file_or_name), home)
    entry = TrustedKey(
        public=public,
        trusted=now(),
        valid_from=timestamp(valid_from) if valid_from else None,
        valid_to=timestamp(valid_to, end_of_day=True) if valid_to else None,
    )
    if entry.valid_from and entry.valid_to and entry.valid_from > entry.valid_to:
        raise PackageError("the validity window ends before it begins", "Swap the two dates.")

    def replace(keys: dict[str, TrustedKey]) -> TrustedKey:
        known = keys.get(public.key_id)
        if known and known.revoked:
            raise PackageError(
                f"key {_short(public)} was revoked on {known.revoked.at}: {known.revoked.reason}",
                "A revoked key is never believed again: make a new one with `assay keys new`.",
            )
        return entry

    return _change(home, replace)


def revoke(key_id: str, reason: str, home: Path) -> TrustedKey:
    """Stop believing a trusted key, for good and for everything it ever signed.

    ``key_id`` may be shortened to its first characters (at least 8) if they fit one key only.
    """

    def revoked(keys: dict[str, TrustedKey]) -> TrustedKey:
        entry = keys[_expand(key_id, keys)]
        if entry.revoked:
            return entry
        try:
            revocation = Revocation(at=now(), reason=reason)
        except ValidationError as error:
            raise PackageError(
                f"revocation: {faults(error)}", "Give a reason, on one line."
            ) from error
        return entry.model_copy(update={"revoked": revocation})

    return _change(home, revoked)


def _expand(key_id: str, keys: Mapping[str, TrustedKey]) -> str:
    found = [known for known in keys if known.startswith(key_id.lower())]
    if len(found) == 1 and len(key_id) >= SHORTEST_PREFIX:
        return found[0]
    listed = ", ".join(_short(key.public) for key in keys.values()) or "none"
    problem = "fits several trusted keys" if len(found) > 1 else "is not the id of a trusted key"
    raise PackageError(
        f"{key_id!r} {problem} (trusted: {listed})",
        f"Give the key id, or at least its first {SHORTEST_PREFIX} characters.",
    )


def _change(home: Path, decide: Callable[[dict[str, TrustedKey]], TrustedKey]) -> TrustedKey:
    """Put the entry that ``decide`` returns into the trust file, one process at a time."""
    with _locked(home):
        keys = dict(TrustStore.load(home).keys)
        entry = decide(keys)
        keys[entry.public.key_id] = entry
        document = _TrustFile(keys=list(keys.values()))
        write_json(_trust_path(home), document.model_dump(mode="json"))
    return entry


@contextmanager
def _locked(home: Path) -> Generator[None]:
    # Two commands at once must not lose one's revocation to the other's older copy.
    import fcntl

    with storage_errors(home):
        home.mkdir(parents=True, exist_ok=True)
        with (home / ".trust.lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


# shared --------------------------------------------------------------------------------------


def _trust_path(home: Path) -> Path:
    return home / "trust.json"


def _key_id(ed25519: bytes, ml_dsa_65: bytes) -> str:
    return sha256_bytes(ed25519 + ml_dsa_65)


def _raw(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _short(key: PublicKey) -> str:
    return f"{key.key_id[:16]} ({key.name})"


def _restore(name: str) -> str:
    return f"Restore the key from your backup, or make another with `assay keys new {name}-2`."


@contextmanager
def _supported() -> Generator[None]:
    try:
        yield
    except UnsupportedAlgorithm as error:
        raise DependencyError(
            f"the installed cryptography library has no ML-DSA-65 ({error})",
            "Install the wheel from PyPI: pip install --force-reinstall 'cryptography>=50'.",
        ) from error
