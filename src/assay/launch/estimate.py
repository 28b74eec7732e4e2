"""How long a recipe will take, in how much memory, for how much money; and what it then took.

On this machine the answer is measured (``launch.probe``); for a machine that can be rented it is
computed (``launch.computed``), and says so. An estimate is kept below the runs' root under the name
of the recipe's run, so that the run can be held against it.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assay import files
from assay.data.prepare import prepare
from assay.data.records import Splits
from assay.errors import AssayError, DataError, Interrupted, ModelError
from assay.launch import prices
from assay.launch.costs import Estimate, Range, RungCost, not_estimated, trained_in_steps
from assay.launch.prices import Instance, Price
from assay.models.registry import registered
from assay.models.store import MARKER, is_address
from assay.observability.progress import Progress
from assay.recipe.load import Loaded, load, recipe_digest
from assay.run import Run, folder_of, open_run

HERE = "here"
FOLDER = "estimates"  # below the runs' root
SLACK = (0.9, 1.0, 1.5)  # of the seconds that the data took: the run does the same once more


@dataclass(frozen=True)
class Told:
    """One recipe of a pack: an estimate, or why there is none."""

    name: str
    estimate: Estimate | None = None
    error: AssayError | None = None


@dataclass(frozen=True)
class Beside:
    """An estimate, and the run that it can be held against."""

    estimate: Estimate
    against: dict[str, Any] | None


def told(
    loaded: Loaded,
    *,
    root: Path,
    on: str | None = None,
    usd_per_hour: float | None = None,
    fresh: bool = False,
    progress: Progress,
) -> Beside:
    """The estimate that there was before the recipe's run, if both are there; else a new one.

    Raises what ``estimate`` raises.
    """
    run = finished(loaded, root) if on is None and not fresh else None
    beside = against(run) if run is not None else None
    if beside is not None:
        progress.say(
            "the run is complete: the estimate is the one made before (--fresh: probe again)"
        )
        return Beside(read(path_of(loaded, root)), beside)
    made = estimate(loaded, root=root, on=on, usd_per_hour=usd_per_hour, progress=progress)
    return Beside(made, None)


def estimate(
    loaded: Loaded,
    *,
    root: Path,
    on: str | None,
    usd_per_hour: float | None,
    progress: Progress,
) -> Estimate:
    """What a run of the recipe will take here, or on an instance of the price table; kept in ``root``.

    Raises ``DataError`` for an instance that the table does not have, ``ModelError`` for a base that
    is not here (on this machine) or whose shape is not known (on another).
    """
    machine = prices.instance(on) if on is not None else None
    if machine is None:
        require_bases(loaded)
    splits, seconds = _timed_data(loaded, progress)
    data = Range(*(seconds * share for share in SLACK))
    found = _measured(loaded, splits, progress) if machine is None else None
    if found is None:
        assert machine is not None
        found = _computed(loaded, splits, machine, progress)
    parts, method, notes, available = found
    rungs = not_estimated(loaded.recipe) | {part.kind: part for part in parts}
    costs = _prices(machine, usd_per_hour)
    made = Estimate(
        name=loaded.recipe.name,
        profile=loaded.profile,
        recipe_digest=recipe_digest(loaded.recipe),
        made=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        machine=on or HERE,
        method=method,
        rows={name: len(getattr(splits, name)) for name in ("train", "validation", "test")},
        data=data,
        rungs=tuple(rungs.values()),
        notes=(*notes, *_warnings(on or HERE, costs)),
        available=available,
        usd_per_hour={buying: price.usd_per_hour for buying, price in costs.items()},
    )
    if on is not None or finished(loaded, root) is None:  # what is known already is no estimate
        files.write_json(path_of(loaded, root, on), made.as_json())
    return made


def estimate_all(
    names: Sequence[str],
    *,
    profile: str | None,
    overrides: Sequence[str],
    root: Path,
    on: str | None,
    usd_per_hour: float | None,
    progress: Progress,
) -> list[Told]:
    """An estimate of each recipe; what is wrong with one stops no other."""
    if on is not None:
        prices.instance(on)
    told: list[Told] = []
    with progress.task("the pack", len(names)) as bar:
        for name in names:
            try:
                loaded = load(name, profile=profile, overrides=overrides)
                made = estimate(
                    loaded, root=root, on=on, usd_per_hour=usd_per_hour, progress=progress
                )
                told.append(Told(name, made))
            except Interrupted:
                raise
            except AssayError as error:
                told.append(Told(name, error=error))
            bar.advance(1, name)
    return told


def totals(told: Sequence[Told]) -> dict[str, Range]:
    """``seconds`` of a pack, one recipe after another, and the money by way of buying."""
    made = [one.estimate for one in told if one.estimate is not None]
    kinds = made[0].usd_per_hour if made else {}
    return {"seconds": Range.total(one.seconds for one in made)} | {
        kind: Range.total(one.money(kind) for one in made) for kind in kinds
    }


# -- what there is already -----------------------------------------------------------------


def path_of(loaded: Loaded, root: Path, on: str | None = None) -> Path:
    """Where the estimate of a recipe's run on a machine is kept."""
    return _kept(root, folder_of(loaded, root), on)


def _kept(root: Path, run: Path, on: str | None = None) -> Path:
    where = f"-on-{on}" if on is not None else ""
    return root / FOLDER / run.parent.name / f"{run.name}{where}.json"


def read(path: Path) -> Estimate:
    """A kept estimate; raises ``DataError`` when its file is damaged."""
    found = files.read_object(path, "format", "rungs", "data", "rows")
    try:
        return Estimate.from_json(found)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path}: not an estimate ({error})", "Remove it and run: assay estimate RECIPE"
        ) from error


def finished(loaded: Loaded, root: Path) -> Run | None:
    """The recipe's run, if it came to a verdict."""
    folder = folder_of(loaded, root)
    if not (folder / "run.json").is_file():
        return None
    run = open_run(folder)
    return run if run.status == "complete" else None


def against(run: Run) -> dict[str, Any] | None:
    """A finished run beside the estimate made before it, stage by stage; None without one of them.

    ``{"made", "taken", "reached", "stages": [{"stage", "estimated": {low, middle, high}, "took",
    "within"}], "total": {...}}``, in seconds.
    """
    path = _kept(run.folder.parent.parent, run.folder)
    if run.status != "complete" or not path.is_file():
        return None
    kept = read(path)
    if kept.made > str(run.state.get("created", "")):
        return None
    reached = [entry["kind"] for entry in run.ladder if entry["reached"]]
    taken = next(entry["kind"] for entry in run.ladder if entry["selected"])
    took = {name: float(stage["seconds"]) for name, stage in run.state["stages"].items()}
    stages = {n: part for n, part in kept.stages(reached, taken).items() if n in took}
    rows = [_beside(name, part, took[name]) for name, part in stages.items()]
    total = _beside("in all", Range.total(stages.values()), sum(took[name] for name in stages))
    return {"made": kept.made, "taken": taken, "reached": reached, "stages": rows, "total": total}


def _beside(name: str, part: Range, took: float) -> dict[str, Any]:
    return {
        "stage": name,
        "estimated": {"low": part.low, "middle": part.middle, "high": part.high},
        "took": took,
        "within": part.low <= took <= part.high,
    }


# -- making one ----------------------------------------------------------------------------

Found = tuple[list[RungCost], str, tuple[str, ...], float | None]


def _timed_data(loaded: Loaded, progress: Progress) -> tuple[Splits, float]:
    began = time.perf_counter()
    splits = prepare(loaded.recipe, loaded.path.parent, progress)
    return splits, time.perf_counter() - began


def require_bases(loaded: Loaded) -> None:
    """Raise ``ModelError`` unless every base of the ladder is on this machine: a probe fetches none."""
    for base in _bases(loaded):
        if base.startswith("hf://"):
            name, _, revision = base.removeprefix("hf://").partition("@")
            stored = f"{name.replace('/', '--')}@{revision[:12]}*"
            if any((files.home() / "models").glob(f"{stored}/{MARKER}")):
                continue
            raise ModelError(
                f"{base}: this base is not on this machine, so that nothing can be measured here",
                "Compute it for another machine with --on INSTANCE, or probe the profile that has an "
                "embedded base: --profile local.",
            )
        if not is_address(base):
            registered(base)
            if not (files.home() / "models" / base / MARKER).is_file():
                raise ModelError(
                    f"{base}: this base is not on this machine, and a probe fetches none",
                    f"Fetch it first: assay models pull {base}",
                )


def _bases(loaded: Loaded) -> list[str]:
    recipe = loaded.recipe
    return [(rung.base or recipe.base).model for rung in trained_in_steps(recipe)]


def _measured(loaded: Loaded, splits: Splits, progress: Progress) -> Found:
    import psutil
    import torch

    from assay.evaluation.ladder import Climb
    from assay.launch.probe import probe
    from assay.models.pool import BasePool
    from assay.models.precision import device

    with tempfile.TemporaryDirectory(prefix="assay-probe-") as scratch:
        climb = Climb(loaded.recipe, splits, Path(scratch), BasePool(progress), progress)
        parts = probe(climb)
    memory = psutil.virtual_memory().total
    if device().type == "cuda":
        memory = torch.cuda.get_device_properties(0).total_memory
    return parts, "measured", tuple(_busy()), float(memory)


def _busy() -> list[str]:
    """What a probe beside other work is worth; nothing where the machine had a core for it."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load <= cores:
        return []
    return [
        f"this machine was busy while it was probed (load {load:.1f} on {cores} cores): the run takes "
        "as long if it is as busy then"
    ]


def _computed(loaded: Loaded, splits: Splits, machine: Instance, progress: Progress) -> Found:
    from assay.launch.computed import NOTES, compute

    parts = compute(loaded.recipe, splits, machine, progress)
    notes = [*NOTES, f"peak speed of one {machine.gpu}: {machine.speed_source}"]
    if machine.gpus > 1:
        notes.append(f"one of its {machine.gpus} GPUs is used; the price is that of all")
    return parts, "computed", tuple(notes), float(machine.gpu_memory)


def _prices(machine: Instance | None, usd_per_hour: float | None) -> dict[str, Price]:
    if usd_per_hour is not None:
        return {"given": prices.given(usd_per_hour)}
    return dict(machine.prices.items()) if machine is not None else {}


def _warnings(machine: str, costs: dict[str, Price]) -> list[str]:
    named: Callable[[str], str] = lambda buying: f"{machine}, {buying.replace('_', ' ')}"  # noqa: E731
    told = [price.warning(named(buying), prices.today()) for buying, price in costs.items()]
    return [warning for warning in told if warning is not None]
