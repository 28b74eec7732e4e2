"""A query means the term whose explanation is nearest by phrase, by all phrases and by words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from assay.sap.search.explanations import explanations
from assay.sap.search.index import Index, Lexicon
from assay.sap.search.meaning import LIKELY, MEAN, WORDS, Meanings


@pytest.fixture
def meanings() -> Meanings:
    phrases = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float32)
    graph: Any = None
    terms = ["gross weight", "gross weight", "net weight"]
    named = np.array([[0.6, 0.8, 0], [0, 0.6, 0.8]], dtype=np.float32)
    return Meanings.of(Index([], Lexicon.build(["x"]), graph, terms, named, phrases))


def test_a_phrase_said_as_it_stands_is_its_term(meanings: Meanings) -> None:
    text = explanations()["net weight"][0]
    found = meanings.nearest([text], np.array([[0, 0, 1]], dtype=np.float32))
    assert found is not None and found.term == "net weight"
    assert found.near == pytest.approx(1 + WORDS, abs=1e-6)
    assert np.allclose(found.vector, [0, 0.6, 0.8])


def test_the_nearest_phrase_and_the_mean_of_all_count(meanings: Meanings) -> None:
    found = meanings.nearest(["?"], np.array([[1, 0, 0]], dtype=np.float32))
    assert found is not None and found.term == "gross weight"
    assert found.near == pytest.approx((1 - MEAN) + MEAN * 0.5**0.5, abs=1e-6)


def test_words_decide_between_two_that_are_as_near(meanings: Meanings) -> None:
    between = np.array([[0, 0.8, 0.6]], dtype=np.float32)
    said = explanations()["net weight"][0]
    plain = meanings.nearest(["?"], between)
    worded = meanings.nearest([said], np.array([[0, 0.6, 0.6]], dtype=np.float32))
    assert plain is not None and plain.term == "gross weight"
    assert worded is not None and worded.term == "net weight"


def test_what_is_near_to_nothing_means_nothing(meanings: Meanings) -> None:
    assert meanings.nearest(["?"], np.full((1, 3), LIKELY / 4, dtype=np.float32)) is None


def test_an_index_without_explained_terms_means_nothing() -> None:
    graph: Any = None
    nothing = np.zeros((0, 3), dtype=np.float32)
    none = Index([], Lexicon.build(["x"]), graph, [], nothing, nothing)
    assert Meanings.of(none).nearest(["x"], np.ones((1, 3), dtype=np.float32)) is None
