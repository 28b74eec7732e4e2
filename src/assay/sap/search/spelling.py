"""Misspelt words: the known word that was most likely meant, by letters, neighbours and frequency."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from rapidfuzz import process
from rapidfuzz.distance import OSA

SHORTEST = 4  # letters of a word that is set right
LONG = 7  # letters of a word in which two may be wrong


class Spelling:
    """Known words with the texts they occur in, words that are known inside of a term only, and
    words of English, which are no misspellings though no text has them."""

    def __init__(
        self,
        texts: Iterable[str],
        inner: Iterable[str] = (),
        english: Collection[str] = frozenset(),
    ) -> None:
        self._texts: dict[str, set[int]] = {}
        for number, text in enumerate(texts):
            for word in text.split():
                self._texts.setdefault(word, set()).add(number)
        self._inner = frozenset(inner) - self._texts.keys()
        self._words = sorted({*self._texts, *self._inner})
        self.english = english

    def knows(self, word: str) -> bool:
        """Whether the word stands for itself."""
        return word in self._texts

    def right(self, word: str, beside: Sequence[str] = ()) -> str:
        """The word, or what was likely meant: the nearest by edits with swapped neighbours as one.

        Of several that are as near, one that occurs with the words beside it, then the one that
        occurs most. A word that is known inside of a term gives way only to one of the former.
        """
        if len(word) < SHORTEST or not word.isalpha():
            return word
        if word in self._texts or word in self.english:
            return word
        cutoff = 2 if len(word) >= LONG else 1
        near = process.extract(
            word, self._words, scorer=OSA.distance, score_cutoff=cutoff, limit=None
        )
        # Who errs seldom does so in the first letter, so that counts as one more.
        apart = {other: distance + (other[0] != word[0]) for other, distance, _ in near}
        ranked = [
            (distance, -self._shared(other, beside), -self._count(other), other)
            for other, distance in apart.items()
            if 0 < distance <= 2
        ]
        if not ranked:
            return word
        _, shared, _, best = min(ranked)
        return best if shared or word not in self._inner else word

    def _count(self, word: str) -> int:
        return len(self._texts.get(word, ()))

    def _shared(self, word: str, beside: Sequence[str]) -> int:
        """How many texts hold the word and one of those beside it."""
        here = self._texts.get(word, set())
        return sum(len(here & self._texts.get(other, set())) for other in beside)
