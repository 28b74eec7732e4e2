"""Bootstrap, McNemar and intervals against scipy, scikit-learn and hand-made numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from assay.evaluation import compare
from assay.evaluation.compare import bootstrap, mcnemar, mean, paired_difference

bits = st.lists(st.booleans(), min_size=1, max_size=60).map(lambda v: np.array(v, dtype=float))


def draw(share: float, items: int, seed: int) -> Any:
    return (np.random.default_rng(seed).random(items) < share).astype(float)


def test_interval_of_a_mean_agrees_with_scipy() -> None:
    values = np.random.default_rng(0).gamma(2.0, size=300)
    ours = compare.percentile_interval(bootstrap([mean(values)])[0], float(values.mean()), 0.9)
    theirs = stats.bootstrap(
        (values,), np.mean, confidence_level=0.9, method="percentile", rng=1
    ).confidence_interval
    assert ours == pytest.approx(tuple(theirs), abs=0.01)


def test_paired_interval_agrees_with_scipy() -> None:
    base, noise = draw(0.6, 400, 0), draw(0.8, 400, 1)
    candidate = np.maximum(base, noise * draw(0.5, 400, 2))
    difference, interval = paired_difference(mean(candidate), mean(base), 0.95)
    theirs = stats.bootstrap(
        (candidate, base),
        lambda c, b, axis: c.mean(axis=axis) - b.mean(axis=axis),
        paired=True,
        method="percentile",
        vectorized=True,
        rng=1,
    ).confidence_interval
    assert difference == pytest.approx(candidate.mean() - base.mean())
    assert interval == pytest.approx(tuple(theirs), abs=0.005)


def test_pairing_narrows_the_interval_of_systems_that_err_together() -> None:
    base = draw(0.5, 500, 0)
    candidate = np.maximum(base, draw(0.05, 500, 1))
    low, high = paired_difference(mean(candidate), mean(base), 0.95)[1]
    apart = np.sqrt(candidate.var() / 500 + base.var() / 500) * 2 * 1.96
    assert low > 0
    assert high - low < apart / 2


def test_statistics_share_their_resamples() -> None:
    values = draw(0.5, 50, 0)
    one, other, doubled = bootstrap([mean(values), mean(1 - values), mean(2 * values)])
    assert one + other == pytest.approx(1.0)
    assert doubled == pytest.approx(2 * one)


def test_a_resample_is_the_metric_on_the_items_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.array([1.0, 2.0, 4.0, 8.0])
    counts = np.array([[2, 0], [0, 1], [2, 3], [0, 0]], dtype=float)
    monkeypatch.setattr(compare, "_counts", lambda *_: counts)
    assert bootstrap([mean(values)], resamples=2)[0].tolist() == [2.5, 3.5]


def test_chunks_hold_every_resample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "CELLS", 700)
    samples = bootstrap([mean(draw(0.5, 100, 0))], resamples=1_000)[0]
    assert samples.shape == (1_000,)
    assert samples.std() == pytest.approx(0.05, abs=0.005)


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(150):
        values = draw(0.7, 120, seed)
        samples = bootstrap([mean(values)], resamples=500, seed=seed)[0]
        low, high = compare.percentile_interval(samples, float(values.mean()), 0.9)
        hits += low <= 0.7 <= high
    assert 0.83 <= hits / 150 <= 0.97


@settings(max_examples=40, deadline=None)
@given(values=bits, confidence=st.floats(0.51, 0.999))
def test_interval_contains_the_estimate(values: Any, confidence: float) -> None:
    samples = bootstrap([mean(values)], resamples=200)[0]
    low, high = compare.proportion_interval(samples, values, confidence)
    assert 0.0 <= low <= values.mean() <= high <= 1.0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_swapping_the_systems_negates(pairs: list[tuple[bool, bool]]) -> None:
    ours, theirs = np.array(pairs, dtype=float).T
    difference, (low, high) = paired_difference(mean(ours), mean(theirs), 0.95, resamples=200)
    swapped, (other_low, other_high) = paired_difference(
        mean(theirs), mean(ours), 0.95, resamples=200
    )
    assert swapped == -difference
    assert (other_low, other_high) == pytest.approx((-high, -low))


def test_an_estimate_outside_the_percentiles_widens_the_interval() -> None:
    samples = np.linspace(0.2, 0.4, 101)
    assert compare.percentile_interval(samples, 0.3, 0.9) == pytest.approx((0.21, 0.39))
    assert compare.percentile_interval(samples, 0.5, 0.9) == pytest.approx((0.21, 0.5))
    assert compare.percentile_interval(samples, 0.1, 0.9) == pytest.approx((0.1, 0.39))


def test_a_perfect_score_is_not_certain() -> None:
    perfect = np.ones(500)
    samples = bootstrap([mean(perfect)], resamples=100)[0]
    low, high = compare.proportion_interval(samples, perfect, 0.95)
    exact = stats.binomtest(500, 500).proportion_ci(0.95, method="exact")
    assert (low, high) == pytest.approx((exact.low, exact.high))
    low, high = compare.proportion_interval(1 - samples, 1 - perfect, 0.95)
    assert (low, high) == pytest.approx((1 - exact.high, 1 - exact.low))


@pytest.mark.parametrize(
    ("wins", "losses", "p"), [(0, 0, 1.0), (10, 0, 2 / 2**10), (5, 5, 1.0), (1, 3, 10 / 16)]
)
def test_mcnemar_by_hand(wins: int, losses: int, p: float) -> None:
    assert mcnemar(wins, losses) == pytest.approx(p)
    assert mcnemar(losses, wins) == pytest.approx(p)


@given(wins=st.integers(0, 400), losses=st.integers(0, 400))
def test_mcnemar_is_the_binomial_test(wins: int, losses: int) -> None:
    if wins + losses:
        expected = stats.binomtest(wins, wins + losses).pvalue
        assert mcnemar(wins, losses) == pytest.approx(expected, rel=1e-9)


def test_wins_losses_and_binary() -> None:
    ours, theirs = np.array([1.0, 1.0, 0.0, 0.5]), np.array([0.0, 1.0, 1.0, 0.0])
    assert compare.wins_and_losses(ours, theirs) == (2, 1)
    assert compare.is_binary(theirs)
    assert not compare.is_binary(ours)


def test_a_subset_of_items() -> None:
    statistic = mean(np.array([0.0, 1.0, 1.0, 0.0])).at(np.array([1, 2, 3]))
    assert statistic.items == 3
    assert statistic.value() == pytest.approx(2 / 3)
