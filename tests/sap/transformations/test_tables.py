"""A company's own tables are read, and every entry that is wrong is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import DataError
from assay.sap.transformations import Context, load_tables, read_value


def write(folder: Path, text: str) -> Path:
    path = folder / "tables.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_unit_of_one_s_own_is_read(tmp_path: Path) -> None:
    tables = load_tables(write(tmp_path, 'units: {Gebinde: "GEB", kg: "XKG"}\nterms: {A: "0001"}'))
    assert tables == {"units": {"Gebinde": "GEB", "kg": "XKG"}, "terms": {"A": "0001"}}
    assert read_value("quantity_unit", "Gebinde", Context.of("de-DE", tables)) == "GEB"
    assert read_value("quantity_unit", "kg", Context.of("", tables)) == "XKG"  # before SAP's own
    assert read_value("quantity_unit", "kg", Context.of("")) == "KG"


@pytest.mark.parametrize(
    "text,said",
    [
        ("units: {Tag: 1, kg: KG}", "units.Tag: 1 is no text"),
        ("units: {1: KG}", "units.1: 'KG' is no text"),
        ("units: {kg: ''}", "units.kg: '' is no text"),
        ("units: [kg]", "units: not a table"),
        ("- units", "no tables"),
        ("", "no tables"),
        ("units: {", "not YAML"),
    ],
)
def test_what_is_no_table_is_told(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=f"tables.yaml: {said}") as caught:
        load_tables(write(tmp_path, text))
    assert "units" in caught.value.remedy


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"tables.yaml: No such file"):
        load_tables(tmp_path / "tables.yaml")
