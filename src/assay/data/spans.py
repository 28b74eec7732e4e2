"""Entities of a text: typed spans, as an answer writes them and as tags of the text's words.

An answer is a JSON list in the order of the text, ``[{"type":"person","text":"Ann Lee","start":4}]``
with ``start`` in characters. A language model writes it without ``start``, which follows from the
order; a tagger gives each word one of the tags ``O``, ``B-type`` and ``I-type`` (IOB2, Ramshaw and
Marcus 1995, W95-0107).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from assay.data.grounding import WORD
from assay.errors import DataError

OUTSIDE = "O"
Bounds = tuple[int, int]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The characters ``start`` to ``end`` (excluded) of a text, and what they name."""

    start: int
    end: int
    type: str


def word_bounds(text: str) -> list[Bounds]:
    """Start and end of every word and punctuation mark."""
    return [word.span() for word in WORD.finditer(text)]


# -- answers -------------------------------------------------------------------------------


def answer_of(text: str, spans: Iterable[Span]) -> str:
    """The answer that names the spans of ``text``."""
    return _compact(
        [{"type": s.type, "text": text[s.start : s.end], "start": s.start} for s in sorted(spans)]
    )


def spans_of(answer: str) -> tuple[Span, ...]:
    """The spans that an answer names; raises ``ValueError`` for what is no answer."""
    try:
        return tuple(
            Span(e["start"], e["start"] + len(e["text"]), e["type"]) for e in json.loads(answer)
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a list of entities: {answer[:80]!r}") from error


def spoken(answer: str) -> str:
    """The answer as a language model writes it: without ``start``."""
    return _compact([{"type": e["type"], "text": e["text"]} for e in json.loads(answer)])


def located(text: str, pieces: Iterable[tuple[str, str]]) -> list[Span] | None:
    """Where the (type, words) of a spoken answer stand in ``text``; None if one does not.

    Each is looked for after the one before it, then anywhere that is still free; whole words only.
    A name that is an entity only the second time it is read is placed at the first.
    """
    bounds = word_bounds(text)
    taken: list[Span] = []
    for kind, piece in pieces:
        start = _place(text, piece, bounds, taken)
        if start is None:
            return None
        taken.append(Span(start, start + len(piece), kind))
    return taken


def _place(text: str, piece: str, bounds: Sequence[Bounds], taken: Sequence[Span]) -> int | None:
    """Where ``piece`` stands as whole words that are free: after the last taken, else anywhere."""
    begins, ends = {start for start, _ in bounds}, {end for _, end in bounds}
    free: list[int] = []
    at = text.find(piece) if piece else -1
    while at >= 0:
        end = at + len(piece)
        if at in begins and end in ends and not _overlaps(taken, at, end):
            free.append(at)
        at = text.find(piece, at + 1)
    after = taken[-1].end if taken else 0
    return next((at for at in free if at >= after), free[0] if free else None)


def _overlaps(spans: Sequence[Span], start: int, end: int) -> bool:
    return any(span.start < end and start < span.end for span in spans)


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


# -- tags ----------------------------------------------------------------------------------


def tag_names(types: Sequence[str]) -> list[str]:
    """``O``, then ``B-`` and ``I-`` of each type."""
    return [OUTSIDE, *(f"{part}-{kind}" for kind in types for part in "BI")]


def tags_of(bounds: Sequence[Bounds], spans: Iterable[Span]) -> list[str]:
    """The tag of every word; one that a span covers in part belongs to it."""
    tags = [OUTSIDE] * len(bounds)
    for span in spans:
        inside = [
            i for i, (start, end) in enumerate(bounds) if start < span.end and span.start < end
        ]
        for number, i in enumerate(inside):
            tags[i] = f"{'I' if number else 'B'}-{span.type}"
    return tags


def tagged(bounds: Sequence[Bounds], tags: Sequence[str]) -> list[Span]:
    """The spans that tags of words (or tokens) name.

    Read as CoNLL's scorer reads them: an ``I-`` that continues nothing begins an entity, so that
    IOB1 is read rightly too. Raises ``ValueError`` for another kind of tag.
    """
    found: list[Span] = []
    open_type: str | None = None
    for (start, end), tag in zip(bounds, tags, strict=True):
        part, _, kind = tag.partition("-")
        if tag == OUTSIDE:
            open_type = None
            continue
        if part not in ("B", "I") or not kind:
            raise ValueError(tag)
        if part == "I" and kind == open_type:
            found[-1] = Span(found[-1].start, end, kind)
        else:
            found.append(Span(start, end, kind))
        open_type = kind
    return found


# -- rows of data --------------------------------------------------------------------------


def from_tokens(tokens: Sequence[str], tags: Any, where: str) -> tuple[str, list[Span]]:
    """The text of tokens with a space between any two, and what their tags name.

    Raises ``DataError`` naming the row for tags that are not one of IOB for every token.
    """
    if not isinstance(tags, list) or len(tags) != len(tokens):  # pyright: ignore[reportUnknownArgumentType]
        count = len(tags) if isinstance(tags, list) else "no list of"  # pyright: ignore[reportUnknownArgumentType]
        raise DataError(
            f"{where}: {len(tokens)} tokens with {count} tags", "Give each its own tag."
        )
    bounds: list[Bounds] = []
    at = 0
    for token in tokens:
        bounds.append((at, at + len(token)))
        at += len(token) + 1
    try:
        return " ".join(tokens), tagged(bounds, [str(tag) for tag in tags])  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    except ValueError as error:
        raise DataError(
            f'{where}: the tag "{error}" is not O, B-type or I-type',
            "Write the tags in IOB; a number stands for a name that the data set's card lists.",
        ) from error


def from_entities(text: str, entities: Any, where: str) -> list[Span]:
    """What a row lists: ``type`` (or ``label``) with ``start`` and ``end``, or with ``text``.

    Raises ``DataError`` naming the row for an entity that is not in the text, is not what its
    offsets say, or overlaps another.
    """
    if not isinstance(entities, list):
        raise DataError(
            f"{where}: the entities are {type(entities).__name__}, not a list",
            'Give [{"type": …, "start": …, "end": …}, …], or tokens and their tags as two lists.',
        )
    spans: list[Span] = []
    for number, entity in enumerate(entities, start=1):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        spans.append(_span(text, entity, spans, f"{where}: entity {number}"))
    return sorted(spans)


def _span(text: str, entity: Any, before: Sequence[Span], where: str) -> Span:
    kind = entity.get("type", entity.get("label")) if isinstance(entity, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if not isinstance(kind, str) or not kind.strip():
        raise DataError(f"{where} is {str(entity)[:80]}: it has no type", "Give it one.")  # pyright: ignore[reportUnknownArgumentType]
    start, end, said = entity.get("start"), entity.get("end"), entity.get("text")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if start is None and isinstance(said, str):
        start = _place(text, said, word_bounds(text), before)
    if end is None and isinstance(said, str) and isinstance(start, int):
        end = start + len(said)
    if not (isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(text)):
        raise DataError(
            f"{where} ({kind}) is not in the text: {str(entity)[:80]}",  # pyright: ignore[reportUnknownArgumentType]
            f"The text has {len(text)} characters; start counts from 0, end is one past the last.",
        )
    if isinstance(said, str) and text[start:end] != said:
        raise DataError(
            f'{where} ({kind}) says "{said[:60]}", its offsets say "{text[start:end][:60]}"',
            "Offsets count characters, not bytes, of the text as it stands in the row.",
        )
    if _overlaps(before, start, end):
        raise DataError(
            f'{where} ({kind}, "{text[start:end][:60]}") overlaps another',
            "A word has one tag: keep the longer of the two.",
        )
    return Span(start, end, kind.strip())
