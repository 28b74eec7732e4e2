"""Near duplicates: what MinHash proposes is all that exact similarity would find."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.data.duplicates import MISS, PERMUTATIONS, Fingerprint, Index, bands, jaccard
from assay.errors import DataError

TEXTS = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f"]), min_size=1, max_size=7).map(
    " ".join
)


def test_similarity_is_shared_shingles_over_all() -> None:
    one, other = Fingerprint("where is my card"), Fingerprint("Where is my phone?")
    # words: 3 of 5 shared; pairs: 2 of 4 shared
    assert jaccard(one, other) == pytest.approx(5 / 9)
    assert jaccard(one, one) == 1.0
    assert jaccard(one, Fingerprint("entirely different")) == 0.0


def test_the_earliest_repeat_is_found_and_an_exact_one_first() -> None:
    index = Index(0.5)
    for text in ("where is my new card", "unrelated words here", "where is my card"):
        index.add(Fingerprint(text))
    near = index.find(Fingerprint("where is my old card"))
    assert near is not None and not near.exact and near.position == 0
    exact = index.find(Fingerprint("Where is my card?"))
    assert exact is not None and exact.exact and exact.position == 2


def test_without_a_threshold_only_exact_repeats_count() -> None:
    index = Index(None)
    index.add(Fingerprint("one two three four five six seven eight nine ten"))
    assert (
        index.find(Fingerprint("one two three four five six seven eight nine ten eleven")) is None
    )
    assert index.find(Fingerprint("ONE two three four five six seven eight nine, ten!")) is not None


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8, 0.9, 1.0])
def test_bands_miss_a_pair_at_the_threshold_once_in_a_million(threshold: float) -> None:
    count, rows = bands(threshold)
    assert count * rows <= PERMUTATIONS
    assert (1 - threshold**rows) ** count <= MISS


def test_a_threshold_that_unrelated_texts_reach_is_refused() -> None:
    with pytest.raises(DataError, match=r"0\.05"):
        Index(0.05)


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, max_size=30), st.sampled_from([0.3, 0.5, 0.7, 0.9, 1.0]))
def test_the_index_finds_what_comparing_all_pairs_finds(texts: list[str], threshold: float) -> None:
    index = Index(threshold)
    seen: list[Fingerprint] = []
    for text in map(Fingerprint, texts):
        found = index.find(text) is not None
        assert found == any(jaccard(text, other) >= threshold for other in seen)
        index.add(text)
        seen.append(text)


def test_thousands_of_short_texts_take_seconds() -> None:
    import time

    draw = random.Random(0)
    words = [f"w{n}" for n in range(400)]
    texts = [" ".join(draw.choices(words, k=8)) for _ in range(4000)]
    index, began = Index(0.9), time.process_time()
    for text in map(Fingerprint, texts):
        assert index.find(text) is None or text.key in texts
        index.add(text)
    assert time.process_time() - began < 4  # 16,000 rows must stay under 15 s
