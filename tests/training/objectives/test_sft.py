"""SFT: Hugging Face's own loss is the oracle; no layout of the rows changes it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from assay.data.prompts import Encoded
from assay.models import lora
from assay.models.attention import use
from assay.recipe.schema import Adapter
from assay.training.objectives.sft import Sft


def examples(shared: int = 12) -> list[Encoded]:
    """Five items that begin with the same tokens, differ in length and end with one untrained."""
    generator = torch.Generator().manual_seed(4)
    prefix = torch.randint(3, 280, (shared,), generator=generator).tolist()
    result = []
    for number, length in enumerate((9, 4, 13, 6, 9)):
        body = torch.randint(3, 280, (length,), generator=generator).tolist()
        trained = [False] * (shared + 2) + [True] * (length - 3) + [False]
        result.append(Encoded(str(number), prefix + body, trained))
    return result


def adapted(tiny: Any) -> Any:
    model = lora.attach(tiny[0], Adapter(rank=4), seed=0, task="CAUSAL_LM")
    generator = torch.Generator().manual_seed(5)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return model


def loss_and_gradients(
    model: Any, objective: Sft, items: list[Encoded]
) -> tuple[float, dict[str, Any]]:
    model.zero_grad()
    loss = objective.loss(model, objective.collate(items))
    loss.backward()
    return float(loss), {
        n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None
    }


def hugging_face(model: Any, items: list[Encoded]) -> tuple[float, dict[str, Any]]:
    """One row at a time through ``model(labels=…)``, mean turned back into a sum."""
    model.zero_grad()
    total = torch.zeros(())
    for item in items:
        ids = torch.tensor([item.tokens])
        labels = torch.tensor(
            [[t if on else -100 for t, on in zip(item.tokens, item.trained, strict=True)]]
        )
        total = total + model(input_ids=ids, labels=labels).loss * sum(item.trained[1:])
    total.backward()
    return float(total), {
        n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None
    }


@pytest.mark.parametrize(
    "way,attention",
    [
        ("plain", "sdpa"),
        ("plain", "our own"),
        ("packed", "sdpa"),
        ("packed", "our own"),
        ("shared prefix", "our own"),
    ],
)
def test_loss_and_gradients_are_hugging_faces(tiny: Any, way: str, attention: str) -> None:
    model = adapted(tiny)
    items = examples()
    expected, wanted = hugging_face(model, items)
    if attention == "our own":
        use(model.get_base_model())
    objective = Sft(share_prefix=way == "shared prefix", pack_to=40 if way == "packed" else None)
    batch = objective.collate(items)
    rows = {"plain": 5, "packed": 3, "shared prefix": 1}
    assert len(batch["tokens"]) == rows[way]
    loss, gradients = loss_and_gradients(model, objective, items)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert gradients.keys() == wanted.keys() and wanted
    for name in wanted:
        torch.testing.assert_close(gradients[name], wanted[name], atol=2e-5, rtol=1e-3)


def test_a_shared_prefix_goes_with_recomputed_activations(tiny: Any) -> None:
    model = adapted(tiny)
    use(model.get_base_model())
    items, objective = examples(), Sft()
    expected, wanted = loss_and_gradients(model.train(), objective, items)
    model.enable_input_require_grads()
    model.activation_checkpointing_enable()
    loss, gradients = loss_and_gradients(model, objective, items)
    assert loss == pytest.approx(expected, rel=1e-6)
    assert gradients.keys() == wanted.keys() and wanted
    for name in wanted:
        torch.testing.assert_close(gradients[name], wanted[name], atol=1e-6, rtol=1e-5)


def test_packed_neighbours_do_not_see_each_other(tiny: Any) -> None:
    model = adapted(tiny)
    one, two, *_ = examples()
    objective = Sft(pack_to=64)
    alone = float(objective.loss(model, objective.collate([one])))
    together = objective.collate([one, two])
    assert len(together["tokens"]) == 1
    other = float(objective.loss(model, objective.collate([two])))
    assert float(objective.loss(model, together)) == pytest.approx(alone + other, rel=1e-5)


def test_weight_is_the_number_of_predicted_tokens() -> None:
    objective = Sft()
    for item in examples():
        assert len(objective.collate([item])["targets"]) == objective.weight(item)


def test_a_shared_prefix_is_laid_out_once() -> None:
    items = examples()
    batch = Sft().collate(items)
    # neither padding nor the last two tokens of a row: the last trained one predicts nothing either
    rests = [token for item in items for token in item.tokens[12:-2]]
    assert batch["tokens"].tolist() == [items[0].tokens[:12] + rests]
    places = [t for item in items for t in range(12, len(item.tokens) - 2)]
    assert batch["positions"].tolist() == [[*range(12), *places]]
    alone = Sft().collate(items[:1])
    assert alone["tokens"].tolist() == [items[0].tokens[:-2]]


def test_rows_without_a_common_start_are_laid_end_to_end(tiny: Any) -> None:
    model = adapted(tiny)
    use(model.get_base_model())
    items = [Encoded(e.id, e.tokens[n:], e.trained[n:]) for n, e in enumerate(examples())]
    together = Sft().collate(items)
    assert together["tokens"].shape == (1, sum(len(item.tokens) - 2 for item in items))
    expected, wanted = loss_and_gradients(model, Sft(share_prefix=False), items)
    loss, gradients = loss_and_gradients(model, Sft(), items)
    assert loss == pytest.approx(expected, rel=1e-5)
    for name in wanted:
        torch.testing.assert_close(gradients[name], wanted[name], atol=2e-5, rtol=1e-3)


def test_the_prefix_ends_before_what_is_trained(tiny: Any) -> None:
    model = adapted(tiny)
    use(model.get_base_model())
    item = examples()[0]
    same = [Encoded(str(n), item.tokens, [False] * 5 + [True] * 16) for n in range(3)]
    objective = Sft()
    assert objective.collate(same)["tokens"].shape == (1, 4 + 3 * 16)
    alone = float(objective.loss(model, objective.collate(same[:1])))
    assert float(objective.loss(model, objective.collate(same))) == pytest.approx(3 * alone)


def test_smoothing_raises_the_loss(tiny: Any) -> None:
    model = adapted(tiny)
    batch = Sft(share_prefix=False).collate(examples())
    assert float(Sft(smoothing=0.1).loss(model, batch)) != float(Sft().loss(model, batch))
