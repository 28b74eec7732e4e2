"""The life of a key, and what packages say when it changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.cli.package import signing_key
from assay.errors import PackageError
from assay.packaging import keys
from assay.packaging.build import build
from assay.packaging.manifest import Evidence, claim

Assay = Callable[..., Any]  # the fixture `assay`


DIGEST = "0" * 64


def make_package(home: Path, target: Path, **changes: Any) -> Path:
    """A tiny package signed by the key ``mine``."""
    folder = home.parent / "rung"
    folder.mkdir(exist_ok=True)
    (folder / "rung.json").write_text('{"format":1}', encoding="utf-8")
    metrics = {"accuracy": 0.9}
    evidence = {
        "primary": "accuracy",
        "items": 100,
        "confidence": 0.95,
        "candidate": {"metrics": metrics},
        "base": {"metrics": {"accuracy": 0.1}},
        "comparisons": [],
    }
    fields: dict[str, Any] = {
        "name": "card-intent",
        "version": "1.0.0",
        "created": "2026-01-02T03:04:05Z",
        "specialist": {"kind": "tfidf", "output": "label", "labels": 2},
        "base": None,
        "template_digest": None,
        "recipe": {"name": "card-intent", "profile": None, "digest": DIGEST},
        "data": {"train": DIGEST, "validation": DIGEST, "test": DIGEST},
        "evidence": Evidence.of(evidence),
        "verdict": "pass",
        "licence": "proprietary",
    }
    return build(folder, claim(**fields | changes), keys.load("mine", home), target)


@pytest.fixture
def package(assay: Assay, home: Path) -> Path:
    """A package signed by the key ``mine``, which is not trusted yet."""
    assay("keys", "new", "mine")
    return make_package(home, Path("card-intent.tgsp"))


def test_a_key_is_made_listed_trusted_and_revoked(assay: Assay, home: Path) -> None:
    assert "no keys yet" in assay("keys", "list").out
    made = assay("keys", "new", "mine", "--json").json
    assert Path(made["public_file"]).is_file()
    row = assay("keys", "list", "--json").json[0]
    assert (row["signs"], row["trusted"]) == (True, False)
    assert assay("keys", "trust", "mine").code == 0
    assert assay("keys", "list", "--json").json[0]["trusted"]
    done = assay("keys", "revoke", made["key_id"][:8], "--reason", "laptop lost", "--json")
    assert done.json["revoked"]["reason"] == "laptop lost"
    row = assay("keys", "list", "--json").json[0]
    assert not row["trusted"]
    assert row["revoked"]["reason"] == "laptop lost"
    assert "laptop lost" in assay("keys", "list").out


def test_private_keys_are_not_readable_by_others(assay: Assay, home: Path) -> None:
    assay("keys", "new", "mine")
    for path in (home / "keys" / "mine").glob("*.pem"):
        assert path.stat().st_mode & 0o077 == 0


def test_an_encrypted_key_needs_its_passphrase(
    assay: Assay, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(keys.PASSPHRASE, raising=False)
    nobody = assay("keys", "new", "mine", "--encrypt")  # no terminal to ask
    assert nobody.code == 1
    assert f"Set {keys.PASSPHRASE}" in nobody.err
    assert not (home / "keys" / "mine").exists()
    monkeypatch.setenv(keys.PASSPHRASE, "correct horse battery")
    assert assay("keys", "new", "mine", "--encrypt").code == 0
    assert make_package(home, Path("card-intent.tgsp")).is_file()
    monkeypatch.setenv(keys.PASSPHRASE, "incorrect horse battery")
    with pytest.raises(PackageError, match="is not opened by this passphrase"):
        signing_key("mine")
    monkeypatch.delenv(keys.PASSPHRASE)
    with pytest.raises(PackageError, match="there is no passphrase"):
        signing_key("mine")


def test_a_key_is_never_overwritten(assay: Assay) -> None:
    first = assay("keys", "new", "mine", "--json").json["key_id"]
    assert assay("keys", "new", "mine").code == 1
    assert assay("keys", "list", "--json").json[0]["key_id"] == first


def test_verify_follows_the_key(assay: Assay, package: Path) -> None:
    stranger = assay("verify", package)
    assert stranger.code == 1
    assert "not trusted" in stranger.err
    assay("keys", "trust", "mine")
    found = assay("verify", package, "--json")
    assert found.code == 0
    assert found.json["verified"] is True
    assert found.json["manifest"]["name"] == "card-intent"
    assert "every byte signed by mine" in assay("verify", package).out
    assay("keys", "revoke", found.json["signer"]["key_id"], "--reason", "stolen")
    assert "stolen" in assay("verify", package).err


def test_verify_refuses_a_package_altered_anywhere(assay: Assay, package: Path) -> None:
    assay("keys", "trust", "mine")
    good = package.read_bytes()
    for place in range(0, len(good), max(1, len(good) // 12)):
        altered = bytearray(good)
        altered[place] ^= 1
        package.write_bytes(bytes(altered))
        done = assay("verify", package, "--json")
        assert done.code == 1, f"byte {place}"
        assert done.json["error"]["kind"] == "PackageError"
    package.write_bytes(good)
    assert assay("verify", package).code == 0


def test_inspect_believes_nothing(assay: Assay, package: Path) -> None:
    found = assay("inspect", package, "--json").json
    assert found["verified"] is False
    assert found["manifest"]["name"] == "card-intent"
    assert "NOT VERIFIED" in assay("inspect", package).out


def test_an_overridden_package_verifies_only_where_that_is_allowed(
    assay: Assay, home: Path, package: Path
) -> None:
    assay("keys", "trust", "mine")
    override = {"reason": "a pilot for one team", "by": "mine"}
    path = make_package(home, Path("pilot.tgsp"), verdict="fail", override=override)
    refused = assay("verify", path)
    assert refused.code == 1
    assert "a pilot for one team" in refused.err
    assert assay("verify", path, "--allow-override").code == 0


@pytest.mark.parametrize("command", ["verify", "inspect", "ask"])
def test_a_missing_package_is_a_clear_error(assay: Assay, command: str) -> None:
    words = ["no-such.tgsp", "hello"] if command == "ask" else ["no-such.tgsp"]
    done = assay(command, *words, "--json")
    assert done.code == 1
    assert "no-such.tgsp" in done.json["error"]["cause"]


def test_packaging_without_a_key_says_how_to_make_one(assay: Assay) -> None:
    from assay.cli.package import signing_key
    from assay.errors import PackageError

    with pytest.raises(PackageError, match="keys new"):
        signing_key(None)
    assay("keys", "new", "one")
    assert signing_key(None).public.name == "one"
    assay("keys", "new", "two")
    with pytest.raises(PackageError, match="one, two"):
        signing_key(None)
