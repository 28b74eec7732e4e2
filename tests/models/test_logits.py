"""Logits at chosen positions against the model's own, all of them computed."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from assay.models import lora
from assay.models.logits import logits_at
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
