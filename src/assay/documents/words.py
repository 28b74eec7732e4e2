"""Pages with words: each word with its box, where it comes from, and its row in reading order."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

TEXT, OCR, BLANK = "text layer", "OCR", "blank"
OVERLAP = 0.5  # of the lower of two words: they are of one row
TALL = 1.8  # times the usual height: such a word does not say where its row is

Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True)
class Word:
    """A word on a page."""

    text: str
    box: Box  # in the page's units, from its upper left corner
    row: int  # from 0, as a reader goes through the page
    score: float  # that it reads so: 1 for the text layer's, else the engine's own
    source: str  # ``text layer`` or ``OCR``


@dataclass(frozen=True)
class Dropped:
    """A word of the text layer that nobody sees on the page."""

    text: str
    box: Box
    why: tuple[str, ...]  # hidden, unseen, off page, tiny


@dataclass(frozen=True)
class Page:
    """One page, read."""

    number: int  # from 1
    width: float
    height: float
    unit: str  # ``point`` (1/72 inch) or ``dot``
    source: str  # where its words come from: text layer, OCR, or blank
    turned: int = 0  # degrees clockwise that make it upright
    slope: float = 0.0  # degrees that its lines then fall to the right
    language: str = ""  # ISO 639-1, where the text is long enough to tell
    words: tuple[Word, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The words, a row a line."""
        rows: dict[int, list[str]] = {}
        for word in self.words:
            rows.setdefault(word.row, []).append(word.text)
        return "\n".join(" ".join(rows[n]) for n in sorted(rows))


def page_of(saved: dict[str, Any]) -> Page:
    """The inverse of ``asdict``, from JSON."""
    plain: dict[str, Any] = {**saved, "notes": tuple(saved["notes"])}
    plain["words"] = tuple(_word_of(each) for each in saved["words"])
    plain["dropped"] = tuple(
        Dropped(each["text"], _box_of(each["box"]), tuple(each["why"])) for each in saved["dropped"]
    )
    return Page(**plain)


def _word_of(saved: dict[str, Any]) -> Word:
    return Word(saved["text"], _box_of(saved["box"]), saved["row"], saved["score"], saved["source"])


def _box_of(sides: Sequence[float]) -> Box:
    left, top, right, bottom = sides
    return (left, top, right, bottom)


@dataclass(frozen=True)
class Place:
    """Where a word lies once the page is upright and its lines are level."""

    x: float
    y: float
    height: float


def rows_of(places: Sequence[Place]) -> list[int]:
    """The row [W] of every word, from above: words that overlap half of the lower one stand in one.

    A row is measured by its tallest word of usual height, so that neither a comma nor a logo beside
    several rows decides.
    """
    if not places:
        return []
    usual = statistics.median(each.height for each in places)
    found = [0] * len(places)
    row, band = -1, places[0]
    for n in sorted(range(len(places)), key=lambda n: places[n].y):
        one = places[n]
        if row < 0 or _overlap(one, band) < OVERLAP:
            row, band = row + 1, one
        elif band.height < one.height <= TALL * usual or band.height > TALL * usual:
            band = one
        found[n] = row
    return found


def _overlap(one: Place, other: Place) -> float:
    """The share of the lower of two words that the other one stands beside."""
    top = max(one.y - one.height / 2, other.y - other.height / 2)
    bottom = min(one.y + one.height / 2, other.y + other.height / 2)
    return (bottom - top) / max(min(one.height, other.height), 1e-6)


def in_order(places: Sequence[Place]) -> tuple[list[int], list[int]]:
    """The words' places in reading order, and the row of each in that order."""
    rows = rows_of(places)
    order = sorted(range(len(places)), key=lambda n: (rows[n], places[n].x))
    return order, [rows[n] for n in order]
