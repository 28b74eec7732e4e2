"""Supervised fine-tuning of a causal LM: cross-entropy on the trained tokens only.

Savings, all exact: logits are computed only where a label is; the tokens that all rows of a batch
share at their start (system turn, template) go through the model once, not once a row; no padding
does, and nothing after a row's last prediction.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from assay.data.prompts import Encoded
from assay.models.logits import loss_at
from assay.training.objectives import Batch


class Sft:
    """Causal-LM cross-entropy, summed over trained tokens."""

    name = "sft"

    def __init__(
        self, *, share_prefix: bool = True, pack_to: int | None = None, smoothing: float = 0.0
    ) -> None:
        self.share_prefix = share_prefix and pack_to is None
        self.pack_to = pack_to
        self.smoothing = smoothing

    def length(self, item: Encoded) -> int:
        """All tokens."""
        return len(item.tokens)

    def weight(self, item: Encoded) -> int:
        """Trained tokens; the first token of a sequence has nothing to predict it."""
        return sum(item.trained[1:])

    def collate(self, items: Sequence[Encoded]) -> Batch:
        """Rows, allowed-attention mask, and the (row, column) of every trained prediction."""
        if self.pack_to is not None:
            return _layout(_pack(items, self.pack_to))
        packed = [[item] for item in items]
        if not self.share_prefix or len(items) == 1:
            return _layout(packed)
        shared = _shared_prefix(items)
        return _laid_end_to_end(_layout(packed, shared), items[0].tokens[:shared])

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Sum of token losses; logits only at the predicting positions."""
        return loss_at(
            model,
            batch["rows"],
            batch["columns"],
            batch["targets"],
            self.smoothing,
            input_ids=batch["tokens"],
            position_ids=batch["positions"],
            attention_mask=batch["mask"],
            use_cache=False,
        )


def _shared_prefix(items: Sequence[Encoded]) -> int:
    """Leading tokens common to all items, ending before the first one whose output is trained."""
    first = items[0]
    limit = min(_first_trained(item) - 1 for item in items)
    shared = 0
    while shared < limit and all(item.tokens[shared] == first.tokens[shared] for item in items):
        shared += 1
    return shared


def _first_trained(item: Encoded) -> int:
    return item.trained.index(True) if True in item.trained else len(item.tokens)


def _pack(items: Sequence[Encoded], width: int) -> list[list[Encoded]]:
    """First-fit decreasing: items share a row while they fit in ``width`` tokens."""
    rows: list[list[Encoded]] = []
    room: list[int] = []
    for item in sorted(items, key=lambda item: -len(item.tokens)):
        for index, free in enumerate(room):
            if len(item.tokens) <= free:
                rows[index].append(item)
                room[index] -= len(item.tokens)
                break
        else:
            rows.append([item])
            room.append(width - len(item.tokens))
    return rows


def _needed(item: Encoded) -> int:
    """Tokens up to the last trained one, which nothing follows that it would have to predict."""
    last = max((t for t, trained in enumerate(item.trained) if trained), default=0)
    return last or len(item.tokens)


def _layout(packed: Sequence[Sequence[Encoded]], start: int = 0) -> Batch:
    """Tensors of the rows from column ``start`` on; attention stays inside each packed item.

    What comes before ``start`` is all rows' to see. Padding attends to it and to its row's first
    token, so that no softmax is empty.
    """
    width = max(sum(_needed(item) - start for item in row) for row in packed)
    B = len(packed)
    tokens = torch.zeros(B, width, dtype=torch.long)
    positions = torch.zeros(B, width, dtype=torch.long)
    owner = torch.full((B, width), -1)  # which packed item a column belongs to; -1: padding
    rows: list[int] = []
    columns: list[int] = []
    targets: list[int] = []
    for b, row in enumerate(packed):
        offset = 0
        for number, item in enumerate(row):
            stop = _needed(item)
            end = offset + stop - start
            tokens[b, offset:end] = torch.tensor(item.tokens[start:stop])
            positions[b, offset:end] = torch.arange(start, stop)
            owner[b, offset:end] = number
            for t in range(max(1, start), len(item.tokens)):
                if item.trained[t]:
                    rows.append(b)
                    columns.append(offset + t - 1 - start)
                    targets.append(item.tokens[t])
            offset = end
    causal = torch.ones(width, width, dtype=torch.bool).tril()
    padding = owner.unsqueeze(2) == -1
    same = (owner.unsqueeze(2) == owner.unsqueeze(1)) & causal & ~padding
    same[:, :, :1] |= padding
    seen = torch.ones(B, width, start, dtype=torch.bool)
    return {
        "tokens": tokens,
        "positions": positions,
        "mask": torch.cat([seen, same], dim=2).unsqueeze(1),
        "rows": torch.tensor(rows, dtype=torch.long),
        "columns": torch.tensor(columns, dtype=torch.long),
        "targets": torch.tensor(targets, dtype=torch.long),
    }


def _laid_end_to_end(batch: Batch, prefix: list[int]) -> Batch:
    """The rows of ``batch`` in one, after what they share, without padding (``models.attention``)."""
    start = len(prefix)
    kept = batch["mask"][:, 0].diagonal(start, 1, 2)  # what attends to itself is no padding
    sizes = kept.sum(dim=1)
    begins = start + sizes.cumsum(0) - sizes
    shared = torch.tensor(prefix, dtype=torch.long)
    return {
        "tokens": torch.cat([shared, batch["tokens"][kept]]).unsqueeze(0),
        "positions": torch.cat([torch.arange(start), batch["positions"][kept]]).unsqueeze(0),
        "mask": batch["mask"],
        "rows": torch.zeros_like(batch["rows"]),
        "columns": begins[batch["rows"]] + batch["columns"],
        "targets": batch["targets"],
    }
