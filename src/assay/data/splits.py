"""Which rows go where: splits cut by a hash of the content, and subsets drawn evenly over classes.

Nothing here depends on the order of the rows or on the machine: a row stays on its side when
others are added, removed or shuffled.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

from assay.data.rows import Draft

Key = Callable[[Draft], str]


def unit(text: str, seed: int) -> float:
    """A number in [0, 1) from SHA-256 of the seed and the text."""
    digest = hashlib.sha256(f"{seed}:{text}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def cut(
    rows: Sequence[Draft], shares: Mapping[str, float], seed: int, kind: Key | None
) -> dict[str, list[Draft]]:
    """Partition ``rows`` into ``train`` and one part for each share, in the rows' order.

    Same content, same part. ``kind`` names a row's class: a class that would be left without a
    training row stays in train altogether, because nothing can be learnt about it otherwise.
    """
    homes = [_home(draft, shares, seed) for draft in rows]
    if kind is not None:
        learnt = {kind(draft) for draft, home in zip(rows, homes, strict=True) if home == "train"}
        homes = [
            home if kind(draft) in learnt else "train"
            for draft, home in zip(rows, homes, strict=True)
        ]
    parts: dict[str, list[Draft]] = {"train": [], **{name: [] for name in shares}}
    for draft, home in zip(rows, homes, strict=True):
        parts[home].append(draft)
    return parts


def _home(draft: Draft, shares: Mapping[str, float], seed: int) -> str:
    place, bound = unit(draft.key, seed), 0.0
    for name, share in shares.items():
        bound += share
        if place < bound:
            return name
    return "train"


def subset(
    rows: Sequence[Draft], limit: int | None, seed: int, kinds: Sequence[Key]
) -> list[Draft]:
    """At most ``limit`` rows, in the rows' order, drawn evenly over the values of ``kinds[0]``,
    within each of those evenly over ``kinds[1]``, and so on; which ones is fixed by their content.
    """
    if limit is None or len(rows) <= limit:
        return list(rows)
    chosen = set(_evenly(rows, range(len(rows)), seed, kinds)[:limit])
    return [draft for index, draft in enumerate(rows) if index in chosen]


def _evenly(
    rows: Sequence[Draft], indices: Sequence[int], seed: int, kinds: Sequence[Key]
) -> list[int]:
    """``indices`` in an order of which every beginning is spread evenly over the kinds."""
    if not kinds:
        return sorted(indices, key=lambda index: unit("limit " + rows[index].key, seed))
    groups: dict[str, list[int]] = defaultdict(list)
    for index in indices:
        groups[kinds[0](rows[index])].append(index)
    dealt = [
        (turn, unit(kind, seed), index)
        for kind, group in groups.items()
        for turn, index in enumerate(_evenly(rows, group, seed, kinds[1:]))
    ]
    return [index for _, _, index in sorted(dealt)]


def balance(names: Sequence[str]) -> dict[str, int]:
    """How often each name occurs, the commonest first, ties by name."""
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))
