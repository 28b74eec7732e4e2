"""Passages, and the grades that say which of them answer a query."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay import files
from assay.data import passages
from assay.data.passages import grades_in, grades_of, judged, read_corpus, target_of
from assay.data.prepare import prepare
from assay.data.records import Splits
from assay.errors import DataError
from assay.observability.progress import SILENT
from assay.recipe.schema import Corpus, Recipe

Write = Callable[..., Path]
KNOWN = ("a", "b", "c", "7")
TEXTS = [{"id": id_, "text": f"passage {id_}"} for id_ in KNOWN]


def corpus_of(write: Write, rows: list[dict[str, Any]], **columns: str) -> Any:
    path = write("corpus.jsonl", rows)
    return read_corpus(Corpus(path="corpus.jsonl", **columns), path.parent, repair=True)


def test_passages_keep_their_order_and_numbers_may_be_ids(write: Write) -> None:
    found = corpus_of(
        write, [{"n": 7, "body": " seven "}, {"n": "a", "body": "cafÃ©"}], id="n", text="body"
    )
    assert [(p.id, p.text) for p in found] == [("7", "seven"), ("a", "café")]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([*TEXTS, {"id": "a", "text": "again"}], 'corpus.jsonl:5: the passage id "a" was given'),
        ([*TEXTS, {"id": "d", "text": "  "}], "corpus.jsonl:5: text is '  '"),
        ([*TEXTS, {"id": "d", "text": None}], "corpus.jsonl:5: text is None"),
        ([*TEXTS, {"id": True, "text": "d"}], "corpus.jsonl:5: id is True"),
        ([*TEXTS, {"text": "d"}], 'corpus.jsonl:5: no column "id" (data.corpus.id)'),
        (TEXTS[:1], "data.corpus has 1 passages: there is nothing to rank"),
    ],
)
def test_a_faulty_passage_is_named(write: Write, rows: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(DataError) as caught:
        corpus_of(write, rows)
    assert said in caught.value.cause


@pytest.mark.parametrize(
    ("given", "grades"),
    [
        (["b", "a"], {"b": 1, "a": 1}),
        ('["b", 7]', {"b": 1, "7": 1}),
        ({"a": 1, "b": 2.5}, {"a": 1, "b": 2.5}),
        ({"a": 1, "b": None}, {"a": 1}),  # as Parquet reads objects of different keys
        ('{"a": 3}', {"a": 3}),
        (7, {"7": 1}),
        (" c ", {"c": 1}),
    ],
)
def test_a_target_is_a_list_an_object_or_one_id(given: Any, grades: dict[str, float]) -> None:
    assert grades_in(given, KNOWN, "here") == grades


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["a", "d"], 'here: no passage of data.corpus has the id "d". Available:'),
        ("", "here: names no relevant passage"),
        (None, "here: names no relevant passage"),
        ([], "here: names no relevant passage"),
        ({}, "here: names no relevant passage"),
        (["a", "b", "a"], 'here: lists the passage "a" twice'),
        ({"a": 0}, 'here: the grade of "a" is 0, not a number above 0'),
        ({"a": -1}, 'the grade of "a" is -1'),
        ({"a": True}, 'the grade of "a" is True'),
        ({"a": "3"}, "the grade of \"a\" is '3'"),
        ({"a": float("nan")}, 'the grade of "a" is nan'),
        ("[1,", "here is not JSON"),
    ],
)
def test_a_faulty_target_is_named(given: Any, said: str) -> None:
    with pytest.raises(DataError) as caught:
        grades_in(given, KNOWN, "here")
    assert said in caught.value.cause


def test_the_ids_of_a_large_corpus_are_not_listed() -> None:
    known = {f"p{number}" for number in range(30_000)}
    with pytest.raises(DataError) as caught:
        grades_in(["q1"], known, "here")
    assert caught.value.cause.endswith('has the id "q1". It has 30,000, such as "p0".')


def test_a_target_lists_the_best_first_and_comes_back() -> None:
    target = target_of({"b": 1, "a": 1, "c": 3})
    assert target == '{"c": 3, "a": 1, "b": 1}'
    assert grades_of(target) == {"c": 3, "a": 1, "b": 1}
    for broken in ("[]", "{}", '{"a": 0}', '{"a": "x"}', "no"):
        with pytest.raises(ValueError):
            grades_of(broken)


# -- in a recipe ---------------------------------------------------------------------------


@pytest.fixture
def ranked(tmp_path: Path, write: Write, recipe: Callable[..., Recipe]) -> Callable[..., Splits]:
    """Prepare queries over four passages."""

    def run(rows: list[dict[str, Any]], **data: Any) -> Splits:
        write("train.jsonl", rows)
        write("corpus.jsonl", TEXTS)
        made = recipe(
            task={"output": "ranking"},
            target="relevant",
            corpus={"path": "corpus.jsonl"},
            near_duplicates=None,
            **data,
        )
        return prepare(made, tmp_path, SILENT)

    return run


def queries(rows: Callable[..., list[dict[str, str]]], count: int) -> list[dict[str, Any]]:
    return [
        {"text": row["text"], "relevant": {KNOWN[n % 4]: 2, KNOWN[(n + 1) % 4]: 1}}
        for n, row in enumerate(rows(count))
    ]


def test_splits_carry_the_corpus_and_the_report_its_figures(
    ranked: Callable[..., Splits], rows: Callable[..., list[dict[str, str]]], tmp_path: Path
) -> None:
    splits = ranked(queries(rows, 60))
    assert [p.id for p in splits.corpus] == list(KNOWN)
    assert splits.labels == ()
    assert splits.report["corpus"] == {
        "passages": 4,
        "relevant_to_a_query": 4,
        "relevant_per_query": {"least": 2, "median": 2, "most": 2},
        "grades": {"2": 60, "1": 60},
    }
    told = splits.report["source_digests"]["corpus"]
    assert told == files.sha256_file(tmp_path / "corpus.jsonl")
    files.write_jsonl(tmp_path / "again.jsonl", [p.as_json() for p in splits.corpus])
    assert passages.corpus_digest(splits.corpus) == files.sha256_file(tmp_path / "again.jsonl")


def test_shown_queries_go_from_few_relevant_passages_to_many(
    ranked: Callable[..., Splits], rows: Callable[..., list[dict[str, str]]]
) -> None:
    given = queries(rows, 60)
    for row in given[::3]:
        row["relevant"] = ["a"]
    shown = judged(ranked(given), 2)
    assert [len(query["relevant"]) for query in shown] == [1, 2]
    assert shown[0]["relevant"] == [{"id": "a", "grade": 1, "text": "passage a"}]
    assert judged(ranked(given), 0) == []


def test_a_query_with_a_fault_stops_everything_and_says_where(
    ranked: Callable[..., Splits], rows: Callable[..., list[dict[str, str]]]
) -> None:
    given = queries(rows, 30)
    given[11]["relevant"] = {"z": 1}
    with pytest.raises(DataError, match=r"train.jsonl:12: relevant: no passage of data.corpus"):
        ranked(given)


def test_a_query_without_text_is_left_out_and_counted(
    ranked: Callable[..., Splits], rows: Callable[..., list[dict[str, str]]]
) -> None:
    given = queries(rows, 60)
    given[3]["text"] = " "
    splits = ranked(given)
    assert splits.report["dropped"]["train"] == {"empty input": 1}
