"""Questions to databases with the queries that answer them."""

from __future__ import annotations

import csv
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

from shipped.card import Card, Row, Splits, hashed

CHINOOK = """\
Chinook Database, copyright 2008-2024 Luis Rocha.
Source: https://github.com/lerocha/chinook-database (ChinookDatabase/DataSources/Chinook_Sqlite.sqlite)
Commit: 7f67772503d71ba90f19283c38e93923addb43fa
Licence: MIT License, https://opensource.org/licenses/MIT
Cite: Luis Rocha: Chinook Database
The questions and queries are Assay's own, made by tools/shipped/questions.py.
"""
# What each family of questions asks: the query, where its values come from, and how it is put.
# The first phrasings train, the last but two choose, the last two test: no phrasing is in two splits.
FAMILIES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "SELECT COUNT(*) FROM Track JOIN Genre ON Track.GenreId = Genre.GenreId WHERE Genre.Name = '{genre}'",
        "genre",
        ("How many {genre} tracks are there?", "Count the tracks in the genre {genre}.", "number of songs in {genre}", "How many songs do we have in {genre}?", "What is the number of tracks of genre {genre}?", "How many tracks does the catalogue hold in the genre {genre}?", "tracks in {genre}, how many?"),
    ),
    (
        "SELECT Album.Title FROM Album JOIN Artist ON Album.ArtistId = Artist.ArtistId WHERE Artist.Name = '{artist}'",
        "artist",
        ("List the albums of {artist}.", "Which albums did {artist} make?", "titles of all albums by {artist}", "Show the album titles of {artist}", "What are the albums by {artist} called?", "Give me every album title by {artist}", "albums from {artist}, please"),
    ),
    (
        "SELECT COUNT(*) FROM Album JOIN Artist ON Album.ArtistId = Artist.ArtistId WHERE Artist.Name = '{artist}'",
        "artist",
        ("How many albums does {artist} have?", "Count the albums by {artist}", "number of albums of {artist}", "How many albums by {artist} do we sell?", "What is the number of albums by {artist}?", "How many albums are there from {artist}?", "{artist}: how many albums?"),
    ),
    (
        "SELECT Track.Name FROM Track JOIN Album ON Track.AlbumId = Album.AlbumId WHERE Album.Title = '{album}'",
        "album",
        ("Which tracks are on the album {album}?", "List the songs of {album}", "track names on {album}", "Show every track of the album {album}", "What tracks does the album {album} have?", "What is the track list of {album}?", "Name the songs that are on the album {album}"),
    ),
    (
        "SELECT Artist.Name FROM Album JOIN Artist ON Album.ArtistId = Artist.ArtistId WHERE Album.Title = '{album}'",
        "album",
        ("Who made the album {album}?", "Which artist is {album} by?", "artist of the album {album}", "Name the artist of {album}", "Who is the artist of the album {album}?", "The album {album} is by whom?", "By which artist is the album {album}?"),
    ),
    (
        "SELECT Composer FROM Track WHERE Name = '{track}'",
        "track",
        ("Who composed {track}?", "composer of the track {track}", "Who wrote the song {track}?", "Name the composer of {track}", "Which composer wrote {track}?", "Who is the composer of the song {track}?", "By whom was {track} composed?"),
    ),
    (
        "SELECT Album.Title FROM Track JOIN Album ON Track.AlbumId = Album.AlbumId WHERE Track.Name = '{track}'",
        "track",
        ("Which album is {track} on?", "On what album can I find {track}?", "album of the track {track}", "Name the album with the song {track}", "What album holds the track {track}?", "Where does the song {track} appear, which album?", "The track {track} is on which album?"),
    ),
    (
        "SELECT Genre.Name FROM Track JOIN Genre ON Track.GenreId = Genre.GenreId WHERE Track.Name = '{track}'",
        "track",
        ("What genre is {track}?", "genre of the track {track}", "Which genre does {track} belong to?", "Name the genre of the song {track}", "Of which genre is {track}?", "In what genre is the track {track} filed?", "The song {track} is what kind of genre?"),
    ),
    (
        "SELECT Name FROM Track ORDER BY Milliseconds DESC LIMIT {n}",
        "n",
        ("What are the {n} longest tracks?", "List the {n} longest songs", "names of the {n} tracks that last longest", "Show the top {n} tracks by length", "Which {n} tracks are the longest?", "Give the {n} longest-running tracks", "the {n} songs with the greatest length"),
    ),
    (
        "SELECT FirstName, LastName FROM Customer WHERE Country = '{country}'",
        "country",
        ("List the first and last names of customers in {country}", "Which customers live in {country}? First and last name.", "names of all customers from {country}", "Show our customers in {country}, first name and last name", "Who are our customers in {country}?", "Give first name and last name of everyone we serve in {country}", "customers located in {country}, by first and last name"),
    ),
    (
        "SELECT COUNT(*) FROM Customer WHERE Country = '{country}'",
        "country",
        ("How many customers are in {country}?", "Count the customers from {country}", "number of customers in {country}", "How many of our customers live in {country}?", "What is the number of customers from {country}?", "How many people from {country} buy from us?", "{country}: how many customers?"),
    ),
    (
        "SELECT SUM(Total) FROM Invoice WHERE BillingCountry = '{country}'",
        "country",
        ("What are the total sales in {country}?", "Sum of invoices billed to {country}", "total revenue from {country}", "How much have we sold in {country}?", "What is the total of all invoices in {country}?", "How much revenue did {country} bring?", "sales billed to {country}, in total"),
    ),
    (
        "SELECT SUM(Total) FROM Invoice WHERE STRFTIME('%Y', InvoiceDate) = '{year}'",
        "year",
        ("What were the total sales in {year}?", "revenue of the year {year}", "How much did we sell in {year}?", "Sum of all invoices of {year}", "What is the invoice total for {year}?", "How much money did {year} bring in?", "total invoiced during {year}"),
    ),
    (
        "SELECT COUNT(*) FROM Invoice WHERE STRFTIME('%Y', InvoiceDate) = '{year}' AND BillingCountry = '{country}'",
        "year country",
        ("How many invoices did we send to {country} in {year}?", "number of invoices for {country} in {year}", "Count the {year} invoices billed to {country}", "In {year}, how many invoices went to {country}?", "What is the number of invoices to {country} in {year}?", "How many times was {country} invoiced in {year}?", "invoices of {year} for {country}, how many?"),
    ),
    (
        "SELECT SUM(Invoice.Total) FROM Invoice JOIN Customer ON Invoice.CustomerId = Customer.CustomerId WHERE Customer.FirstName = '{first}' AND Customer.LastName = '{last}'",
        "customer",
        ("How much has {first} {last} spent?", "total spent by {first} {last}", "Sum of the invoices of {first} {last}", "What did {first} {last} spend in all?", "What is the total of the invoices of {first} {last}?", "How much money has {first} {last} paid us?", "spending of customer {first} {last}"),
    ),
    (
        "SELECT Email FROM Customer WHERE FirstName = '{first}' AND LastName = '{last}'",
        "customer",
        ("What is the email of {first} {last}?", "email address of {first} {last}", "How do I email {first} {last}?", "Give the email of customer {first} {last}", "Which email does {first} {last} use?", "At what email address do I reach {first} {last}?", "{first} {last}'s email"),
    ),
    (
        "SELECT Phone FROM Customer WHERE FirstName = '{first}' AND LastName = '{last}'",
        "customer",
        ("What is the phone number of {first} {last}?", "phone of {first} {last}", "How do I call {first} {last}?", "Give the phone number of customer {first} {last}", "Which phone number does {first} {last} have?", "On what number can I ring {first} {last}?", "{first} {last}'s phone"),
    ),
    (
        "SELECT Employee.FirstName, Employee.LastName FROM Customer JOIN Employee ON Customer.SupportRepId = Employee.EmployeeId WHERE Customer.FirstName = '{first}' AND Customer.LastName = '{last}'",
        "customer",
        ("Who is the support rep of {first} {last}?", "Which employee supports {first} {last}?", "support agent of customer {first} {last}, first and last name", "Name the support representative of {first} {last}", "Which employee looks after {first} {last}?", "Who in support takes care of {first} {last}?", "the employee who is support rep for {first} {last}"),
    ),
    (
        "SELECT BillingCountry, SUM(Total) FROM Invoice GROUP BY BillingCountry ORDER BY SUM(Total) DESC LIMIT {n}",
        "n",
        ("Which {n} countries buy most, and for how much?", "top {n} countries by sales with their totals", "Show the {n} countries with the highest sales and the amount", "List the {n} best countries by invoice total, with totals", "What are the top {n} countries by revenue, with the revenue?", "Rank the {n} countries with the most sales and give the sum", "the {n} strongest countries in sales, and how much each"),
    ),
    (
        "SELECT Artist.Name, COUNT(*) FROM Album JOIN Artist ON Album.ArtistId = Artist.ArtistId GROUP BY Artist.Name ORDER BY COUNT(*) DESC LIMIT {n}",
        "n",
        ("Which {n} artists have the most albums, and how many?", "top {n} artists by number of albums with the number", "Show the {n} artists with the most albums and their count", "List the {n} artists with most albums, with counts", "What are the top {n} artists by albums, with how many?", "Rank the {n} artists who made the most albums, giving the count", "the {n} artists with the greatest number of albums, and that number"),
    ),
    (
        "SELECT Customer.FirstName, Customer.LastName, SUM(Invoice.Total) FROM Invoice JOIN Customer ON Invoice.CustomerId = Customer.CustomerId GROUP BY Customer.CustomerId ORDER BY SUM(Invoice.Total) DESC LIMIT {n}",
        "n",
        ("Who are the {n} customers who spend most, and how much?", "top {n} customers by total spending, with the total", "Show the {n} best customers, first and last name and what they spent", "List the {n} customers with the highest invoice totals, with totals", "What are our top {n} customers by spending, with amounts?", "Rank the {n} biggest spenders by name, with the sum", "the {n} customers that paid us most, and how much each"),
    ),
    (
        "SELECT COUNT(*) FROM PlaylistTrack JOIN Playlist ON PlaylistTrack.PlaylistId = Playlist.PlaylistId WHERE Playlist.Name = '{playlist}'",
        "playlist",
        ("How many tracks are in the playlist {playlist}?", "Count the songs of the playlist {playlist}", "number of tracks on playlist {playlist}", "How long is the playlist {playlist}, in tracks?", "What is the number of tracks in the playlist {playlist}?", "How many songs does the playlist {playlist} hold?", "playlist {playlist}: how many tracks?"),
    ),
    (
        "SELECT Track.Name FROM Track JOIN Genre ON Track.GenreId = Genre.GenreId WHERE Genre.Name = '{genre}' AND Track.Milliseconds > {n} * 60000",
        "genre n",
        ("Which {genre} tracks are longer than {n} minutes?", "List {genre} songs of more than {n} minutes", "names of {genre} tracks over {n} minutes", "Show the tracks in {genre} that last more than {n} minutes", "What {genre} tracks run longer than {n} minutes?", "Find {genre} songs that take over {n} minutes", "{genre} tracks above {n} minutes"),
    ),
    (
        "SELECT AVG(Track.Milliseconds) FROM Track JOIN Genre ON Track.GenreId = Genre.GenreId WHERE Genre.Name = '{genre}'",
        "genre",
        ("What is the average length of {genre} tracks in milliseconds?", "average milliseconds of a {genre} song", "mean length of tracks in {genre}, in milliseconds", "How many milliseconds does a {genre} track last on average?", "What is the mean duration of {genre} tracks, in milliseconds?", "On average, how many milliseconds long are {genre} songs?", "average duration in milliseconds for {genre}"),
    ),
    (
        "SELECT COUNT(*) FROM Invoice WHERE Total > {n}",
        "n",
        ("How many invoices are over {n} dollars?", "Count the invoices above {n}", "number of invoices with a total of more than {n}", "How many invoices exceed {n} dollars?", "What is the number of invoices greater than {n}?", "How many invoices come to more than {n} dollars?", "invoices beyond {n} dollars, how many?"),
    ),
    (
        "SELECT Genre.Name FROM Track JOIN Genre ON Track.GenreId = Genre.GenreId GROUP BY Genre.Name HAVING COUNT(*) > {hundred}",
        "hundred",
        ("Which genres have more than {hundred} tracks?", "genres with over {hundred} songs", "List the genres that hold more than {hundred} tracks", "Show genres with above {hundred} tracks", "What genres contain more than {hundred} tracks?", "Name every genre that has more than {hundred} songs", "genres exceeding {hundred} tracks"),
    ),
    (
        "SELECT SUM(InvoiceLine.Quantity) FROM InvoiceLine JOIN Track ON InvoiceLine.TrackId = Track.TrackId JOIN Album ON Track.AlbumId = Album.AlbumId JOIN Artist ON Album.ArtistId = Artist.ArtistId WHERE Artist.Name = '{artist}'",
        "artist",
        ("How many tracks by {artist} were sold?", "units sold of {artist}", "quantity of {artist} tracks sold", "How many songs of {artist} have we sold?", "What is the number of units sold of {artist}?", "How often were tracks by {artist} bought?", "sold quantity for the artist {artist}"),
    ),
    (
        "SELECT Name FROM Track WHERE Name LIKE '%{word}%'",
        "word",
        ("Which tracks have {word} in their name?", "List songs with {word} in the title", "tracks whose name contains {word}", "Show every track that has {word} in its name", "What tracks contain the word {word}?", "Find songs with {word} somewhere in the title", "track names in which {word} occurs"),
    ),
    (
        "SELECT FirstName, LastName FROM Customer WHERE City = '{city}'",
        "city",
        ("Which customers live in the city of {city}?", "first and last names of customers in the city {city}", "List customers from the city {city}", "Show the customers in the city of {city}", "Who lives in the city of {city}?", "Name the customers we have in the city {city}", "customers based in the city of {city}"),
    ),
    (
        "SELECT DISTINCT Genre.Name FROM Track JOIN Genre ON Track.GenreId = Genre.GenreId JOIN Album ON Track.AlbumId = Album.AlbumId JOIN Artist ON Album.ArtistId = Artist.ArtistId WHERE Artist.Name = '{artist}'",
        "artist",
        ("Which genres does {artist} play?", "distinct genres of {artist}", "List the genres of the artist {artist}", "Show in which genres {artist} has tracks", "What genres are there by {artist}?", "In what genres does {artist} appear?", "the different genres of {artist}"),
    ),
    (
        "SELECT Track.Name FROM Track JOIN Album ON Track.AlbumId = Album.AlbumId JOIN Artist ON Album.ArtistId = Artist.ArtistId WHERE Artist.Name = '{artist}' AND NOT Track.TrackId IN (SELECT TrackId FROM InvoiceLine)",
        "artist",
        ("Which tracks by {artist} were never sold?", "unsold tracks of {artist}", "List songs of {artist} that nobody bought", "Show the tracks by {artist} without a sale", "What tracks of {artist} have never been sold?", "Name the songs by {artist} that no one has bought", "tracks of {artist} with no sales at all"),
    ),
)  # fmt: skip
VALUES = {
    "genre": "SELECT Name FROM Genre",
    "artist": "SELECT Name FROM Artist WHERE ArtistId IN (SELECT ArtistId FROM Album)",
    "album": "SELECT Title FROM Album",
    "track": "SELECT Name FROM Track WHERE Composer IS NOT NULL",
    "country": "SELECT DISTINCT Country FROM Customer",
    "city": "SELECT DISTINCT City FROM Customer",
    "year": "SELECT DISTINCT STRFTIME('%Y', InvoiceDate) FROM Invoice",
    "playlist": "SELECT DISTINCT Name FROM Playlist",
    "customer": "SELECT FirstName || '|' || LastName FROM Customer",
    "n": "WITH RECURSIVE c(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM c WHERE n < 20) SELECT n FROM c",
    "hundred": "WITH RECURSIVE c(n) AS (SELECT 10 UNION ALL SELECT n + 10 FROM c WHERE n < 400) SELECT n FROM c",
    "word": "SELECT column1 FROM (VALUES ('Love'), ('Night'), ('Rock'), ('Blue'), ('Time'), ('World'), "
    "('Heart'), ('Fire'), ('Dream'), ('Rain'), ('Black'), ('Sun'), ('Moon'), ('River'), ('King'), "
    "('Girl'), ('Dance'), ('Road'), ('Home'), ('Soul'), ('Star'), ('Wind'), ('Gold'), ('Train'))",
}  # fmt: skip
DEFOG = """\
Defog's sql-eval and defog-data, copyright Defog.
Source: https://github.com/defog-ai/sql-eval (data/questions_gen_sqlite.csv)
Commit: b83332416ea2d424b0cd12994a0a9ba100f4b4af
Source: https://github.com/defog-ai/defog-data (defog_data/NAME/NAME.sql)
Commit: 856295d8f0aa8a0b0fb71b9623e86f363469797a
Licence: Apache License 2.0, https://www.apache.org/licenses/LICENSE-2.0
Cite: Defog: SQL Generation Evaluation (sql-eval)
"""
SPLIT = {  # no database is in two splits
    "train": ("academic", "atis", "scholar"),
    "validation": ("geography",),
    "test": ("advising", "restaurants", "yelp"),
}
TODAY = "2025-01-30"  # the day of the commit, where a database means the day it is asked
ROWS = {"train": 60, "validation": 5, "test": 10}  # of each family
_LEGIBLE = re.compile(r"[\w][\w &'.,!()/-]{1,40}")


def values_of(connection: sqlite3.Connection, kinds: str) -> list[dict[str, str]]:
    """Every combination of the values that a family's phrasings name."""
    found: list[dict[str, str]] = [{}]
    for kind in kinds.split():
        said = sorted({str(value) for (value,) in connection.execute(VALUES[kind]) if value})
        said = [v for v in said if kind == "customer" or (_LEGIBLE.fullmatch(v) and v == v.strip())]
        if kind == "customer":
            named = [dict(zip(("first", "last"), value.split("|"), strict=True)) for value in said]
        else:
            named = [{kind: value} for value in said]
        found = [{**one, **other} for one in found for other in named]
    return found


def put(query: str, values: dict[str, str]) -> str:
    """The query with its values, quotes doubled as SQL wants them."""
    for name, value in values.items():
        query = query.replace(f"{{{name}}}", value.replace("'", "''"))
    return query


def asked(connection: sqlite3.Connection) -> Iterator[tuple[str, Row]]:
    """Every row with its split; values and phrasings of the test are in no other split.

    A question whose answer would be no row, or no value, is not asked.
    """
    for number, (query, kinds, phrasings) in enumerate(FAMILIES):
        phrased = {"train": phrasings[:4], "validation": phrasings[4:5], "test": phrasings[5:]}
        combined = sorted(values_of(connection, kinds), key=lambda v: hashed(f"{number} {v}"))
        combined = [
            values
            for values in combined[:400]
            if any(
                cell is not None for row in connection.execute(put(query, values)) for cell in row
            )
        ]
        third = len(combined) // 3
        pools = {"test": combined[:third], "validation": combined[third : 2 * third]}
        pools["validation"] = pools["validation"][: ROWS["validation"]]
        kept = [v for v in combined[third:] if v not in pools["validation"]]
        pools["train"] = kept or combined
        for split, pool in pools.items():
            said = [(values, text) for values in pool for text in phrased[split]]
            said.sort(key=lambda pair: hashed(f"{pair[0]} {pair[1]}"))
            for values, text in said[: ROWS[split]]:
                question = text
                for name, value in values.items():
                    question = question.replace(f"{{{name}}}", value)
                yield (
                    split,
                    {"question": question, "sql": put(query, values), "family": str(number)},
                )


def build_chinook(source: Path) -> Splits:
    """Questions to the Chinook database, phrased one way to train on and another to be tested with."""
    splits: Splits = {"train": [], "validation": [], "test": []}
    with closing(sqlite3.connect(chinook_file(source))) as connection:
        for split, row in asked(connection):
            splits[split].append(row)
    for rows in splits.values():
        rows.sort(key=lambda row: hashed(row["question"]))
    return splits


def chinook_file(source: Path) -> Path:
    """The database as published."""
    return source / "chinook_db" / "ChinookDatabase" / "DataSources" / "Chinook_Sqlite.sqlite"


def chinook_dump(source: Path) -> dict[str, str]:
    """The database as SQL text."""
    with closing(sqlite3.connect(chinook_file(source))) as connection:
        return {"chinook.sql.gz": "\n".join(connection.iterdump()) + "\n"}


def schema_text(connection: sqlite3.Connection) -> str:
    """Each table on a line, as CREATE TABLE with names and types."""
    lines: list[str] = []
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid"
    for (table,) in connection.execute(tables).fetchall():
        columns = connection.execute("SELECT name, type FROM pragma_table_info(?)", (table,))
        named = ", ".join(f"{name} {kind.split('(')[0].upper()}" for name, kind in columns)
        lines.append(f"CREATE TABLE {table} ({named});")
    return "\n".join(lines)


def defog_database(source: Path, name: str) -> sqlite3.Connection:
    """One of Defog's databases, translated from PostgreSQL."""
    path = source / "defog_data" / "defog_data" / name / f"{name}.sql"
    text = path.read_text(encoding="utf-8").replace("public.", "")
    text = re.sub(r"CURRENT_DATE - INTERVAL '(\w+ \w+)'", rf"DATE('{TODAY}', '-\1')", text)
    text = re.sub(r"CURRENT_DATE", f"'{TODAY}'", text)
    text = re.sub(
        r"EXTRACT\(YEAR FROM (DATE\([^)]*\))\)", r"CAST(STRFTIME('%Y', \1) AS INTEGER)", text
    )
    text = re.sub(r"::\s*\w+(\(\d+(, *\d+)?\))?", "", text)
    connection = sqlite3.connect(":memory:")
    month = lambda day, _: date.fromisoformat(day).strftime("%B")  # noqa: E731
    connection.create_function("TO_CHAR", 2, month)  # used for nothing else
    connection.executescript(text)
    return connection


def build_defog(source: Path) -> Splits:
    """Questions with every query that is right; the text shows the schema of its database."""
    path = source / "defog_sql_eval" / "data" / "questions_gen_sqlite.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        asked_ = list(csv.DictReader(handle))
    splits: Splits = {name: [] for name in SPLIT}
    for split, databases in SPLIT.items():
        for name in databases:
            with closing(defog_database(source, name)) as connection:
                shown = schema_text(connection)
                for row in asked_:
                    right = [part.strip() for part in row["query"].split(";") if part.strip()]
                    if row["db_name"] != name or "'now'" in row["query"].lower():
                        continue
                    for query in right:
                        connection.execute(query)
                    splits[split].append(
                        {
                            "text": f"{shown}\n\n{row['question'].strip()}",
                            "sql": right[0],
                            "others": right[1:],
                            "database": name,
                            "kind": row["query_category"],
                        }
                    )
    return splits  # fmt: skip


def defog_dumps(source: Path) -> dict[str, str]:
    """Each database as SQL text."""
    dumps: dict[str, str] = {}
    for name in sorted(name for names in SPLIT.values() for name in names):
        with closing(defog_database(source, name)) as connection:
            dumps[f"{name}.sql.gz"] = "\n".join(connection.iterdump()) + "\n"
    return dumps


CARDS = {
    "chinook": Card(
        licence="MIT",
        notice=CHINOOK,
        summary="Questions to the Chinook database, a shop for digital music, with the SQL that answers them.",
        columns={
            "question": "the question, in English",
            "sql": "an SQLite query that answers it",
            "family": "number of the query's form; phrasings of a form are in one split only",
        },
        changes="the database is as published, as SQL text (`chinook.sql.gz`). The questions are made "
        "from 31 forms of query with seven phrasings each and values of the database: four phrasings "
        "train, one chooses, two test; values of the test are not in the other splits. A question "
        "whose answer would be empty is not asked.",
        build=build_chinook,
        texts=chinook_dump,
    ),
    "defog-sql": Card(
        licence="Apache-2.0",
        notice=DEFOG,
        summary="Questions to seven small business and academic databases, with the SQL that answers them.",
        columns={
            "text": "the schema of the database, a blank line, the question",
            "sql": "an SQLite query that answers it",
            "others": "further queries that are right as well",
            "database": "name of the database, whose SQL text is NAME.sql.gz",
            "kind": "what the query is about, by the publisher",
        },
        changes=f"databases and queries for SQLite; casts of PostgreSQL removed; today is {TODAY} in the "
        "data. Left out: four databases that do not load in SQLite or depend on the day, and questions "
        "about now. Splits by database are Assay's own: academic, atis and scholar train, geography "
        "chooses, advising, restaurants and yelp test.",
        build=build_defog,
        texts=defog_dumps,
    ),
}
