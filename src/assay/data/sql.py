"""What a query says: its one form, its names, and the schema that a prompt shows.

A schema is what ``CREATE TABLE`` statements in a prompt declare; sqlglot reads them and the queries.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from assay.errors import ConstraintError

DIALECT = "sqlite"
_TABLE = re.compile(r"\bCREATE\s+TABLE\b.*?\)\s*;", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Schema:
    """Tables with their columns, spelt as declared, in the order of their declaration."""

    tables: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def spelling(self) -> dict[str, str]:
        """Each name of a table or column by its lower case."""
        names = [name for table, columns in self.tables for name in (table, *columns)]
        return {name.lower(): name for name in reversed(names)}

    def as_mapping(self) -> dict[str, object]:
        """The form that sqlglot takes; types are left open."""
        return {table: dict.fromkeys(columns, "unknown") for table, columns in self.tables}


@lru_cache(256)
def schema_in(text: str) -> Schema | None:
    """The schema that the ``CREATE TABLE …;`` statements in ``text`` declare; None without any.

    Raises ``ConstraintError`` for a statement that cannot be read, or two tables of one name.
    """
    tables: dict[str, tuple[str, ...]] = {}
    for found in _TABLE.finditer(text):
        name, columns = _declared(found[0])
        if name.lower() in map(str.lower, tables):
            raise ConstraintError(f"the prompt declares the table {name} twice", "Leave one out.")
        tables[name] = columns
    return Schema(tuple(tables.items())) if tables else None


@lru_cache(4096)
def _declared(statement: str) -> tuple[str, tuple[str, ...]]:
    """Name and columns of the table that a CREATE TABLE declares."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        tree: Any = sqlglot.parse_one(statement.rstrip("; \n"), read=DIALECT)
        if not isinstance(tree, exp.Create) or not isinstance(tree.this, exp.Schema):
            raise SqlglotError("columns and their types in brackets were expected")
    except SqlglotError as error:
        raise ConstraintError(
            f"a CREATE TABLE of the prompt cannot be read: {_first_line(error)}",
            f"Correct it: {statement[:200]}",
        ) from error
    name: str = tree.this.this.name
    columns = tuple(column.name for column in tree.find_all(exp.ColumnDef))
    if not columns:
        raise ConstraintError(f"the table {name} has no columns", f"Correct {statement[:200]}")
    return name, columns


def question_in(text: str) -> str:
    """What a text says beside the statements that declare its schema."""
    return _TABLE.sub("", text).strip()


def one_form(query: str, schema: Schema | None = None) -> str:
    """The query as sqlglot writes it, names spelt as in the schema.

    Raises ``ConstraintError`` for what is not a single SELECT.
    """
    from sqlglot import exp

    tree = _parsed(query).copy()
    spelling = schema.spelling if schema else {}
    for name in tree.find_all(exp.Identifier):
        known = spelling.get(name.this.lower(), name.this)
        name.set("this", known)
        name.set("quoted", not is_plain(known))
    return tree.sql(dialect=DIALECT, comments=False)


@lru_cache(4096)
def is_plain(name: str) -> bool:
    """Whether a name needs no quotes, for SQLite and for sqlglot."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        return False
    probe = f"SELECT {name}, t.{name} FROM {name} AS t"
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute(f'CREATE TABLE "{name}" ("{name}")')
        connection.execute(probe)
        return sqlglot.parse_one(probe, read=DIALECT).sql(dialect=DIALECT) == probe
    except (sqlite3.Error, SqlglotError):
        return False
    finally:
        connection.close()


@lru_cache(256)
def _mapping(schema: Schema) -> Any:
    """The schema as sqlglot reads it, which takes longer than to resolve a query by it."""
    from sqlglot.schema import MappingSchema

    return MappingSchema(schema.as_mapping(), dialect=DIALECT)


def resolved(query: str, schema: Schema) -> str:
    """The query with every name resolved: two that differ in spelling, aliases or layout are equal.

    Raises ``ConstraintError`` for what is not a single SELECT, and for a name that the schema does
    not have.
    """
    from sqlglot import exp
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.qualify import qualify

    tree: Any = _parsed(query).copy()
    own = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    known = {table.lower() for table, _ in schema.tables} | own
    for table in tree.find_all(exp.Table):
        if table.name.lower() not in known:
            raise ConstraintError(
                f'the query names "{table.name}", which is no table of the schema'
            )
    try:
        qualified: Any = qualify(
            tree,
            dialect=DIALECT,
            schema=_mapping(schema),
            canonicalize_table_aliases=True,
            quote_identifiers=False,
            identify=False,
        )
    except SqlglotError as error:
        raise ConstraintError(f"the query does not fit the schema: {_first_line(error)}") from error
    for join in qualified.find_all(exp.Join):
        if join.kind == "INNER":
            join.set("kind", None)
    for select in qualified.find_all(exp.Select):  # what a result is called says nothing of it
        select.set("expressions", [item.unalias() for item in select.expressions])
    return qualified.sql(dialect=DIALECT, comments=False)


def texts_of(query: str) -> list[str]:
    """The text literals of a query, in its order."""
    from sqlglot import exp

    found: list[Any] = [node for node in _parsed(query).dfs() if isinstance(node, exp.Literal)]
    return [node.this for node in found if node.is_string]


def is_ordered(query: str) -> bool:
    """Whether the query says in which order its rows come."""
    return _parsed(query).args.get("order") is not None


@lru_cache(20_000)
def _parsed(query: str) -> Any:
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        statements: list[Any] = [s for s in sqlglot.parse(query, read=DIALECT) if s is not None]
    except (SqlglotError, RecursionError) as error:
        raise ConstraintError(f"the query cannot be parsed: {_first_line(error)}") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        what = type(statements[0]).__name__.upper() if len(statements) == 1 else "statements"
        raise ConstraintError(
            f"not a single SELECT, but {len(statements) if len(statements) != 1 else 'a'} {what}"
        )
    return statements[0]


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return re.sub(r"\x1b\[\d+m", "", lines[0])
