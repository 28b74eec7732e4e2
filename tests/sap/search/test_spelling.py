"""A misspelt word becomes the one that was likely meant."""

from __future__ import annotations

import pytest

from assay.sap.search.spelling import Spelling

TEXTS = [
    "purchase order",
    "purchase order item",
    "payment terms",
    "item",
    "item text",
    "cost center",
]


@pytest.mark.parametrize(
    "typed,meant",
    [
        ("purchse", "purchase"),  # a letter is missing
        ("puurchase", "purchase"),  # one too many
        ("ordre", "order"),  # two have changed places
        ("purhcsae", "purchase"),  # two faults in a long word
        ("purhcsa", "purhcsa"),  # three
        ("xylophone", "xylophone"),
        ("burchase", "purchase"),  # the first letter alone
        ("burchse", "burchse"),  # and one more
        ("itm", "itm"),  # too short to tell
        ("orde7", "orde7"),  # an identifier
    ],
)
def test_the_nearest_by_edits_is_taken(typed: str, meant: str) -> None:
    assert Spelling(TEXTS).right(typed) == meant


def test_of_two_as_near_the_one_that_occurs_beside_the_others_is_taken() -> None:
    spelling = Spelling([*TEXTS, "tens"])
    assert spelling.right("tems", ["payment"]) == "terms"
    assert Spelling(["team text", "team", "term"]).right("texm") == "team"  # or that occurs most


def test_a_known_word_stays_as_it_is() -> None:
    assert Spelling([*TEXTS, "orders"]).right("orders", ["purchase"]) == "orders"


def test_a_word_known_inside_of_a_term_gives_way_to_one_that_occurs_beside_the_others() -> None:
    spelling = Spelling(TEXTS, inner=["ordre"])
    assert spelling.right("ordre", ["purchase"]) == "order"
    assert spelling.right("ordre", ["fabrication"]) == "ordre"
    assert not spelling.knows("ordre") and spelling.knows("order")


def test_a_word_of_english_is_no_misspelling() -> None:
    assert Spelling(["stocked", "rejection"]).right("stopped") == "stocked"
    spelling = Spelling(["stocked", "rejection"], english={"stopped", "reduction"})
    assert spelling.right("stopped") == "stopped"
    assert spelling.right("reduction") == "reduction"
    assert spelling.right("rejecton") == "rejection"
