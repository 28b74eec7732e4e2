"""A small specialist, two signers, and packages of it: good, and as an attacker would make them."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from assay.packaging import archive, dsse, keys, manifest
from assay.packaging.build import build
from assay.packaging.keys import KeyPair, TrustStore

EVALUATION: dict[str, Any] = {
    "task": "label",
    "primary": "accuracy",
    "items": 3080,
    "confidence": 0.95,
    "candidate": {"name": "encoder", "metrics": {"accuracy": 0.912, "macro_f1": 0.9}},
    "base": {"name": "label names", "metrics": {"accuracy": 0.61}},
    "comparisons": [
        {
            "against": "base",
            "metric": "accuracy",
            "difference": 0.302,
            "interval": [0.28, 0.32],
            "p_value": 1e-30,
            "wins": 950,
            "losses": 20,
        }
    ],
}


def claims_with(**changes: Any) -> manifest.Claims:
    """The claims of a specialist that passed, with some of them changed."""
    fields: dict[str, Any] = {
        "name": "banking-intent",
        "version": "1.0.0",
        "created": "2026-11-21T08:00:00Z",
        "specialist": {"kind": "encoder", "output": "label", "labels": 77, "languages": ["en"]},
        "base": {"name": "all-minilm-l6-v2", "digest": "b" * 64, "licence": "Apache-2.0"},
        "template_digest": None,
        "recipe": {"name": "banking-intent", "profile": "local", "digest": "c" * 64},
        "data": {"train": "1" * 64, "validation": "2" * 64, "test": "3" * 64},
        "evidence": manifest.Evidence.of(EVALUATION),
        "verdict": "pass",
        "licence": "proprietary",
        "parity": {"tokens_equal": True, "logit_drift": 0.0},
    }
    return manifest.claim(**{**fields, **changes})


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def key(home: Path) -> KeyPair:
    return keys.new("office", home)


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    return keys.new("office", tmp_path_factory.mktemp("elsewhere"))


@pytest.fixture
def trust(key: KeyPair) -> TrustStore:
    return TrustStore.of(key.public)


@pytest.fixture
def make_claims() -> Callable[..., manifest.Claims]:
    return claims_with


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The content of a specialist: tensors, settings, and a note in a folder of its own."""
    content = tmp_path / "content"
    (content / "rung").mkdir(parents=True)
    tensors = {"head": np.arange(6, dtype=np.float32).reshape(2, 3), "bias": np.zeros(2, np.int8)}
    (content / "rung" / "model.safetensors").write_bytes(save(tensors))
    (content / "rung" / "rung.json").write_text('{"format": 1, "labels": ["a", "b"]}')
    (content / "README.md").write_text("# A specialist\n")
    return content


@pytest.fixture
def package(folder: Path, key: KeyPair, tmp_path: Path) -> Path:
    return build(folder, claims_with(), key, tmp_path / "good.tgsp")


@pytest.fixture
def forge(tmp_path: Path) -> Callable[..., Path]:
    """Pack any members into a container, with no check but the container's own."""

    def pack(members: dict[str, bytes], name: str = "forged.tgsp") -> Path:
        parts = [
            archive.Part(path, len(data), zlib.crc32(data), data) for path, data in members.items()
        ]
        path = tmp_path / name
        with path.open("wb") as handle:
            archive.write(handle, parts)
        return path

    return pack


@pytest.fixture
def members_of() -> Callable[[Path], dict[str, bytes]]:
    """Every member of a package, manifest and envelope among them."""

    def read(path: Path) -> dict[str, bytes]:
        opened = archive.open_archive(path)
        try:
            return {name: b"".join(opened.chunks(name)) for name in opened.members}
        finally:
            opened.close()

    return read


@pytest.fixture
def signed() -> Callable[..., dict[str, bytes]]:
    """The members of a package whose manifest is ``document`` as it stands, rightly signed."""

    def sign(document: bytes, contents: dict[str, bytes], signer: KeyPair) -> dict[str, bytes]:
        members = {manifest.CONTENT + name: data for name, data in contents.items()}
        return {
            **members,
            manifest.MANIFEST: document,
            manifest.ENVELOPE: dsse.sign(document, signer),
        }

    return sign
