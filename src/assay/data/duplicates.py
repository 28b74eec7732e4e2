"""Exact and near duplicates: MinHash proposes (datasketch), exact Jaccard decides."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

PERMUTATIONS = 64
_WORD = re.compile(r"\w+", re.UNICODE)


def normalised(text: str) -> str:
    """Words only, case folded: texts that differ in punctuation or spaces are the same."""
    return " ".join(_WORD.findall(text.casefold())) or text.strip()


@lru_cache(maxsize=65536)
def shingles(text: str) -> frozenset[str]:
    """Words and pairs of neighbouring words: fine enough for texts of five words."""
    words = normalised(text).split(" ")
    return frozenset(words) | {f"{a} {b}" for a, b in zip(words, words[1:], strict=False)}


def jaccard(one: str, other: str) -> float:
    """Similarity of two texts' shingles, in [0, 1]."""
    a, b = shingles(one), shingles(other)
    return len(a & b) / len(a | b)


class Index:
    """Texts seen so far, and the first one that a new text resembles."""

    def __init__(self, threshold: float | None) -> None:
        self.threshold = threshold
        self._exact: dict[str, int] = {}
        self._texts: list[str] = []
        self._lsh: Any = None
        if threshold is not None and threshold < 1:
            from datasketch import MinHashLSH

            # Ask for a little less than the threshold: exact Jaccard decides afterwards, and a
            # pair that the sketch misses is lost.
            self._lsh = MinHashLSH(threshold=max(0.1, threshold - 0.1), num_perm=PERMUTATIONS)

    def find(self, text: str) -> tuple[int, float] | None:
        """(position, similarity) of an earlier duplicate, or None."""
        exact = self._exact.get(normalised(text))
        if exact is not None:
            return exact, 1.0
        if self._lsh is None or self.threshold is None:
            return None
        for key in sorted(self._lsh.query(_sketch(text)), key=int):
            similarity = jaccard(text, self._texts[int(key)])
            if similarity >= self.threshold:
                return int(key), similarity
        return None

    def add(self, text: str) -> None:
        """Remember a text under the next position."""
        position = len(self._texts)
        self._texts.append(text)
        self._exact.setdefault(normalised(text), position)
        if self._lsh is not None:
            self._lsh.insert(str(position), _sketch(text), check_duplication=False)


@lru_cache(maxsize=4096)
def _sketch(text: str) -> Any:
    from datasketch import MinHash

    sketch = MinHash(num_perm=PERMUTATIONS, seed=1)
    sketch.update_batch([shingle.encode("utf-8") for shingle in shingles(text)])
    return sketch


def first_of_each(texts: Sequence[str], threshold: float | None) -> list[tuple[int, float] | None]:
    """For each text the earlier one it duplicates (position, similarity), or None if it is new."""
    index = Index(threshold)
    kept: list[int] = []
    found: list[tuple[int, float] | None] = []
    for position, text in enumerate(texts):
        hit = index.find(text)
        if hit is None:
            index.add(text)
            kept.append(position)
            found.append(None)
        else:
            found.append((kept[hit[0]], hit[1]))
    return found
