"""Progress for terminals and for logs, and numbers for people."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from assay.cli import console
from assay.cli.show import plot, resampled, spark

finite = st.floats(-1e6, 1e6, allow_nan=False)


@pytest.fixture
def log() -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    return Console(file=stream, width=80), stream


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_a_line_every_ten_seconds(
    log: tuple[Console, io.StringIO], clock: list[float]
) -> None:
    progress = console.TerminalProgress(log[0])
    with progress.task("training", 40) as bar:
        for step in range(40):
            clock[0] += 1.0
            bar.advance(1, f"loss {4 - step / 10:.1f}")
    lines = log[1].getvalue().splitlines()
    assert len(lines) == 5  # four of them in forty seconds, and the last
    assert lines[0] == "  training: 25 %, 10 s elapsed, about 30 s left, loss 3.1"
    assert lines[-1].startswith("  training: done in 40 s")


def test_the_time_left_ignores_steps_a_resumed_task_did_not_take(
    log: tuple[Console, io.StringIO], clock: list[float]
) -> None:
    with console.TerminalProgress(log[0]).task("training", 100) as bar:
        bar.advance(70)
        for _ in range(10):
            clock[0] += 1.0
            bar.advance(1)
    assert "about 20 s left" in log[1].getvalue()


def test_short_work_leaves_no_line(log: tuple[Console, io.StringIO]) -> None:
    with console.TerminalProgress(log[0]).task("quick", 0) as bar:
        bar.advance()
    assert log[1].getvalue() == ""


def test_bars_may_be_nested_and_end_with_an_error() -> None:
    stream = io.StringIO()
    progress = console.TerminalProgress(Console(file=stream, force_terminal=True, width=100))
    with pytest.raises(ValueError, match="oops"), progress.task("outer", 2) as outer:
        outer.advance(1, "half")
        with progress.task("inner", 3) as inner:
            inner.advance(3)
            progress.say("found [brackets] in the data")
        raise ValueError("oops")
    assert "found [brackets] in the data" in stream.getvalue()
    assert progress._bars is None


def test_durations_and_sizes() -> None:
    told = [console.seconds(value) for value in (0.04, 9.96, 59.4, 59.6, 125, 3725)]
    assert told == ["0.0 s", "10 s", "59 s", "1 min 00 s", "2 min 05 s", "1 h 02 min"]
    told = [console.size(value) for value in (0, 812, 3200, 273e6, 4.2e9)]
    assert told == ["0 B", "812 B", "3.2 kB", "273 MB", "4.2 GB"]


@given(st.lists(finite, min_size=1, max_size=300), st.integers(1, 80))
def test_resampled_is_short_and_within_the_values(values: list[float], width: int) -> None:
    found = resampled(values, width)
    assert len(found) == min(width, len(values))
    assert min(values) - 1e-3 <= min(found) <= max(found) <= max(values) + 1e-3


@given(st.lists(finite, min_size=1, max_size=100))
def test_a_plot_has_its_size_and_full_columns_below_the_top(values: list[float]) -> None:
    lines = [text.split("│")[1] for text in plot(values, 40, 5)]
    assert len(lines) == 5
    assert {len(text) for text in lines} == {min(40, len(values))}
    for column in zip(*lines, strict=True):  # from top to bottom the filling never shrinks
        heights = [" ▁▂▃▄▅▆▇█".index(cell) for cell in column]
        assert heights == sorted(heights)


def test_a_spark_line_rises_with_its_values() -> None:
    assert spark([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert spark([1.0, 1.0]) == "▁▁"
