"""Building: the gate's rule, honest contents, the same bytes twice, nothing half-written."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.errors import GateError, PackageError, StorageError
from assay.packaging import archive
from assay.packaging.build import build
from assay.packaging.keys import KeyPair, TrustStore
from assay.packaging.manifest import Claims
from assay.packaging.verify import verify

MakeClaims = Callable[..., Claims]
OVERRIDE = {"reason": "a pilot with ten users", "by": "A. Sayer"}


def test_a_package_verifies_and_gives_back_its_content(
    package: Path, folder: Path, trust: TrustStore
) -> None:
    with verify(package, trust) as verified:
        assert sorted(verified.files) == ["README.md", "rung/model.safetensors", "rung/rung.json"]
        for name in verified.files:
            assert verified.read(name) == (folder / name).read_bytes()
        assert verified.manifest["evidence"]["candidate"]["accuracy"] == 0.912
    assert package.stat().st_mode & 0o777 == 0o644


def test_all_but_the_ml_dsa_signature_is_deterministic(
    folder: Path,
    key: KeyPair,
    tmp_path: Path,
    make_claims: MakeClaims,
    members_of: Callable[[Path], dict[str, bytes]],
) -> None:
    first, second = (
        members_of(build(folder, make_claims(), key, tmp_path / f"{n}.tgsp")) for n in (1, 2)
    )
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == ["envelope.json"]
    assert len(first["envelope.json"]) == len(second["envelope.json"])


def test_file_times_and_modes_do_not_matter(
    folder: Path,
    key: KeyPair,
    tmp_path: Path,
    make_claims: MakeClaims,
    members_of: Callable[[Path], dict[str, bytes]],
) -> None:
    first = members_of(build(folder, make_claims(), key, tmp_path / "1.tgsp"))
    (folder / "README.md").touch()
    (folder / "README.md").chmod(0o755)
    second = members_of(build(folder, make_claims(), key, tmp_path / "2.tgsp"))
    assert first["manifest.json"] == second["manifest.json"]


@pytest.mark.parametrize("verdict", ["fail", "investigate"])
def test_only_a_pass_is_packaged(
    folder: Path, key: KeyPair, tmp_path: Path, make_claims: MakeClaims, verdict: str
) -> None:
    target = tmp_path / "out" / "a.tgsp"
    with pytest.raises(GateError, match=f"verdict on banking-intent is {verdict}") as caught:
        build(folder, make_claims(verdict=verdict), key, target)
    assert "--override" in caught.value.remedy
    assert not target.parent.exists()


def test_an_override_is_recorded_signed_and_still_refused(
    folder: Path, key: KeyPair, tmp_path: Path, make_claims: MakeClaims, trust: TrustStore
) -> None:
    claims = make_claims(verdict="fail", override=OVERRIDE)
    path = build(folder, claims, key, tmp_path / "a.tgsp")
    with pytest.raises(GateError, match=r"fail; A\. Sayer .*a pilot with ten users") as caught:
        verify(path, trust)
    assert "--allow-override" in caught.value.remedy
    with verify(path, trust, allow_override=True) as verified:
        assert verified.manifest["override"] == OVERRIDE
        assert verified.manifest["verdict"] == "fail"


def test_a_pass_needs_no_override(
    folder: Path, key: KeyPair, tmp_path: Path, make_claims: MakeClaims
) -> None:
    with pytest.raises(GateError, match="nothing to override"):
        build(folder, make_claims(override=OVERRIDE), key, tmp_path / "a.tgsp")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (lambda f: (f / "model.pkl").write_bytes(b""), "refused"),
        (lambda f: (f / "pytorch_model.bin").write_bytes(b""), "refused"),
        (lambda f: (f / ".gitignore").write_bytes(b""), "refused"),
        (lambda f: (f / "Readme.MD").write_bytes(b""), "refused"),
        (lambda f: (f / "readme.md").write_bytes(b""), "twice"),
        (lambda f: (f / "notes.txt").write_bytes(b"\x80\x04\x95."), "a pickle"),
        (lambda f: (f / "more.json").write_bytes(b""), "not JSON"),
        (lambda f: (f / "empty.safetensors").write_bytes(b""), "0 bytes"),
        (lambda f: cut(f / "rung" / "model.safetensors"), "truncated"),
        (lambda f: (f / "link.txt").symlink_to("README.md"), "symbolic link"),
        (lambda f: (f / "loop").symlink_to(f), "symbolic link"),
        (lambda f: (f / "nothing").mkdir(), "empty folder"),
    ],
)
def test_content_that_may_not_be_packaged(
    folder: Path,
    key: KeyPair,
    tmp_path: Path,
    make_claims: MakeClaims,
    spoil: Callable[[Path], Any],
    cause: str,
) -> None:
    spoil(folder)
    (tmp_path / "a.tgsp").write_bytes(b"what was here before")
    with pytest.raises(PackageError, match=cause):
        build(folder, make_claims(), key, tmp_path / "a.tgsp")
    assert (tmp_path / "a.tgsp").read_bytes() == b"what was here before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tgsp", "content"]


def test_folders_and_targets_that_are_refused(
    folder: Path, key: KeyPair, tmp_path: Path, make_claims: MakeClaims
) -> None:
    (tmp_path / "empty").mkdir()
    for content, target, cause in (
        (tmp_path / "none", "a.tgsp", "not a folder"),
        (folder / "README.md", "a.tgsp", "not a folder"),
        (tmp_path / "empty", "a.tgsp", "nothing to package"),
        (folder, "a.zip", "ends in .tgsp"),
    ):
        with pytest.raises(PackageError, match=cause):
            build(content, make_claims(), key, tmp_path / target)


def test_a_full_disk_leaves_nothing_behind(
    folder: Path,
    key: KeyPair,
    tmp_path: Path,
    make_claims: MakeClaims,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archive, "write", full)
    with pytest.raises(StorageError, match="no space left"):
        build(folder, make_claims(), key, tmp_path / "a.tgsp")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["content"]


def test_a_key_whose_halves_differ_makes_no_package(
    folder: Path, key: KeyPair, stranger: KeyPair, tmp_path: Path, make_claims: MakeClaims
) -> None:
    mixed = KeyPair(key.public, key.ed25519, stranger.ml_dsa_65)
    with pytest.raises(PackageError, match="ml-dsa-65 signature does not match"):
        build(folder, make_claims(), mixed, tmp_path / "a.tgsp")
    assert not (tmp_path / "a.tgsp").exists()
