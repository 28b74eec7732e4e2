"""Exact and near duplicates: what is found is what comparing all with all finds, and quickly."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.data import similar
from assay.data.clean import normalised
from assay.data.duplicates import LOWEST, Match, repeated_among, repeated_within
from assay.data.readers import read
from assay.errors import DataError
from assay.observability.progress import SILENT
from assay.recipe.schema import Source

Found = dict[int, Match]
TEXTS = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f"]), max_size=9).map(" ".join)
LONG = st.integers(0, 40).flatmap(  # near duplicates at 0.9, too
    lambda start: st.lists(st.integers(0, 30), max_size=2).map(
        lambda other: " ".join([*(f"w{n}" for n in range(start, start + 24)), *map(str, other)])
    )
)
ANY = st.text(max_size=40)
THRESHOLDS = st.sampled_from([LOWEST, 0.3, 0.5, 0.7, 0.9, 0.95, 1.0])


class Bar:
    """Adds up how far it was moved."""

    total = 0.0

    def advance(self, amount: float = 1, note: str = "") -> None:
        """Move."""
        del note
        self.total += amount


def shingles(key: str) -> frozenset[str]:
    words = key.split(" ")
    return frozenset(words) | {f"{a} {b}" for a, b in pairwise(words)}


def jaccard(one: str, other: str) -> float:
    a, b = shingles(one), shingles(other)
    return len(a & b) / len(a | b)


def first_of(key: str, others: dict[int, str], threshold: float | None) -> Match | None:
    """The definition: the earliest exact repeat, else the earliest near one."""
    for position, other in others.items():
        if key == other:
            return Match(position, 1.0, True)
    for position, other in others.items():
        if threshold is not None and jaccard(key, other) >= threshold:
            return Match(position, jaccard(key, other), False)
    return None


def all_with_all(keys: Sequence[str], threshold: float | None) -> Found:
    kept: dict[int, str] = {}
    found: Found = {}
    for position, key in enumerate(keys):
        match = first_of(key, kept, threshold)
        if match:
            found[position] = match
        else:
            kept[position] = key
    return found


def all_with_held(keys: Sequence[str], held: Sequence[str], threshold: float | None) -> Found:
    others = dict(enumerate(held))
    matches = {position: first_of(key, others, threshold) for position, key in enumerate(keys)}
    return {position: match for position, match in matches.items() if match}


def within(texts: Sequence[str], threshold: float | None) -> Found:
    bar = Bar()
    found = repeated_within([normalised(text) for text in texts], threshold, bar)
    assert bar.total == pytest.approx(len(texts))
    return found


def among(texts: Sequence[str], held: Sequence[str], threshold: float | None) -> Found:
    bar = Bar()
    keys, others = ([normalised(text) for text in some] for some in (texts, held))
    found = repeated_among(keys, others, threshold, bar)
    assert bar.total == pytest.approx(len(texts) + len(held))
    return found


# -- what counts ---------------------------------------------------------------------------


def test_similarity_is_shared_shingles_over_all() -> None:
    found = within(["where is my card", "Where is my phone?", "entirely different"], 0.5)
    assert found == {1: Match(0, 5 / 9, False)}  # words: 3 of 5 shared; pairs: 2 of 4


def test_the_earliest_repeat_is_found_and_an_exact_one_first() -> None:
    held = ["where is my new card", "unrelated words here", "where is my card"]
    texts = ["where is my old card", "Where is my card?"]
    assert among(texts, held, 0.4) == {0: Match(0, 0.5, False), 1: Match(2, 1.0, True)}


def test_what_repeats_a_repeat_only_is_kept() -> None:
    chain = [" ".join(f"w{n}" for n in range(start, start + 30)) for start in (0, 1, 2)]
    assert within(chain, 0.9) == {1: Match(0, 57 / 61, False)}
    assert within(chain, 0.87) == {1: Match(0, 57 / 61, False), 2: Match(0, 55 / 63, False)}


def test_the_same_shingles_in_another_order_are_near_and_not_exact() -> None:
    assert within(["a b a b a", "b a b a b"], 1.0) == {1: Match(0, 1.0, False)}
    assert among(["b a b a b"], ["c", "a b a b a"], 1.0) == {0: Match(1, 1.0, False)}


def test_without_a_threshold_only_exact_repeats_count() -> None:
    ten = "one two three four five six seven eight nine ten"
    texts = [ten, f"{ten} eleven", ten.upper() + "!"]
    assert within(texts, None) == {2: Match(0, 1.0, True)}
    assert among(texts, [ten], None) == {0: Match(0, 1.0, True), 2: Match(0, 1.0, True)}


@pytest.mark.parametrize("threshold", [None, 0.9])
def test_none_and_one_text_repeat_nothing(threshold: float | None) -> None:
    assert within([], threshold) == within(["a"], threshold) == {}
    assert among([], [], threshold) == among([], ["a"], threshold) == among(["a"], [], threshold)
    assert among(["a"], [], threshold) == {}


def test_texts_of_any_script_repeat() -> None:
    texts = [
        "",
        " ",
        "??",
        "? ?",
        "?",
        "我的卡在哪里",
        "我的卡在哪里。",
        "🙂 🙂",
        "🙂  🙂",
        "कार्ड कहाँ है",
        "e\u0301t\u00e9",
    ]
    again = [*texts, "\u00e9te\u0301", "ÉTÉ", "कार्ड कहाँ है?"]
    found = within(again, 0.9)
    assert found == all_with_all([normalised(text) for text in again], 0.9)
    exact = {position for position, match in found.items() if match.exact}
    assert exact == {1, 6, 8, 11, 12, 13}


@pytest.mark.parametrize("threshold", [0.0, 0.05, LOWEST - 0.01])
def test_a_threshold_that_unrelated_texts_reach_is_refused(threshold: float) -> None:
    with SILENT.task("", 0) as bar, pytest.raises(DataError, match=f"{threshold:g}"):
        repeated_within([], threshold, bar)
    with SILENT.task("", 0) as bar, pytest.raises(DataError, match="near_duplicates"):
        repeated_among(["a"], ["a"], threshold, bar)


# -- against comparing all with all, and against datasketch ---------------------------------


@settings(max_examples=150, deadline=None)
@given(st.lists(TEXTS | LONG | ANY, max_size=40), THRESHOLDS, st.sampled_from([1, 7, 1 << 21]))
def test_nothing_is_missed_and_nothing_guessed(
    texts: list[str], threshold: float, budget: int
) -> None:
    """In whatever pieces the work is done."""
    keys = [normalised(text) for text in texts]
    with mock.patch.object(similar, "BUDGET", budget), mock.patch.object(similar, "LEAF", 2):
        assert within(texts, threshold) == all_with_all(keys, threshold)
        half = len(texts) // 2
        one, other = texts[:half], texts[half:]
        expected = all_with_held(keys[:half], keys[half:], threshold)
        assert among(one, other, threshold) == expected


def banking(rows: int) -> list[str]:
    texts = [row["text"] for _, row in read(Source(dataset="banking77/train"), None)]
    return random.Random(0).sample(texts, rows)


@pytest.mark.parametrize("threshold", [0.6, 0.9])
@pytest.mark.parametrize("seed", [0, 1])
def test_real_texts_repeat_as_datasketch_has_it(threshold: float, seed: int) -> None:
    """Also in another order. Its LSH may miss a pair at the threshold once in a million."""
    from datasketch import MinHash, MinHashLSH

    keys = [normalised(text) for text in banking(600)]
    keys += [f"{key} please" for key in keys[::10]]
    random.Random(seed).shuffle(keys)
    rows = {0.6: 2, 0.9: 6}[threshold]
    lsh = MinHashLSH(num_perm=128, params=(128 // rows, rows))
    kept: dict[int, str] = {}
    found: Found = {}
    for position, key in enumerate(keys):
        sketch = MinHash(num_perm=128, seed=1)
        sketch.update_batch([shingle.encode() for shingle in shingles(key)])
        proposed = {place: kept[place] for place in sorted(lsh.query(sketch))}
        match = first_of(key, proposed, threshold)
        if match:
            found[position] = match
        else:
            kept[position] = key
            lsh.insert(position, sketch)
    assert within(keys, threshold) == found
    assert len(found) > 20


# -- at size -------------------------------------------------------------------------------


def numbered(count: int) -> list[str]:
    """The same thirty words and a number: all pairs are similar at 0.9."""
    words = " ".join(f"w{n}" for n in range(30))
    return [f"{words} {n}" for n in range(count)]


def boilerplate(count: int) -> list[str]:
    """The same thirty words and two numbers: all pairs have a similarity of 59 / 67."""
    words = " ".join(f"w{n}" for n in range(30))
    return [f"{words} a{n} b{n}" for n in range(count)]


def windows(count: int) -> list[str]:
    """Each text is its neighbour moved by a word: similar to that one only."""
    return [" ".join(f"w{n}" for n in range(start, start + 25)) for start in range(count)]


def drawn(count: int) -> list[str]:
    draw = random.Random(0)
    return [" ".join(f"w{draw.randrange(400)}" for _ in range(14)) for _ in range(count)]


@pytest.mark.parametrize(
    "make,count,kept",
    [
        (lambda count: ["Where is my card?"] * count, 100_000, 1),
        (numbered, 30_000, 1),
        (boilerplate, 30_000, 30_000),
        (windows, 20_000, 10_000),
        (drawn, 20_000, 20_000),
    ],
    ids=["identical", "numbered", "boilerplate", "windows", "drawn"],
)
def test_what_many_texts_share_does_not_make_it_slow(
    make: Callable[[int], list[str]], count: int, kept: int
) -> None:
    keys = make(count)
    assert len(all_with_all(keys[:60], 0.9)) == len(within(keys[:60], 0.9))
    with SILENT.task("", count) as bar:
        began = time.process_time()
        assert count - len(repeated_within(keys, 0.9, bar)) == kept
        assert len(repeated_among(keys, keys[: count // 2], 0.9, bar)) >= count // 2
        assert time.process_time() - began < 20
