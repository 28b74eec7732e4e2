"""What one training step minimises; one file each. The protocol every objective speaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

Item = TypeVar("Item", contravariant=True)
Batch = dict[str, Any]


class Objective(Protocol[Item]):
    """The engine sums ``loss`` over micro-batches and divides by the sum of ``weight``.

    So a step over 1 x 8 examples has the gradient of one over 8 x 1 (trl, axolotl#2262 and
    transformers#34191 are what happens otherwise).
    """

    name: str

    def length(self, item: Item) -> int:
        """Tokens of an item, for grouping items of like length."""
        ...

    def weight(self, item: Item) -> int:
        """How much an item counts: trained tokens, or 1."""
        ...

    def collate(self, items: Sequence[Item]) -> Batch:
        """Tensors for one forward pass."""
        ...

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Sum (not mean) of the losses of the batch's items: an fp32 scalar."""
        ...


def on_device(batch: Batch, device: torch.device) -> Batch:
    """The batch with its tensors on ``device``."""
    return {key: v.to(device) if isinstance(v, Tensor) else v for key, v in batch.items()}
