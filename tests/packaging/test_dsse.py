"""The envelope against the published vectors, and what makes one fail."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey

from assay.errors import PackageError
from assay.files import canonical_json
from assay.packaging import dsse
from assay.packaging.keys import KeyPair

PAYLOAD = b'{"a":1}'


def test_pae_is_that_of_the_dsse_specification() -> None:
    encoded = dsse.pae("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_pae_counts_bytes_not_characters() -> None:
    assert dsse.pae("é", "ü".encode()) == b"DSSEv1 2 \xc3\xa9 2 \xc3\xbc"


@pytest.mark.parametrize(
    ("seed", "public", "message", "signature"),
    [
        (  # RFC 8032, 7.1, test 1
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (  # RFC 8032, 7.1, test 3
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ],
)
def test_ed25519_is_rfc_8032(seed: str, public: str, message: str, signature: str) -> None:
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    assert private.public_key().public_bytes_raw().hex() == public
    assert private.sign(bytes.fromhex(message)).hex() == signature


def test_ml_dsa_65_is_fips_204() -> None:
    """Public keys of known seeds: one cross-checked between two libraries, one of Wycheproof."""
    counting = MLDSA65PrivateKey.from_seed_bytes(bytes(range(32))).public_key()
    assert sha256(counting.public_bytes_raw()).hexdigest() == (
        "d666806e11cee19a7c989f7445f90dd419cf4d2d51db8c0fdb4c0f0a542238c9"
    )
    constant = MLDSA65PrivateKey.from_seed_bytes(b"\x2a" * 32).public_key().public_bytes_raw()
    assert constant.hex().startswith("f5408337d0fee65c28851226a5fa81b58464632c78e2a9be")
    assert constant.hex().endswith("bc2236455123c1c5da714ad29d580fb194f87173a18dc")
    assert len(constant) == 1952


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (  # RFC 8785, 3.2.2 and 3.2.3
            {
                "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
                "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
                "literals": [None, True, False],
            },
            '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
            '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
        ),
        (  # RFC 8785, 3.2.3: keys sort by UTF-16 code units
            {
                "\u20ac": "Euro Sign",
                "\r": "Carriage Return",
                "\ufb33": "Hebrew Letter Dalet With Dagesh",
                "1": "One",
                "\U0001f600": "Emoji: Grinning Face",
                "\u0080": "Control",
                "\u00f6": "Latin Small Letter O With Diaeresis",
            },
            '{"\\r":"Carriage Return","1":"One","\u0080":"Control",'
            '"\u00f6":"Latin Small Letter O With Diaeresis","\u20ac":"Euro Sign",'
            '"\U0001f600":"Emoji: Grinning Face",'
            '"\ufb33":"Hebrew Letter Dalet With Dagesh"}',
        ),
        # RFC 8785, appendix B
        ([0.0, -0.0, 5e-324, -5e-324], "[0,0,5e-324,-5e-324]"),
        (
            [1.7976931348623157e308, 9007199254740992.0],
            "[1.7976931348623157e+308,9007199254740992]",
        ),
        (
            [295147905179352830000.0, 9.999999999999997e22],
            "[295147905179352830000,9.999999999999997e+22]",
        ),
        ([1e23, 999999999999999700000.0, 1e21], "[1e+23,999999999999999700000,1e+21]"),
        ([9.999999999999997e-7, 0.000001], "[9.999999999999997e-7,0.000001]"),
        ([333333333.3333332, 1424953923781206.2], "[333333333.3333332,1424953923781206.2]"),
    ],
)
def test_canonical_json_is_rfc_8785(value: Any, text: str) -> None:
    assert canonical_json(value) == text.encode()


def test_a_signed_payload_verifies(key: KeyPair) -> None:
    data = dsse.sign(PAYLOAD, key)
    envelope = dsse.parse(data, "here")
    assert envelope.payload == PAYLOAD
    assert envelope.key_id == key.public.key_id
    dsse.verify(envelope, key.public, "here")


def test_ed25519_is_deterministic_and_ml_dsa_is_not(key: KeyPair) -> None:
    first, second = (dsse.parse(dsse.sign(PAYLOAD, key), "here").signatures for _ in range(2))
    assert first["ed25519"] == second["ed25519"]
    assert first["ml-dsa-65"] != second["ml-dsa-65"]
    assert len(first["ml-dsa-65"]) == 3309


def test_openssl_agrees_on_the_ed25519_signature(key: KeyPair, tmp_path: Path) -> None:
    envelope = dsse.parse(dsse.sign(PAYLOAD, key), "here")
    (tmp_path / "sig").write_bytes(envelope.signatures["ed25519"])
    (tmp_path / "message").write_bytes(dsse.pae(dsse.PAYLOAD_TYPE, PAYLOAD))
    (tmp_path / "key.pem").write_bytes(
        key.public.ed25519_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    command = "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in message -sigfile sig"
    try:
        done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    assert "Verified Successfully" in done.stdout, done.stderr


def test_another_key_fails(key: KeyPair, stranger: KeyPair) -> None:
    with pytest.raises(PackageError, match="ed25519 signature does not match"):
        dsse.verify(dsse.parse(dsse.sign(PAYLOAD, key), "here"), stranger.public, "here")


def test_each_signature_is_needed_on_its_own(key: KeyPair, stranger: KeyPair) -> None:
    """A break of one scheme, played by a signature of the right kind by another key."""
    good = dsse.parse(dsse.sign(PAYLOAD, key), "here")
    bad = dsse.parse(dsse.sign(PAYLOAD, stranger), "here")
    for algorithm in dsse.ALGORITHMS:
        signatures = {**good.signatures, algorithm: bad.signatures[algorithm]}
        with pytest.raises(PackageError, match=f"the {algorithm} signature does not match"):
            dsse.verify(dsse.Envelope(PAYLOAD, good.key_id, signatures), key.public, "here")


def test_an_ml_dsa_signature_for_another_purpose_fails(key: KeyPair) -> None:
    good = dsse.parse(dsse.sign(PAYLOAD, key), "here")
    message = dsse.pae(dsse.PAYLOAD_TYPE, PAYLOAD)
    for context in (None, b"assay.tgsp.v2"):
        signatures = {**good.signatures, "ml-dsa-65": key.ml_dsa_65.sign(message, context)}
        with pytest.raises(PackageError, match="ml-dsa-65"):
            dsse.verify(dsse.Envelope(PAYLOAD, good.key_id, signatures), key.public, "here")


Edit = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("edit", "cause"),
    [
        (lambda e: e["signatures"].pop(0), "the ed25519 signature is missing"),
        (lambda e: e["signatures"].pop(1), "the ml-dsa-65 signature is missing"),
        (lambda e: e["signatures"].clear(), "ed25519 and ml-dsa-65 signature is missing"),
        (lambda e: e["signatures"].reverse(), "odd signatures"),
        (lambda e: e["signatures"].append(e["signatures"][0]), "odd signatures"),
        (
            lambda e: e["signatures"].__setitem__(1, e["signatures"][0]),
            "ml-dsa-65 signature is miss",
        ),
        (lambda e: e["signatures"][0].update(keyid="ed25519:" + "0" * 64), "different keys"),
        (lambda e: e["signatures"][0].update(keyid="rsa:" + "0" * 64), "ed25519 signature is miss"),
        (lambda e: e["signatures"][0].update(extra=1), "extra"),
        (lambda e: e["signatures"][0].update(sig="!!!!"), "base64"),
        (lambda e: e.update(payloadType="application/vnd.in-toto+json"), "payload type"),
        (lambda e: e.update(payload="eyJhIjoxfR=="), "base64"),
        (lambda e: e.pop("payload"), "payload"),
        (lambda e: e.update(public_key="trust me"), "public_key"),
    ],
)
def test_envelopes_that_are_refused(key: KeyPair, edit: Edit, cause: str) -> None:
    document = json.loads(dsse.sign(PAYLOAD, key))
    edit(document)
    with pytest.raises(PackageError, match=cause):
        dsse.parse(canonical_json(document), "here")


def test_only_the_canonical_spelling_is_read(key: KeyPair) -> None:
    data = dsse.sign(PAYLOAD, key)
    assert base64.b64encode(PAYLOAD) in data
    loose = json.dumps(json.loads(data)).encode()
    doubled = data.replace(b'{"payload"', b'{"payload":"","payload"', 1)
    for other in (loose, doubled, data + b"\n", b"", b"\xff", b"null", data[:-1]):
        with pytest.raises(PackageError):
            dsse.parse(other, "here")
