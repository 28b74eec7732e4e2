"""The ladder stops at the first rung that passes, and says which is best when none does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from assay import files
from assay.data.records import Example, Splits
from assay.data.spans import Span, answer_of
from assay.evaluation import ladder
from assay.evaluation.ladder import Climb, climb_ladder, ordered
from assay.evaluation.metrics import score
from assay.evaluation.predictions import Prediction
from assay.evaluation.result import Answers
from assay.evaluation.rungs import load_rung
from assay.evaluation.rungs.card import Card
from assay.evaluation.rungs.linear import TfidfLogistic
from assay.evaluation.rungs.simple import Majority, Nearest
from assay.evaluation.rungs.tagger import Tagger
from assay.models.pool import BasePool
from assay.observability.progress import SILENT
from assay.recipe.schema import Recipe, Rung, Task

TOPICS = {
    "cash": "atm cash machine withdraw notes coins",
    "lost": "card stolen missing gone wallet blocked",
    "rate": "exchange euro dollar currency convert price",
}


def split(name: str, size: int, seed: int, noise: float = 0.0) -> tuple[Example, ...]:
    """Three words of a topic are the input, the topic is the target; noise swaps targets."""
    draw = np.random.default_rng(seed)
    rows: list[Example] = []
    for i in range(size):
        topic = list(TOPICS)[i % 3]
        text = " ".join(draw.choice(TOPICS[topic].split(), 3, replace=False))
        target = str(draw.choice(list(TOPICS))) if draw.random() < noise else topic
        rows.append(Example(f"{name}-{i}", text, (), target, target))
    return tuple(rows)


@pytest.fixture
def climb(make: Any, tmp_path: Path) -> Any:
    """A ``Climb`` over toy data with the given rungs and gate."""

    def build(kinds: Sequence[str], noise: float = 0.0, **gate: Any) -> Climb:
        recipe: Recipe = make.recipe("label", **gate)
        recipe = recipe.model_copy(
            update={"ladder": [Rung.model_validate({"kind": kind}) for kind in kinds]}
        )
        splits = Splits(
            split("train", 90, 0, noise),
            split("validation", 60, 1, noise),
            split("test", 60, 2, noise),
            tuple(sorted(TOPICS)),
            {},
        )
        return Climb(recipe, splits, tmp_path, BasePool(SILENT), SILENT)

    return build


def refuse(*_: Any) -> None:
    raise AssertionError("this rung should not have been touched")


def test_rungs_are_climbed_in_serving_order(climb: Any) -> None:
    kinds = [rung.kind for rung in ordered(climb(["nearest", "majority", "tfidf"]).recipe)]
    assert kinds == ["majority", "tfidf", "nearest"]


def test_it_stops_at_the_first_rung_that_passes(
    climb: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Nearest, "fit", refuse)
    monkeypatch.setattr(Nearest, "predict", refuse)
    steps, entries, chosen = climb_ladder(
        climb(["nearest", "majority", "tfidf"], thresholds={"accuracy": 0.8})
    )
    assert [step.kind for step in steps] == ["majority", "tfidf"]
    assert chosen == 1
    assert [entry["kind"] for entry in entries] == ["majority", "tfidf", "nearest"]
    assert [entry["reached"] for entry in entries] == [True, True, False]
    assert [entry["selected"] for entry in entries] == [False, True, False]
    assert [entries[0]["passes"], entries[1]["passes"]] == [False, True]
    assert entries[1]["validation"]["accuracy"] > 0.95
    assert "tfidf passes" in entries[2]["reasons"][0]
    assert not (tmp_path / "rungs" / "nearest").exists()


def test_validation_is_asked_once_and_answered_as_the_calibrated_rung_does(
    climb: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[int] = []
    predict = TfidfLogistic.predict

    def counted(self: TfidfLogistic, examples: Sequence[Example], progress: Any) -> Any:
        asked.append(len(examples))
        return predict(self, examples, progress)

    monkeypatch.setattr(TfidfLogistic, "predict", counted)
    toy = climb(["majority", "tfidf"], noise=0.3, thresholds={"accuracy": 0.5})
    steps, _, _ = climb_ladder(toy)
    assert asked == [60]
    again = load_rung(tmp_path / "rungs" / "tfidf" / "rung", SILENT, toy.pool)
    assert again.card.temperature not in (1.0, 0.05, 20.0)  # fitted, and not at its bounds
    assert again.predict(toy.splits.validation, SILENT) == steps[1].validation.predictions


def test_it_never_looks_at_the_test_items(climb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[str] = set()
    for rung in (Majority, TfidfLogistic):
        honest: Any = rung.predict

        def spying(self: Any, examples: Any, progress: Any, honest: Any = honest) -> Any:
            seen.update(example.id.split("-")[0] for example in examples)
            return honest(self, examples, progress)

        monkeypatch.setattr(rung, "predict", spying)
    climb_ladder(climb(["majority", "tfidf"], thresholds={"accuracy": 0.8}))
    assert seen == {"validation"}


def test_every_rung_is_climbed_when_asked(climb: Any) -> None:
    steps, entries, chosen = climb_ladder(
        climb(["majority", "tfidf", "nearest"], thresholds={"accuracy": 0.8}), all_rungs=True
    )
    assert [step.kind for step in steps] == ["majority", "tfidf", "nearest"]
    assert all(entry["reached"] for entry in entries)
    assert chosen == 1
    assert [entry["selected"] for entry in entries] == [False, True, False]


def wrong_about(kind: Any, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a rung answer the first ``count`` items wrongly, and the others rightly."""
    honest = kind.predict

    def predict(self: Any, examples: Sequence[Example], progress: Any) -> Any:
        labels = self.card.labels
        return [
            replace(said, output=labels[labels.index(e.target) - (place < count)])
            for place, (e, said) in enumerate(
                zip(examples, honest(self, examples, progress), strict=True)
            )
        ]

    monkeypatch.setattr(kind, "predict", predict)


def test_a_near_miss_is_no_pass_while_a_dearer_rung_may(
    climb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 60 items 0.9 is 54, and one standard error 2.3 items: 53 is a near miss."""
    wrong_about(TfidfLogistic, 7, monkeypatch)
    wrong_about(Nearest, 3, monkeypatch)
    _, entries, chosen = climb_ladder(
        climb(["majority", "tfidf", "nearest"], thresholds={"accuracy": 0.9})
    )
    assert [entry["passes"] for entry in entries] == [False, False, True]
    assert [entry["near"] for entry in entries] == [False, True, False]
    assert entries[1]["reasons"] == ["accuracy >= 0.90 (missed by less than one standard error)"]
    assert chosen == 2


def test_where_none_passes_the_cheapest_near_miss_is_chosen(
    climb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dearer rung is right once more: that is luck as likely as worth, and costs more to serve."""
    wrong_about(TfidfLogistic, 8, monkeypatch)
    wrong_about(Nearest, 7, monkeypatch)
    steps, entries, chosen = climb_ladder(
        climb(["majority", "tfidf", "nearest"], thresholds={"accuracy": 0.9})
    )
    assert [entry["near"] for entry in entries] == [False, True, True]
    assert steps[chosen].kind == "tfidf" and entries[chosen]["selected"]


def test_when_none_passes_the_best_is_chosen(climb: Any) -> None:
    steps, entries, chosen = climb_ladder(
        climb(["majority", "tfidf"], noise=0.5, thresholds={"accuracy": 0.99})
    )
    assert not any(entry["passes"] for entry in entries)
    accuracy = [entry["validation"]["accuracy"] for entry in entries]
    assert steps[chosen].kind == "tfidf"
    assert accuracy[chosen] == max(accuracy) > min(accuracy)
    assert entries[chosen]["selected"]
    assert entries[chosen]["reasons"]


def test_a_second_climb_reloads_what_was_fitted(
    climb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds, gate = ["majority", "tfidf"], {"thresholds": {"accuracy": 0.8}}
    first, entries, chosen = climb_ladder(climb(kinds, **gate))
    monkeypatch.setattr(TfidfLogistic, "fit", refuse)
    again, entries_again, chosen_again = climb_ladder(climb(kinds, **gate))
    assert chosen_again == chosen
    assert entries_again == entries
    assert again[1].validation == first[1].validation
    validation = climb(kinds, **gate).splits.validation
    assert again[1].rung.predict(validation, SILENT) == first[1].validation.predictions


def test_the_temperature_fitted_on_validation_is_saved(climb: Any, tmp_path: Path) -> None:
    steps, _, _ = climb_ladder(climb(["tfidf"], noise=0.3, thresholds={"accuracy": 0.5}))
    saved = files.read_json(tmp_path / "rungs" / "tfidf" / "rung" / "rung.json")
    assert saved["temperature"] == steps[0].rung.card.temperature != 1.0


def test_what_is_out_of_scope_is_told_by_how_unsure_an_answer_is(
    climb: Any, tmp_path: Path
) -> None:
    """Words of no topic: train has a few such rows, which teach nothing about the others."""
    toy = climb(["tfidf"], thresholds={"accuracy": 0.5})
    draw = np.random.default_rng(3)

    def strange(name: str, size: int) -> tuple[Example, ...]:
        words = ["".join(draw.choice(list("qxzkj"), 5)) for _ in range(3 * size)]
        texts = [" ".join(words[3 * i : 3 * i + 3]) for i in range(size)]
        return tuple(Example(f"{name}-{i}", t, (), "none", "none") for i, t in enumerate(texts))

    labels = ("cash", "lost", "none", "rate")
    splits = Splits(
        (*toy.splits.train, *strange("t", 3)),
        (*toy.splits.validation, *strange("v", 30)),
        (*toy.splits.test, *strange("e", 30)),
        labels,
        {},
    )
    scores: dict[bool, float] = {}
    for wanted in (False, True):
        task = Task.model_validate({"output": "label", "otherwise": "none" if wanted else None})
        recipe = toy.recipe.model_copy(update={"task": task})
        folder = tmp_path / str(wanted)
        (step,), _, _ = climb_ladder(replace(toy, recipe=recipe, splits=splits, folder=folder))
        rule = step.rung.card.otherwise
        assert (rule is not None) is wanted
        found = score(task, labels, splits.test, step.rung.predict(splits.test, SILENT))
        scores[wanted] = found.metrics["accuracy"]
        assert ("multi-class" in found.notes["brier"]) is not wanted
        again = load_rung(folder / "rungs" / "tfidf" / "rung", SILENT, toy.pool)
        assert again.card.otherwise == rule
        assert again.predict(splits.validation, SILENT) == step.validation.predictions
    assert scores[False] < 0.75 < 0.95 < scores[True]


def test_a_checked_text_is_as_sure_as_its_number_was_right(climb: Any) -> None:
    """Likely answers were right by their number, though no answer has the target's words."""
    toy = climb(["majority"])
    sure = [i % 2 == 0 for i in range(60)]
    targets = [
        Example(e.id, e.text, (), f"worked out\n#### {i}", "")
        for i, e in enumerate(toy.splits.validation)
    ]
    toy.splits = replace(toy.splits, validation=tuple(targets))
    said = [
        Prediction(
            e.id, f"= {i if sure[i] else 1000}", "", True, None, logprob=-1.0 - (not sure[i])
        )
        for i, e in enumerate(targets)
    ]
    for check, fitted in (("number", True), (None, False)):
        card = Card(kind="llm", task=Task.model_validate({"output": "text", "check": check}))
        rung: Any = SimpleNamespace(card=card)
        answers = ladder._calibrated(toy, rung, Answers("llm", said, 1.0))
        assert (rung.card.platt is not None) is fitted
        found = [p.confidence for p in answers.predictions]
        assert found == (
            [pytest.approx(0.97 if s else 0.03, abs=0.03) for s in sure] if fitted else [None] * 60
        )


def test_a_tagger_is_asked_once_and_calibrated_by_what_it_said(
    make: Any, tmp_path: Path, tiny_encoder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"Rome": "place", "Ann": "person"}

    def named(name: str, size: int) -> tuple[Example, ...]:
        rows: list[Example] = []
        for i in range(size):
            word = list(names)[i % 2]
            text = f"we saw {word} {('here', 'there', 'then')[i % 3]}"
            right = word if i % 5 else "saw"  # one target in five is wrong
            span = Span(text.index(right), text.index(right) + len(right), names[word])
            rows.append(Example(f"{name}-{i}", text, (), answer_of(text, [span]), "all"))
        return tuple(rows)

    splits = Splits(
        named("train", 90), named("validation", 60), named("test", 30), ("person", "place"), {}
    )
    asked: list[int] = []
    scores = Tagger.scores

    def counted(self: Tagger, texts: Sequence[str], progress: Any) -> Any:
        asked.append(len(texts))
        return scores(self, texts, progress)

    monkeypatch.setattr(Tagger, "scores", counted)
    folder = tiny_encoder([e.text for e in splits.train])().ref.path
    base = {"model": str(folder), "allow_noncommercial": True}
    recipe: Recipe = make.recipe("entities")
    rung = Rung.model_validate({"kind": "embedding", "base": base})
    toy = Climb(
        recipe.model_copy(update={"ladder": [rung]}), splits, tmp_path, BasePool(SILENT), SILENT
    )
    (step,), _, _ = climb_ladder(toy)
    assert asked == [60]
    assert step.rung.card.platt is not None
    again = load_rung(tmp_path / "rungs" / "embedding" / "rung", SILENT, toy.pool)
    assert again.predict(splits.validation, SILENT) == step.validation.predictions
    assert {0 < (p.confidence or 0) < 1 for p in step.validation.predictions} == {True}
