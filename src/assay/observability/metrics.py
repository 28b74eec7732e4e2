"""Where training metrics go: ``metrics.jsonl`` always, other sinks as the recipe asks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from assay import files
from assay.errors import DependencyError

Scalars = dict[str, float]


class Sink(Protocol):
    """One more place for scalars."""

    def write(self, step: int, scalars: Scalars) -> None:
        """Record the scalars of a step."""
        ...

    def close(self) -> None:
        """Flush and release."""
        ...


class MetricsLog:
    """Appends rows to ``metrics.jsonl`` and forwards their numbers to the sinks.

    ``keep_before`` drops rows of that step and later, which a resumed run will write again.
    """

    def __init__(
        self, folder: Path, sinks: Sequence[str], *, keep_before: int, enabled: bool = True
    ) -> None:
        self.enabled = enabled
        self.path = folder / "metrics.jsonl"
        self._sinks: list[Sink] = []
        if not enabled:
            return
        with files.storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            kept = [row for row in _rows(self.path) if row["step"] < keep_before]
            files.write_jsonl(self.path, kept)
            self._handle = self.path.open("a", encoding="utf-8")
        self._sinks = [_open(name, folder) for name in sinks]

    def row(self, row: dict[str, Any]) -> None:
        """Append one row and forward its numbers."""
        if not self.enabled:
            return
        self._write(row)
        scalars = {k: float(v) for k, v in row.items() if k != "step"}
        for sink in self._sinks:
            sink.write(row["step"], scalars)

    def event(self, step: int, name: str, detail: str) -> None:
        """Append something that happened."""
        if self.enabled:
            self._write({"step": step, "event": name, "detail": detail})

    def _write(self, row: dict[str, Any]) -> None:
        with files.storage_errors(self.path):
            self._handle.write(json.dumps(row, allow_nan=False) + "\n")
            self._handle.flush()

    def flush(self) -> None:
        """Push buffered rows to the file."""
        if self.enabled:
            self._handle.flush()

    def close(self) -> None:
        """Close the file and every sink."""
        if self.enabled:
            self._handle.close()
        for sink in self._sinks:
            sink.close()


def _rows(path: Path) -> list[dict[str, Any]]:
    """Whole rows of an earlier run; a last line cut off by a kill is dropped."""
    if not path.is_file():
        return []
    rows: list[dict[str, Any]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


def _open(name: str, folder: Path) -> Sink:
    makers = {"tensorboard": _TensorBoard, "wandb": _Wandb, "mlflow": _Mlflow, "trackio": _Trackio}
    try:
        return makers[name](folder)
    except ImportError as error:
        raise DependencyError(
            f'training.sinks: "{name}" is not installed', f'pip install "assay[{name}]"'
        ) from error


class _TensorBoard:
    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder / "tensorboard"))

    def write(self, step: int, scalars: Scalars) -> None:
        for key, value in scalars.items():
            self._writer.add_scalar(key, value, step)

    def close(self) -> None:
        self._writer.close()


class _Wandb:
    def __init__(self, folder: Path) -> None:
        import wandb  # pyright: ignore[reportMissingImports]

        self._run: Any = wandb.init(
            dir=str(folder), project="assay", name=folder.parent.parent.name
        )

    def write(self, step: int, scalars: Scalars) -> None:
        self._run.log(scalars, step=step)

    def close(self) -> None:
        self._run.finish()


class _Mlflow:
    def __init__(self, folder: Path) -> None:
        import mlflow  # pyright: ignore[reportMissingImports]

        self._mlflow: Any = mlflow
        mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
        mlflow.start_run(run_name=folder.parent.parent.name)

    def write(self, step: int, scalars: Scalars) -> None:
        self._mlflow.log_metrics(scalars, step=step)

    def close(self) -> None:
        self._mlflow.end_run()


class _Trackio:
    def __init__(self, folder: Path) -> None:
        import trackio  # pyright: ignore[reportMissingImports]

        self._trackio: Any = trackio
        trackio.init(project="assay", name=folder.parent.parent.name)

    def write(self, step: int, scalars: Scalars) -> None:
        self._trackio.log(scalars, step=step)

    def close(self) -> None:
        self._trackio.finish()
