"""Supervised fine-tuning of a causal LM: cross-entropy on the trained tokens only.

Two savings, both exact: logits are computed only where a label is, and the tokens that all rows
of a batch share at their start (system turn, template) go through the model once, not once a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from assay.data.prompts import Encoded
from assay.models.logits import backbone, loss_at
from assay.training.objectives import Batch

LEAST_SAVED = 512  # tokens a batch; below it the extra forward pass costs more than it saves


class Sft:
    """Causal-LM cross-entropy, summed over trained tokens."""

    name = "sft"

    def __init__(
        self, *, share_prefix: bool = True, pack_to: int | None = None, smoothing: float = 0.0
    ) -> None:
        self.share_prefix = share_prefix and pack_to is None
        self.least_saved = LEAST_SAVED
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
            return _layout(_pack(items, self.pack_to), prefix=[])
        shared = _shared_prefix(items) if self.share_prefix and len(items) > 1 else 0
        pays = shared * (len(items) - 1) >= self.least_saved
        prefix = items[0].tokens[:shared] if pays else []
        return _layout([[item] for item in items], prefix)

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Sum of token losses; logits only at the predicting positions."""
        return loss_at(
            model,
            batch["rows"],
            batch["columns"],
            batch["targets"],
            self.smoothing,
            **_inputs(model, batch),
        )


def _inputs(model: Any, batch: Batch) -> dict[str, Any]:
    """What the model is called with."""
    inputs: dict[str, Any] = {
        "input_ids": batch["tokens"],
        "position_ids": batch["positions"],
        "attention_mask": batch["mask"],
        "use_cache": False,
    }
    if batch["prefix"] is not None:
        inputs["past_key_values"] = _prefix_cache(model, batch["prefix"], len(batch["tokens"]))
        inputs["use_cache"] = True
    return inputs


def _prefix_cache(model: Any, prefix: Tensor, rows: int) -> Any:
    """Keys and values of the shared prefix, computed once and seen by every row.

    ``expand`` keeps the graph: the backward pass sums the rows' gradients into the one prefix.
    """
    from transformers import DynamicCache

    cache: Any = DynamicCache(config=model.config)
    length = prefix.shape[1]
    causal = torch.ones(1, 1, length, length, dtype=torch.bool, device=prefix.device).tril()
    inputs = {"input_ids": prefix, "attention_mask": causal}
    backbone(model)(**inputs, past_key_values=cache, use_cache=True)
    for layer in cache.layers:
        layer.keys = layer.keys.expand(rows, -1, -1, -1)
        layer.values = layer.values.expand(rows, -1, -1, -1)
    return cache


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


def _layout(packed: Sequence[Sequence[Encoded]], prefix: list[int]) -> Batch:
    """Tensors of the rows after ``prefix``; attention stays inside each packed item."""
    start = len(prefix)
    width = max(sum(len(item.tokens) for item in row) for row in packed) - start
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
            body = item.tokens[start:]
            end = offset + len(body)
            tokens[b, offset:end] = torch.tensor(body)
            positions[b, offset:end] = torch.arange(start, start + len(body))
            owner[b, offset:end] = number
            for t in range(max(1, start), len(item.tokens)):
                if item.trained[t]:
                    rows.append(b)
                    columns.append(offset + t - 1 - start)
                    targets.append(item.tokens[t])
            offset = end
    causal = torch.ones(width, width, dtype=torch.bool).tril()
    same = (owner.unsqueeze(2) == owner.unsqueeze(1)) & causal
    seen = torch.ones(B, width, start, dtype=torch.bool)
    return {
        "prefix": torch.tensor([prefix]) if prefix else None,
        "tokens": tokens,
        "positions": positions,
        "mask": torch.cat([seen, same], dim=2).unsqueeze(1),
        "rows": torch.tensor(rows, dtype=torch.long),
        "columns": torch.tensor(columns, dtype=torch.long),
        "targets": torch.tensor(targets, dtype=torch.long),
    }
