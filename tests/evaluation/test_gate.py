"""Every check of the gate, from both sides of its limit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from assay.evaluation.calibration import Calibration
from assay.evaluation.gate import EXIT_CODES, judge
from assay.evaluation.result import Comparison, Evaluation, Reason, Slice, System
from assay.recipe.schema import Gate

GAIN = Comparison("base", "accuracy", 0.3, (0.28, 0.32), 1e-9, 330, 30)
OVER_TFIDF = Comparison("tfidf", "accuracy", 0.05, (0.03, 0.07), 0.001, 90, 40)


def gate(**changes: Any) -> Gate:
    return Gate.model_validate({"primary": "accuracy", "thresholds": {}, **changes})


def system(name: str, accuracy: float, invalid: float = 0.0) -> System:
    spread = {"accuracy": (accuracy - 0.01, accuracy + 0.01)}
    return System(name, {"accuracy": accuracy, "ece": 0.02}, spread, 1.0, invalid)


def evaluation(**changes: Any) -> Evaluation:
    """One that passes."""
    found = Evaluation(
        task="label",
        primary="accuracy",
        items=1000,
        confidence=0.95,
        candidate=system("encoder", 0.912),
        base=system("label names", 0.612),
        cheaper=(system("tfidf", 0.862),),
        comparisons=(GAIN, OVER_TFIDF),
        per_class=[],
        confusion=None,
        slices=(),
        flips={},
        errors=[],
        calibration=Calibration(0.02, 0.031, 0.1, "top-label", (), 1.0),
        notes={},
    )
    return replace(found, **changes)


def verdict(found: Evaluation, **changes: Any) -> tuple[str, dict[str, Reason]]:
    judged = judge(gate(**changes), found)
    return judged.verdict, {reason.check: reason for reason in judged.reasons}


def test_all_checks_pass() -> None:
    word, reasons = verdict(evaluation(), thresholds={"accuracy": 0.9, "max_ece": 0.05})
    assert word == "pass"
    assert {r.passed for r in reasons.values()} == {True}
    assert list(reasons) == [
        "enough items", "the base answers", "accuracy >= 0.90", "ece <= 0.05",
        "better than the base", "better than tfidf", "no bad slice",
    ]  # fmt: skip
    assert reasons["accuracy >= 0.90"].detail == "0.912 [0.902, 0.922] on 1,000 items"
    assert reasons["ece <= 0.05"].detail.endswith("(perfect confidences would show up to 0.031)")
    assert reasons["better than the base"].detail == (
        "accuracy 0.912 against 0.612: +0.300 [+0.280, +0.320]; 330 won, 30 lost, "
        "McNemar p < 0.0001"
    )


def test_too_few_items_decide_nothing() -> None:
    word, reasons = verdict(evaluation(items=99))
    assert word == "investigate"
    assert reasons["enough items"].passed is None
    assert verdict(evaluation(items=100))[0] == "pass"


def test_a_baseline_that_does_not_parse_is_no_win() -> None:
    word, reasons = verdict(evaluation(base=system("llm, untrained", 0.1, invalid=0.43)))
    assert word == "investigate"
    assert reasons["the base answers"].detail == (
        "43 % of the base's answers are invalid (at most 20 % allowed): a baseline that fails to "
        "parse is a broken baseline, not a win"
    )
    assert verdict(evaluation(base=system("llm", 0.612, invalid=0.2)))[0] == "pass"


@pytest.mark.parametrize(
    ("thresholds", "passed", "said"),
    [
        ({"accuracy": 0.912}, True, "the interval reaches beyond the threshold"),
        ({"accuracy": 0.90}, True, "on 1,000 items"),
        ({"accuracy": 0.913}, False, "0.912 [0.902, 0.922]"),
        ({"max_accuracy": 0.913}, True, "the interval reaches beyond the threshold"),
        ({"max_ece": 0.02}, True, "0.020 on 1,000 items"),
        ({"max_ece": 0.019}, False, "0.020 on 1,000 items"),
        ({"slot_f1": 0.5}, False, "slot_f1 was not measured; available: accuracy, ece"),
    ],
)
def test_thresholds(thresholds: dict[str, float], passed: bool, said: str) -> None:
    word, reasons = verdict(evaluation(), thresholds=thresholds)
    reason = next(r for check, r in reasons.items() if "=" in check)
    assert word == ("pass" if passed else "fail")
    assert reason.passed is passed
    assert said in reason.detail


@pytest.mark.parametrize(
    ("difference", "interval", "p", "least", "passed"),
    [
        (0.30, (0.28, 0.32), 1e-9, 0.0, True),
        (0.01, (-0.01, 0.03), 0.4, 0.0, None),
        (0.01, (0.0, 0.02), 0.04, 0.0, None),
        (-0.01, (-0.03, 0.01), 0.4, 0.0, False),
        (-0.10, (-0.12, -0.08), 1e-9, 0.0, False),
        (0.00, (-0.01, 0.01), 1.0, 0.0, False),
        (0.03, (0.01, 0.05), 0.01, 0.02, None),
        (0.03, (0.021, 0.05), 0.01, 0.02, True),
        (0.01, (0.005, 0.015), 0.01, 0.02, False),
        (0.03, (0.01, 0.05), 0.06, 0.0, None),  # the interval says yes, McNemar does not
        (0.03, (0.01, 0.05), None, 0.0, True),  # graded metric: no McNemar
    ],
)
def test_the_gain_over_the_base(
    difference: float,
    interval: tuple[float, float],
    p: float | None,
    least: float,
    passed: bool | None,
) -> None:
    comparison = Comparison("base", "accuracy", difference, interval, p, 30, 20)
    found = evaluation(comparisons=(comparison, OVER_TFIDF))
    word, reasons = verdict(found, min_gain=least)
    assert reasons["better than the base"].passed is passed
    assert word == {True: "pass", None: "investigate", False: "fail"}[passed]


@pytest.mark.parametrize(
    ("difference", "interval", "passed"),
    [
        (0.02, (0.001, 0.04), True),
        (0.02, (-0.01, 0.05), None),
        (0.00, (0.0, 0.0), False),
        (-0.02, (-0.05, 0.01), False),
    ],
)
def test_the_gain_over_a_cheaper_rung(
    difference: float, interval: tuple[float, float], passed: bool | None
) -> None:
    comparison = Comparison("tfidf", "accuracy", difference, interval, 0.5, 30, 20)
    word, reasons = verdict(evaluation(comparisons=(GAIN, comparison)), min_gain=0.25)
    assert reasons["better than tfidf"].passed is passed
    assert word == {True: "pass", None: "investigate", False: "fail"}[passed]


def part(difference: float, high: float, *, bad: bool, judged: bool = True) -> Slice:
    return Slice("mail", 40, 0.9, 0.9 + difference, difference, (difference, high), judged, bad)


def test_a_bad_slice_fails() -> None:
    word, reasons = verdict(evaluation(slices=(part(-0.2, -0.05, bad=True),)))
    assert word == "fail"
    assert reasons["no bad slice"].detail == (
        "falls more than 0.10 below the base on mail: 0.900 to 0.700 [-0.200, -0.050] on 40 items"
    )


@pytest.mark.parametrize(
    "found", [part(-0.05, 0.01, bad=False), part(-0.4, -0.2, bad=False, judged=False)]
)
def test_other_slices_do_not(found: Slice) -> None:
    assert verdict(evaluation(slices=(found,)))[0] == "pass"


def test_a_failure_outweighs_a_doubt() -> None:
    found = evaluation(items=10, slices=(part(-0.2, -0.05, bad=True),))
    assert verdict(found)[0] == "fail"


def test_exit_codes() -> None:
    assert EXIT_CODES == {"pass": 0, "fail": 3, "investigate": 4}


def test_a_threshold_may_be_eased_by_one_standard_error() -> None:
    # On 1,000 items the standard error of a share of 0.92 is 0.0086: 0.912 is within it.
    found, asked = evaluation(items=1000), gate(thresholds={"accuracy": 0.92}, min_items=5000)
    assert judge(asked, found).verdict == "fail"
    assert judge(asked, found, selecting=True).verdict == "fail"
    eased = judge(asked, found, selecting=True, eased=True)
    assert eased.verdict == "pass"
    checks = [reason.check for reason in eased.reasons]
    assert "accuracy >= 0.92 less one standard error (0.911)" in checks
    assert "enough items" not in checks  # a promise about the test items
    further = judge(gate(thresholds={"accuracy": 0.93}), found, selecting=True, eased=True)
    assert further.verdict == "fail"


def test_what_has_no_standard_error_is_not_eased() -> None:
    asked = gate(thresholds={"accuracy": 1.0, "max_ece": 0.01})
    found = judge(asked, evaluation(), selecting=True, eased=True)
    missed = [reason.check for reason in found.reasons if reason.passed is False]
    assert missed == ["accuracy >= 1.00", "ece <= 0.01"]
