"""The gate: pass, fail or investigate, with the reasons a manager can read.

It decides on an ``Evaluation`` alone; nothing is measured here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from assay.evaluation import wording
from assay.evaluation.result import Comparison, Evaluation, Reason, Verdict
from assay.recipe.schema import Gate

EXIT_CODES = {"pass": 0, "fail": 3, "investigate": 4}


def judge(
    gate: Gate, evaluation: Evaluation, *, selecting: bool = False, eased: bool = False
) -> Verdict:
    """Judge a candidate: fail if any check fails, else investigate if any is undecided, else pass.

    ``selecting`` is for the validation items that choose a rung: their number is not judged. They are
    few, so ``eased`` counts a threshold as met within one standard error.
    """
    reasons = (
        *(() if selecting else (_enough_items(gate, evaluation),)),
        _sound_baseline(gate, evaluation),
        *(_threshold(key, bound, evaluation, eased) for key, bound in gate.thresholds.items()),
        _beats_base(gate, evaluation),
        *_beats_cheaper(evaluation),
        _no_bad_slice(gate, evaluation),
    )
    outcomes = [reason.passed for reason in reasons]
    if False in outcomes:
        return Verdict("fail", reasons)
    return Verdict("investigate" if None in outcomes else "pass", reasons)


def _enough_items(gate: Gate, evaluation: Evaluation) -> Reason:
    enough = evaluation.items >= gate.min_items
    detail = f"{wording.count(evaluation.items, 'item')} ({gate.min_items:,} needed)"
    if not enough:
        detail += ": too few to decide"
    return Reason("enough items", True if enough else None, detail)


def _sound_baseline(gate: Gate, evaluation: Evaluation) -> Reason:
    share, limit = evaluation.base.invalid_share, gate.max_invalid_baseline
    sound = share <= limit
    detail = (
        f"{wording.percent(share)} of the base's answers are invalid "
        f"(at most {wording.percent(limit)} allowed)"
    )
    if not sound:
        detail += ": a baseline that fails to parse is a broken baseline, not a win"
    return Reason("the base answers", True if sound else None, detail)


def _threshold(key: str, bound: float, evaluation: Evaluation, eased: bool) -> Reason:
    """The point estimate decides; an interval that crosses the threshold is mentioned."""
    metric = key.removeprefix("max_")
    upper = metric != key
    check = f"{metric} {'<=' if upper else '>='} {wording.threshold(bound)}"
    if eased and not upper and 0.0 < bound < 1.0:
        bound -= math.sqrt(bound * (1.0 - bound) / evaluation.items)
        check += f" less one standard error ({wording.number(bound)})"
    metrics = evaluation.candidate.metrics
    if metric not in metrics:
        available = ", ".join(sorted(metrics))
        return Reason(check, False, f"{metric} was not measured; available: {available}")
    value = metrics[metric]
    holds = value <= bound if upper else value >= bound
    items = wording.count(evaluation.items, "item")
    spread = evaluation.candidate.intervals.get(metric)
    if spread is None:
        detail = f"{wording.number(value)} on {items}"
        if metric == "ece" and evaluation.calibration is not None:
            null = wording.number(evaluation.calibration.ece_null_95)
            detail += f" (perfect confidences would show up to {null})"
        return Reason(check, holds, detail)
    detail = f"{wording.number(value)} {wording.interval(spread)} on {items}"
    crosses = spread[1] > bound if upper else spread[0] < bound
    if holds and crosses and 0.0 < bound < 1.0:
        detail += "; the interval reaches beyond the threshold"
    return Reason(check, holds, detail)


def _beats_base(gate: Gate, evaluation: Evaluation) -> Reason:
    """The interval must lie above ``min_gain``, and McNemar must agree where it applies."""
    comparison = evaluation.against("base")
    base = evaluation.base.metrics[evaluation.primary]
    reason = _beats("better than the base", comparison, base, evaluation, gate.min_gain)
    limit = 1.0 - gate.confidence
    if reason.passed and comparison.p_value is not None and comparison.p_value >= limit:
        unsure = f"{reason.detail}; McNemar's test does not confirm it at {limit:g}"
        return replace(reason, passed=None, detail=unsure)
    return reason


def _beats_cheaper(evaluation: Evaluation) -> Iterator[Reason]:
    for rung in evaluation.cheaper:
        value = rung.metrics[evaluation.primary]
        check = f"better than {rung.name}"
        yield _beats(check, evaluation.against(rung.name), value, evaluation, 0.0)


def _beats(
    check: str, comparison: Comparison, other: float, evaluation: Evaluation, least: float
) -> Reason:
    low, high = comparison.interval
    ours = evaluation.candidate.metrics[evaluation.primary]
    detail = (
        f"{evaluation.primary} {wording.number(ours)} against {wording.number(other)}: "
        f"{wording.signed(comparison.difference)} {wording.interval((low, high), sign=True)}; "
        f"{comparison.wins:,} won, {comparison.losses:,} lost"
    )
    if comparison.p_value is not None:
        detail += f", McNemar {wording.p_value(comparison.p_value)}"
    wanted = f"a gain above {wording.threshold(least)}" if least else "a gain"
    if comparison.difference <= 0:
        return Reason(check, False, f"{detail}; no gain")
    if low > least:
        return Reason(check, True, detail)
    if high <= least:
        return Reason(check, False, f"{detail}; the gain is not above {wording.threshold(least)}")
    return Reason(check, None, f"{detail}; the items do not prove {wanted}")


def _no_bad_slice(gate: Gate, evaluation: Evaluation) -> Reason:
    check, rules = "no bad slice", gate.slices
    judged = [part for part in evaluation.slices if part.judged]
    if not judged:
        detail = f"no slice has {rules.min_items} items, so none was judged"
        return Reason(check, True, detail)
    bad = [part for part in judged if part.bad]
    worst = min(judged, key=lambda part: part.difference)
    shown = [
        f"{part.slice}: {wording.number(part.base)} to {wording.number(part.candidate)} "
        f"{wording.interval(part.interval, sign=True)} on {wording.count(part.items, 'item')}"
        for part in (bad or [worst])[:3]
    ]
    if bad:
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        drop = wording.threshold(rules.max_drop)
        detail = f"falls more than {drop} below the base on {'; '.join(shown)}{more}"
        return Reason(check, False, detail)
    return Reason(check, True, f"{wording.count(len(judged), 'slice')} judged; worst {shown[0]}")
