"""Splits and subsets depend on content alone."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from assay.data.records import Turn
from assay.data.rows import Draft
from assay.data.splits import balance, cut, subset, unit

SHARES = {"test": 0.2, "validation": 0.1}


def draft(text: str, label: str = "a", slice: str = "all") -> Draft:
    turns = (Turn("user", text), Turn("assistant", label))
    return Draft("f:1", None, text, turns, label, slice, False)


def target(row: Draft) -> str:
    return row.target


def slice_of(row: Draft) -> str:
    return row.slice


ROWS = st.lists(st.builds(draft, st.text(min_size=1), st.sampled_from("abc")), max_size=40)


@settings(deadline=None)
@given(ROWS, st.integers(0, 5), st.booleans())
def test_a_cut_is_a_partition(rows: list[Draft], seed: int, by_class: bool) -> None:
    parts = cut(rows, SHARES, seed, target if by_class else None)
    assert set(parts) == {"train", "test", "validation"}
    found = [id(row) for part in parts.values() for row in part]
    assert sorted(found) == sorted(map(id, rows))


@settings(deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_a_cut_does_not_depend_on_the_order(rows: list[Draft], draw: random.Random) -> None:
    shuffled = list(rows)
    draw.shuffle(shuffled)
    one, other = cut(rows, SHARES, 0, target), cut(shuffled, SHARES, 0, target)
    for name in one:
        assert Counter(map(id, one[name])) == Counter(map(id, other[name]))


@settings(deadline=None)
@given(ROWS)
def test_every_class_can_be_learnt(rows: list[Draft]) -> None:
    parts = cut(rows, SHARES, 0, target)
    learnt = {row.target for row in parts["train"]}
    assert {row.target for row in rows} == learnt


def test_the_same_content_has_the_same_home() -> None:
    rows = [draft(f"text number {n}") for n in range(200)]
    rows += [draft(f"Text, number {n}!") for n in range(200)]
    parts = cut(rows, SHARES, 0, None)
    keys = [{row.key for row in part} for part in parts.values()]
    assert all(keys) and sum(map(len, keys)) == 200


def test_shares_are_kept_roughly_and_another_seed_cuts_elsewhere() -> None:
    rows = [draft(f"text {n}") for n in range(4000)]
    parts = cut(rows, SHARES, 0, None)
    assert abs(len(parts["test"]) - 800) < 100
    assert abs(len(parts["validation"]) - 400) < 80
    assert parts["test"] != cut(rows, SHARES, 1, None)["test"]


def test_a_unit_is_uniform_and_seeded() -> None:
    values = [unit(str(n), 3) for n in range(4000)]
    assert 0 <= min(values) < 0.01 and 0.99 < max(values) < 1
    assert abs(sum(values) / 4000 - 0.5) < 0.02
    assert unit("a", 0) != unit("a", 1)


def test_a_subset_is_even_over_classes_and_then_over_slices() -> None:
    rows = [draft(f"a {n}", "a", "x" if n < 90 else "y") for n in range(100)]
    rows += [draft(f"b {n}", "b", "x") for n in range(50)]
    rows += [draft(f"c {n}", "c", "x") for n in range(3)]
    chosen = subset(rows, 23, 0, [target, slice_of])
    assert Counter(row.target for row in chosen) == {"a": 10, "b": 10, "c": 3}
    assert Counter(row.slice for row in chosen if row.target == "a") == {"x": 5, "y": 5}
    assert [rows.index(row) for row in chosen] == sorted(rows.index(row) for row in chosen)


@settings(deadline=None)
@given(ROWS, st.integers(1, 50), st.randoms(use_true_random=False))
def test_a_subset_has_the_size_asked_for_in_any_order(
    rows: list[Draft], limit: int, draw: random.Random
) -> None:
    shuffled = list(rows)
    draw.shuffle(shuffled)
    one, other = subset(rows, limit, 0, [target]), subset(shuffled, limit, 0, [target])
    assert len(one) == min(limit, len(rows)) == len(other)
    assert Counter(row.key for row in one) == Counter(row.key for row in other)


def test_a_larger_subset_contains_a_smaller_one() -> None:
    rows = [draft(f"text {n}", "ab"[n % 2]) for n in range(100)]
    small = {id(row) for row in subset(rows, 20, 0, [target])}
    assert small < {id(row) for row in subset(rows, 40, 0, [target])}


def test_balance_ranks_by_count_then_name() -> None:
    assert list(balance(["b", "c", "a", "c"]).items()) == [("c", 2), ("a", 1), ("b", 1)]
