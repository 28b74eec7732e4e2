"""The knowledge base's database: services with where each came from, in SQLite or PostgreSQL.

A service is written in one transaction: it is there with all its properties, or as it was before.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from assay import files
from assay.errors import DataError, DependencyError, StorageError, did_you_mean
from assay.sap.metadata import (
    ComplexType,
    EntityType,
    Kind,
    Navigation,
    OData,
    Operation,
    Property,
    Service,
)
from assay.sap.tables import (
    METADATA,
    NAVIGATIONS,
    OPERATIONS,
    PROPERTIES,
    SERVICES,
    TYPES,
    VERSION_TABLE,
)

MIGRATIONS = Path(__file__).with_name("migrations")
LOCK = 0x41535341_59  # of PostgreSQL, "ASSAY": held while the tables change


@dataclass(frozen=True)
class Origin:
    """Where a service's metadata came from."""

    source: str  # a file, an address, or package@version and the file in it
    licence: str  # as its source states it; "not stated" where it does not
    digest: str  # SHA-256 of the bytes as they were read
    imported: str = ""  # UTC, ISO 8601; set when it is stored


@dataclass(frozen=True)
class Listed:
    """A service as lists show it."""

    name: str
    odata: OData
    kind: Kind
    title: str
    path: str
    release: str
    deprecated: bool
    entities: int
    properties: int
    custom: int  # extension fields among the properties
    origin: Origin


def default_url() -> str:
    """Where the knowledge base is: ``$ASSAY_KB``, or ``kb.sqlite`` in Assay's home."""
    return os.environ.get("ASSAY_KB") or f"sqlite:///{files.home() / 'kb.sqlite'}"


class KnowledgeBase:
    """The stored services. Opening it creates the database or migrates it to this version."""

    def __init__(self, url: str | None = None) -> None:
        address = _address(url or default_url())
        self.shown = address.render_as_string(hide_password=True)
        self.engine = _engine(address, self.shown)
        with self._errors():
            _migrate(self.engine)

    @property
    def quarantine(self) -> Path:
        """Where imports put aside what they cannot read: beside the file, or in Assay's home."""
        file = self._file()
        return file.with_name(f"{file.stem}-quarantine") if file else files.home() / "kb-quarantine"

    def bytes(self) -> int:
        """The size of the database's file; 0 where a server keeps it."""
        file = self._file()
        return file.stat().st_size if file else 0

    def _file(self) -> Path | None:
        url = self.engine.url
        is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
        return Path(str(url.database)) if is_file else None

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    @contextmanager
    def _errors(self) -> Generator[None]:
        """Turn the database's errors into ones with a remedy."""
        try:
            yield
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            raise StorageError(
                f"{self.shown}: {reason}",
                "Check the address (--kb, ASSAY_KB) and that its database runs and may be written.",
            ) from error

    # -- reading -------------------------------------------------------------------------------

    def services(self) -> list[Listed]:
        """All services, by name."""
        counts = (
            sa.select(
                TYPES.c.service_id,
                sa.func.count(PROPERTIES.c.id).label("properties"),
                sa.func.sum(sa.case((PROPERTIES.c.custom, 1), else_=0)).label("custom"),
                sa.func.count(sa.distinct(TYPES.c.id)).label("entities"),
            )
            .select_from(TYPES.outerjoin(PROPERTIES))
            .where(TYPES.c.is_entity)
            .group_by(TYPES.c.service_id)
            .subquery()
        )
        statement = sa.select(
            SERVICES, counts.c.properties, counts.c.custom, counts.c.entities
        ).select_from(SERVICES.outerjoin(counts))
        with self._errors(), self.engine.connect() as connection:
            rows = connection.execute(statement.order_by(SERVICES.c.name)).mappings().all()
        return [_listed(row) for row in rows]

    def origin(self, name: str) -> tuple[Kind, Origin] | None:
        """How a stored service was written down and where it came from."""
        columns = [SERVICES.c[key] for key in ("kind", "source", "licence", "digest", "imported")]
        with self._errors(), self.engine.connect() as connection:
            statement = sa.select(*columns).where(SERVICES.c.name == name)
            row = connection.execute(statement).mappings().first()
        return None if row is None else (row["kind"], _origin(row))

    def service(self, name: str) -> Service:
        """The service of that name; raises ``DataError`` when it is not stored."""
        with self._errors(), self.engine.connect() as connection:
            statement = sa.select(SERVICES).where(SERVICES.c.name == name)
            row = connection.execute(statement).mappings().first()
            if row is None:
                known = list(connection.scalars(sa.select(SERVICES.c.name)))
                raise DataError(
                    f"{self.shown}: no service {name}." + did_you_mean(name, known)
                    if known
                    else f"{self.shown}: the knowledge base is empty",
                    "assay kb list shows what is there; assay kb import brings more.",
                )
            return _service(connection, row)

    # -- writing -------------------------------------------------------------------------------

    def put(self, service: Service, origin: Origin) -> None:
        """Store a service in place of any other of its name."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        row = {
            **{key: getattr(service, key) for key in _SERVICE_FIELDS},
            **asdict(origin),
            "imported": now,
        }
        with self._errors(), self.engine.begin() as connection:
            connection.execute(sa.delete(SERVICES).where(SERVICES.c.name == service.name))
            statement = sa.insert(SERVICES).values(row).returning(SERVICES.c.id)
            _insert_types(connection, connection.scalars(statement).one(), service)

    def remove(self, name: str) -> None:
        """Forget a service; raises ``DataError`` when it is not stored."""
        self.service(name)
        with self._errors(), self.engine.begin() as connection:
            connection.execute(sa.delete(SERVICES).where(SERVICES.c.name == name))


_SERVICE_FIELDS = (
    "name",
    "namespace",
    "odata",
    "kind",
    "path",
    "title",
    "description",
    "release",
    "deprecated",
)
_PROPERTY_FIELDS = tuple(
    column.name
    for column in PROPERTIES.columns
    if column.name not in ("id", "type_id", "position", "key_position")
)
_ENTITY_FIELDS = ("name", "set", "label", "creatable", "updatable", "deletable")


def _address(url: str) -> sa.URL:
    """A SQLAlchemy address; a plain path is a file of SQLite's."""
    if "://" not in url:
        url = f"sqlite:///{Path(url).expanduser()}"
    if url.startswith("postgresql://"):
        url = "postgresql+psycopg" + url.removeprefix("postgresql")
    try:
        return sa.make_url(url)
    except SQLAlchemyError as error:
        raise DataError(
            f"{url}: not the address of a database",
            "Give a file, sqlite:///file or postgresql://user@host/name.",
        ) from error


def _engine(address: sa.URL, shown: str) -> sa.Engine:
    name = address.get_backend_name()
    if name not in ("sqlite", "postgresql"):
        raise DataError(
            f"{shown}: knowledge bases are kept in SQLite or PostgreSQL, not in {name}",
            "Give a file, sqlite:///file or postgresql://user@host/name.",
        )
    if name == "sqlite" and address.database:
        with files.storage_errors(Path(address.database)):
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
    try:
        engine = sa.create_engine(address)
    except ModuleNotFoundError as error:
        raise DependencyError(
            f"{shown}: the database's driver `{error.name}` is not installed",
            "pip install 'assay[postgres]'",
        ) from error
    if name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: Any) -> None:
    """Keep references whole, and let readers read while one writes."""
    connection.execute("PRAGMA busy_timeout = 30000")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA journal_mode = WAL")


def _migrate(engine: sa.Engine) -> None:
    """Bring the tables to this version's form; a new database gets them all."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    newest = ScriptDirectory.from_config(config).get_current_head()
    with engine.connect() as connection:
        if _version(connection) == newest:
            return
    with engine.begin() as connection:
        _wait_for_others(connection)
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise StorageError(
                f"{engine.url.render_as_string(hide_password=True)}: {error}",
                "It was written by another version of Assay: use that one, or another --kb.",
            ) from error


def _version(connection: sa.Connection) -> str | None:
    from alembic.migration import MigrationContext

    options = {"version_table": VERSION_TABLE}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def _wait_for_others(connection: sa.Connection) -> None:
    """Hold the database until the transaction ends: two that open a new one would both make tables."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))


# -- rows and objects --------------------------------------------------------------------------


def _insert_types(connection: sa.Connection, service_id: int, service: Service) -> None:
    owners = [*service.entities, *service.complex_types]
    if owners:
        statement = sa.insert(TYPES).returning(TYPES.c.id, sort_by_parameter_order=True)
        rows = [_type_row(service_id, n, owner) for n, owner in enumerate(owners)]
        ids = list(connection.scalars(statement, rows))
        properties = [
            {
                **{key: getattr(each, key) for key in _PROPERTY_FIELDS},
                "type_id": type_id,
                "position": n,
                "key_position": _key_position(owner, each.name),
            }
            for type_id, owner in zip(ids, owners, strict=True)
            for n, each in enumerate(owner.properties)
        ]
        ways = [
            {**asdict(way), "type_id": type_id, "position": n}
            for type_id, owner in zip(ids, owners, strict=True)
            for n, way in enumerate(owner.navigations if isinstance(owner, EntityType) else ())
        ]
        if properties:
            connection.execute(sa.insert(PROPERTIES), properties)
        if ways:
            connection.execute(sa.insert(NAVIGATIONS), ways)
    operations = [
        {**asdict(each), "service_id": service_id, "position": n}
        for n, each in enumerate(service.operations)
    ]
    if operations:
        connection.execute(sa.insert(OPERATIONS), operations)


def _type_row(service_id: int, position: int, owner: EntityType | ComplexType) -> dict[str, Any]:
    row: dict[str, Any] = {"service_id": service_id, "position": position, "name": owner.name}
    if isinstance(owner, ComplexType):
        nothing = dict.fromkeys(("creatable", "updatable", "deletable"))
        return {**row, **nothing, "is_entity": False, "keys_known": True, "set": "", "label": ""}
    said = {key: getattr(owner, key) for key in _ENTITY_FIELDS}
    return {**row, **said, "is_entity": True, "keys_known": owner.keys is not None}


def _key_position(owner: EntityType | ComplexType, name: str) -> int | None:
    """Where a property stands in its entity's key; ``None`` outside it."""
    keys = owner.keys if isinstance(owner, EntityType) else None
    return keys.index(name) if keys and name in keys else None


def _listed(row: sa.RowMapping) -> Listed:
    return Listed(
        **{key: row[key] for key in ("name", "odata", "kind", "title", "path", "release")},
        deprecated=row["deprecated"],
        entities=row["entities"] or 0,
        properties=row["properties"] or 0,
        custom=row["custom"] or 0,
        origin=_origin(row),
    )


def _origin(row: sa.RowMapping) -> Origin:
    return Origin(row["source"], row["licence"], row["digest"], row["imported"])


def _service(connection: sa.Connection, row: sa.RowMapping) -> Service:
    types = _rows(connection, TYPES, TYPES.c.service_id == row["id"])
    mine = sa.select(TYPES.c.id).where(TYPES.c.service_id == row["id"])
    properties = _grouped(_rows(connection, PROPERTIES, PROPERTIES.c.type_id.in_(mine)))
    ways = _grouped(_rows(connection, NAVIGATIONS, NAVIGATIONS.c.type_id.in_(mine)))
    operations = _rows(connection, OPERATIONS, OPERATIONS.c.service_id == row["id"])
    return Service(
        **{key: row[key] for key in _SERVICE_FIELDS},
        entities=tuple(
            _entity(each, properties.get(each["id"], []), ways.get(each["id"], []))
            for each in types
            if each["is_entity"]
        ),
        complex_types=tuple(
            ComplexType(each["name"], tuple(map(_property, properties.get(each["id"], []))))
            for each in types
            if not each["is_entity"]
        ),
        operations=tuple(
            Operation(
                each["name"],
                each["method"],
                tuple(Property(**given) for given in each["parameters"]),
                each["returns"],
                each["bound_to"],
            )
            for each in operations
        ),
    )


def _rows(
    connection: sa.Connection, table: sa.Table, condition: sa.ColumnElement[bool]
) -> Sequence[sa.RowMapping]:
    statement = sa.select(table).where(condition).order_by(table.c.position)
    return connection.execute(statement).mappings().all()


def _grouped(rows: Sequence[sa.RowMapping]) -> dict[int, list[sa.RowMapping]]:
    found: dict[int, list[sa.RowMapping]] = {}
    for row in rows:
        found.setdefault(row["type_id"], []).append(row)
    return found


def _entity(
    row: sa.RowMapping, properties: list[sa.RowMapping], ways: list[sa.RowMapping]
) -> EntityType:
    keys = sorted(
        (p for p in properties if p["key_position"] is not None), key=lambda p: p["key_position"]
    )
    return EntityType(
        properties=tuple(map(_property, properties)),
        keys=tuple(each["name"] for each in keys) if row["keys_known"] else None,
        navigations=tuple(
            Navigation(
                way["name"],
                way["target"],
                way["many"],
                tuple((here, there) for here, there in way["constraints"]),
            )
            for way in ways
        ),
        **{key: row[key] for key in _ENTITY_FIELDS},
    )


def _property(row: sa.RowMapping) -> Property:
    return Property(**{key: row[key] for key in _PROPERTY_FIELDS})


__all__ = ["METADATA", "KnowledgeBase", "Listed", "Origin", "default_url"]
