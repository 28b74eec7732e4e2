"""Whether confidences can be believed: ECE with its null, Brier score, and how to repair them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from assay.errors import DataError

Array = NDArray[np.float64]

MAX_BINS = 15
ITEMS_PER_BIN = 20
NULL_DRAWS = 1_000
NULL_LEVEL = 0.95
TEMPERATURES = (0.05, 20.0)


@dataclass(frozen=True)
class Bin:
    """One group of items of similar confidence: what they claim, and what they hold."""

    confidence: float
    accuracy: float
    count: int


@dataclass(frozen=True)
class Calibration:
    """How far the candidate's confidences are from the truth.

    ``ece_null_95`` is the ECE that a perfectly calibrated model with the same confidences stays
    below in 95 of 100 test sets of this size: an ``ece`` under it is no evidence of a fault.
    """

    ece: float
    ece_null_95: float
    brier: float
    brier_kind: str
    bins: tuple[Bin, ...]
    temperature: float


def bin_starts(ordered: Array) -> NDArray[np.intp]:
    """Where each equal-mass bin begins in confidences [N] sorted upwards.

    There are ``min(15, N // 20)`` bins, at least one. Equal confidences share a bin, so the
    result does not depend on the order of the items.
    """
    items = len(ordered)
    wanted = max(1, min(MAX_BINS, items // ITEMS_PER_BIN))
    edges = np.arange(wanted) * items // wanted
    return np.unique(np.searchsorted(ordered, ordered[edges], side="left"))


def reliability_bins(confidence: Array, correct: Array) -> tuple[Bin, ...]:
    """Equal-mass bins of confidences [N] and outcomes [N] (1 right, 0 wrong), lowest first."""
    order = np.argsort(confidence, kind="stable")
    starts = bin_starts(confidence[order])
    counts = np.diff(np.append(starts, len(order)))
    claimed = np.add.reduceat(confidence[order], starts) / counts
    held = np.add.reduceat(correct[order], starts) / counts
    rows = zip(claimed, held, counts, strict=True)
    return tuple(Bin(float(c), float(h), int(n)) for c, h, n in rows)


def ece(confidence: Array, correct: Array) -> float:
    """Expected calibration error, equal-mass bins: mean of \\|accuracy - confidence\\| over items.

    Equal-mass bins have less bias than equal-width ones (Roelofs et al. 2022, arXiv:2012.08668).
    """
    bins = reliability_bins(confidence, correct)
    return sum(b.count * abs(b.accuracy - b.confidence) for b in bins) / len(confidence)


def ece_null(confidence: Array, *, draws: int = NULL_DRAWS, seed: int = 0) -> float:
    """The 95 % quantile of the ECE of a perfectly calibrated model with these confidences [N].

    ECE is biased upwards: with 200 items a perfect model shows about 0.04. Outcomes are drawn
    from the confidences themselves (Vaicenavicius et al. 2019, arXiv:1902.06977).
    """
    ordered = np.sort(confidence)
    starts = bin_starts(ordered)
    claimed = np.add.reduceat(ordered, starts)
    generator = np.random.default_rng(seed)
    values = np.empty(draws)
    for draw in range(draws):
        held = (generator.random(len(ordered)) < ordered).astype(np.float64)
        values[draw] = np.abs(np.add.reduceat(held, starts) - claimed).sum()
    return float(np.quantile(values, NULL_LEVEL)) / len(ordered)


def brier_top_label(confidence: Array, correct: Array) -> Array:
    """Squared error of the confidence in the answer given, for each item: 0 best, 1 worst."""
    return (confidence - correct) ** 2


def brier_multi_class(scores: Sequence[Sequence[float] | None], targets: NDArray[np.intp]) -> Array:
    """Squared error summed over all classes, for each item: 0 best, 2 worst (Brier 1950).

    ``scores`` are log-probabilities over the label set. An item without any (its answer was
    invalid) counts as probability zero everywhere.
    """
    classes = max(len(row) for row in scores if row is not None)
    probabilities = np.zeros((len(scores), classes))
    for item, row in enumerate(scores):
        if row is not None:
            probabilities[item] = np.exp(row)
    probabilities[np.arange(len(scores)), targets] -= 1.0
    return np.square(probabilities).sum(axis=1)


def calibrate(
    confidence: Array, correct: Array, brier: float, brier_kind: str, temperature: float
) -> Calibration:
    """Everything the report shows about calibration."""
    return Calibration(
        ece=ece(confidence, correct),
        ece_null_95=ece_null(confidence),
        brier=brier,
        brier_kind=brier_kind,
        bins=reliability_bins(confidence, correct),
        temperature=temperature,
    )


def fit_temperature(scores: Array, targets: NDArray[np.intp]) -> float:
    """The temperature that minimises the negative log-likelihood of ``targets`` [N].

    ``scores`` [N, K] are logits or log-probabilities; divide them by the temperature. It lies in
    [0.05, 20] and never changes an answer (Guo et al. 2017, arXiv:1706.04599). Fit it on
    validation items, never on test items. Raises ``DataError`` without items or on NaN.
    """
    if len(scores) == 0 or np.isnan(scores).any():
        raise DataError(
            f"a temperature cannot be fitted on scores of shape {list(scores.shape)}"
            + (" that hold NaN" if len(scores) else ""),
            "Give validation items that the specialist can answer.",
        )
    logits = scores - scores.max(axis=1, keepdims=True)
    logits = np.maximum(logits, -1e4)  # a probability of zero has no finite likelihood
    right = logits[np.arange(len(targets)), targets]

    def nll(log_temperature: float) -> float:
        inverse = np.exp(-log_temperature)
        return float(np.mean(special.logsumexp(logits * inverse, axis=1) - right * inverse))

    # The likelihood is concave in 1/T, so there is one minimum between the bounds, or at one.
    found: Any = optimize.minimize_scalar(
        nll, bounds=tuple(np.log(TEMPERATURES)), method="bounded", options={"xatol": 1e-6}
    )
    return float(np.exp(found.x))


def fit_otherwise(
    logprobs: Array, right: NDArray[np.bool_], otherwise: NDArray[np.bool_]
) -> tuple[float, float, float]:
    """Below which probability an answer is more often ``otherwise`` than right.

    ``logprobs`` [N] of the answers, ``right`` whether they are, ``otherwise`` whether the target is the
    label that unsure answers become. Returns the probability that makes most items right (0 where
    none does better, the smallest where several do), and slope and offset of Platt scaling for what
    lies below it.
    """
    order = np.argsort(logprobs, kind="stable")
    gain = np.cumsum(otherwise[order].astype(np.int64) - right[order])  # of giving up 1, 2, … items
    values = logprobs[order]
    apart = np.append(values[1:] > values[:-1], True)  # equally sure answers stay together
    gain = np.where(apart, gain, np.iinfo(np.int64).min)
    best = int(gain.argmax())
    if gain[best] <= 0:
        return 0.0, 0.0, 0.0
    above = np.exp(values[best + 1]) if best + 1 < len(values) else 1.0
    slope, offset = fit_platt(values[: best + 1], otherwise[order[: best + 1]])
    return float((np.exp(values[best]) + above) / 2), slope, offset


def fit_platt(scores: Array, correct: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset of ``P(correct) = sigmoid(slope * score + offset)``.

    ``scores`` [N] may be any number that rises with the chance of being right, e.g. the
    log-likelihood of an answer. Outcomes are smoothed as Platt (1999) does, so the fit is finite
    when all are right or all are wrong. Raises ``DataError`` without items or on non-finite scores.
    """
    if len(scores) == 0 or not np.isfinite(scores).all():
        raise DataError(
            f"a confidence cannot be fitted on {len(scores)} scores"
            + (" that are not all finite" if len(scores) else ""),
            "Give validation items that the specialist can answer.",
        )
    hits = int(correct.sum())
    goal = np.where(correct, (hits + 1) / (hits + 2), 1 / (len(correct) - hits + 2))
    centre, spread = float(scores.mean()), float(scores.std())
    if spread < 1e-9 * max(1.0, abs(centre)):  # one score for all items: nothing to learn from it
        return 0.0, float(special.logit(goal.mean()))
    unit = (scores - centre) / spread

    def loss(weights: Array) -> tuple[float, Array]:
        logit = weights[0] * unit + weights[1]
        value = np.logaddexp(0.0, logit) - goal * logit
        error = special.expit(logit) - goal
        return float(value.mean()), np.array([(error * unit).mean(), error.mean()])

    found: Any = optimize.minimize(loss, np.zeros(2), jac=True, method="BFGS")
    slope = float(found.x[0]) / spread
    return slope, float(found.x[1]) - slope * centre
