"""The fine-tuned encoder on a random BERT of two layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from assay.data.records import Example, Turn
from assay.errors import TrainingError
from assay.evaluation.ladder import answer
from assay.evaluation.rungs import finetune as room
from assay.evaluation.rungs.card import Card
from assay.evaluation.rungs.encoder import FineTunedEncoder
from assay.evaluation.rungs.finetune import SHARES
from assay.evaluation.rungs.linear import EmbeddingLogistic
from assay.models.load import Remembered
from assay.observability.progress import SILENT, SilentProgress
from assay.recipe.schema import Adapter, Task, Training

LABELS = ("cards", "loans", "rates")
SAID = {"cards": "my card is lost", "loans": "a loan please", "rates": "what is the rate"}


def examples(count: int, start: int = 0) -> list[Example]:
    found: list[Example] = []
    for n in range(start, start + count):
        label = LABELS[n % 3]
        text = f"{SAID[label]} now and {n}"
        turns = (Turn("user", text), Turn("assistant", label))
        found.append(Example(str(n), text, turns, label, label))
    return found


@pytest.fixture(scope="session")
def embedder(tiny_encoder: Any) -> Any:
    return tiny_encoder([e.text for e in examples(300)])


def fitted(embedder: Any, tmp_path: Path, adapter: Adapter | None = None) -> FineTunedEncoder:
    card = Card(kind="encoder", task=Task(output="label"), labels=LABELS)
    settings = Training(epochs=10, batch=8, learning_rate=3e-3, sinks=[])
    train, held_out = examples(60), examples(30, 500)
    return FineTunedEncoder.fit(
        card, train, held_out, embedder(), adapter, settings, tmp_path, SILENT
    )


@pytest.mark.parametrize("adapter", [None, Adapter(rank=4, alpha=8)])
def test_it_learns_and_comes_back_the_same(
    embedder: Any, tmp_path: Path, adapter: Adapter | None
) -> None:
    rung = fitted(embedder, tmp_path / "run", adapter)
    items = examples(60, 1000)
    found = rung.predict(items, SILENT)
    assert np.mean([p.output == e.target for p, e in zip(found, items, strict=True)]) > 0.9
    (tmp_path / "rung").mkdir()
    rung.save(tmp_path / "rung")
    again = FineTunedEncoder.load(tmp_path / "rung", rung.card, embedder())
    for one, other in zip(found, again.predict(items, SILENT), strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-5)


def test_word_vectors_and_pooler_stay_as_they_were(embedder: Any, tmp_path: Path) -> None:
    before = embedder().model.state_dict()
    after = fitted(embedder, tmp_path).embedder.model.state_dict()
    for name in before:
        frozen = "word_embeddings" in name or "pooler" in name
        assert torch.equal(before[name], after[name]) is frozen, name


def test_the_blend_is_the_share_that_validates_best(
    embedder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses: list[float] = []
    own = room.Engine.mean_loss

    def recorded(self: Any, items: Any) -> float:
        losses.append(own(self, items))
        return losses[-1]

    monkeypatch.setattr(room.Engine, "mean_loss", recorded)
    rung = fitted(embedder, tmp_path)
    tried = losses[-len(SHARES) :]
    predictions = rung.predict(examples(30, 500), SILENT)
    right = [e.target for e in examples(30, 500)]
    loss = -np.mean(
        [p.scores[LABELS.index(t)] for p, t in zip(predictions, right, strict=True) if p.scores]
    )
    assert loss == pytest.approx(min(tried), abs=1e-3)
    assert len(set(tried)) == len(SHARES)


def test_words_are_hidden_only_where_there_is_a_mask_token(embedder: Any, tmp_path: Path) -> None:
    base = embedder()
    base.tokenizer.mask_token = None
    card = Card(kind="encoder", task=Task(output="label"), labels=LABELS)
    settings = Training(word_dropout=0.1, sinks=[])
    with pytest.raises(TrainingError, match="tiny-bert has no mask token"):
        FineTunedEncoder.fit(
            card, examples(30), examples(9, 500), base, None, settings, tmp_path, SILENT
        )


def test_frozen_embeddings_say_how_many_texts_they_cut(embedder: Any) -> None:
    said: list[str] = []

    class Listening(SilentProgress):
        def say(self, message: str) -> None:
            said.append(message)

    card = Card(kind="embedding", task=Task(output="label"), labels=LABELS)
    long = Example("long", "a loan please " * 200, (), "loans", "loans")
    EmbeddingLogistic.fit(card, examples(30), embedder(), Listening())
    assert said == []
    EmbeddingLogistic.fit(card, [*examples(30), long], embedder(), Listening())
    assert said == ["1 training texts are cut to the encoder's 256 tokens"]


def test_the_head_starts_from_what_the_frozen_encoder_has_read(
    embedder: Any, tmp_path: Path
) -> None:
    """Read before or not, the specialist has the same bits."""
    card = Card(kind="encoder", task=Task(output="label"), labels=LABELS)
    settings = Training(epochs=1, batch=8, learning_rate=3e-3, sinks=[])
    train, held_out = examples(60), examples(30, 500)
    frozen = embedder()
    frozen.remembered = Remembered()
    EmbeddingLogistic.fit(card, train, frozen, SILENT)
    given = card, train, held_out
    tuned = FineTunedEncoder.fit(*given, embedder(), None, settings, tmp_path / "a", SILENT, frozen)
    assert frozen.remembered.spared > 0
    alone = FineTunedEncoder.fit(*given, embedder(), None, settings, tmp_path / "b", SILENT)
    for name, weight in alone.network.state_dict().items():
        assert torch.equal(weight, tuned.network.state_dict()[name]), name


def test_an_answer_takes_as_long_as_if_its_text_had_not_been_read(embedder: Any) -> None:
    """What a thousand items cost is told from it."""
    card = Card(kind="embedding", task=Task(output="label"), labels=LABELS)
    frozen = embedder()
    frozen.remembered = Remembered()
    rung = EmbeddingLogistic.zero_shot(card, frozen, SILENT)
    first = answer("first", rung, examples(60), SILENT)
    before = frozen.remembered.spared
    second = answer("second", rung, examples(60), SILENT)
    assert second.predictions == first.predictions
    assert second.seconds > frozen.remembered.spared - before > 0
