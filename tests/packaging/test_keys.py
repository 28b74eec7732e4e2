"""Keys that others cannot read or replace, and a trust store that says no for the right reason."""

from __future__ import annotations

import json
import multiprocessing
from hashlib import sha256
from pathlib import Path

import pytest

from assay.errors import PackageError
from assay.packaging import dsse, keys
from assay.packaging.keys import KeyPair, TrustStore

CREATED = "2026-11-21T08:00:00Z"


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def public_file(home: Path, name: str = "office") -> Path:
    return home / "keys" / name / "public.json"


def test_a_new_key_is_private_and_signs(tmp_path: Path) -> None:
    made = keys.new("office", tmp_path)
    folder = tmp_path / "keys" / "office"
    assert mode(folder) == 0o700
    private = [folder / "ed25519.pem", folder / "ml-dsa-65.pem"]
    assert [mode(path) for path in private] == [0o600, 0o600]
    assert all(path.read_text().startswith("-----BEGIN PRIVATE KEY") for path in private)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["office"]

    loaded = keys.load("office", tmp_path)
    assert loaded.public == made.public
    assert keys.list_keys(tmp_path) == [made.public]
    dsse.verify(dsse.parse(dsse.sign(b"x", loaded), "here"), made.public, "here")


def test_an_encrypted_key_opens_with_its_passphrase_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(keys.PASSPHRASE, raising=False)
    with pytest.raises(PackageError, match="has 5 characters; it needs 12"):
        keys.new("office", tmp_path, "short")
    made = keys.new("office", tmp_path, "größer als zwölf")
    folder = tmp_path / "keys" / "office"
    for file in ("ed25519.pem", "ml-dsa-65.pem"):
        assert (folder / file).read_bytes().startswith(keys.ENCRYPTED)
    assert keys.list_keys(tmp_path) == [made.public]  # what is public needs no passphrase
    with pytest.raises(PackageError, match="is encrypted, and there is no passphrase") as caught:
        keys.load("office", tmp_path)
    assert keys.PASSPHRASE in caught.value.remedy
    with pytest.raises(PackageError, match=r"ed25519\.pem: is not opened by this passphrase"):
        keys.load("office", tmp_path, lambda: "something else")
    asked: list[str] = []
    loaded = keys.load("office", tmp_path, lambda: asked.append("once") or "größer als zwölf")
    assert asked == ["once"]
    dsse.verify(dsse.parse(dsse.sign(b"x", loaded), "here"), made.public, "here")
    monkeypatch.setenv(keys.PASSPHRASE, "größer als zwölf")
    assert keys.load("office", tmp_path).public == made.public
    keys.new("plain", tmp_path)
    assert keys.load("plain", tmp_path)  # a passphrase does no harm where none is needed


def test_the_key_id_is_the_digest_of_both_public_keys(key: KeyPair) -> None:
    both = (
        key.ed25519.public_key().public_bytes_raw() + key.ml_dsa_65.public_key().public_bytes_raw()
    )
    assert key.public.key_id == sha256(both).hexdigest()


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    made = keys.new("office", tmp_path)
    with pytest.raises(PackageError, match="exists already"):
        keys.new("office", tmp_path)
    assert keys.load("office", tmp_path).public == made.public
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["office"]


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../up", "a/b", "a\\b", "Office", "a b", "-a", "é"]
)
def test_names_that_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PackageError, match="not a key name"):
        keys.new(name, tmp_path)
    assert not list(tmp_path.rglob("*.pem"))


def test_a_missing_key_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="no keys yet") as caught:
        keys.load("office", tmp_path)
    assert "assay keys new office" in caught.value.remedy
    keys.new("office", tmp_path)
    with pytest.raises(PackageError, match='Did you mean "office"'):
        keys.load("offise", tmp_path)


@pytest.mark.parametrize("file", ["ed25519.pem", "ml-dsa-65.pem"])
@pytest.mark.parametrize("bits", [0o604, 0o640, 0o620])
def test_a_private_key_that_others_can_reach_is_refused(
    tmp_path: Path, file: str, bits: int
) -> None:
    keys.new("office", tmp_path)
    path = tmp_path / "keys" / "office" / file
    path.chmod(bits)
    with pytest.raises(PackageError, match=f"{bits:04o}") as caught:
        keys.load("office", tmp_path)
    assert f"chmod 600 {path}" in caught.value.remedy
    assert keys.load_public("office", tmp_path).name == "office"


def test_damaged_and_mixed_up_keys_are_refused(tmp_path: Path) -> None:
    keys.new("office", tmp_path)
    keys.new("other", tmp_path)
    folder, other = tmp_path / "keys" / "office", tmp_path / "keys" / "other"
    good = (folder / "ed25519.pem").read_bytes()
    for data, cause in (
        ((other / "ed25519.pem").read_bytes(), "do not belong together"),
        ((folder / "ml-dsa-65.pem").read_bytes(), "wrong kind"),
        (b"", "not a private key"),
        (good[:-30], "not a private key"),
    ):
        (folder / "ed25519.pem").write_bytes(data)
        with pytest.raises(PackageError, match=cause):
            keys.load("office", tmp_path)
    (folder / "ed25519.pem").unlink()
    with pytest.raises(PackageError, match=r"ed25519\.pem: missing"):
        keys.load("office", tmp_path)


@pytest.mark.parametrize(
    ("field", "value", "cause"),
    [
        ("key_id", "0" * 64, "not the SHA-256"),
        ("ed25519", "AAAA", "ed25519|32 bytes"),
        ("ml_dsa_65", "AAAA", "1952"),
        ("ml_dsa_65", "%%%%", "base64|[Oo]nly"),
        ("name", "../x", "name: "),
        ("format", 2, "format: "),
        ("more", 1, "more: "),
    ],
)
def test_public_key_files_that_are_refused(
    tmp_path: Path, key: KeyPair, field: str, value: object, cause: str
) -> None:
    document = {**key.public.model_dump(), field: value}
    (tmp_path / "public.json").write_text(json.dumps(document))
    with pytest.raises(PackageError, match=cause):
        keys.trust(tmp_path / "public.json", tmp_path)
    assert TrustStore.load(tmp_path).keys == {}


def test_nothing_is_trusted_at_first_not_even_own_keys(tmp_path: Path) -> None:
    made = keys.new("office", tmp_path)
    store = TrustStore.load(tmp_path)
    assert store.keys == {}
    with pytest.raises(PackageError, match="not trusted") as caught:
        store.find(made.public.key_id, "a.tgsp")
    assert "assay keys trust" in caught.value.remedy


def test_trust_by_name_and_by_file(tmp_path: Path, home: Path, key: KeyPair) -> None:
    made = keys.new("mine", tmp_path)
    keys.trust("mine", tmp_path)
    keys.trust(public_file(home), tmp_path)
    store = TrustStore.load(tmp_path)
    assert set(store.keys) == {made.public.key_id, key.public.key_id}
    assert store.find(key.public.key_id, "a.tgsp").public == key.public
    for missing in (tmp_path / "none.json", "none.json", "none/at-all", "none"):
        with pytest.raises(PackageError, match=r"no such public key file|no key named"):
            keys.trust(missing, tmp_path)


def test_a_revoked_key_stays_revoked(tmp_path: Path, home: Path, key: KeyPair) -> None:
    keys.trust(public_file(home), tmp_path)
    entry = keys.revoke(key.public.key_id[:8].upper(), "laptop stolen", tmp_path)
    assert entry.revoked and entry.revoked.reason == "laptop stolen"
    again = keys.revoke(key.public.key_id, "another reason", tmp_path)
    assert again == entry
    with pytest.raises(PackageError, match=r"revoked on .*laptop stolen"):
        TrustStore.load(tmp_path).find(key.public.key_id, "a.tgsp")
    with pytest.raises(PackageError, match="was revoked"):
        keys.trust(public_file(home), tmp_path)


def test_revoking_needs_a_known_key_and_a_reason(tmp_path: Path, home: Path, key: KeyPair) -> None:
    keys.trust(public_file(home), tmp_path)
    for bad in ("", "f", key.public.key_id[:7], "0" * 64):
        with pytest.raises(PackageError, match=r"not the id of a trusted key"):
            keys.revoke(bad, "why", tmp_path)
    for reason in ("", "two\nlines"):
        with pytest.raises(PackageError, match="reason"):
            keys.revoke(key.public.key_id, reason, tmp_path)
    assert TrustStore.load(tmp_path).find(key.public.key_id, "a.tgsp")


@pytest.mark.parametrize(
    ("window", "cause"),
    [
        ({}, None),
        ({"valid_from": "2026-11-21", "valid_to": "2026-11-21"}, None),
        ({"valid_from": "2026-11-22"}, "valid only from 2026-11-22T00:00:00Z"),
        ({"valid_to": "2026-11-20"}, "expired on 2026-11-20T23:59:59Z"),
    ],
)
def test_the_window_bounds_when_a_package_was_made(
    tmp_path: Path, home: Path, window: dict[str, str], cause: str | None
) -> None:
    entry = keys.trust(public_file(home), tmp_path, **window)
    if cause is None:
        entry.check_window(CREATED, "a.tgsp")
        return
    with pytest.raises(PackageError, match=cause):
        entry.check_window(CREATED, "a.tgsp")


def test_trusting_again_replaces_the_window(tmp_path: Path, home: Path, key: KeyPair) -> None:
    keys.trust(public_file(home), tmp_path, valid_to="2026-11-20")
    keys.trust(public_file(home), tmp_path)
    assert TrustStore.load(tmp_path).keys[key.public.key_id].valid_to is None
    with pytest.raises(PackageError, match="ends before it begins"):
        keys.trust(public_file(home), tmp_path, valid_from="2026-12-01", valid_to="2026-11-01")


def test_a_trust_store_that_others_can_change_is_refused(tmp_path: Path, home: Path) -> None:
    keys.trust(public_file(home), tmp_path)
    path = tmp_path / "trust.json"
    for bits in (0o664, 0o646):
        path.chmod(bits)
        with pytest.raises(PackageError, match="others may change it") as caught:
            TrustStore.load(tmp_path)
        assert f"chmod 644 {path}" in caught.value.remedy
    path.chmod(0o644)
    path.write_text('{"format": 1, "keys": [{"public": {}}]}')
    with pytest.raises(PackageError, match=r"keys\.0\.public"):
        TrustStore.load(tmp_path)


def _trust(name: str, home: Path) -> None:
    keys.trust(name, home)


def test_two_commands_at_once_lose_nothing(tmp_path: Path) -> None:
    names = [f"key-{number}" for number in range(4)]
    for name in names:
        keys.new(name, tmp_path)
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_trust, args=(name, tmp_path)) for name in names]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert {entry.public.name for entry in TrustStore.load(tmp_path).keys.values()} == set(names)
