"""The envelope: two signatures, Ed25519 and ML-DSA-65, over one payload; both are required.

Format: DSSE v1 (github.com/secure-systems-lab/dsse). Ed25519 is RFC 8032; ML-DSA-65 is FIPS 204
with a context string, so that a signature made for something else never fits here. Two
signatures, so that a break of either scheme alone forges nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from pydantic import Field

from assay.errors import PackageError
from assay.files import canonical_json
from assay.packaging.archive import REFETCH
from assay.packaging.fields import Strict, parse_canonical
from assay.packaging.keys import KeyPair, PublicKey

PAYLOAD_TYPE = "application/vnd.assay.tgsp+json"
CONTEXT = b"assay.tgsp.v1"
ALGORITHMS = ("ed25519", "ml-dsa-65")


@dataclass(frozen=True)
class Envelope:
    """A payload, the id of the key said to have signed it, and a signature per algorithm."""

    payload: bytes
    key_id: str
    signatures: dict[str, bytes]


class _Signature(Strict):
    keyid: str = Field(max_length=200, description="'<algorithm>:<key id>'")
    sig: str


class _Document(Strict):
    payload: str
    payloadType: str  # noqa: N815 (the standard's spelling)
    signatures: list[_Signature]


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: the bytes that are signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, key: KeyPair) -> bytes:
    """The envelope of ``payload``, as canonical JSON.

    Ed25519 signatures are deterministic. ML-DSA signing is hedged with fresh randomness (FIPS
    204, section 3.4), so two envelopes of one payload differ in that signature.
    """
    message = pae(PAYLOAD_TYPE, payload)
    signatures = {
        "ed25519": key.ed25519.sign(message),
        "ml-dsa-65": key.ml_dsa_65.sign(message, CONTEXT),
    }
    document = {
        "payload": _encode(payload),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [
            {"keyid": f"{algorithm}:{key.public.key_id}", "sig": _encode(signatures[algorithm])}
            for algorithm in ALGORITHMS
        ],
    }
    return canonical_json(document)


def parse(data: bytes, where: str) -> Envelope:
    """The envelope in ``data``, nothing verified.

    Raises ``PackageError`` unless it is canonical, of our payload type, and has exactly the two
    signatures, said to be by one key.
    """
    document = parse_canonical(_Document, data, where, REFETCH)
    if document.payloadType != PAYLOAD_TYPE:
        raise PackageError(f"{where}: payload type {document.payloadType!r} is not ours", REFETCH)
    pairs = [signature.keyid.partition(":") for signature in document.signatures]
    present = tuple(algorithm for algorithm, _, _ in pairs)
    if present != ALGORITHMS:
        missing = [algorithm for algorithm in ALGORITHMS if algorithm not in present]
        raise PackageError(
            f"{where}: "
            + (f"the {' and '.join(missing)} signature is missing" if missing else "odd signatures")
            + f" (found: {', '.join(present) or 'none'}; both of {', '.join(ALGORITHMS)} needed)",
            REFETCH,
        )
    key_ids = {key_id for _, _, key_id in pairs}
    if len(key_ids) != 1:
        raise PackageError(f"{where}: the two signatures name different keys", REFETCH)
    signatures = [_decode(signature.sig, where) for signature in document.signatures]
    payload = _decode(document.payload, where)
    return Envelope(payload, key_ids.pop(), dict(zip(ALGORITHMS, signatures, strict=True)))


def verify(envelope: Envelope, key: PublicKey, where: str) -> None:
    """Raise ``PackageError`` unless both signatures over the payload are by ``key``."""
    message = pae(PAYLOAD_TYPE, envelope.payload)
    checks: dict[str, Callable[[bytes], None]] = {
        "ed25519": lambda sig: key.ed25519_key().verify(sig, message),
        "ml-dsa-65": lambda sig: key.ml_dsa_65_key().verify(sig, message, CONTEXT),
    }
    for algorithm, check in checks.items():
        try:
            check(envelope.signatures[algorithm])
        except InvalidSignature as error:
            raise PackageError(
                f"{where}: the {algorithm} signature does not match: the manifest or the signature"
                f" was altered, or another key than {key.key_id[:16]} ({key.name}) made it",
                REFETCH,
            ) from error


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decode(text: str, where: str) -> bytes:
    """Standard base64 in its one spelling: stray bits in the last character are refused."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PackageError(f"{where}: broken base64 ({error})", REFETCH) from error
    if _encode(data) != text:
        raise PackageError(f"{where}: base64 not in its canonical form", REFETCH)
    return data
