"""Which queries a schema allows."""

from __future__ import annotations

import pytest

from assay.data.sql import Schema, one_form
from assay.data.sql_grammar import allows, grammar, is_format

SCHEMA = Schema(
    (
        ("Track", ("TrackId", "Name", "Milliseconds", "GenreId", "Made On")),
        ("Genre", ("GenreId", "Name")),
    )
)
ANY = grammar(SCHEMA, None)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT Name FROM Track",
        "SELECT * FROM Track LIMIT 5",
        "SELECT DISTINCT Track.Name, Genre.Name FROM Track JOIN Genre ON Track.GenreId = Genre.GenreId",
        "SELECT t.Name FROM Track AS t LEFT JOIN Genre AS g ON t.GenreId = g.GenreId WHERE g.Name IS NULL",
        "SELECT COUNT(*) FROM Track WHERE Milliseconds > 3 * 60000 AND (Name LIKE '%a%' OR NOT Name = 'b')",
        "SELECT COUNT(DISTINCT GenreId) AS n FROM Track",
        "SELECT Name, COUNT(*) AS n FROM Track GROUP BY Name HAVING COUNT(*) > 2 ORDER BY n DESC, Name LIMIT 3",
        "SELECT Name FROM Track WHERE GenreId IN (SELECT GenreId FROM Genre WHERE Name IN ('Jazz', 'Blues'))",
        "SELECT Name FROM Track WHERE Milliseconds = (SELECT MAX(Milliseconds) FROM Track)",
        "SELECT Name FROM Track WHERE STRFTIME('%Y', \"Made On\") = '2012'",
        "SELECT CASE WHEN Milliseconds BETWEEN 1 AND 2 THEN 'short' ELSE 'long' END FROM Track",
        "SELECT CAST(SUM(Milliseconds) AS REAL) / COUNT(*) FROM Track",
        "SELECT Name FROM Track UNION SELECT Name FROM Genre ORDER BY Name",
        "SELECT Name FROM Genre WHERE EXISTS(SELECT 1 FROM Track WHERE Track.GenreId = Genre.GenreId)",
        "SELECT LOWER(Name) || '!' FROM Track WHERE Milliseconds >= -1.5",
    ],
)
def test_queries_over_the_schema_are_allowed(query: str) -> None:
    assert one_form(query, SCHEMA) == query, "the grammar is for this form"
    assert allows(ANY, query)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT Age FROM Track",
        "SELECT Name FROM Artist",
        "DELETE FROM Track",
        "SELECT Name FROM Track; DELETE FROM Track",
        "SELECT Name FROM Track WHERE",
        "SELECT LOAD_EXTENSION('x') FROM Track",
        "SELECT Name FROM Track WHERE Name = 'a' --",
        "select Name from Track",
        "SELECT",
        "",
    ],
)
def test_other_queries_are_not(query: str) -> None:
    assert not allows(ANY, query)


def test_texts_are_words_of_the_question_where_that_is_asked() -> None:
    asked = grammar(SCHEMA, "How many songs has O'Brien in Rock & Roll since 2012?")
    wanted = "SELECT Name FROM Track WHERE Name = '{}'"
    for text in ("O''Brien", "Rock & Roll", "Rock", "2012", "%Y", "now", "-3 months"):
        assert allows(asked, wanted.format(text)), text
    for text in ("Jazz", "rock", "Bri", "Roc", "Rock Roll", "", "O'Brien"):
        assert not allows(asked, wanted.format(text)), text
    assert allows(asked, "SELECT Name FROM Track WHERE Name LIKE '%Rock%'")
    assert not allows(asked, "SELECT Name FROM Track WHERE Name LIKE '%Jazz%'")
    silent = grammar(SCHEMA, "…")
    assert not allows(silent, wanted.format("a"))


def test_what_is_about_dates() -> None:
    assert [text for text in ("%Y", "%Y-%m", "now", "+1 day", "-12 months", "day", "2012") if is_format(text)] == [
        "%Y", "%Y-%m", "now", "+1 day", "-12 months",
    ]  # fmt: skip
