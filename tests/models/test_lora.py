"""The fused LoRA kernel against PEFT's own layer, and the tripwires."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from assay.errors import ModelError, TrainingError
from assay.models import lora
from assay.recipe.schema import Adapter


def adapted(model: Any, fuse: bool, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Any:
    """The model with a non-zero adapter, through the fused kernel or through PEFT."""
    if not fuse:
        monkeypatch.setattr(lora, "fuse", lambda model: 0)
    result = lora.attach(model, Adapter(rank=4, alpha=8, **settings), seed=1, task="CAUSAL_LM")
    monkeypatch.undo()
    generator = torch.Generator().manual_seed(2)
    for name, parameter in result.named_parameters():
        if "lora_B" in name:
            parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.05)
    return result


def gradients(model: Any, ids: torch.Tensor) -> dict[str, torch.Tensor]:
    model(input_ids=ids, labels=ids).loss.backward()
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("settings", [{}, {"rslora": True}, {"targets": ["q_proj", "down_proj"]}])
def test_fused_kernel_has_pefts_outputs_and_gradients(
    tiny_folder: Any, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    from transformers import AutoModelForCausalLM

    ids = torch.arange(3, 27).reshape(2, 12)
    results = []
    for fuse in (False, True):
        model = AutoModelForCausalLM.from_pretrained(tiny_folder, dtype=torch.float32)
        model = adapted(model, fuse, monkeypatch, **settings)
        fused = [m for m in model.modules() if "forward" in m.__dict__]
        assert bool(fused) is fuse
        results.append((model(input_ids=ids).logits.detach(), gradients(model, ids)))
    (logits, grads), (fused_logits, fused_grads) = results
    torch.testing.assert_close(fused_logits, logits, atol=1e-5, rtol=1e-5)
    assert grads.keys() == fused_grads.keys() and grads
    for name in grads:
        torch.testing.assert_close(fused_grads[name], grads[name], atol=1e-6, rtol=1e-4)


def test_dora_and_training_dropout_go_through_peft(
    tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, _ = tiny
    model = adapted(model, True, monkeypatch, dora=True)
    calls: list[int] = []
    monkeypatch.setattr(lora, "project", lambda *a: calls.append(1))
    model(input_ids=torch.tensor([[5, 6, 7]]))
    assert not calls


def test_disabled_adapter_gives_the_base(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = tiny
    ids = torch.tensor([[5, 6, 7, 8]])
    before = model(input_ids=ids).logits.detach()
    model = adapted(model, True, monkeypatch)
    assert not torch.allclose(model(input_ids=ids).logits, before)
    with model.disable_adapter():
        torch.testing.assert_close(model(input_ids=ids).logits, before, atol=0, rtol=0)


def test_a_new_adapter_changes_nothing_and_trips_the_wire(tiny: Any) -> None:
    model, _ = tiny
    ids = torch.tensor([[5, 6, 7, 8]])
    before = model(input_ids=ids).logits.detach()
    model = lora.attach(model, Adapter(rank=4), seed=0, task="CAUSAL_LM")
    torch.testing.assert_close(model(input_ids=ids).logits, before, atol=0, rtol=0)
    with pytest.raises(TrainingError, match="nothing was learnt"):
        lora.require_delta(model, "after training")


def test_an_adapter_of_the_last_layers_leaves_the_others_as_they_are(
    tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    depth = tiny[0].config.num_hidden_layers
    assert depth >= 2
    model = adapted(tiny[0], True, monkeypatch, layers=1).train()
    grown = {name.split(".layers.")[1].split(".")[0] for name in lora.trainable(model)}
    assert grown == {str(depth - 1)}
    entered: list[bool] = []
    last = model.get_base_model().model.layers[depth - 1]
    last.register_forward_pre_hook(lambda _, args: entered.append(args[0].requires_grad))
    found = gradients(model, torch.arange(3, 19)[None])
    assert entered == [False]  # nothing flows back below it
    assert found and all(bool(g.any()) for g in found.values())


def test_more_layers_than_there_are(tiny: Any) -> None:
    with pytest.raises(ModelError, match="layers is 99, this base has"):
        lora.attach(tiny[0], Adapter(layers=99), seed=0, task="CAUSAL_LM")


def test_unknown_target_lists_the_layers(tiny: Any) -> None:
    model, _ = tiny
    with pytest.raises(ModelError, match="q_proj") as error:
        lora.attach(model, Adapter(rank=4, targets=["query"]), seed=0, task="CAUSAL_LM")
    assert "query" in error.value.cause


def test_an_adapter_for_another_shape_is_refused(
    tiny: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    model, _ = tiny
    adapted(model, True, monkeypatch).save_pretrained(tmp_path)
    fewer = LlamaConfig(**{**model.config.to_dict(), "num_hidden_layers": 1, "layer_types": None})
    with pytest.raises(ModelError, match="does not fit"):
        lora.load_adapter(LlamaForCausalLM(fewer), tmp_path, "other")


def test_a_saved_adapter_comes_back_equal(
    tiny: Any, tiny_folder: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForCausalLM

    model, _ = tiny
    ids = torch.tensor([[5, 6, 7, 8]])
    trained = adapted(model, True, monkeypatch)
    trained.save_pretrained(tmp_path)
    fresh = AutoModelForCausalLM.from_pretrained(tiny_folder, dtype=torch.float32)
    again = lora.load_adapter(fresh, tmp_path, "specialist")
    torch.testing.assert_close(
        again(input_ids=ids).logits, trained(input_ids=ids).logits, atol=1e-6, rtol=1e-5
    )
    assert lora.delta_norm(again, "specialist") == pytest.approx(lora.delta_norm(trained))


def test_answers_are_those_of_training(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = adapted(tiny[0].to(torch.bfloat16), True, monkeypatch)
    ids = torch.arange(3, 27).reshape(2, 12)
    trained = model(input_ids=ids).logits.detach()
    with torch.no_grad():
        assert torch.equal(model(input_ids=ids).logits, trained)


def test_an_unchanging_adapter_answers_the_same_and_a_changed_one_is_seen_after(
    tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = adapted(tiny[0].to(torch.bfloat16), True, monkeypatch)
    ids = torch.arange(3, 27).reshape(2, 12)
    with torch.no_grad():
        expected = model(input_ids=ids).logits
        unchanging = lora.Unchanging(model)
        for _ in range(2):
            with unchanging, lora.Unchanging(model):
                assert torch.equal(model(input_ids=ids).logits, expected)
                with model.disable_adapter():
                    assert not torch.equal(model(input_ids=ids).logits, expected)
                assert torch.equal(model(input_ids=ids).logits, expected)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.data.mul_(3)
        assert not torch.equal(model(input_ids=ids).logits, expected)


def test_a_copy_computes_with_its_own_weights(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = adapted(tiny[0].to(torch.bfloat16), True, monkeypatch).eval()
    ids = torch.arange(3, 19)[None]
    with torch.no_grad():
        before = model(input_ids=ids).logits
        wide = copy.deepcopy(model).float()
        torch.testing.assert_close(wide(input_ids=ids).logits, before.float(), atol=0.05, rtol=0.05)
        for name, parameter in wide.named_parameters():
            if "lora_B" in name:
                parameter.zero_()
        assert torch.equal(model(input_ids=ids).logits, before)
        with wide.disable_adapter():
            bare = wide(input_ids=ids).logits
        assert torch.equal(wide(input_ids=ids).logits, bare)


@pytest.mark.parametrize("dora", [False, True])
def test_a_merged_adapter_answers_like_base_and_adapter(tiny: Any, dora: bool) -> None:
    model: Any = lora.attach(tiny[0], Adapter(rank=4, dora=dora), seed=0, task="CAUSAL_LM")
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(0.0, 0.2, generator=generator)
    ids = torch.arange(3, 19)[None]
    model.eval().requires_grad_(False)
    weight = model.get_base_model().model.layers[0].self_attn.q_proj.base_layer.weight
    bare = weight.clone()
    expected = model(input_ids=ids).logits
    with lora.merged(model):
        merged = model(input_ids=ids).logits
        assert not torch.equal(weight, bare)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "lora_B" in name:  # what is merged is in the weights, and nowhere else
                    parameter.mul_(-1)
            torch.testing.assert_close(model(input_ids=ids).logits, merged)
            for name, parameter in model.named_parameters():
                if "lora_B" in name:
                    parameter.mul_(-1)
    torch.testing.assert_close(merged, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(weight, bare, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(model(input_ids=ids).logits, expected, atol=1e-4, rtol=1e-4)


def test_merging_an_adapter_that_does_nothing_trips_the_wire(tiny: Any) -> None:
    model = lora.attach(tiny[0], Adapter(rank=4), seed=0, task="CAUSAL_LM")
    with (
        pytest.raises(TrainingError, match="merging the adapter changed no weight"),
        lora.merged(model),
    ):
        pytest.fail("nothing is merged")
    assert not any(getattr(module, "merged", False) for module in model.modules())
