"""Grounded answers: each free string of a JSON answer is a run of words of the input, as written.

A model that may only copy cannot invent a name. The rule is a JSON Schema made for one input, so
the same schema constrains the decoder and checks what was decoded. Rows of data, of which there are
many, are held to the same rule by one schema for all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
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
        if not _is_free(kept):
            return kept
        least, most = _lengths(kept)
        name = f"words-{least}-{most}"
        shared[name] = {"enum": [p for p in pieces if _fits(p, least, most)] or [""]}
        copied = {"$ref": f"#/$defs/{name}"}
        if not isinstance(kinds, list):
            return copied
        others: list[Any] = [kind for kind in kinds if kind != "string"]  # pyright: ignore[reportUnknownVariableType]
        return {"anyOf": [copied, {**kept, "type": others}]} if others else copied

    walked: dict[str, Any] = walk(schema)
    return {**walked, "$defs": {**walked.get("$defs", {}), **shared}} if shared else walked


def _is_free(node: dict[str, Any]) -> bool:
    """Whether the schema is of a string and says nothing of which."""
    kinds = node.get("type")
    return "string" in (kinds if isinstance(kinds, list) else [kinds]) and not FIXED & node.keys()


def _lengths(node: dict[str, Any]) -> tuple[int, int | None]:
    return node.get("minLength", 0), node.get("maxLength")


def _fits(piece: str, least: int, most: int | None) -> bool:
    return least <= len(piece) and (most is None or len(piece) <= most)


def grounding(schema: dict[str, Any]) -> Callable[[str, Any], bool]:
    """Whether a JSON answer is valid under ``schema`` and grounded in a text: of (text, answer).

    What ``grounded_schema`` says with a schema for each text, this says with one for all. Not for
    several threads at once.
    """
    from jsonschema import Draft202012Validator, ValidationError
    from jsonschema.validators import extend

    text = ""
    of_type: Any = Draft202012Validator.VALIDATORS["type"]

    def of_type_and_copied(
        validator: Any, kinds: Any, value: Any, node: dict[str, Any]
    ) -> Iterator[ValidationError]:
        yield from of_type(validator, kinds, value, node)
        if (
            isinstance(value, str)
            and _is_free(node)
            and not _is_copied(value, text, *_lengths(node))
        ):
            yield ValidationError("not words of the text")

    validator = extend(Draft202012Validator, {"type": of_type_and_copied})(schema)

    def is_grounded(said: str, answer: Any) -> bool:
        nonlocal text
        text = said
        return validator.is_valid(answer)

    return is_grounded


def _is_copied(piece: str, text: str, least: int, most: int | None) -> bool:
    """Whether a free string may be ``piece``: a run, or nothing where no run is of that length."""
    if piece:
        return _is_run(piece, text)
    return not any(_fits(run, least, most) for run in runs(text))


def _is_run(piece: str, text: str) -> bool:
    """Whether ``piece`` is one of ``runs(text)``, found without listing them."""
    words = len(WORD.findall(piece))
    if not 0 < words <= MOST_WORDS or piece != piece.strip():
        return False
    begins, ends = _in_word(piece[0]), _in_word(piece[-1])
    at = text.find(piece)
    while at >= 0:
        end = at + len(piece)
        cut_before = begins and at > 0 and _in_word(text[at - 1])
        cut_after = ends and end < len(text) and _in_word(text[end])
        if not cut_before and not cut_after:
            return True
        at = text.find(piece, at + 1)
    return False


def _in_word(character: str) -> bool:
    """What a regular expression calls ``\\w``."""
    return character.isalnum() or character == "_"
