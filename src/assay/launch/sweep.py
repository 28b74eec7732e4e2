"""A sweep: a trained rung with other settings, again and again, judged on validation alone.

The test items are neither kept nor scored: the splits of a sweep have none. A trial is the ladder's
own fit of the rung. The folder holds ``plan.json`` and ``recipe.yaml`` (what is searched),
``study.db`` (every trial, Optuna's), ``trials/NNNN`` (curves and answers of each) and, in the end,
``sweep.json`` and ``report/``. The same command goes on where a killed one stopped.

Trials are not cut short: the engine has no step at which half a training says how the whole would end.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay import files
from assay.data.records import Splits
from assay.errors import DataError, Interrupted, ModelError, RecipeError, TrainingError
from assay.evaluation.evaluate import Answers, describe, evaluate
from assay.evaluation.ladder import Climb, climb_rung, rung_base, saved_answers
from assay.launch.axes import (
    Axis,
    axes_over,
    changes,
    chosen_rung,
    own_settings,
    reads,
    told,
    usual_axes,
)
from assay.launch.pack import limits
from assay.launch.study import Study, Trial, require_optuna
from assay.launch.sweep_page import write_page
from assay.models.pool import BasePool
from assay.observability.progress import SILENT, Progress
from assay.packaging.fields import now
from assay.recipe.load import Loaded, load, recipe_digest, resolved_yaml
from assay.recipe.schema import Base, Recipe, Rung, RungKind
from assay.run import changed_sources, prepared
from assay.training import memory
from assay.training.signals import interruptible

KEPT = ("train", "validation")  # of the splits
HEAVY = ("rung", "best", "checkpoints")  # of a trial's training, removed when it is finished
DEATHS = 3  # times a trial may end without a word, as a process does that the system kills
PLAN = ("recipe_digest", "rung", "axes", "seed")  # what makes a sweep the same sweep
MOST_REASON = 300  # letters of a failed trial's reason
OPTIMISTIC = (
    "The best of several trials is picked by the same validation items that it is scored on, so its "
    "value is too good: the more trials and the fewer items, the more. No test item was scored here; "
    "assay train scores them, once."
)


@dataclass(frozen=True)
class Sweep:
    """A sweep's folder, and what was found: ``sweep.json``."""

    folder: Path
    found: dict[str, Any]

    @property
    def report_path(self) -> Path:
        """The page with the plots."""
        return self.folder / "report" / "index.html"


def sweep(
    name_or_path: str | Path,
    *,
    profile: str | None = None,
    overrides: Sequence[str] = (),
    over: Sequence[str] = (),
    rung: str | None = None,
    limit: int | None = None,
    trials: int = 20,
    minutes: float | None = None,
    seed: int = 0,
    root: Path = Path("runs"),
    folder: Path | None = None,
    progress: Progress = SILENT,
) -> Sweep:
    """Search the settings of a recipe's trained rung for the best primary metric on validation.

    ``trials`` counts all that the folder holds; after ``minutes`` none is begun, but one always is.
    ``over`` replaces the axes that are searched (learning rate, batch, rank); ``limit`` keeps at most
    so many rows of each split.

    Raises ``RecipeError`` for an axis or a rung that cannot be searched, ``DataError`` for a folder
    that holds something else, ``DependencyError`` without Optuna, ``TrainingError`` when every trial
    failed, and ``Interrupted`` with the trial's checkpoint written.
    """
    require_optuna()
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise TrainingError(
            "a sweep is not run under accelerate launch: it is one process",
            "Run it alone, and train the settings it finds on all devices.",
        )
    asked = [*(limits(limit) if limit else []), *overrides]
    loaded = load(name_or_path, profile=profile, overrides=asked)
    recipe = loaded.recipe
    swept = chosen_rung(recipe, rung)
    axes = (
        axes_over(loaded.path, profile, asked, swept, over) if over else usual_axes(recipe, swept)
    )
    plan = {
        "recipe_digest": recipe_digest(recipe),
        "rung": swept.kind,
        "axes": [axis.as_json() for axis in axes],
        "seed": seed,
    }
    where = folder or root / recipe.name / f"sweep-{files.digest(plan)[:8]}"
    with _claimed(where), interruptible():
        _begin(where, plan, loaded)
        command = _command(name_or_path, profile, overrides)
        search = _Search(where, loaded, swept.kind, axes, seed, limit, command, progress)
        return search.run(trials, minutes)


def _command(name_or_path: str | Path, profile: str | None, overrides: Sequence[str]) -> list[str]:
    """The words of ``assay train`` to which a trial's settings are added; no limit on rows."""
    chosen = ["--profile", profile] if profile else []
    sets = [word for change in overrides for word in ("--set", change)]
    return ["assay", "train", str(name_or_path), *chosen, *sets]


@contextmanager
def _claimed(folder: Path) -> Generator[None]:
    """Hold the folder; raises ``DataError`` while another process does."""
    import fcntl

    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: is a file, not a folder", "Choose another --folder.")
    with files.storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(
                f"{folder}: another `assay sweep` is at work there",
                "Wait for it, or give this one another --folder.",
            ) from error
        yield
    finally:
        os.close(handle)


def _begin(folder: Path, plan: dict[str, Any], loaded: Loaded) -> None:
    """Write the plan, or find the same one; raises ``DataError`` for anything else there."""
    path = folder / "plan.json"
    again = f"Choose another --folder, or move {folder} elsewhere to begin anew."
    if not path.is_file():
        ours = ("recipe.yaml", ".")  # a start that was killed leaves no more
        if theirs := [p.name for p in folder.iterdir() if not p.name.startswith(ours)]:
            raise DataError(
                f"{folder}: is not empty and no sweep's folder (holds {', '.join(theirs[:5])})",
                "Choose another --folder for the sweep.",
            )
        files.write_text(folder / "recipe.yaml", resolved_yaml(loaded.recipe))
        files.write_json(path, {"format": 1, "created": now(), **plan})
        return
    before = files.read_object(path, *PLAN)
    if differing := [name for name in PLAN if before[name] != plan[name]]:
        names = {"recipe_digest": "another recipe", "rung": "another rung", "axes": "other axes"}
        what = " and ".join(names.get(name, "another seed") for name in differing)
        raise DataError(f"{folder}: holds a sweep of {what}", again)
    if changed := changed_sources(folder, loaded):
        raise DataError(
            f"data.{changed[0]} has changed since {folder} read it, and trials could not be compared",
            again,
        )
    if recipe_digest(load(folder / "recipe.yaml").recipe) != plan["recipe_digest"]:
        raise DataError(f"{folder / 'recipe.yaml'}: was changed after the sweep began", again)


@dataclass
class _Search:
    """What every trial needs."""

    folder: Path
    loaded: Loaded
    kind: RungKind
    axes: list[Axis]
    seed: int
    limit: int | None
    command: list[str]
    progress: Progress
    bases: dict[str, dict[str, Answers]] = field(default_factory=dict)

    @property
    def recipe(self) -> Recipe:
        return self.loaded.recipe

    @property
    def rung(self) -> Rung:
        return _rung(self.recipe, self.kind)

    def run(self, wanted: int, minutes: float | None) -> Sweep:
        """Try until there are so many trials; returns what was found."""
        own = own_settings(self.recipe, self.axes)
        splits = prepared(self.folder / "data", self.loaded, self.progress, KEPT)
        for base in self._bases():  # what is wrong with one is no trial's fault
            BasePool(self.progress).ref(base)
        study = Study(self.folder / "study.db", self.axes, self.seed, own)
        try:
            self._tell_plan(own, len(splits.validation))
            self._try_all(study, splits, wanted, minutes)
            found = self._found(study, splits, own)
        finally:
            study.close()
        files.write_json(self.folder / "sweep.json", found)
        write_page(self.folder, found)
        if found["best"] is None:
            reasons = list(dict.fromkeys(trial["reason"] for trial in found["trials"]))
            raise TrainingError(
                f"{self.folder}: all {len(found['trials'])} trials failed: {'; '.join(reasons[:3])}",
                "Search other values (--over), or see what `assay train` says to one of them.",
            )
        return Sweep(self.folder, found)

    def _bases(self) -> list[Base]:
        """Every base that a trial may stand on."""
        key = f"{reads(self.recipe, self.rung)['base']}.model"
        models = next((axis.choices for axis in self.axes if axis.key == key), ())
        alone = [[f"{key}={told(model)}"] for model in models] or [[]]
        recipes = [load(self.folder / "recipe.yaml", overrides=each).recipe for each in alone]
        return [base for r in recipes if (base := rung_base(r, _rung(r, self.kind)))]

    def _tell_plan(self, own: dict[str, Any] | None, items: int) -> None:
        say = self.progress.say
        others = [r.kind for r in self.recipe.ladder if r.kind in ("encoder", "llm")]
        more = f" (of {', '.join(others)}; --rung chooses)" if len(others) > 1 else ""
        say(f"rung {self.kind}{more}, by {self.recipe.gate.primary} on {items:,} validation items")
        for axis in self.axes:
            say(f"searching {axis}")
        first = "are tried first" if own else "are not among these values and not tried"
        say(f"the recipe's own settings {first}")

    def _try_all(self, study: Study, splits: Splits, wanted: int, minutes: float | None) -> None:
        began = time.monotonic()
        for trial in study.trials():  # killed between its last line and the next trial
            if trial.state != "running":
                self._lighten(trial)
        done = [trial for trial in study.trials() if trial.state != "running"]
        if len(done) >= wanted:
            self.progress.say(f"{len(done)} trials are done, {wanted} were asked for: no more")
            return
        with self.progress.task("the sweep", wanted) as bar:
            bar.advance(len(done))
            for count in range(len(done), wanted):
                self._try(study, study.next(), splits, count + 1, wanted)
                best = _best(study.trials())
                note = f"best {best.value:.3f}" if best and best.value is not None else ""
                bar.advance(1, note)
                if minutes is not None and time.monotonic() - began > 60 * minutes:
                    self.progress.say(f"{minutes:g} minutes are over: no further trial is begun")
                    return

    def _try(self, study: Study, trial: Trial, splits: Splits, count: int, wanted: int) -> None:
        """One trial, whatever becomes of it."""
        number, say = trial.number, self.progress.say
        begun = trial.facts.get("begun", 0)
        again = ", again" if begun else ""
        say(f"trial {count} of {wanted}{again}: {_short(trial.settings)}")
        if same := _same(study.trials(), trial):
            study.note(number, **{**same.facts, "repeats": same.number + 1, "seconds": 0.0})
            study.complete(number, same.value or 0.0)
            say(f"these are the settings of trial {same.number + 1}, which are not trained again")
            return
        if begun >= DEATHS:
            self._give_up(study, trial, f"the process died in it {begun} times: out of memory?")
            return
        study.note(number, begun=begun + 1)
        clock = time.monotonic()
        try:
            facts = self._measure(trial, splits)
        except (Interrupted, KeyboardInterrupt):
            study.note(number, begun=begun)  # asked to stop: no death
            raise
        except (TrainingError, RecipeError, ModelError) as error:
            self._give_up(study, trial, error.cause)
        except (RuntimeError, MemoryError) as error:
            if not memory.is_out_of_memory(error):
                raise
            self._give_up(study, trial, f"out of memory: {error}")
        else:
            value = facts["metrics"][self.recipe.gate.primary]
            seconds = round(time.monotonic() - clock, 2)
            study.note(number, seconds=seconds, **facts)
            study.complete(number, value)
            say(f"trial {count}: {self.recipe.gate.primary} {value:.3f} on validation")
        finally:
            memory.free()
        self._lighten(trial)

    def _give_up(self, study: Study, trial: Trial, reason: str) -> None:
        self.progress.say(f"trial failed, the sweep goes on: {reason}")
        study.fail(trial.number, reason[:MOST_REASON])

    def _measure(self, trial: Trial, splits: Splits) -> dict[str, Any]:
        """Train the rung as the ladder does, and what it scores on validation."""
        overrides = changes(self.recipe, self.rung, trial.settings)
        recipe = load(self.folder / "recipe.yaml", overrides=overrides).recipe
        climb = Climb(
            recipe,
            splits,
            self._place(trial),
            BasePool(self.progress),  # its own: an adapter stays on the base it was trained on
            self.progress,
            self.bases,
            self.folder / "baseline",
        )
        step = climb_rung(climb, _rung(recipe, self.kind), ())
        system = describe(recipe, splits.labels, splits.validation, step.validation)
        training = step.entry["training"] or {}
        return {
            "metrics": system.metrics,
            "interval": list(system.intervals[recipe.gate.primary]),
            "steps": training.get("steps"),
            "best_step": training.get("best_step"),
            "passes": step.entry["passes"],
        }

    def _place(self, trial: Trial) -> Path:
        return self.folder / "trials" / f"{trial.number:04d}"

    def _lighten(self, trial: Trial) -> None:
        """Remove the weights of a finished trial: its settings train them again to the same bits."""
        for name in HEAVY:
            shutil.rmtree(self._place(trial) / "rungs" / self.kind / name, ignore_errors=True)

    def _found(self, study: Study, splits: Splits, own: dict[str, Any] | None) -> dict[str, Any]:
        """``sweep.json``."""
        trials = [trial for trial in study.trials() if trial.state != "running"]
        best = _best(trials)
        importances, why = study.importances()
        first = next((t for t in trials if t.settings == own and t.state == "complete"), None)
        return {
            "format": 1,
            "name": self.recipe.name,
            "profile": self.loaded.profile,
            "folder": str(self.folder),
            "rung": self.kind,
            "primary": self.recipe.gate.primary,
            "confidence": self.recipe.gate.confidence,
            "items": len(splits.validation),
            "train_items": len(splits.train),
            "limit": self.limit,
            "seed": self.seed,
            "axes": [axis.as_json() for axis in self.axes],
            "trials": [_row(trial, own) for trial in trials],
            "best": None if best is None else self._best_row(best),
            "own": first.number if first else None,
            "gain": self._gain(splits, best, first),
            "importances": importances,
            "no_importances": why,
            "optimistic": OPTIMISTIC,
        }

    def _best_row(self, best: Trial) -> dict[str, Any]:
        sets = changes(self.recipe, self.rung, best.settings)
        words = [*self.command, *(word for change in sets for word in ("--set", change))]
        return {**_row(best, None), "set": sets, "command": words}

    def _gain(self, splits: Splits, best: Trial | None, own: Trial | None) -> dict[str, Any] | None:
        """The best trial against the recipe's own settings, item by item."""
        if best is None or own is None or best.number == own.number:
            return None
        ours, theirs = (
            saved_answers(self._place(trial) / "rungs" / self.kind / "validation.json")
            for trial in (best, own)
        )
        if ours is None or theirs is None:
            return None
        judged = evaluate(self.recipe, splits.labels, splits.validation, ours, theirs, ())
        paired = judged.comparisons[0]
        return {"difference": paired.difference, "interval": list(paired.interval)}


def _rung(recipe: Recipe, kind: RungKind) -> Rung:
    return next(rung for rung in recipe.ladder if rung.kind == kind)


def _best(trials: Sequence[Trial]) -> Trial | None:
    """The highest value; of equals the first, which may be the recipe's own."""
    complete = [trial for trial in trials if trial.value is not None]
    return max(complete, key=lambda trial: (trial.value or 0.0, -trial.number), default=None)


def _same(trials: Sequence[Trial], trial: Trial) -> Trial | None:
    """The first complete trial with the same settings: they would train to the same value."""
    complete = (earlier for earlier in trials if earlier.value is not None)
    return next((earlier for earlier in complete if earlier.settings == trial.settings), None)


def _row(trial: Trial, own: dict[str, Any] | None) -> dict[str, Any]:
    facts = trial.facts
    return {
        "trial": trial.number + 1,
        "state": trial.state,
        "settings": trial.settings,
        "value": trial.value,
        "interval": facts.get("interval"),
        "passes": facts.get("passes"),
        "steps": facts.get("steps"),
        "best_step": facts.get("best_step"),
        "seconds": facts.get("seconds"),
        "reason": facts.get("reason"),
        "repeats": facts.get("repeats"),
        "own": own is not None and trial.settings == own,
    }


def _short(settings: dict[str, Any]) -> str:
    return ", ".join(f"{key.rpartition('.')[2]} {told(value)}" for key, value in settings.items())
