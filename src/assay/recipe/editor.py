"""The JSON Schema of a recipe document, for completion and checking in editors."""

from __future__ import annotations

from typing import Any

from assay.recipe.load import PROFILE_NAME
from assay.recipe.schema import Recipe

OVERLAY = "Overlay"  # prefix of the definitions with nothing required
REFERENCE = "#/$defs/"


def json_schema() -> dict[str, Any]:
    """Draft 2020-12 schema of the document: the recipe, ``profiles`` and ``default_profile``."""
    recipe = Recipe.model_json_schema(by_alias=True)
    definitions: dict[str, Any] = recipe.pop("$defs")
    overlays = {OVERLAY + name: _optional(schema) for name, schema in definitions.items()}
    overlay = _optional(recipe) | {"description": "What differs from the document in a profile."}
    recipe["properties"] |= {
        "profiles": {
            "type": "object",
            "description": "Overlays by name: mappings merge, scalars and lists replace.",
            "propertyNames": {"pattern": f"^{PROFILE_NAME.pattern}$"},
            "additionalProperties": {"anyOf": [{"$ref": REFERENCE + OVERLAY}, {"type": "null"}]},
        },
        "default_profile": {
            "type": "string",
            "description": "The profile used when none is named.",
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:assay:recipe:1",
        **recipe,
        "title": "Assay recipe",
        "description": "Everything a run needs, and profiles that change it.",
        "$defs": {**definitions, OVERLAY: overlay, **overlays},
    }


def _optional(schema: dict[str, Any]) -> dict[str, Any]:
    """``schema`` with nothing required, here and in the sections it holds.

    The items of a list stay whole: a list in an overlay replaces, it does not merge.
    """
    kept = {key: value for key, value in schema.items() if key not in ("required", "default")}
    properties: dict[str, Any] = kept.get("properties", {})
    if properties:
        kept["properties"] = {name: _section(value) for name, value in properties.items()}
    return kept


def _section(schema: dict[str, Any]) -> dict[str, Any]:
    """A property's schema with references to sections turned to their overlays."""
    changed = {key: value for key, value in schema.items() if key != "default"}
    if "$ref" in changed:
        changed["$ref"] = changed["$ref"].replace(REFERENCE, REFERENCE + OVERLAY)
    if "anyOf" in changed:
        changed["anyOf"] = [_section(branch) for branch in changed["anyOf"]]
    return changed
