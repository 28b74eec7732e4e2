"""Entities by look-up: the longest run of words that training mostly named, typed as it was there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from assay import files
from assay.data.records import Example
from assay.data.spans import Span, answer_of, spans_of, word_bounds
from assay.evaluation.predictions import Prediction
from assay.evaluation.rungs.card import Card
from assay.observability.progress import Progress

ENTRIES = "dictionary.json"
Words = tuple[str, ...]


class Dictionary:
    """What training named, as word sequences without regard to case, and each one's type."""

    kind = "dictionary"

    def __init__(self, card: Card, entries: dict[Words, str]) -> None:
        self.card = card
        self.entries = entries
        self.longest = max(map(len, entries), default=0)

    @staticmethod
    def fit(card: Card, train: Sequence[Example]) -> Dictionary:
        """Keep the sequences that are an entity at least every other time they are read."""
        types: dict[Words, Counter[str]] = defaultdict(Counter)
        for example in train:
            for span in spans_of(example.target):
                types[_words(example.text[span.start : span.end])][span.type] += 1
        longest = max(map(len, types), default=0)
        read: Counter[Words] = Counter()
        for example in train:
            words = _words(example.text)
            for first in range(len(words)):
                read.update(words[first:last] for last in _lasts(first, len(words), longest))
        kept = {
            words: min(named, key=lambda kind: (-named[kind], kind))
            for words, named in types.items()
            if 2 * named.total() >= read[words]
        }
        return Dictionary(card, kept)

    def predict(self, examples: Sequence[Example], progress: Progress) -> list[Prediction]:
        """The entities of each example, longest first from the left; without a confidence."""
        del progress
        answers = [answer_of(example.text, self._found(example.text)) for example in examples]
        return [
            Prediction(example.id, answer, answer, True, None)
            for example, answer in zip(examples, answers, strict=True)
        ]

    def _found(self, text: str) -> list[Span]:
        bounds, words = word_bounds(text), _words(text)
        found: list[Span] = []
        first = 0
        while first < len(words):
            lasts = [
                last
                for last in _lasts(first, len(words), self.longest)
                if words[first:last] in self.entries
            ]
            if lasts:
                kind = self.entries[words[first : lasts[-1]]]
                found.append(Span(bounds[first][0], bounds[lasts[-1] - 1][1], kind))
            first = lasts[-1] if lasts else first + 1
        return found

    def save(self, folder: Path) -> None:
        """Write card and entries."""
        self.card.write(folder)
        rows = [[list(words), kind] for words, kind in sorted(self.entries.items())]
        files.write_json(folder / ENTRIES, rows)

    @staticmethod
    def load(folder: Path, card: Card) -> Dictionary:
        """The inverse of ``save``."""
        rows: list[tuple[list[str], str]] = files.read_json(folder / ENTRIES)
        return Dictionary(card, {tuple(words): kind for words, kind in rows})


def _words(text: str) -> Words:
    return tuple(text[start:end].casefold() for start, end in word_bounds(text))


def _lasts(first: int, count: int, longest: int) -> range:
    """Where a run of words from ``first`` may end."""
    return range(first + 1, min(first + longest, count) + 1)
