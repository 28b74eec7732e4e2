"""The parity certificate agrees for an honest save, and refuses an altered one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from assay.data.prompts import conversation
from assay.data.records import Example
from assay.errors import TrainingError
from assay.evaluation.parity import certify
from assay.evaluation.rungs.card import BaseCard, Card
from assay.evaluation.rungs.linear import TfidfLogistic
from assay.evaluation.rungs.llm import LanguageModel
from assay.models.lora import attach
from assay.models.pool import BasePool
from assay.observability.progress import SILENT
from assay.recipe.schema import Adapter, Base, Task

TASK = Task(output="text", max_new_tokens=8)
ADAPTER = "adapter_model.safetensors"


def items(task: Task = TASK) -> list[Example]:
    texts = ["the card is lost", "where is it", "system", "user lost the card"]
    return [
        Example(f"item-{i}", text, conversation(task, text, "lost"), "lost", "")
        for i, text in enumerate(texts)
    ]


@pytest.fixture
def trained(tiny_folder: Path) -> LanguageModel:
    """A language model whose adapter changes its answers."""
    base = Base(model=str(tiny_folder), precision="fp32", allow_noncommercial=True)
    pool = BasePool(SILENT)
    ref, shared = pool.ref(base), pool.causal(base)
    described = BaseCard(
        model=base.model,
        name=ref.name,
        digest=ref.digest,
        licence=ref.licence,
        precision="fp32",
        allow_noncommercial=True,
    )
    adapted: Any = attach(shared.model, Adapter(rank=4), seed=0, task="CAUSAL_LM")
    generator = torch.Generator().manual_seed(1)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(0.0, 0.5, generator=generator)
    adapted.requires_grad_(False)
    shared.model = adapted.eval()
    shared.adapters.add("default")
    return LanguageModel(Card(kind="llm", task=TASK, base=described), shared, "default")


def test_an_honest_save_agrees_in_every_form(trained: LanguageModel, tmp_path: Path) -> None:
    trained.save(tmp_path)
    certificate = certify(trained, tmp_path, items(), SILENT)
    assert certificate["agrees"]
    assert certificate["items"] == 4
    assert set(certificate["forms"]) == {"reloaded", "served", "merged"}
    for form in certificate["forms"].values():
        assert form["tokens_equal"] == 1.0
        assert form["max_logit_drift"] < 1e-3


def test_the_adapter_changes_the_answers(trained: LanguageModel) -> None:
    bare = LanguageModel(trained.card, trained.shared, None)
    assert [p.raw for p in trained.predict(items(), SILENT)] != [
        p.raw for p in bare.predict(items(), SILENT)
    ]


def test_an_altered_adapter_is_refused(trained: LanguageModel, tmp_path: Path) -> None:
    trained.save(tmp_path)
    tensors = load_file(tmp_path / ADAPTER)
    altered = {name: -t if "lora_B" in name else t for name, t in tensors.items()}
    save_file(altered, tmp_path / ADAPTER, metadata={"format": "pt"})
    with pytest.raises(TrainingError, match="does not answer like the trained one"):
        certify(trained, tmp_path, items(), SILENT)


def test_an_emptied_adapter_is_refused(trained: LanguageModel, tmp_path: Path) -> None:
    trained.save(tmp_path)
    tensors = load_file(tmp_path / ADAPTER)
    save_file(
        {name: torch.zeros_like(t) for name, t in tensors.items()},
        tmp_path / ADAPTER,
        metadata={"format": "pt"},
    )
    with pytest.raises(TrainingError, match="still zero"):
        certify(trained, tmp_path, items(), SILENT)


def test_a_linear_rung_is_certified_too(tmp_path: Path) -> None:
    task = Task(output="label")
    texts, targets = ["lost card", "my card is gone", "rate of euro", "rate"], "llrr"
    examples = [
        Example(f"item-{i}", text, (), target, "")
        for i, (text, target) in enumerate(zip(texts, targets, strict=True))
    ]
    rung = TfidfLogistic.fit(Card(kind="tfidf", task=task, labels=("l", "r")), examples)
    rung.save(tmp_path)
    assert certify(rung, tmp_path, examples, SILENT)["agrees"]
    rung.weights, rung.bias = -rung.weights, -rung.bias
    with pytest.raises(TrainingError, match="does not answer like the trained one"):
        certify(rung, tmp_path, examples, SILENT)
