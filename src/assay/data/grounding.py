"""Grounded answers: each free string of a JSON answer is a run of words of the input, as written.

A model that may only copy cannot invent a name. The rule is a JSON Schema made for one input, so
the same schema constrains the decoder, checks what was decoded, and checks the data.
"""

from __future__ import annotations

import re
from typing import Any

MOST_WORDS = 24  # of one string; the runs of a text grow with this times its length
FIXED = {"enum", "const", "pattern", "format"}  # a string with one of these is not free
DATA = {"enum", "const", "default", "examples"}  # keywords that hold data, not schemas
NAMED = {
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
}  # of schemas
WORD = re.compile(r"\w+|[^\w\s]")


def runs(text: str) -> list[str]:
    """Every run of one to ``MOST_WORDS`` words and punctuation marks of ``text``, sorted."""
    words = [word.span() for word in WORD.finditer(text)]
    found = {
        text[start : words[last][1]]
        for first, (start, _) in enumerate(words)
        for last in range(first, min(first + MOST_WORDS, len(words)))
    }
    return sorted(found)


def grounded_schema(schema: dict[str, Any], text: str) -> dict[str, Any]:
    """``schema`` with each free string held to the runs of ``text``.

    A string with an enumeration, pattern or format of its own stays as it is, and so does a place
    with no ``type``: it may hold anything.
    """
    pieces = runs(text)
    shared: dict[str, Any] = {}

    def walk(node: Any) -> Any:
        if isinstance(node, list):
            return [walk(item) for item in node]  # pyright: ignore[reportUnknownVariableType]
        if not isinstance(node, dict):
            return node
        kept: dict[str, Any] = {}
        for key, value in node.items():  # pyright: ignore[reportUnknownVariableType]
            if key in NAMED:  # its keys are names, whatever they spell
                kept[key] = {name: walk(schema) for name, schema in value.items()}
            else:
                kept[key] = value if key in DATA else walk(value)  # pyright: ignore[reportUnknownArgumentType]
        kinds = kept.get("type")
        if FIXED & kept.keys() or "string" not in (kinds if isinstance(kinds, list) else [kinds]):
            return kept
        least, most = kept.get("minLength", 0), kept.get("maxLength")
        name = f"words-{least}-{most}"
        fitting = [p for p in pieces if least <= len(p) and (most is None or len(p) <= most)]
        shared[name] = {"enum": fitting or [""]}
        copied = {"$ref": f"#/$defs/{name}"}
        if not isinstance(kinds, list):
            return copied
        others: list[Any] = [kind for kind in kinds if kind != "string"]  # pyright: ignore[reportUnknownVariableType]
        return {"anyOf": [copied, {**kept, "type": others}]} if others else copied

    walked: dict[str, Any] = walk(schema)
    return {**walked, "$defs": {**walked.get("$defs", {}), **shared}} if shared else walked


def is_grounded(schema: dict[str, Any], text: str, answer: Any) -> bool:
    """Whether a JSON ``answer`` that is valid under ``schema`` is also grounded in ``text``."""
    if all(_is_run(piece, text) for piece in _strings(answer)):
        return True
    from jsonschema import Draft202012Validator  # decides which of the others are free

    return Draft202012Validator(grounded_schema(schema, text)).is_valid(answer)


def _is_run(piece: str, text: str) -> bool:
    """Whether ``piece`` is surely one of ``runs(text)``, found without listing them."""
    words = len(WORD.findall(piece))
    if not 0 < words <= MOST_WORDS or piece != piece.strip():
        return False
    begins = r"(?<!\w)" if re.match(r"\w", piece[0]) else ""
    ends = r"(?!\w)" if re.match(r"\w", piece[-1]) else ""
    return re.search(begins + re.escape(piece) + ends, text) is not None


def _strings(value: Any) -> list[str]:
    """Every string in a JSON value, keys left out."""
    if isinstance(value, str):
        return [value]
    parts: list[Any] = []
    if isinstance(value, dict):
        parts = list(value.values())  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
    elif isinstance(value, list):
        parts = value  # pyright: ignore[reportUnknownVariableType]
    return [text for part in parts for text in _strings(part)]
