"""Llama's decoder layer from the kernels of ``models.fused``.

Bound in the place of a layer's own ``forward``, which is its oracle in the tests and still does
whatever this cannot: other devices, autocast, weights that train or are quantised, DoRA, dropout
on an adapter in training, another attention.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

from torch import Tensor, nn

from assay.models import attention
from assay.models.fused import Norm, Projection, heads, mlp, project
from assay.models.lora import read


def fuse(model: nn.Module) -> int:
    """Route every decoder layer of Llama's kind through the kernels; returns how many."""
    from transformers.models.llama.modeling_llama import LlamaDecoderLayer

    count = 0
    for module in model.modules():
        if type(module) is LlamaDecoderLayer and module.mlp.config.hidden_act == "silu":
            module.forward = MethodType(_forward, module)  # bound, so that a copy has its own
            count += 1
    return count


def _linears(layer: Any, x: Tensor) -> list[Projection] | None:
    """How its seven linear layers compute; None if the kernels cannot do what one of them does."""
    at, mlp = layer.self_attn, layer.mlp
    norms = (layer.input_layernorm, layer.post_attention_layernorm)
    if x.device.type != "cpu" or any(norm.weight.requires_grad for norm in norms):
        return None
    if at.config._attn_implementation != attention.NAME:
        return None
    found: list[Projection] = []
    for module in (
        *(at.q_proj, at.k_proj, at.v_proj, at.o_proj),
        *(mlp.gate_proj, mlp.up_proj, mlp.down_proj),
    ):
        linear = read(module, "cpu")
        if linear is None:
            return None
        found.append(linear)
    return found


def _forward(
    layer: Any,
    hidden_states: Tensor,
    attention_mask: Tensor | None = None,
    position_ids: Tensor | None = None,
    past_key_values: Any = None,
    use_cache: bool | None = False,
    position_embeddings: tuple[Tensor, Tensor] | None = None,
    **others: Any,
) -> Tensor:
    """``LlamaDecoderLayer.forward``: hidden states [B, L, H] to [B, L, H]."""
    linears = _linears(layer, hidden_states)
    if linears is None or position_embeddings is None:
        return type(layer).forward(
            layer,
            hidden_states,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            use_cache=use_cache,
            position_embeddings=position_embeddings,
            **others,
        )
    q, k, v, o, gate, up, down = linears
    at = layer.self_attn
    B, L, H = hidden_states.shape
    D: int = at.head_dim
    cos, sin = (
        a[..., : D // 2].expand(B, -1, -1).reshape(B * L, 1, -1) for a in position_embeddings
    )

    x = hidden_states.reshape(B * L, H)
    rotated = heads(x, _norm(layer.input_layernorm), [q, k, v], (cos, sin))
    query, key, value = (y.view(B, L, -1, D).transpose(1, 2) for y in rotated)
    if past_key_values is not None:
        key, value = past_key_values.update(key, value, at.layer_idx)
    dropout = at.attention_dropout if layer.training else 0.0
    mixed, _ = attention.attend(
        at, query, key, value, attention_mask, at.scaling, dropout, **others
    )
    (x,) = project(mixed.reshape(B * L, -1), [o], residual=x)
    return mlp(x, _norm(layer.post_attention_layernorm), [gate, up, down]).view(B, L, H)


def _norm(module: Any) -> Norm:
    return Norm(module.weight, module.variance_epsilon)
