"""The tables of the knowledge base. A change here needs a migration in ``migrations/versions``."""

from __future__ import annotations

import sqlalchemy as sa

VERSION_TABLE = "kb_alembic_version"  # the prefix keeps them apart in a database that others use
METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _owner(table: str) -> sa.Column[int]:
    """A reference to the row that owns this one, which takes it along when it goes."""
    name = "service_id" if table == "kb_services" else "type_id"
    target = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(name, sa.Integer, target, nullable=False, index=True)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _flag(name: str, *, nullable: bool = False) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=nullable)


def _number(name: str, *, nullable: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=nullable)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.Integer, primary_key=True)


SERVICES = sa.Table(
    "kb_services",
    METADATA,
    _id(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    *(_text(name) for name in ("namespace", "odata", "kind", "path", "title", "description")),
    _text("release"),
    _flag("deprecated"),
    *(_text(name) for name in ("source", "licence", "digest", "imported")),
)

TYPES = sa.Table(  # entity types and complex types
    "kb_types",
    METADATA,
    _id(),
    _owner("kb_services"),
    _number("position", nullable=False),
    _flag("is_entity"),
    *(_text(name) for name in ("name", "set", "label")),
    _flag("keys_known"),
    *(_flag(name, nullable=True) for name in ("creatable", "updatable", "deletable")),
    sa.UniqueConstraint("service_id", "name", "is_entity"),
)

PROPERTIES = sa.Table(
    "kb_properties",
    METADATA,
    _id(),
    _owner("kb_types"),
    _number("position", nullable=False),
    sa.Column("name", sa.Text, nullable=False, index=True),
    _text("type"),
    _number("key_position"),  # null outside the key
    _flag("nullable", nullable=True),
    *(_number(name) for name in ("max_length", "precision", "scale")),
    _flag("variable_scale"),
    *(_text(name) for name in ("label", "description")),
    *(_flag(name, nullable=True) for name in ("creatable", "updatable")),
    _text("unit"),
    _flag("is_date"),
    _flag("custom"),
    sa.UniqueConstraint("type_id", "name"),
)

NAVIGATIONS = sa.Table(
    "kb_navigations",
    METADATA,
    _id(),
    _owner("kb_types"),
    _number("position", nullable=False),
    *(_text(name) for name in ("name", "target")),
    _flag("many"),
    sa.Column("constraints", sa.JSON, nullable=False),
    sa.UniqueConstraint("type_id", "name"),
)

OPERATIONS = sa.Table(
    "kb_operations",
    METADATA,
    _id(),
    _owner("kb_services"),
    _number("position", nullable=False),
    *(_text(name) for name in ("name", "method")),
    sa.Column("parameters", sa.JSON, nullable=False),
    *(_text(name) for name in ("returns", "bound_to")),
)
