"""A cache that grows in place holds what Transformers' own does."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers.cache_utils import (
    DYNAMIC_LAYER_TYPE_MAPPING,
    DynamicCache,
    DynamicLayer,
    DynamicSlidingWindowLayer,
)

from assay.models.cache import SPARE, GrowingLayer, growing_cache


def fresh(rows: int, tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(rows, 3, tokens, 4), torch.randn(rows, 3, tokens, 4)


def agree(ours: Any, theirs: Any) -> None:
    assert ours.get_seq_length() == theirs.get_seq_length()
    torch.testing.assert_close(ours.keys, theirs.keys, rtol=0, atol=0)
    torch.testing.assert_close(ours.values, theirs.values, rtol=0, atol=0)


@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_steps_leaves_the_same(seed: int) -> None:
    torch.manual_seed(seed)
    ours, theirs, rows = GrowingLayer(), DynamicLayer(), 1
    for _ in range(60):
        step = int(torch.randint(0, 8, ()))
        if step == 0 and ours.get_seq_length() > 3:
            ours.crop(-2), theirs.crop(-2)
        elif step == 1 and rows > 1:
            kept = torch.randperm(rows)[: max(1, rows - 1)]
            ours.batch_select_indices(kept), theirs.batch_select_indices(kept)
            rows = len(kept)
        elif step == 2 and rows < 12 and ours.get_seq_length():
            ours.batch_repeat_interleave(2), theirs.batch_repeat_interleave(2)
            rows *= 2
        else:
            new = fresh(rows, int(torch.randint(1, 40, ())))
            for mine, other in zip(ours.update(*new), theirs.update(*new), strict=True):
                torch.testing.assert_close(mine, other, rtol=0, atol=0)
        if theirs.is_initialized:
            agree(ours, theirs)


def test_a_step_writes_where_there_is_room() -> None:
    layer = GrowingLayer()
    layer.update(*fresh(2, 10))
    before = layer.keys.data_ptr()
    for _ in range(SPARE):
        layer.update(*fresh(2, 1))
    assert layer.keys.data_ptr() == before
    layer.update(*fresh(2, 1))
    assert layer.keys.data_ptr() != before


def test_what_was_read_from_it_before_stays_as_it_was() -> None:
    layer = GrowingLayer()
    keys, _ = layer.update(*fresh(2, 10))
    copy = keys.clone()
    layer.update(*fresh(2, 5))
    torch.testing.assert_close(keys, copy, rtol=0, atol=0)


def test_only_layers_of_full_attention_are_replaced(tiny: Any) -> None:
    kinds = {type(layer) for layer in growing_cache(tiny[0].config).layers}
    assert kinds == {GrowingLayer}
    known = dict(DYNAMIC_LAYER_TYPE_MAPPING)
    assert GrowingLayer not in known.values(), "Transformers would use it for every model"
    config = tiny[0].config.__class__(**{**tiny[0].config.to_dict(), "sliding_window": 8})
    config.layer_types = ["sliding_attention", "full_attention"][: config.num_hidden_layers]
    if len(config.layer_types) == 2 and config.num_hidden_layers == 2:
        assert [type(layer) for layer in growing_cache(config).layers] == [
            DynamicSlidingWindowLayer,
            GrowingLayer,
        ]
    assert isinstance(growing_cache(tiny[0].config), DynamicCache)
