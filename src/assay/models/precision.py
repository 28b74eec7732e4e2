"""Decides in which numbers a model computes, and says why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch

from assay.errors import DependencyError, ModelError


@dataclass(frozen=True)
class Precision:
    """The numeric type of the base's weights; adapters are always kept in fp32."""

    name: Literal["fp32", "bf16", "nf4"]
    reason: str

    @property
    def dtype(self) -> torch.dtype:
        """The type activations are computed in."""
        return torch.float32 if self.name == "fp32" else torch.bfloat16


def device() -> torch.device:
    """The accelerator where there is one, else the processor."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("cpu")


def decide(wanted: Literal["auto", "fp32", "bf16", "nf4"]) -> Precision:
    """Resolve ``auto`` and check that the machine and its packages can do what is asked."""
    where = device()
    if wanted == "nf4":
        try:
            import bitsandbytes  # noqa: F401  # pyright: ignore[reportMissingImports, reportUnusedImport]
        except ImportError as error:
            raise DependencyError(
                "precision nf4 needs bitsandbytes",
                'pip install "assay[nf4]", or set base.precision',
            ) from error
        return Precision("nf4", "asked for by the recipe")
    if wanted != "auto":
        return Precision(wanted, "asked for by the recipe")
    if where.type == "cuda":
        if torch.cuda.is_bf16_supported():
            return Precision("bf16", "the GPU computes bf16 natively")
        return Precision("fp32", "this GPU does not compute bf16")
    for feature in native_bf16():
        return Precision("bf16", f"{feature} present")
    return Precision("fp32", "the processor has no native bf16")


def native_bf16() -> list[str]:
    """Processor features that compute bf16 natively, best first."""
    cpu: Any = torch.cpu  # these checks have no public name
    checks = {
        "amx_bf16": cpu._is_amx_tile_supported,
        "avx512_bf16": cpu._is_avx512_bf16_supported,
    }
    return [name for name, check in checks.items() if check()]


def require_causal(kind: str, name: str) -> None:
    """Refuse an embedding base where a language model is needed."""
    if kind != "causal":
        raise ModelError(
            f"{name} is an embedding model, and an llm rung needs a causal language model",
            "Set base.model to a causal model, e.g. smollm2-135m-instruct.",
        )
