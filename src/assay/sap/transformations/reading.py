"""How the printed value of each canonical field is read."""

from __future__ import annotations

from functools import cache
from typing import Any

from assay import files
from assay.errors import DataError
from assay.sap.fields import Value, fields
from assay.sap.transformations.codes import TABLES
from assay.sap.transformations.pipeline import Pipeline
from assay.sap.transformations.values import Context, TransformationError, shown


@cache
def readings() -> dict[str, Any]:
    """The table as it is written: pipelines by type and by field, each with examples."""
    return files.read_shipped(TABLES / "fields.yaml")


@cache
def reads() -> dict[str, Pipeline]:
    """The pipeline of every canonical field, its own or its type's, which ends in the field's kind."""
    said = readings()
    strange = said["fields"].keys() - fields().keys()
    if strange:
        raise DataError(f"{TABLES / 'fields.yaml'}: no field {', '.join(sorted(strange))}")
    found: dict[str, Pipeline] = {}
    for name, each in fields().items():
        entry = said["fields"].get(name) or said["types"][each.type]
        found[name] = Pipeline.parse(entry["reads"], f"{TABLES / 'fields.yaml'}: {name}")
        if found[name].takes != "text" or found[name].gives != each.kind:
            raise DataError(
                f"{TABLES / 'fields.yaml'}: {name} is {each.kind}, not {found[name].gives}"
            )
    return found


def read_value(name: str, text: str, context: Context) -> Value:
    """The value of a printed text; raises ``TransformationError`` with the value and the rule.

    A text of which nothing is left is no value, and is refused: an absent field is left out.
    """
    value = reads()[name](text, context)
    if value == "":
        raise TransformationError(
            f"{shown(text)}: there is no {name} in it", "Leave the field out."
        )
    return value


def count() -> int:
    """How many transformations there are: one for each canonical field."""
    return len(reads())
