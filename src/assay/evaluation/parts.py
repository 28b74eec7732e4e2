"""What a kind of task contributes to its scores."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from assay.evaluation.compare import Array, Statistic


@dataclass
class Parts:
    """The metrics that are particular to one kind of task; the fields are those of ``Scores``."""

    per_item: dict[str, Array]
    statistics: dict[str, Statistic] = field(default_factory=dict[str, Statistic])
    per_class: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    confusion: dict[str, Any] | None = None
    notes: dict[str, str] = field(default_factory=dict[str, str])
