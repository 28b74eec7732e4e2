"""Databases that queries are run on: kept once in the cache, by the digest of their content.

A row names its database by that digest, so that rows, evidence and runs say the same on every
machine.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from assay import files
from assay.data import datasets
from assay.data.readers import located
from assay.data.sql import Schema
from assay.data.tables import Row
from assay.errors import ConstraintError, DataError
from assay.recipe.schema import Database

_COLUMN = re.compile(r"\{(\w+)\}")
_MAGIC = b"SQLite format 3\0"


@dataclass(frozen=True)
class Stored:
    """One database in the cache."""

    name: str
    digest: str
    schema: Schema


def stored(digest: str) -> Path:
    """The SQLite file with that digest; raises ``DataError`` when the cache does not hold it."""
    path = _folder() / f"{digest}.sqlite"
    if not path.is_file():
        raise DataError(
            f"the database {digest[:12]} is not in {_folder()}",
            "Prepare the run's data again: assay data inspect RECIPE, with the recipe's data.database.",
        )
    return path


@lru_cache(64)
def schema_of(digest: str) -> Schema:
    """The tables and views of a stored database; raises ``DataError`` as ``stored`` does."""
    with closing(_opened(digest)) as connection:
        names = connection.execute(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
            "AND name NOT LIKE 'sqlite%' ORDER BY rowid"
        ).fetchall()
        columns = "SELECT name FROM pragma_table_info(?) ORDER BY cid"
        return Schema(
            tuple(
                (name, tuple(c for (c,) in connection.execute(columns, (name,))))
                for (name,) in names
            )
        )


def require_within(shown: Schema, database: Stored) -> None:
    """Raise ``ConstraintError`` for a table or column that a prompt shows and the database lacks."""
    there = {table.lower(): {*map(str.lower, columns)} for table, columns in database.schema.tables}
    for table, columns in shown.tables:
        if table.lower() not in there:
            names = ", ".join(name for name, _ in database.schema.tables)
            raise ConstraintError(
                f"the prompt shows the table {table}, which {database.name} does not have",
                f"Its tables: {names}.",
            )
        for column in columns:
            if column.lower() not in there[table.lower()]:
                raise ConstraintError(
                    f"the prompt shows {table}.{column}, which {database.name} does not have",
                    f"Its columns: {', '.join(sorted(there[table.lower()]))}.",
                )


def require_compiles(query: str, database: Stored) -> None:
    """Raise ``ConstraintError`` for a query that SQLite refuses; nothing is run."""
    try:
        with closing(_opened(database.digest)) as connection:
            connection.execute(f"EXPLAIN {query}")
    except sqlite3.Error as error:
        raise ConstraintError(f"SQLite refuses the query: {error}", query[:300]) from error


def check_of(database: str, right: Sequence[str]) -> str:
    """What ``Example.check`` holds: the database, and the queries that are right beside the target."""
    return json.dumps({"database": database, "also": list(right)})


def finder(database: Database, recipe_dir: Path | None) -> Callable[[str, Row], Stored]:
    """The function that gives the database of (where, row), each read once.

    The function raises ``DataError`` for a column that the row does not have, a file that is not
    there, or one that is no database and no SQL that makes one.
    """
    known: dict[str, Stored] = {}

    def find(where: str, row: Row) -> Stored:
        name = _COLUMN.sub(lambda found: _value(found[1], where, row), database.pattern)
        if name not in known:
            known[name] = _store(name, database, recipe_dir)
        return known[name]

    return find


def files_of(database: Database, recipe_dir: Path | None) -> list[Path]:
    """Every file that ``data.database`` may name; raises ``DataError`` where there is none."""
    pattern = _COLUMN.sub("*", database.pattern)
    if "*" in pattern:
        folders = [located(".", recipe_dir)] if database.path else datasets.homes()
        found = sorted(path for folder in folders for path in folder.glob(pattern))
    else:
        found = [_path(database, pattern, recipe_dir)]
    for path in found or [_path(database, pattern, recipe_dir)]:
        _require_file(path)
    return found


def digest(database: Database, recipe_dir: Path | None) -> str:
    """One SHA-256 over ``files_of`` with their names."""
    whole = hashlib.sha256()
    for path in files_of(database, recipe_dir):
        whole.update(f"{path.name}\0{files.sha256_file(path)}\n".encode())
    return whole.hexdigest()


def _value(column: str, where: str, row: Row) -> str:
    if column not in row:
        raise DataError(
            f'{where}: no column "{column}" (data.database)',
            f"Columns of this row: {', '.join(map(str, row)) or 'none'}.",
        )
    value = str(row[column])
    if not re.fullmatch(r"[\w.-]+", value) or value.startswith("."):
        raise DataError(
            f"{where}: {column} is {value[:80]!r}, which names no database",
            "Letters, digits, dots, hyphens and underscores name one.",
        )
    return value


def _path(database: Database, name: str, recipe_dir: Path | None) -> Path:
    return located(name, recipe_dir) if database.path else datasets.file(name)


def _store(name: str, database: Database, recipe_dir: Path | None) -> Stored:
    path = _path(database, name, recipe_dir)
    _require_file(path)
    content = path.read_bytes()
    content = gzip.decompress(content) if path.suffix == ".gz" else content
    sha256 = hashlib.sha256(content).hexdigest()
    target = _folder() / f"{sha256}.sqlite"
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        files.write_bytes(target, content if content.startswith(_MAGIC) else _made(path, content))
    try:
        return Stored(name, sha256, schema_of(sha256))
    except sqlite3.Error as error:
        raise DataError(
            f"{path}: cannot be read as an SQLite database: {error}", "Is it encrypted, or cut off?"
        ) from error


def _require_file(path: Path) -> None:
    if not path.is_file():
        there = sorted(other.name for other in path.parent.glob("*"))
        raise DataError(
            f"{path}: no such database", f"There is: {', '.join(there)[:300] or 'nothing'}."
        )


def _made(path: Path, content: bytes) -> bytes:
    """The database that SQL text makes."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(content.decode("utf-8"))
        return connection.serialize()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: is no SQLite database, and no SQL that makes one: {error}",
            "Give a .sqlite file, or the output of `sqlite3 FILE .dump`.",
        ) from error
    finally:
        connection.close()


def _opened(digest: str) -> sqlite3.Connection:
    """A connection that cannot write."""
    return sqlite3.connect(f"{stored(digest).as_uri()}?mode=ro&immutable=1", uri=True)


def _folder() -> Path:
    return files.home() / "databases"
