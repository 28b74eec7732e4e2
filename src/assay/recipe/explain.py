"""Where every value of a loaded recipe came from, and what it means."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.recipe import fields
from assay.recipe.load import Loaded
from assay.recipe.tree import DEFAULT, Origin, dotted


@dataclass(frozen=True)
class Explained:
    """One setting: its value, who gave it, what it does."""

    key: str
    value: Any
    layer: str  # recipe, profile:<name>, --set or default
    where: str  # "request-json.yaml:42"; empty when no file gave it
    description: str
    default: Any  # None for a required field
    required: bool


def explain(loaded: Loaded) -> list[Explained]:
    """Every setting of ``loaded.recipe``, in the order of the schema."""
    return [_explained(leaf, loaded.origin) for leaf in fields.leaves(loaded.recipe)]


def _explained(leaf: fields.Leaf, known: dict[str, Origin]) -> Explained:
    key = dotted(leaf.keys)
    origin = known.get(key, DEFAULT)
    where = f"{Path(origin.file).name}:{origin.line}" if origin.file else ""
    return Explained(
        key=key,
        value=leaf.value,
        layer=origin.layer,
        where=where,
        description=leaf.description,
        default=leaf.default,
        required=leaf.required,
    )
