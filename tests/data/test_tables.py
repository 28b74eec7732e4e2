"""Rows out of files, and every way in which a file can be broken."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.data.tables import LONGEST_LINE, read_table
from assay.errors import DataError

Write = Callable[..., Path]
ROWS = [{"text": "Grüße, 日本", "label": "a"}, {"text": 'say "hi", twice', "label": "b"}]


def refused(path: Path) -> DataError:
    """The error that reading the whole file raises."""
    with pytest.raises(DataError) as caught:
        list(read_table(path))
    assert str(path) in caught.value.cause
    assert caught.value.remedy
    return caught.value


# -- what is read --------------------------------------------------------------------------


def test_jsonl_rows_know_their_lines(write: Write) -> None:
    path = write("a.jsonl", '{"a": 1}\n\n  \n{"a": 2}')
    assert list(read_table(path)) == [(f"{path}:1", {"a": 1}), (f"{path}:4", {"a": 2})]


CONLL = "-DOCSTART- -X- O O\n\nAnn NNP - B-PER\nleft VBD - O\n\n\nin\tO\nRome\tB-LOC"


def test_conll_sentences_are_tokens_and_tags(write: Write) -> None:
    path = write("a.conll", CONLL)
    assert list(read_table(path)) == [
        (f"{path}:3", {"tokens": ["Ann", "left"], "tags": ["B-PER", "O"]}),
        (f"{path}:7", {"tokens": ["in", "Rome"], "tags": ["O", "B-LOC"]}),
    ]


def test_a_token_without_a_tag_is_named(write: Write) -> None:
    error = refused(write("a.conll", "Ann B-PER\nleft\n"))
    assert ":2: a token without a tag: 'left'" in error.cause


def test_a_byte_order_mark_and_windows_line_ends_are_no_content(write: Write) -> None:
    path = write("a.jsonl", b'\xef\xbb\xbf{"a": 1}\r\n{"a": 2}\r\n')
    assert [row for _, row in read_table(path)] == [{"a": 1}, {"a": 2}]
    table = write("a.csv", b"\xef\xbb\xbftext,label\r\nx,y\r\n")
    assert [row for _, row in read_table(table)] == [{"text": "x", "label": "y"}]


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "A.JSONL"])
def test_plain_and_packed_files_hold_the_same_rows(write: Write, name: str) -> None:
    plain = write(name, ROWS)
    packed = write(name + ".gz", gzip.compress(plain.read_bytes()))
    assert [row for _, row in read_table(packed)] == ROWS == [row for _, row in read_table(plain)]


def test_csv_cells_may_hold_commas_quotes_and_line_breaks(write: Write) -> None:
    path = write("a.csv", 'text,label\n"one, ""two""\nthree",a\nplain,b\n')
    assert list(read_table(path)) == [
        (f"{path}:2", {"text": 'one, "two"\nthree', "label": "a"}),
        (f"{path}:4", {"text": "plain", "label": "b"}),
    ]


def test_parquet_rows_keep_their_types(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = [{"text": "a", "target": {"x": ["1", "2"]}, "n": 3}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert list(read_table(tmp_path / "a.parquet")) == [(f"{tmp_path}/a.parquet:1", rows[0])]


@given(
    st.lists(
        st.dictionaries(st.text(min_size=1), st.text() | st.integers() | st.none(), min_size=1),
        min_size=1,
    )
)
def test_any_objects_survive_a_jsonl_file(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    path = tmp_path_factory.mktemp("any") / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert [row for _, row in read_table(path)] == rows


# -- what is refused -----------------------------------------------------------------------


def test_a_missing_file_is_told_with_what_is_there(write: Write) -> None:
    write("train.jsonl", ROWS)
    error = refused(write("x", "").with_name("trian.jsonl"))
    assert "no such file" in error.cause
    assert 'Did you mean "train.jsonl"?' in error.remedy


def test_a_folder_or_a_file_in_a_missing_folder_is_refused(tmp_path: Path) -> None:
    assert "does not exist" in refused(tmp_path / "none" / "a.jsonl").remedy
    assert "a folder" in refused(tmp_path).cause


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet", "a.jsonl.gz"])
def test_an_empty_file_is_refused(write: Write, name: str) -> None:
    assert "empty" in refused(write(name, b"")).cause


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", b"\n \n"),
        ("a.csv", b"text,label\n"),
        # No time stamp: it would be a part of the test's name, and differ between the two
        # processes that collect the tests.
        ("a.jsonl.gz", gzip.compress(b"", mtime=0)),
    ],
)
def test_a_file_without_rows_is_refused(write: Write, name: str, content: bytes) -> None:
    assert "no row" in refused(write(name, content)).cause


@pytest.mark.parametrize("name", ["a.txt", "a.json", "a", "a.parquet.gz", "a.pickle"])
def test_other_kinds_of_files_are_refused(write: Write, name: str) -> None:
    assert ".jsonl" in refused(write(name, b"x")).remedy


def test_a_byte_that_is_not_utf8_is_named(write: Write) -> None:
    error = refused(write("a.jsonl", b'{"a": 1}\n{"a": "caf\xe9"}\n'))
    assert ":2: byte 11 of the line (0xE9) is not UTF-8" in error.cause
    assert "iconv" in error.remedy


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_a_line_of_two_megabytes_is_refused(write: Write, name: str) -> None:
    error = refused(write(name, b'{"a": "' + b"x" * 2_000_000 + b'"}\n'))
    assert f":1: the line is longer than {LONGEST_LINE:,} bytes" in error.cause


def test_a_line_of_exactly_the_limit_is_read(write: Write) -> None:
    line = b'{"a": "' + b"x" * (LONGEST_LINE - 10) + b'"}\n'
    assert len(line) == LONGEST_LINE
    assert len(list(read_table(write("a.jsonl", line)))) == 1


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"a": 1', "not JSON at column 8"),
        ("{'a': 1}", "not JSON at column 2"),
        ('{"a": 1} {"b": 2}', "not JSON at column 10: Extra data"),
        ('["a"]', "an array, not an object"),
        ('"a"', "a string, not an object"),
        ("7", "a number, not an object"),
        ("null", "null, not an object"),
        ('{"a": ' + "9" * 5000 + "}", "digits"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "recursion"),
    ],
    ids=lambda value: value[:20],
)
def test_a_line_that_is_no_object_is_named(write: Write, line: str, told: str) -> None:
    error = refused(write("a.jsonl", '{"a": 0}\n' + line + "\n"))
    assert ":2:" in error.cause
    assert told in error.cause


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("text,label\na,b\nc\n", ":3: 1 columns, where the header has 2 (text, label)"),
        ("text,label\na,b,c\n", ":2: 3 columns"),
        ('text,label\n"a,b\nc,d\n', ":2: the row that begins here is not CSV"),
        ('text,label\n"a"x,b\n', ":2: the row that begins here is not CSV"),
        ("text,text\na,b\n", ':1: two columns are called "text"'),
    ],
)
def test_a_row_that_is_not_csv_is_named(write: Write, text: str, told: str) -> None:
    assert told in refused(write("a.csv", text)).cause


def test_a_quote_that_is_never_closed_does_not_eat_memory(write: Write) -> None:
    path = write("a.csv", 'text,label\n"open,' + "word word word\n" * 100_000)
    assert "field larger than field limit" in refused(path).cause


@pytest.mark.parametrize("keep", [5, 30, -5])
def test_a_truncated_gzip_is_refused(write: Write, keep: int) -> None:
    packed = gzip.compress("".join(json.dumps(row) + "\n" for row in ROWS).encode())
    assert "truncated or damaged" in refused(write("a.jsonl.gz", packed[:keep])).cause


def test_a_damaged_gzip_is_refused(write: Write) -> None:
    packed = bytearray(gzip.compress(b'{"a": 1}\n' * 1000))
    packed[len(packed) // 2] ^= 0xFF
    assert "truncated or damaged" in refused(write("a.jsonl.gz", bytes(packed))).cause
    assert "truncated or damaged" in refused(write("b.jsonl.gz", b'{"a": 1}\n')).cause


@pytest.mark.parametrize("keep", [4, 100, -9])
def test_a_truncated_parquet_is_refused(tmp_path: Path, write: Write, keep: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "whole.parquet")
    path = write("a.parquet", (tmp_path / "whole.parquet").read_bytes()[:keep])
    assert "not a whole Parquet file" in refused(path).cause


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.jsonl.gz"])
def test_a_file_without_permission_is_refused(
    write: Write, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = write(name, b"x")

    def denied(*args: Any, **options: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)  # the tests may run as root, whom nothing stops
    monkeypatch.setattr(gzip, "open", denied)
    assert "permission denied" in refused(path).cause
