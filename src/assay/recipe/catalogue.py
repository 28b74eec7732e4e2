"""The recipes shipped with Assay: finding one by name, and the list of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.errors import RecipeError, did_you_mean
from assay.recipe.tree import plain
from assay.recipe.yaml_lines import parse

DATA_FILES = (".jsonl", ".csv", ".parquet", ".conll", ".gz")
FOLDER = Path(__file__).resolve().parents[1] / "catalogue"


@dataclass(frozen=True)
class Entry:
    """One shipped recipe."""

    name: str
    pack: str
    summary: str
    path: Path
    profiles: tuple[str, ...]
    output: str  # of its task
    licence: str | None  # of its training data, where that is shipped


def paths() -> dict[str, Path]:
    """``{name: file}`` of every shipped recipe, sorted by pack and name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*/*.yaml"))}


def entries() -> list[Entry]:
    """Every shipped recipe, sorted by pack and name."""
    return [_entry(path) for path in paths().values()]


def find(name: str) -> Path:
    """The file of the shipped recipe called ``name``.

    Raises:
        RecipeError: there is none; says which names there are, or which file was meant.
    """
    known = paths()
    if name in known:
        return known[name]
    files = [path for path in (Path(f"{name}.yaml"), Path(f"{name}.yml")) if path.is_file()]
    if Path(name).suffix in DATA_FILES:
        remedy = f"It names data, not a recipe; make one for it: assay init new.yaml --data {name}"
    elif files:
        remedy = f"There is a file of that name here: give it as {files[0]}."
    else:
        remedy = "`assay recipes` lists them; a recipe of your own is given as FILE.yaml."
    raise RecipeError(
        f'no shipped recipe is called "{name}".{did_you_mean(name, [*known])}', remedy
    )


def _entry(path: Path) -> Entry:
    root = parse(path.read_text(encoding="utf-8"), str(path)).root
    document: dict[str, Any] = plain(root) if root else {}
    profiles = tuple(document.get("profiles", {}))
    return Entry(
        name=path.stem,
        pack=path.parent.name,
        summary=document["summary"],
        path=path,
        profiles=profiles,
        output=document["task"]["output"],
        licence=_licence(document["data"]["train"].get("dataset")),
    )


def _licence(dataset: str | None) -> str | None:
    """What the file of digests beside a shipped dataset says."""
    if dataset is None:
        return None
    about = FOLDER / "data" / dataset.partition("/")[0] / "digests.json"
    return json.loads(about.read_text(encoding="utf-8"))["licence"]
