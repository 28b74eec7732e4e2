"""Paired comparison on the same items: bootstrap intervals, the exact McNemar test, wins and losses.

A metric is a ``Statistic``: a function of sums over items. A bootstrap resample is a vector of
counts (how often each item was drawn), so the resampled sums of every metric of every system are
one matrix product with the same counts. Sharing the counts is what makes a difference paired.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, stats

Array = NDArray[np.float64]
Interval = tuple[float, float]

RESAMPLES = 10_000
SEED = 0
CELLS = 1_000_000  # item counts held at once: bounds memory, and fits the processor's cache


@dataclass(frozen=True)
class Statistic:
    """A metric that depends on the items only through sums over them.

    ``columns`` [N, M] (scipy sparse) is what each item adds to M sums; ``combine`` maps sums
    [R, M] to R values of the metric.
    """

    columns: Any
    combine: Callable[[Array], Array]

    @property
    def items(self) -> int:
        """Number of items N."""
        return self.columns.shape[0]

    def value(self) -> float:
        """The metric on the items as they are."""
        return float(self.combine(np.atleast_2d(self.columns.sum(axis=0)))[0])

    def at(self, rows: NDArray[np.intp]) -> Statistic:
        """The same metric on some of the items."""
        return Statistic(self.columns[rows], self.combine)


def mean(values: Array) -> Statistic:
    """The mean of one value an item, [N]."""
    columns = sparse.csr_array(np.column_stack([values, np.ones(len(values))]))
    return Statistic(columns, lambda sums: sums[:, 0] / sums[:, 1])


def bootstrap(
    statistics: Sequence[Statistic], *, resamples: int = RESAMPLES, seed: int = SEED
) -> Array:
    """The bootstrap distribution [S, R] of S statistics of the same N items.

    Resamples are drawn over items, with replacement, and are shared by all statistics (Efron and
    Tibshirani 1993; Koehn 2004 for the paired use). The draw depends on the order of the items:
    sort them by id first to make the result independent of it.
    """
    items = statistics[0].items
    stacked = sparse.hstack([statistic.columns for statistic in statistics]).T.tocsr()
    ends = np.cumsum([statistic.columns.shape[1] for statistic in statistics])
    generator = np.random.default_rng(seed)
    distribution = np.empty((len(statistics), resamples))
    chunk = max(1, CELLS // items)
    for start in range(0, resamples, chunk):
        part = slice(start, min(start + chunk, resamples))
        sums = stacked @ _counts(generator, items, part.stop - part.start)
        for row, (statistic, block) in enumerate(
            zip(statistics, np.split(sums, ends[:-1]), strict=True)
        ):
            distribution[row, part] = statistic.combine(block.T)
    return distribution


def _counts(generator: np.random.Generator, items: int, resamples: int) -> Array:
    """Multinomial counts [items, resamples]: how often each item is in each resample."""
    drawn = generator.integers(0, items, size=(resamples, items), dtype=np.int64)
    cells = drawn * resamples + np.arange(resamples)[:, None]
    counts = np.bincount(cells.ravel(), minlength=items * resamples)
    return counts.reshape(items, resamples).astype(np.float64)


def percentile_interval(samples: Array, point: float, confidence: float) -> Interval:
    """The percentile interval of a bootstrap distribution [R], widened to hold ``point``.

    A biased statistic of few items (macro-F1) can have its own estimate outside the percentiles;
    an interval that excludes the number beside it would mislead.
    """
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(samples, [tail, 1.0 - tail])
    return min(float(low), point), max(float(high), point)


def proportion_interval(samples: Array, values: Array, confidence: float) -> Interval:
    """The percentile interval of a mean of zeros and ones, exact where nothing varies.

    A bootstrap of 500 right answers out of 500 says [1, 1]. The Clopper-Pearson bound says what
    500 items can show: that the true share is at least 0.993.
    """
    if np.ptp(values) > 0:
        return percentile_interval(samples, float(values.mean()), confidence)
    bound = ((1.0 - confidence) / 2.0) ** (1.0 / len(values))
    return (bound, 1.0) if values[0] == 1.0 else (0.0, 1.0 - bound)


def is_binary(values: Array) -> bool:
    """Whether every value is 0 or 1, so that McNemar's test applies."""
    return bool(np.isin(values, (0.0, 1.0)).all())


def wins_and_losses(candidate: Array, base: Array) -> tuple[int, int]:
    """On how many items the candidate is better, and on how many the base is."""
    return int((candidate > base).sum()), int((candidate < base).sum())


def mcnemar(wins: int, losses: int) -> float:
    """Exact two-sided McNemar p-value of ``wins`` against ``losses`` discordant items.

    Under the null hypothesis a discordant item is a fair coin (McNemar 1947, exact form).
    """
    if wins + losses == 0:
        return 1.0
    tail: Any = stats.binom.cdf(min(wins, losses), wins + losses, 0.5)
    return min(1.0, 2.0 * float(tail))


def paired_difference(
    candidate: Statistic, base: Statistic, confidence: float, *, resamples: int = RESAMPLES
) -> tuple[float, Interval]:
    """Candidate minus base on the same items, with its percentile interval."""
    return paired_differences([(candidate, base)], confidence, resamples=resamples)[0]


def paired_differences(
    pairs: Sequence[tuple[Statistic, Statistic]], confidence: float, *, resamples: int = RESAMPLES
) -> list[tuple[float, Interval]]:
    """``paired_difference`` of each pair; those of equally many items share their resamples."""
    groups: dict[int, list[int]] = defaultdict(list)
    for index, (candidate, _) in enumerate(pairs):
        groups[candidate.items].append(index)
    found: list[tuple[float, Interval]] = [(0.0, (0.0, 0.0))] * len(pairs)
    for group in groups.values():
        rows = bootstrap([each for index in group for each in pairs[index]], resamples=resamples)
        for index, ours, theirs in zip(group, rows[::2], rows[1::2], strict=True):
            candidate, base = pairs[index]
            difference = candidate.value() - base.value()
            found[index] = (
                difference,
                percentile_interval(ours - theirs, difference, confidence),
            )
    return found
