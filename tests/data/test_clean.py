"""Repair of broken encodings, and the normal form of texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.data.clean import normalised, repaired, require_unicode
from assay.errors import DataError


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Where is my card?", "where is  my card"),
        ("top-up", "Top up!"),
        ("don't", "DON’T"),
        ("ﬁne", "fine"),
        ("\tone\ntwo\u00a0", "one two"),
    ],
)
def test_case_punctuation_and_space_do_not_count(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("it costs 5 €", "it costs 5 $"),
        ("C", "C++"),
        ("good 😀", "good 😡"),
        ("हिंदी की", "हिंदी का"),  # the vowels are combining marks
        ("???", "!!!"),
    ],
)
def test_letters_vowel_marks_and_symbols_count(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)


@given(st.text())
def test_the_normal_form_is_final(text: str) -> None:
    once = normalised(text)
    assert normalised(once) == once
    assert bool(once) == bool(text.strip())


def test_mojibake_is_repaired_wherever_it_is() -> None:
    broken = {"text": "NoctÃ¡mbulo", "slots": ["espaÃ±ol", "plain", 7], "none": None}
    assert repaired(broken) == {
        "text": "Noctámbulo",
        "slots": ["español", "plain", 7],
        "none": None,
    }


@pytest.mark.parametrize("text", ["plain", "café", "日本", "😀", "naïve, déjà vu"])
def test_sound_text_is_left_alone(text: str) -> None:
    assert repaired(text) == text


def test_half_of_a_surrogate_pair_is_refused() -> None:
    require_unicode("whole 😀", "a.jsonl:1")
    with pytest.raises(DataError, match=r"a\.jsonl:1: the text holds \\ud83d"):
        require_unicode("cut \ud83d", "a.jsonl:1")
