"""Keys of growing JSON against the parsed value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.evaluation.keys import KeyReader

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('ab"\\{}[],:é', max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text('ab"\\{},', max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(VALUES, st.booleans())
def test_json_with_unique_keys_never_repeats(value: Any, spaced: bool) -> None:
    reader = KeyReader()
    text = json.dumps(value, ensure_ascii=False, indent=1 if spaced else None)
    for letter in text:
        reader.feed(letter)
    assert not reader.repeated and not reader.stack


@pytest.mark.parametrize(
    "text,repeated",
    [
        ('{"a":1,"a":2}', True),
        ('{"a":{"a":1},"b":{"a":2}}', False),
        ('[{"a":1},{"a":2}]', False),
        ('{"a":["a","a"],"b":"a"}', False),
        ('{"a":[{"b":1,"c":2,"b":3}]}', True),
        ('{"a\\\\":1,"a\\\\":2}', True),
        ('{"a\\"":1,"a":2}', False),
    ],
)
def test_a_key_that_comes_twice_is_seen(text: str, repeated: bool) -> None:
    reader = KeyReader()
    reader.feed(text)
    assert reader.repeated is repeated


def test_what_leads_to_a_repeated_key_is_known_before_it_is_written() -> None:
    reader = KeyReader()
    reader.feed('{"city":"Paris","state":"x",')
    assert reader.in_new_key
    assert reader.may_repeat('"ci') and reader.may_repeat('"') and not reader.may_repeat('"tr')
    reader.feed('"c')
    assert reader.may_repeat("ity") and reader.may_repeat('ity":') and not reader.may_repeat("ou")
    reader.feed('ountry":"')
    assert not reader.in_new_key and not reader.may_repeat("city")
