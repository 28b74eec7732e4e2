"""Taggers and the dictionary: they learn, come back the same, and lose nothing of a long text."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.data.records import Example
from assay.data.spans import Span, answer_of, spans_of, tag_names, word_bounds
from assay.errors import ModelError
from assay.evaluation.rungs import tagger as room
from assay.evaluation.rungs.card import Card
from assay.evaluation.rungs.dictionary import Dictionary
from assay.evaluation.rungs.tagger import (
    MAX_TOKENS,
    SHAPES,
    FineTunedTagger,
    FrozenTagger,
    Untrained,
    best_path,
    shape,
)
from assay.models.load import Embedder
from assay.observability.progress import SILENT
from assay.recipe.schema import Adapter, Task, Training

TYPES = ("fruit", "place")
TASK = Task(output="entities")


def example(number: int) -> Example:
    """A fruit is bought in a place, each of one or two words; sometimes neither is named."""
    fruit = ("apple", "red plum", "pear")[number % 3]
    place = ("Rome", "New Delhi", "Oslo", "Lima")[number % 4]
    text = f"item {10 + number % 90}: we buy the {fruit} in {place} ."
    spans = [
        Span(text.index(fruit), text.index(fruit) + len(fruit), "fruit"),
        Span(text.index(place), text.index(place) + len(place), "place"),
    ]
    if number % 5 == 0:
        text, spans = f"item {10 + number % 90}: nothing at all .", []
    return Example(str(number), text, (), answer_of(text, spans), "all")


def examples(count: int, start: int = 0) -> list[Example]:
    return [example(n) for n in range(start, start + count)]


def card(kind: Any, **more: Any) -> Card:
    return Card(kind=kind, task=TASK, labels=TYPES, **more)


def right(rung: Any, items: list[Example]) -> float:
    found = rung.predict(items, SILENT)
    return float(np.mean([p.output == e.target for p, e in zip(found, items, strict=True)]))


@pytest.fixture(scope="session")
def embedder(tiny_encoder: Any) -> Any:
    return tiny_encoder([e.text for e in examples(300)])


def tuned(embedder: Any, tmp_path: Path, adapter: Adapter | None = None) -> FineTunedTagger:
    loop = Training(epochs=8, batch=8, learning_rate=3e-3, sinks=[])
    train, held_out = examples(80), examples(20, 500)
    return FineTunedTagger.fit(
        card("encoder"), train, held_out, embedder(), adapter, loop, tmp_path, SILENT
    )


@pytest.mark.parametrize("adapter", [None, Adapter(rank=4, alpha=8)])
def test_a_tagger_learns_and_comes_back_the_same(
    embedder: Any, tmp_path: Path, adapter: Adapter | None
) -> None:
    rung = tuned(embedder, tmp_path / "run", adapter)
    items = examples(60, 1000)
    assert right(rung, items) > 0.9
    rung.card = card("encoder", platt=(0.5, 2.0))
    found = rung.predict(items, SILENT)
    (tmp_path / "rung").mkdir()
    rung.save(tmp_path / "rung")
    assert sorted(p.name for p in (tmp_path / "rung").iterdir()) == [
        "rung.json",
        "tagger.safetensors",
    ]
    again = FineTunedTagger.load(tmp_path / "rung", Card.read(tmp_path / "rung"), embedder())
    assert again.predict(items, SILENT) == found
    assert all(p.confidence is not None and 0 < p.confidence < 1 for p in found)


def test_a_frozen_tagger_comes_back_the_same_without_the_encoder(
    embedder: Any, tmp_path: Path
) -> None:
    rung = FrozenTagger.fit(card("embedding"), examples(80), embedder(), SILENT)
    items = examples(60, 1000)
    assert right(rung, items) > 0.9
    rung.save(tmp_path)
    assert (tmp_path / "tagger.safetensors").stat().st_size < 5_000
    again = FrozenTagger.load(tmp_path, rung.card, embedder())
    assert again.predict(items, SILENT) == rung.predict(items, SILENT)


def test_a_type_of_single_words_needs_no_inside(embedder: Any) -> None:
    """No word of the training rows has the tag ``I-fruit``: it is never given."""
    train = [e for e in examples(80) if "red plum" not in e.text]
    rung = FrozenTagger.fit(card("embedding"), train, embedder(), SILENT)
    scores = np.concatenate(rung.scores([e.text for e in train], SILENT))
    assert np.exp(scores[:, rung.tags.index("I-fruit")]).max() < 0.05


def test_nothing_of_a_long_text_is_lost(embedder: Any) -> None:
    rung = FrozenTagger.fit(card("embedding"), examples(80), embedder(), SILENT)
    text = " ".join(e.text for e in examples(100))
    windows = room._windows(rung.embedder, text, 0)
    assert len(windows) > 2 and all(len(w.tokens) <= MAX_TOKENS for w in windows)
    assert [w.first for w in windows] == [
        0,
        *itertools.accumulate(len(w.firsts) for w in windows[:-1]),
    ]
    bounds = word_bounds(text)
    (whole,) = rung.scores([text], SILENT)
    assert len(whole) == len(bounds)
    for window in windows:  # each is read as if it stood alone
        last = window.first + len(window.firsts)
        (alone,) = rung.scores([text[bounds[window.first][0] : bounds[last - 1][1]]], SILENT)
        np.testing.assert_allclose(alone, whole[window.first : last], atol=1e-4)


def test_each_word_is_read_from_its_first_token(embedder: Any) -> None:
    base: Embedder = embedder()
    text = "we buy the unheard-of-fruit in Oslo \u200b ."  # a word that the tokenizer drops
    (window,) = room._windows(base, text, 0)
    pieces = base.tokenizer.convert_ids_to_tokens(window.tokens)
    words = [text[a:b].lower() for a, b in word_bounds(text)]
    assert len(window.firsts) == len(window.shapes) == len(words)
    for word, first in zip(words, window.firsts, strict=True):
        piece = pieces[first]
        assert word == "\u200b" or piece == "[UNK]" or word.startswith(piece)


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("card", "lower"),
        ("ß", "lower"),
        ("Rome", "Capital"),
        ("I", "Capital"),
        ("NATO", "UPPER"),
        ("iPhone", "miXed"),
        ("McDonald", "miXed"),
        ("747", "d1g1t"),
        ("B2B", "d1g1t"),
        (",", "other"),
        ("\u200b", "other"),
        ("漢字", "miXed"),
    ],
)
def test_shapes_say_how_a_word_is_written(word: str, name: str) -> None:
    assert SHAPES[shape(word)] == name


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4), st.integers(0, 10_000))
def test_the_best_path_is_the_best_of_all_that_are_allowed(length: int, seed: int) -> None:
    tags = tag_names(TYPES)
    scores = np.log(np.random.default_rng(seed).dirichlet(np.ones(len(tags)), length))
    scores = scores.reshape(length, len(tags))

    def allowed(path: tuple[int, ...]) -> bool:
        named = ["O", *(tags[i] for i in path)]
        pairs = itertools.pairwise(named)
        return all(b[0] != "I" or a[1:] == b[1:] for a, b in pairs)

    paths = filter(allowed, itertools.product(range(len(tags)), repeat=length))
    best = max(sum(scores[i, t] for i, t in enumerate(path)) for path in paths)
    path, logprob = best_path(scores, tags)
    assert allowed(tuple(path)) and len(path) == length
    assert logprob == pytest.approx(best)
    assert sum(scores[i, t] for i, t in enumerate(path)) == pytest.approx(best)


def test_the_untrained_base_names_runs_of_capitals_and_is_not_saved(
    embedder: Any, tmp_path: Path
) -> None:
    rung = Untrained(card("embedding"), embedder())
    items = [
        Example("a", "in New Delhi and Oslo", (), "[]", "all"),
        Example("b", "nowhere", (), "[]", "all"),
    ]
    found = rung.predict(items, SILENT)
    assert [(s.start, s.end) for s in spans_of(found[0].output)] == [(3, 12), (17, 21)]
    assert {s.type for s in spans_of(found[0].output)} <= set(TYPES)
    assert found[1].output == "[]"
    with pytest.raises(ModelError, match="not saved"):
        rung.save(tmp_path)


# -- the dictionary ------------------------------------------------------------------------


def named(text: str, *pieces: tuple[str, str]) -> Example:
    spans = [Span(text.index(p), text.index(p) + len(p), kind) for p, kind in pieces]
    return Example(text, text, (), answer_of(text, spans), "all")


def looked_up(train: list[Example], text: str) -> list[tuple[str, str]]:
    rung = Dictionary.fit(card("dictionary"), train)
    (found,) = rung.predict([Example("x", text, (), "[]", "all")], SILENT)
    return [(text[s.start : s.end], s.type) for s in spans_of(found.output)]


def test_the_longest_name_wins_whatever_its_case() -> None:
    train = [named("New York", ("New York", "place")), named("York", ("York", "fruit"))]
    assert looked_up(train, "in new york and YORK") == [("new york", "place"), ("YORK", "fruit")]


def test_a_word_that_is_mostly_no_name_is_none() -> None:
    train = [named("May is here", ("May", "place")), named("it may"), named("may it")]
    assert looked_up(train, "May") == []
    assert looked_up(train[:2], "May") == [("May", "place")]


def test_a_name_has_the_type_it_mostly_had() -> None:
    train = [named("Lima", ("Lima", kind)) for kind in ("fruit", "place", "place")]
    assert looked_up(train, "Lima") == [("Lima", "place")]
    assert looked_up(train[:2], "Lima") == [("Lima", "fruit")]  # a tie: the one that sorts first


def test_a_dictionary_comes_back_the_same(tmp_path: Path) -> None:
    rung = Dictionary.fit(card("dictionary"), examples(80))
    assert right(rung, examples(60, 1000)) == 1.0
    rung.save(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dictionary.json", "rung.json"]
    again = Dictionary.load(tmp_path, rung.card)
    assert again.entries == rung.entries
    assert right(again, examples(60, 1000)) == 1.0


def test_a_dictionary_without_entries_names_nothing() -> None:
    assert looked_up([named("nothing"), named("at all")], "nothing at all") == []
