"""Dequantises a GGUF file into an ordinary Hugging Face folder (safetensors, no quantisation mark)."""

from __future__ import annotations

import json
from pathlib import Path

from assay.errors import ModelError


def dequantise(source: Path, target: Path) -> None:
    """Write ``target`` (an existing empty folder) with bf16 weights, config and tokenizer.

    Transformers does the dequantising. The ``quantization_config`` it leaves behind would make
    every later loader believe that the weights are still packed, so it is dropped here.
    Raises ``ModelError`` when the file is not a GGUF that Transformers can read.
    """
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if source.stat().st_size == 0:
        raise ModelError(
            f"{source}: the model file is empty", "Fetch it again: assay models pull --force"
        )
    try:
        folder, name = str(source.parent), source.name
        tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
        model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
    except (ValueError, KeyError, OSError) as error:
        raise ModelError(
            f"{source}: not a GGUF model that can be dequantised ({error})",
            "Fetch it again: assay models pull --force",
        ) from error
    tied = bool(model.config.tie_word_embeddings)
    tensors = {
        name: tensor.to(torch.bfloat16).contiguous()
        for name, tensor in model.state_dict().items()
        if not (tied and name == "lm_head.weight")
    }
    save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
    config = model.config.to_dict()
    for transient in ("quantization_config", "_name_or_path", "transformers_version"):
        config.pop(transient, None)
    config.update(dtype="bfloat16", architectures=[type(model).__name__])
    (target / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    tokenizer.save_pretrained(target)
