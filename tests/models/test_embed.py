"""Sentence embeddings, and an encoder that remembers what it read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from assay.models.embed import embed
from assay.models.load import Remembered
from assay.observability.progress import SILENT

TEXTS = ["my card is lost", "a loan please", "what is the rate of it"]


@pytest.fixture
def embedder(tiny_encoder: Any) -> Any:
    return tiny_encoder(TEXTS)()


def count_readings(embedder: Any) -> list[int]:
    """The sizes of the batches that the encoder reads from now on."""
    found: list[int] = []
    embedder.model.register_forward_hook(
        lambda model, args, kwargs, out: found.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    return found


def test_vectors_are_of_unit_length_and_in_the_order_given(embedder: Any) -> None:
    vectors = embed(embedder, TEXTS, SILENT)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    alone = np.concatenate([embed(embedder, [text], SILENT) for text in TEXTS])
    assert np.allclose(vectors, alone, atol=1e-6)


def test_without_memory_texts_are_read_each_time(embedder: Any) -> None:
    readings = count_readings(embedder)
    embed(embedder, TEXTS, SILENT)
    embed(embedder, TEXTS, SILENT)
    assert readings == [3, 3]


def test_an_encoder_that_remembers_reads_a_list_once_and_says_what_that_spared(
    embedder: Any,
) -> None:
    plain = embed(embedder, TEXTS, SILENT)
    embedder.remembered = Remembered()
    readings = count_readings(embedder)
    first = embed(embedder, TEXTS, SILENT)
    assert embedder.remembered.spared == 0
    again = embed(embedder, TEXTS, SILENT)
    assert readings == [3]
    assert np.array_equal(first, again) and np.array_equal(first, plain)
    assert embedder.remembered.spared > 0


def test_only_the_same_list_in_the_same_form_is_known(embedder: Any) -> None:
    embedder.remembered = Remembered()
    readings = count_readings(embedder)
    embed(embedder, TEXTS, SILENT)
    embed(embedder, TEXTS[::-1], SILENT)
    embed(embedder, TEXTS[:2], SILENT)
    embed(embedder, TEXTS, SILENT, batch=2)
    embed(embedder, TEXTS, SILENT, max_tokens=2)
    assert readings == [3, 3, 2, 2, 1, 3]
    assert embedder.remembered.spared == 0
