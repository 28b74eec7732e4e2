"""Batches and learning rates are pure functions of seed and step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.recipe.schema import Training
from assay.training.schedule import epoch_batches, learning_rate, total_steps


@given(
    lengths=st.lists(st.integers(1, 50), min_size=1, max_size=200),
    batch=st.integers(1, 20),
    seed=st.integers(0, 5),
)
def test_an_epoch_sees_every_item_once(lengths: list[int], batch: int, seed: int) -> None:
    batches = epoch_batches(lengths, batch, seed, epoch=0)
    assert sorted(i for part in batches for i in part) == list(range(len(lengths)))
    assert all(len(part) <= batch for part in batches)
    assert batches == epoch_batches(lengths, batch, seed, epoch=0)


def test_epochs_and_seeds_differ() -> None:
    lengths = list(range(100))
    first = epoch_batches(lengths, 8, 0, 0)
    assert first != epoch_batches(lengths, 8, 0, 1)
    assert first != epoch_batches(lengths, 8, 1, 0)


def test_batches_hold_items_of_like_length() -> None:
    lengths = [i % 40 + 1 for i in range(640)]
    spread = [
        max(lengths[i] for i in part) - min(lengths[i] for i in part)
        for part in epoch_batches(lengths, 16, 0, 0)
    ]
    assert sum(spread) / len(spread) < 4


@pytest.mark.parametrize("schedule,last", [("cosine", 0.0), ("linear", 0.0), ("constant", 1.0)])
def test_learning_rate_warms_up_and_ends(schedule: str, last: float) -> None:
    settings = Training(learning_rate=1.0, warmup=0.1, schedule=schedule)  # type: ignore[arg-type]
    rates = [learning_rate(step, 100, settings) for step in range(101)]
    assert rates[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert max(rates) == 1.0
    assert rates[100] == pytest.approx(last, abs=1e-9)


def test_total_steps() -> None:
    assert total_steps(100, Training(epochs=2, batch=16)) == 14
    assert total_steps(100, Training(epochs=0.5, batch=10)) == 5
    assert total_steps(3, Training(epochs=0.1, batch=10)) == 1
    assert total_steps(100, Training(max_steps=7)) == 7
