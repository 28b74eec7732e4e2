"""A commented starter recipe, fitted to a data file when one is given."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

from assay import files
from assay.errors import RecipeError
from assay.recipe.load import faults_in
from assay.recipe.sniff import Sniffed, sniff
from assay.recipe.yaml_lines import dump, inline

PLACEHOLDER = "data.jsonl"
UNSEEN = Sniffed(
    columns=("text", "label"),
    rows=0,
    output="label",
    reason="one of a fixed set of answers; `json` and `text` are the other kinds",
    input="text",
    target="label",
)

HEADER = """\
# {name}: {file}
#
#   assay validate {file}        every fault at once, each with its line
#   assay data inspect {file}    what the model sees, and which tokens it is trained on
#   assay train {file}           climb the ladder; ship the first rung that passes the gate
#
#   assay explain {file}         every setting, its value, who gave it and what it does
#   assay train {file} --profile full --set training.epochs=3
#
{looked}
name: {name}
summary: {summary}   # one line: what goes in, what comes out
default_profile: local

task:
  output: {output}   # {reason}
"""
TASKS = {
    "label": """\
  system: ""        # an instruction before every input; every token of it costs time
  prompt: "{input}"
""",
    "entities": """\
  system: List the named entities.   # for an llm; the other rungs do not read it
""",
    "json": """\
  system: Reply with JSON.   # short: every token of it costs time
  # intent_field: intent     # a top-level key to score as the class (intent_accuracy)
  # slots_field: slots       # a top-level key whose items are scored (slot_f1)
  max_new_tokens: 256
  # Inferred from the rows looked at; every row must fit, and answers are held to it, their keys in
  # this order. Turn a text property with few values into an enum, give the others a maxLength.
  schema:
""",
    "text": """\
  system: ""        # an instruction before every input; every token of it costs time
  max_new_tokens: 128
""",
}
MODEL = """
base:
  model: smollm2-135m-instruct   # `assay models list` shows the others

"""
PAIRS = """\
data:
  train: {{path: {path}}}   # relative to this file
  # No data.validation and data.test: 10 % each are cut from train, by a hash of the content.
  input: {input}
  target: {target}
"""
MESSAGES = """\
data:
  train: {{path: {path}}}   # relative to this file
  # No data.validation and data.test: 10 % each are cut from train, by a hash of the content.
  format: messages   # every assistant turn is trained on; the last one is scored
  messages: {messages}
"""
LABEL_LADDER = """
# From cheapest to dearest to serve; the first that passes the gate is shipped.
ladder:
  - kind: majority      # always the commonest label: the floor
  - kind: tfidf         # words and logistic regression: trains in seconds
  - kind: embedding     # frozen sentence embeddings and logistic regression
    base: {model: all-minilm-l6-v2}
  - kind: encoder       # the same embedding model, all of it trained
    base: {model: all-minilm-l6-v2}
    training: {epochs: 10, batch: 32, learning_rate: 3e-4}
  - kind: llm           # LoRA on `base`
"""
ENTITY_LADDER = """
# From cheapest to dearest to serve; the first that passes the gate is shipped.
ladder:
  - kind: majority      # always the commonest answer, mostly no entity: the floor
  - kind: dictionary    # what the training rows name, looked up: trains in a second
  - kind: embedding     # a frozen encoder's words and logistic regression
    base: {model: all-minilm-l6-v2}
  - kind: encoder       # the same encoder, all of it trained to tag words
    base: {model: all-minilm-l6-v2}
    training: {epochs: 4, batch: 32, learning_rate: 3e-4}
  - kind: llm           # LoRA on `base`, writing the entities as JSON
"""
OTHER_LADDER = """
# From cheapest to dearest to serve; the first that passes the gate is shipped.
ladder:
  - kind: majority      # always the commonest answer: the floor
  - kind: nearest       # the answer to the most similar training input
  - kind: llm           # LoRA on `base`
"""
TRAINING = """
adapter:
  rank: 16              # more: learns more, costs more memory; alpha is usually twice the rank
  alpha: 32

training:
  epochs: 2
  batch: 16
  learning_rate: 1e-3   # for the small base; a base of billions wants about 2e-4

# What a specialist must show on the test split before it can be packaged. It must also beat the
# base and the cheaper rungs by more than noise. Set the thresholds to what your task needs.
gate:
"""
GATES = {
    "label": """\
  primary: accuracy
  thresholds: {accuracy: 0.90}
""",
    "entities": """\
  primary: span_f1      # an entity counts with its exact words and type
  thresholds: {span_f1: 0.80}
""",
    "json": """\
  primary: exact_match
  thresholds: {exact_match: 0.70, valid: 1.0}
""",
    "text": """\
  primary: chrf         # overlap of character n-grams with the expected answer
  thresholds: {chrf: 0.50}
""",
}
PROFILES = """
profiles:
  local:   # two CPU cores, minutes: the embedded base and a small cut
    data:
      limit: {train: 2000, validation: 200, test: 500}
  full:    # a GPU: every row, a larger base
    base: {model: hf://Qwen/Qwen3-4B-Instruct-2507, precision: bf16}
    training: {learning_rate: 2e-4}
"""


def init(path: Path, name: str, data_file: Path | None) -> Path:
    """Write a starter recipe called ``name`` to ``path`` and return its path.

    A folder gets ``<name>.yaml``. With ``data_file``, columns and kind of output are proposed
    from its rows, with the reason in a comment.

    Raises:
        RecipeError: the file exists, or ``name`` cannot be a recipe's name.
        DataError: ``data_file`` cannot be read, or has no two rows and columns.
    """
    path = path / f"{name}.yaml" if path.is_dir() else path
    if path.suffix not in (".yaml", ".yml"):
        path = path.with_name(f"{path.name}.yaml")
    if path.exists():
        raise RecipeError(f"{path}: exists already", "Remove it, or choose another name.")
    found = sniff(data_file) if data_file is not None else UNSEEN
    data = os.path.relpath(data_file, path.parent) if data_file is not None else PLACEHOLDER
    text = starter(path.name, name, found, Path(data).as_posix())
    faults = faults_in(text, str(path))
    if faults:
        raise RecipeError("\n".join(faults), "Choose another name for the recipe.")
    files.write_text(path, text)
    return path


def starter(file: str, name: str, found: Sniffed, data: str) -> str:
    """The text of a starter recipe for rows like ``found``, read from ``data``."""
    header = HEADER.format(
        name=name,
        file=file,
        looked=_looked(found, data),
        summary=inline(f"{name}, trained on {Path(data).name}"),
        output=found.output,
        reason=_printable(found.reason),
    )
    columns = MESSAGES if found.messages else PAIRS
    parts = [
        header,
        TASKS[found.output],
        textwrap.indent(dump(found.schema), "    ") if found.schema else "",
        MODEL,
        columns.format(
            path=inline(data),
            input=inline(found.input),
            target=inline(found.target),
            messages=inline(found.messages),
        ),
        f"  id: {inline(found.id)}\n" if found.id else "",
        {"label": LABEL_LADDER, "entities": ENTITY_LADDER}.get(found.output, OTHER_LADDER),
        TRAINING,
        GATES[found.output],
        PROFILES,
    ]
    return "".join(parts)


def _printable(text: str) -> str:
    """``text`` as it may stand in a comment: on one line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _looked(found: Sniffed, data: str) -> str:
    if not found.rows:
        lines = (
            f"{data} holds one JSON object a line, such as " + '{"text": "...", "label": "..."}.'
        )
    else:
        used = {found.input, found.target, found.messages, found.id}
        unused = [name for name in found.columns if name not in used]
        more = f" Not used: {', '.join(unused)} (`data.slice` reports one by value)."
        lines = f"{data}: {found.rows:,} rows looked at, columns {', '.join(found.columns)}."
        lines += more if unused else ""
    return textwrap.fill(_printable(lines), 98, initial_indent="# ", subsequent_indent="# ")
