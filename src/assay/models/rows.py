"""Attention of rows laid end to end, with a gradient written by hand, for a CPU.

Rows are taken apart and put together by one look-up each way, where PyTorch's autograd pads, copies
and transposes; of what a layer computed, only the weights are kept, in the activations' type.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor


class _Block(NamedTuple):
    """R rows of at most W tokens that attend to S keys each: ``shared`` ones, then their own."""

    tokens: slice  # the rows' tokens among all
    shared: int  # leading tokens that every row sees
    queries: Tensor  # [R·H·W] which token's which head stands here; any, where there is no token
    keys: Tensor  # [R·K·S] the same, of keys and values
    said: Tensor  # [n·H] where each token's heads are in ``queries``
    own: Tensor  # [n·K] where they are in ``keys``
    empty: Tensor  # places in ``queries`` without a token
    closed: Tensor  # [R, 1, W, S] True: may not attend


REMEMBERED = "_blocks"  # the attribute of a mask that holds what was made of it


def _blocks(mask: Tensor, H: int, K: int) -> tuple[_Block, ...]:
    """The prefix, then the rows of ``mask`` [R, 1, W, P + W]; H query heads, K key-value heads.

    All layers of a model ask for the same mask, one after the other: it remembers them until it is
    changed. One made in inference mode cannot tell whether it was, and remembers nothing.
    """
    key = None if mask.is_inference() else (H, K, mask._version)
    known = getattr(mask, REMEMBERED, None)
    if known is not None and known[0] == key:
        return known[1]
    P = mask.shape[3] - mask.shape[2]
    there = mask[:, 0].diagonal(P, 1, 2)
    found = (_block(there, mask, P, P, H, K),)
    if P:
        causal = torch.ones(1, 1, P, P, dtype=torch.bool).tril()
        found = (_block(torch.ones(1, P, dtype=torch.bool), causal, 0, 0, H, K), *found)
    if key is not None:
        setattr(mask, REMEMBERED, (key, found))
    return found


def _block(there: Tensor, mask: Tensor, first: int, shared: int, H: int, K: int) -> _Block:
    """Rows with a token where ``there`` [R, W], laid out from token ``first`` on."""
    R, W = there.shape
    S = shared + W
    places = there.flatten().nonzero().squeeze(1)
    n = len(places)
    token = torch.zeros(R * W, dtype=torch.long)
    token[places] = torch.arange(first, first + n)
    token = token.view(R, 1, W)
    seen = torch.cat([torch.arange(shared).expand(R, 1, shared), token], dim=2)
    head, group = torch.arange(H), torch.arange(K)
    row, column = (places // W).unsqueeze(1), (places % W).unsqueeze(1)
    return _Block(
        slice(first, first + n),
        shared,
        queries=(token * H + head.unsqueeze(1)).flatten(),
        keys=(seen * K + group.unsqueeze(1)).flatten(),
        said=((row * H + head) * W + column).flatten(),
        own=((row * K + group) * S + shared + column).flatten(),
        empty=(~there).unsqueeze(1).expand(R, H, W).flatten().nonzero().squeeze(1),
        closed=~mask,
    )


class _Attend(torch.autograd.Function):
    """``attend_rows``."""

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, parts: tuple[_Block, ...], scale: float
    ) -> Tensor:
        out = torch.empty_like(q)
        kept: list[Tensor] = []
        for part in parts:
            queries, keys, values = _laid(q, k, v, part, scale)
            scores = torch.bmm(queries, keys.transpose(1, 2))
            R, _, W, S = part.closed.shape
            low = torch.finfo(scores.dtype).min
            scores.view(R, -1, W, S).masked_fill_(part.closed, low)
            weights = torch.softmax(scores, dim=-1)  # in fp32 inside, rounded once
            _gather(torch.bmm(weights, values), part.said, out[part.tokens])
            kept.append(weights)
        ctx.save_for_backward(q, k, v, *kept)
        ctx.parts, ctx.scale = parts, scale
        return out

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        q, k, v, *kept = ctx.saved_tensors
        grad = grad_outputs[0].contiguous()
        grads = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        for part, weights in zip(ctx.parts, kept, strict=True):
            queries, keys, values = _laid(q, k, v, part, ctx.scale)
            coming = _look_up(grad, part.queries).index_fill_(0, part.empty, 0).view_as(queries)
            inner = torch.bmm(coming, values.transpose(1, 2))
            scores = torch.ops.aten._softmax_backward_data(inner, weights, -1, weights.dtype)
            of_values = torch.bmm(weights.transpose(1, 2), coming)
            of_keys = torch.bmm(scores.transpose(1, 2), queries)
            _gather(torch.bmm(scores, keys).mul_(ctx.scale), part.said, grads[0][part.tokens])
            for found, total in ((of_keys, grads[1]), (of_values, grads[2])):
                _gather(found, part.own, total[part.tokens])
                if part.shared:  # what the rows add to the prefix's own, which came before
                    by_row = found.view(len(part.closed), -1, *found.shape[1:])
                    total[: part.shared].add_(by_row[:, :, : part.shared].sum(0).transpose(0, 1))
        return *grads, None, None


def _laid(
    q: Tensor, k: Tensor, v: Tensor, part: _Block, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Scaled queries [R·K, G·W, D], keys and values [R·K, S, D] of every row."""
    R, _, _, S = part.closed.shape
    K, D = k.shape[1:]
    queries = _look_up(q, part.queries).mul_(scale).view(R * K, -1, D)
    keys, values = (_look_up(x, part.keys).view(R * K, S, D) for x in (k, v))
    return queries, keys, values


def _look_up(x: Tensor, places: Tensor) -> Tensor:
    """[N, D] of x [T, heads, D]."""
    return x.view(-1, x.shape[-1]).index_select(0, places)


def _gather(x: Tensor, places: Tensor, out: Tensor) -> None:
    """Into ``out`` [n, heads, D] what stands at ``places`` [n·heads] of x [..., D]."""
    D = x.shape[-1]
    torch.index_select(x.view(-1, D), 0, places, out=out.view(-1, D))


def attend_rows(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, scale: float) -> Tensor:
    """Scaled dot-product attention of rows end to end, after what they share.

    q [T, H, D], k and v [T, K, D] with H a multiple of K, all contiguous; mask [R, 1, W, P + W] as
    in ``models.attention``; returns [T, H, D].
    """
    parts = _blocks(mask, q.shape[1], k.shape[1])
    out: Tensor = _Attend.apply(q, k, v, parts, scale)  # pyright: ignore[reportAssignmentType]
    return out
