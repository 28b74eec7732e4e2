"""One evaluation from end to end: comparisons, slices, flips, errors, and what it must not depend on."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import DataError, RecipeError
from assay.evaluation.evaluate import Answers, evaluate

LABELS = ("a", "b", "c")
triples = st.lists(
    st.tuples(*[st.sampled_from(LABELS)] * 2, st.sampled_from([*LABELS, None])),
    min_size=1,
    max_size=30,
)


def run(make: Any, rows: list[tuple[str, str | None, str | None]], **gate: Any) -> Any:
    """Rows of (target, candidate's answer, base's answer)."""
    targets, ours, theirs = zip(*rows, strict=True)
    return evaluate(
        make.recipe(**gate),
        LABELS,
        make.examples(targets),
        make.answers(ours, "encoder"),
        make.answers(theirs, "label names"),
        [],
    )


def test_by_hand(make: Any) -> None:
    rows = [("a", "a", "b"), ("a", "a", "a"), ("b", "c", "b"), ("b", "b", None), ("c", "c", "a")]
    found = run(make, rows * 8).as_json()
    assert found["items"] == 40
    assert found["candidate"]["metrics"]["accuracy"] == pytest.approx(0.8)
    assert found["base"]["metrics"]["accuracy"] == pytest.approx(0.4)
    assert found["base"]["invalid_share"] == pytest.approx(0.2)
    first = found["comparisons"][0]
    assert (first["against"], first["metric"]) == ("base", "accuracy")
    assert (first["wins"], first["losses"]) == (24, 8)
    assert first["difference"] == pytest.approx(0.4)
    assert first["p_value"] == pytest.approx(0.007, abs=0.001)
    assert [(s["slice"], s["items"], s["judged"]) for s in found["slices"]] == [
        ("b", 16, False),
        ("a", 16, False),
        ("c", 8, False),
    ]
    assert found["slices"][0]["difference"] == pytest.approx(2 / 3 - 1 / 2)  # F1 of b
    assert (found["flips"]["fixed"], found["flips"]["broken"]) == (24, 8)
    broken = [flip for flip in found["flips"]["examples"] if flip["kind"] == "broken"]
    assert {(f["target"], f["base"], f["candidate"]) for f in broken} == {("b", "b", "c")}
    assert "(invalid) {broken" in {flip["base"] for flip in found["flips"]["examples"]}
    assert {error["candidate"] for error in found["errors"]} == {"c"}
    assert found["calibration"] is None
    assert found["confusion"]["matrix"] == [[16, 0, 0], [0, 8, 8], [0, 0, 8]]


def test_the_json_has_the_agreed_shape(make: Any) -> None:
    targets = ["a", "b", "c"] * 30
    answers = make.answers(make.noisy(targets, LABELS, 0.8, 0), "encoder", confidence=[0.8] * 90)
    cheaper = [make.answers(make.noisy(targets, LABELS, 0.6, 1), "tfidf")]
    base = make.answers(make.noisy(targets, LABELS, 0.4, 2), "label names")
    examples = make.examples(targets)
    found = evaluate(make.recipe(), LABELS, examples, answers, base, cheaper, 1.7).as_json()
    assert set(found) == {
        "task", "primary", "items", "confidence", "candidate", "base", "cheaper", "comparisons",
        "per_class", "confusion", "slices", "flips", "errors", "calibration", "notes", "gate",
    }  # fmt: skip
    assert set(found["cheaper"][0]) >= {"name", "metrics", "intervals", "seconds"}
    assert set(found["calibration"]) >= {"ece", "ece_null_95", "brier", "bins", "temperature"}
    assert found["calibration"]["temperature"] == 1.7
    assert "ece" not in found["candidate"]["intervals"]
    against = [(c["against"], c["metric"]) for c in found["comparisons"]]
    assert against[:2] == [("base", "accuracy"), ("tfidf", "accuracy")]
    assert ("base", "macro_f1") in against
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize("output", ["json", "text"])
def test_other_tasks(make: Any, output: str) -> None:
    targets = ['{"intent": "play", "slots": {"artist": "Abba"}}'] * 30
    wrong = '{"intent": "play", "slots": {}}'
    recipe = make.recipe(output, primary={"json": "slot_f1", "text": "chrf"}[output])
    ours = make.answers(targets[:20] + [wrong] * 10, "llm")
    found = evaluate(recipe, (), make.examples(targets), ours, make.answers([wrong] * 30), [])
    assert found.comparisons[0].metric == recipe.gate.primary
    assert found.comparisons[0].p_value is None
    assert found.comparisons[0].wins == 20
    assert found.comparisons[0].interval[0] > 0
    low, high = found.candidate.intervals[recipe.gate.primary]
    assert low <= found.candidate.metrics[recipe.gate.primary] <= high


def test_macro_f1_is_compared_without_mcnemar(make: Any) -> None:
    rows = [("a", "a", "b"), ("b", "b", "b"), ("c", "c", "a")] * 10
    comparison = run(make, rows, primary="macro_f1").comparisons[0]
    assert comparison.metric == "macro_f1"
    assert comparison.p_value is None
    assert (comparison.wins, comparison.losses) == (20, 0)


@settings(max_examples=25, deadline=None)
@given(rows=triples, data=st.data())
def test_the_order_of_items_does_not_matter(make: Any, rows: Any, data: Any) -> None:
    targets, ours, theirs = zip(*rows, strict=True)
    order = data.draw(st.permutations(range(len(rows))))
    examples, recipe = make.examples(targets), make.recipe()

    def shuffled(answers: Answers) -> Answers:
        return Answers(answers.name, [answers.predictions[i] for i in order], answers.seconds)

    one, other = make.answers(ours, "encoder"), make.answers(theirs, "base")
    straight = evaluate(recipe, LABELS, examples, one, other, [])
    mixed = evaluate(
        recipe, LABELS, [examples[i] for i in order], shuffled(one), shuffled(other), []
    )
    assert mixed.as_json() == straight.as_json()


@settings(max_examples=25, deadline=None)
@given(rows=triples)
def test_intervals_hold_their_estimates_and_swapping_negates(make: Any, rows: Any) -> None:
    found = run(make, rows)
    swapped = run(make, [(target, theirs, ours) for target, ours, theirs in rows])
    for system in (found.candidate, found.base):
        for metric, (low, high) in system.intervals.items():
            assert low <= system.metrics[metric] <= high
    for one, other in zip(found.comparisons, swapped.comparisons, strict=True):
        assert one.interval[0] <= one.difference <= one.interval[1]
        assert other.difference == pytest.approx(-one.difference)
        assert other.interval == pytest.approx((-one.interval[1], -one.interval[0]))
        assert (other.wins, other.losses) == (one.losses, one.wins)
        assert other.p_value == one.p_value


@settings(max_examples=25, deadline=None)
@given(rows=triples)
def test_a_candidate_equal_to_the_base_never_passes(make: Any, rows: Any) -> None:
    same = [(target, theirs, theirs) for target, _, theirs in rows]
    found = run(make, same, min_items=1, max_invalid_baseline=1.0)
    assert found.gate.verdict == "fail"


def test_slices_are_worst_first_and_judged_by_size(make: Any) -> None:
    targets = ["a"] * 40 + ["b"] * 40
    slices = ["chat"] * 30 + ["mail"] * 30 + ["fax"] * 20
    base = ["a"] * 40 + ["b"] * 40
    ours = ["a"] * 30 + ["c"] * 10 + ["b"] * 40
    found = evaluate(
        make.recipe(slices={"min_items": 25}),
        LABELS,
        make.examples(targets, slices),
        make.answers(ours),
        make.answers(base),
        [],
    )
    names = [(part.slice, part.judged, part.bad) for part in found.slices]
    assert names == [("mail", True, True), ("chat", True, False), ("fax", False, False)]
    assert found.slices[0].difference == pytest.approx(-1 / 3)


@pytest.mark.parametrize(("won", "bad"), [(0, True), (5, False)])
def test_a_drop_that_chance_explains_is_not_bad(make: Any, won: int, bad: bool) -> None:
    # 25 items; 5 more lost than won is a drop of 0.20, above the 0.10 allowed.
    lost = won + 5
    rows = (
        [("a", "a", "a")] * (25 - won - lost) + [("a", "a", "b")] * won + [("a", "b", "a")] * lost
    )
    targets, ours, theirs = zip(*rows, strict=True)
    examples = make.examples(targets, ["chat"] * 25)
    systems = make.answers(ours), make.answers(theirs)
    (part,) = evaluate(make.recipe(), LABELS, examples, *systems, []).slices
    assert part.difference == pytest.approx(-0.2)
    assert part.bad is bad


def test_one_answer_to_everything_is_not_good_at_the_class_it_names(make: Any) -> None:
    """A class as a slice is judged by its F1, not by its items alone."""
    right = [("a", "a", "a")] * 80 + [("b", "b", "a")] * 80
    wrong = [("a", "b", "a")] * 20 + [("b", "a", "a")] * 20
    found = {part.slice: part for part in run(make, right + wrong).slices}
    assert found["a"].candidate == pytest.approx(0.8)
    assert found["a"].base == pytest.approx(
        2 / 3
    )  # it finds all of a, and is wrong every other time
    assert found["b"].base == 0.0
    assert not found["a"].bad and not found["b"].bad
    low, high = found["a"].interval
    assert low < 0.8 - 2 / 3 < high


def test_a_class_that_is_no_longer_found_is_bad(make: Any) -> None:
    rows = [("a", "a", "a")] * 40 + [("b", "a", "b")] * 40
    worst = run(make, rows).slices[0]
    assert (worst.slice, worst.bad, worst.difference) == ("b", True, -1.0)


def test_the_worst_errors_and_flips_come_first(make: Any) -> None:
    confidence = [0.5, 0.99, 0.7, 0.6]
    found = evaluate(
        make.recipe(),
        LABELS,
        make.examples(["a"] * 4),
        make.answers(["b", "b", "b", "a"], confidence=confidence),
        make.answers(["a", "a", "a", "b"]),
        [],
    )
    assert [error["confidence"] for error in found.errors] == [0.99, 0.7, 0.5]
    kinds = [(flip["kind"], flip["id"]) for flip in found.flips["examples"]]
    assert kinds[:2] == [("fixed", "item-00003"), ("broken", "item-00001")]


def test_unusable_input_is_refused(make: Any) -> None:
    examples, answers = make.examples(["a"]), make.answers(["a"])
    with pytest.raises(RecipeError, match="slot_f1 cannot be compared"):
        evaluate(make.recipe(primary="slot_f1"), LABELS, examples, answers, answers, [])
    with pytest.raises(DataError, match="0 predictions for 1 examples"):
        evaluate(make.recipe(), LABELS, examples, answers, answers, [make.answers([])])


def test_a_test_set_of_banking77s_size_takes_seconds(make: Any) -> None:
    generator = np.random.default_rng(0)
    labels = tuple(f"class {i}" for i in range(77))
    targets = [labels[i] for i in generator.integers(0, 77, 3080)]
    systems = [
        make.answers(make.noisy(targets, labels, share, seed), f"rung {seed}")
        for seed, share in enumerate((0.9, 0.3, 0.7, 0.8))
    ]
    began = time.process_time()
    found = evaluate(make.recipe(), labels, make.examples(targets), *systems[:2], systems[2:])
    assert time.process_time() - began < 6  # about 1 s alone; the machine may be busy
    assert found.gate.verdict == "pass"
