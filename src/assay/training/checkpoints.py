"""Checkpoints that are either whole or absent, and the search for the newest whole one.

A checkpoint is a folder ``step-00000120`` with safetensors, ``state.json`` and, written last,
``manifest.json`` with the digest of each file. The folder is built aside, flushed to disk and
renamed, so a kill at any point leaves the earlier checkpoints untouched.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from assay import files
from assay.errors import CheckpointError, StorageError

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Checkpoint:
    """What is needed to continue bit for bit: weights, optimizer moments, loop state."""

    step: int
    weights: dict[str, Tensor]
    moments: dict[str, Tensor]
    state: dict[str, Any]


def save(root: Path, checkpoint: Checkpoint, *, keep: int) -> Path:
    """Write ``root/step-N`` and delete all but the newest ``keep``.

    Raises ``StorageError`` naming the last good checkpoint when the disk is full.
    """
    target = root / f"step-{checkpoint.step:08d}"
    try:
        with files.new_directory(target) as folder:
            write_tensors(folder / "weights.safetensors", checkpoint.weights)
            if checkpoint.moments:
                write_tensors(folder / "moments.safetensors", checkpoint.moments)
            files.write_json(folder / "state.json", {"step": checkpoint.step, **checkpoint.state})
            files.write_json(folder / MANIFEST, files.tree_digests(folder))
    except StorageError as error:
        last = newest(root)
        usable = (
            f"The last usable checkpoint is {last}." if last else "There is no earlier checkpoint."
        )
        raise StorageError(error.cause, f"{usable} {error.remedy}") from error
    for old in sorted(root.glob("step-*"))[:-keep]:
        shutil.rmtree(old)
    return target


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """A safetensors file of detached CPU copies."""
    with files.storage_errors(path):
        save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, path)


def verifies(folder: Path) -> bool:
    """Whether every file of a checkpoint is there with the bytes its manifest states."""
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return False
    try:
        expected: dict[str, str] = files.read_json(manifest)
    except ValueError:
        return False
    actual = files.tree_digests(folder)
    actual.pop(MANIFEST)
    return bool(expected) and expected == actual


def newest(root: Path) -> Path | None:
    """The newest checkpoint that verifies, or None."""
    return next((p for p in sorted(root.glob("step-*"), reverse=True) if verifies(p)), None)


def passed_over(root: Path) -> list[Path]:
    """Checkpoints newer than the newest good one, which do not verify."""
    good = newest(root)
    return [
        p for p in sorted(root.glob("step-*")) if (good is None or p > good) and not verifies(p)
    ]


def load(folder: Path) -> Checkpoint:
    """Read a checkpoint; raises ``CheckpointError`` if it does not verify."""
    if not verifies(folder):
        raise CheckpointError(
            f"{folder}: incomplete or altered", "Delete it; an older one is used."
        )
    moments = folder / "moments.safetensors"
    state: dict[str, Any] = files.read_json(folder / "state.json")
    return Checkpoint(
        step=state.pop("step"),
        weights=load_file(folder / "weights.safetensors"),
        moments=load_file(moments) if moments.is_file() else {},
        state=state,
    )


def optimizer_moments(
    optimizer: torch.optim.Optimizer, names: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """AdamW's state as flat tensors ``<parameter>/<moment>``, so that no pickle is needed."""
    flat: dict[str, Tensor] = {}
    for name, parameter in names.items():
        for key, value in optimizer.state.get(parameter, {}).items():
            flat[f"{name}/{key}"] = value
    return flat


def restore_moments(
    optimizer: torch.optim.Optimizer, names: Mapping[str, Tensor], moments: Mapping[str, Tensor]
) -> None:
    """The inverse of ``optimizer_moments``."""
    for full, value in moments.items():
        name, key = full.rsplit("/", 1)
        parameter = names[name]
        where = value if key == "step" else value.to(parameter.device)
        optimizer.state[parameter][key] = where.clone()


def restore_weights(names: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> None:
    """Copy saved weights into the live parameters; raises ``CheckpointError`` on a mismatch."""
    if names.keys() != weights.keys():
        odd = sorted(names.keys() ^ weights.keys())[:3]
        raise CheckpointError(
            f"the checkpoint belongs to another model (differs at {', '.join(odd)})",
            "Start afresh: assay train … --fresh",
        )
    with torch.no_grad():
        for name, parameter in names.items():
            parameter.copy_(weights[name])
