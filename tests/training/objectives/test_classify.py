"""Classification: what the encoder is shown, in training and outside it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from assay.training.objectives.classify import Classify, LabelledText

PAD, MASK = 0, 4


class Shown(nn.Module):
    """Keeps the tokens it was given; every label is as likely."""

    tokens: Tensor

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        self.tokens = tokens
        return torch.zeros(len(mask), 3)


def texts() -> list[LabelledText]:
    return [LabelledText([2, *range(5, 5 + n), 3], n % 3) for n in range(20, 60)]


def test_some_tokens_are_hidden_in_training_and_no_others() -> None:
    objective, model = Classify(PAD, mask=MASK, word_dropout=0.25), Shown()
    batch = objective.collate(texts())
    torch.manual_seed(0)
    objective.loss(model.train(), batch)
    changed = model.tokens != batch["tokens"]
    assert (model.tokens[changed] == MASK).all()
    assert not changed[:, 0].any()
    assert not changed[batch["mask"] == 0].any()
    assert float(changed.sum() / (batch["mask"].sum() - len(changed))) == pytest.approx(
        0.25, abs=0.03
    )
    first = model.tokens
    torch.manual_seed(0)
    objective.loss(model, batch)
    assert torch.equal(model.tokens, first)  # a resumed run hides what this one would


def test_nothing_is_hidden_outside_training() -> None:
    objective, model = Classify(PAD, mask=MASK, word_dropout=0.5), Shown()
    batch = objective.collate(texts())
    objective.loss(model.eval(), batch)
    assert torch.equal(model.tokens, batch["tokens"])


def test_the_loss_is_summed_over_texts() -> None:
    objective, model = Classify(PAD), Shown()
    items = texts()
    loss = float(objective.loss(model, objective.collate(items)))
    assert loss == pytest.approx(len(items) * torch.tensor(3.0).log().item(), rel=1e-5)
    assert sum(map(objective.weight, items)) == len(items)
