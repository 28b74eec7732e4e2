"""Rankings: the form of an answer, how one is scored, and how it is shown to people.

An answer is a JSON list of at most ``DEPTH`` objects, best first: ``id``, ``score``, and of the
first ``EXCERPTS`` the beginning of the ``text``. A passage that nobody judged counts as irrelevant.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from assay.data.passages import Grades, grades_of
from assay.data.records import Example, Passage
from assay.errors import ConstraintError, DataError
from assay.evaluation.parts import Parts
from assay.evaluation.predictions import Prediction

DEPTH = 100  # passages of an answer
CUTOFF = 10  # of the metrics that look at the top only
EXCERPTS, EXCERPT = 10, 200  # passages that come with a text, and its characters
TOLD, LINE = 3, 56  # passages that a report shows, and characters of each


def best(scores: NDArray[Any], least: float | None = None) -> list[int]:
    """The places of the ``DEPTH`` highest scores [N], highest first; of equal ones the earlier first.

    With ``least``, only scores above it.
    """
    places = np.arange(len(scores)) if least is None else np.flatnonzero(scores > least)
    if len(places) > DEPTH:
        bound = np.partition(scores[places], -DEPTH)[-DEPTH]
        places = places[scores[places] >= bound]
    order = np.argsort(-scores[places], kind="stable")
    return places[order][:DEPTH].tolist()


def answer_of(
    corpus: Sequence[Passage], scores: NDArray[Any], *, least: float | None = None
) -> str:
    """The answer that the corpus' scores [N] make."""
    listed: list[dict[str, Any]] = []
    for rank, place in enumerate(best(scores, least)):
        row: dict[str, Any] = {"id": corpus[place].id, "score": round(float(scores[place]), 6)}
        if rank < EXCERPTS:
            row["text"] = _clipped(corpus[place].text, EXCERPT)
        listed.append(row)
    return json.dumps(listed, ensure_ascii=False)


def listed_in(output: str) -> list[dict[str, Any]]:
    """The passages of an answer; raises ``ValueError`` for what is none."""
    found: Any = json.loads(output)
    if not isinstance(found, list):
        raise ValueError("not a list")
    rows = cast("list[Any]", found)
    ids = [row.get("id") if isinstance(row, dict) else None for row in rows]
    if not all(isinstance(id_, str) for id_ in ids):
        raise ValueError("a passage without an id")
    if len(set(ids)) < len(ids):
        raise ValueError("a passage comes twice")
    if len(ids) > DEPTH:
        raise ValueError(f"{len(ids)} passages, more than {DEPTH}")
    return rows


def ranking_metrics(examples: Sequence[Example], predictions: Sequence[Prediction]) -> Parts:
    """NDCG@10, MRR@10, recall@10 and @100, and whether the first passage is relevant.

    NDCG as trec_eval has it: the gain is the grade itself, divided by log2(rank + 1), over the sum of
    the best order of all judged passages (Järvelin and Kekäläinen 2002). Recall@10 is over all
    relevant passages, so that it cannot reach 1 where there are more than ten.
    """
    rows = [
        score_one(_ids(p) if p.valid else [], _grades(e))
        for e, p in zip(examples, predictions, strict=True)
    ]
    return Parts(
        {name: np.array([row[name] for row in rows], dtype=np.float64) for name in rows[0]},
        notes={
            "ndcg_10": "linear gains, as trec_eval; passages without a judgement are irrelevant"
        },
    )


def score_one(ranked: Sequence[str], grades: Grades) -> dict[str, float]:
    """The metrics of one query whose relevant passages are ``grades``."""
    gains = [grades.get(id_, 0.0) for id_ in ranked]
    hits = [gain > 0 for gain in gains]
    ideal = sorted(grades.values(), reverse=True)
    first = next((rank for rank, hit in enumerate(hits[:CUTOFF], start=1) if hit), None)
    return {
        "ndcg_10": _discounted(gains) / _discounted(ideal),
        "mrr_10": 1.0 / first if first else 0.0,
        "recall_10": sum(hits[:CUTOFF]) / len(grades),
        "recall_100": sum(hits[:DEPTH]) / len(grades),
        "success_1": float(hits[:1] == [True]),
    }


def _discounted(gains: Sequence[float]) -> float:
    return float(sum(gain / np.log2(rank + 1) for rank, gain in enumerate(gains[:CUTOFF], start=1)))


def _grades(example: Example) -> Grades:
    try:
        return grades_of(example.target)
    except ValueError as error:
        raise DataError(
            f"item {example.id!r}: the target holds no grades ({error})", "Correct it."
        ) from error


def _ids(prediction: Prediction) -> list[str]:
    try:
        return [row["id"] for row in listed_in(prediction.output)]
    except ValueError as error:
        raise ConstraintError(
            f"item {prediction.id!r}: an answer marked valid is no ranking ({error})",
            "Correct the rung, or mark the answer invalid.",
        ) from error


# -- for people ----------------------------------------------------------------------------


def told_answer(output: str, target: str) -> str:
    """The first passages of an answer, a line each: whether it is relevant, its id, its text."""
    grades, listed = grades_of(target), listed_in(output)
    lines = [
        f"{'✓' if row['id'] in grades else '✗'} {row['id']} {_clipped(row.get('text', ''), LINE)}".rstrip()
        for row in listed[:TOLD]
    ]
    return "\n".join(lines) or "(no passage)"


def told_target(target: str) -> str:
    """The relevant passages, best first, with the grades where they differ."""
    grades = grades_of(target)
    graded = len(set(grades.values())) > 1
    some = [f"{id_} ({grade:g})" if graded else id_ for id_, grade in [*grades.items()][:CUTOFF]]
    more = len(grades) - len(some)
    return ", ".join(some) + (f", and {more} more" if more else "")


def _clipped(text: str, limit: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"
