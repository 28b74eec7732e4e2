"""The tables of services, their types, properties, navigations and operations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "kb_services",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("odata", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("deprecated", sa.Boolean(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("licence", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("imported", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kb_services")),
        sa.UniqueConstraint("name", name=op.f("uq_kb_services_name")),
    )
    op.create_table(
        "kb_operations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("returns", sa.Text(), nullable=False),
        sa.Column("bound_to", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["service_id"],
            ["kb_services.id"],
            name=op.f("fk_kb_operations_service_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kb_operations")),
    )
    op.create_index(
        op.f("ix_kb_operations_service_id"), "kb_operations", ["service_id"], unique=False
    )
    op.create_table(
        "kb_types",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_entity", sa.Boolean(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("set", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("keys_known", sa.Boolean(), nullable=False),
        sa.Column("creatable", sa.Boolean(), nullable=True),
        sa.Column("updatable", sa.Boolean(), nullable=True),
        sa.Column("deletable", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(
            ["service_id"],
            ["kb_services.id"],
            name=op.f("fk_kb_types_service_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kb_types")),
        sa.UniqueConstraint(
            "service_id", "name", "is_entity", name=op.f("uq_kb_types_service_id_name_is_entity")
        ),
    )
    op.create_index(op.f("ix_kb_types_service_id"), "kb_types", ["service_id"], unique=False)
    op.create_table(
        "kb_navigations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("type_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("many", sa.Boolean(), nullable=False),
        sa.Column("constraints", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["type_id"], ["kb_types.id"], name=op.f("fk_kb_navigations_type_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kb_navigations")),
        sa.UniqueConstraint("type_id", "name", name=op.f("uq_kb_navigations_type_id_name")),
    )
    op.create_index(op.f("ix_kb_navigations_type_id"), "kb_navigations", ["type_id"], unique=False)
    op.create_table(
        "kb_properties",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("type_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("key_position", sa.Integer(), nullable=True),
        sa.Column("nullable", sa.Boolean(), nullable=True),
        sa.Column("max_length", sa.Integer(), nullable=True),
        sa.Column("precision", sa.Integer(), nullable=True),
        sa.Column("scale", sa.Integer(), nullable=True),
        sa.Column("variable_scale", sa.Boolean(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("creatable", sa.Boolean(), nullable=True),
        sa.Column("updatable", sa.Boolean(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("is_date", sa.Boolean(), nullable=False),
        sa.Column("custom", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["type_id"], ["kb_types.id"], name=op.f("fk_kb_properties_type_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kb_properties")),
        sa.UniqueConstraint("type_id", "name", name=op.f("uq_kb_properties_type_id_name")),
    )
    op.create_index(op.f("ix_kb_properties_name"), "kb_properties", ["name"], unique=False)
    op.create_index(op.f("ix_kb_properties_type_id"), "kb_properties", ["type_id"], unique=False)


def downgrade() -> None:
    """Drop them."""
    op.drop_index(op.f("ix_kb_properties_type_id"), table_name="kb_properties")
    op.drop_index(op.f("ix_kb_properties_name"), table_name="kb_properties")
    op.drop_table("kb_properties")
    op.drop_index(op.f("ix_kb_navigations_type_id"), table_name="kb_navigations")
    op.drop_table("kb_navigations")
    op.drop_index(op.f("ix_kb_types_service_id"), table_name="kb_types")
    op.drop_table("kb_types")
    op.drop_index(op.f("ix_kb_operations_service_id"), table_name="kb_operations")
    op.drop_table("kb_operations")
    op.drop_table("kb_services")
