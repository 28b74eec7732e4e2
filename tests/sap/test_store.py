"""The knowledge base on SQLite and on PostgreSQL: what goes in comes out, whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from assay.errors import DataError, StorageError
from assay.sap import store
from assay.sap.documents import parse, read_file
from assay.sap.metadata import EntityType, Property, Service
from assay.sap.shipped import SCHEMAS
from assay.sap.store import KnowledgeBase, Origin
from assay.sap.tables import METADATA, VERSION_TABLE

ORIGIN = Origin("a test", "MIT", "0" * 64)
PLANT = Service(
    "API_PLANT",
    "API_PLANT",
    "V2",
    "edmx",
    (EntityType("Plant", (Property("Plant", "Edm.String"),), keys=("Plant",), set="A_Plant"),),
)


def shipped() -> list[Service]:
    return [parse(read_file(file), file.name) for file in sorted(SCHEMAS.glob("*.gz"))]


def test_every_shipped_service_comes_out_as_it_went_in(kb: KnowledgeBase) -> None:
    services = shipped()
    for service in services:
        kb.put(service, ORIGIN)
    for service in services:
        assert kb.service(service.name) == service
    listed = {each.name: each for each in kb.services()}
    assert list(listed) == sorted(listed) and len(listed) == len(services)
    for service in services:
        row = listed[service.name]
        assert (row.entities, row.properties) == (len(service.entities), service.property_count)
        custom = [p for entity in service.entities for p in entity.properties if p.custom]
        assert row.custom == len(custom) and row.origin.imported
    assert sum(row.custom for row in listed.values()) == 14


def test_a_service_without_anything_is_kept_too(kb: KnowledgeBase) -> None:
    empty = replace(PLANT, entities=())
    kb.put(empty, ORIGIN)
    assert kb.service("API_PLANT") == empty
    assert (kb.services()[0].entities, kb.services()[0].properties) == (0, 0)


def test_keys_keep_their_order_and_may_be_unknown(kb: KnowledgeBase) -> None:
    properties = tuple(Property(name, "Edm.String") for name in ("A", "B", "C"))
    entities = (
        EntityType("One", properties, keys=("C", "A")),
        EntityType("Two", properties, keys=None),
        EntityType("Three", properties, keys=()),
    )
    kb.put(replace(PLANT, entities=entities), ORIGIN)
    assert [each.keys for each in kb.service("API_PLANT").entities] == [("C", "A"), None, ()]


def test_another_schema_of_a_service_takes_its_place(kb: KnowledgeBase) -> None:
    kb.put(PLANT, ORIGIN)
    newer = replace(PLANT, title="Plants", entities=())
    kb.put(newer, replace(ORIGIN, source="elsewhere"))
    assert kb.service("API_PLANT") == newer
    assert [each.origin.source for each in kb.services()] == ["elsewhere"]
    with kb.engine.connect() as connection:  # nothing of the old one is left behind
        for table in ("kb_types", "kb_properties"):
            assert connection.scalar(sa.text(f"SELECT count(*) FROM {table}")) == 0


def test_several_may_open_a_new_one_at_once(url: str) -> None:
    opens = "import sys; from assay.sap.store import KnowledgeBase; KnowledgeBase(sys.argv[1])"
    command = [sys.executable, "-c", opens, url]
    opened = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [each.communicate()[1] for each in opened] == [""] * 4
    assert [each.returncode for each in opened] == [0] * 4


def test_a_failure_in_the_middle_leaves_what_was_there(
    kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    kb.put(PLANT, ORIGIN)
    insert = store._insert_types

    def fails(connection: sa.Connection, service_id: int, service: Service) -> None:
        insert(connection, service_id, service)
        raise RuntimeError("the plug was pulled")

    monkeypatch.setattr(store, "_insert_types", fails)
    with pytest.raises(RuntimeError):
        kb.put(replace(PLANT, title="new"), ORIGIN)
    assert kb.service("API_PLANT") == PLANT


def test_a_service_is_forgotten_with_all_it_had(kb: KnowledgeBase) -> None:
    kb.put(PLANT, ORIGIN)
    kb.remove("API_PLANT")
    assert kb.services() == [] and kb.origin("API_PLANT") is None
    with pytest.raises(DataError, match="empty"):
        kb.remove("API_PLANT")


def test_a_name_that_is_not_there_is_told_with_what_is_like_it(kb: KnowledgeBase) -> None:
    kb.put(PLANT, ORIGIN)
    with pytest.raises(DataError, match='no service API_PLAN\\. Did you mean "API_PLANT"'):
        kb.service("API_PLAN")


def test_the_migrations_make_the_tables_that_the_code_expects(kb: KnowledgeBase) -> None:
    with kb.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, METADATA) == []


def test_opening_again_changes_nothing(kb: KnowledgeBase, url: str) -> None:
    kb.put(PLANT, ORIGIN)
    again = KnowledgeBase(url)
    assert again.service("API_PLANT") == PLANT
    again.close()


def test_one_of_a_later_version_is_refused(kb: KnowledgeBase, url: str) -> None:
    with kb.engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(StorageError, match="another version of Assay"):
        KnowledgeBase(url)


@pytest.mark.parametrize(
    "address,said",
    [
        ("mysql://x/y", "SQLite or PostgreSQL, not in mysql"),
        ("://", "not the address of a database"),
        ("postgresql://someone:s3cret@127.0.0.1:1/x", "refused"),
    ],
)
def test_an_address_that_is_none_is_said(address: str, said: str) -> None:
    with pytest.raises((DataError, StorageError), match=said) as caught:
        KnowledgeBase(address)
    assert "s3cret" not in str(caught.value)


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear Sir or Madam, this is a letter and no database at all. " * 20)
    before = file.read_bytes()
    with pytest.raises(StorageError, match="not a database"):
        KnowledgeBase(str(file))
    assert file.read_bytes() == before


def test_where_it_is_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ASSAY_KB", raising=False)
    base = KnowledgeBase()
    assert (tmp_path / "home" / "kb.sqlite").is_file() and base.bytes() > 0
    assert base.quarantine == tmp_path / "home" / "kb-quarantine"
    base.close()
    monkeypatch.setenv("ASSAY_KB", str(tmp_path / "other.sqlite"))
    other: Any = KnowledgeBase()
    assert other.quarantine == tmp_path / "other-quarantine"
    other.close()
