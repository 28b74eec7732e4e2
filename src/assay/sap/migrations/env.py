"""What Alembic runs to migrate a knowledge base, on the connection that it is given."""

from __future__ import annotations

from alembic import context

from assay.sap.tables import METADATA, VERSION_TABLE

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
