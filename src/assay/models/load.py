"""Loads a base into memory: safetensors only, in the precision decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from assay.errors import ModelError
from assay.models import attention, decoder
from assay.models.precision import Precision, device, require_causal
from assay.models.store import BaseRef
from assay.observability.progress import Progress


@dataclass
class Causal:
    """A causal language model ready to compute."""

    model: Any
    tokenizer: Any
    ref: BaseRef
    precision: Precision

    @property
    def terminators(self) -> set[int]:
        """Token ids that end an answer; some bases name a turn's end in one config only."""
        found: set[int] = {self.tokenizer.eos_token_id}
        for config in (self.model.config, self.model.generation_config):
            eos: int | list[int] | None = config.eos_token_id
            found |= set(eos) if isinstance(eos, list) else {eos} if eos is not None else set()
        return found


@dataclass
class Remembered:
    """What a frozen encoder has read: the vectors of whole lists of texts, and the seconds they took.

    A list is known as a whole: batches set the last bits of a vector, and a run that goes on in a
    new process must come to those of one that was not stopped.
    """

    vectors: dict[str, tuple[np.ndarray, float]] = field(default_factory=dict)
    spared: float = 0.0  # seconds that reading again would have taken


@dataclass
class Embedder:
    """A text encoder; its embedding is the mean of the last hidden states, of unit length."""

    model: Any
    tokenizer: Any
    ref: BaseRef
    remembered: Remembered | None = None  # None: every text is read anew; so it must be in training


def load_causal(ref: BaseRef, precision: Precision, progress: Progress) -> Causal:
    """Load a language model with its tokenizer, frozen and in evaluation mode."""
    from transformers import AutoModelForCausalLM

    require_causal(ref.kind, ref.name)
    progress.say(f"{ref.name}: weights in {precision.name} ({precision.reason})")
    options: dict[str, Any] = {"dtype": precision.dtype, "use_safetensors": True}
    if precision.name == "nf4":
        from transformers import BitsAndBytesConfig

        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=torch.bfloat16,
            bnb_4bit_use_double_quant=True,
        )
    model = _load(AutoModelForCausalLM, ref, options)
    model.config.use_cache = False
    tokenizer = load_tokenizer(ref)
    known: int = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > known:
        raise ModelError(
            f"{ref.path}: the tokenizer has {len(tokenizer):,} tokens, the model {known:,}",
            "The two do not belong together; fetch the base again.",
        )
    return Causal(model, tokenizer, ref, precision)


def load_embedder(ref: BaseRef, progress: Progress) -> Embedder:
    """Load an encoder with its tokenizer, in fp32 and evaluation mode."""
    from transformers import AutoModel

    progress.say(f"{ref.name}: encoder in fp32")
    model = _load(AutoModel, ref, {"dtype": torch.float32, "use_safetensors": True})
    return Embedder(model, load_tokenizer(ref), ref)


def _load(loader: Any, ref: BaseRef, options: dict[str, Any]) -> Any:
    quiet()
    try:
        model, about = loader.from_pretrained(
            ref.path, local_files_only=True, output_loading_info=True, **options
        )
    except Exception as error:  # a broken file raises whatever its parser does
        raise _unfit(ref, str(error)[:500]) from error
    # Transformers draws missing weights at random and warns; a pooler is read by nobody here.
    missing = sorted(name for name in about["missing_keys"] if "pooler" not in name)
    if missing:
        raise _unfit(ref, f"{len(missing)} weights are missing: {', '.join(missing[:3])}")
    odd = [name for name, p in model.named_parameters() if not torch.isfinite(p.sum())]
    if odd:
        raise _unfit(ref, f"not finite numbers: {', '.join(odd[:3])}")
    model.requires_grad_(False)
    if "quantization_config" not in options:
        model.to(device())
    attention.use(model)
    decoder.fuse(model)
    return model.eval()


def _unfit(ref: BaseRef, why: str) -> ModelError:
    return ModelError(
        f"{ref.path}: the model cannot be loaded ({why})",
        "Check that config.json and the safetensors belong together, or fetch it again.",
    )


def load_tokenizer(ref: BaseRef) -> Any:
    """The base's tokenizer; raises ``ModelError`` when it cannot be read."""
    from transformers import AutoTokenizer

    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(ref.path, local_files_only=True)
    except Exception as error:  # a broken file raises whatever its parser does
        raise ModelError(
            f"{ref.path}: the tokenizer cannot be loaded ({str(error).splitlines()[0][:300]})",
            "Check that tokenizer.json is there and whole, or fetch the base again.",
        ) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def quiet() -> None:
    """Stop Transformers drawing its own progress bars, and PEFT's use of it warning, over ours."""
    import warnings

    from transformers.utils import logging

    warnings.filterwarnings(
        "ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning
    )

    logging.disable_progress_bar()
    logging.set_verbosity_error()
