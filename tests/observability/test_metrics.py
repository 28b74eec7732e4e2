"""Metrics reach ``metrics.jsonl`` whole, once, and every other sink as they are."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from assay import files
from assay.errors import DependencyError
from assay.observability.metrics import MetricsLog


def test_a_resumed_log_holds_each_step_once(tmp_path: Path) -> None:
    first = MetricsLog(tmp_path, [], keep_before=1)
    for step in range(1, 6):
        first.row({"step": step, "loss": 1.0 / step})
    first.close()
    with (tmp_path / "metrics.jsonl").open("a") as handle:
        handle.write('{"step": 6, "lo')  # killed in the middle of a line
    again = MetricsLog(tmp_path, [], keep_before=4)
    again.event(4, "resume", "step-00000003")
    again.row({"step": 4, "loss": 9.0})
    again.close()
    rows = files.read_jsonl(tmp_path / "metrics.jsonl")
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 4]
    assert rows[-1]["loss"] == 9.0 and rows[-2]["event"] == "resume"


def test_tensorboard_reads_what_was_logged(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = MetricsLog(tmp_path, ["tensorboard"], keep_before=1)
    for step in (1, 2):
        log.row({"step": step, "loss": 0.5 / step, "tokens": 10 * step})
    log.close()
    [folder] = tmp_path.glob("tensorboard")
    events = EventAccumulator(str(folder)).Reload()
    assert sorted(events.Tags()["scalars"]) == ["loss", "tokens"]
    assert [(e.step, e.value) for e in events.Scalars("loss")] == [(1, 0.5), (2, 0.25)]


@pytest.mark.parametrize("sink", ["wandb", "mlflow", "trackio"])
def test_a_sink_that_is_not_installed_names_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sink: str
) -> None:
    monkeypatch.setitem(sys.modules, sink, None)  # importing it fails as if it were not there
    with pytest.raises(DependencyError) as caught:
        MetricsLog(tmp_path, [sink], keep_before=1)
    assert caught.value.remedy == f'pip install "assay[{sink}]"'


def test_only_the_first_process_writes(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "other", [], keep_before=1, enabled=False)
    log.row({"step": 1, "loss": 1.0})
    log.event(1, "checkpoint", "step-00000001")
    log.close()
    assert not (tmp_path / "other").exists()
