"""Sentence embeddings: mean-pooled, unit length, batched by length."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from assay.models.load import Embedder
from assay.models.precision import native_bf16
from assay.observability.progress import Progress

MAX_TOKENS = 256  # that an encoder reads at once


def fast_math(where: torch.device) -> Any:
    """Compute matrix products in bf16 where the machine does so natively; weights stay fp32."""
    if where.type == "cuda" or native_bf16():
        return torch.autocast(where.type, torch.bfloat16)
    return contextlib.nullcontext()


def mean_pool(hidden: Tensor, mask: Tensor) -> Tensor:
    """Mean of hidden [B, L, H] over the tokens where mask [B, L] is 1."""
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)


def too_long(embedder: Embedder, texts: Sequence[str]) -> int:
    """How many texts have more tokens than an encoder reads."""
    encoded = embedder.tokenizer(list(texts), verbose=False)["input_ids"]
    return sum(len(tokens) > MAX_TOKENS for tokens in encoded)


def embed(
    embedder: Embedder,
    texts: Sequence[str],
    progress: Progress,
    batch: int = 64,
    max_tokens: int = MAX_TOKENS,
) -> np.ndarray:
    """Embeddings [N, hidden], float32, L2-normalised, in the order of ``texts``.

    An encoder that remembers reads the same list of texts once.
    """
    known = embedder.remembered
    if known is None:
        return _read(embedder, texts, progress, batch, max_tokens)
    key = hashlib.sha256(json.dumps([batch, max_tokens, *texts]).encode()).hexdigest()
    if key in known.vectors:
        known.spared += known.vectors[key][1]
    else:
        began = time.perf_counter()
        vectors = _read(embedder, texts, progress, batch, max_tokens)
        known.vectors[key] = vectors, time.perf_counter() - began
    return known.vectors[key][0]


def _read(
    embedder: Embedder, texts: Sequence[str], progress: Progress, batch: int, max_tokens: int
) -> np.ndarray:
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    result = np.zeros((len(texts), embedder.model.config.hidden_size), dtype=np.float32)
    where = next(embedder.model.parameters()).device
    with torch.inference_mode(), progress.task("embedding", len(texts)) as bar:
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            encoded = embedder.tokenizer(
                [texts[i] for i in chosen],
                padding=True,
                truncation=True,
                max_length=max_tokens,
                return_tensors="pt",
            ).to(where)
            with fast_math(where):
                hidden = embedder.model(**encoded).last_hidden_state
            pooled = mean_pool(hidden.float(), encoded["attention_mask"])
            result[chosen] = torch.nn.functional.normalize(pooled, dim=-1).float().cpu().numpy()
            bar.advance(len(chosen))
    return result
