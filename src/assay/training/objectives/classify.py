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


class Classify:
    """Cross-entropy over the label set, summed over texts."""

    name = "classify"

    def __init__(
        self, pad: int, smoothing: float = 0.0, *, mask: int = 0, word_dropout: float = 0.0
    ) -> None:
        self.pad = pad
        self.smoothing = smoothing
        self.mask = mask
        self.word_dropout = word_dropout

    def length(self, item: LabelledText) -> int:
        """Tokens of the text."""
        return len(item.tokens)

    def weight(self, item: LabelledText) -> int:
        """Every text counts once."""
        del item
        return 1

    def collate(self, items: Sequence[LabelledText]) -> Batch:
        """tokens and mask [B, L], labels [B]."""
        width = max(len(item.tokens) for item in items)
        tokens = torch.full((len(items), width), self.pad)
        mask = torch.zeros(len(items), width, dtype=torch.long)
        for row, item in enumerate(items):
            tokens[row, : len(item.tokens)] = torch.tensor(item.tokens)
            mask[row, : len(item.tokens)] = 1
        labels = torch.tensor([item.label for item in items])
        return {"tokens": tokens, "mask": mask, "labels": labels}

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Sum of the texts' losses; in training, some tokens of each text are hidden."""
        tokens = batch["tokens"]
        if model.training and self.word_dropout:
            tokens = partly_hidden(tokens, batch["mask"], self.word_dropout, self.mask)
        logits: Any = model(tokens, batch["mask"])
        return F.cross_entropy(
            logits.float(), batch["labels"], reduction="sum", label_smoothing=self.smoothing
        )


def partly_hidden(tokens: Tensor, seen: Tensor, share: float, mask: int) -> Tensor:
    """A ``share`` of the tokens, at random, replaced by the token ``mask``; never the first one.

    A text is then not known by one word (word dropout, Iyyer et al. 2015, P15-1162, with the
    token that the encoder was pretrained to look past).
    """
    hidden = (torch.rand(tokens.shape, device=tokens.device) < share) & seen.bool()
    hidden[:, 0] = False
    return tokens.masked_fill(hidden, mask)
