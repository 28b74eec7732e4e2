"""Tagging: which tokens stand for words, and that every word counts once."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from transformers import BertConfig, BertForTokenClassification

from assay.training.objectives.tag import EncoderTagger, Tag, TaggedText

PAD, MASK = 0, 4
ITEMS = [
    TaggedText([2, 5, 6, 7, 3], firsts=[1, 3], shapes=[0, 1], tags=[1, 0]),
    TaggedText([2, 8, 3], firsts=[1], shapes=[2], tags=[2]),
    TaggedText([2, 5, 9, 3], firsts=[], shapes=[], tags=[]),
]


class Numbers(nn.Module):
    """An encoder whose hidden state is the token's id and its place."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
        places = torch.arange(input_ids.shape[1]).expand_as(input_ids)
        hidden = torch.stack([input_ids, places], dim=2).float()
        return SimpleNamespace(last_hidden_state=hidden)


def test_a_word_is_its_first_token_and_its_shape() -> None:
    batch = Tag(PAD).collate(ITEMS)
    assert batch.pop("tags").tolist() == [1, 0, 2]
    features = EncoderTagger(Numbers(), 2, 3, 4).eval().features(**batch)
    assert features.tolist() == [[5, 1, 1, 0, 0], [7, 3, 0, 1, 0], [8, 1, 0, 0, 1]]


def test_a_batch_without_words_has_no_loss() -> None:
    objective = Tag(PAD)
    network = EncoderTagger(Numbers(), 2, 3, 4)
    assert float(objective.loss(network, objective.collate(ITEMS[2:]))) == 0.0


def test_the_loss_is_transformers_own_summed_over_words() -> None:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=20,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        num_labels=4,
    )
    oracle = BertForTokenClassification(config).eval()
    network = EncoderTagger(oracle.bert, 16, 3, 4).eval()
    with torch.no_grad():
        network.head.weight.zero_()
        network.head.weight[:, :16] = oracle.classifier.weight
        network.head.bias.copy_(oracle.classifier.bias)
    objective = Tag(PAD)
    batch = objective.collate(ITEMS)
    labels = torch.full_like(batch["tokens"], -100)
    labels[batch["rows"], batch["columns"]] = batch["tags"]
    mean = oracle(input_ids=batch["tokens"], attention_mask=batch["mask"], labels=labels).loss
    words = sum(map(objective.weight, ITEMS))
    assert words == 3
    assert float(objective.loss(network, batch)) == pytest.approx(float(mean) * words, rel=1e-5)


def test_words_are_hidden_in_training_only() -> None:
    seen: list[Tensor] = []

    class Shown(nn.Module):
        def forward(self, tokens: Tensor, *_: Tensor) -> Tensor:
            seen.append(tokens)
            return torch.zeros(3, 4)

    objective = Tag(PAD, mask=MASK, word_dropout=0.9)
    batch = objective.collate(ITEMS)
    torch.manual_seed(0)
    objective.loss(Shown().train(), batch)
    objective.loss(Shown().eval(), batch)
    assert (seen[0] == MASK).any()
    assert torch.equal(seen[1], batch["tokens"])
