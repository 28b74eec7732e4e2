"""Small recipes, items and answers that the tests of the evaluation are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from assay.data.records import Example
from assay.evaluation.predictions import Prediction
from assay.evaluation.result import Answers
from assay.recipe.schema import Base, Data, Gate, Recipe, Rung, Source, Task

REQUEST = {
    "type": "object",
    "properties": {"intent": {"type": "string"}, "slots": {"type": "object"}},
}


PRIMARY = {
    "label": "accuracy",
    "entities": "span_f1",
    "json": "exact_match",
    "text": "token_f1",
}


class Make:
    """Builders with few arguments; tests vary only what they are about."""

    @staticmethod
    def task(output: str) -> Task:
        if output == "json":
            return Task(
                output="json", json_schema=REQUEST, intent_field="intent", slots_field="slots"
            )
        return Task.model_validate({"output": output})

    @staticmethod
    def recipe(output: str = "label", **gate: Any) -> Recipe:
        primary = PRIMARY[output]
        return Recipe(
            name="banking-intent",
            summary="Which question is a customer asking?",
            task=Make.task(output),
            base=Base(model="all-minilm-l6-v2"),
            data=Data(train=Source(path="train.jsonl")),
            ladder=[Rung(kind="llm")],
            gate=Gate.model_validate({"primary": primary, "thresholds": {}, **gate}),
        )

    @staticmethod
    def examples(targets: Sequence[str], slices: Sequence[str] | None = None) -> list[Example]:
        return [
            Example(f"item-{i:05d}", f"input {i}", (), target, slices[i] if slices else target)
            for i, target in enumerate(targets)
        ]

    @staticmethod
    def answers(
        outputs: Sequence[str | None],
        name: str = "system",
        confidence: Sequence[float | None] | None = None,
        scores: Sequence[tuple[float, ...] | None] | None = None,
    ) -> Answers:
        """None is an invalid answer."""
        predictions = [
            Prediction(
                id=f"item-{i:05d}",
                output=output or "",
                raw=output if output is not None else "{broken",
                valid=output is not None,
                confidence=confidence[i] if confidence is not None else None,
                scores=scores[i] if scores is not None else None,
            )
            for i, output in enumerate(outputs)
        ]
        return Answers(name, predictions, 0.5)

    @staticmethod
    def noisy(targets: Sequence[str], labels: Sequence[str], share: float, seed: int) -> list[str]:
        """Answers of which about ``share`` are right."""
        generator = np.random.default_rng(seed)
        return [
            target if generator.random() < share else labels[generator.integers(len(labels))]
            for target in targets
        ]


@pytest.fixture(scope="session")
def make() -> type[Make]:
    return Make
