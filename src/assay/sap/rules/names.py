"""Every name that an expression may use: its type, and the rows it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from assay.errors import DataError
from assay.recipe.tree import Node, plain
from assay.recipe.yaml_lines import parse
from assay.sap.fields import fields

Type = Literal["number", "text", "date", "flag", "texts"]
Record = Literal["supplier", "customer", "company", "product"]

TYPES: tuple[Type, ...] = get_args(Type)
RECORDS: tuple[Record, ...] = get_args(Record)
KNOWLEDGE = Path(__file__).parents[1] / "knowledge" / "rules"
OF_KIND: dict[str, Type] = {  # {kind of a canonical field: its type in expressions}
    "text": "text",
    "decimal": "number",
    "integer": "number",
    "date": "date",
    "flag": "flag",
}
PER_ITEM: dict[str, Type] = {  # what is looked up for an item of the document
    "received": "number",  # quantity of the goods receipts for the item's order item
    "invoiced": "number",  # quantity of the earlier invoices for the item's order item
}


@dataclass(frozen=True)
class Setting:
    """A tolerance or limit: its default, what it means, where the default comes from."""

    type: Type
    value: Decimal
    means: str
    source: str


def read_yaml(path: Path) -> Node:
    """A YAML file with the lines of its values; raises ``DataError`` with every fault in it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    parsed = parse(text, str(path))
    if parsed.root is None or parsed.faults:
        raise DataError("\n".join(str(fault) for fault in parsed.faults))
    return parsed.root


@cache
def evidence_names() -> Mapping[str, Mapping[str, Type]]:
    """``{supplier: {vat_id: text, …}, …, history: …}``"""
    said = plain(read_yaml(KNOWLEDGE / "evidence.yaml"))
    return {
        group: {name: entry["type"] for name, entry in names.items()}
        for group, names in said.items()
    }


@cache
def settings() -> Mapping[str, Setting]:
    """Every setting with its default, by name."""
    said = plain(read_yaml(KNOWLEDGE / "settings.yaml"))
    return {
        name: Setting(each["type"], Decimal(str(each["value"])), each["means"], each["source"])
        for name, each in said.items()
    }


@cache
def field_types(level: Literal["document", "item", "tax"]) -> Mapping[str, Type]:
    """The canonical fields of a level and their types in expressions."""
    return {name: OF_KIND[each.kind] for name, each in fields().items() if each.level == level}
