"""A queue of recipes: each is trained and proved, and what goes wrong with one stops no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.errors import AssayError, Interrupted, RecipeError, did_you_mean
from assay.observability.progress import Progress
from assay.recipe.catalogue import entries
from assay.recipe.load import load
from assay.run import Run, train


@dataclass(frozen=True)
class Outcome:
    """What became of one recipe: a run with a verdict, or an error."""

    name: str
    run: Run | None = None
    summary: str = ""
    error: AssayError | None = None


def recipes_of(pack: str) -> list[str]:
    """The shipped recipes of a pack; raises ``RecipeError`` for one that there is not."""
    known = entries()
    found = [entry.name for entry in known if entry.pack == pack]
    if not found:
        packs = sorted({entry.pack for entry in known})
        raise RecipeError(
            f'no recipe is in a pack "{pack}".{did_you_mean(pack, packs)}',
            f"Packs: {', '.join(packs)}.",
        )
    return found


def limits(rows: int) -> list[str]:
    """Overrides that keep at most so many rows of each split."""
    return [f"data.limit.{split}={rows}" for split in ("train", "validation", "test")]


def train_all(
    names: Sequence[str],
    *,
    profile: str | None,
    overrides: Sequence[str],
    root: Path,
    progress: Progress,
    all_rungs: bool = False,
    fresh: bool = False,
) -> list[Outcome]:
    """Train each recipe; runs that are complete are kept, one that was interrupted goes on.

    An error is kept in place of the run, and the next recipe follows. Only ``Interrupted`` (Ctrl-C,
    SIGTERM) ends the queue: the same call takes it up again.
    """
    outcomes: list[Outcome] = []
    with progress.task("the queue", len(names)) as bar:
        for number, name in enumerate(names, start=1):
            progress.say(f"{number} of {len(names)}: {name}")
            try:
                loaded = load(name, profile=profile, overrides=overrides)
                run = train(loaded, root=root, all_rungs=all_rungs, fresh=fresh, progress=progress)
                outcomes.append(Outcome(name, run, loaded.recipe.summary))
            except Interrupted:
                raise
            except AssayError as error:
                progress.say(f"{name} is skipped: {error.cause}")
                outcomes.append(Outcome(name, error=error))
            bar.advance(1, name)
    return outcomes
