"""Retrieval with a text encoder: a query near its passages, far from those of other queries."""

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

TEMPERATURE = 0.05  # of cosines: the usual one (sentence-transformers' scale of 20)


@dataclass(frozen=True, slots=True)
class Text:
    """One tokenised text."""

    tokens: list[int]


@dataclass(frozen=True, slots=True)
class Pair:
    """A query and one of the passages that answer it."""

    query: Text
    passage: Text
    place: int  # of the passage in the corpus
    relevant: frozenset[int]  # places of all passages that answer the query

    @property
    def tokens(self) -> list[int]:
        """Both texts' tokens."""
        return [*self.query.tokens, *self.passage.tokens]


class BiEncoder(nn.Module):
    """Encoder, mean pooling, unit length: the same for queries and passages."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """tokens and mask [B, L] -> vectors [B, hidden] of unit length."""
        with fast_math(tokens.device):
            hidden = self.encoder(input_ids=tokens, attention_mask=mask).last_hidden_state
        return F.normalize(mean_pool(hidden.float(), mask), dim=-1)


class Contrast(Reading):
    """InfoNCE (arXiv:1807.03748) with the other passages of the pass as negatives, summed over pairs.

    A passage that answers the row's query too is no negative: it is left out of that row. Negatives
    are those of one forward pass of one process: a smaller micro-batch is an easier task, so that
    the loss is not the same over 1 x 8 pairs as over 8 x 1.
    """

    name = "contrast"

    def weight(self, item: Pair) -> int:
        """Every pair counts once."""
        del item
        return 1

    def collate(self, items: Sequence[Pair]) -> Batch:
        """queries, passages and their masks [B, L]; ``left_out`` [B, B]."""
        queries = self.padded([item.query for item in items])
        passages = self.padded([item.passage for item in items])
        left_out = [
            [row != column and other.place in item.relevant for column, other in enumerate(items)]
            for row, item in enumerate(items)
        ]
        return {
            "queries": queries["tokens"],
            "queries_mask": queries["mask"],
            "passages": passages["tokens"],
            "passages_mask": passages["mask"],
            "left_out": torch.tensor(left_out),
        }

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Sum of the pairs' losses; in training, some tokens of each text are hidden."""
        queries, passages = (
            self._vectors(model, batch[name], batch[f"{name}_mask"])
            for name in ("queries", "passages")
        )
        logits = (queries @ passages.T / TEMPERATURE).masked_fill(batch["left_out"], -torch.inf)
        own = torch.arange(len(logits), device=logits.device)
        return F.cross_entropy(logits, own, reduction="sum")

    def _vectors(self, model: nn.Module, tokens: Tensor, mask: Tensor) -> Any:
        return model(self.shown(model, {"tokens": tokens, "mask": mask}), mask)
