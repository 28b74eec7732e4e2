"""Decoder layers of kernels against Transformers' own."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from assay.models import attention, decoder, lora
from assay.recipe.schema import Adapter

IDS = torch.arange(3, 27).reshape(2, 12)


def adapted(tiny: Any, **settings: Any) -> Any:
    """The model with our attention and a non-zero adapter, its layers not yet fused."""
    torch.manual_seed(4)
    attention.use(tiny[0])
    model: Any = lora.attach(tiny[0], Adapter(rank=4, **settings), seed=1, task="CAUSAL_LM")
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.1)
        if "norm" in name:
            parameter.data.uniform_(0.5, 1.5)
    return model


def own(model: Any) -> Any:
    """A copy with Transformers' layers."""
    model = copy.deepcopy(model)
    for layer in model.get_base_model().model.layers:
        layer.__dict__.pop("forward", None)
    return model


def entered(model: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with each layer that Transformers computes from now on."""
    kind = type(model.get_base_model().model.layers[0])
    seen: list[int] = []
    original = kind.forward

    def counted(*args: Any, **kwargs: Any) -> Any:
        seen.append(1)
        return original(*args, **kwargs)

    monkeypatch.setattr(kind, "forward", counted)
    return seen


def loss_and_gradients(model: Any) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    model.zero_grad()
    loss = model(input_ids=IDS, labels=IDS).loss
    loss.backward()
    found = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    return loss.detach(), found


@pytest.mark.parametrize(
    "settings",
    [{}, {"layers": 1}, {"targets": ["q_proj", "down_proj"]}, {"targets": ["k_proj", "up_proj"]}],
)
def test_outputs_and_gradients_are_transformers_own(
    tiny: Any, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = adapted(tiny, **settings)
    assert decoder.fuse(model) == tiny[0].config.num_hidden_layers
    expected_loss, expected = loss_and_gradients(own(model))
    seen = entered(model, monkeypatch)
    loss, found = loss_and_gradients(model)
    assert not seen
    torch.testing.assert_close(loss, expected_loss, atol=1e-6, rtol=1e-6)
    assert found.keys() == expected.keys() and found
    for name in found:
        torch.testing.assert_close(found[name], expected[name], atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("disabled", [False, True])
def test_answers_with_a_cache_are_transformers_own(tiny: Any, disabled: bool) -> None:
    from contextlib import nullcontext

    from transformers import DynamicCache

    model = adapted(tiny)
    decoder.fuse(model)
    said: list[torch.Tensor] = []
    for each in (model, own(model)):
        cache: Any = DynamicCache(config=each.config)
        with torch.inference_mode(), each.disable_adapter() if disabled else nullcontext():
            parts = [
                each(input_ids=part, past_key_values=cache, use_cache=True).logits
                for part in (IDS[:, :7], IDS[:, 7:8], IDS[:, 8:])
            ]
        said.append(torch.cat(parts, dim=1))
    torch.testing.assert_close(*said, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "why", ["dora", "dropout", "autocast", "attention", "training", "norm", "hook"]
)
def test_what_the_kernels_cannot_do_is_left_to_transformers(
    tiny: Any, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    more: dict[str, Any] = {"dora": {"dora": True}, "dropout": {"dropout": 0.5}}.get(why, {})
    model = adapted(tiny, **more).train()
    decoder.fuse(model)
    if why == "attention":
        model.set_attn_implementation("sdpa")
    first, heard = model.get_base_model().model.layers[0], list[int]()
    if why == "training":
        first.mlp.up_proj.base_layer.weight.requires_grad_(True)
    if why == "norm":
        first.post_attention_layernorm.weight.requires_grad_(True)
    if why == "hook":
        first.self_attn.v_proj.register_forward_hook(lambda *_: heard.append(1))
    seen = entered(model, monkeypatch)
    with torch.autocast("cpu", enabled=why == "autocast"):
        model(input_ids=IDS)
    depth: int = tiny[0].config.num_hidden_layers
    assert len(seen) == (1 if why in ("training", "norm", "hook") else depth)
    assert bool(heard) is (why == "hook")


def test_another_activation_is_not_fused(tiny: Any) -> None:
    for layer in tiny[0].model.layers:
        layer.mlp.config.hidden_act = "gelu"
    assert decoder.fuse(tiny[0]) == 0


def test_a_copy_computes_with_its_own_weights(tiny: Any) -> None:
    model = adapted(tiny)
    decoder.fuse(model)
    before = model(input_ids=IDS).logits
    other = copy.deepcopy(model)
    for parameter in other.parameters():
        parameter.data.zero_()
    torch.testing.assert_close(model(input_ids=IDS).logits, before, atol=0, rtol=0)
    assert not other(input_ids=IDS).logits.any()
