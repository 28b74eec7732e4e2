"""What the objectives of a text encoder share: padded tokens, some of them hidden while training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from assay.training.objectives import Batch


class Tokenised(Protocol):
    """A text as token ids."""

    @property
    def tokens(self) -> list[int]: ...


class Reading:
    """Settings and steps of an objective that reads whole texts."""

    def __init__(
        self, pad: int, smoothing: float = 0.0, *, mask: int = 0, word_dropout: float = 0.0
    ) -> None:
        self.pad = pad
        self.smoothing = smoothing
        self.mask = mask
        self.word_dropout = word_dropout

    def length(self, item: Tokenised) -> int:
        """Tokens of the text."""
        return len(item.tokens)

    def padded(self, items: Sequence[Tokenised]) -> Batch:
        """tokens and mask [B, L]."""
        width = max(len(item.tokens) for item in items)
        tokens = torch.full((len(items), width), self.pad)
        mask = torch.zeros(len(items), width, dtype=torch.long)
        for row, item in enumerate(items):
            tokens[row, : len(item.tokens)] = torch.tensor(item.tokens)
            mask[row, : len(item.tokens)] = 1
        return {"tokens": tokens, "mask": mask}

    def shown(self, model: nn.Module, batch: Batch) -> Tensor:
        """The batch's tokens [B, L]; to a model in training, some replaced by the mask token.

        Never the first one. A text is then not known by one word (word dropout, Iyyer et al. 2015,
        P15-1162, with the token that the encoder was pretrained to look past).
        """
        tokens: Tensor = batch["tokens"]
        if not model.training or not self.word_dropout:
            return tokens
        drawn = torch.rand(tokens.shape, device=tokens.device)
        hidden = (drawn < self.word_dropout) & batch["mask"].bool()
        hidden[:, 0] = False
        return tokens.masked_fill(hidden, self.mask)
