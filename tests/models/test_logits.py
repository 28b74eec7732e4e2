"""Logits at chosen positions against the model's own, all of them computed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from assay.models import logits, lora
from assay.models.logits import logits_at, loss_at
from assay.recipe.schema import Adapter

IDS = torch.arange(3, 27).reshape(2, 12)
ROWS, COLUMNS = torch.tensor([0, 1, 1]), torch.tensor([11, 0, 5])


@pytest.mark.parametrize("adapted", [False, True])
def test_they_are_the_models_own(tiny: Any, adapted: bool) -> None:
    model, _ = tiny
    if adapted:
        model = lora.attach(model, Adapter(rank=4), seed=0, task="CAUSAL_LM")
    with torch.no_grad():
        expected = model(input_ids=IDS).logits[ROWS, COLUMNS]
        found = logits_at(model, ROWS, COLUMNS, input_ids=IDS)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("transforms", [False, True])
@pytest.mark.parametrize("count", [3, 200])
def test_of_some_tokens_they_are_the_models_own(tiny: Any, count: int, transforms: bool) -> None:
    model, _ = tiny
    if transforms:
        model.config.logit_scale = 0.5
    tokens = torch.randperm(model.config.vocab_size, generator=torch.Generator().manual_seed(0))[
        :count
    ]
    with torch.no_grad():
        expected = model(input_ids=IDS).logits[ROWS, COLUMNS]
        found = logits_at(model, ROWS, COLUMNS, tokens, input_ids=IDS)
    torch.testing.assert_close(found, expected[:, tokens])


def test_a_model_that_transforms_its_logits_keeps_its_own_head(tiny: Any) -> None:
    model, _ = tiny
    calls: list[int] = []
    model.register_forward_hook(lambda *_: calls.append(1))
    model.config.logit_scale = 0.5
    with torch.no_grad():
        logits_at(model, ROWS, COLUMNS, input_ids=IDS)
    assert calls


def test_no_position_gives_no_logits(tiny: Any) -> None:
    model, _ = tiny
    nowhere = torch.zeros(0, dtype=torch.long)
    with torch.no_grad():
        found = logits_at(model, nowhere, nowhere, input_ids=IDS)
    assert found.shape == (0, model.config.vocab_size)


@pytest.mark.parametrize("chunk", [1, 2, 512])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_and_its_gradients_are_pytorch_s(
    tiny: Any, monkeypatch: pytest.MonkeyPatch, chunk: int, smoothing: float
) -> None:
    monkeypatch.setattr(logits, "CHUNK", chunk)
    model = lora.attach(tiny[0], Adapter(rank=4), seed=0, task="CAUSAL_LM")
    for parameter in lora.trainable(model).values():
        torch.nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(1))
    targets = torch.tensor([7, 9, 30])
    own = model(input_ids=IDS).logits[ROWS, COLUMNS]
    expected = F.cross_entropy(own, targets, reduction="sum", label_smoothing=smoothing) / 3
    found = loss_at(model, ROWS, COLUMNS, targets, smoothing, input_ids=IDS) / 3
    torch.testing.assert_close(found, expected)
    parameters = list(lora.trainable(model).values())
    for one, other in zip(
        torch.autograd.grad(found, parameters),
        torch.autograd.grad(expected, parameters),
        strict=True,
    ):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


def test_the_loss_needs_no_gradient_to_be_told(tiny: Any) -> None:
    targets = torch.tensor([7, 9, 30])
    with torch.no_grad():
        found = loss_at(tiny[0], ROWS, COLUMNS, targets, 0.0, input_ids=IDS)
        own = tiny[0](input_ids=IDS).logits[ROWS, COLUMNS]
    torch.testing.assert_close(found, F.cross_entropy(own, targets, reduction="sum"))
