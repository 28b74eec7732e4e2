"""What a query says, and which schema a prompt shows."""

from __future__ import annotations

import pytest

from assay.data.sql import (
    Schema,
    is_ordered,
    is_plain,
    one_form,
    question_in,
    resolved,
    schema_in,
    texts_of,
)
from assay.errors import ConstraintError

PROMPT = """Write SQL.
CREATE TABLE Artist (ArtistId INTEGER PRIMARY KEY, Name TEXT);
create table "Order" ([Order Date] DATETIME, Total NUMERIC(10,2), ArtistId INTEGER REFERENCES Artist(ArtistId));

Who sold most?"""
SCHEMA = Schema((("Artist", ("ArtistId", "Name")), ("Order", ("Order Date", "Total", "ArtistId"))))


def test_the_schema_is_what_create_table_declares() -> None:
    assert schema_in(PROMPT) == SCHEMA
    assert schema_in("How many artists are there? CREATE TABLES!") is None
    assert question_in(PROMPT) == "Write SQL.\n\n\n\nWho sold most?"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("CREATE TABLE t (a INT); CREATE TABLE T (b INT);", "declares the table T twice"),
        ("CREATE TABLE t ();", "has no columns|cannot be read"),
        ("CREATE TABLE t AS (SELECT 1 AS a);", "cannot be read"),
    ],
)
def test_a_schema_that_cannot_be_read_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConstraintError, match=said):
        schema_in(text)


@pytest.mark.parametrize(
    ("query", "form"),
    [
        ("select  name\nfrom artist;", "SELECT Name FROM Artist"),
        ("SELECT NAME FROM `artist` -- all", "SELECT Name FROM Artist"),
        ('SELECT "order date" FROM "order"', 'SELECT "Order Date" FROM "Order"'),
        ("select count(*) n from artist where name != 'O''Hara'",
         "SELECT COUNT(*) AS n FROM Artist WHERE Name <> 'O''Hara'"),
        ("WITH a AS (SELECT 1 x) SELECT x FROM a", "WITH a AS (SELECT 1 AS x) SELECT x FROM a"),
        ("SELECT 1 UNION SELECT 2", "SELECT 1 UNION SELECT 2"),
    ],
)  # fmt: skip
def test_a_query_has_one_form(query: str, form: str) -> None:
    assert one_form(query, SCHEMA) == form
    assert one_form(form, SCHEMA) == form


@pytest.mark.parametrize(
    "query",
    ["DELETE FROM Artist", "SELECT 1; SELECT 2", "", "SELECT FROM WHERE", "DROP TABLE Artist",
     "PRAGMA table_info(Artist)", "ATTACH 'x' AS y", "How many artists?", "(" * 5000],
)  # fmt: skip
def test_what_is_no_single_select_is_refused(query: str) -> None:
    with pytest.raises(ConstraintError):
        one_form(query)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT Name FROM Artist", "select a.NAME as who from artist as a"),
        ("SELECT Total FROM \"Order\" o JOIN Artist x ON o.ArtistId = x.ArtistId",
         "SELECT b.Total FROM \"Order\" b INNER JOIN Artist c ON b.ArtistId = c.ArtistId"),
        ("SELECT Name, COUNT(*) FROM Artist GROUP BY 1", "SELECT Name, COUNT(*) c FROM Artist GROUP BY Name"),
        ("SELECT * FROM Artist", "SELECT ArtistId, Name FROM Artist"),
    ],
)  # fmt: skip
def test_queries_that_differ_in_spelling_are_the_same(one: str, other: str) -> None:
    assert resolved(one, SCHEMA) == resolved(other, SCHEMA)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT Name FROM Artist", "SELECT ArtistId FROM Artist"),
        ("SELECT Name FROM Artist WHERE Name = 'a'", "SELECT Name FROM Artist WHERE Name = 'A'"),
        ("SELECT Name FROM Artist", "SELECT DISTINCT Name FROM Artist"),
        ("SELECT Name FROM Artist ORDER BY 1", "SELECT Name FROM Artist ORDER BY Name DESC"),
    ],
)
def test_queries_that_say_something_else_are_not(one: str, other: str) -> None:
    assert resolved(one, SCHEMA) != resolved(other, SCHEMA)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT Age FROM Artist", "Age|age"),
        ("SELECT COUNT(*) FROM Nobody", '"Nobody", which is no table'),
        ("SELECT o.Name FROM Artist AS a", "o"),
        ("SELECT ArtistId FROM Artist, \"Order\"", "ArtistId|artistid|mbiguous"),
        ("SELECT Name FROM Artist WHERE ArtistId IN (SELECT Nothing FROM \"Order\")", "othing"),
    ],
)  # fmt: skip
def test_a_name_that_the_schema_lacks_is_refused(query: str, said: str) -> None:
    with pytest.raises(ConstraintError, match=said):
        resolved(query, SCHEMA)


def test_names_that_need_quotes() -> None:
    assert [name for name in ("Name", "order", "Order Date", "group", "x1", "1x", "select") if is_plain(name)] == [
        "Name",
        "x1",
    ]  # fmt: skip


def test_texts_and_order() -> None:
    query = "SELECT 'a' FROM Artist WHERE Name IN ('b', 'it''s') AND ArtistId = 3 ORDER BY Name"
    assert sorted(texts_of(query)) == ["a", "b", "it's"]
    assert is_ordered(query)
    assert not is_ordered("SELECT Name FROM (SELECT Name FROM Artist ORDER BY Name) AS x")
