"""Kernels of PyTorch operations with gradients written by hand, for decoder layers on a CPU.

A decoder layer is a hundred operations to PyTorch's autograd, most of them small: on a CPU they,
and not the products, took a third of a training step. Here it is a few, each with a gradient that
keeps little, adds in place, and computes again what is cheap. PyTorch's own gradients are their oracle
in the tests.
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


class Norm(NamedTuple):
    """RMS norm (arXiv:1910.07467) with a frozen weight: x / sqrt(mean(x²) + eps) · weight."""

    weight: Tensor  # [H]
    eps: float


class _Group:
    """Linear layers of one input, and their gradients for it and for A and B (arXiv:2106.09685).

    y = x Wᵀ + bias + s (x Aᵀ) Bᵀ, each.
    """

    def __init__(self, layers: Sequence[Projection], activations: torch.dtype) -> None:
        self.layers = layers
        lows = [layer.low(activations) for layer in layers]
        self.adapted = [i for i, low in enumerate(lows) if low is not None]
        pairs = [low for low in lows if low is not None]
        self.stacked = _joined([a for a, _ in pairs], 0) if pairs else None  # all A: one product
        self.bs = [b for _, b in pairs]
        self.ranks = [a.shape[0] for a, _ in pairs]
        self.kind = next((layer.a.dtype for layer in layers if layer.a is not None), activations)

    @staticmethod
    def factors(layers: Sequence[Projection]) -> list[Tensor | None]:
        """What ``gradients`` are for: every A, then every B."""
        adapted = [layer for layer in layers if layer.a is not None]
        return [*(layer.a for layer in adapted), *(layer.b for layer in adapted)]

    def outputs(
        self, x: Tensor, residual: Tensor | None = None
    ) -> tuple[list[Tensor], Tensor | None]:
        """The layers' outputs, a single one on top of ``residual``; and x Aᵀ of all adapters."""
        outs = [F.linear(x, layer.weight, layer.bias) for layer in self.layers]
        down = None
        if self.stacked is not None:
            down = x @ self.stacked.t()
            for i, part, b in zip(self.adapted, down.split(self.ranks, 1), self.bs, strict=True):
                outs[i].addmm_(part, b.t())
        if residual is not None:  # last: it is the largest, and rounding it once is enough
            outs[0].add_(residual)
        return outs, down

    def gradients(
        self, x: Tensor, down: Tensor | None, grads: Sequence[Tensor], of_x: bool
    ) -> tuple[Tensor | None, list[Tensor]]:
        """Of x if asked for, and of the factors, given those of the outputs."""
        of_factors: list[Tensor] = []
        up = None
        if self.stacked is not None and down is not None:
            adapted = [grads[i] for i in self.adapted]
            up = _joined([g @ b for g, b in zip(adapted, self.bs, strict=True)], 1)
            of_factors += (up.t() @ x).to(self.kind).split(self.ranks)
            for g, part, i in zip(adapted, down.split(self.ranks, 1), self.adapted, strict=True):
                of_factors.append((g.t() @ part).to(self.kind).mul_(self.layers[i].scale))
        if not of_x:
            return None, of_factors
        total = grads[0] @ self.layers[0].weight
        for g, layer in zip(grads[1:], self.layers[1:], strict=True):
            total.addmm_(g, layer.weight)
        if self.stacked is not None and up is not None:
            total.addmm_(up, self.stacked)
        return total, of_factors


def _joined(parts: Sequence[Tensor], dim: int) -> Tensor:
    """One tensor of several; of one, itself."""
    return torch.cat(list(parts), dim) if len(parts) > 1 else parts[0]


class _Project(torch.autograd.Function):
    """``project``."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, residual: Tensor | None, layers: Sequence[Projection], *_: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.group = _Group(layers, x.dtype)
        outs, down = ctx.group.outputs(x, residual)
        ctx.save_for_backward(x, down)
        ctx.added = residual is not None
        return tuple(outs)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        x, down = ctx.saved_tensors
        of_x, of_factors = ctx.group.gradients(x, down, grads, ctx.needs_input_grad[0])
        return of_x, grads[0] if ctx.added else None, None, *of_factors


def project(
    x: Tensor, layers: Sequence[Projection], residual: Tensor | None = None
) -> tuple[Tensor, ...]:
    """Outputs [T, out] of the layers for x [T, in]; ``residual`` [T, out] is added to a single one.

    Without gradients the same is computed, to the bit.
    """
    if not torch.is_grad_enabled():
        return tuple(_Group(layers, x.dtype).outputs(x, residual)[0])
    outs: tuple[Tensor, ...] = _Project.apply(x, residual, layers, *_Group.factors(layers))  # pyright: ignore[reportAssignmentType]
    return outs


def _inverse_rms(x: Tensor, eps: float) -> Tensor:
    return x.float().square().mean(-1, keepdim=True).add_(eps).rsqrt_()


def _normed(x: Tensor, inverse: Tensor, weight: Tensor) -> Tensor:
    return (x.float() * inverse).to(x.dtype).mul_(weight)


def _norm_gradient(grad: Tensor, x: Tensor, inverse: Tensor, weight: Tensor) -> Tensor:
    unit = x.float() * inverse
    wide = (grad * weight).float()
    along = (wide * unit).mean(-1, keepdim=True)
    return wide.addcmul_(unit, along, value=-1).mul_(inverse).to(x.dtype)


class _Mlp(torch.autograd.Function):
    """``mlp``; keeps what the two wide products gave, and computes between them again."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, norm: Norm, layers: Sequence[Projection], *_: Tensor
    ) -> Tensor:
        ctx.wide, ctx.narrow = _Group(layers[:2], x.dtype), _Group(layers[2:], x.dtype)
        ctx.norm = norm
        out, *kept = _mlp_forward(x, norm, ctx.wide, ctx.narrow)
        ctx.save_for_backward(x, *kept)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        x, inverse, gate, up, down, narrow = ctx.saved_tensors
        opened = F.silu(gate)
        inner, of_narrow = ctx.narrow.gradients(opened * up, narrow, grads, True)
        of_up = opened.mul_(inner)
        of_gate = torch.ops.aten.silu_backward(inner.mul_(up), gate)
        normed = _normed(x, inverse, ctx.norm.weight)
        needed = ctx.needs_input_grad[0]
        total, of_wide = ctx.wide.gradients(normed, down, [of_gate, of_up], needed)
        of_x = _norm_gradient(total, x, inverse, ctx.norm.weight).add_(grads[0]) if needed else None
        return of_x, None, None, *of_wide, *of_narrow


def _mlp_forward(x: Tensor, norm: Norm, wide: _Group, narrow: _Group) -> tuple[Any, ...]:
    """The output of ``mlp``, then what its gradient needs beside x."""
    inverse = _inverse_rms(x, norm.eps)
    (gate, up), down = wide.outputs(_normed(x, inverse, norm.weight))
    (out,), inner = narrow.outputs(F.silu(gate).mul_(up), x)
    return out, inverse, gate, up, down, inner


def mlp(x: Tensor, norm: Norm, layers: Sequence[Projection]) -> Tensor:
    """x + down(silu(gate(y)) · up(y)) with y the RMS norm of x [T, H] (arXiv:2002.05202).

    ``layers`` are gate, up and down. Without gradients the same is computed, to the bit.
    """
    wide, narrow = layers[:2], layers[2:]
    if not torch.is_grad_enabled():
        return _mlp_forward(x, norm, _Group(wide, x.dtype), _Group(narrow, x.dtype))[0]
    out: Tensor = _Mlp.apply(x, norm, layers, *_Group.factors(wide), *_Group.factors(narrow))  # pyright: ignore[reportAssignmentType]
    return out


def _rotated(x: Tensor, cos: Tensor, sin: Tensor, sign: int) -> Tensor:
    """Rotary position embedding (arXiv:2104.09864) of x [T, heads, D]; sign -1 turns it back."""
    half = x.shape[-1] // 2
    left, right = x[..., :half], x[..., half:]
    out = torch.empty_like(x, memory_format=torch.contiguous_format)
    torch.mul(left, cos, out=out[..., :half]).addcmul_(right, sin, value=-sign)
    torch.mul(right, cos, out=out[..., half:]).addcmul_(left, sin, value=sign)
    return out


class _Heads(torch.autograd.Function):
    """``heads``."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        norm: Norm,
        layers: Sequence[Projection],
        angles: tuple[Tensor, Tensor],
        *_: Tensor,
    ) -> tuple[Tensor, ...]:
        ctx.group, ctx.norm, ctx.angles = _Group(layers, x.dtype), norm, angles
        q, k, v, *kept = _heads_forward(x, norm, ctx.group, angles)
        ctx.save_for_backward(x, *kept)
        return q, k, v

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        x, inverse, down, normed = ctx.saved_tensors
        cos, sin = ctx.angles
        q, k = (_rotated(grad, cos, sin, -1) for grad in grads[:2])
        outs = [grad.reshape(len(x), -1) for grad in (q, k, grads[2])]
        total, of_factors = ctx.group.gradients(normed, down, outs, ctx.needs_input_grad[0])
        of_x = None if total is None else _norm_gradient(total, x, inverse, ctx.norm.weight)
        return of_x, None, None, None, *of_factors


def _heads_forward(
    x: Tensor, norm: Norm, group: _Group, angles: tuple[Tensor, Tensor]
) -> tuple[Any, ...]:
    """The outputs of ``heads``, then what their gradient needs beside x."""
    inverse = _inverse_rms(x, norm.eps)
    normed = _normed(x, inverse, norm.weight)
    outs, down = group.outputs(normed)
    q, k, v = (out.view(len(out), -1, 2 * angles[0].shape[-1]) for out in outs)
    return _rotated(q, *angles, 1), _rotated(k, *angles, 1), v, inverse, down, normed


def heads(
    x: Tensor, norm: Norm, layers: Sequence[Projection], angles: tuple[Tensor, Tensor]
) -> tuple[Tensor, ...]:
    """Queries, keys and values [T, heads, D] of the RMS norm of x [T, H], the first two rotated.

    ``angles`` are the cosine and sine of the positions, [T, 1, D / 2] each. Without gradients the
    same is computed, to the bit.
    """
    if not torch.is_grad_enabled():
        return _heads_forward(x, norm, _Group(layers, x.dtype), angles)[:3]
    outs: tuple[Tensor, ...] = _Heads.apply(x, norm, layers, angles, *_Group.factors(layers))  # pyright: ignore[reportAssignmentType]
    return outs
