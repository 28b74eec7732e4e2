"""What may be inside: plain tensors, JSON and text, whatever the name promises."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from assay.errors import PackageError
from assay.packaging import content

GOOD = save({"a": np.ones((2, 3), np.float32), "b": np.zeros(5, np.int8)}, {"format": "pt"})


def check(name: str, data: bytes) -> None:
    content.check(name, len(data), lambda offset, length: data[offset : offset + length], name)


def tensors(header: object, body: bytes = b"") -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(raw).to_bytes(8, "little") + raw + body


def entry(dtype: object = "F32", shape: object = None, span: object = None) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape or [1], "data_offsets": span or [0, 4]}


def test_good_tensors_pass() -> None:
    check("a.safetensors", GOOD)
    check("none.safetensors", save({}))
    check("scalar.safetensors", save({"x": np.array(1.0)}))
    check("empty.safetensors", save({"x": np.zeros((0, 3)), "y": np.ones(2)}))
    check("packed.safetensors", tensors({"q": entry("F4", [8], [0, 4])}, bytes(4)))


@pytest.mark.parametrize("kept", range(len(GOOD)))
def test_truncated_tensors_are_refused_at_every_length(kept: int) -> None:
    with pytest.raises(PackageError):
        check("a.safetensors", GOOD[:kept])


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "0 bytes: empty"),
        (bytes(100), "not a JSON object"),
        (GOOD + b"\0", "padded"),
        (pickle.dumps({"weights": list(range(100))}), "not a safetensors file"),
        (b"PK\3\4" + bytes(200), "not a safetensors file|not a JSON object"),
        (tensors(b"[1, 2, 3]"), "not a JSON object"),
        (tensors(b'{"a": \xff\xff}'), "not UTF-8"),
        (tensors(b'{"a": 1, "a": 2}'), "twice"),
        (tensors({"a": 1}), "broken header"),
        (tensors({"a": entry("PICKLE")}, bytes(4)), "unknown type"),
        (tensors({"a": entry(shape=[2])}, bytes(4)), "does not take"),
        (tensors({"a": entry(shape=[-1])}, bytes(4)), "does not take"),
        (tensors({"a": entry(shape=[True])}, bytes(4)), "does not take"),
        (tensors({"a": entry(span=[-4, 0])}, bytes(4)), "does not take"),
        (tensors({"a": entry(), "b": entry()}, bytes(4)), "overlap"),
        (tensors({"a": entry(span=[4, 8])}, bytes(8)), "gap"),
        (tensors({"a": {**entry(), "more": 1}}, bytes(4)), "broken header"),
        (tensors({"a": entry()}, bytes(3)), "truncated"),
    ],
)
def test_broken_tensors_are_refused(data: bytes, cause: str) -> None:
    with pytest.raises(PackageError, match=cause):
        check("a.safetensors", data)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=4))
def test_nothing_that_passes_is_refused_by_the_library(at: int, patch: bytes) -> None:
    """Our check is at least as strict as the reader that will load the file."""
    data = GOOD[:at] + patch + GOOD[at + len(patch) :]
    try:
        check("a.safetensors", data)
    except PackageError:
        return
    try:
        deserialize(data)
    except SafetensorError as error:
        pytest.fail(f"passed our check, but: {error}")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.json", b'{"a": [1, 2.5, null, "\xc3\xa9"]}\n'),
        ("a.jsonl", b'{"a": 1}\n\n{"b": 2}\n'),
        ("a.jsonl", b""),
        ("a.txt", "naïve 中\r\n\ttab".encode()),
        ("a.md", b""),
    ],
)
def test_good_text_passes(name: str, data: bytes) -> None:
    check(name, data)


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.txt", "a.md"])
@pytest.mark.parametrize(
    ("data", "cause"),
    [
        *((pickle.dumps([1], protocol), "a pickle") for protocol in range(2, 6)),
        (b"PK\3\4 and so on", "ZIP archive"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"\x93NUMPY\1\0", "NumPy"),
        (b"GGUF\3\0\0\0", "GGUF"),
        (b"\x7fELF\2\1\1", "program"),
        ("Grüße".encode("latin-1"), "not UTF-8"),
        (b"a\0b", "control character"),
        (b"\x1b[31mred", "control character"),
    ],
)
def test_content_that_is_no_text_is_refused(name: str, data: bytes, cause: str) -> None:
    with pytest.raises(PackageError, match=cause):
        check(name, data)


class Payload:
    """An old text pickle of this would run a command when loaded."""

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return print, ("pwned",)


@pytest.mark.parametrize(
    ("name", "data", "cause"),
    [
        ("a.json", b"", "not JSON"),
        ("a.json", b'{"a": NaN}', "NaN"),
        ("a.json", b'{"a": 1, "a": 2}', "twice"),
        ("a.json", b"[" * 100_000, "not JSON"),
        ("a.json", pickle.dumps(Payload(), 0), "not JSON"),
        ("a.jsonl", b'{"a": 1}\nhello\n', "line 2"),
    ],
)
def test_json_that_is_refused(name: str, data: bytes, cause: str) -> None:
    with pytest.raises(PackageError, match=cause):
        check(name, data)
