"""The ways to rank passages, from the commonest answer to a trained encoder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import pytest
import torch

from assay.data.passages import target_of
from assay.data.records import Example, Passage
from assay.evaluation.metrics import score
from assay.evaluation.predictions import Prediction
from assay.evaluation.rungs import load_rung
from assay.evaluation.rungs.card import Card
from assay.evaluation.rungs.ranking import Bm25, Keyword, Popular, Terms, bm25_weights
from assay.evaluation.rungs.retriever import FineTunedRetriever, FrozenRetriever, pairs_of
from assay.models.pool import BasePool
from assay.observability.progress import SILENT, SilentProgress
from assay.recipe.schema import Adapter, Task, Training

TASK = Task(output="ranking")
CORPUS = (
    Passage("wing", "the lift of a wing in a slipstream, and the lift of wings"),
    Passage("heat", "the heat conduction in composite slabs and of plates"),
    Passage("flow", "the flow past a flat plate and the shear of a flow"),
    Passage("shock", "the onset of shock waves and of separation"),
)


def query(text: str, **grades: float) -> Example:
    return Example(text, text, (), target_of(grades or {"wing": 1}), "all")


def ids(prediction: Prediction) -> list[str]:
    return [row["id"] for row in json.loads(prediction.output)]


def card(kind: Any) -> Card:
    return Card(kind=kind, task=TASK)


def ndcg(rung: Any, examples: list[Example]) -> float:
    return score(TASK, (), examples, rung.predict(examples, SILENT)).metrics["ndcg_10"]


# -- by counting ---------------------------------------------------------------------------


def test_the_commonest_answer_is_what_was_relevant_most_often() -> None:
    train = [query("a", flow=1, heat=3), query("b", flow=1), query("c", shock=1)]
    (said,) = Popular.fit(card("majority"), train, CORPUS).predict([query("anything")], SILENT)
    assert ids(said) == ["flow", "heat", "shock"]  # of equal counts in the corpus' order


def test_keywords_count_different_words_that_few_passages_have() -> None:
    rung = Keyword.fit(card("keyword"), [], CORPUS)
    (said,) = rung.predict([query("The FLOW flow flow past the heat of a plate")], SILENT)
    rows = json.loads(said.output)
    # "the" and "of" are in more than half of the passages, "a" in no more; flow counts once.
    assert [(row["id"], row["score"]) for row in rows] == [
        ("flow", 4.0),
        ("wing", 1.0),
        ("heat", 1.0),
    ]
    (nothing,) = rung.predict([query("the of unheard")], SILENT)
    assert nothing.output == "[]" and nothing.valid


@pytest.mark.parametrize(("k1", "b"), [(1.2, 0.75), (0.6, 0.0), (2.0, 1.0)])
def test_bm25_is_that_of_a_library(k1: float, b: float) -> None:
    draw = np.random.default_rng(0)
    words = [f"w{n}" for n in range(40)]
    chance = 1 / np.arange(1, 41)
    chance /= chance.sum()
    texts = [" ".join(draw.choice(words, draw.integers(3, 60), p=chance)) for _ in range(50)]
    corpus = [Passage(str(n), text) for n, text in enumerate(texts)]
    terms = Terms(corpus, stemmed=False)
    weights = bm25_weights(terms, k1, b)
    theirs = bm25s.BM25(method="lucene", k1=k1, b=b)
    theirs.index([text.split() for text in texts], show_progress=False)
    for _ in range(20):
        asked = draw.choice(words, 6).tolist()  # a word may come twice, and then counts twice
        ours = (terms.query(" ".join(asked)) @ weights).toarray()[0]
        assert ours == pytest.approx(theirs.get_scores(asked), rel=1e-5)


def test_bm25_takes_the_settings_that_rank_training_best() -> None:
    plural = [query("plates", heat=1), query("wings", wing=1), query("wave", shock=1)]
    rung = Bm25.fit(card("bm25"), plural, CORPUS)
    assert rung.terms.stemmed  # else "wave" finds nothing
    assert (rung.k1, rung.b) == (1.2, 0.75)  # of equal ones the usual
    plain = Bm25.fit(card("bm25"), [query("heat", heat=1)], CORPUS)
    assert not plain.terms.stemmed
    assert ids(rung.predict([query("a wave")], SILENT)[0])[0] == "shock"


@pytest.mark.parametrize("kind", [Popular, Keyword, Bm25])
def test_a_saved_rung_comes_back_the_same_with_its_passages(kind: Any, tmp_path: Path) -> None:
    train = [query("plates", heat=1), query("wave", shock=1)]
    rung = kind.fit(card(kind.kind), train, CORPUS)
    rung.save(tmp_path)
    again = load_rung(tmp_path, SILENT, BasePool(SILENT))
    asked = [query("wave of heat"), query("lift")]
    assert again.predict(asked, SILENT) == rung.predict(asked, SILENT)
    assert {path.suffix for path in tmp_path.iterdir()} <= {".json", ".jsonl"}


# -- by vectors ----------------------------------------------------------------------------

TOPICS = ("lift", "heat", "flow", "shock", "creep", "noise")
SPOKEN = ("rise", "warm", "stream", "blast", "sag", "sound")  # what a query calls the topic


def passages() -> list[Passage]:
    return [
        Passage(f"{topic}-{n}", f"about {topic} number {n} {'of a test ' * (n % 3)}")
        for topic in TOPICS
        for n in range(4)
    ]


def asked(count: int, start: int = 0) -> list[Example]:
    found: list[Example] = []
    for n in range(start, start + count):
        topic = n % len(TOPICS)
        grades = {f"{TOPICS[topic]}-{i}": 1.0 for i in range(4)}
        text = f"what of {SPOKEN[topic]} {n}"
        found.append(Example(text, text, (), target_of(grades), "all"))
    return found


@pytest.fixture(scope="session")
def embedder(tiny_encoder: Callable[..., Any]) -> Any:
    return tiny_encoder([*(p.text for p in passages()), *(e.text for e in asked(300))])


def trained(embedder: Any, folder: Path, adapter: Adapter | None = None) -> FineTunedRetriever:
    settings = Training(epochs=8, batch=16, learning_rate=3e-3, sinks=[])
    return FineTunedRetriever.fit(
        card("encoder"),
        asked(60),
        asked(18, 100),
        passages(),
        embedder(),
        adapter,
        settings,
        folder,
        SILENT,
    )


def test_a_frozen_encoder_ranks_by_cosine_and_says_what_it_cuts(embedder: Any) -> None:
    said: list[str] = []

    class Listening(SilentProgress):
        def say(self, message: str) -> None:
            said.append(message)

    corpus = [*passages(), Passage("long", "about heat " * 200)]
    rung = FrozenRetriever.over(card("embedding"), embedder(), corpus, Listening())
    assert said == ["1 passages are cut to the encoder's 256 tokens"]
    (found,) = rung.predict([query("about creep number 2 of a test of a test")], SILENT)
    assert ids(found)[0] == "creep-2"
    rows = json.loads(found.output)
    assert rows[0]["score"] == pytest.approx(1.0, abs=1e-3)  # the passage itself
    assert len(rows) == len(corpus)


@pytest.mark.parametrize("adapter", [None, Adapter(rank=4, alpha=8)])
def test_training_brings_queries_near_what_answers_them(
    embedder: Any, tmp_path: Path, adapter: Adapter | None
) -> None:
    """The words of queries and passages differ: only the pairs can tell what belongs together."""
    frozen = FrozenRetriever.over(card("embedding"), embedder(), passages(), SILENT)
    rung = trained(embedder, tmp_path / "run", adapter)
    items = asked(30, 200)
    assert ndcg(frozen, items) < 0.6 < 0.9 < ndcg(rung, items)
    assert rung.fitted is not None and rung.fitted.steps == 8 * 15
    folder = tmp_path / "rung"
    folder.mkdir()
    rung.save(folder)
    again = FineTunedRetriever.load(folder, rung.card, embedder())
    assert again.predict(items, SILENT) == rung.predict(items, SILENT)
    names = {path.name for path in folder.iterdir()}
    assert names == {"rung.json", "passages.jsonl", "vectors.safetensors", "encoder.safetensors"}


def test_a_pair_for_every_passage_that_answers_a_query(embedder: Any) -> None:
    pairs = pairs_of(embedder(), passages(), asked(2))
    assert [pair.place for pair in pairs] == [0, 1, 2, 3, 4, 5, 6, 7]
    assert pairs[0].relevant == frozenset(range(4)) and pairs[4].relevant == frozenset(range(4, 8))
    assert pairs[0].query == pairs[3].query
    assert pairs[0].tokens == [*pairs[0].query.tokens, *pairs[0].passage.tokens]


def test_one_query_alone_gets_the_answer_it_gets_among_others(embedder: Any) -> None:
    rung = FrozenRetriever.over(card("embedding"), embedder(), passages(), SILENT)
    one = asked(1)
    assert ids(rung.predict(one, SILENT)[0])[:3] == ids(rung.predict(asked(9), SILENT)[0])[:3]
    assert torch.is_grad_enabled()
