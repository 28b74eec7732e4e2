"""Classification with a text encoder: mean pooling, a linear head, cross-entropy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from assay.models.embed import fast_math, mean_pool
from assay.training.objectives import Batch
from assay.training.objectives.reading import Reading


@dataclass(frozen=True, slots=True)
class LabelledText:
    """One tokenised text and the index of its label."""

    tokens: list[int]
    label: int


class EncoderClassifier(nn.Module):
    """Encoder, mean pooling, unit length, dropout, linear head."""

    def __init__(self, encoder: nn.Module, hidden: int, classes: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, classes)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """tokens and mask [B, L] -> logits [B, classes]."""
        with fast_math(tokens.device):
            hidden = self.encoder(input_ids=tokens, attention_mask=mask).last_hidden_state
        pooled = F.normalize(mean_pool(hidden.float(), mask), dim=-1)
        return self.head(self.dropout(pooled))


class Classify(Reading):
    """Cross-entropy over the label set, summed over texts."""

    name = "classify"

    def weight(self, item: LabelledText) -> int:
        """Every text counts once."""
        del item
        return 1

    def collate(self, items: Sequence[LabelledText]) -> Batch:
        """tokens and mask [B, L], labels [B]."""
        return {**self.padded(items), "labels": torch.tensor([item.label for item in items])}

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Sum of the texts' losses; in training, some tokens of each text are hidden."""
        logits: Any = model(self.shown(model, batch), batch["mask"])
        return F.cross_entropy(
            logits.float(), batch["labels"], reduction="sum", label_smoothing=self.smoothing
        )
