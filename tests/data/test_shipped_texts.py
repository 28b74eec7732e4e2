"""The shipped datasets whose answers are texts: apart by split, and checkable."""

from __future__ import annotations

import re
from typing import Any

import pytest

from assay.data.code import code_in
from assay.data.numbers import final_number
from assay.data.readers import read
from assay.evaluation.sandbox import PASSED, outcomes
from assay.recipe.schema import Source

SPLITS = {
    "gsm8k": ("train", "test"),
    "mbpp": ("train", "validation", "test"),
    "python-functions": ("train", "validation", "test"),
    "qmsum": ("train", "validation", "test"),
    "shop-texts": ("train", "test"),
    "tatqa": ("train", "validation", "test"),
    "xquad-de": ("train", "validation", "test"),
    "xquad-en": ("train", "validation", "test"),
}

NOT_ORDERED = {65, 118, 689, 796, 900}  # problems that are no order to write a function that …


def rows_of(name: str) -> list[dict[str, Any]]:
    return [row for _, row in read(Source(dataset=name), None)]


@pytest.mark.parametrize(
    ("dataset", "column"),
    [
        ("gsm8k", "question"),
        ("mbpp", "task"),
        ("python-functions", "task"),
        ("qmsum", "passage"),
        ("shop-texts", "text"),
        ("tatqa", "page"),
        ("xquad-de", "text"),
        ("xquad-en", "text"),
    ],
)
def test_no_input_is_in_two_splits(dataset: str, column: str) -> None:
    found = [{row[column] for row in rows_of(f"{dataset}/{name}")} for name in SPLITS[dataset]]
    assert sum(map(len, found)) == len(set.union(*found))  # a split itself may repeat one


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_sum_comes_to_the_number_after_its_mark(split: str) -> None:
    for row in rows_of(f"gsm8k/{split}"):
        steps, mark, number = row["answer"].rpartition("\n#### ")
        assert mark and steps.strip()
        assert final_number(row["answer"]) == final_number(number) is not None
        assert "<<" not in row["answer"]


@pytest.mark.parametrize(("split", "every"), [("mbpp/test", 12), ("python-functions/test", 4)])
def test_programs_pass_their_tests_and_those_of_others_fail_them(split: str, every: int) -> None:
    """A program that its own tests refuse would make the task impossible, one that any answer passes
    would make it nothing."""
    rows = rows_of(split)[::every]
    tests = ["\n".join(row["tests"]) for row in rows]
    own = outcomes([(code_in(row["code"]), test) for row, test in zip(rows, tests, strict=True)])
    assert set(own) == {PASSED}
    others = outcomes(
        [(code_in(row["code"]), test) for row, test in zip(rows[1:], tests[:-1], strict=True)]
    )
    assert PASSED not in others


def test_a_head_alone_passes_nothing_and_its_program_repeats_no_docstring() -> None:
    rows = rows_of("python-functions/test")[::4]
    heads = [(row["head"], "\n".join(row["tests"])) for row in rows]
    assert PASSED not in outcomes(heads)
    assert not [row["task"] for row in rows if '"""' in row["code"]]


def test_heads_made_of_mbpp_show_the_call_that_their_first_test_makes() -> None:
    for split in ("train", "validation"):
        for row in rows_of(f"python-functions/{split}"):
            called = row["head"].partition("def ")[2].partition("(")[0]
            assert f">>> {called}(" in row["head"] and f"{called}(" in row["tests"][-3]
            assert not re.search(r"(?i)write a .*function", row["head"])


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_every_problem_shows_one_of_its_tests(split: str) -> None:
    for row in rows_of(f"mbpp/{split}"):
        assert row["problem"].split("\n", 1)[1] in "\n".join(row["tests"]).replace("\r\n", "\n")
        assert "\r" not in row["code"] and "\t" not in row["code"]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_every_passage_ends_in_its_question(split: str) -> None:
    for row in rows_of(f"qmsum/{split}"):
        said, question = row["passage"].rsplit("\n\n", 1)
        assert len(said) <= 2_500 and question and row["summary"]
        assert all(re.match(r"[^:\n]+: ", turn) for turn in said.split("\n"))
        assert not re.search(r"\{\s*\w+\s*\}", said)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_what_a_program_does_is_said_in_the_words_of_its_problem(split: str) -> None:
    for row in rows_of(f"mbpp/{split}"):
        said, problem = row["description"], " ".join(row["problem"].split())
        assert said[1:] in problem and not said.lower().startswith("write")
        assert row["task"] in NOT_ORDERED if not said else row["task"] not in NOT_ORDERED


@pytest.mark.parametrize("dataset", ["xquad-de", "xquad-en"])
def test_answers_are_words_of_the_paragraph_and_articles_in_one_split(dataset: str) -> None:
    articles: list[set[str]] = []
    for split in SPLITS[dataset]:
        rows = rows_of(f"{dataset}/{split}")
        articles.append({row["article"] for row in rows})
        for row in rows:
            paragraph, question = row["text"].rsplit("\n\n", 1)
            assert row["answer"] in paragraph and question
    assert list(map(len, articles)) == [28, 6, 14]
    assert len(set.union(*articles)) == 48


def test_german_paragraphs_are_asked_the_questions_of_the_english_ones() -> None:
    same = 0
    for split in SPLITS["xquad-de"]:
        pairs = [*zip(rows_of(f"xquad-de/{split}"), rows_of(f"xquad-en/{split}"), strict=True)]
        for german, english in pairs:
            (told, asked), (_, wanted) = (
                row["text"].rsplit("\n\n", 1) for row in (german, english)
            )
            assert asked == wanted and german["article"] == english["article"]
            assert re.search(r"\b(der|die|das|und|in|ein)\b", told)
            same += german["answer"] == english["answer"]
    assert 0 < same < 0.4 * 1190  # names and numbers


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_shop_text_has_its_placeholders_in_german(split: str) -> None:
    """Not all: some of the originals lost theirs; a cut that mixed up rows would lose nearly all."""
    pairs = [
        (set(re.findall(r"(?<!\w):[a-z_]+", row["text"])), row["translation"])
        for row in rows_of(f"shop-texts/{split}")
    ]
    marked = [(names, said) for names, said in pairs if names]
    kept = [all(name in said for name in names) for names, said in marked]
    assert len(marked) > 20
    assert sum(kept) > 0.95 * len(kept)
