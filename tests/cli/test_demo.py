"""The demo at reduced size: a ladder that passes in seconds, and a gate that nothing passes.

`make demo` itself is run by tests/docs/test_commands.py under `make test-full`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.cli import demo
from assay.cli.demo import Act
from assay.recipe import load as loading

Assay = Callable[..., Any]  # the fixture `assay`
QUESTIONS = ("The food was wonderful.", "It broke after a day.", "A waste of money.")
CHEAP = ("ladder=[{kind: majority}, {kind: tfidf}]", "data.near_duplicates=", "data.leakage=")


@pytest.fixture
def bound(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The demo shows review-sentiment alone, with a threshold of our choice."""

    def choose(accuracy: float) -> None:
        original = loading.load
        threshold = f"gate.thresholds={{accuracy: {accuracy}}}"

        def load(name: str, *, profile: str | None = None) -> Any:
            return original(name, profile=profile, overrides=[*CHEAP, threshold])

        monkeypatch.setattr(loading, "load", load)
        monkeypatch.setattr(demo, "ACTS", (Act("review-sentiment", "A cheap one.", QUESTIONS),))

    return choose


def test_the_demo_proves_signs_serves_and_asks(assay: Assay, home: Path, bound: Any) -> None:
    bound(0.6)
    done = assay("demo")
    assert done.code == 0, done.out[-2000:] + done.err[-2000:]
    for said in (
        "rung tfidf",
        "accuracy >= 0.60",
        "assay keys new demo",
        "✓ review-sentiment",
        "listening on http",
        "1 specialist shipped",
    ):
        assert said in done.out, said
    again = assay("demo", "--json")  # finished runs are not trained again
    assert again.code == 0 and again.json["seconds"] < 60
    assert [answer["question"] for answer in again.json["answers"]] == list(QUESTIONS)
    assert {answer["answer"] for answer in again.json["answers"]} <= {"POSITIVE", "NEGATIVE"}
    (package,) = again.json["packages"]
    assert assay("verify", package).code == 0


def test_what_fails_is_neither_signed_nor_served(assay: Assay, home: Path, bound: Any) -> None:
    bound(0.999)
    done = assay("demo")
    assert done.code == 3
    assert "Nothing passed, so there is nothing to sign." in done.out
    assert not list(Path().rglob("*.tgsp"))
    summary = assay("demo", "--json")
    assert summary.code == 3
    assert summary.json["packages"] == [] and summary.json["answers"] == []
