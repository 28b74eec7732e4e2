"""Kernels of PyTorch operations with gradients written by hand, for decoder layers on a CPU.

A decoder layer is a hundred operations to PyTorch's autograd, most of them small: on a CPU they,
and not the products, took a third of a training step. Here it is a dozen, each with a gradient that
keeps what it needs and adds in place. PyTorch's own gradients are their oracle in the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

Low = tuple[Tensor, Tensor]  # A [r, in] and s·B [out, r] in the activations' type


class Projection(NamedTuple):
    """A linear layer as it computes now: frozen weights and, perhaps, one adapter."""

    weight: Tensor
    bias: Tensor | None
    a: Tensor | None = None  # [r, in]
    b: Tensor | None = None  # [out, r]
    scale: float = 1.0
    rounded: dict[torch.dtype, Low] | None = None  # what ``Unchanging`` remembers

    def low(self, kind: torch.dtype) -> Low | None:
        """A and s·B in the activations' type."""
        if self.a is None or self.b is None:
            return None
        if self.rounded is not None and kind in self.rounded:
            return self.rounded[kind]
        pair = self.a.to(kind), (self.b * self.scale).to(kind)
        if self.rounded is not None:
            self.rounded[kind] = pair
        return pair


class _Project(torch.autograd.Function):
    """Several linear layers of one input, with gradients for it and for A and B (arXiv:2106.09685).

    y = x Wᵀ + bias + s (x Aᵀ) Bᵀ, or that on top of ``residual`` for a single one.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, residual: Tensor | None, layers: Sequence[Projection], *factors: Tensor
    ) -> tuple[Tensor, ...]:
        lows = [layer.low(x.dtype) for layer in layers]
        outs, downs = _compute(x, residual, layers, lows)
        pairs = [low for low in lows if low is not None]
        weights = [layer.weight for layer in layers]
        ctx.save_for_backward(x, *weights, *downs, *(a for a, _ in pairs), *(b for _, b in pairs))
        ctx.scales = [layer.scale if low else None for layer, low in zip(layers, lows, strict=True)]
        ctx.kind = factors[0].dtype if factors else None
        ctx.added = residual is not None
        return tuple(outs)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        scales = [scale for scale in ctx.scales if scale is not None]
        x, *saved = ctx.saved_tensors
        n, m = len(ctx.scales), len(scales)
        weights, downs = saved[:n], saved[n : n + m]
        a_lows, b_lows = saved[n + m : n + 2 * m], saved[n + 2 * m :]
        adapted = [
            g for g, scale in zip(grad_outputs, ctx.scales, strict=True) if scale is not None
        ]
        ups = [g @ b for g, b in zip(adapted, b_lows, strict=True)]
        up = _joined(ups, 1)
        grads_b = [
            (g.t() @ down).to(ctx.kind).mul_(scale)
            for g, down, scale in zip(adapted, downs, scales, strict=True)
        ]
        grads_a: Any = ()
        if up is not None:
            grads_a = (up.t() @ x).to(ctx.kind).split([a.shape[0] for a in a_lows])
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = grad_outputs[0] @ weights[0]
            for g, weight in zip(grad_outputs[1:], weights[1:], strict=True):
                grad_x.addmm_(g, weight)
            if up is not None:
                grad_x.addmm_(up, _joined(a_lows, 0))
        return grad_x, grad_outputs[0] if ctx.added else None, None, *grads_a, *grads_b


def _compute(
    x: Tensor, residual: Tensor | None, layers: Sequence[Projection], lows: Sequence[Low | None]
) -> tuple[list[Tensor], list[Tensor]]:
    """The layers' outputs, and x Aᵀ of those with an adapter; all A are one product."""
    pairs = [low for low in lows if low is not None]
    stacked = _joined([a for a, _ in pairs], 0)
    ranks = [a.shape[0] for a, _ in pairs]
    downs = [] if stacked is None else list((x @ stacked.t()).split(ranks, dim=1))
    outs = [F.linear(x, layer.weight, layer.bias) for layer in layers]
    adapted = [out for out, low in zip(outs, lows, strict=True) if low is not None]
    for out, down, (_, b) in zip(adapted, downs, pairs, strict=True):
        out.addmm_(down, b.t())
    if residual is not None:  # last: it is the largest, and rounding it once is enough
        outs[0].add_(residual)
    return outs, downs


def _joined(parts: Sequence[Tensor], dim: int) -> Tensor | None:
    """One tensor of several; of one, itself; of none, None."""
    if len(parts) > 1:
        return torch.cat(list(parts), dim)
    return parts[0] if parts else None


def project(
    x: Tensor, layers: Sequence[Projection], residual: Tensor | None = None
) -> tuple[Tensor, ...]:
    """Outputs [T, out] of the layers for x [T, in]; ``residual`` [T, out] is added to a single one.

    Without gradients the same is computed, to the bit.
    """
    if not torch.is_grad_enabled():
        lows = [layer.low(x.dtype) for layer in layers]
        return tuple(_compute(x, residual, layers, lows)[0])
    adapted = [layer for layer in layers if layer.a is not None]
    factors = [*(layer.a for layer in adapted), *(layer.b for layer in adapted)]
    outs: tuple[Tensor, ...] = _Project.apply(x, residual, layers, *factors)  # pyright: ignore[reportAssignmentType]
    return outs


class _RmsNorm(torch.autograd.Function):
    """``rms_norm`` for a frozen weight."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        out, inverse = _normed(x, weight, eps)
        ctx.save_for_backward(x, weight, inverse)
        return out

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        x, weight, inverse = ctx.saved_tensors
        unit = x.float() * inverse
        grad = (grad_outputs[0] * weight).float()
        along = (grad * unit).mean(-1, keepdim=True)
        return grad.addcmul_(unit, along, value=-1).mul_(inverse).to(x.dtype), None, None


def _normed(x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    wide = x.float()
    inverse = wide.square().mean(-1, keepdim=True).add_(eps).rsqrt_()
    return (wide * inverse).to(x.dtype).mul_(weight), inverse


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """x / sqrt(mean(x²) + eps) · weight over the last dimension, in fp32 (arXiv:1910.07467)."""
    if not torch.is_grad_enabled():
        return _normed(x, weight, eps)[0]
    out: Tensor = _RmsNorm.apply(x, weight, eps)  # pyright: ignore[reportAssignmentType]
    return out


class _SwiGlu(torch.autograd.Function):
    """``swiglu``; silu(gate) is kept, not computed again."""

    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        opened = F.silu(gate)
        ctx.save_for_backward(gate, up, opened)
        return opened * up

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        gate, up, opened = ctx.saved_tensors
        grad = grad_outputs[0]
        return torch.ops.aten.silu_backward(grad * up, gate), grad * opened


def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    """silu(gate) · up (arXiv:2002.05202)."""
    if not torch.is_grad_enabled():
        return F.silu(gate).mul_(up)
    out: Tensor = _SwiGlu.apply(gate, up)  # pyright: ignore[reportAssignmentType]
    return out


class _Rotate(torch.autograd.Function):
    """``rotate``; its gradient is the rotation back."""

    @staticmethod
    def forward(ctx: Any, cos: Tensor, sin: Tensor, *xs: Tensor) -> tuple[Tensor, ...]:
        ctx.save_for_backward(cos, sin)
        return tuple(_rotated(x, cos, sin, 1) for x in xs)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        cos, sin = ctx.saved_tensors
        return None, None, *(_rotated(grad, cos, sin, -1) for grad in grad_outputs)


def _rotated(x: Tensor, cos: Tensor, sin: Tensor, sign: int) -> Tensor:
    half = x.shape[-1] // 2
    left, right = x[..., :half], x[..., half:]
    out = torch.empty_like(x, memory_format=torch.contiguous_format)
    torch.mul(left, cos, out=out[..., :half]).addcmul_(right, sin, value=-sign)
    torch.mul(right, cos, out=out[..., half:]).addcmul_(left, sin, value=sign)
    return out


def rotate(cos: Tensor, sin: Tensor, *xs: Tensor) -> tuple[Tensor, ...]:
    """Rotary position embedding (arXiv:2104.09864) of each x [..., D]; cos and sin [..., D / 2]."""
    if not torch.is_grad_enabled():
        return tuple(_rotated(x, cos, sin, 1) for x in xs)
    outs: tuple[Tensor, ...] = _Rotate.apply(cos, sin, *xs)  # pyright: ignore[reportAssignmentType]
    return outs
