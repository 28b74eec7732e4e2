"""The canonical fields: what Assay calls each thing that a business document says.

A document has fields of its own, items, and rows of tax; a field belongs to one of these levels and
to one group. Everything after extraction (transformations, rules, mappings) speaks of these names.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from assay import files
from assay.errors import DataError, did_you_mean

Group = Literal["header", "party", "item", "totals", "payment", "logistics", "tax"]
Level = Literal["document", "item", "tax"]
Language = Literal["en", "de", "fr", "es", "it"]
Value = str | Decimal | date | int | bool
ValueKind = Literal["text", "decimal", "date", "integer", "flag"]

GROUPS: tuple[Group, ...] = get_args(Group)
LANGUAGES: tuple[Language, ...] = get_args(Language)
FIELDS = Path(__file__).with_name("knowledge") / "fields"

KINDS: dict[str, ValueKind] = {  # {type of a field: what its values are in Python}
    **dict.fromkeys(
        [
            *("text", "key", "code", "currency", "unit", "country", "language", "postal_code"),
            *("iban", "bic", "vat_id", "creditor_id", "gln", "gtin", "duns", "email", "phone"),
            "incoterm",
        ],
        "text",
    ),
    **dict.fromkeys(["amount", "price", "quantity", "percent", "rate"], "decimal"),
    "date": "date",
    "integer": "integer",
    "flag": "flag",
}


@dataclass(frozen=True)
class Field:
    """A canonical field."""

    name: str
    group: Group
    level: Level
    type: str  # a key of ``KINDS``
    means: str
    names: dict[Language, tuple[str, ...]]  # what documents print beside it
    sap: tuple[str, ...] = ()  # Service/Entity/Property

    @property
    def kind(self) -> ValueKind:
        """What its values are in Python."""
        return KINDS[self.type]


@cache
def fields() -> dict[str, Field]:
    """Every canonical field, by name."""
    found: dict[str, Field] = {}
    for group in GROUPS:
        said = files.read_shipped(FIELDS / f"{group}.yaml")
        level: Level = "item" if group == "item" else "document"
        for name, entry in said.items():
            found[name] = Field(
                name,
                group,
                entry.get("level", level),
                entry["type"],
                entry["means"],
                {language: tuple(words) for language, words in entry["names"].items()},
                tuple(entry.get("sap", ())),
            )
    return found


def field(name: str, where: str = "") -> Field:
    """The field of that name; raises ``DataError``, with ``where`` in front, when there is none."""
    known = fields()
    if name not in known:
        raise DataError(f"{where}{': ' if where else ''}no field {name}.{near(name, list(known))}")
    return known[name]


def near(name: str, known: list[str]) -> str:
    """The known name that is like ``name``; where none is, where they are listed (there are hundreds)."""
    said = did_you_mean(name, known)
    return said if said.startswith(" Did") else " docs/sap-fields.md lists them."
