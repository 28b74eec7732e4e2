"""A commented starter recipe, fitted to a data file when one is given."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from assay import files
from assay.errors import RecipeError
from assay.recipe import yaml_lines
from assay.recipe.sniff import SAMPLE, Sniffed, sniff
from assay.recipe.tree import error_of
from assay.recipe.validate import document_faults

PLACEHOLDER = Sniffed(
    columns=("text", "label"),
    rows=0,
    output="label",
    reason="one of a fixed set; json and text are the other kinds",
    input="text",
    target="label",
)
THRESHOLDS = {
    "label": ("accuracy", {"accuracy": 0.9}),
    "json": ("exact_match", {"exact_match": 0.7, "valid": 1.0}),
    "text": ("chrf", {"chrf": 0.5}),
}
LADDERS = {
    "label": """\
  - kind: majority              # always the commonest label: the floor
  - kind: tfidf                 # words + logistic regression: trains in seconds
  - kind: embedding             # frozen sentence embeddings + logistic regression
    base: {model: all-minilm-l6-v2}
  - kind: encoder               # the same embedding model, fine-tuned
    base: {model: all-minilm-l6-v2}
    training: {epochs: 10, batch: 32, learning_rate: 3e-4}
  - kind: llm                   # LoRA on `base`
""",
    "other": """\
  - kind: majority              # always the commonest answer: the floor
  - kind: nearest               # the answer of the most similar training input
  - kind: llm                   # LoRA on `base`
""",
}
