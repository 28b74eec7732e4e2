"""Optuna, behind one small boundary: what to try next, what was tried, what mattered.

The study lies in SQLite and every call is one transaction, so that a process may be killed at any
time. A trial's proposal depends on the seed, its number and the trials before it, never on how
often the process was started: a sweep that was killed goes on as if it had not been.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from assay.errors import DataError, DependencyError
from assay.evaluation.wording import count
from assay.launch.axes import Axis

ENOUGH = 4  # complete trials from which an importance is computed
NAME = "sweep"


@dataclass(frozen=True)
class Trial:
    """One setting of every axis, and what became of it."""

    number: int
    state: Literal["running", "complete", "failed"]
    settings: dict[str, Any]
    value: float | None
    facts: dict[str, Any]  # what ``note`` wrote down


def require_optuna() -> Any:
    """Optuna, which says nothing by itself; raises ``DependencyError`` where it is missing."""
    try:
        import optuna
    except ImportError as error:
        raise DependencyError(
            "assay sweep: optuna is not installed", 'pip install "assay[sweep]"'
        ) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


class Study:
    """The trials of one sweep."""

    def __init__(
        self, path: Path, axes: Sequence[Axis], seed: int, first: dict[str, Any] | None
    ) -> None:
        """Open or begin the study in ``path``; ``first`` is tried before anything else.

        Raises ``DataError`` when the file is no study.
        """
        from sqlalchemy import URL
        from sqlalchemy.exc import DatabaseError

        self._optuna = require_optuna()
        self._axes = axes
        self._seed = seed
        self._first = first
        url = URL.create("sqlite", database=str(path)).render_as_string()
        try:
            self._storage: Any = self._optuna.storages.RDBStorage(url)
            self._study: Any = self._optuna.create_study(
                storage=self._storage, study_name=NAME, direction="maximize", load_if_exists=True
            )
            if first is not None and not self._study.trials:
                self._study.enqueue_trial(first)
        except DatabaseError as error:
            raise DataError(
                f"{path}: is not a study that can be read ({error.orig})",
                f"Move {path.parent} elsewhere, and the same command begins anew.",
            ) from error

    def next(self) -> Trial:
        """The trial that was interrupted, with the settings it had, or else a new one."""
        numbers = [trial.number for trial in self._frozen() if trial.state.name == "RUNNING"]
        number = numbers[0] if numbers else len(self._done())
        self._study.sampler = self._sampler(number)
        if numbers:
            trial = self._optuna.trial.Trial(self._study, self._id(number))
        else:
            trial = self._study.ask()
        for axis in self._axes:  # an interrupted trial answers what it was given before
            _suggest(trial, axis)
        return next(t for t in self.trials() if t.number == trial.number)

    def note(self, number: int, **facts: Any) -> None:
        """Write something down about a trial that is not finished."""
        for name, value in facts.items():
            self._storage.set_trial_user_attr(self._id(number), name, value)

    def complete(self, number: int, value: float) -> None:
        """Finish a trial with its value: the more, the better."""
        self._study.tell(number, value)

    def fail(self, number: int, reason: str) -> None:
        """Finish a trial without a value."""
        self.note(number, reason=reason)
        self._study.tell(number, state=self._optuna.trial.TrialState.FAIL)

    def trials(self) -> list[Trial]:
        """Every trial that was begun, in their order."""
        states = {"COMPLETE": "complete", "FAIL": "failed", "RUNNING": "running"}
        return [
            Trial(
                number=trial.number,
                state=states[trial.state.name],  # type: ignore[arg-type]
                settings=self._settings(trial),
                value=trial.value,
                facts=dict(trial.user_attrs),
            )
            for trial in self._frozen()
            if trial.state.name in states
        ]

    def importances(self) -> tuple[dict[str, float], str]:
        """Each axis's share of the variance (fANOVA, Hutter et al. 2014), or why there is none."""
        complete = [trial for trial in self.trials() if trial.state == "complete"]
        if len(self._axes) < 2:
            return {}, "only one setting was searched"
        if len(complete) < ENOUGH:
            return {}, f"{count(len(complete), 'complete trial')}, it takes {ENOUGH}"
        if len({trial.value for trial in complete}) == 1:
            return {}, "every complete trial has the same value"
        evaluator = self._optuna.importance.FanovaImportanceEvaluator(seed=self._seed)
        found: dict[str, float] = self._optuna.importance.get_param_importances(
            self._study, evaluator=evaluator
        )
        if not all(math.isfinite(share) for share in found.values()):
            return {}, "the variance between the trials cannot be shared out"
        return {key: round(float(share), 4) for key, share in found.items()}, ""

    def close(self) -> None:
        """Let go of the file."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def _settings(self, trial: Any) -> dict[str, Any]:
        if trial.number == 0 and self._first is not None:
            return self._first  # to the last figure
        given = [axis for axis in self._axes if axis.key in trial.params]
        return {axis.key: axis.settled(trial.params[axis.key]) for axis in given}

    def _frozen(self) -> list[Any]:
        return self._study.get_trials(deepcopy=False)

    def _done(self) -> list[Any]:
        return [trial for trial in self._frozen() if trial.state.name != "WAITING"]

    def _id(self, number: int) -> int:
        study = self._storage.get_study_id_from_name(NAME)
        return self._storage.get_trial_id_from_study_id_trial_number(study, number)

    def _sampler(self, number: int) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # multivariate was experimental until Optuna 5
            return self._optuna.samplers.TPESampler(
                seed=(self._seed * 1_000_003 + number) % 2**32,
                multivariate=True,
                constant_liar=False,
            )


def _suggest(trial: Any, axis: Axis) -> None:
    if axis.choices:
        trial.suggest_categorical(axis.key, axis.choices)
    elif axis.whole:
        trial.suggest_int(axis.key, int(axis.low), int(axis.high), log=axis.log)
    else:
        trial.suggest_float(axis.key, axis.low, axis.high, log=axis.log)
