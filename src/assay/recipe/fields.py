"""What the recipe's schema says about a key path: its section, its field, the keys beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from assay.errors import did_you_mean
from assay.recipe.schema import Recipe, Section
from assay.recipe.tree import Key, Keys, dotted


@dataclass(frozen=True)
class Spot:
    """One place in the schema.

    ``section`` is set where named keys may follow; ``items`` where an index may follow;
    ``free`` where any key may follow (thresholds, a JSON Schema).
    """

    field: FieldInfo | None  # None at the root, for list items and inside free mappings
    section: type[Section] | None = None
    items: bool = False
    free: bool = False


ROOT = Spot(None, Recipe)


def keys_of(section: type[Section]) -> dict[str, FieldInfo]:
    """The section's fields by the key an author writes (``schema``, not ``json_schema``)."""
    return {field.alias or name: field for name, field in section.model_fields.items()}


def spot(keys: Keys) -> Spot | None:
    """What the schema says about ``keys``, or ``None`` where it knows no such path."""
    here = ROOT
    for key in keys:
        below = step(here, key)
        if below is None:
            return None
        here = below
    return here


def step(here: Spot, key: Key) -> Spot | None:
    """One key further down from ``here``."""
    if here.free:
        return Spot(None, free=True)
    if here.items:
        return Spot(None, here.section, free=here.section is None) if isinstance(key, int) else None
    field = keys_of(here.section).get(str(key)) if here.section else None
    return _spot_of(field) if field else None


def _spot_of(field: FieldInfo) -> Spot:
    kinds = list(_alternatives(field.annotation))
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, Section):
            return Spot(field, kind)
        if get_origin(kind) is list:
            items = [item for item in get_args(kind) if isinstance(item, type)]
            section = next((item for item in items if issubclass(item, Section)), None)
            return Spot(field, section, items=True)
        if get_origin(kind) is dict:
            return Spot(field, free=True)
    return Spot(field)


def _alternatives(annotation: Any) -> Iterator[Any]:
    """The members of a union and what ``Annotated`` wraps; everything else as it is."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (list, dict) or not arguments:
        yield annotation
        return
    for argument in arguments[:1] if hasattr(annotation, "__metadata__") else arguments:
        yield from _alternatives(argument)


def places_of(key: str) -> list[str]:
    """The dotted paths of the sections that have ``key``; list positions are written ``N``."""
    found: list[str] = []

    def visit(section: type[Section], path: tuple[str, ...]) -> None:
        for name, field in keys_of(section).items():
            if name == key and path:
                found.append(dotted(path))
            below = _spot_of(field)
            if below.section:
                visit(below.section, (*path, name, "N") if below.items else (*path, name))

    visit(Recipe, ())
    return found


def unknown_key(key: str, known: list[str]) -> str:
    """The fault of a key that is not among ``known``: a suggestion, its real place, or the list."""
    hint = did_you_mean(key, known)
    places = places_of(key)
    if places and "Did you mean" not in hint:
        hint = f" It belongs under {' or '.join(places[:3])}."
    return f'unknown key "{key}".{hint}'


@dataclass(frozen=True)
class Leaf:
    """One setting of a recipe that has no settings below it."""

    keys: Keys
    value: Any
    description: str
    default: Any  # None for a required field
    required: bool


def leaves(recipe: Recipe) -> list[Leaf]:
    """Every setting of ``recipe`` in the schema's order; a JSON Schema is one setting."""
    return list(_leaves(recipe, ()))


def _leaves(section: Section, above: Keys) -> Iterator[Leaf]:
    for name, field in type(section).model_fields.items():
        keys = (*above, field.alias or name)
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from _leaves(value, keys)
        elif isinstance(value, list) and value and isinstance(value[0], Section):
            for index, item in enumerate(value):
                yield from _leaves(item, (*keys, index))
        elif field.annotation == dict[str, float]:  # thresholds: each is a setting of its own
            yield from (_leaf(field, (*keys, key), value[key]) for key in value)
        else:
            yield _leaf(field, keys, value)


def _leaf(field: FieldInfo, keys: Keys, value: Any) -> Leaf:
    required = field.is_required()
    default = None if required else field.get_default(call_default_factory=True)
    return Leaf(keys, value, field.description or "", default, required)
