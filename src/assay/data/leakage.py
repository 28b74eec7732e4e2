"""Finds repeated rows, within a split and between splits, and decides which of them goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assay.data.duplicates import repeated_among, repeated_within
from assay.data.rows import Draft
from assay.errors import DataError
from assay.observability.progress import Task


@dataclass(frozen=True, slots=True)
class Repeat:
    """A row, the row that it repeats, and how alike they are."""

    row: Draft
    of: Draft
    split: str  # of the row it repeats
    similarity: float
    exact: bool

    @property
    def conflicting(self) -> bool:
        """The same input with another answer: one of the two is wrong."""
        return self.exact and self.row.target != self.of.target


def repeats_within(
    rows: Sequence[Draft], split: str, threshold: float | None, bar: Task
) -> list[Repeat]:
    """Rows that repeat an earlier row which does not itself repeat one."""
    found = repeated_within([draft.key for draft in rows], threshold, bar)
    return [
        Repeat(rows[position], rows[match.position], split, match.similarity, match.exact)
        for position, match in found.items()
    ]


def repeats_between(
    rows: Sequence[Draft],
    others: Mapping[str, Sequence[Draft]],
    threshold: float | None,
    bar: Task,
) -> list[Repeat]:
    """Rows that repeat a row of another split."""
    held = [(split, draft) for split, drafts in others.items() for draft in drafts]
    found = repeated_among(
        [draft.key for draft in rows], [draft.key for _, draft in held], threshold, bar
    )
    repeats: list[Repeat] = []
    for position, match in found.items():
        split, other = held[match.position]
        repeats.append(Repeat(rows[position], other, split, match.similarity, match.exact))
    return repeats


def without(rows: Sequence[Draft], repeats: Sequence[Repeat]) -> list[Draft]:
    """``rows`` without those that repeat something."""
    gone = {id(repeat.row) for repeat in repeats}
    return [draft for draft in rows if id(draft) not in gone]


def require_unique_ids(splits: Mapping[str, Sequence[Draft]]) -> None:
    """Raise ``DataError`` naming both places when an id is given twice, in whatever splits."""
    seen: dict[str, str] = {}
    for rows in splits.values():
        for draft in rows:
            if draft.id is None:
                continue
            if draft.id in seen:
                raise DataError(
                    f'{draft.where}: the id "{draft.id}" was given already at {seen[draft.id]}',
                    "Ids must differ over all splits; data.id: null derives them from the content.",
                )
            seen[draft.id] = draft.where
