"""Tagging with a text encoder: every word gets a tag, from its first token and how it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from assay.models.embed import fast_math
from assay.training.objectives import Batch
from assay.training.objectives.reading import Reading


@dataclass(frozen=True, slots=True)
class TaggedText:
    """One tokenised text: where each word begins, how it is written, and its tag."""

    tokens: list[int]
    firsts: list[int]  # position of each word's first token
    shapes: list[int]  # how each word is written, below ``shapes`` of the tagger
    tags: list[int]  # index of each word's tag


class EncoderTagger(nn.Module):
    """Encoder, dropout, linear head over a word's first token and its shape.

    The shape gives back what an uncased encoder does not see.
    """

    def __init__(
        self, encoder: nn.Module, hidden: int, shapes: int, tags: int, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.shapes = shapes
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden + shapes, tags)

    def features(
        self, tokens: Tensor, mask: Tensor, rows: Tensor, columns: Tensor, shapes: Tensor
    ) -> Tensor:
        """tokens and mask [B, L]; the words' rows, columns and shapes [M] -> [M, hidden + shapes]."""
        with fast_math(tokens.device):
            hidden = self.encoder(input_ids=tokens, attention_mask=mask).last_hidden_state
        words = self.dropout(hidden.float()[rows, columns])
        return torch.cat([words, F.one_hot(shapes, self.shapes)], dim=1)

    def forward(
        self, tokens: Tensor, mask: Tensor, rows: Tensor, columns: Tensor, shapes: Tensor
    ) -> Tensor:
        """As ``features`` -> logits [M, tags]."""
        return self.head(self.features(tokens, mask, rows, columns, shapes))


class Tag(Reading):
    """Cross-entropy over the tags, summed over words."""

    name = "tag"

    def weight(self, item: TaggedText) -> int:
        """Every word counts once."""
        return len(item.tags)

    def collate(self, items: Sequence[TaggedText]) -> Batch:
        """tokens and mask [B, L]; rows, columns, shapes and tags of all words [M]."""
        words = [
            (row, *word)
            for row, item in enumerate(items)
            for word in zip(item.firsts, item.shapes, item.tags, strict=True)
        ]
        rows, columns, shapes, tags = torch.tensor(words, dtype=torch.long).view(-1, 4).unbind(1)
        found = {"rows": rows, "columns": columns, "shapes": shapes, "tags": tags}
        return {**self.padded(items), **found}

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Sum of the words' losses; in training, some tokens of each text are hidden."""
        words = (batch[name] for name in ("rows", "columns", "shapes"))
        logits: Any = model(self.shown(model, batch), batch["mask"], *words)
        return F.cross_entropy(
            logits.float(), batch["tags"], reduction="sum", label_smoothing=self.smoothing
        )
