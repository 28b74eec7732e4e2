"""What a loaded language model says of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assay.models.load import Causal
from assay.models.precision import decide
from assay.models.store import BaseRef


@pytest.mark.parametrize(
    "config,generation,more",
    [(7, [7, 9], {7, 9}), ([7, 8], None, {7, 8}), (None, 9, {9}), (None, None, set())],
)
def test_an_answer_ends_at_what_either_config_or_the_tokenizer_names(
    tiny: Any, tmp_path: Path, config: Any, generation: Any, more: set[int]
) -> None:
    model, tokenizer = tiny
    model.config.eos_token_id = config
    model.generation_config.eos_token_id = generation
    ref = BaseRef("tiny", tmp_path, "0" * 64, "MIT", "causal", "test")
    loaded = Causal(model, tokenizer, ref, decide("fp32"))
    assert loaded.terminators == {tokenizer.eos_token_id, *more}
