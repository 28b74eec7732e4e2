from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.recipe.tree import Node, at, plain
from assay.recipe.yaml_lines import LARGEST_INTEGER, MAX_NODES, dump, inline, parse


def read(text: str) -> Node:
    parsed = parse(text, "f.yaml")
    assert parsed.root is not None, parsed.faults
    return parsed.root


def value_of(text: str) -> Any:
    return plain(read(f"key: {text}"))["key"]


def faults_of(text: str) -> list[str]:
    return [str(fault) for fault in parse(text, "f.yaml").faults]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-3", 0.001),
        ("1E5", 100000.0),
        (".5", 0.5),
        ("-2.", -2.0),
        ("0x1F", 31),
        ("0o17", 15),
        ("-7", -7),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("Yes", "Yes"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("010", "010"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2024-01-01", "2024-01-01"),
        ("1.0.0", "1.0.0"),
        ("=", "="),
        ('"1"', "1"),
        ("!!str 1", "1"),
        ("!!float 1", 1.0),
    ],
)
def test_scalars_follow_yaml_1_2(written: str, value: Any) -> None:
    found = value_of(written)
    assert found == value
    assert type(found) is type(value)


def test_keys_are_text_as_written() -> None:
    assert plain(read("no: 1\n1: 2\ntrue: 3\n~: 4\n")) == {"no": 1, "1": 2, "true": 3, "~": 4}


def test_every_value_knows_its_line() -> None:
    root = read("a: 1\nb:\n  c:\n    - 2\n    - d: |\n        text\n")
    lines = {
        keys: node.origin.line
        for keys in [("a",), ("b",), ("b", "c"), ("b", "c", 0), ("b", "c", 1, "d")]
        if (node := at(root, keys))
    }
    assert lines == {
        ("a",): 1,
        ("b",): 2,
        ("b", "c"): 3,
        ("b", "c", 0): 4,
        ("b", "c", 1, "d"): 5,
    }


def test_anchors_merge_keys_and_their_order() -> None:
    root = read("base: &b {x: 1, y: 2}\none: {<<: *b, y: 3}\ntwo: {<<: [{z: 4}, *b]}\n")
    assert plain(root)["one"] == {"x": 1, "y": 3}
    assert list(plain(root)["two"]) == ["z", "x", "y"]
    inherited = at(root, ("one", "x"))
    assert inherited is not None and inherited.origin.line == 1


def test_all_faults_of_a_document_are_collected() -> None:
    text = "a: 1\na: 2\nb: !!python/object/apply:os.system [ls]\nc: .inf\nd: {e: 1, e: 2}\n? [x]\n: 1\n"
    assert faults_of(text) == [
        "f.yaml:2: a: given twice (first on line 1); keep one",
        "f.yaml:3: b: the tag !!python/object/apply:os.system is not allowed: "
        "a recipe holds plain values only",
        'f.yaml:4: c: ".inf" is not a finite number',
        "f.yaml:5: d.e: given twice (first on line 5); keep one",
        "f.yaml:6: a key must be text, and not empty",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: !thing 1", "the tag !thing is not allowed"),
        ("a: !!binary aGk=", "the tag !!binary is not allowed"),
        ("a: !!int x", '"x" is not a whole number'),
        (f"a: {LARGEST_INTEGER + 1}", "too large"),
        ("a: 1" + "0" * 5000, "too large"),
        ("a: 1e999", "not a finite number"),
        ('a: "\\ud800"', "half a surrogate pair"),
        ("a: &a [1, *a]", "the alias stands inside its own anchor"),
        ("a: {<<: 1}", "`<<` takes an alias of a mapping"),
        ("a: " + "[" * 60 + "]" * 60, "nested more than 50 levels"),
        ("a: " + "[" * 5000 + "]" * 5000, "nested too deeply"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    faults = faults_of(text)
    assert faults and said in faults[0]
    assert faults[0].startswith("f.yaml:1: ")


def test_expanding_aliases_is_bounded() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    faults = faults_of("\n".join(lines))
    assert len(faults) == 1 and f"more than {MAX_NODES:,} values" in faults[0]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\n\tb: 2\n", 2, "Indent with spaces, not tabs."),
        ("a: b: c\n", 1, "needs quotes"),
        ("a: [1,\nb: 2\n", 3, "not valid YAML"),
        ("a: 1\n---\nb: 2\n", 2, "A recipe is one document"),
        ("a: *nowhere\n", 1, "undefined alias"),
        ("a: 1\nb: \x07\n", 2, "control character U+0007"),
    ],
)
def test_text_that_is_not_yaml(text: str, line: int, said: str) -> None:
    parsed = parse(text, "f.yaml")
    assert parsed.root is None
    (fault,) = parsed.faults
    assert fault.origin.line == line
    assert said in str(fault)


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.from_regex(r"[-+]?[0-9_]+[.:eExo]?[-+]?[0-9a-f]{0,3}", fullmatch=True)
    | st.sampled_from(["no", "y", "~", "", "<<", "=", "1e-3", "2024-01-01", "- x", "a: b", " a\n"])
)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1), inner, max_size=4)
    ),
    max_leaves=10,
)


@settings(max_examples=300, deadline=None)
@given(documents)
def test_dump_reads_back_equal(value: Any) -> None:
    for text in (dump(value), inline(value)):
        parsed = parse(text, "f.yaml")
        assert parsed.faults == []
        assert parsed.root is not None and plain(parsed.root) == value


@given(scalars)
def test_inline_is_one_line(value: Any) -> None:
    assert len(inline(value).split("\n")) == 1


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=" \n-:{}[]&*!|>'\"#%@`abc01.,?<~\t"))
def test_no_text_raises(text: str) -> None:
    parsed = parse(text, "f.yaml")
    assert parsed.root is not None or parsed.faults
