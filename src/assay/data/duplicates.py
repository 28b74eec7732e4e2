"""Exact and near duplicates: texts that are the same, or share most words and pairs of words."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, pairwise

import numpy as np

from assay.data.similar import Ints, Join, Sets
from assay.errors import DataError
from assay.observability.progress import Task

LOWEST = 0.2  # similarity that unrelated texts have
STEP = 1 << 16  # texts between two moves of the bar


@dataclass(frozen=True, slots=True)
class Match:
    """An earlier text that a text repeats: its position, and how alike the two are.

    The similarity is that of Jaccard: shared shingles over all shingles. A text's shingles are its
    words and pairs of neighbouring words: fine enough for texts of five words.
    """

    position: int
    similarity: float
    exact: bool  # the same after normalisation


def repeated_within(keys: Sequence[str], threshold: float | None, bar: Task) -> dict[int, Match]:
    """Positions of texts that repeat an earlier one which does not itself repeat one.

    Each comes with its earliest exact repeat, else its earliest near one. ``keys`` are texts as
    ``clean.normalised`` leaves them; ``threshold`` is the least similarity of a near duplicate,
    None finds exact ones only. What is found is what comparing all with all finds. ``bar`` moves by
    one for each text. Raises ``DataError`` for a threshold below ``LOWEST``.
    """
    _require_sensible(threshold)
    first = _first_places(keys)
    near: dict[int, Match] = {}
    if threshold is None:
        bar.advance(len(first))
    else:
        near = _near_within(list(first), list(first.values()), threshold, bar)
    bar.advance(len(keys) - len(first))
    found: dict[int, Match] = {}
    for position, key in enumerate(keys):
        earlier = first[key]
        if earlier in near:  # and so the same text later
            found[position] = near[earlier]
        elif earlier != position:
            found[position] = Match(earlier, 1.0, True)
    return found


def repeated_among(
    keys: Sequence[str], held: Sequence[str], threshold: float | None, bar: Task
) -> dict[int, Match]:
    """Positions in ``keys`` of texts that repeat one of ``held``; a match's position is in there.

    Otherwise like ``repeated_within``; ``bar`` moves by one for each text of both.
    """
    _require_sensible(threshold)
    there, here = _first_places(held), _first_places(keys)
    found = {key: Match(there[key], 1.0, True) for key in here if key in there}
    rest = [key for key in here if key not in found]
    if threshold is None:
        bar.advance(len(there) + len(rest))
    else:
        near = _near_among(rest, list(there), list(there.values()), threshold, bar)
        found |= {rest[place]: match for place, match in near.items()}
    bar.advance(len(keys) + len(held) - len(there) - len(rest))
    return {position: found[key] for position, key in enumerate(keys) if key in found}


def _require_sensible(threshold: float | None) -> None:
    if threshold is not None and threshold < LOWEST:
        raise DataError(
            f"a similarity of {threshold:g} makes duplicates of unrelated rows",
            f"Set data.near_duplicates and data.leakage to at least {LOWEST}; null: only exact.",
        )


def _first_places(keys: Sequence[str]) -> dict[str, int]:
    first: dict[str, int] = {}
    for position, key in enumerate(keys):
        first.setdefault(key, position)
    return first


# -- near ones, among texts that all differ ------------------------------------------------


def _near_within(
    keys: Sequence[str], positions: Sequence[int], threshold: float, bar: Task
) -> dict[int, Match]:
    """What text at which position nearly repeats which."""
    sets = _shingled(keys, bar, 0.5)
    places, head = np.arange(len(keys)), _heads(sets)
    distinct = places[head == places]
    bar.advance((len(keys) - len(distinct)) / 2)
    found = Join(sets, threshold).earliest_kept(distinct, bar, 0.5)[head]
    found = np.minimum(found, head)  # where nothing is similar, an equal set may be
    near = np.flatnonzero(found < places)
    return _matches(sets, near, found[near], positions, positions)


def _near_among(
    keys: Sequence[str], held: Sequence[str], there: Sequence[int], threshold: float, bar: Task
) -> dict[int, Match]:
    """Which of ``keys`` nearly repeats what at which position."""
    sets = _shingled([*held, *keys], bar, 0.5)
    places, head = np.arange(len(sets.sizes)), _heads(sets)
    index = np.flatnonzero((head == places)[: len(held)])
    found = np.minimum(places, len(held))  # an equal set, where there is one
    join, queries = Join(sets, threshold), np.unique(head[len(held) :])
    for some in np.array_split(queries, 1 + len(queries) // STEP):
        join.earliest(index, some, found)
        bar.advance(len(keys) / 2 * len(some) / max(1, len(queries)))
    bar.advance(len(held) / 2)
    found = found[head[len(held) :]]
    near = np.flatnonzero(found < len(held))
    return _matches(sets, near + len(held), found[near], range(-len(held), len(keys)), there)


def _matches(
    sets: Sets, near: Ints, others: Ints, mine: Sequence[int], theirs: Sequence[int]
) -> dict[int, Match]:
    similarities = sets.similarities(near, others).tolist()
    return {
        mine[place]: Match(theirs[other], similarity, False)
        for place, other, similarity in zip(
            near.tolist(), others.tolist(), similarities, strict=True
        )
    }


def _heads(sets: Sets) -> Ints:
    """(sets): the first set that is equal to each."""
    seen: dict[bytes, int] = {}
    bounds = enumerate(pairwise(sets.starts.tolist()))
    members = sets.members
    heads = [seen.setdefault(members[a:b].tobytes(), place) for place, (a, b) in bounds]
    return np.array(heads, np.int64)


def _shingled(keys: Sequence[str], bar: Task, unit: float) -> Sets:
    """The shingles of each text as numbers; ``bar`` moves by ``unit`` a text."""
    number: dict[str, int] = defaultdict(count().__next__)
    words, lengths = array("i"), array("q")
    for start in range(0, len(keys), STEP):
        some = keys[start : start + STEP]
        for key in some:
            split = key.split(" ")
            words.extend(map(number.__getitem__, split))
            lengths.append(len(split))
        bar.advance(unit * len(some))
    word = np.array(words, np.int64)
    owner = np.repeat(np.arange(len(keys)), np.array(lengths, np.int64))
    inside = np.flatnonzero(owner[1:] == owner[:-1])
    pairs = (word[inside] + 1) * len(number) + word[inside + 1]
    return Sets.of(np.append(owner, owner[inside]), np.append(word, pairs), len(keys))
