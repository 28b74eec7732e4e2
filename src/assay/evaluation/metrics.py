"""Score predictions: every metric, its value on each item, and the sums it follows from.

An invalid answer scores zero everywhere; it is never skipped.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from assay.data.records import Example
from assay.data.spans import Span, spans_of
from assay.errors import ConstraintError, DataError
from assay.evaluation import calibration
from assay.evaluation.compare import Array, Statistic, is_binary, mean
from assay.evaluation.parts import Parts
from assay.evaluation.predictions import Prediction
from assay.evaluation.rankings import ranking_metrics
from assay.evaluation.texts import free_texts, whole_texts
from assay.recipe.schema import Task

INVALID = "(invalid)"  # the column of the confusion matrix for answers that did not parse
NO_CLASS = "(none)"  # a JSON answer without the field that holds its class
# What one item is worth under the metrics that are not a mean over items.
STAND_IN = {
    "macro_f1": "accuracy",
    "slot_precision": "slot_f1",
    "slot_recall": "slot_f1",
    "slot_f1": "slot_f1",
    "span_precision": "span_f1",
    "span_recall": "span_f1",
    "span_f1": "span_f1",
    "overlap_f1": "overlap_f1",
    "span_macro_f1": "span_f1",
    "bleu": "bleu",
}
CORRECT = {  # the metric that says whether an answer is right; else: exact match
    "label": "accuracy",
    "ranking": "success_1",
    "number": "number_match",
    "code": "pass_at_1",
    "sql": "execution_match",
}


@dataclass(frozen=True)
class Scores:
    """What one system scored on N items.

    ``per_item`` holds arrays [N] aligned with the examples; ``statistics`` says how a metric
    follows from sums over items (ECE does not, so it has none); ``notes`` says what a number
    leaves out or how it was computed; ``correct`` names the 0/1 metric that says whether an
    answer is right; ``confidence`` is [N] where every valid answer has one.
    """

    metrics: dict[str, float]
    per_item: dict[str, Array]
    per_class: list[dict[str, Any]]
    confusion: dict[str, Any] | None
    statistics: dict[str, Statistic]
    notes: dict[str, str]
    correct: str
    confidence: Array | None

    def item_values(self, metric: str) -> Array:
        """What each item is worth under ``metric``, [N]; macro-F1 counts right answers."""
        return self.per_item[STAND_IN.get(metric, metric)]

    def is_share(self, metric: str) -> bool:
        """Whether the metric is a share of the items: a mean of zeros and ones."""
        return metric not in STAND_IN and is_binary(self.per_item[metric])


def score(
    task: Task,
    labels: Sequence[str],
    examples: Sequence[Example],
    predictions: Sequence[Prediction],
) -> Scores:
    """Every metric of ``task.output``.

    Raises ``DataError`` when there is nothing to score, when predictions and examples differ in
    ids, or when a target is not in the label set; ``ConstraintError`` when an answer that is
    marked valid is not one.
    """
    check_aligned(examples, predictions)
    if task.output == "label":
        parts = _label(labels, examples, predictions)
    elif task.output == "entities":
        parts = _entities(labels, examples, predictions)
    elif task.output == "json":
        parts = _json(task, examples, predictions)
    elif task.output == "ranking":
        parts = ranking_metrics(examples, predictions)
    elif task.template == "plain":
        parts = whole_texts(examples, predictions)
    else:
        parts = free_texts(task, examples, predictions)
    correct = CORRECT.get(task.check or task.output, "exact_match")
    parts.per_item["valid"] = np.array([p.valid for p in predictions], dtype=np.float64)
    confidence = confidences(predictions)
    if confidence is not None:
        right = parts.per_item[correct]
        # An answer given up as ``otherwise`` has a confidence of its own, not that of its scores.
        by_label = labels if task.output == "label" and task.otherwise is None else ()
        brier, kind = _brier(by_label, examples, predictions, confidence, right)
        parts.per_item["brier"] = brier
        parts.notes["brier"] = kind
    means = {name: mean(values) for name, values in parts.per_item.items()}
    statistics = {**means, **parts.statistics}
    metrics = {name: statistic.value() for name, statistic in statistics.items()}
    if confidence is not None:
        metrics["ece"] = calibration.ece(confidence, parts.per_item[correct])
    return Scores(
        metrics=metrics,
        per_item=parts.per_item,
        per_class=parts.per_class,
        confusion=parts.confusion,
        statistics=statistics,
        notes=parts.notes,
        correct=correct,
        confidence=confidence,
    )


def check_aligned(examples: Sequence[Example], predictions: Sequence[Prediction]) -> None:
    """Raise ``DataError`` unless prediction i answers example i, and ids are unique."""
    remedy = "Predict every example once, in order."
    if not examples:
        raise DataError("there are no items to score", "Give the split at least one item.")
    if len(examples) != len(predictions):
        raise DataError(f"{len(predictions)} predictions for {len(examples)} examples", remedy)
    for position, (example, prediction) in enumerate(zip(examples, predictions, strict=True)):
        if example.id != prediction.id:
            cause = (
                f"prediction {position} answers item {prediction.id!r}, the example is "
                f"{example.id!r}"
            )
            raise DataError(cause, remedy)
    twice = [id for id, count in Counter(e.id for e in examples).items() if count > 1]
    if twice:
        raise DataError(f"item ids are not unique: {', '.join(twice[:5])}", "Give each its own id.")


# --- confidence -------------------------------------------------------------------------------


def confidences(predictions: Sequence[Prediction]) -> Array | None:
    """Confidences [N], or None when a valid answer has none.

    An invalid answer without a confidence counts as 0: its caller is told that it failed.
    Raises ``DataError`` when one is not a probability.
    """
    if not all(p.confidence is not None or not p.valid for p in predictions):
        return None
    if all(p.confidence is None for p in predictions):
        return None
    values = np.array([p.confidence or 0.0 for p in predictions])
    outside = ~((values >= -1e-6) & (values <= 1 + 1e-6))
    if outside.any():
        first = predictions[int(np.argmax(outside))]
        raise DataError(
            f"item {first.id!r}: confidence {first.confidence} is not a probability",
            "A rung must give a number from 0 to 1, or none.",
        )
    return np.clip(values, 0.0, 1.0)


def _brier(
    labels: Sequence[str],
    examples: Sequence[Example],
    predictions: Sequence[Prediction],
    confidence: Array,
    correct: Array,
) -> tuple[Array, str]:
    """Multi-class where every valid answer has a probability for each label, else top-label."""
    if not labels or any(p.scores is None for p in predictions if p.valid):
        return calibration.brier_top_label(confidence, correct), "top-label"
    wrong = next((p for p in predictions if p.scores and len(p.scores) != len(labels)), None)
    if wrong is not None:
        raise DataError(
            f"item {wrong.id!r} has {len(wrong.scores or ())} scores for {len(labels)} labels",
            "Score every label, in the order of the label set.",
        )
    index = {label: i for i, label in enumerate(labels)}
    targets = np.array([index[example.target] for example in examples])
    return calibration.brier_multi_class([p.scores for p in predictions], targets), "multi-class"


# --- label ------------------------------------------------------------------------------------


def _label(
    labels: Sequence[str], examples: Sequence[Example], predictions: Sequence[Prediction]
) -> Parts:
    known = set(labels)
    for example, prediction in zip(examples, predictions, strict=True):
        if example.target not in known:
            raise DataError(
                f"item {example.id!r}: the target {example.target!r} is not in the label set",
                "Correct the row, or add the label to the training data.",
            )
        if prediction.valid and prediction.output not in known:
            raise ConstraintError(
                f"item {example.id!r}: the answer {prediction.output!r} is not in the label set, "
                "yet marked valid",
                "Constrain the rung to the label set, or mark the answer invalid.",
            )
    targets = [example.target for example in examples]
    answers = [p.output if p.valid else None for p in predictions]
    per_class, confusion, macro_f1 = _classes(list(labels), targets, answers)
    right = np.array([t == a for t, a in zip(targets, answers, strict=True)], dtype=np.float64)
    parts = Parts({"accuracy": right}, {"macro_f1": macro_f1}, per_class, confusion)
    absent = [row["label"] for row in per_class if row["support"] == 0]
    if absent:
        listed = ", ".join(absent[:5]) + (", …" if len(absent) > 5 else "")
        parts.notes["macro_f1"] = f"leaves out {len(absent)} classes without items: {listed}"
    return parts


def _classes(
    names: list[str], targets: Sequence[str], answers: Sequence[str | None]
) -> tuple[list[dict[str, Any]], dict[str, Any], Statistic]:
    """Per-class table, confusion matrix [target, answer], and macro-F1 as a statistic."""
    count, index = len(names), {name: i for i, name in enumerate(names)}
    target = np.array([index[t] for t in targets])
    answer = np.array([count if a is None else index[a] for a in answers])
    matrix = np.zeros((count + 1, count + 1), dtype=np.int64)
    np.add.at(matrix, (target, answer), 1)
    true, given = matrix.sum(axis=1)[:count], matrix.sum(axis=0)[:count]
    hits = np.diag(matrix)[:count]
    per_class = _per_class(names, hits, given, true)
    shown = [*names, INVALID] if matrix[:, count].any() else names
    kept = matrix[: len(shown), : len(shown)]
    confusion = {"labels": list(shown), "matrix": kept.tolist()}
    return per_class, confusion, _macro_f1(target, answer, count)


def _per_class(
    names: Sequence[str], hits: NDArray[Any], given: NDArray[Any], true: NDArray[Any]
) -> list[dict[str, Any]]:
    f1 = _ratio(2 * hits, true + given)
    rows = zip(names, _ratio(hits, given), _ratio(hits, true), f1, true, strict=True)
    return [
        {"label": n, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(s)}
        for n, p, r, f, s in rows
    ]


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> Array:
    """``part / whole``, 0 where whole is 0."""
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)


def _macro_f1(target: NDArray[np.intp], answer: NDArray[np.intp], count: int) -> Statistic:
    """Mean F1 of the classes that have items; an answer ``count`` is an invalid one."""
    rows = np.arange(len(target))
    hit, given = target == answer, answer < count
    # Three blocks of K columns: hits, answers, targets of each class.
    where = [
        (rows[hit], target[hit]),
        (rows[given], answer[given] + count),
        (rows, target + 2 * count),
    ]
    i = np.concatenate([row for row, _ in where])
    j = np.concatenate([column for _, column in where])
    columns = sparse.csr_array((np.ones(len(i)), (i, j)), shape=(len(target), 3 * count))
    return _mean_f1(columns, count)


def _mean_f1(columns: sparse.csr_array, count: int) -> Statistic:
    """Mean F1 of the classes that have items; columns are hits, answers and targets, each [K]."""

    def combine(sums: Array) -> Array:
        hits, given, true = sums[:, :count], sums[:, count : 2 * count], sums[:, 2 * count :]
        f1 = _ratio(2 * hits, given + true)
        present = true > 0
        return _ratio(np.where(present, f1, 0.0).sum(axis=1), present.sum(axis=1))

    return Statistic(columns, combine)


# --- json -------------------------------------------------------------------------------------


def _json(task: Task, examples: Sequence[Example], predictions: Sequence[Prediction]) -> Parts:
    targets = [_parse(e.target, f"item {e.id!r}: the target", DataError) for e in examples]
    answers = [
        _parse(p.output, f"item {p.id!r}: an answer marked valid", ConstraintError)
        if p.valid
        else INVALID
        for p in predictions
    ]
    valid = [p.valid for p in predictions]
    rows = list(zip(targets, answers, valid, strict=True))
    exact = [ok and same_json(target, answer) for target, answer, ok in rows]
    parts = Parts({"exact_match": np.array(exact, dtype=np.float64)})
    if task.intent_field is not None:
        wanted = [_class_name(target, task.intent_field) for target in targets]
        got = [_class_name(a, task.intent_field) if ok else None for _, a, ok in rows]
        names = sorted({*wanted, *(name for name in got if name is not None)})
        parts.per_class, parts.confusion, _ = _classes(names, wanted, got)
        right = [w == g for w, g in zip(wanted, got, strict=True)]
        parts.per_item["intent_accuracy"] = np.array(right, dtype=np.float64)
    if task.slots_field is not None:
        counts = np.array(
            [_slot_counts(t, a if ok else None, task.slots_field, ok) for t, a, ok in rows],
            dtype=np.float64,
        )
        parts.per_item["slot_f1"] = _micro_f1(counts)
        columns = sparse.csr_array(counts)
        parts.statistics = {name: Statistic(columns, f) for name, f in SLOT_METRICS.items()}
    return parts


def _parse(text: str, what: str, error: type[DataError] | type[ConstraintError]) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except ValueError as fault:
        raise error(
            f"{what} is not JSON: {text[:80]!r} ({fault})", "Make it valid JSON."
        ) from fault


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON number")


def same_json(one: Any, other: Any) -> bool:
    """Whether two parsed JSON values are equal: key order is irrelevant, list order is not.

    Python's own equality would take ``true`` for ``1``.
    """
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return one == other


def _class_name(value: Any, key: str) -> str:
    """The class in a JSON answer as text."""
    found = value.get(key) if isinstance(value, dict) else None
    if found is None:
        return NO_CLASS
    return found if isinstance(found, str) else json.dumps(found)


def slot_pairs(value: Any, key: str) -> Counter[tuple[str, str]]:
    """The (slot, value) pairs below ``key``, with multiplicity.

    A list gives one pair an element; white space is collapsed, case is kept; null means absent.
    """
    slots = value.get(key) if isinstance(value, dict) else None
    pairs: Counter[tuple[str, str]] = Counter()
    for name, found in slots.items() if isinstance(slots, dict) else ():
        for item in found if isinstance(found, list) else [found]:
            if item is not None:
                text = item if isinstance(item, str) else json.dumps(item, sort_keys=True)
                pairs[str(name), " ".join(text.split())] += 1
    return pairs


def _slot_counts(target: Any, answer: Any, key: str, valid: bool) -> tuple[int, int, int, int]:
    """One item's true positives, false positives, false negatives, and whether it is invalid."""
    wanted, found = slot_pairs(target, key), slot_pairs(answer, key)
    hits = (wanted & found).total()
    return hits, found.total() - hits, wanted.total() - hits, not valid


def _micro_f1(sums: Array) -> Array:
    """F1 from the columns of ``_slot_counts`` [R, 4]."""
    return _or_perfect(2 * sums[:, 0], 2 * sums[:, 0] + sums[:, 1] + sums[:, 2], sums)


def _micro_precision(sums: Array) -> Array:
    return _or_perfect(sums[:, 0], sums[:, 0] + sums[:, 1], sums)


def _micro_recall(sums: Array) -> Array:
    return _or_perfect(sums[:, 0], sums[:, 0] + sums[:, 2], sums)


def _or_perfect(part: Array, whole: Array, sums: Array) -> Array:
    """``part / whole``; 1 where there is nothing to find and nothing, not even junk, was said."""
    return np.where(sums.sum(axis=1) == 0, 1.0, _ratio(part, whole))


SLOT_METRICS: dict[str, Callable[[Array], Array]] = {
    "slot_precision": _micro_precision,
    "slot_recall": _micro_recall,
    "slot_f1": _micro_f1,
}


# --- entities ---------------------------------------------------------------------------------


def _entities(
    labels: Sequence[str], examples: Sequence[Example], predictions: Sequence[Prediction]
) -> Parts:
    """Entities with their exact bounds and type, and those that only overlap with their type's.

    Answers overlap nowhere, so this is what seqeval computes from their tags, strictly or not.
    """
    wanted = [_spans(e.target, f"item {e.id!r}: the target", DataError) for e in examples]
    found = [
        _spans(p.output, f"item {p.id!r}: an answer marked valid", ConstraintError)
        if p.valid
        else ()
        for p in predictions
    ]
    rows = list(zip(wanted, found, (not p.valid for p in predictions), strict=True))
    exact = _counts((len(set(w) & set(f)), len(f), len(w), invalid) for w, f, invalid in rows)
    near = _counts((_overlapping(w, f), len(f), len(w), invalid) for w, f, invalid in rows)
    right = [set(w) == set(f) and not invalid for w, f, invalid in rows]
    columns = sparse.csr_array(exact)
    per_class, confusion = _types(list(labels), wanted, found)
    return Parts(
        {
            "exact_match": np.array(right, dtype=np.float64),
            "span_f1": _micro_f1(exact),
            "overlap_f1": _micro_f1(near),
        },
        {
            "span_precision": Statistic(columns, _micro_precision),
            "span_recall": Statistic(columns, _micro_recall),
            "span_f1": Statistic(columns, _micro_f1),
            "overlap_f1": Statistic(sparse.csr_array(near), _micro_f1),
            "span_macro_f1": _mean_f1(_by_type(list(labels), wanted, found), len(labels)),
        },
        per_class,
        confusion,
        {"overlap_f1": "an entity counts if it overlaps one of the same type"},
    )


def _spans(
    text: str, what: str, error: type[DataError] | type[ConstraintError]
) -> tuple[Span, ...]:
    try:
        return spans_of(text)
    except ValueError as fault:
        raise error(f"{what} does not list entities ({fault})", "Correct it.") from fault


def _counts(rows: Iterable[tuple[int, int, int, bool]]) -> Array:
    """From hits, found, wanted, invalid of each item: the columns of ``_micro_f1``, [N, 4]."""
    return np.array([(h, f - h, w - h, i) for h, f, w, i in rows], dtype=np.float64)


def _overlapping(wanted: Sequence[Span], found: Sequence[Span]) -> int:
    """Pairs of overlapping spans of one type, each span in one pair at most; both sorted."""
    hits = w = f = 0
    while w < len(wanted) and f < len(found):
        one, other = wanted[w], found[f]
        hit = one.type == other.type and one.start < other.end and other.start < one.end
        hits += hit
        if hit or one.end <= other.end:
            w += 1
        if hit or one.end > other.end:
            f += 1
    return hits


def _by_type(
    labels: list[str], wanted: Sequence[Sequence[Span]], found: Sequence[Sequence[Span]]
) -> sparse.csr_array:
    """Hits, answers and targets of each type, [N, 3K]."""
    index = {label: i for i, label in enumerate(labels)}
    count = len(labels)
    cells = [
        (row, index[span.type] + block * count)
        for row, (true, given) in enumerate(zip(wanted, found, strict=True))
        for block, spans in enumerate((set(true) & set(given), given, true))
        for span in spans
    ]
    i, j = ([cell[side] for cell in cells] for side in (0, 1))
    shape = (len(wanted), 3 * count)
    return sparse.csr_array((np.ones(len(cells)), (i, j)), shape=shape)


def _types(
    labels: list[str], wanted: Sequence[Sequence[Span]], found: Sequence[Sequence[Span]]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Per-type table, and which type was given to the words of which, ``(none)`` included."""
    names = [*labels, NO_CLASS]
    index = {name: i for i, name in enumerate(names)}
    matrix = np.zeros((len(names), len(names)), dtype=np.int64)
    for true, given in zip(wanted, found, strict=True):
        said = {(span.start, span.end): span.type for span in given}
        for span in true:
            answer = said.pop((span.start, span.end), NO_CLASS)
            matrix[index[span.type], index[answer]] += 1
        for kind in said.values():
            matrix[index[NO_CLASS], index[kind]] += 1
    count = len(labels)
    hits, true, given = np.diag(matrix)[:count], matrix.sum(1)[:count], matrix.sum(0)[:count]
    return _per_class(labels, hits, given, true), {"labels": names, "matrix": matrix.tolist()}
