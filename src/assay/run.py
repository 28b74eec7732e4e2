"""A run, stage by stage: data, baseline, train, evaluate, gate, package.

Read ``train`` top to bottom to understand Assay. Each stage leaves its result in the run's folder
before the next begins, so the same command continues where a killed one stopped, and does nothing
where the run is complete.
"""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay import files
from assay.data.prepare import prepare, source_digests
from assay.data.records import Example, Passage, Splits
from assay.errors import DataError, GateError, StorageError
from assay.observability.progress import SILENT, Progress
from assay.packaging.build import build
from assay.packaging.fields import now
from assay.packaging.keys import KeyPair
from assay.packaging.manifest import Evidence, claim
from assay.recipe.load import Loaded, load, recipe_digest, resolved_yaml
from assay.recipe.schema import Recipe
from assay.training.launch import one_writer
from assay.training.signals import interruptible

if TYPE_CHECKING:
    from assay.models.pool import Weights

STAGES = ("data", "baseline", "train", "evaluate", "gate", "package")
SPLITS = ("train", "validation", "test")
CORPUS = "corpus"  # of rankings: the passages
DAMAGED = "Train it again, in the place of this one: assay train … --fresh"
RECORDS = ("run.json", "recipe.yaml", "environment.json")  # every run's folder begins with these
RESULTS = (
    "baseline.json",
    "ladder.json",
    "evidence",
    "evaluation.json",
    "parity.json",
    "report",
    "packages",
)
MADE = {*RECORDS, "data", "baseline", "rungs", *RESULTS}  # all that a run leaves in its folder
SCRATCH = (".tmp-", *(f".{name}." for name in MADE), ".DS_Store")  # of a killed run, or nobody's
STATE = ("name", "profile", "recipe_digest", "created", "stages", "status")  # of run.json


@dataclass(frozen=True)
class Run:
    """A run's folder, and what is written there."""

    folder: Path

    @property
    def state(self) -> dict[str, Any]:
        """``run.json``; raises ``DataError`` when it is damaged."""
        try:
            state = files.read_object(self.folder / "run.json", *STATE)
        except DataError as error:
            raise DataError(error.cause, DAMAGED) from error
        if not isinstance(state["recipe_digest"], str) or not isinstance(state["stages"], dict):
            raise DataError(f"{self.folder / 'run.json'}: is damaged", DAMAGED)
        return state

    @property
    def name(self) -> str:
        """The recipe's name."""
        return self.state["name"]

    @property
    def profile(self) -> str | None:
        """The profile it was resolved with."""
        return self.state["profile"]

    @property
    def status(self) -> str:
        """running, complete, failed or interrupted."""
        return self.state["status"]

    @property
    def verdict(self) -> str | None:
        """pass, fail, investigate; None before the gate."""
        return self.state.get("verdict")

    @property
    def seconds(self) -> float:
        """How long its stages took, resumed ones in all."""
        return sum(stage.get("seconds", 0.0) for stage in self.state["stages"].values())

    @property
    def evaluation(self) -> dict[str, Any] | None:
        """``evaluation.json``, or None before the gate."""
        path = self.folder / "evaluation.json"
        return files.read_json(path) if path.is_file() else None

    @property
    def ladder(self) -> list[dict[str, Any]]:
        """``ladder.json``: one entry a rung."""
        path = self.folder / "ladder.json"
        return files.read_json(path) if path.is_file() else []

    @property
    def report_path(self) -> Path:
        """The HTML report."""
        return self.folder / "report" / "index.html"

    @property
    def package_path(self) -> Path | None:
        """The newest package made from this run, or None."""
        made = sorted(
            (self.folder / "packages").glob("*.tgsp"), key=lambda path: path.stat().st_mtime
        )
        return made[-1] if made else None

    def curves(self) -> dict[str, list[dict[str, Any]]]:
        """Rows of ``metrics.jsonl`` of each trained rung."""
        paths = sorted(self.folder.glob("rungs/*/metrics.jsonl"))
        return {path.parent.name: files.read_jsonl(path) for path in paths}


def open_run(folder: Path) -> Run:
    """The run in ``folder``; raises ``DataError`` when there is none."""
    if not (folder / "run.json").is_file():
        raise DataError(f"{folder}: not a run (no run.json)", "See: assay runs list")
    return Run(folder)


def list_runs(root: Path) -> list[Run]:
    """Every sound run below ``root``, by name and profile; raises ``DataError`` if that is a file."""
    if root.exists() and not root.is_dir():
        raise DataError(
            f"{root}: is a file, not a folder of runs", "Give the folder: --root FOLDER"
        )
    return [run for run in _all_runs(root) if _damage(run) is None]


def damaged_runs(root: Path) -> list[DataError]:
    """What is wrong with the records of each run below ``root`` that cannot be read."""
    return [fault for run in _all_runs(root) if (fault := _damage(run)) is not None]


def _all_runs(root: Path) -> list[Run]:
    return [Run(path.parent) for path in sorted(root.glob("*/*/run.json"))]


def _damage(run: Run) -> DataError | None:
    """What is wrong with a run's record, or None."""
    try:
        _ = run.state
    except DataError as error:
        return error
    return None


def folder_of(loaded: Loaded, root: Path) -> Path:
    """The folder of a recipe's run below ``root``, whether it ran or not."""
    identity = recipe_digest(loaded.recipe)
    return root / loaded.recipe.name / f"{loaded.profile or 'plain'}-{identity[:8]}"


def train(
    loaded: Loaded,
    *,
    root: Path = Path("runs"),
    folder: Path | None = None,
    all_rungs: bool = False,
    fresh: bool = False,
    baseline_only: bool = False,
    progress: Progress = SILENT,
    weights: Weights | None = None,
) -> Run:
    """Execute a recipe: everything up to the gate's verdict and the report.

    With ``baseline_only``, up to what the untrained bases score (``baseline.json``); the same run
    without it goes on from there. ``weights`` holds bases that other runs stand on, too.

    The folder's name carries the digest of the resolved recipe, so the same recipe finds its own
    run again: complete runs are returned at once, interrupted ones go on. Raises ``AssayError``
    with the state on disk saying which stage failed.

    Under ``accelerate launch`` every process calls this; the first one's folder is the run.
    """
    identity = recipe_digest(loaded.recipe)
    run = Run(folder or folder_of(loaded, root))
    with one_writer(run.folder, partial(_clear, run.folder, fresh)) as folder, interruptible():
        told = progress if folder == run.folder else SILENT
        _execute(Run(folder), loaded, identity, all_rungs, baseline_only, told, weights)
    return run


def _execute(
    run: Run,
    loaded: Loaded,
    identity: str,
    all_rungs: bool,
    baseline_only: bool,
    progress: Progress,
    weights: Weights | None,
) -> None:
    if _finished(run, loaded, identity, all_rungs):
        if baseline_only:
            _baselines(run, loaded.recipe, _data(run, loaded, progress), progress)
        else:
            progress.say(f"{run.folder}: already complete, nothing to do (--fresh starts again)")
        return
    stages = _Stages(run, loaded, identity)
    try:
        splits = stages.do("data", lambda: _data(run, loaded, progress))
        if baseline_only:
            stages.do("baseline", lambda: _baselines(run, loaded.recipe, splits, progress))
        else:
            _climb(run, loaded.recipe, splits, all_rungs, stages, progress, weights)
    except BaseException as error:
        stages.abandon("interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
        raise
    stages.finish("baseline" if baseline_only else "complete")


def _clear(folder: Path, fresh: bool) -> None:
    """Make room for a run: only where nothing else is, and the records of an old one go last.

    Raises ``DataError`` for a folder that is no run's, or holds something beside one that ``fresh``
    would remove; ``StorageError`` when it cannot be removed.
    """
    ours = all((folder / name).is_file() for name in RECORDS)
    if folder.exists() and not ours and not (folder.is_dir() and not any(folder.iterdir())):
        raise DataError(
            f"{folder}: is not empty and no run's folder", "Choose another --folder for the run."
        )
    if fresh and ours:
        found = sorted(path.name for path in folder.iterdir())
        if theirs := [n for n in found if n not in MADE and not n.startswith(SCRATCH)]:
            raise DataError(
                f"{folder}: holds what no run made, and --fresh would remove it: {', '.join(theirs)}",
                "Move it elsewhere first, or choose another --folder for the run.",
            )
        with files.storage_errors(folder):
            files.write_json(folder / "run.json", {})  # half removed, it is not a run any more
            for path in folder.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
            shutil.rmtree(folder)


def _finished(run: Run, loaded: Loaded, identity: str, all_rungs: bool) -> bool:
    """Whether there is nothing left to do; raises ``DataError`` for another recipe's or data's run."""
    if not (run.folder / "run.json").is_file():
        return False
    state = run.state
    if state["recipe_digest"] != identity:
        raise DataError(
            f"{run.folder}: holds a run of another recipe (digest {state['recipe_digest'][:8]})",
            "Choose another --folder, or --fresh to replace it.",
        )
    for name in changed_sources(run.folder, loaded):
        raise DataError(
            f"data.{name} has changed since {run.folder} read it",
            "Add --fresh to train on what it holds now; the run there is replaced.",
        )
    reached = all(entry["reached"] for entry in run.ladder)
    return state["status"] == "complete" and (reached or not all_rungs)


class _Stages:
    """Keeps ``run.json`` up to date: which stage is done, how long it took."""

    def __init__(self, run: Run, loaded: Loaded, identity: str) -> None:
        self.run = run
        path = run.folder / "run.json"
        self.state: dict[str, Any]
        if path.is_file():
            self.state = run.state
        else:
            self.state = {
                "format": 1,
                "name": loaded.recipe.name,
                "profile": loaded.profile,
                "recipe_digest": identity,
                "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "stages": {},
            }
            with files.new_directory(run.folder) as folder:
                files.write_text(folder / "recipe.yaml", resolved_yaml(loaded.recipe))
                files.write_json(folder / "environment.json", environment())
                files.write_json(folder / "run.json", {**self.state, "status": "running"})
        self.state["status"] = "running"
        self._write()

    def do(self, stage: str, work: Callable[[], Any]) -> Any:
        """Run one stage and record its time, with that of earlier attempts."""
        earlier = self.state["stages"].get(stage, {}).get("seconds", 0.0)
        entry = self.state["stages"][stage] = {"status": "running", "seconds": earlier}
        began = time.monotonic()
        self._write()
        try:
            result = work()
        finally:
            entry["seconds"] = round(earlier + time.monotonic() - began, 2)
        entry["status"] = "done"
        self._write()
        return result

    def note(self, **facts: Any) -> None:
        """Record facts of the whole run."""
        self.state.update(facts)
        self._write()

    def finish(self, status: str) -> None:
        """Record how it ended."""
        self.state["status"] = status
        self._write()

    def abandon(self, status: str) -> None:
        """Record that it ended in an error, unless the disk refuses: that error matters more."""
        for stage in self.state["stages"].values():
            if stage["status"] == "running":
                stage["status"] = status
        with suppress(StorageError):
            self.finish(status)

    def _write(self) -> None:
        files.write_json(self.run.folder / "run.json", self.state)


def changed_sources(folder: Path, loaded: Loaded) -> list[str]:
    """The splits whose files are not what they were when ``folder`` read them."""
    report = folder / "data" / "report.json"
    if not report.is_file():
        return []
    before: dict[str, str] = files.read_object(report, "source_digests")["source_digests"]
    found = source_digests(loaded.recipe, loaded.path.parent)
    return [name for name in sorted(before.keys() & found.keys()) if before[name] != found[name]]


def _data(run: Run, loaded: Loaded, progress: Progress) -> Splits:
    return prepared(run.folder / "data", loaded, progress)


def prepared(
    folder: Path, loaded: Loaded, progress: Progress, keep: Sequence[str] = SPLITS
) -> Splits:
    """Prepare the splits once; a later start reads the same rows from ``folder``.

    A split that is not in ``keep`` is neither written nor returned: it is empty.
    """
    if (folder / "report.json").is_file():
        report: dict[str, Any] = files.read_json(folder / "report.json")
        rows = {
            name: tuple(map(Example.from_json, _read_rows(folder, report, name))) for name in keep
        }
        corpus = _read_rows(folder, report, CORPUS) if CORPUS in report["files"] else []
        passages = tuple(Passage(row["id"], row["text"]) for row in corpus)
        return _splits(rows, tuple(report["labels"]), report, passages)
    splits = prepare(loaded.recipe, loaded.path.parent, progress)
    rows = {name: getattr(splits, name) for name in keep}
    with files.new_directory(folder) as target:
        for name in keep:
            files.write_jsonl(target / f"{name}.jsonl", [e.as_json() for e in rows[name]])
        written = list(keep)
        if splits.corpus:
            files.write_jsonl(target / f"{CORPUS}.jsonl", [p.as_json() for p in splits.corpus])
            written.append(CORPUS)
        digests = {name: files.sha256_file(target / f"{name}.jsonl") for name in written}
        report = {**splits.report, "labels": list(splits.labels), "files": digests}
        files.write_json(target / "report.json", report)
    return _splits(rows, splits.labels, report, splits.corpus)


def _splits(
    rows: dict[str, tuple[Example, ...]],
    labels: tuple[str, ...],
    report: dict[str, Any],
    corpus: tuple[Passage, ...],
) -> Splits:
    train, validation, test = (rows.get(name, ()) for name in SPLITS)
    return Splits(train, validation, test, labels, report, corpus)


def _read_rows(folder: Path, report: dict[str, Any], name: str) -> list[dict[str, Any]]:
    path = folder / f"{name}.jsonl"
    if files.sha256_file(path) != report["files"][name]:
        raise DataError(
            f"{path}: was changed after the run began", "Start the run again: assay train … --fresh"
        )
    return files.read_jsonl(path)


def _baselines(run: Run, recipe: Recipe, splits: Splits, progress: Progress) -> None:
    """What every base of the ladder scores on the test items, untrained."""
    from assay.evaluation.evaluate import describe
    from assay.evaluation.ladder import Climb, base_answers, ordered
    from assay.models.pool import BasePool

    climb = Climb(recipe, splits, run.folder, BasePool(progress), progress)
    answers = [base_answers(climb, rung, "test") for rung in ordered(recipe)]
    found = {each.name: each for each in answers}  # rungs share their bases
    systems = [describe(recipe, splits.labels, splits.test, each) for each in found.values()]
    document = {
        "primary": recipe.gate.primary,
        "items": len(splits.test),
        "confidence": recipe.gate.confidence,
        "thresholds": recipe.gate.thresholds,
        "bases": [asdict(system) for system in systems],
    }
    files.write_json(run.folder / "baseline.json", document)


def _climb(
    run: Run,
    recipe: Recipe,
    splits: Splits,
    all_rungs: bool,
    stages: _Stages,
    progress: Progress,
    weights: Weights | None,
) -> None:
    """Baseline, ladder on validation, evidence on test, verdict, report."""
    from assay.evaluation.evaluate import evaluate
    from assay.evaluation.evidence import write_evidence
    from assay.evaluation.ladder import (
        Climb,
        answer,
        base_answers,
        base_key,
        climb_ladder,
        ordered,
    )
    from assay.models.pool import BasePool
    from assay.serving.parity import certify

    pool = BasePool(progress, weights, remember=True)
    climb = Climb(recipe, splits, run.folder, pool, progress)
    settings = {rung.kind: rung for rung in ordered(recipe)}
    first = next((r for r in ordered(recipe) if base_key(recipe, r)), ordered(recipe)[0])
    stages.do("baseline", lambda: base_answers(climb, first, "test"))
    steps, entries, chosen = stages.do("train", lambda: climb_ladder(climb, all_rungs=all_rungs))
    files.write_json(run.folder / "ladder.json", entries)
    selected = steps[chosen]

    def assess() -> Any:
        base = base_answers(climb, settings[selected.kind], "test")
        answers = [answer(s.kind, s.rung, splits.test, progress) for s in steps[: chosen + 1]]
        temperature = selected.rung.card.temperature
        result = evaluate(
            recipe, splits.labels, splits.test, answers[-1], base, answers[:-1], temperature
        )
        write_evidence(run.folder / "evidence", recipe, splits, answers[-1], base, answers[:-1])
        return result

    evaluation = stages.do("evaluate", assess).as_json()
    saved = run.folder / "rungs" / selected.kind / "rung"
    certificate = stages.do("gate", lambda: certify(selected.rung, saved, splits.test, progress))
    files.write_json(run.folder / "parity.json", certificate)
    files.write_json(run.folder / "evaluation.json", evaluation)
    stages.note(
        selected=selected.kind,
        verdict=evaluation["gate"]["verdict"],
        sealed=_sealed(run, selected.kind),
    )
    report(run, recipe)


def _sealed(run: Run, kind: str) -> dict[str, str]:
    """Digests of what the verdict is about: the evaluation, and the specialist it judged."""
    return {
        "evaluation": files.sha256_file(run.folder / "evaluation.json"),
        "rung": files.digest(files.tree_digests(run.folder / "rungs" / kind / "rung")),
    }


def _recipe(run: Run) -> Recipe:
    """The recipe that ran; raises ``DataError`` if its file says another by now."""
    path = run.folder / "recipe.yaml"
    recipe = load(path).recipe
    if recipe_digest(recipe) != run.state["recipe_digest"]:
        raise DataError(
            f"{path}: was changed after the run began, and says what was not done",
            f"To train with those settings: assay train {path}. To keep this run: undo the change.",
        )
    return recipe


def report(run: Run, recipe: Recipe | None = None) -> Path:
    """Write the run's report again; returns the HTML file."""
    from assay.evaluation.report import write_report

    recipe = recipe or _recipe(run)
    evaluation = run.evaluation
    if evaluation is None:
        raise GateError(f"{run.folder}: has no verdict yet", "Finish it first: assay train …")
    state = run.state
    flags = f" --profile {run.profile}" if run.profile else ""
    context = {
        "name": run.name,
        "profile": run.profile,
        "summary": recipe.summary,
        "created": state["created"],
        "recipe_yaml": resolved_yaml(recipe),
        "data": files.read_json(run.folder / "data" / "report.json"),
        "environment": files.read_json(run.folder / "environment.json"),
        "commands": [f"assay train {run.name}{flags}", f"assay package {run.folder}"],
        "parity": files.read_json(run.folder / "parity.json"),
        "base": evaluation["base"]["name"],
        "stages": state["stages"],
    }
    return write_report(run.folder, evaluation, run.ladder, run.curves(), context)


def package(
    run: Run,
    key: KeyPair,
    *,
    override: str | None = None,
    target: Path | None = None,
    progress: Progress = SILENT,
) -> Path:
    """Sign what the run proved; raises ``GateError`` unless it passed or ``override`` says why.

    Raises ``DataError`` when the run's records were changed.
    """
    state, evaluation = run.state, run.evaluation
    if state["status"] != "complete" or evaluation is None:
        raise GateError(
            f"{run.folder}: the run is {state['status']}, it has no verdict to sign",
            f"Finish it first: assay train {run.name}",
        )
    if _sealed(run, state["selected"]) != state.get("sealed"):
        raise GateError(
            f"{run.folder}: the specialist or its evaluation was changed after the verdict",
            f"Prove it again: assay train {run.name} … --fresh",
        )
    from assay.evaluation.rungs.card import Card

    recipe = _recipe(run)
    saved = run.folder / "rungs" / state["selected"] / "rung"
    card = Card.read(saved)
    data: dict[str, Any] = files.read_json(run.folder / "data" / "report.json")
    name = f"{recipe.name}-{recipe.package.version}.tgsp"
    claims = claim(
        name=recipe.name,
        version=recipe.package.version,
        created=now(),
        specialist={"kind": card.kind, "output": card.task.output, "labels": len(card.labels)},
        base=card.base.model_dump(include={"name", "digest", "licence"}) if card.base else None,
        template_digest=card.template_digest,
        recipe={"name": recipe.name, "profile": run.profile, "digest": state["recipe_digest"]},
        data={split: data["files"][split] for split in SPLITS},
        evidence=Evidence.of(evaluation),
        verdict=evaluation["gate"]["verdict"],
        override={"reason": override, "by": key.public.name} if override else None,
        licence=recipe.package.licence,
        parity=files.read_json(run.folder / "parity.json"),
    )
    made = build(saved, claims, key, target or run.folder / "packages" / name)
    progress.say(f"packed {saved} as {name}, signed by {key.public.name}")
    state["stages"]["package"] = {"status": "done", "file": made.name}
    files.write_json(run.folder / "run.json", state)
    return made


PACKAGES: Sequence[str] = (
    "torch", "transformers", "peft", "accelerate", "tokenizers", "safetensors", "numpy",
    "scikit-learn", "llguidance", "cryptography",
)  # fmt: skip


def environment() -> dict[str, Any]:
    """What the numbers were made on: versions, processor, cores."""
    from assay.models.precision import device, native_bf16

    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "device": str(device()),
        "native_bf16": native_bf16(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "assay": metadata.version("assay"),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
