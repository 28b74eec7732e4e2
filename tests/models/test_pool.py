"""One base, several adapters: whoever is asked answers as himself."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch

from assay.models.lora import attach
from assay.models.pool import BasePool, SharedCausal
from assay.observability.progress import SILENT
from assay.recipe.schema import Adapter, Base

IDS = torch.arange(3, 27).reshape(2, 12)


def fresh(folder: Path) -> SharedCausal:
    base = Base(model=str(folder), precision="fp32", allow_noncommercial=True)
    return BasePool(SILENT).causal(base)


def logits(shared: SharedCausal, adapter: str | None) -> torch.Tensor:
    with shared.using(adapter) as model, torch.inference_mode():
        return model(input_ids=IDS).logits


@pytest.fixture
def saved(tiny_folder: Path, tmp_path: Path) -> dict[str, Path]:
    """An adapter of all layers and one of the last only."""
    for seed, (name, layers) in enumerate({"all": None, "last": 1}.items()):
        adapter = Adapter(rank=4, layers=layers)
        model: Any = attach(fresh(tiny_folder).model, adapter, seed=seed, task="CAUSAL_LM")
        for parameter in model.parameters():
            if parameter.requires_grad:
                torch.nn.init.normal_(parameter, std=0.3)
        model.save_pretrained(tmp_path / name)
    return {name: tmp_path / name for name in ("all", "last")}


@pytest.mark.parametrize("order", [("all", "last"), ("last", "all")])
def test_adapters_of_one_base_never_mix(
    tiny_folder: Path, saved: dict[str, Path], order: tuple[str, str]
) -> None:
    alone: dict[str | None, torch.Tensor] = {None: logits(fresh(tiny_folder), None)}
    for name, folder in saved.items():
        shared = fresh(tiny_folder)
        shared.add(folder, name)
        alone[name] = logits(shared, name)
    shared = fresh(tiny_folder)
    for name in order:
        shared.add(saved[name], name)
        torch.testing.assert_close(logits(shared, name), alone[name], atol=0, rtol=0)
    for name in (*order, None, *reversed(order), order[0], None):
        torch.testing.assert_close(logits(shared, name), alone[name], atol=0, rtol=0)
    assert not any(torch.allclose(a, b) for a, b in combinations(alone.values(), 2))
