"""From a document to a ``Recipe``, or to every fault in it at once.

Pydantic alone stops early: a section with a bad field skips its check across fields, and so do
the sections around it. So what is found wrong is repaired in a copy (a misspelt key gets its likely
name, a bad value its default or an example) until every field is right; then each section's check
runs on its own, and after them the checks of the whole recipe.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import ValidationError

from assay.errors import did_you_mean
from assay.recipe import fields
from assay.recipe.checks import checks
from assay.recipe.phrasing import problem_of
from assay.recipe.schema import Recipe, Section
from assay.recipe.tree import Fault, Keys, Node, at, drop, nearest_origin, plain, put, written

DOCUMENT_KEYS = ("profiles", "default_profile")  # of the document, not of the recipe

Kind = TypeVar("Kind", bound=Section)
Errors = list[dict[str, Any]]  # as Pydantic gives them

# What a required field holds in the copy while its own value is missing or wrong.
EXAMPLES: dict[str, Any] = {
    "name": "example",
    "summary": "",
    "output": "text",
    "task": {"output": "text"},
    "model": "example",
    "base": {"model": "example"},
    "train": {"path": "example.jsonl"},
    "data": {"train": {"path": "example.jsonl"}},
    "kind": "majority",
    "ladder": [{"kind": "majority"}],
    "primary": "chrf",
    "thresholds": {},
    "gate": {"primary": "chrf", "thresholds": {}},
}


def validated(root: Node) -> tuple[Recipe | None, list[Fault]]:
    """The recipe in ``root``, or ``None`` and every fault."""
    search = _Search(root, root)
    search.run()
    if search.faults:
        return None, list(search.faults.values())
    return Recipe.model_validate(plain(root), strict=True, by_alias=True, by_name=False), []


@dataclass
class _Search:
    """The document, its repaired copy, and the faults found on the way by where they are."""

    original: Node
    copy: Node
    faults: dict[Keys, Fault] = field(default_factory=dict[Keys, Fault])

    def run(self) -> None:
        while errors := self._field_errors():
            before = self.copy
            self._learn(errors)
            if self.copy == before:
                return  # a required field that has no example: its fault is recorded
        recipe = _unchecked(Recipe, plain(self.copy))
        for keys, section in _sections(recipe, ()):
            for problem in _failed_checks(section):
                self._add_consequence(*_named_place(keys, problem))
        for keys, problem in checks(recipe):
            self._add_consequence(keys, problem)

    def _field_errors(self) -> Errors:
        try:
            Recipe.model_validate(plain(self.copy), strict=True, by_alias=True, by_name=False)
        except ValidationError as error:
            errors = [dict(item) for item in error.errors(include_url=False)]
            return [item for item in errors if not _is_check(item)]
        return []

    def _learn(self, errors: Errors) -> None:
        """Record what is wrong and repair the copy; misspelt keys first, they hide the rest."""
        unknown = [error for error in errors if error["type"] == "extra_forbidden"]
        for error in unknown:
            self._unknown_key(error["loc"])
        if unknown:
            return
        for keys, found in _by_place(errors).items():
            problems = list(dict.fromkeys(problem_of(error) for error in found))
            close = [problem for problem in problems if "Did you mean" in problem]
            self._add(keys, " or ".join(close or problems))
            self._repair(keys)

    def _unknown_key(self, keys: Keys) -> None:
        *above, name = keys
        spot = fields.spot(tuple(above))
        assert spot and spot.section
        known = list(fields.keys_of(spot.section))
        problem = fields.unknown_key(str(name), known if above else [*known, *DOCUMENT_KEYS])
        self._add(keys, problem)
        likely = re.search(r'Did you mean "(.+)"\?', did_you_mean(str(name), known))
        free = likely and at(self.copy, (*above, likely[1])) is None
        self.copy = drop(self.copy, keys, rename=likely[1] if likely and free else None)

    def _repair(self, keys: Keys) -> None:
        """Put something valid where a value is missing or wrong."""
        spot = fields.spot(keys)
        last = keys[-1]
        if spot and spot.section and isinstance(last, int):
            example: Any = {"kind": EXAMPLES["kind"]}  # the only list of sections is the ladder
        elif spot and spot.field and spot.field.is_required():
            example = EXAMPLES.get(str(last))
        else:
            listed = isinstance(last, int)  # an item of a plain list: the whole list goes
            self.copy = drop(self.copy, keys[:-1] if listed else keys)
            return
        self.copy = put(self.copy, keys, written(example, self.original.origin))

    def _add(self, keys: Keys, problem: str) -> None:
        if keys not in self.faults:
            self.faults[keys] = Fault(nearest_origin(self.original, keys), keys, problem)

    def _add_consequence(self, keys: Keys, problem: str) -> None:
        """Record a failed check, unless it only follows from a fault that is known."""
        if not any(_explains(known, keys, problem) for known in self.faults):
            self._add(keys, problem)


def _explains(known: Keys, keys: Keys, problem: str) -> bool:
    """Whether a check at ``keys`` failed because of the fault at ``known``.

    It did if the fault is above it, or in a field that the check names: one below it or beside
    it, or the kind of output, on which all else depends.
    """
    if not known:
        return False
    above = keys[: len(known)] == known
    near = known[: len(keys)] == keys or known[:-1] == keys[:-1] or known == ("task", "output")
    return above or (near and re.search(rf"\b{re.escape(str(known[-1]))}\b", problem) is not None)


def _unchecked(section: type[Kind], data: dict[str, Any]) -> Kind:
    """``data`` as a section whose fields are known to be right, without its own check."""
    values = dict(data)
    for key, value in data.items():
        below = fields.step(fields.Spot(None, section), key)
        if below and below.section and isinstance(value, dict):
            values[key] = _unchecked(below.section, value)
        elif below and below.section and isinstance(value, list):
            values[key] = [_unchecked(below.section, item) for item in value]
    return section.model_construct(**values)


def _sections(section: Section, keys: Keys) -> Iterator[tuple[Keys, Section]]:
    """``section`` and every section in it, innermost first."""
    for name, info in type(section).model_fields.items():
        value, below = getattr(section, name), (*keys, info.alias or name)
        if isinstance(value, Section):
            yield from _sections(value, below)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, Section):
                    yield from _sections(item, (*below, index))
    yield keys, section


def _failed_checks(section: Section) -> list[str]:
    """What the section's own check across fields says; its fields are not validated again."""
    try:
        type(section).model_validate(section)
    except ValidationError as error:
        return [problem_of(dict(item)) for item in error.errors(include_url=False)]
    return []


def _is_check(error: dict[str, Any]) -> bool:
    """Whether a section's check across fields failed, and not one field."""
    spot = fields.spot(error["loc"])
    return error["type"] == "value_error" and spot is not None and spot.section is not None


def _by_place(errors: Errors) -> dict[Keys, Errors]:
    """Errors by the key path that an author knows; of a union, the branch that got furthest."""
    places: dict[Keys, Errors] = {}
    deepest: dict[Keys, Keys] = {}  # of each union, the longest path
    for error in errors:
        keys, union = _place(error)
        if union is not None:
            rival = deepest.setdefault(union, keys)
            if len(keys) < len(rival):
                continue
            if len(keys) > len(rival):
                del places[rival]
                deepest[union] = keys
        places.setdefault(keys, []).append(error)
    return places


def _place(error: dict[str, Any]) -> tuple[Keys, Keys | None]:
    """An error's key path without Pydantic's names of union branches, and the union's path."""
    keys: Keys = ()
    union: Keys | None = None
    for key in error["loc"]:
        if fields.spot((*keys, key)) is None:
            union = keys
        else:
            keys = (*keys, key)
    return keys, union


def _named_place(keys: Keys, problem: str) -> tuple[Keys, str]:
    """A check may begin with the key it is about: ``ladder: each kind of rung ...``."""
    named = re.match(r"([a-z_.]+): (.+)", problem, re.DOTALL)
    if named:
        path = (*keys, *named[1].split("."))
        if fields.spot(path):
            return path, named[2]
    return keys, problem
