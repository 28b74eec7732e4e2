"""Recognises an out-of-memory error, whichever library raised it."""

from __future__ import annotations

import gc

import torch

MARKS = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error means that memory ran out (CUDA, CPU allocator, Python)."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(mark in str(error).lower() for mark in MARKS)


def free() -> None:
    """Give unused memory back to the device and the system."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
