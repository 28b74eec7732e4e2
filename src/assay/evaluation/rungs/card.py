"""``rung.json``: what a saved rung is, on which base, for which task."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from assay import files
from assay.errors import PackageError
from assay.recipe.schema import Base, RungKind, Task

NAME = "rung.json"


class BaseCard(BaseModel):
    """The base a rung stands on: how to find it, and which bytes it must be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    name: str
    digest: str
    licence: str
    precision: Literal["fp32", "bf16", "nf4"]
    allow_noncommercial: bool = False

    def as_base(self) -> Base:
        """The recipe section that resolves to this base."""
        return Base(
            model=self.model,
            precision=self.precision,
            allow_noncommercial=self.allow_noncommercial,
        )


class Otherwise(BaseModel):
    """When an answer becomes ``task.otherwise``, and how sure that then is (Platt scaling)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    below: float  # probability of the likeliest label
    slope: float
    offset: float


class Card(BaseModel):
    """The label on a saved rung."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    kind: RungKind
    task: Task
    labels: tuple[str, ...] = ()
    base: BaseCard | None = None
    template_digest: str | None = None
    temperature: float = 1.0
    platt: tuple[float, float] | None = None
    otherwise: Otherwise | None = None

    def confidence(self, logprob: float) -> float | None:
        """Calibrated probability that an answer is right, if a calibration was fitted.

        The likelihood of a sequence is not a confidence by itself; two parameters fitted on
        validation make it one (Platt scaling).
        """
        if self.platt is None:
            return None
        slope, offset = self.platt
        return float(1 / (1 + np.exp(-(slope * logprob + offset))))

    def settle(self, label: str, logprob: float) -> tuple[str, float]:
        """The label answered and its confidence, from the model's choice and its log-probability."""
        rule, probability = self.otherwise, float(np.exp(logprob))
        if rule is None or self.task.otherwise is None or probability >= rule.below:
            return label, probability
        confidence = float(1 / (1 + np.exp(-(rule.slope * logprob + rule.offset))))
        return self.task.otherwise, confidence

    def write(self, folder: Path) -> None:
        """Write ``rung.json``, with a schema's keys in its order: answers are written in it."""
        document = self.model_dump(mode="json", by_alias=True)
        files.write_json(folder / NAME, document, sort_keys=False)

    @staticmethod
    def read(folder: Path) -> Card:
        """Read ``rung.json``; raises ``PackageError`` when it is missing or not one of ours."""
        path = folder / NAME
        if not path.is_file():
            raise PackageError(f"{folder}: holds no {NAME}", "Give a saved rung or a package.")
        try:
            return Card.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise PackageError(
                f"{path}: not a rung this version reads ({error.error_count()} faults: "
                f"{error.errors()[0]['loc']} {error.errors()[0]['msg']})",
                "It was written by another version of Assay; package the run again.",
            ) from error
