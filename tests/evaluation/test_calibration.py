"""ECE, its null, Brier, temperature and Platt scaling, on data whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import _sigmoid_calibration  # pyright: ignore
from sklearn.metrics import brier_score_loss

from assay.errors import DataError
from assay.evaluation import calibration
from assay.evaluation.calibration import ece, ece_null, fit_otherwise, fit_platt, fit_temperature


def calibrated(items: int, seed: int) -> tuple[Any, Any]:
    generator = np.random.default_rng(seed)
    confidence = generator.beta(4, 1, items)
    return confidence, (generator.random(items) < confidence).astype(float)


def logits(items: int, classes: int, seed: int) -> tuple[Any, Any]:
    """Logits whose softmax is the true distribution of the targets."""
    generator = np.random.default_rng(seed)
    scores = 2.0 * generator.standard_normal((items, classes))
    gumbel = generator.gumbel(size=scores.shape)
    return scores, (scores + gumbel).argmax(axis=1)


def test_ece_by_hand() -> None:
    # Two bins of 20: 0.6 claimed and 0.5 held; 0.9 claimed and 1.0 held.
    confidence = np.repeat([0.6, 0.9], 20)
    correct = np.concatenate([np.tile([0.0, 1.0], 10), np.ones(20)])
    bins = calibration.reliability_bins(confidence, correct)
    assert [(b.count, b.accuracy) for b in bins] == [(20, 0.5), (20, 1.0)]
    assert ece(confidence, correct) == pytest.approx(0.1)


@pytest.mark.parametrize(("items", "bins"), [(1, 1), (19, 1), (45, 2), (300, 15), (5000, 15)])
def test_bins_have_equal_mass(items: int, bins: int) -> None:
    counts = [b.count for b in calibration.reliability_bins(*calibrated(items, 0))]
    assert len(counts) == bins
    assert sum(counts) == items
    assert max(counts) - min(counts) <= 1


def test_equal_confidences_share_a_bin() -> None:
    # The spec's trap: a perfectly calibrated model that always says 0.96.
    correct = np.concatenate([np.ones(960), np.zeros(40)])
    confidence = np.full(1000, 0.96)
    assert len(calibration.reliability_bins(confidence, correct)) == 1
    assert ece(confidence, correct) == pytest.approx(0.0, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.2, 0.5, 0.9]), st.booleans()), min_size=1), st.data())
def test_the_order_of_items_does_not_matter(rows: list[tuple[float, bool]], data: Any) -> None:
    shuffled = data.draw(st.permutations(rows))
    one, other = (ece(*np.array(each, dtype=float).T) for each in (rows, shuffled))
    assert one == pytest.approx(other)
    assert 0.0 <= one <= 1.0


def test_null_is_what_calibrated_models_show() -> None:
    below = 0
    for seed in range(80):
        confidence, correct = calibrated(400, seed)
        below += ece(confidence, correct) <= ece_null(confidence, draws=200, seed=seed)
    assert 0.87 <= below / 80 <= 1.0


def test_overconfidence_exceeds_the_null_and_the_null_shrinks() -> None:
    confidence, correct = calibrated(2000, 0)
    overconfident = np.sqrt(confidence)
    assert ece(overconfident, correct) > 2 * ece_null(overconfident)
    assert ece_null(confidence) < ece_null(confidence[:200]) / 2


def test_brier_top_label_is_scikit_learns() -> None:
    confidence, correct = calibrated(500, 1)
    ours = calibration.brier_top_label(confidence, correct).mean()
    assert ours == pytest.approx(brier_score_loss(correct, confidence))


def test_brier_multi_class_by_hand() -> None:
    scores = [tuple(np.log([0.7, 0.2, 0.1])), None]
    values = calibration.brier_multi_class(scores, np.array([0, 2]))
    assert values == pytest.approx([0.3**2 + 0.2**2 + 0.1**2, 1.0])


def test_brier_multi_class_is_scikit_learns() -> None:
    scores, targets = logits(400, 4, 2)
    logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    ours = calibration.brier_multi_class([tuple(row) for row in logs], targets).mean()
    theirs = brier_score_loss(targets, np.exp(logs), scale_by_half=False, labels=[0, 1, 2, 3])
    assert ours == pytest.approx(theirs)


def test_calibrated_logits_need_no_temperature() -> None:
    scores, targets = logits(20_000, 5, 0)
    assert fit_temperature(scores, targets) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("scale", [0.2, 0.5, 3.0, 10.0])
def test_temperature_is_recovered(scale: float) -> None:
    scores, targets = logits(20_000, 5, 1)
    found = fit_temperature(scale * scores, targets)
    assert found == pytest.approx(scale, rel=0.03)
    assert ((scale * scores / found).argmax(axis=1) == scores.argmax(axis=1)).all()


def test_temperature_is_the_minimum_of_a_grid() -> None:
    scores, targets = logits(300, 4, 3)
    scores = 1.7 * scores

    def nll(temperature: float) -> float:
        z = scores / temperature
        log = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        return float(-log[np.arange(len(targets)), targets].mean())

    found = fit_temperature(scores, targets)
    assert nll(found) <= min(nll(t) for t in np.geomspace(0.05, 20, 400)) + 1e-9


def test_temperature_does_not_depend_on_the_offset_of_scores() -> None:
    scores, targets = logits(500, 4, 3)
    shifted = scores + np.random.default_rng(0).normal(size=(500, 1)) * 50
    assert fit_temperature(shifted, targets) == pytest.approx(fit_temperature(scores, targets))


def test_temperature_stays_in_its_bounds() -> None:
    right = np.eye(3)[[0, 1, 2, 0]]
    assert fit_temperature(right, np.array([0, 1, 2, 0])) == pytest.approx(0.05)
    assert fit_temperature(right, np.array([1, 2, 0, 1])) == pytest.approx(20.0)


def test_a_label_of_probability_zero_is_survived() -> None:
    scores = np.log(np.array([[0.9, 0.1, 1.0], [0.2, 0.8, 1.0]]))
    scores[:, 2] = -np.inf
    assert 0.05 <= fit_temperature(scores, np.array([0, 2])) <= 20.0


@pytest.mark.parametrize("scores", [np.empty((0, 3)), np.array([[0.1, np.nan]])])
def test_temperature_needs_numbers(scores: Any) -> None:
    with pytest.raises(DataError, match="temperature"):
        fit_temperature(scores, np.zeros(len(scores), dtype=int))


@settings(max_examples=150, deadline=None)
@given(
    items=st.lists(
        st.tuples(st.sampled_from([-2.0, -1.5, -1.0, -0.5, -0.1]), st.booleans(), st.booleans()),
        min_size=1,
        max_size=12,
    )
)
def test_giving_up_makes_most_items_right(items: list[tuple[float, bool, bool]]) -> None:
    """Against every threshold there is; an item cannot be right as it is and as ``otherwise``."""
    logprobs = np.array([p for p, _, _ in items])
    otherwise = np.array([o for _, o, _ in items])
    right = np.array([r and not o for _, o, r in items])
    below, slope, offset = fit_otherwise(logprobs, right, otherwise)

    def correct(threshold: float) -> int:
        return int(np.where(np.exp(logprobs) < threshold, otherwise, right).sum())

    every = [0.0, *(np.exp(logprobs) + 1e-9).tolist()]
    assert correct(below) == max(map(correct, every))
    fewest = min(t for t in every if correct(t) == correct(below))
    assert (np.exp(logprobs) < below).sum() == (np.exp(logprobs) < fewest).sum()
    given_up = otherwise[np.exp(logprobs) < below]
    if below:
        assert 0 < below <= 1
        sure = 1 / (1 + np.exp(-(slope * logprobs + offset)))
        assert ((sure > 0) & (sure < 1)).all()
        assert given_up.any()


def test_platt_is_scikit_learns() -> None:
    generator = np.random.default_rng(0)
    scores = generator.normal(-8.0, 3.0, 400)
    correct = generator.random(400) < 1 / (1 + np.exp(-(0.9 * scores + 6)))
    slope, offset = fit_platt(scores, correct)
    a, b = _sigmoid_calibration(scores, correct.astype(int))
    assert (slope, offset) == pytest.approx((-a, -b), rel=1e-3)
    assert slope == pytest.approx(0.9, rel=0.3)


@pytest.mark.parametrize("right", [True, False])
def test_platt_is_finite_when_all_agree(right: bool) -> None:
    slope, offset = fit_platt(np.linspace(-3, 0, 50), np.full(50, right))
    confidence = 1 / (1 + np.exp(-(slope * -1.5 + offset)))
    assert confidence == pytest.approx(51 / 52 if right else 1 / 52, abs=1e-3)


def test_platt_of_one_score_is_the_share() -> None:
    slope, offset = fit_platt(np.full(98, -2.0), np.arange(98) < 49)
    assert (slope, offset) == pytest.approx((0.0, 0.0))


@pytest.mark.parametrize("scores", [np.empty(0), np.array([0.1, -np.inf])])
def test_platt_needs_numbers(scores: Any) -> None:
    with pytest.raises(DataError, match="confidence"):
        fit_platt(scores, np.zeros(len(scores), dtype=bool))
