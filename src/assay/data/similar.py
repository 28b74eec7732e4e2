"""Which sets share most of their members: an exact similarity join in arrays, rare members first.

Members are put in one order, the rarest first. Two sets whose Jaccard similarity reaches a threshold
share one of their first few members (prefix filter: Chaudhuri, Ganti, Kaushik, ICDE 2006; Bayardo,
Ma, Srikant, WWW 2007), at places that leave enough members after them (positional filter: Xiao et
al., WWW 2008), and their signatures differ in few bits (bitmap filter: Sandes, Teodoro, Melo, 2020).
What passes these is compared member by member: no pair is missed, and none is guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from assay.observability.progress import Task

Ints = NDArray[np.int64]
BUDGET = 1 << 21  # pairs looked at in one go: some 200 MB
LEAF = 64  # sets compared all with all, whatever they share
ALL = 1 << 18  # pairs up to which more sets are
SLACK = 1e-6  # of members: rounding never excludes a pair


@dataclass(frozen=True)
class Sets:
    """Sets, none of them empty: those of set ``n`` are ``members[starts[n]:starts[n + 1]]``."""

    members: NDArray[np.int32]  # (all members), ascending within a set: the rarest first
    starts: Ints  # (sets + 1)

    @classmethod
    def of(cls, owner: Ints, member: Ints, count: int) -> Sets:
        """``count`` sets from pairs of a set and a member, in any order, repeated or not."""
        order = np.argsort(member, kind="stable")
        new = np.diff(member[order], prepend=-1) != 0
        times = np.diff(np.flatnonzero(np.append(new, True)))
        rank = np.empty(len(times), np.int64)
        rank[np.argsort(times, kind="stable")] = np.arange(len(times))
        key = np.empty(len(order), np.int64)
        key[order] = rank[np.cumsum(new) - 1]
        key |= owner << 32
        key.sort()
        key = key[np.diff(key, prepend=-1) != 0]
        starts = np.searchsorted(key, np.arange(count + 1) << 32)
        return cls((key & 0xFFFFFFFF).astype(np.int32), starts)

    @cached_property
    def sizes(self) -> Ints:
        """(sets)"""
        return np.diff(self.starts)

    @cached_property
    def signatures(self) -> NDArray[np.uint64]:
        """(sets, 2): 128 bits, each set if an odd number of members fall on it."""
        made = np.zeros((len(self.sizes), 2), np.uint64)
        for rows in _pieces(self.sizes, BUDGET):
            start, stop = self.starts[rows.start], self.starts[rows.stop]
            mixed = self.members[start:stop].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
            bit = np.uint64(1) << (mixed >> np.uint64(58))
            high = (mixed >> np.uint64(57)) & np.uint64(1)
            offsets = self.starts[rows] - start
            for half in (0, 1):
                chosen = np.where(high == half, bit, np.uint64(0))
                made[rows, half] = np.bitwise_xor.reduceat(chosen, offsets)
        return made

    def first_of(self, sets: Ints, counts: Ints) -> tuple[Ints, Ints]:
        """The first ``counts`` members of each of ``sets``, and its place in ``sets``."""
        owner, at = _spread(counts)
        return self.members[self.starts[sets][owner] + at].astype(np.int64), owner

    def similarities(self, one: Ints, other: Ints) -> NDArray[np.float64]:
        """(pairs): the Jaccard similarity of two sets each, shared members over all members."""
        total = self.sizes[one] + self.sizes[other]
        shared = np.zeros(len(one), np.int64)
        for some in _pieces(total, BUDGET):
            keys: list[Ints] = []
            for sets in (one[some], other[some]):
                member, owner = self.first_of(sets, self.sizes[sets])
                keys.append((owner << 32) | member)
            both = np.sort(np.concatenate(keys))
            twice = both[1:][both[1:] == both[:-1]]
            shared[some] = np.bincount(twice >> 32, minlength=some.stop - some.start)
        return shared / (total - shared)


@dataclass(frozen=True)
class _Postings:
    """The first members of some sets, in groups of equal member, size of set and place in it."""

    sets: Ints  # (entries), ascending within a group
    first: Ints  # (groups + 1): where a group begins
    member: Ints  # (groups), ascending
    shape: Ints  # (groups): stands for size and place


class Join:
    """Finds similar sets that are not equal; ``threshold`` is the least similarity, in (0, 1]."""

    def __init__(self, sets: Sets, threshold: float) -> None:
        self._sets = sets
        self._threshold = threshold
        sizes = np.arange(int(sets.sizes.max(initial=0)) + 1)
        prefix = sizes - np.ceil(threshold * sizes - SLACK).astype(np.int64) + 1
        # n / (n + 1) is the most that unequal sets reach, the smaller having n members
        prefix[sizes < (threshold / (1 - threshold) - SLACK if threshold < 1 else np.inf)] = 0
        present = np.zeros(len(sizes), bool)
        present[sets.sizes] = True
        lengths = np.where(present, prefix, 0)
        self._prefix: Ints = lengths
        self._shapes: Ints = np.cumsum(lengths) - lengths  # of size s at place p: shapes[s] + p
        self._size_of, self._place_of = _spread(lengths)

    def earliest_kept(self, sets: Ints, bar: Task, unit: float) -> Ints:
        """(all sets): the first of ``sets`` that each of them is similar to, among those that are
        themselves similar to none before them; the number of all sets where there is none.

        ``sets`` ascend, and no two are equal. ``bar`` moves by ``unit`` for each of them.
        """
        none = len(self._sets.sizes)
        found = np.full(none, none)

        def settle(some: Ints) -> None:
            """Decide on sets that are similar to none that was kept so far."""
            if len(some) <= LEAF or self._bound(some) <= ALL:
                self._decide(some, found)
                bar.advance(unit * len(some))
                return
            before, after = np.array_split(some, 2)
            settle(before)
            self.earliest(before[found[before] == none], after, found)
            left = after[found[after] == none]
            bar.advance(unit * (len(after) - len(left)))
            settle(left)

        settle(sets)
        return found

    def earliest(self, index: Ints, queries: Ints, found: Ints) -> None:
        """Lower ``found[query]`` to the first set of ``index`` that is similar to the query and
        not equal to it. Only those before ``found[query]`` are looked at. Both lists ascend.
        """
        for query, other in self._similar(index, queries, found):
            np.minimum.at(found, query, other)

    def _decide(self, sets: Ints, found: Ints) -> None:
        """Compare ``sets`` all with all, then go through them in order."""
        count, limit = len(found), np.arange(len(found))
        pairs = [np.stack(pair) for pair in self._similar(sets, sets, limit)]
        if not pairs:
            return
        both = np.concatenate(pairs, axis=1)
        order = np.lexsort((both[1], both[0]))
        for one, other in both[:, order].T.tolist():
            if found[one] == count and found[other] == count:
                found[one] = other

    def _bound(self, sets: Ints) -> int:
        """At most so many pairs of ``sets`` share one of their first members."""
        member, _ = self._sets.first_of(sets, self._prefix[self._sets.sizes[sets]])
        _, counts = np.unique(member, return_counts=True)
        return int(np.dot(counts, counts))

    # -- candidates ------------------------------------------------------------------------

    def _similar(self, index: Ints, queries: Ints, limit: Ints) -> Iterator[tuple[Ints, Ints]]:
        """Pairs (query, set of ``index`` before ``limit[query]``) that are similar.

        The caller may lower ``limit`` between two of them.
        """
        there, here = self._postings(index), self._postings(queries)
        low = np.searchsorted(there.member, here.member, "left")
        counts = np.searchsorted(there.member, here.member, "right") - low
        for groups in _pieces(counts, BUDGET):
            owner, offset = _spread(counts[groups])
            one, other = groups.start + owner, low[groups][owner] + offset
            fits = self._fits(here.shape[one], there.shape[other])
            one, other = one[fits], other[fits]
            for some in _pieces(np.diff(here.first)[one], BUDGET):
                pair, offset = _spread(np.diff(here.first)[one[some]])
                query = here.sets[here.first[one[some]][pair] + offset]
                start = there.first[other[some]][pair]
                stop = there.first[other[some] + 1][pair]
                yield from self._walk(there.sets, query, start, stop, limit)

    def _walk(
        self, others: Ints, query: Ints, start: Ints, stop: Ints, limit: Ints
    ) -> Iterator[tuple[Ints, Ints]]:
        """The similar ones of ``others[start:stop]`` for each query, a few at a time: once one is
        found, those after it need not be looked at.
        """
        width = 1
        while True:
            open_ = np.flatnonzero(start < stop)
            open_ = open_[others[start[open_]] < limit[query[open_]]]
            if not len(open_):
                return
            query, start, stop = query[open_], start[open_], stop[open_]
            counts = np.minimum(stop - start, width)
            for some in _pieces(counts, BUDGET):
                owner, offset = _spread(counts[some])
                pair = query[some][owner], others[start[some][owner] + offset]
                yield from self._verified(*pair, limit)
            start = start + counts
            width = min(width * 8, BUDGET)

    def _verified(self, one: Ints, other: Ints, limit: Ints) -> Iterator[tuple[Ints, Ints]]:
        """The pairs that are similar, each once."""
        sets, sizes = self._sets, self._sets.sizes
        near = np.flatnonzero(other < limit[one])
        one, other = one[near], other[near]
        allowed = sizes[one] + sizes[other]
        allowed -= 2 * self._needed(allowed)
        apart = np.zeros(len(one), np.int64)
        for half in (0, 1):
            bits = sets.signatures[:, half]
            apart += np.bitwise_count(bits[one] ^ bits[other])
        near = np.flatnonzero(apart <= allowed)
        if not len(near):
            return
        pairs = np.unique(one[near] * len(sizes) + other[near])
        one, other = pairs // len(sizes), pairs % len(sizes)
        similar = np.flatnonzero(sets.similarities(one, other) >= self._threshold)
        yield one[similar], other[similar]

    def _needed(self, sizes: Ints) -> Ints:
        """Members that two sets must share, given their sizes together."""
        share = self._threshold / (1 + self._threshold)
        return np.ceil(share * sizes - SLACK).astype(np.int64)

    def _fits(self, one: Ints, other: Ints) -> NDArray[np.bool_]:
        """Whether sets of these shapes can be similar, if theirs is the first member they share."""
        a, b = self._size_of[one], self._size_of[other]
        after = np.minimum(a - self._place_of[one], b - self._place_of[other])
        most = np.where(a == b, a - 1, np.minimum(a, b))  # they are not equal
        return self._needed(a + b) <= np.minimum(after, most)

    def _postings(self, sets: Ints) -> _Postings:
        sizes = self._sets.sizes[sets]
        counts = self._prefix[sizes]
        member, owner = self._sets.first_of(sets, counts)
        place = _spread(counts)[1]
        key = (member << 32) | (self._shapes[sizes][owner] + place)
        order = np.argsort(key, kind="stable")
        key = key[order]
        first = np.flatnonzero(np.diff(key, prepend=-1))
        grouped = key[first]
        return _Postings(
            sets[owner[order]],
            np.append(first, len(key)),
            grouped >> 32,
            grouped & 0xFFFFFFFF,
        )


def _spread(counts: Ints) -> tuple[Ints, Ints]:
    """For counts (2, 0, 3): owners (0, 0, 2, 2, 2) and places (0, 1, 0, 1, 2)."""
    owner = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    return owner, place


def _pieces(counts: Ints, budget: int) -> Iterator[slice]:
    """Slices that together are everything, whose counts add up to ``budget`` or are a single one."""
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + budget, "right")))
        yield slice(start, stop)
        start = stop
