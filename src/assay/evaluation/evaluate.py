"""Tie it together: score every system on the same items, compare, and let the gate judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from assay.data.records import Example
from assay.errors import RecipeError, did_you_mean
from assay.evaluation import wording
from assay.evaluation.calibration import Calibration, calibrate
from assay.evaluation.compare import (
    Array,
    Interval,
    Statistic,
    bootstrap,
    mcnemar,
    paired_differences,
    percentile_interval,
    proportion_interval,
    wins_and_losses,
)
from assay.evaluation.gate import judge
from assay.evaluation.metrics import Scores, check_aligned, score
from assay.evaluation.predictions import Prediction
from assay.evaluation.rankings import told_answer, told_target
from assay.evaluation.result import Answers, Comparison, Evaluation, Slice, System
from assay.recipe.schema import Gate, Recipe

__all__ = ["Answers", "Evaluation", "describe", "evaluate"]

FLIPS_SHOWN = 50  # of each kind
ERRORS_SHOWN = 50


def evaluate(
    recipe: Recipe,
    labels: Sequence[str],
    examples: Sequence[Example],
    candidate: Answers,
    base: Answers,
    cheaper: Sequence[Answers],
    temperature: float = 1.0,
) -> Evaluation:
    """Score, compare and judge a candidate on frozen items.

    ``temperature`` is what the candidate's confidences were divided by (fitted on validation); it
    is recorded, not applied. The result depends on nothing but the arguments, and not on the order
    of the items. Raises ``DataError`` and ``ConstraintError`` as ``metrics.score`` does, and
    ``RecipeError`` when the gate's primary metric is not computed for this task.
    """
    items, sorted_systems = _by_id(examples, [candidate, base, *cheaper])
    scores = [score(recipe.task, labels, items, system.predictions) for system in sorted_systems]
    _check_primary(recipe, scores[0])
    distributions = _distributions(scores)
    gate = recipe.gate
    described = [
        _system(*row, gate.confidence)
        for row in zip(sorted_systems, scores, distributions, strict=True)
    ]
    predictions = sorted_systems[0].predictions
    ours, theirs = scores[0], scores[1]
    evaluation = Evaluation(
        task=recipe.task.output,
        primary=gate.primary,
        items=len(items),
        confidence=gate.confidence,
        candidate=described[0],
        base=described[1],
        cheaper=tuple(described[2:]),
        comparisons=_comparisons(gate, described, scores, distributions),
        per_class=ours.per_class,
        confusion=ours.confusion,
        slices=_slices(gate, items, _by_slice(gate, items, sorted_systems[:2], scores[:2])),
        flips=_flips(recipe, items, sorted_systems[0], sorted_systems[1], ours, theirs),
        errors=_errors(recipe, items, predictions, ours),
        calibration=_calibration(ours, temperature),
        notes=ours.notes,
    )
    return replace(evaluation, gate=judge(gate, evaluation))


def describe(
    recipe: Recipe, labels: Sequence[str], examples: Sequence[Example], answers: Answers
) -> System:
    """One system's metrics with their intervals, as ``evaluate`` gives them for each."""
    items, (answers,) = _by_id(examples, [answers])
    scores = score(recipe.task, labels, items, answers.predictions)
    _check_primary(recipe, scores)
    return _system(answers, scores, _distributions([scores])[0], recipe.gate.confidence)


def _by_id(
    examples: Sequence[Example], systems: Sequence[Answers]
) -> tuple[list[Example], list[Answers]]:
    """Items and their predictions in one order, so that a result depends on nothing else."""
    for system in systems:
        check_aligned(examples, system.predictions)
    order = sorted(range(len(examples)), key=lambda i: examples[i].id)
    ordered = [
        replace(system, predictions=[system.predictions[i] for i in order]) for system in systems
    ]
    return [examples[i] for i in order], ordered


def _check_primary(recipe: Recipe, scores: Scores) -> None:
    primary = recipe.gate.primary
    comparable = sorted(set(scores.statistics) - set(wording.LOWER_IS_BETTER))
    if primary not in comparable:
        raise RecipeError(
            f"gate.primary: {primary} cannot be compared for output: {recipe.task.output}."
            + did_you_mean(primary, comparable),
            f"Choose one of: {', '.join(comparable)}.",
        )


def _distributions(scores: Sequence[Scores]) -> list[dict[str, Array]]:
    """The bootstrap distribution [R] of every metric of every system, all on the same resamples."""
    keys = [(i, metric) for i, each in enumerate(scores) for metric in each.statistics]
    rows = bootstrap([scores[i].statistics[metric] for i, metric in keys])
    result: list[dict[str, Array]] = [{} for _ in scores]
    for (i, metric), row in zip(keys, rows, strict=True):
        result[i][metric] = row
    return result


def _system(
    answers: Answers, scores: Scores, distributions: dict[str, Array], confidence: float
) -> System:
    intervals: dict[str, Interval] = {}
    for metric, samples in distributions.items():
        if scores.is_share(metric):
            values = scores.per_item[metric]
            intervals[metric] = proportion_interval(samples, values, confidence)
        else:
            point = scores.metrics[metric]
            intervals[metric] = percentile_interval(samples, point, confidence)
    invalid = 1.0 - scores.metrics["valid"]
    return System(answers.name, scores.metrics, intervals, answers.seconds, invalid)


def _comparisons(
    gate: Gate,
    systems: Sequence[System],
    scores: Sequence[Scores],
    distributions: Sequence[dict[str, Array]],
) -> tuple[Comparison, ...]:
    """The primary metric against everything, then the other metrics against the base."""

    def compare(other: int, metric: str) -> Comparison:
        difference = systems[0].metrics[metric] - systems[other].metrics[metric]
        samples = distributions[0][metric] - distributions[other][metric]
        ours, theirs = scores[0].item_values(metric), scores[other].item_values(metric)
        wins, losses = wins_and_losses(ours, theirs)
        shares = scores[0].is_share(metric) and scores[other].is_share(metric)
        return Comparison(
            against="base" if other == 1 else systems[other].name,
            metric=metric,
            difference=difference,
            interval=percentile_interval(samples, difference, gate.confidence),
            p_value=mcnemar(wins, losses) if shares else None,
            wins=wins,
            losses=losses,
        )

    shared = [m for m in scores[0].statistics if m in scores[1].statistics]
    others = [m for m in shared if m != gate.primary and m not in wording.LOWER_IS_BETTER]
    primary = [compare(other, gate.primary) for other in range(1, len(systems))]
    return (*primary, *(compare(1, metric) for metric in others))


def _by_slice(
    gate: Gate, items: Sequence[Example], systems: Sequence[Answers], scores: Sequence[Scores]
) -> dict[str, tuple[Statistic, Statistic]]:
    """For each slice, what candidate and base are worth on it.

    The primary metric on the slice's items; but where every slice is a class, its F1 on all items.
    On the items of one class alone nothing counts against a system that answers that class to
    everything: a constant answer would be perfect there, and whatever is learnt fall behind it.
    """
    rows: dict[str, list[int]] = {}
    for i, example in enumerate(items):
        rows.setdefault(example.slice, []).append(i)
    if "macro_f1" in scores[0].statistics and all(e.slice == e.target for e in items):
        ours, theirs = (system.predictions for system in systems)
        return {n: (_class_f1(n, items, ours), _class_f1(n, items, theirs)) for n in rows}
    ours, theirs = (each.statistics[gate.primary] for each in scores)
    places = {name: np.array(members) for name, members in rows.items()}
    return {name: (ours.at(where), theirs.at(where)) for name, where in places.items()}


def _class_f1(name: str, items: Sequence[Example], predictions: Sequence[Prediction]) -> Statistic:
    wanted = np.array([example.target == name for example in items], dtype=np.float64)
    given = np.array([p.valid and p.output == name for p in predictions], dtype=np.float64)
    columns = sparse.csr_array(np.column_stack([2 * wanted * given, wanted + given]))
    return Statistic(columns, lambda sums: sums[:, 0] / np.maximum(sums[:, 1], 1.0))


def _slices(
    gate: Gate, items: Sequence[Example], by_slice: dict[str, tuple[Statistic, Statistic]]
) -> tuple[Slice, ...]:
    """Candidate and base on every slice, worst difference first."""
    sizes = Counter(example.slice for example in items)
    found: list[Slice] = []
    compared = paired_differences(list(by_slice.values()), gate.confidence)
    for (name, (candidate, base)), (difference, interval) in zip(
        by_slice.items(), compared, strict=True
    ):
        judged = sizes[name] >= gate.slices.min_items
        found.append(
            Slice(
                slice=name,
                items=sizes[name],
                base=base.value(),
                candidate=candidate.value(),
                difference=difference,
                interval=interval,
                judged=judged,
                bad=judged and -difference > gate.slices.max_drop and interval[1] < 0,
            )
        )
    return tuple(sorted(found, key=lambda part: (part.difference, part.slice)))


def _flips(
    recipe: Recipe,
    items: Sequence[Example],
    candidate: Answers,
    base: Answers,
    ours: Scores,
    theirs: Scores,
) -> dict[str, Any]:
    """Items the candidate answers better (fixed) or worse (broken) than the base.

    Shown first: the largest change, then the answer that was wrong with most confidence.
    """
    primary = recipe.gate.primary
    change = ours.item_values(primary) - theirs.item_values(primary)

    def shown(sign: int, kind: str, wrong: Answers) -> list[dict[str, Any]]:
        chosen = [int(i) for i in np.flatnonzero(np.sign(change) == sign)]
        chosen.sort(key=lambda i: (-abs(change[i]), -(wrong.predictions[i].confidence or 0.0), i))
        return [
            {
                "id": items[i].id,
                "input": items[i].text,
                "target": _wanted(recipe, items[i]),
                "base": _said(recipe, items[i], base.predictions[i]),
                "candidate": _said(recipe, items[i], candidate.predictions[i]),
                "kind": kind,
            }
            for i in chosen[:FLIPS_SHOWN]
        ]

    wins, losses = int((change > 0).sum()), int((change < 0).sum())
    examples = [*shown(1, "fixed", base), *shown(-1, "broken", candidate)]
    return {"fixed": wins, "broken": losses, "examples": examples}


def _errors(
    recipe: Recipe, items: Sequence[Example], predictions: Sequence[Prediction], ours: Scores
) -> list[dict[str, Any]]:
    """The candidate's wrong answers, the most confident first."""
    values = ours.item_values(recipe.gate.primary)
    wrong = [int(i) for i in np.flatnonzero(values < 1.0)]
    wrong.sort(key=lambda i: (-(predictions[i].confidence or 0.0), values[i], i))
    return [
        {
            "id": items[i].id,
            "input": items[i].text,
            "target": _wanted(recipe, items[i]),
            "candidate": _said(recipe, items[i], predictions[i]),
            "confidence": predictions[i].confidence,
        }
        for i in wrong[:ERRORS_SHOWN]
    ]


def _wanted(recipe: Recipe, example: Example) -> str:
    """The target as people read it."""
    return told_target(example.target) if recipe.task.output == "ranking" else example.target


def _said(recipe: Recipe, example: Example, prediction: Prediction) -> str:
    """The answer as people read it, or what was said instead of one."""
    if recipe.task.output == "ranking" and prediction.valid:
        return told_answer(prediction.output, example.target)
    return prediction.output if prediction.valid else f"(invalid) {prediction.raw}".strip()


def _calibration(scores: Scores, temperature: float) -> Calibration | None:
    if scores.confidence is None:
        return None
    return calibrate(
        scores.confidence,
        scores.per_item[scores.correct],
        scores.metrics["brier"],
        scores.notes["brier"],
        temperature,
    )
