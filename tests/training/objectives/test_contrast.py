"""InfoNCE: sentence-transformers as the oracle, and what is no negative."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from torch import Tensor, nn

from assay.training.objectives.contrast import TEMPERATURE, Contrast, Pair, Text

WIDTH = 16


class Looked(nn.Module):
    """A text's vector is the unit mean of learned token vectors."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(60, WIDTH)
        self.seen: list[Tensor] = []

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        self.seen.append(tokens)
        weights = mask.unsqueeze(-1).float()
        mean = (self.table(tokens) * weights).sum(1) / weights.sum(1)
        return F.normalize(mean, dim=-1)


def pair(n: int, relevant: set[int] | None = None) -> Pair:
    query, passage = Text([1, 10 + n, 2]), Text([1, *range(30 + n, 34 + n), 2])
    return Pair(query, passage, n, frozenset(relevant or {n}))


def loss_and_gradient(pairs: list[Pair]) -> tuple[float, Tensor]:
    model, objective = Looked(), Contrast(0)
    loss = objective.loss(model, objective.collate(pairs))
    loss.backward()
    assert model.table.weight.grad is not None
    return loss.item(), model.table.weight.grad


def test_loss_and_gradient_are_those_of_sentence_transformers() -> None:
    pairs = [pair(n) for n in range(6)]
    loss, gradient = loss_and_gradient(pairs)
    model = Looked()
    batch = Contrast(0).collate(pairs)
    vectors = [model(batch[name], batch[f"{name}_mask"]) for name in ("queries", "passages")]
    theirs = MultipleNegativesRankingLoss(nn.Identity(), scale=1 / TEMPERATURE)  # pyright: ignore
    expected = theirs.compute_loss_from_embeddings(vectors, torch.empty(0))
    expected.backward()
    assert loss == pytest.approx(6 * expected.item(), rel=1e-5)  # ours is a sum
    assert model.table.weight.grad is not None
    assert torch.allclose(gradient, 6 * model.table.weight.grad, atol=1e-5)


def test_a_passage_that_answers_the_query_too_is_no_negative() -> None:
    """Row 0's query is also answered by passage 1: its loss is that of a batch without it."""
    shared = [pair(0, {0, 1}), pair(1), pair(2)]
    batch = Contrast(0).collate(shared)
    assert batch["left_out"].tolist() == [[False, True, False], [False] * 3, [False] * 3]
    model, objective = Looked(), Contrast(0)
    queries, passages = (model(batch[n], batch[f"{n}_mask"]) for n in ("queries", "passages"))
    logits = queries @ passages.T / TEMPERATURE
    rows = [
        F.cross_entropy(logits[0, [0, 2]], torch.tensor(0)),
        F.cross_entropy(logits[1], torch.tensor(1)),
        F.cross_entropy(logits[2], torch.tensor(2)),
    ]
    assert objective.loss(model, batch).item() == pytest.approx(
        sum(row.item() for row in rows), rel=1e-5
    )


def test_the_same_passage_twice_in_a_batch_is_left_out_both_times() -> None:
    twice = [pair(0), pair(0), pair(3)]
    assert Contrast(0).collate(twice)["left_out"].tolist() == [
        [False, True, False],
        [True, False, False],
        [False, False, False],
    ]
    loss, gradient = loss_and_gradient(twice[:2])
    assert loss == 0.0 and not gradient.any()  # nothing to tell them from


def test_words_of_both_texts_are_hidden_in_training_only() -> None:
    objective, model = Contrast(0, mask=5, word_dropout=0.9), Looked()
    batch = objective.collate([pair(n) for n in range(8)])
    torch.manual_seed(0)
    objective.loss(model.train(), batch)
    assert all((tokens == 5).any() and not (tokens[:, 0] == 5).any() for tokens in model.seen)
    model.seen.clear()
    objective.loss(model.eval(), batch)
    assert [bool((tokens == 5).any()) for tokens in model.seen] == [False, False]


def test_every_pair_counts_once_and_is_as_long_as_both_texts() -> None:
    objective = Contrast(0)
    assert (objective.weight(pair(1)), objective.length(pair(1))) == (1, 9)
