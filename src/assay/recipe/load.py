"""A recipe file, a profile and overrides become a ``Recipe`` whose every value has an origin."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assay import files
from assay.errors import RecipeError, did_you_mean
from assay.recipe import catalogue, fields, yaml_lines
from assay.recipe.overrides import apply
from assay.recipe.phrasing import described
from assay.recipe.schema import Recipe
from assay.recipe.tree import (
    DEFAULT,
    Fault,
    Keys,
    Node,
    Origin,
    dotted,
    error_of,
    in_order,
    merge,
    origins,
    plain,
    relabelled,
)
from assay.recipe.validate import validated

__all__ = [
    "Loaded",
    "Origin",
    "faults_in",
    "load",
    "recipe_digest",
    "resolved_yaml",
    "validate_all",
]

PROFILE_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True)
class Loaded:
    """A valid recipe and where it came from."""

    recipe: Recipe
    origin: dict[str, Origin]  # by dotted key path, e.g. ``training.epochs``, ``ladder.2.kind``
    path: Path
    profile: str | None
    text: str


def load(
    name_or_path: str | Path, *, profile: str | None = None, overrides: Sequence[str] = ()
) -> Loaded:
    """The recipe in a file, or of a shipped name, with a profile and ``key.path=value`` applied.

    Without ``profile`` the document's ``default_profile`` is used, if it names one.

    Raises:
        RecipeError: with every fault as ``file:line: key.path: problem``, or because the file,
            the name or the profile does not exist.
    """
    path = _path_of(name_or_path)
    text = _text_of(path)
    document = _read_document(text, str(path))
    if document.base is None:
        raise error_of(document.faults, str(path))
    profile = profile if profile is not None else document.default_profile
    root, faults = _resolve(document, profile, overrides)
    recipe, found = validated(root)
    faults = _joined(document.faults, [*faults, *found])
    if faults or recipe is None:
        raise error_of(faults, str(path))
    return Loaded(recipe, _origins(recipe, root), path, profile, text)


def profiles_of(name_or_path: str | Path) -> tuple[str, ...]:
    """The names of a document's profiles; raises ``RecipeError`` if it cannot be read."""
    path = _path_of(name_or_path)
    document = _read_document(_text_of(path), str(path))
    if document.base is None:
        raise error_of(document.faults, str(path))
    return tuple(document.profiles)


def validate_all(name_or_path: str | Path, overrides: Sequence[str] = ()) -> list[str]:
    """Every fault of a file, alone and under each of its profiles, in the order of the file.

    ``overrides`` (``key.path=value``) are applied on top of each. The document must be complete without a profile: a profile only changes it.

    Raises:
        RecipeError: only because the file cannot be read at all.
    """
    path = _path_of(name_or_path)
    return faults_in(_text_of(path), str(path), overrides)


def faults_in(text: str, file: str, overrides: Sequence[str] = ()) -> list[str]:
    """``validate_all`` of a recipe's text; ``file`` is the name that the faults carry."""
    document = _read_document(text, file)
    found: list[Fault] = []
    for profile in (None, *document.profiles) if document.base else ():
        root, faults = _resolve(document, profile, overrides)
        found += [*faults, *validated(root)[1]]
    return [str(fault) for fault in in_order(_joined(document.faults, found))]


def resolved_yaml(recipe: Recipe) -> str:
    """``recipe`` as YAML, every default written out; ``load`` reads it back to an equal recipe."""
    return yaml_lines.dump(recipe.model_dump(mode="json", by_alias=True))


def recipe_digest(recipe: Recipe) -> str:
    """Hex SHA-256 of the recipe's canonical JSON: equal recipes have equal digests."""
    document = recipe.model_dump(mode="json", by_alias=True)
    if recipe.task.json_schema is not None:  # canonical JSON sorts keys; answers have its order
        document["task"]["schema"] = json.dumps(recipe.task.json_schema)
    return files.digest(document)


@dataclass(frozen=True)
class _Document:
    """A file taken apart: the recipe proper and its overlays, each node with its line."""

    base: Node | None  # None: not a mapping, or not YAML
    profiles: dict[str, Node]
    default_profile: str | None
    faults: list[Fault]


def _path_of(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    bare = isinstance(name_or_path, str) and path.name == name_or_path
    if bare and path.suffix not in (".yaml", ".yml"):
        return catalogue.find(path.name)
    if path.is_file():
        return path
    if path.is_dir():
        raise RecipeError(f"{path}: a folder, not a recipe file", "Give the YAML file inside it.")
    beside = sorted(file.name for file in path.parent.glob("*.y*ml"))
    raise RecipeError(
        f"{path}: no such file.{did_you_mean(path.name, beside)}",
        "`assay init FILE.yaml` writes a starter recipe; `assay recipes` lists the shipped ones.",
    )


def _text_of(path: Path) -> str:
    with files.storage_errors(path):
        data = path.read_bytes()
    if len(data) > yaml_lines.MAX_BYTES:
        size = f"{len(data) / 1e6:.1f} MB"
        raise RecipeError(f"{path}: {size} is too large for a recipe", "Is it a data file?")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RecipeError(
            f"{path}:{line}: not UTF-8: byte 0x{data[error.start]:02X} cannot be read",
            "Save the file with the encoding UTF-8.",
        ) from error
    if not text.strip():
        raise RecipeError(f"{path}: the file is empty", "`assay init` writes a starter recipe.")
    return text


def _read_document(text: str, file: str) -> _Document:
    parsed = yaml_lines.parse(text, file)
    root, faults = parsed.root, list(parsed.faults)
    if root is None or not isinstance(root.value, dict):
        if root is not None and not faults:
            given = described(plain(root))
            faults.append(Fault(root.origin, (), f"a recipe is a mapping of keys, not {given}"))
        return _Document(None, {}, None, faults)
    base = dict(root.value)
    profiles = _overlays(base.pop("profiles", None), faults)
    default = _default_profile(base.pop("default_profile", None), profiles, faults)
    return _Document(Node(base, root.origin), profiles, default, faults)


def _overlays(node: Node | None, faults: list[Fault]) -> dict[str, Node]:
    """The overlays by name; an empty one (null) changes nothing."""
    if node is None:
        return {}
    if not isinstance(node.value, dict):
        problem = f"must be a mapping of profile names, but is {described(plain(node))}"
        faults.append(Fault(node.origin, ("profiles",), problem))
        return {}
    found: dict[str, Node] = {}
    for name, overlay in node.value.items():
        keys: Keys = ("profiles", name)
        if not PROFILE_NAME.fullmatch(name):
            problem = 'a profile\'s name holds only lower-case letters, digits and "-"'
            faults.append(Fault(overlay.origin, keys, problem))
        elif overlay.value is None:
            found[name] = Node({}, overlay.origin)
        elif isinstance(overlay.value, dict):
            found[name] = relabelled(overlay, f"profile:{name}")
        else:
            problem = f"must be a mapping of keys, but is {described(plain(overlay))}"
            faults.append(Fault(overlay.origin, keys, problem))
    return found


def _default_profile(
    node: Node | None, profiles: dict[str, Node], faults: list[Fault]
) -> str | None:
    if node is None or node.value is None:
        return None
    if isinstance(node.value, str) and node.value in profiles:
        return node.value
    given = plain(node)
    hint = did_you_mean(str(given), list(profiles)) or " The file has no profiles."
    problem = f"{described(given)} is not a profile of this file.{hint}"
    faults.append(Fault(node.origin, ("default_profile",), problem))
    return None


def _resolve(
    document: _Document, profile: str | None, changes: Sequence[str]
) -> tuple[Node, list[Fault]]:
    """The document with ``profile`` and then ``changes`` applied, and what was wrong with them."""
    assert document.base is not None
    root = document.base
    if profile is not None:
        if profile not in document.profiles:
            raise _unknown_profile(document, profile)
        root = merge(root, document.profiles[profile])
    faults: list[Fault] = []
    for change in changes:
        root, found = apply(root, change)
        faults += found
    return root, faults


def _unknown_profile(document: _Document, profile: str) -> RecipeError:
    assert document.base is not None
    names = ", ".join(document.profiles) or "none"
    hint = did_you_mean(profile, list(document.profiles))
    hint = hint if "Did you mean" in hint else ""
    return RecipeError(
        f'{document.base.origin.file}: no profile "{profile}".{hint}',
        f"Profiles of this recipe: {names}.",
    )


def _joined(first: list[Fault], more: list[Fault]) -> list[Fault]:
    """Both without repetition; of ``more``, nothing about a place that ``first`` names."""
    known = {fault.place for fault in first}
    return list(dict.fromkeys([*first, *(fault for fault in more if fault.place not in known)]))


def _origins(recipe: Recipe, root: Node) -> dict[str, Origin]:
    """The origin of everything in the document, and ``default`` for all that it leaves out."""
    found = {dotted(leaf.keys): DEFAULT for leaf in fields.leaves(recipe)}
    return found | origins(root)
