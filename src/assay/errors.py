"""The exceptions Assay raises: what was wrong, where, what was available, what to do."""

from __future__ import annotations


class AssayError(Exception):
    """Base of every error a user can cause or must act on.

    ``remedy`` says what to do next; the command line prints it below the cause.
    Instances pickle, so they survive process pools.
    """

    def __init__(self, cause: str, remedy: str = "") -> None:
        super().__init__(cause, remedy)
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.cause}\n{self.remedy}" if self.remedy else self.cause


class RecipeError(AssayError, ValueError):
    """A recipe is not valid; ``cause`` lists every fault with file and line."""


class DataError(AssayError, ValueError):
    """A data source is missing, empty, malformed or unfit for training."""


class AbsentError(DataError):
    """A dataset that a recipe names is not on this machine; ``remedy`` says how to get it."""


class ModelError(AssayError, ValueError):
    """A base model cannot be found, verified, licensed or loaded."""


class TrainingError(AssayError, RuntimeError):
    """Training cannot go on: the loss is not finite, nothing is learnt, memory is exhausted."""


class CheckpointError(AssayError, RuntimeError):
    """No checkpoint verifies, or one cannot be written; the last good one is untouched."""


class StorageError(AssayError, OSError):
    """The disk is full or a path may not be written."""


class ConstraintError(AssayError, ValueError):
    """An output constraint cannot be compiled, or an output violates it."""


class GateError(AssayError, RuntimeError):
    """A specialist may not be packaged or served because its verdict is not ``pass``."""


class PackageError(AssayError, ValueError):
    """A package is malformed, altered, or not signed by a trusted key."""


class DependencyError(AssayError, ImportError):
    """An optional dependency is missing; ``remedy`` names the extra to install."""


class Interrupted(AssayError, KeyboardInterrupt):
    """SIGTERM or Ctrl-C: a checkpoint was written, and the same command resumes it."""


def did_you_mean(word: str, known: list[str] | tuple[str, ...]) -> str:
    """``' Did you mean "x"?'`` for the closest known word, else the known words."""
    import difflib

    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f' Did you mean "{close[0]}"?'
    return f" Available: {', '.join(sorted(known))}." if known else ""
