"""Logits and losses of a causal language model at the positions that matter, and nowhere else.

The output layer is as wide as the vocabulary, so it costs as much as many layers. Given the last
column of a batch as Transformers slices it (``logits_to_keep``), a CPU even copies the output
weights once a row: 4 s of the 6 s that a batch of 64 prompts took.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHUNK = 128  # positions whose logits are in memory at once
OUTPUT_TRANSFORMS = ("final_logit_softcapping", "logit_scale", "logits_scaling")


def language_model(model: Any) -> Any:
    """The causal language model, without PEFT's wrapper."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def backbone(model: Any) -> Any:
    """The language model without its output layer."""
    lm = language_model(model)
    return getattr(lm, lm.base_model_prefix)


def logits_at(
    model: Any, rows: Tensor, columns: Tensor, tokens: Tensor | None = None, **inputs: Any
) -> Tensor:
    """Logits [M, vocabulary] at the M positions (rows[m], columns[m]) of a batch.

    Of some ``tokens`` [K] only, [M, K]: a product as narrow as that, where the output layer allows.
    """
    lm = language_model(model)
    head: Any = lm.get_output_embeddings()
    if _transforms(lm):
        logits: Tensor = lm(**inputs).logits[rows, columns]
    else:
        hidden = _hidden_at(lm, rows, columns, inputs)
        plain = type(head) is nn.Linear and getattr(head, "bias", None) is None
        if plain and tokens is not None and 2 * len(tokens) < head.out_features:
            return F.linear(hidden, head.weight[tokens])
        logits = head(hidden)
    return logits if tokens is None else logits[:, tokens]


def loss_at(
    model: Any, rows: Tensor, columns: Tensor, targets: Tensor, smoothing: float, **inputs: Any
) -> Tensor:
    """Summed cross-entropy of ``targets`` [M] at the M positions (rows[m], columns[m]).

    With a frozen output layer, logits exist for ``CHUNK`` positions at a time.
    """
    lm = language_model(model)
    head: Any = lm.get_output_embeddings()
    frozen = not any(p.requires_grad for p in head.parameters())
    plain = type(head) is nn.Linear and getattr(head, "bias", None) is None and frozen
    if _transforms(lm) or not plain or smoothing:
        logits = logits_at(model, rows, columns, **inputs)
        return F.cross_entropy(logits.float(), targets, reduction="sum", label_smoothing=smoothing)
    hidden = _hidden_at(lm, rows, columns, inputs)
    loss: Tensor = _LinearCrossEntropy.apply(hidden, head.weight, targets)  # pyright: ignore[reportAssignmentType]
    return loss


def _transforms(lm: Any) -> bool:
    return any(getattr(lm.config, name, None) for name in OUTPUT_TRANSFORMS)


def _hidden_at(lm: Any, rows: Tensor, columns: Tensor, inputs: dict[str, Any]) -> Tensor:
    hidden: Tensor = backbone(lm)(**inputs).last_hidden_state
    return hidden[rows, columns]


class _LinearCrossEntropy(torch.autograd.Function):
    """Summed cross-entropy of ``hidden`` Wᵀ; the gradient of ``hidden`` is made on the way forward.

    The idea is Liger Kernel's (arXiv:2410.10989): what a chunk's logits are needed for is done
    while they are there.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        loss = torch.zeros((), dtype=torch.float32, device=hidden.device)
        grads: list[Tensor] = []
        for part, wanted in zip(hidden.split(CHUNK), targets.split(CHUNK), strict=True):
            logits, chosen = part @ weight.t(), wanted.unsqueeze(1)
            top = logits.amax(dim=-1, keepdim=True).float()
            target = logits.gather(1, chosen)
            odds = logits.float().sub_(top).exp_()  # in place: the widest thing there is, once
            total = odds.sum(dim=-1, keepdim=True)
            loss += (total.log() + top - target).sum()
            if ctx.needs_input_grad[0]:
                odds.div_(total).scatter_add_(1, chosen, torch.full_like(top, -1.0))
                grads.append(odds.to(part.dtype) @ weight)
        if grads:
            ctx.save_for_backward(torch.cat(grads))
        return loss

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        (grad,) = ctx.saved_tensors
        return grad * grad_outputs[0].to(grad.dtype), None, None
