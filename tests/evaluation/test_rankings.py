"""Rankings: figures worked by hand, trec_eval as the oracle, answers as people read them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import pytrec_eval

from assay.data.passages import target_of
from assay.data.records import Example, Passage
from assay.errors import ConstraintError, DataError
from assay.evaluation.evaluate import evaluate
from assay.evaluation.metrics import score
from assay.evaluation.predictions import Prediction
from assay.evaluation.rankings import (
    DEPTH,
    EXCERPTS,
    answer_of,
    best,
    score_one,
    told_answer,
    told_target,
)
from assay.evaluation.result import Answers
from assay.recipe.schema import Recipe, Task

RANKING = Task(output="ranking")
OURS = {  # to trec_eval's names
    "ndcg_10": "ndcg_cut_10",
    "recall_10": "recall_10",
    "recall_100": "recall_100",
    "success_1": "success_1",
}


def said(ids: Sequence[str]) -> str:
    return json.dumps([{"id": id_, "score": -n} for n, id_ in enumerate(ids)])


def items(grades: Sequence[dict[str, float]]) -> list[Example]:
    return [
        Example(f"q{n}", f"query {n}", (), target_of(given), "all")
        for n, given in enumerate(grades)
    ]


def answers(rankings: Sequence[Sequence[str] | None]) -> list[Prediction]:
    return [
        Prediction(f"q{n}", said(ids) if ids is not None else "", "", ids is not None, None)
        for n, ids in enumerate(rankings)
    ]


# -- by hand -------------------------------------------------------------------------------


def test_a_graded_ranking_worked_by_hand() -> None:
    found = score_one(["x", "b", "a", "y"], {"a": 3, "b": 2, "c": 1})
    gained = 2 / math.log2(3) + 3 / math.log2(4)  # x and y are not judged: no gain
    ideal = 3 / math.log2(2) + 2 / math.log2(3) + 1 / math.log2(4)
    assert found["ndcg_10"] == pytest.approx(gained / ideal)
    assert found["mrr_10"] == 0.5
    assert found["recall_10"] == found["recall_100"] == pytest.approx(2 / 3)
    assert found["success_1"] == 0.0


def test_more_than_ten_relevant_passages() -> None:
    relevant = {f"r{n}": 1.0 for n in range(20)}
    found = score_one([*relevant], relevant)
    assert found == {
        "ndcg_10": 1.0,  # the best ten are the best that ten can be
        "mrr_10": 1.0,
        "recall_10": 0.5,  # of twenty
        "recall_100": 1.0,
        "success_1": 1.0,
    }


def test_a_relevant_passage_after_the_tenth_counts_for_recall_at_100_only() -> None:
    ranked = [f"x{n}" for n in range(10)] + ["a"]
    found = score_one(ranked, {"a": 1})
    assert (found["ndcg_10"], found["mrr_10"], found["recall_10"]) == (0.0, 0.0, 0.0)
    assert found["recall_100"] == 1.0


def test_no_passage_at_all_is_an_answer_worth_nothing() -> None:
    assert set(score_one([], {"a": 1}).values()) == {0.0}


# -- the oracle ----------------------------------------------------------------------------


def test_trec_eval_agrees_on_graded_unjudged_and_long_lists() -> None:
    draw = np.random.default_rng(0)
    names = [f"p{n}" for n in range(150)]
    grades: list[dict[str, float]] = []
    rankings: list[list[str]] = []
    for _ in range(60):
        relevant = draw.choice(names, draw.integers(1, 30), replace=False)
        grades.append({str(name): int(draw.integers(1, 5)) for name in relevant})
        rankings.append([str(n) for n in draw.permutation(names)[: draw.integers(0, DEPTH + 1)]])
    oracle: Any = pytrec_eval.RelevanceEvaluator(
        {f"q{n}": given for n, given in enumerate(grades)},
        {"ndcg_cut.10", "recall.10,100", "success.1", "recip_rank"},
    )
    # Falling scores: trec_eval itself breaks ties by the passage's name.
    told = oracle.evaluate(
        {
            f"q{n}": {id_: float(-rank) for rank, id_ in enumerate(ids)}
            for n, ids in enumerate(rankings)
        }
    )
    top = oracle.evaluate(
        {
            f"q{n}": {id_: float(-rank) for rank, id_ in enumerate(ids[:10])}
            for n, ids in enumerate(rankings)
        }
    )
    for n, (ids, given) in enumerate(zip(rankings, grades, strict=True)):
        found = score_one(ids, given)
        if not ids:  # trec_eval has no line for a query without an answer
            assert f"q{n}" not in told and set(found.values()) == {0.0}
            continue
        for ours, theirs in OURS.items():
            assert found[ours] == pytest.approx(told[f"q{n}"][theirs], abs=1e-9), (n, ours)
        assert found["mrr_10"] == pytest.approx(top[f"q{n}"]["recip_rank"], abs=1e-9)
    assert sum(not ids for ids in rankings) < 5


# -- scores of a system --------------------------------------------------------------------


def test_scores_are_means_over_queries_and_an_invalid_answer_is_worth_nothing() -> None:
    scores = score(RANKING, (), items([{"a": 1}] * 4), answers([["a"], ["b", "a"], None, []]))
    assert scores.per_item["mrr_10"].tolist() == [1.0, 0.5, 0.0, 0.0]
    assert scores.metrics["mrr_10"] == pytest.approx(0.375)
    assert scores.metrics["success_1"] == 0.25
    assert scores.metrics["valid"] == 0.75
    assert scores.correct == "success_1" and scores.confidence is None


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("{}", "not a list"),
        ('[{"score": 1}]', "a passage without an id"),
        ('[{"id": 3}]', "a passage without an id"),
        ('[{"id": "a"}, {"id": "a"}]', "a passage comes twice"),
        (said([f"p{n}" for n in range(DEPTH + 1)]), "101 passages, more than 100"),
        ("nonsense", "Expecting value"),
    ],
)
def test_an_answer_that_is_no_ranking_may_not_be_called_valid(output: str, why: str) -> None:
    prediction = Prediction("q0", output, output, True, None)
    with pytest.raises(ConstraintError, match=why):
        score(RANKING, (), items([{"a": 1}]), [prediction])


def test_a_target_without_grades_is_named() -> None:
    with pytest.raises(DataError, match="item 'q0': the target holds no grades"):
        score(RANKING, (), [Example("q0", "query", (), "billing", "all")], answers([["a"]]))


def test_two_systems_are_compared_query_by_query(make: Any) -> None:
    """The paired interval and the verdict come from the values of each query."""
    label: Recipe = make.recipe("label", min_items=20)
    gate = label.gate.model_copy(update={"primary": "ndcg_10", "thresholds": {"ndcg_10": 0.8}})
    recipe = label.model_copy(update={"task": RANKING, "gate": gate})
    examples = items([{"a": 2, "b": 1}] * 40)
    good, bad = [["b"]] * 2 + [["a", "b"]] * 38, [["b", "a"]] * 20 + [["x"]] * 20
    candidate, base = (
        Answers(name, answers(rankings), 1.0) for name, rankings in (("c", good), ("b", bad))
    )
    found = evaluate(recipe, (), examples, candidate, base, [])
    assert found.gate is not None and found.gate.verdict == "pass"
    against = found.against("base")
    assert (against.wins, against.losses) == (38, 2)
    assert against.interval[0] > 0 and against.p_value is None
    assert found.flips["examples"][0]["target"] == "a (2), b (1)"
    assert found.flips["examples"][0]["candidate"] == "✓ a\n✓ b"
    assert found.errors[0]["candidate"] == "✓ b"


# -- the form of an answer -----------------------------------------------------------------


def test_of_equal_scores_the_earlier_passage_comes_first() -> None:
    assert best(np.array([1.0, 3.0, 1.0, 3.0, 0.0])) == [1, 3, 0, 2, 4]
    assert best(np.array([1.0, 3.0, 1.0, 3.0, 0.0]), 0.0) == [1, 3, 0, 2]
    assert best(np.zeros(3), 0.0) == []


def test_ties_at_the_end_of_a_long_list_are_cut_in_the_corpus_order() -> None:
    scores = np.array([1.0] * 90 + [2.0] * 20 + [1.0] * 90)
    assert best(scores) == [*range(90, 110), *range(80)]


def test_an_answer_holds_the_text_of_the_first_passages_only() -> None:
    corpus = [Passage(f"p{n}", "word " * 100) for n in range(30)]
    rows = json.loads(answer_of(corpus, np.arange(30.0)))
    assert [row["id"] for row in rows[:2]] == ["p29", "p28"]
    assert [("text" in row) for row in rows] == [True] * EXCERPTS + [False] * 20
    assert len(rows[0]["text"]) <= 200 and rows[0]["text"].endswith("…")


def test_people_read_which_of_the_first_passages_are_relevant() -> None:
    corpus = [Passage("a", "about wings"), Passage("b", "about\nheat"), Passage("c", "x" * 99)]
    output = answer_of(corpus, np.array([3.0, 2.0, 1.0]))
    told = told_answer(output, '{"b": 1}').split("\n")
    assert told[:2] == ["✗ a about wings", "✓ b about heat"]
    assert told[2].startswith("✗ c xxx") and len(told[2]) < 70
    assert told_answer("[]", '{"b": 1}') == "(no passage)"
    assert told_target('{"a": 1, "b": 1}') == "a, b"
    assert told_target(target_of({f"p{n:02}": 20 - n for n in range(12)})).endswith("and 2 more")
