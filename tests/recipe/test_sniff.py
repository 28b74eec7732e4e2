from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from assay.errors import DataError
from assay.recipe.sniff import SAMPLE, schema_of, sniff


def jsonl(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_few_distinct_targets_are_labels(tmp_path: Path) -> None:
    rows = [{"id": i, "note": "x", "review": f"text {i}", "stars": i % 5} for i in range(40)]
    found = sniff(jsonl(tmp_path / "a.jsonl", rows))
    assert (found.output, found.input, found.target, found.id) == ("label", "review", "stars", "id")
    assert found.reason == "5 different values of `stars` in the 40 rows looked at"


def test_many_distinct_targets_are_text(tmp_path: Path) -> None:
    rows = [{"question": f"q{i}", "answer": f"a{i}"} for i in range(10)]
    found = sniff(jsonl(tmp_path / "a.jsonl", rows))
    assert (found.output, found.input, found.target) == ("text", "question", "answer")
    assert "too many for labels" in found.reason


@pytest.mark.parametrize("as_text", [True, False])
def test_objects_are_json_with_a_schema(tmp_path: Path, as_text: bool) -> None:
    targets = [{"intent": "a", "n": 1}, {"intent": "b"}]
    rows = [{"text": "x", "parsed": json.dumps(t) if as_text else t} for t in targets]
    found = sniff(jsonl(tmp_path / "a.jsonl", rows))
    assert (found.output, found.target) == ("json", "parsed")
    assert found.schema == {
        "type": "object",
        "properties": {"intent": {"type": "string"}, "n": {"type": "integer"}},
        "required": ["intent"],
        "additionalProperties": False,
    }


def test_chat_turns_are_messages(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    found = sniff(jsonl(tmp_path / "a.jsonl", [{"id": 1, "chat": turns}, {"id": 2, "chat": turns}]))
    assert (found.output, found.messages, found.input) == ("text", "chat", "")


def test_csv_gzip_and_parquet_give_the_same(tmp_path: Path) -> None:
    rows = [{"text": f"t, {i}", "label": "ab"[i % 2]} for i in range(10)]
    with (tmp_path / "a.csv").open("w", newline="", encoding="utf-8-sig") as handle:
        writer = csv.DictWriter(handle, ["text", "label"])
        writer.writeheader()
        writer.writerows(rows)
    packed = tmp_path / "a.jsonl.gz"
    packed.write_bytes(gzip.compress(jsonl(tmp_path / "a.jsonl", rows).read_bytes()))
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    found = [sniff(tmp_path / name) for name in ("a.csv", "a.jsonl.gz", "a.parquet", "a.jsonl")]
    assert found[0].output == "label"
    assert found == [found[0]] * 4


def test_only_the_first_rows_are_read(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", [{"text": "x", "label": "y"}] * (SAMPLE + 5))
    with path.open("a") as handle:
        handle.write("not json\n")
    assert sniff(path).rows == SAMPLE


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", b"", "the file is empty"),
        ("a.jsonl", b"\n\n", "0 row: too few"),
        ("a.jsonl", b'{"text": "x", "label": "y"}\n', "1 row: too few"),
        ("a.jsonl", b'{"a": 1, "b": 1}\n{"a": \n', "a.jsonl:2: not JSON"),
        ("a.jsonl", b"[1]\n[2]\n", "a.jsonl:1: not a JSON object"),
        ("a.jsonl", b'{"a": "\xff"}\n', "not UTF-8: byte 0xFF"),
        ("a.jsonl", b'{"a": 1}\n{"a": 2}\n', "only one column (a)"),
        ("a.csv", b"text,label\n", "0 row: too few"),
        ("a.csv", b"text,label\na,b\nc,d,e\n", "a.csv:3: another number of cells"),
        ("a.csv", b'text,label\n"a"b,c\n', "a.csv:2: not CSV"),
        ("a.parquet", b"PAR1 no", "not a Parquet file"),
        ("a.jsonl.gz", b"no gzip", "cannot be read"),
        ("a.xlsx", b"x", "not a data file that Assay reads"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        sniff(path)
    assert said in caught.value.cause
    assert caught.value.remedy


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        sniff(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("values", "schema"),
    [
        (["a", "b"], {"type": "string"}),
        ([1, 2.5, None], {"type": ["integer", "null", "number"]}),
        ([[1], ["a"]], {"type": "array", "items": {"type": ["integer", "string"]}}),
        ([[]], {"type": "array"}),
        (["a", ["b"]], {"type": ["array", "string"]}),
    ],
)
def test_schemas_are_narrow(values: list[Any], schema: dict[str, Any]) -> None:
    assert schema_of(values) == schema


@pytest.mark.parametrize("as_text", [True, False])
def test_tokens_with_tags_are_entities(tmp_path: Path, as_text: bool) -> None:
    cells = [(["Ann", "left"], ["B-PER", "O"]), (["in", "Rome"], ["O", "B-LOC"])]
    rows: list[Any] = [{"words": words, "ner": tags, "source": "x"} for words, tags in cells]
    if as_text:
        rows = [{key: json.dumps(value) for key, value in row.items()} for row in rows]
    found = sniff(jsonl(tmp_path / "a.jsonl", rows))
    assert (found.output, found.input, found.target) == ("entities", "words", "ner")
    assert found.reason == "`ner` holds a tag for each of `words`"


def test_a_text_with_its_entities(tmp_path: Path) -> None:
    rows = [
        {"id": n, "text": f"Ann {n}", "spans": [{"label": "PER", "start": 0, "end": 3}][:n]}
        for n in range(2)
    ]
    found = sniff(jsonl(tmp_path / "a.jsonl", rows))
    assert (found.output, found.input, found.target) == ("entities", "text", "spans")


def test_lists_of_other_things_are_no_entities(tmp_path: Path) -> None:
    rows = [{"text": f"a {n}", "parts": [{"name": "x"}], "tags": ["red", "blue"]} for n in range(4)]
    assert sniff(jsonl(tmp_path / "a.jsonl", rows)).output != "entities"


def test_a_conll_file_holds_entities(tmp_path: Path) -> None:
    path = tmp_path / "a.conll"
    path.write_text("-DOCSTART- O\n\nAnn NNP B-PER\nleft VBD O\n\nRome NNP B-LOC\n", "utf-8")
    found = sniff(path)
    assert (found.output, found.input, found.target, found.rows) == (
        "entities",
        "tokens",
        "tags",
        2,
    )
