"""Words are put in rows as a reader goes through a page."""

from __future__ import annotations

import json
from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st

from assay.documents.words import OCR, Dropped, Page, Place, Word, in_order, page_of, rows_of


def test_rows_from_above_and_words_from_the_left() -> None:
    places = [Place(50, 30, 10), Place(10, 11, 10), Place(60, 9, 10), Place(10, 31, 10)]
    assert in_order(places) == ([1, 2, 3, 0], [0, 0, 1, 1])


def test_small_raised_words_open_no_row() -> None:
    """A footnote's mark and a comma stand in the row of the words beside them."""
    assert rows_of([Place(10, 20, 10), Place(30, 17, 5), Place(40, 24, 2), Place(10, 34, 10)]) == [
        0, 0, 0, 1,
    ]  # fmt: skip


def test_a_headline_does_not_swallow_the_row_below() -> None:
    assert rows_of([Place(10, 20, 40), Place(10, 48, 10), Place(60, 49, 10)]) == [0, 1, 1]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 20)), unique=True, max_size=60))
def test_a_grid_is_read_row_by_row(cells: list[tuple[int, int]]) -> None:
    places = [Place(20.0 * x, 15.0 * y, 10.0) for x, y in cells]
    order, _ = in_order(places)
    assert [cells[n] for n in order] == sorted(cells, key=lambda cell: (cell[1], cell[0]))


def test_text_and_a_page_that_was_kept() -> None:
    words = (
        Word("Total", (1, 2, 3, 4), 0, 1.0, OCR),
        Word("9.00", (5, 2, 6, 4), 0, 0.9, OCR),
        Word("EUR", (1, 8, 3, 9), 2, 1.0, OCR),
    )
    gone = (Dropped("x", (0, 0, 1, 1), ("hidden",)),)
    page = Page(1, 10, 20, "dot", OCR, 90, 1.5, "en", words, gone, ("note",))
    assert page.text == "Total 9.00\nEUR"
    assert page_of(json.loads(json.dumps(asdict(page)))) == page
    assert in_order([]) == ([], [])
