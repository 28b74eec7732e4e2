"""Terms are explained in other words than their own, and only those that are there are kept."""

from __future__ import annotations

from assay.sap.search.explanations import explanations, held
from assay.sap.search.words import words_of


def test_an_explanation_says_more_than_the_term() -> None:
    said = explanations()
    assert len(said) >= 700
    assert all(len(phrases) >= 3 for phrases in said.values())
    for term, phrases in said.items():
        assert term == " ".join(words_of(term))
        assert not [each for each in phrases if set(term.split()) >= set(words_of(each))], term


def test_no_phrase_explains_two_terms() -> None:
    every = [phrase.lower() for phrases in explanations().values() for phrase in phrases]
    assert len(every) == len(set(every))


def test_a_term_is_kept_where_its_words_stand_next_to_each_other() -> None:
    explained = {"net weight": ("a", "b"), "weight net": ("c",), "gross weight": ("d",)}
    texts = ["item net weight unit", "gross item weight"]
    assert held(explained, texts) == [("net weight", "a"), ("net weight", "b")]
    assert held({}, texts) == [] == held(explained, [])
