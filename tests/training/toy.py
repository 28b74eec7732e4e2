"""A small regression that the engine can train in milliseconds, also run as a script to be killed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from assay.observability.progress import SILENT
from assay.recipe.schema import Training
from assay.training.engine import Engine

Item = tuple[list[float], float, int]


class Toy:
    """Squared error with a weight per item; may fail on purpose at a chosen call."""

    name = "toy"

    def __init__(self) -> None:
        self.calls = 0
        self.kill_at: int | None = None
        self.largest: int | None = None  # rows that fit in memory
        self.poison_at: int | None = None
        self.stop_at: int | None = None

    def length(self, item: Item) -> int:
        return len(item[0])

    def weight(self, item: Item) -> int:
        return item[2]

    def collate(self, items: Sequence[Item]) -> dict[str, Any]:
        return {
            "x": torch.tensor([item[0] for item in items]),
            "y": torch.tensor([item[1] for item in items]),
            "w": torch.tensor([float(item[2]) for item in items]),
        }

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        self.calls += 1
        if self.calls == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.calls == self.stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        if self.largest is not None and len(batch["y"]) > self.largest:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        error = (model(batch["x"]).squeeze(-1) - batch["y"]) ** 2
        if self.calls == self.poison_at:
            error = error * float("nan")
        return (error * batch["w"]).sum()


def network() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 1))


def items(count: int = 48, seed: int = 0) -> list[Item]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 4, generator=generator)
    y = x.sum(1) + 0.1 * torch.randn(count, generator=generator)
    return [
        (row.tolist(), float(t), 1 + i % 3) for i, (row, t) in enumerate(zip(x, y, strict=True))
    ]


def settings(**changes: Any) -> Training:
    base: dict[str, Any] = {"epochs": 3, "batch": 8, "learning_rate": 0.02, "sinks": []}
    return Training(**{**base, "checkpoint_every": 2, "keep_checkpoints": 2, **changes})


def engine(folder: Path, objective: Toy | None = None, **changes: Any) -> Engine[Item]:
    return Engine(network(), objective or Toy(), settings(**changes), folder, SILENT)


def weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


if __name__ == "__main__":
    chosen = Toy()
    chosen.kill_at = int(sys.argv[2])
    engine(Path(sys.argv[1]), chosen).fit(items(), items(16, seed=1))
