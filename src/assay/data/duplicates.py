"""Exact and near duplicates: MinHash proposes (datasketch), exact Jaccard similarity decides."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

from assay.data.clean import normalised
from assay.errors import DataError

PERMUTATIONS = 128
MISS = 1e-6  # accepted probability that a pair exactly at the threshold is not proposed
LOWEST = 0.2  # similarity below which that cannot be had, and unrelated texts resemble each other


class Fingerprint:
    """What two texts are compared by; the costly parts are computed when first asked for."""

    def __init__(self, text: str) -> None:
        self.key = normalised(text)

    @cached_property
    def shingles(self) -> frozenset[str]:
        """Words and pairs of neighbouring words: fine enough for texts of five words."""
        words = self.key.split(" ")
        return frozenset(words) | {f"{a} {b}" for a, b in pairwise(words)}

    @cached_property
    def sketch(self) -> Any:
        """The MinHash of the shingles."""
        sketch = _blank().copy()
        sketch.update_batch([shingle.encode("utf-8") for shingle in self.shingles])
        return sketch


@lru_cache(maxsize=1)
def _blank() -> Any:
    """An empty MinHash; copies share its permutations, which are costly to draw."""
    from datasketch import MinHash

    return MinHash(num_perm=PERMUTATIONS, seed=1)


def jaccard(one: Fingerprint, other: Fingerprint) -> float:
    """Shared shingles over all shingles, in [0, 1]."""
    a, b = one.shingles, other.shingles
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared)


@dataclass(frozen=True, slots=True)
class Match:
    """An earlier text that a text repeats: its position, and how alike the two are."""

    position: int
    similarity: float
    exact: bool  # the same after normalisation


class Index:
    """Texts seen so far; finds the first one that a new text repeats.

    ``threshold`` is the least Jaccard similarity of a near duplicate; None finds exact ones only.
    """

    def __init__(self, threshold: float | None) -> None:
        self._threshold = threshold
        self._exact: dict[str, int] = {}
        self._seen: list[Fingerprint] = []
        self._lsh: Any = None
        if threshold is not None:
            from datasketch import MinHashLSH

            self._lsh = MinHashLSH(num_perm=PERMUTATIONS, params=bands(threshold))

    def __len__(self) -> int:
        return len(self._seen)

    def find(self, text: Fingerprint) -> Match | None:
        """The earliest exact repeat, else the earliest near one, else None."""
        position = self._exact.get(text.key)
        if position is not None:
            return Match(position, 1.0, True)
        if self._threshold is None:
            return None
        for position in sorted(self._lsh.query(text.sketch)):
            similarity = jaccard(text, self._seen[position])
            if similarity >= self._threshold:
                return Match(position, similarity, False)
        return None

    def add(self, text: Fingerprint) -> None:
        """Remember ``text`` under the next position."""
        position = len(self._seen)
        self._seen.append(text)
        self._exact.setdefault(text.key, position)
        if self._lsh is not None:
            self._lsh.insert(position, text.sketch, check_duplication=False)


def bands(threshold: float) -> tuple[int, int]:
    """(bands, rows a band) of locality-sensitive hashing that miss a pair at ``threshold`` at most
    once in a million: the longest bands, hence the fewest candidates, that keep to that.

    A pair of similarity s is proposed with probability 1 - (1 - s^rows)^bands (Leskovec, Rajaraman,
    Ullman, Mining of Massive Datasets, section 3.4). Raises ``DataError`` below ``LOWEST``.
    """
    if threshold < LOWEST:
        raise DataError(
            f"a similarity of {threshold:g} makes duplicates of unrelated rows",
            f"Set data.near_duplicates and data.leakage to at least {LOWEST}; null: only exact.",
        )
    fit = [
        (PERMUTATIONS // rows, rows)
        for rows in range(1, 17)
        if (1 - threshold**rows) ** (PERMUTATIONS // rows) <= MISS
    ]
    return fit[-1]
