"""A queue of recipes: each is trained and proved, and what goes wrong with one stops no other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from assay.errors import AssayError, Interrupted, RecipeError, did_you_mean
from assay.models.pool import Weights
from assay.observability.progress import Progress, Task
from assay.recipe.catalogue import entries
from assay.recipe.load import load, profiles_of
from assay.run import Run, folder_of, train
from assay.training.signals import SHARED_STOP
from assay.training.turns import Turns


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


@dataclass(frozen=True)
class Queue:
    """The recipes of a pack that have the profile asked for, and those that do not."""

    names: list[str]
    profile: str | None  # None: no recipe has profiles, so each is taken as it stands
    without: list[str]

    def told(self, pack: str) -> str | None:
        """One line about those left out, and how to train them."""
        if not self.without:
            return None
        count = f"{len(self.without)} {'recipe has' if len(self.without) == 1 else 'recipes have'}"
        return (
            f"{count} no profile {self.profile}, and {'is' if len(self.without) == 1 else 'are'}"
            f" left out: {', '.join(self.without)}."
            f" assay train NAME trains one, with its own; --pack {pack} --profile full all"
        )


def queue_of(names: Sequence[str], profile: str | None) -> Queue:
    """Which of a pack's recipes have the profile: without one named, ``local``, where any has it.

    A recipe that cannot be read stays in the queue, where its error is told. Raises
    ``RecipeError`` for a profile that none of them has.
    """
    known = {name: _profiles(name) for name in names}
    there = sorted({each for profiles in known.values() for each in profiles or ()})
    if profile is None:
        profile = "local" if "local" in there else None
        if profile is None:
            return Queue(list(names), None, [])
    elif profile not in there and all(profiles is not None for profiles in known.values()):
        raise RecipeError(
            f'no recipe of the pack has a profile "{profile}".{did_you_mean(profile, there)}',
            f"Profiles: {', '.join(there) or 'none'}.",
        )
    without = [name for name, own in known.items() if own is not None and profile not in own]
    return Queue([name for name in names if name not in without], profile, without)


def _profiles(name: str) -> tuple[str, ...] | None:
    try:
        return profiles_of(name)
    except AssayError:
        return None


def limits(rows: int) -> list[str]:
    """Overrides that keep at most so many rows of each split; a recipe's own limit may be lower."""
    return [f"data.limit.{split}<={rows}" for split in ("train", "validation", "test")]


def train_all(
    names: Sequence[str],
    *,
    profile: str | None,
    overrides: Sequence[str],
    root: Path,
    progress: Progress,
    all_rungs: bool = False,
    fresh: bool = False,
    together: int = 1,
) -> list[Outcome]:
    """Train each recipe; runs that are complete are kept, one that was interrupted goes on.

    An error is kept in place of the run, and the next recipe follows. Only ``Interrupted`` (Ctrl-C,
    SIGTERM) ends the queue: the same call takes it up again.

    With ``together``, so many at once take turns, a step each, on one copy of every language model
    that they have in common; each ends in the same bits as alone. Raises ``RecipeError`` when
    ``accelerate launch`` has started several processes for that.
    """
    if together > 1 and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise RecipeError(
            "--together is for one process, and accelerate has started several",
            "Leave out --together: the processes share the work of one recipe after the other.",
        )
    weights = Weights() if together > 1 else None
    written: dict[Path, str] = {}  # runs, and the recipe whose run it is
    with progress.task("the queue", len(names)) as bar:

        def one(number: int, name: str) -> Outcome:
            progress.say(f"{number} of {len(names)}: {name}")
            told = _Named(progress, name) if together > 1 else progress
            try:
                loaded = load(name, profile=profile, overrides=overrides)
                other = written.setdefault(folder_of(loaded, root), name)
                if number != names.index(other) + 1:
                    raise RecipeError(
                        f"{name}: is the recipe that {other} is, and would write the same run",
                        "Give each recipe once.",
                    )
                run = train(
                    loaded,
                    root=root,
                    all_rungs=all_rungs,
                    fresh=fresh,
                    progress=told,
                    weights=weights,
                )
                outcome = Outcome(name, run, loaded.recipe.summary)
            except Interrupted:
                raise
            except AssayError as error:
                progress.say(f"{name} is skipped: {error.cause}")
                outcome = Outcome(name, error=error)
            bar.advance(1, name)
            return outcome

        works = [partial(one, number, name) for number, name in enumerate(names, start=1)]
        if together == 1:
            return [work() for work in works]
        return Turns(works, together).run()


class _Named:
    """Progress of one of several that take turns; a new piece of work is where it can be stopped."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._name = name

    def say(self, message: str) -> None:
        """A line that begins with the name."""
        self._progress.say(f"{self._name}: {message}")

    def task(self, title: str, total: float) -> AbstractContextManager[Task]:
        """A bar with the name; raises ``Interrupted`` when all are asked to stop."""
        stop = SHARED_STOP.get()
        if stop is not None and stop.requested:
            raise Interrupted(
                f"{stop.name}: stopped; finished stages are kept",
                "Run the same command again to go on from there.",
            )
        return self._progress.task(f"{self._name}: {title}", total)
