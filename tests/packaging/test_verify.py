"""Verification: any changed byte, any other signer, any added or missing file is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from assay.errors import PackageError
from assay.files import canonical_json
from assay.packaging import content, dsse, keys, manifest
from assay.packaging.build import build
from assay.packaging.keys import KeyPair, TrustStore
from assay.packaging.manifest import Claims
from assay.packaging.verify import inspect, verify

MakeClaims = Callable[..., Claims]
MembersOf = Callable[[Path], dict[str, bytes]]
Forge = Callable[..., Path]
TENSORS = "content/rung/model.safetensors"


def refused(path: Path, trust: TrustStore) -> bool:
    try:
        verify(path, trust, allow_override=True).close()
    except PackageError:
        return True
    return False


# every byte ----------------------------------------------------------------------------------


def test_flipping_any_byte_is_refused(package: Path, trust: TrustStore) -> None:
    data = package.read_bytes()
    assert not refused(package, trust)
    accepted: list[int] = []
    with package.open("r+b", buffering=0) as handle:
        for position, byte in enumerate(data):
            handle.seek(position)
            handle.write(bytes([byte ^ 1 << position % 8]))
            if not refused(package, trust):
                accepted.append(position)
            handle.seek(position)
            handle.write(bytes([byte]))
    assert accepted == []
    assert package.read_bytes() == data and not refused(package, trust)


def test_flipping_any_signed_byte_is_refused_with_the_container_put_right(
    package: Path, trust: TrustStore, members_of: MembersOf, forge: Forge
) -> None:
    """An attacker rebuilds CRCs and headers: the signatures and digests must hold alone."""
    accepted: list[tuple[str, int]] = []
    members = members_of(package)
    for name, data in members.items():
        for position in range(0, len(data), 3):
            flipped = bytearray(data)
            flipped[position] ^= 1 << position % 8
            if not refused(forge({**members, name: bytes(flipped)}), trust):
                accepted.append((name, position))
    assert accepted == []


def test_truncating_at_any_length_is_refused(package: Path, trust: TrustStore) -> None:
    with package.open("r+b") as handle:
        for length in range(package.stat().st_size - 1, -1, -1):
            handle.truncate(length)
            assert refused(package, trust), length


def test_appending_and_prepending_is_refused(package: Path, trust: TrustStore) -> None:
    data = package.read_bytes()
    for changed in (data + b"\0", b"\0" + data, data + data, data + b"\n"):
        package.write_bytes(changed)
        assert refused(package, trust)


def test_the_altered_file_is_named(
    package: Path, trust: TrustStore, members_of: MembersOf, forge: Forge
) -> None:
    """With every CRC and header put right by the attacker, only the digest tells."""
    members = members_of(package)
    members[TENSORS] = members[TENSORS][:-1] + b"\x01"
    with pytest.raises(PackageError, match=r"rung/model\.safetensors was altered"):
        verify(forge(members), trust)
    members[TENSORS] += b"\x01"
    with pytest.raises(PackageError, match=r"rung/model\.safetensors was altered: 1\d\d bytes"):
        verify(forge(members), trust)


# signers -------------------------------------------------------------------------------------


def test_a_strangers_package_is_refused(
    folder: Path, stranger: KeyPair, trust: TrustStore, tmp_path: Path, make_claims: MakeClaims
) -> None:
    path = build(folder, make_claims(), stranger, tmp_path / "a.tgsp")
    with pytest.raises(PackageError, match=f"{stranger.public.key_id[:16]}.* not trusted") as error:
        verify(path, trust)
    assert "assay keys trust" in error.value.remedy
    with pytest.raises(PackageError, match="trusted: none"):
        verify(path, TrustStore({}))


def test_signing_again_with_an_attackers_key_is_refused(
    package: Path, stranger: KeyPair, trust: TrustStore, members_of: MembersOf, forge: Forge
) -> None:
    members = members_of(package)
    members[manifest.ENVELOPE] = dsse.sign(members[manifest.MANIFEST], stranger)
    with pytest.raises(PackageError, match="not trusted"):
        verify(forge(members), trust)


def test_claiming_a_trusted_key_id_does_not_help(
    package: Path,
    key: KeyPair,
    stranger: KeyPair,
    trust: TrustStore,
    members_of: MembersOf,
    forge: Forge,
) -> None:
    members = members_of(package)
    posing = stranger.public.model_copy(update={"key_id": key.public.key_id})
    impostor = KeyPair(posing, stranger.ed25519, stranger.ml_dsa_65)
    members[manifest.ENVELOPE] = dsse.sign(members[manifest.MANIFEST], impostor)
    with pytest.raises(PackageError, match="signature does not match"):
        verify(forge(members), trust)


@pytest.mark.parametrize("kept", [0, 1])
def test_one_of_two_signatures_is_not_enough(
    package: Path, trust: TrustStore, members_of: MembersOf, forge: Forge, kept: int
) -> None:
    members = members_of(package)
    envelope = json.loads(members[manifest.ENVELOPE])
    envelope["signatures"] = [envelope["signatures"][kept]]
    members[manifest.ENVELOPE] = canonical_json(envelope)
    with pytest.raises(PackageError, match=f"the {dsse.ALGORITHMS[1 - kept]} signature is missing"):
        verify(forge(members), trust)


def test_revoked_and_expired_keys_are_refused(
    package: Path, home: Path, key: KeyPair, tmp_path: Path
) -> None:
    public = home / "keys" / "office" / "public.json"
    for window, cause in (
        ({"valid_to": "2026-11-20"}, "expired on 2026-11-20"),
        ({"valid_from": "2027-01-01"}, "valid only from 2027-01-01"),
    ):
        keys.trust(public, tmp_path, **window)
        with pytest.raises(PackageError, match=cause):
            verify(package, TrustStore.load(tmp_path))
    keys.trust(public, tmp_path, valid_to="2026-11-21")
    verify(package, TrustStore.load(tmp_path)).close()
    keys.revoke(key.public.key_id, "laptop stolen", tmp_path)
    with pytest.raises(PackageError, match="laptop stolen"):
        verify(package, TrustStore.load(tmp_path))


def test_the_signature_is_checked_before_anything_signed_is_parsed(
    package: Path, stranger: KeyPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parsed(*_: object) -> None:
        pytest.fail("parsed before it was verified")

    monkeypatch.setattr(manifest, "decode", parsed)
    monkeypatch.setattr(content, "check", parsed)
    with pytest.raises(PackageError, match="not trusted"):
        verify(package, TrustStore.of(stranger.public))


# what is inside ------------------------------------------------------------------------------


def test_swapping_parts_between_good_packages_is_refused(
    folder: Path,
    key: KeyPair,
    package: Path,
    trust: TrustStore,
    tmp_path: Path,
    make_claims: MakeClaims,
    members_of: MembersOf,
    forge: Forge,
) -> None:
    (folder / "README.md").write_text("# A swapped one\n")
    other = build(folder, make_claims(version="2.0.0"), key, tmp_path / "other.tgsp")
    ours, theirs = members_of(package), members_of(other)
    for swapped, cause in (
        (["content/README.md"], "README.md was altered"),
        ([manifest.MANIFEST], "is not the document that"),
        ([manifest.ENVELOPE], "is not the document that"),
        ([manifest.MANIFEST, manifest.ENVELOPE], "README.md was altered"),
    ):
        with pytest.raises(PackageError, match=cause):
            verify(forge({**ours, **{name: theirs[name] for name in swapped}}), trust)


@pytest.mark.parametrize(
    "added", ["content/extra.txt", "extra.txt", "content/rung/other.safetensors"]
)
def test_an_extra_file_is_refused(
    package: Path, trust: TrustStore, members_of: MembersOf, forge: Forge, added: str
) -> None:
    with pytest.raises(PackageError, match=f"{added}: not in the signed manifest"):
        verify(forge({**members_of(package), added: b"x"}), trust)


@pytest.mark.parametrize(
    ("removed", "cause"),
    [
        ("content/README.md", "content/README.md: missing"),
        (manifest.MANIFEST, "manifest.json is missing"),
        (manifest.ENVELOPE, "envelope.json is missing"),
    ],
)
def test_a_missing_file_is_refused(
    package: Path, trust: TrustStore, members_of: MembersOf, forge: Forge, removed: str, cause: str
) -> None:
    members = members_of(package)
    del members[removed]
    with pytest.raises(PackageError, match=cause):
        verify(forge(members), trust)


def test_a_trusted_signer_may_not_ship_pickles_either(
    key: KeyPair,
    trust: TrustStore,
    make_claims: MakeClaims,
    forge: Forge,
    signed: Callable[..., dict[str, bytes]],
) -> None:
    """The rules hold for what was rightly signed, too: a signer's machine can be taken over."""
    for name, data, cause in (
        ("notes.txt", b"\x80\x04K\x01.", "a pickle"),
        ("model.safetensors", b"", "0 bytes"),
        ("model.safetensors", b"\xff" * 100, "truncated"),
        ("a.json", b"{", "not JSON"),
    ):
        entry = manifest.FileEntry(path=name, size=len(data), sha256=sha256(data).hexdigest())
        document = manifest.encode(manifest.of(make_claims(), [entry]))
        with pytest.raises(PackageError, match=cause):
            verify(forge(signed(document, {name: data}, key)), trust)


@pytest.mark.parametrize(
    "edit",
    [
        lambda d: d.update(verdict="fail"),
        lambda d: d["files"][0].update(path="../up.txt"),
        lambda d: d["files"][0].update(path="model.pkl"),
        lambda d: d.update(format=2),
        lambda d: d.update(public_key="believe me"),
    ],
)
def test_a_signed_manifest_that_breaks_the_rules_is_refused(
    package: Path,
    key: KeyPair,
    trust: TrustStore,
    members_of: MembersOf,
    forge: Forge,
    edit: Callable[[dict[str, Any]], object],
) -> None:
    members = members_of(package)
    document = json.loads(members[manifest.MANIFEST])
    edit(document)
    members[manifest.MANIFEST] = canonical_json(document)
    members[manifest.ENVELOPE] = dsse.sign(members[manifest.MANIFEST], key)
    with pytest.raises(PackageError, match=r"manifest\.json"):
        verify(forge(members), trust)


# what is handed out --------------------------------------------------------------------------


def overwrite(path: Path, old: bytes, new: bytes) -> None:
    position = path.read_bytes().index(old)
    with path.open("r+b") as handle:
        handle.seek(position)
        handle.write(new)


def test_bytes_changed_after_verification_are_not_handed_out(
    package: Path, trust: TrustStore, tmp_path: Path
) -> None:
    with verify(package, trust) as verified:
        overwrite(package, b"# A specialist", b"# A spacialist")
        with pytest.raises(PackageError, match=r"README\.md was altered"):
            verified.read("README.md")
        with pytest.raises(PackageError, match=r"README\.md was altered"):
            verified.extract(tmp_path / "out")
        assert not (tmp_path / "out").exists()
        assert verified.read("rung/rung.json").startswith(b'{"format"')


def test_bytes_changed_with_a_matching_crc_are_not_handed_out(
    package: Path, trust: TrustStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with verify(package, trust) as verified:
        overwrite(package, b"# A specialist", b"# A spacialist")
        crc = verified._archive.members["content/README.md"].crc
        monkeypatch.setattr("zlib.crc32", lambda *_: crc)
        with pytest.raises(PackageError, match="SHA-256 is not the signed one"):
            verified.read("README.md")


def test_a_file_put_in_its_place_after_verification_is_not_read(
    package: Path, trust: TrustStore, tmp_path: Path
) -> None:
    with verify(package, trust) as verified:
        (tmp_path / "evil").write_bytes(b"evil")
        (tmp_path / "evil").replace(package)
        assert verified.read("README.md") == b"# A specialist\n"


def test_extract_gives_exactly_the_content(
    package: Path, folder: Path, trust: TrustStore, tmp_path: Path
) -> None:
    with verify(package, trust) as verified:
        out = verified.extract(tmp_path / "out")
        assert {
            path.relative_to(out).as_posix(): path.read_bytes()
            for path in out.rglob("*")
            if path.is_file()
        } == {name: (folder / name).read_bytes() for name in verified.files}
        with pytest.raises(PackageError, match="not empty"):
            verified.extract(out)
        (tmp_path / "ready").mkdir()
        verified.extract(tmp_path / "ready")
        with pytest.raises(PackageError, match=r"no file 'rung\.json'"):
            verified.read("rung.json")


def test_the_digest_and_the_signer_are_reported(
    package: Path, trust: TrustStore, key: KeyPair
) -> None:
    with verify(package, trust) as verified:
        assert verified.sha256 == sha256(package.read_bytes()).hexdigest()
        assert verified.signer == key.public


# inspection ----------------------------------------------------------------------------------


def test_inspect_believes_nothing(
    folder: Path, stranger: KeyPair, tmp_path: Path, make_claims: MakeClaims
) -> None:
    path = build(folder, make_claims(), stranger, tmp_path / "a.tgsp")
    shown = inspect(path)
    assert shown["verified"] is False
    assert "no signature" in shown["reason"]
    assert shown["key_id"] == stranger.public.key_id
    assert shown["manifest"]["name"] == "banking-intent"
    assert shown["size"] == path.stat().st_size
    json.dumps(shown)


def test_inspect_refuses_what_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "a.tgsp").write_bytes(b"not a package")
    for path in (tmp_path / "a.tgsp", tmp_path / "none.tgsp", tmp_path):
        with pytest.raises(PackageError):
            inspect(path)
