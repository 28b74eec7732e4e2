"""Databases in the cache, and the rows that are checked against them."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from assay.data.databases import digest, finder, schema_of, stored
from assay.data.rows import Draft, drafter
from assay.data.sql import Schema
from assay.errors import DataError
from assay.recipe.schema import Database, Recipe

Make = Callable[..., Recipe]
SQL = "CREATE TABLE artist (id INTEGER, name TEXT);\nINSERT INTO artist VALUES (1, 'Ada'), (2, 'Bo');\n"
TASK = {
    "output": "text",
    "check": "sql",
    "system": "CREATE TABLE artist (id INTEGER, name TEXT);",
}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "cache"))
    schema_of.cache_clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.sql").write_text(SQL, encoding="utf-8")
    return tmp_path


def asking(recipe: Make, task: dict[str, Any] | None = None, **data: Any) -> Recipe:
    base: dict[str, Any] = {"input": "question", "target": "sql", "database": {"path": "shop.sql"}}
    return recipe({**TASK, **(task or {})}, **base, **data)


def test_sql_text_packed_or_not_and_a_file_are_the_same_kind_of_thing(folder: Path) -> None:
    (folder / "packed.sql.gz").write_bytes(gzip.compress(SQL.encode()))
    with closing(sqlite3.connect(folder / "made.sqlite")) as made:
        made.executescript(SQL)
    find = finder(Database(path="{db}"), folder)
    found = [find("r", {"db": name}) for name in ("shop.sql", "packed.sql.gz", "made.sqlite")]
    assert found[0].digest == found[1].digest != found[2].digest
    assert {one.schema for one in found} == {Schema((("artist", ("id", "name")),))}
    assert [find("r", {"db": "shop.sql"})] == [found[0]]
    with closing(sqlite3.connect(stored(found[0].digest))) as made:
        assert made.execute("SELECT COUNT(*) FROM artist").fetchone() == (2,)


def test_a_database_that_is_not_there_or_is_none(folder: Path) -> None:
    (folder / "bad.sql").write_text("CREATE TABLE x (", encoding="utf-8")
    (folder / "bad.sqlite").write_bytes(b"SQLite format 3\0" + b"no" * 600)
    find = finder(Database(path="{db}"), folder)
    for name, said in (
        ("none.sql", "no such database"),
        ("bad.sql", "no SQL that makes one"),
        ("bad.sqlite", "cannot be read as an SQLite database"),
        ("../shop.sql", "names no database"),
        (".hidden", "names no database"),
    ):
        with pytest.raises(DataError, match=said):
            find("rows.jsonl:3", {"db": name})
    with pytest.raises(DataError, match=r'rows.jsonl:3: no column "db"'):
        find("rows.jsonl:3", {"question": "x"})
    with pytest.raises(DataError, match=r"not in .*databases"):
        stored("0" * 64)


def test_the_digest_covers_every_file_that_may_be_named(folder: Path) -> None:
    one = digest(Database(path="shop.sql"), folder)
    every = digest(Database(path="{db}.sql"), folder)
    (folder / "other.sql").write_text(SQL, encoding="utf-8")
    assert digest(Database(path="shop.sql"), folder) == one
    assert digest(Database(path="{db}.sql"), folder) != every
    for absent in ("none.sqlite", "{db}.sqlite", "none/{db}.sql"):
        with pytest.raises(DataError, match="no such database"):
            digest(Database(path=absent), folder)


def test_a_row_is_put_in_one_form_and_names_its_database(folder: Path, recipe: Make) -> None:
    draft = drafter(asking(recipe, tests="others"), folder)
    row = {
        "question": "who?",
        "sql": "select NAME from ARTIST",
        "others": ["SELECT name n FROM artist"],
    }
    made = draft("r:1", row)
    assert isinstance(made, Draft)
    assert made.target == made.turns[-1].content == "SELECT name FROM artist"
    check = json.loads(made.check)
    assert check["also"] == ["SELECT name AS n FROM artist"]
    assert stored(check["database"]).is_file()
    assert made.grounded
    assert made.content.endswith("who?")


def test_a_query_outside_the_grammar_is_not_grounded(folder: Path, recipe: Make) -> None:
    draft = drafter(asking(recipe), folder)
    window = {"question": "rank", "sql": "SELECT RANK() OVER (ORDER BY name) FROM artist"}
    made = draft("r:1", window)
    assert isinstance(made, Draft)
    assert not made.grounded
    copied = drafter(asking(recipe, {"grounded": True}), folder)
    for question, said in (("Is Ada there?", True), ("Is she there?", False)):
        made = copied(
            "r:1", {"question": question, "sql": "SELECT id FROM artist WHERE name = 'Ada'"}
        )
        assert isinstance(made, Draft)
        assert made.grounded is said


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DELETE FROM artist", "not a single SELECT"),
        ("SELECT age FROM artist", "does not fit the schema"),
        ("SELECT name FROM nobody", '"nobody", which is no table'),
        ("SELECT NO_SUCH(name) FROM artist", "SQLite refuses the query: no such function"),
        ("SELECT name FROM", "cannot be parsed"),
    ],
)
def test_a_target_that_cannot_be_right_is_refused(
    folder: Path, recipe: Make, sql: str, said: str
) -> None:
    with pytest.raises(DataError, match=said) as caught:
        drafter(asking(recipe), folder)("rows.jsonl:7", {"question": "q", "sql": sql})
    assert caught.value.cause.startswith("rows.jsonl:7: ")


def test_a_prompt_that_shows_what_the_database_lacks_is_refused(folder: Path, recipe: Make) -> None:
    row = {"question": "q", "sql": "SELECT name FROM artist"}
    for shown, said in (
        ("CREATE TABLE artist (name TEXT, age INTEGER);", "shows artist.age, which shop.sql"),
        (
            "CREATE TABLE artist (name TEXT); CREATE TABLE song (id INTEGER);",
            "shows the table song",
        ),
        ("CREATE TABLE artist (id INTEGER);", "does not fit the schema"),
    ):
        with pytest.raises(DataError, match=said):
            drafter(asking(recipe, {"system": shown}), folder)("r:1", row)


def test_the_schema_may_be_in_the_text_itself(folder: Path, recipe: Make) -> None:
    shown = "CREATE TABLE artist (id INTEGER, name TEXT);\n\nWho is there?"
    draft = drafter(asking(recipe, {"system": "Write SQL."}), folder)
    made = draft("r:1", {"question": shown, "sql": "select name from artist"})
    assert isinstance(made, Draft)
    assert made.content == "shop.sql: Who is there?"
