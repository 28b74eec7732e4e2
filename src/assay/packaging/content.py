"""What a file inside a package may hold: tensors laid out plainly, JSON, or text. Never code.

The checks parse headers and text only; no library that loads models is involved.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any, cast

from assay.errors import PackageError

Read = Callable[[int, int], bytes]

MAX_TEXT = 256 * 2**20
MAX_HEADER = 100_000_000

# Bits an element, from the safetensors format; sub-byte types must fill whole bytes.
DTYPE_BITS = {
    name: bits
    for bits, names in (
        (4, "F4"),
        (6, "F6_E2M3 F6_E3M2"),
        (8, "BOOL U8 I8 F8_E5M2 F8_E4M3 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ"),
        (16, "U16 I16 F16 BF16"),
        (32, "U32 I32 F32"),
        (64, "U64 I64 F64 C64"),
    )
    for name in names.split()
}

_MAGICS = {
    b"\x80": "a pickle",
    b"PK\3\4": "a ZIP archive or a PyTorch pickle",
    b"\x1f\x8b": "a gzip archive",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy file",
    b"GGUF": "a GGUF file",
    b"\x7fELF": "a program",
    b"MZ\x90": "a program",
}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f]")
_REMEDY = "Save tensors as safetensors, everything else as JSON or UTF-8 text, and package again."


class _Fault(Exception):
    """What is wrong with a content, without saying where it is."""


def check(name: str, size: int, read: Read, where: str) -> None:
    """Raise ``PackageError`` unless the content is what the suffix of ``name`` promises.

    ``read(offset, length)`` gives the content's bytes; ``where`` opens the message. A safetensors
    file must have a header whose tensors cover the rest of the file exactly; JSON must parse
    without duplicate keys and NaN; text must be UTF-8 without control characters.
    """
    suffix = PurePosixPath(name).suffix
    try:
        if suffix == ".safetensors":
            _check_safetensors(size, read)
        else:
            _check_text(suffix, size, read)
    except _Fault as fault:
        raise PackageError(f"{where}: {fault}", _REMEDY) from fault


def _check_text(suffix: str, size: int, read: Read) -> None:
    if size > MAX_TEXT:
        raise _Fault(f"{size:,} bytes of text, more than the {MAX_TEXT:,} allowed")
    data = read(0, size)
    for magic, kind in _MAGICS.items():
        if data.startswith(magic):
            raise _Fault(f"the content is {kind}, whatever its name says")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _Fault(f"the content is not UTF-8 text (byte {error.start})") from error
    control = _CONTROL.search(text)
    if control:
        raise _Fault(f"the text holds the control character {control.group()!r}")
    if suffix == ".json":
        _parse_json(text)
    elif suffix == ".jsonl":
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                _parse_json(line, f"line {number}: ")


def _check_safetensors(size: int, read: Read) -> None:
    if size < 10:
        raise _Fault(f"a safetensors file of {size} bytes: empty or truncated")
    length = int.from_bytes(read(0, 8), "little")
    if length > min(MAX_HEADER, size - 8):
        raise _Fault(
            f"not a safetensors file, or truncated: it announces a header of {length:,} bytes"
            f" and has {size - 8:,}"
        )
    raw = read(8, length)
    if not raw.startswith(b"{"):
        raise _Fault("not a safetensors file: its header is not a JSON object")
    try:
        header = cast("dict[str, Any]", _parse_json(raw.decode("utf-8")))
    except UnicodeDecodeError as error:
        raise _Fault("not a safetensors file: its header is not UTF-8") from error
    header.pop("__metadata__", None)
    _check_layout([_span(name, info) for name, info in header.items()], size - 8 - length)


def _span(name: str, info: object) -> tuple[int, int, str]:
    """``(begin, end, name)`` of a tensor whose type, shape and extent agree."""
    match info:
        case {
            "dtype": str(dtype),
            "shape": list(shape),
            "data_offsets": [int(begin), int(end)],
            **rest,
        } if not rest and dtype in DTYPE_BITS:
            axes = cast("list[object]", shape)
        case _:
            raise _Fault(f"tensor {name}: unknown type, or a broken header entry")
    sizes = [axis for axis in axes if type(axis) is int and axis >= 0]
    bits = math.prod(sizes) * DTYPE_BITS[dtype]
    if len(sizes) != len(axes) or begin < 0 or (end - begin) * 8 != bits:
        raise _Fault(f"tensor {name}: {dtype}{axes} does not take bytes {begin} to {end}")
    return begin, end, name


def _check_layout(spans: list[tuple[int, int, str]], size: int) -> None:
    position = 0
    for begin, end, name in sorted(spans):
        if begin != position:
            raise _Fault(f"tensor {name} begins at byte {begin}, not at {position}: gap or overlap")
        position = end
    if position != size:
        raise _Fault(
            f"its tensors take {position:,} bytes and it has {size:,}: truncated or padded"
        )


def _parse_json(text: str, where: str = "") -> object:
    try:
        return json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise _Fault(f"{where}not JSON: {error}") from error


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a JSON number")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key appears twice in one object")
    return value
