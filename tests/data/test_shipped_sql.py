"""Questions to databases: made from what they ask, apart by split, and answered by their queries."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest

from assay.data.databases import finder, schema_of, stored
from assay.data.grounding import runs
from assay.data.readers import read
from assay.data.sql import texts_of
from assay.evaluation.sql_runner import opened, rows_of
from assay.recipe.schema import Database, Source

SPLITS = ("train", "validation", "test")
OF_THE_FORM = {"0", "1", "60000"}  # numbers of a query that are no value: 60000 ms are a minute


def rows(name: str) -> list[dict[str, Any]]:
    return [row for _, row in read(Source(dataset=name), None)]


@pytest.fixture(scope="module")
def chinook() -> dict[str, list[dict[str, Any]]]:
    return {split: rows(f"chinook/{split}") for split in SPLITS}


def test_every_value_of_a_made_query_stands_in_its_question(
    chinook: dict[str, list[dict[str, Any]]],
) -> None:
    for row in itertools.chain(*chinook.values()):
        words = set(runs(row["question"]))
        for text in texts_of(row["sql"]):
            assert text.strip("%") in words or text == "%Y", row
        bare = re.sub(r"'(?:[^']|'')*'", "", row["sql"])
        for number in set(re.findall(r"\b\d+\b", bare)) - OF_THE_FORM:
            assert re.search(rf"\b{number}\b", row["question"]), row


def test_the_made_questions_are_many_and_their_phrasings_apart(
    chinook: dict[str, list[dict[str, Any]]],
) -> None:
    def phrasing(row: dict[str, Any]) -> str:
        """The question without what its query takes from it."""
        text = row["question"]
        values = [*texts_of(row["sql"]), *re.findall(r"\b\d+\b", row["sql"])]
        for value in sorted((v.strip("%") for v in values), key=len, reverse=True):
            text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "_", text) if value else text
        return text

    asked = {split: {row["question"] for row in found} for split, found in chinook.items()}
    assert sum(map(len, asked.values())) == sum(map(len, chinook.values())) > 1_800
    assert len(asked["train"]) >= 1_000
    said = {split: {phrasing(row) for row in found} for split, found in chinook.items()}
    assert not said["train"] & said["test"]
    assert not said["validation"] & said["test"]
    queries = {split: {row["sql"] for row in found} for split, found in chinook.items()}
    assert not queries["train"] & queries["test"]
    forms = {split: {row["family"] for row in found} for split, found in chinook.items()}
    assert forms["train"] == forms["test"]  # what is tested is another way to say it


def test_every_made_query_finds_something(chinook: dict[str, list[dict[str, Any]]]) -> None:
    find = finder(Database(dataset="chinook/chinook.sql.gz"), None)
    connection = opened(str(stored(find("r", {}).digest)))
    for row in [*chinook["test"], *chinook["train"][::5]]:
        found = rows_of(connection, row["sql"])
        assert any(cell is not None for cells in found for cell in cells), row


@pytest.mark.parametrize("split", SPLITS)
def test_queries_of_people_run_and_show_their_own_schema(split: str) -> None:
    find = finder(Database(dataset="defog-sql/{database}.sql.gz"), None)
    for row in rows(f"defog-sql/{split}"):
        database = find("r", row)
        connection = opened(str(stored(database.digest)))
        for query in (row["sql"], *row["others"]):
            rows_of(connection, query)
        for table, columns in schema_of(database.digest).tables:
            shown = next(line for line in row["text"].splitlines() if f"TABLE {table} (" in line)
            assert all(column in shown for column in columns)


def test_no_database_of_people_is_in_two_splits() -> None:
    found = [{row["database"] for row in rows(f"defog-sql/{split}")} for split in SPLITS]
    assert sum(map(len, found)) == len(set.union(*found)) == 7
