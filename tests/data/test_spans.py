"""Entities as answers, as tags and as rows of data; seqeval is the oracle for tags."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from assay.data.spans import (
    Span,
    answer_of,
    from_entities,
    from_tokens,
    located,
    spans_of,
    spoken,
    tag_names,
    tagged,
    tags_of,
    word_bounds,
)
from assay.errors import DataError

TEXT = "Ann met Ann Lee in New-York, at 5pm."
SPANS = [Span(0, 3, "PER"), Span(8, 15, "PER"), Span(19, 27, "LOC")]
TAGS = tag_names(["LOC", "PER"])
words = st.lists(st.sampled_from(["Ann", "of", "New-York", "9.5%", "(", "ß"]), max_size=12)


@st.composite
def texts(draw: Any) -> tuple[str, list[Span]]:
    """A text and spans of whole words that do not overlap."""
    text = " ".join(draw(words))
    bounds = word_bounds(text)
    spans: list[Span] = []
    at = 0
    while at < len(bounds):
        last = at + draw(st.integers(0, 2))
        if draw(st.booleans()) and last < len(bounds):
            spans.append(
                Span(bounds[at][0], bounds[last][1], draw(st.sampled_from(["LOC", "PER"])))
            )
            at = last
        at += 1
    return text, spans


@given(texts())
def test_answers_and_tags_say_which_spans_there_are(made: tuple[str, list[Span]]) -> None:
    text, spans = made
    assert list(spans_of(answer_of(text, reversed(spans)))) == spans
    bounds = word_bounds(text)
    assert tagged(bounds, tags_of(bounds, spans)) == spans


@given(texts())
def test_what_a_model_says_is_found_in_the_text_again(made: tuple[str, list[Span]]) -> None:
    text, spans = made
    pieces = [(e["type"], e["text"]) for e in json.loads(spoken(answer_of(text, spans)))]
    found = located(text, pieces)
    assert found is not None
    assert [(s.type, text[s.start : s.end]) for s in found] == pieces
    assert all(a.end <= b.start or b.end <= a.start for a in found for b in found if a != b)


def test_an_answer_is_written_in_the_order_of_the_text() -> None:
    assert answer_of(TEXT, SPANS[:2]) == (
        '[{"type":"PER","text":"Ann","start":0},{"type":"PER","text":"Ann Lee","start":8}]'
    )


def test_words_are_looked_for_after_those_before_them_and_whole() -> None:
    assert located(TEXT, [("PER", "Ann"), ("PER", "Ann Lee"), ("LOC", "New-York")]) == SPANS
    assert located(TEXT, [("LOC", "New-York"), ("PER", "Ann")]) == [Span(19, 27, "LOC"), SPANS[0]]
    for missing in ("5", "Bob", "", "An"):  # half a word is none
        assert located(TEXT, [("PER", missing)]) is None
    assert located("Ann", [("PER", "Ann"), ("PER", "Ann")]) is None


@given(st.lists(st.sampled_from(TAGS), max_size=15))
def test_tags_are_read_as_seqeval_reads_them(tags: list[str]) -> None:
    bounds = [(i, i + 1) for i in range(len(tags))]
    ours = [(span.type, span.start, span.end - 1) for span in tagged(bounds, tags)]
    assert ours == get_entities(tags)


@pytest.mark.parametrize("answer", ["5", '{"type":"PER"}', '[{"type":"PER"}]', "[3]", "no"])
def test_what_is_no_answer_is_told(answer: str) -> None:
    with pytest.raises(ValueError):
        spans_of(answer)


def test_tokens_and_tags_become_a_text_and_its_entities() -> None:
    text, spans = from_tokens(["New", "York", "is", "Ann"], ["I-LOC", "I-LOC", "O", "B-PER"], "f:1")
    assert (text, spans) == ("New York is Ann", [Span(0, 8, "LOC"), Span(12, 15, "PER")])


@pytest.mark.parametrize(
    ("tags", "cause"),
    [
        (["O"], "2 tokens with 1 tags"),
        ("O O", "2 tokens with no list of tags"),
        (["O", 3], '"3" is not O, B-type or I-type'),
        (["O", "S-PER"], '"S-PER" is not O'),
        (["O", "B-"], '"B-" is not O'),
    ],
)
def test_tags_that_do_not_fit_are_refused(tags: Any, cause: str) -> None:
    with pytest.raises(DataError) as caught:
        from_tokens(["a", "b"], tags, "f:7")
    assert caught.value.cause.startswith("f:7: ")
    assert cause in caught.value.cause


def test_entities_come_with_offsets_or_words() -> None:
    rows = [
        [{"type": "PER", "start": 8, "end": 15}, {"label": "PER", "start": 0, "end": 3}],
        [{"type": "PER", "text": "Ann"}, {"type": "PER", "text": "Ann Lee"}],
        [{"type": "PER", "text": "Ann", "start": 0}, {"type": " PER", "start": 8, "end": 15}],
    ]
    for row in rows:
        assert from_entities(TEXT, row, "f:1") == SPANS[:2]


def test_words_of_a_row_are_looked_for_whole_and_free() -> None:
    found = from_entities("Anna, Ann and Ann", [{"type": "PER", "text": "Ann"}] * 2, "f:1")
    assert found == [Span(6, 9, "PER"), Span(14, 17, "PER")]
    with pytest.raises(DataError, match="is not in the text"):
        from_entities("Anna", [{"type": "PER", "text": "Ann"}], "f:1")


@pytest.mark.parametrize(
    ("entities", "cause"),
    [
        ("Ann", "the entities are str, not a list"),
        ([{"start": 0, "end": 3}], "it has no type"),
        (["Ann"], "it has no type"),
        ([{"type": "PER", "text": "Bob"}], "(PER) is not in the text"),
        ([{"type": "PER", "start": 3, "end": 3}], "is not in the text"),
        ([{"type": "PER", "start": 0, "end": 999}], "is not in the text"),
        ([{"type": "PER", "start": -1, "end": 2}], "is not in the text"),
        ([{"type": "PER", "text": "Lee", "start": 0}], 'says "Lee", its offsets say "Ann"'),
        (
            [{"type": "PER", "start": 8, "end": 15}, {"type": "LOC", "start": 12, "end": 15}],
            'entity 2 (LOC, "Lee") overlaps another',
        ),
    ],
)
def test_entities_that_are_not_in_the_text_are_refused(entities: Any, cause: str) -> None:
    with pytest.raises(DataError) as caught:
        from_entities(TEXT, entities, "f:7: entities")
    assert caught.value.cause.startswith("f:7: entities")
    assert cause in caught.value.cause
