"""Readers of the documentation, by what they have done already."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from reader import ELSEWHERE, STORY, Reader, ended_well
from ready import Ready

from assay import files

NARROW: dict[str, dict[str, Any]] = {  # the widths of its layers, which nobody has trained
    "all-minilm-l6-v2": {
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 1,
        "attention_probs_dropout_prob": 0.0,
        "hidden_dropout_prob": 0.0,
    },
    "smollm2-135m-instruct": {
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 12,  # as many as a recipe adapts
        "num_attention_heads": 1,
        "num_key_value_heads": 1,
        "head_dim": 16,
    },
}


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Has set Assay up, and nothing else."""
    folder = tmp_path_factory.mktemp("reader")
    home = folder / "home"
    home.mkdir()
    models = files.home() / "models"
    if models.is_dir():
        (home / "models").symlink_to(models)
    return Reader(folder, {**os.environ, "ASSAY_HOME": str(home), "COLUMNS": "120"})


@pytest.fixture(scope="module")
def ready() -> Iterator[Ready]:
    """Commands that start at once."""
    server = Ready()
    yield server
    server.close()


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory, ready: Ready) -> Reader:
    """Has bases of the same names with narrow layers of random weights.

    Tokenizer, chat template and all that is made for them (prompts, grammars, packages, the parity
    certificate) are those of the embedded bases; nothing of use is learnt.
    """
    folder = tmp_path_factory.mktemp("hurried")
    home = folder / "home"
    for name, widths in NARROW.items():
        _narrow(files.home() / "models" / name, home / "models" / name, widths)
    env = {**os.environ, "ASSAY_HOME": str(home), "COLUMNS": "120"}
    return Reader(folder, env, hurried=True, ready=ready)


def _narrow(whole: Path, folder: Path, widths: dict[str, Any]) -> None:
    """A base like the one in ``whole``, put into a store."""
    import torch
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

    shutil.copytree(whole, folder, ignore=shutil.ignore_patterns("*.safetensors", "base.json"))
    config = AutoConfig.from_pretrained(whole)
    for key, value in widths.items():
        setattr(config, key, value)
    marker = json.loads((whole / "base.json").read_text(encoding="utf-8"))
    maker: Any = AutoModel if marker["kind"] == "embedding" else AutoModelForCausalLM
    torch.manual_seed(0)
    maker.from_config(config, dtype=torch.float32).save_pretrained(folder)
    marker["files"] = files.tree_digests(folder)
    files.write_json(folder / "base.json", marker)


@pytest.fixture(scope="module")
def reader(newcomer: Reader, ready: Ready) -> Reader:
    """Has followed README to the end of its last block, each command as a program of its own."""
    for command in STORY:
        if command.startswith("assay serve"):
            newcomer.serve(command)
        elif command.startswith("assay "):
            ended_well(newcomer.type(command))
        else:
            assert command in ELSEWHERE, command
    newcomer.ready = ready
    return newcomer
