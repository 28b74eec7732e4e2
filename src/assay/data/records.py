"""What every reader produces and every rung consumes: one example of the task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Example:
    """One item: the conversation that leads to an answer, and the answer.

    ``text`` is the bare input (no prompt template around it): what TF-IDF and encoders see.
    ``turns`` is the whole conversation including the final assistant turn; every assistant turn
    is trained on. ``target`` is what predictions are scored against: the label, the canonical
    JSON text, the final assistant turn, or the grades of the passages that answer the input
    (``passages.target_of``). ``check`` holds the tests that decide whether code is right, else
    nothing.
    """

    id: str
    text: str
    turns: tuple[Turn, ...]
    target: str
    slice: str
    check: str = ""

    @property
    def prompt(self) -> tuple[Turn, ...]:
        """The turns before the final assistant turn."""
        return self.turns[:-1]

    def as_json(self) -> dict[str, Any]:
        """The row written to ``data/<split>.jsonl``."""
        row: dict[str, Any] = {
            "id": self.id,
            "text": self.text,
            "turns": [{"role": turn.role, "content": turn.content} for turn in self.turns],
            "target": self.target,
            "slice": self.slice,
        }
        return {**row, "check": self.check} if self.check else row

    @staticmethod
    def from_json(row: dict[str, Any]) -> Example:
        """The inverse of ``as_json``."""
        turns = tuple(Turn(turn["role"], turn["content"]) for turn in row["turns"])
        check = row.get("check", "")
        return Example(row["id"], row["text"], turns, row["target"], row["slice"], check)


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage that a query may be answered with."""

    id: str
    text: str

    def as_json(self) -> dict[str, str]:
        """The row written to ``data/corpus.jsonl``, and into a package."""
        return {"id": self.id, "text": self.text}


@dataclass(frozen=True)
class Splits:
    """The frozen splits of one run, and how they came to be."""

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    labels: tuple[str, ...]  # sorted: the label set, or the types of entities; else empty
    report: dict[str, Any]  # counts, digests, balance: written to data/report.json
    corpus: tuple[Passage, ...] = ()  # in the source's order; of rankings only
