"""A saved rung answers exactly like the one in memory, and holds nothing that executes."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.data.records import Example
from assay.errors import PackageError
from assay.evaluation.rungs import load_rung
from assay.evaluation.rungs.card import Card, Otherwise
from assay.evaluation.rungs.linear import TfidfLogistic, from_logits, log_softmax
from assay.evaluation.rungs.simple import Copy, Lead, Majority, Nearest, Sentence
from assay.models.pool import BasePool
from assay.observability.progress import SILENT
from assay.recipe.schema import Task

WORDS = {
    "cash": ["atm kept my cash", "cash machine is empty", "no cash from the atm today"],
    "lost": ["I lost my card", "my card is gone", "card stolen yesterday", "it fell in a river"],
    "rate": ["what is the exchange rate", "rate for euros", "which rate do you use for 5 euros"],
}
ASKED = ["my cash is gone", "I lost it", "euros?", "nothing known here zzz", "card 5"]


def examples(texts: Sequence[str], targets: Sequence[str]) -> list[Example]:
    pairs = zip(texts, targets, strict=True)
    return [Example(f"item-{i}", text, (), target, "") for i, (text, target) in enumerate(pairs)]


def training(labels: list[str]) -> list[Example]:
    texts = [text for label in labels for text in WORDS[label]]
    return examples(texts, [label for label in labels for _ in WORDS[label]])


def card(kind: Any, labels: list[str], **more: Any) -> Card:
    return Card(kind=kind, task=Task(output="label"), labels=tuple(labels), **more)


RUNGS: dict[str, Any] = {"majority": Majority, "nearest": Nearest, "tfidf": TfidfLogistic}


@pytest.mark.parametrize("labels", [["cash", "lost"], ["cash", "lost", "rate"]], ids=len)
@pytest.mark.parametrize("kind", RUNGS)
def test_a_saved_rung_predicts_the_same(kind: str, labels: list[str], tmp_path: Path) -> None:
    rung = RUNGS[kind].fit(card(kind, labels, temperature=0.7), training(labels))
    rung.save(tmp_path)
    loaded = load_rung(tmp_path, SILENT, BasePool(SILENT))
    asked = examples(ASKED, ["cash"] * len(ASKED))
    assert loaded.kind == kind
    assert loaded.card == rung.card
    assert loaded.predict(asked, SILENT) == rung.predict(asked, SILENT)


@pytest.mark.parametrize("kind", RUNGS)
def test_a_saved_rung_is_json_and_safetensors(kind: str, tmp_path: Path) -> None:
    labels = ["cash", "lost", "rate"]
    RUNGS[kind].fit(card(kind, labels), training(labels)).save(tmp_path)
    saved = list(tmp_path.iterdir())
    assert {path.suffix for path in saved} <= {".json", ".safetensors"}
    assert not any(path.read_bytes().startswith((b"\x80", b"PK")) for path in saved)


def test_weights_survive_saving_whatever_their_memory_order(tmp_path: Path) -> None:
    """safetensors writes memory as it lies: a Fortran-ordered array would come back scrambled."""
    labels = ["cash", "lost", "rate"]
    rung = TfidfLogistic.fit(card("tfidf", labels), training(labels))
    rung.weights = np.asfortranarray(rung.weights)
    rung.save(tmp_path)
    loaded: Any = load_rung(tmp_path, SILENT, BasePool(SILENT))
    np.testing.assert_array_equal(loaded.weights, rung.weights)


def test_the_linear_rung_learns_its_training_items() -> None:
    labels = ["cash", "lost", "rate"]
    items = training(labels)
    rung = TfidfLogistic.fit(card("tfidf", labels), items)
    found = rung.predict(items, SILENT)
    assert [prediction.output for prediction in found] == [item.target for item in items]
    for prediction in found:
        assert prediction.scores is not None
        assert np.exp(prediction.scores).sum() == pytest.approx(1.0)
        assert prediction.confidence == pytest.approx(np.exp(max(prediction.scores)))


def test_the_nearest_rung_copies_the_answer_of_its_own_items() -> None:
    items = training(["cash", "lost", "rate"])
    found = Nearest.fit(card("nearest", ["cash", "lost", "rate"]), items).predict(items, SILENT)
    assert [prediction.output for prediction in found] == [item.target for item in items]
    assert all(prediction.confidence is None for prediction in found)


def test_copy_and_lead_answer_with_words_of_the_input(tmp_path: Path) -> None:
    text = "Anna: so, 3.5 days? I see.\nBen: Yes! It is late.\n\nAnna: Bye."
    task = Task(output="text")
    asked = examples([text, "one", "\n\n"], ["", "", ""])
    for kind, rung, answer in (
        ("copy", Copy, text),
        ("lead", Lead, "Anna: so, 3.5 days? I see. Ben: Yes!"),
    ):
        fitted = rung.fit(Card(kind=kind, task=task), asked)  # type: ignore[arg-type]
        fitted.save(tmp_path / kind)
        loaded = load_rung(tmp_path / kind, SILENT, BasePool(SILENT))
        assert type(loaded) is rung
        found = loaded.predict(asked, SILENT)
        assert [said.output for said in found[:2]] == [answer, "one"]
        assert all(said.valid and said.confidence is None for said in found)


def test_the_sentence_rung_answers_with_what_is_most_like_the_question(tmp_path: Path) -> None:
    text = "The cat slept.\nA dog barked at noon! It rained.\n\nWhen did the dog bark, at noon?"
    inputs = [text, "It rained. The cat slept. Who slept, the cat?", "alone", "\n\nonly this"]
    asked = examples(inputs, [""] * 4)
    made = Sentence.fit(Card(kind="sentence", task=Task(output="text")), asked)
    made.save(tmp_path)
    loaded = load_rung(tmp_path, SILENT, BasePool(SILENT))
    assert type(loaded) is Sentence
    for rung in (made, loaded):
        found = [said.output for said in rung.predict(asked, SILENT)]
        assert found == ["A dog barked at noon!", "The cat slept.", "alone", "only this"]


def test_a_copied_input_that_breaks_the_task_is_marked_invalid() -> None:
    task = Task(output="text", regex="[0-9]+")
    found = Copy(Card(kind="copy", task=task)).predict(examples(["12", "b"], ["", ""]), SILENT)
    assert [(said.output, said.raw, said.valid) for said in found] == [
        ("12", "12", True),
        ("", "b", False),
    ]


def test_the_majority_rung_answers_the_commonest_and_breaks_ties_by_name() -> None:
    items = training(["cash", "lost", "rate"])
    rung = Majority.fit(card("majority", ["cash", "lost", "rate"]), items)
    assert rung.answer == "lost"
    assert rung.share == pytest.approx(0.4)
    scores = rung.predict(items[:1], SILENT)[0].scores
    assert scores is not None
    assert np.exp(scores).sum() == pytest.approx(1.0)
    tied = Majority.fit(card("majority", ["cash", "rate"]), training(["rate", "cash"]))
    assert tied.answer == "cash"


def test_temperature_changes_confidence_and_never_the_answer() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 3))
    asked = examples(ASKED, ["cash"] * len(ASKED))
    sharp, flat = (
        from_logits(card("tfidf", ["a", "b", "c"], temperature=t), asked, logits)
        for t in (0.5, 5.0)
    )
    assert [p.output for p in sharp] == [p.output for p in flat]
    assert all((a.confidence or 0) > (b.confidence or 0) for a, b in zip(sharp, flat, strict=True))


def test_an_unsure_answer_becomes_otherwise() -> None:
    """With the confidence that this has on validation, not that of the label given up."""
    task = Task.model_validate({"output": "label", "otherwise": "none"})
    labels = ("a", "b", "none")
    rule = Otherwise(below=0.5, slope=0.0, offset=math.log(4))
    made = Card(kind="tfidf", task=task, labels=labels, otherwise=rule)
    logits = np.log([[0.6, 0.3, 0.1], [0.45, 0.35, 0.2], [0.1, 0.1, 0.8]])
    found = from_logits(made, examples(ASKED[:3], labels), logits)
    assert [p.output for p in found] == ["a", "none", "none"]
    assert [p.raw for p in found] == ["a", "a", "none"]
    assert [p.confidence for p in found] == pytest.approx([0.6, 0.8, 0.8])
    plain = from_logits(
        made.model_copy(update={"otherwise": None}), examples(ASKED[:3], labels), logits
    )
    assert [p.output for p in plain] == ["a", "a", "none"]


def test_log_softmax_stands_large_logits() -> None:
    np.testing.assert_allclose(log_softmax(np.array([[1e4, 1e4]])), np.log([[0.5, 0.5]]))


def test_a_card_refuses_unknown_keys(tmp_path: Path) -> None:
    card("majority", ["a", "b"]).write(tmp_path)
    path = tmp_path / "rung.json"
    assert Card.read(tmp_path) == card("majority", ["a", "b"])
    path.write_text(json.dumps({**json.loads(path.read_text()), "surprise": 1}))
    with pytest.raises(PackageError, match="surprise"):
        Card.read(tmp_path)


def test_a_card_keeps_the_order_of_a_schema_which_answers_are_written_in(tmp_path: Path) -> None:
    fields = {"to": {"type": "string"}, "by": {"type": "string"}, "at": {"enum": ["noon", "dawn"]}}
    schema = {"type": "object", "properties": fields, "required": list(fields)}
    saved = Card(kind="majority", task=Task(output="json", schema=schema))
    saved.write(tmp_path)
    read = Card.read(tmp_path).task.json_schema
    assert read is not None and list(read["properties"]) == ["to", "by", "at"]
    assert json.dumps(read) == json.dumps(schema)


def test_a_folder_without_a_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"holds no rung\.json"):
        load_rung(tmp_path, SILENT, BasePool(SILENT))


def test_a_rung_that_needs_a_base_must_name_it(tmp_path: Path) -> None:
    card("embedding", ["a", "b"]).write(tmp_path)
    with pytest.raises(PackageError, match="must name its base"):
        load_rung(tmp_path, SILENT, BasePool(SILENT))
