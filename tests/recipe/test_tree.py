from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.recipe.tree import (
    Fault,
    Node,
    Origin,
    at,
    drop,
    error_of,
    merge,
    nearest_origin,
    origins,
    plain,
    put,
    relabelled,
    written,
)

UNDER, OVER = Origin("recipe", "f.yaml", 1), Origin("profile:p", "f.yaml", 9)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)
mappings = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


def merged(under: Any, over: Any) -> Node:
    return merge(written(under, UNDER), written(over, OVER))


def test_merging_keeps_the_origin_of_each_value() -> None:
    node = merged({"a": {"b": 1, "c": 2}, "l": [1, 2]}, {"a": {"c": 3}, "l": [4]})
    assert plain(node) == {"a": {"b": 1, "c": 3}, "l": [4]}
    found = origins(node)
    assert (found["a"], found["a.b"]) == (UNDER, UNDER)
    assert (found["a.c"], found["l"], found["l.0"]) == (OVER, OVER, OVER)


@pytest.mark.parametrize("over", [None, 3, "x", [1], {"b": 1}])
def test_what_is_not_a_mapping_replaces(over: Any) -> None:
    assert plain(merged({"a": [1, 2]}, {"a": over})) == {"a": over}
    assert plain(merged({"a": {"z": 1}}, {"a": None})) == {"a": None}


@given(mappings, mappings)
def test_the_overlay_wins_and_nothing_is_lost(under: Any, over: Any) -> None:
    node = merged(under, over)
    assert plain(merge(node, written(over, OVER))) == plain(node)
    assert plain(node).keys() == under.keys() | over.keys()
    for key in under.keys() - over.keys():
        assert plain(node)[key] == under[key]


@given(values)
def test_written_and_plain_are_inverse(value: Any) -> None:
    assert plain(written(value, UNDER)) == value


def test_put_makes_the_way_and_leaves_the_rest() -> None:
    root = written({"a": {"b": 1}, "l": [{"k": 1}, {"k": 2}], "n": None}, UNDER)
    new = written(7, OVER)
    assert plain(put(root, ("a", "c", "d"), new))["a"] == {"b": 1, "c": {"d": 7}}
    assert plain(put(root, ("l", 1, "k"), new))["l"] == [{"k": 1}, {"k": 7}]
    assert plain(put(root, ("n", "x"), new))["n"] == {"x": 7}
    assert plain(root) == {"a": {"b": 1}, "l": [{"k": 1}, {"k": 2}], "n": None}


def test_drop_removes_or_renames_in_place() -> None:
    root = written({"a": 1, "b": 2, "l": [1, 2]}, UNDER)
    assert plain(drop(root, ("a",))) == {"b": 2, "l": [1, 2]}
    assert list(plain(drop(root, ("a",), rename="z"))) == ["z", "b", "l"]
    assert plain(drop(root, ("l", 0)))["l"] == [None, 2]
    assert drop(root, ("nowhere", "x")) == root


def test_origins_of_what_is_missing_are_those_above() -> None:
    root = merged({"a": {"b": 1}}, {"c": {"d": 1}})
    assert nearest_origin(root, ("a", "missing")) == UNDER
    assert nearest_origin(root, ("c", "missing", 3)) == OVER
    assert at(root, ("c", "missing")) is None


def test_relabelling_keeps_lines() -> None:
    node = relabelled(written({"a": [{"b": 1}]}, UNDER), "profile:q")
    assert set(origins(node).values()) == {Origin("profile:q", "f.yaml", 1)}


def test_faults_are_listed_by_line_with_the_path_in_the_document() -> None:
    faults = [
        Fault(OVER, ("training", "epochs"), "bad"),
        Fault(UNDER, ("ladder", 2, "kind"), "worse"),
        Fault(Origin("--set"), ("gate",), "worst"),
    ]
    assert error_of(faults, "f.yaml").cause == (
        "3 faults in f.yaml\n"
        "  --set: gate: worst\n"
        "  f.yaml:1: ladder.2.kind: worse\n"
        "  f.yaml:9: profiles.p.training.epochs: bad"
    )
    assert error_of(faults[:1], "f.yaml").cause == "f.yaml:9: profiles.p.training.epochs: bad"
