"""The kernels against PyTorch's own operations and gradients."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from assay.models.fused import Norm, Projection, heads, mlp, project


def drawn(*shape: int, grad: bool = True) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape))).requires_grad_(
        grad
    )


def require_same(
    kernel: Callable[[], tuple[Tensor, ...]],
    plain: Callable[[], tuple[Tensor, ...]],
    inputs: list[Tensor],
) -> None:
    """Equal outputs, with gradients and without, and equal gradients for every input."""
    found: list[tuple[tuple[Tensor, ...], tuple[Tensor, ...]]] = []
    for compute in (kernel, plain):
        outs = compute()
        loss = sum((out * (i + 1)).square().sum() for i, out in enumerate(outs))
        found.append((outs, torch.autograd.grad(loss, inputs)))  # pyright: ignore[reportArgumentType]
    (outs, grads), (plain_outs, plain_grads) = found
    torch.testing.assert_close(outs, plain_outs, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(grads, plain_grads, atol=1e-4, rtol=1e-4)
    before = [x.detach().clone() for x in inputs]
    with torch.no_grad():
        for out, trained in zip(kernel(), outs, strict=True):
            assert torch.equal(out, trained)
    assert all(map(torch.equal, before, inputs))  # nothing was written over


@pytest.mark.parametrize("adapted", [(), (0,), (1, 2), (0, 1, 2)])
def test_projections_of_one_input(adapted: tuple[int, ...]) -> None:
    x = drawn(7, 12)
    layers: list[Projection] = []
    for i, (width, rank) in enumerate(((12, 2), (4, 3), (20, 2))):
        a, b = (drawn(rank, 12), drawn(width, rank)) if i in adapted else (None, None)
        bias = drawn(width, grad=False) if i else None
        layers.append(Projection(drawn(width, 12, grad=False), bias, a, b, 0.5 + i))

    def plain() -> tuple[Tensor, ...]:
        outs: list[Tensor] = []
        for weight, bias, a, b, scale, _ in layers:
            out = F.linear(x, weight, bias)
            outs.append(out if a is None or b is None else out + scale * (x @ a.t()) @ b.t())
        return tuple(outs)

    factors = [f for layer in layers for f in (layer.a, layer.b) if f is not None]
    require_same(lambda: project(x, layers), plain, [x, *factors])


@pytest.mark.parametrize("bias", [None, torch.ones(12)])
def test_a_projection_on_top_of_a_residual(bias: Tensor | None) -> None:
    x, residual, a, b = drawn(7, 20), drawn(7, 12), drawn(3, 20), drawn(12, 3)
    weight = drawn(12, 20, grad=False)

    def plain() -> tuple[Tensor, ...]:
        return (residual + F.linear(x, weight, bias) + 2 * (x @ a.t()) @ b.t(),)

    layer = Projection(weight, bias, a, b, 2.0)
    require_same(lambda: project(x, [layer], residual), plain, [x, residual, a, b])


def test_a_residual_is_rounded_once() -> None:
    """It is far larger than what is added in real bases; twice doubled the gradients' error."""
    x, residual = drawn(50, 20).bfloat16(), (drawn(50, 12) * 100).bfloat16()
    a, b, weight = drawn(3, 20), drawn(12, 3), drawn(12, 20, grad=False).bfloat16()
    exact = residual.double() + x.double() @ weight.double().t() + x.double() @ (b @ a).double().t()
    with torch.no_grad():
        (out,) = project(x, [Projection(weight, None, a, b)], residual)
    least = (exact.bfloat16() - exact).norm()
    assert (out - exact).norm() < 1.1 * least


def test_an_input_without_gradient_still_trains_the_factors() -> None:
    x, a, b = drawn(7, 12, grad=False), drawn(2, 12), drawn(5, 2)
    layer = Projection(drawn(5, 12, grad=False), None, a, b)
    (out,) = project(x, [layer])
    found = torch.autograd.grad(out.square().sum(), [a, b])
    plain = F.linear(x, layer.weight) + (x @ a.t()) @ b.t()
    expected = torch.autograd.grad(plain.square().sum(), [a, b])
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def layer(out: int, into: int, *, adapted: bool = True) -> Projection:
    factors = (drawn(2, into), drawn(out, 2)) if adapted else (None, None)
    return Projection(drawn(out, into, grad=False) / into**0.5, None, *factors, scale=0.5)


def plain_linear(x: Tensor, layer: Projection) -> Tensor:
    out = F.linear(x, layer.weight, layer.bias)
    if layer.a is None or layer.b is None:
        return out
    return out + layer.scale * (x @ layer.a.t()) @ layer.b.t()


def factors_of(layers: list[Projection]) -> list[Tensor]:
    return [factor for layer in layers for factor in (layer.a, layer.b) if factor is not None]


@pytest.mark.parametrize("adapted", [(), (0,), (1, 2), (0, 1, 2)])
def test_mlp(adapted: tuple[int, ...]) -> None:
    shapes = ((20, 12), (20, 12), (12, 20))
    layers = [layer(*shape, adapted=i in adapted) for i, shape in enumerate(shapes)]
    x, norm = drawn(7, 12), Norm(drawn(12, grad=False), 1e-5)

    def plain() -> tuple[Tensor, ...]:
        y = F.rms_norm(x, (12,), norm.weight, norm.eps)
        inner = F.silu(plain_linear(y, layers[0])) * plain_linear(y, layers[1])
        return (x + plain_linear(inner, layers[2]),)

    require_same(lambda: (mlp(x, norm, layers),), plain, [x, *factors_of(layers)])


def test_an_mlp_whose_input_has_no_gradient_still_trains_its_factors() -> None:
    layers = [layer(20, 12), layer(20, 12), layer(12, 20)]
    x, norm = drawn(7, 12), Norm(drawn(12, grad=False), 1e-5)
    wanted = torch.autograd.grad(mlp(x, norm, layers).square().sum(), factors_of(layers))
    loss = mlp(x.detach(), norm, layers).square().sum()
    torch.testing.assert_close(torch.autograd.grad(loss, factors_of(layers)), wanted)


@pytest.mark.parametrize("adapted", [(), (0, 2), (0, 1, 2)])
def test_heads(adapted: tuple[int, ...]) -> None:
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    shapes = ((48, 12), (24, 12), (24, 12))
    layers = [layer(*shape, adapted=i in adapted) for i, shape in enumerate(shapes)]
    x, norm = drawn(10, 12), Norm(drawn(12, grad=False), 1e-5)
    angles = torch.arange(10)[:, None] * torch.tensor([1.0, 0.3, 0.1, 0.01])
    cos, sin = angles.cos(), angles.sin()

    def plain() -> tuple[Tensor, ...]:
        y = F.rms_norm(x, (12,), norm.weight, norm.eps)
        q, k, v = (plain_linear(y, layer).view(10, -1, 8) for layer in layers)
        whole = (torch.cat([cos, cos], -1), torch.cat([sin, sin], -1))
        return *apply_rotary_pos_emb(q, k, *whole, unsqueeze_dim=1), v

    halves = cos.unsqueeze(1), sin.unsqueeze(1)
    require_same(lambda: heads(x, norm, layers, halves), plain, [x, *factors_of(layers)])
