"""What an evaluation found: plain data, and the JSON of ``evaluation.json``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from assay.evaluation.calibration import Calibration
from assay.evaluation.compare import Interval
from assay.evaluation.predictions import Prediction

VerdictWord = Literal["pass", "fail", "investigate"]


@dataclass(frozen=True)
class Answers:
    """What one system answered on the frozen items, and how long it took."""

    name: str
    predictions: Sequence[Prediction]
    seconds: float


@dataclass(frozen=True)
class System:
    """One system's metrics with their intervals. ECE has no interval but a null (calibration)."""

    name: str
    metrics: dict[str, float]
    intervals: dict[str, Interval]
    seconds: float
    invalid_share: float


@dataclass(frozen=True)
class Comparison:
    """Candidate minus another system on the same items.

    ``against`` is ``"base"`` or the name of a cheaper rung. ``p_value`` is McNemar's, None unless
    the metric is 0 or 1 on every item.
    """

    against: str
    metric: str
    difference: float
    interval: Interval
    p_value: float | None
    wins: int
    losses: int


@dataclass(frozen=True)
class Slice:
    """What one part of the items is worth: the primary metric on it, or a class's F1.

    ``judged`` when it has enough items.
    """

    slice: str
    items: int
    base: float
    candidate: float
    difference: float
    interval: Interval
    judged: bool
    bad: bool


@dataclass(frozen=True)
class Reason:
    """One check of the gate: ``passed`` is None where the evidence does not decide."""

    check: str
    passed: bool | None
    detail: str


@dataclass(frozen=True)
class Verdict:
    """What the gate decided, and every check behind it."""

    verdict: VerdictWord
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Evaluation:
    """Everything that is computed from the evidence. ``gate`` is None until it was judged."""

    task: str
    primary: str
    items: int
    confidence: float
    candidate: System
    base: System
    cheaper: tuple[System, ...]
    comparisons: tuple[Comparison, ...]
    per_class: list[dict[str, Any]]
    confusion: dict[str, Any] | None
    slices: tuple[Slice, ...]
    flips: dict[str, Any]
    errors: list[dict[str, Any]]
    calibration: Calibration | None
    notes: dict[str, str]
    gate: Verdict | None = None

    def against(self, name: str) -> Comparison:
        """The comparison of the primary metric with ``name``."""
        return next(c for c in self.comparisons if c.against == name and c.metric == self.primary)

    def as_json(self) -> dict[str, Any]:
        """The content of ``evaluation.json``: finite numbers, lists, no tuples."""
        return _plain(asdict(self))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
