"""How the command line shows things: results on stdout, progress and errors on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.progress import (
    BarColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from assay.errors import AssayError
from assay.observability.progress import SILENT, Progress, Task

PLAIN_WIDTH = 110  # columns of a table that goes to a file or a pipe
LINE_EVERY = 10.0  # seconds between progress lines where there is no terminal
WORTH_TELLING = 2.0  # seconds; shorter work leaves no line behind
MOST_LINES = 40  # of an error's cause: one screen
MOST_LETTERS = 1000  # of one of its lines
MOST_IN_ALL = 3000  # letters of the cause, and of the remedy


def stdout() -> Console:
    """Where results go."""
    return _console(stderr=False)


def stderr() -> Console:
    """Where progress and errors go, so that stdout holds nothing but the result."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(stderr=stderr, width=width, highlight=False)


def emit(value: Any) -> None:
    """Write ``value`` to stdout as JSON: all that ``--json`` leaves there."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def progress_for(as_json: bool) -> Progress:
    """The terminal's progress, or none for ``--json``."""
    return SILENT if as_json else TerminalProgress(stderr())


def line(console: Console, message: str, style: str = "") -> None:
    """One line that is never wrapped nor read as markup, so that a path can be copied."""
    console.print(Text(message, style=style), soft_wrap=True)


def seconds(value: float) -> str:
    """A duration for people: ``0.4 s``, ``38 s``, ``4 min 05 s``, ``2 h 10 min``."""
    if value < 9.95:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size(value: float) -> str:
    """A number of bytes for people: ``812 B``, ``3.2 kB``, ``273 MB``."""
    for unit in ("B", "kB", "MB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


# -- errors --------------------------------------------------------------------------------


def error_json(error: AssayError) -> dict[str, Any]:
    """What ``--json`` prints for an error."""
    kind = type(error).__name__
    return {"error": {"kind": kind, "cause": error.cause, "remedy": error.remedy}}


def show_error(error: AssayError) -> None:
    """Cause and remedy on stderr, at most one screen."""
    lines = _screen(error.cause) or [type(error).__name__]
    remedy = "\n".join(_screen(error.remedy))
    console = stderr()
    if not console.is_terminal:
        line(console, "\n".join(["error: " + lines[0], *lines[1:]]))
        if remedy:
            line(console, f"what to do: {remedy}")
        return
    body = Text("\n".join(lines))
    if remedy:
        body.append("\n\n" + remedy, style="cyan")
    title = f"[bold]{type(error).__name__}[/]"
    console.print(Panel(body, title=title, title_align="left", border_style="red"))


def _screen(text: str) -> list[str]:
    """The lines of a text that fit one screen, and how many are left out."""
    lines = [_shortened(piece) for piece in text.splitlines()]
    shown, room = 0, MOST_IN_ALL
    while shown < min(len(lines), MOST_LINES) and room >= len(lines[shown]):
        room -= len(lines[shown])
        shown += 1
    left = len(lines) - shown
    return lines[:shown] + [f"... and {left} more lines (--json prints all)"] * (left > 0)


def _shortened(text: str) -> str:
    """A line with its middle left out where it is too long: both ends say what it is about."""
    if len(text) <= MOST_LETTERS:
        return text
    half = MOST_LETTERS // 2
    return f"{text[:half]} … {len(text) - 2 * half:,} characters … {text[-half:]}"


# -- progress ------------------------------------------------------------------------------


class TerminalProgress:
    """Bars with elapsed time, time left and a note; plain lines where there is no terminal.

    Tasks may be nested; all bars are drawn by one display, which is on while any task is open.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bars: Bars | None = None
        self._open = 0

    def say(self, message: str) -> None:
        """A decision or a finding, as one dim line."""
        line(self.console, f"  · {message}", style="dim")

    @contextmanager
    def task(self, title: str, total: float) -> Generator[Task]:
        """A bar; when it took long enough, a line stays behind that says how long."""
        if not self.console.is_terminal:
            lines = _Lines(self.console, title, total)
            yield lines
            lines.close()
            return
        with self._display() as bars:
            bar = _Bar(bars, bars.add_task(title, total=total or None, note=""))
            try:
                yield bar
            finally:
                bars.remove_task(bar.id)
            spent = time.monotonic() - bar.began
            if spent >= WORTH_TELLING:
                note = f"  {bar.note}" if bar.note else ""
                line(self.console, f"  ✓ {title}  {seconds(spent)}{note}", style="green")

    @contextmanager
    def _display(self) -> Generator[Bars]:
        if self._bars is None:
            self._bars = Bars(
                TextColumn("  {task.description}", markup=False),
                BarColumn(bar_width=30),
                TextColumn("{task.percentage:>3.0f} %"),
                TimeElapsedColumn(),
                TextColumn("elapsed,", style="dim"),
                TimeRemainingColumn(),
                TextColumn("left", style="dim"),
                TextColumn("{task.fields[note]}", markup=False),
                console=self.console,
                transient=True,
            )
            self._bars.start()
        self._open += 1
        bars = self._bars
        try:
            yield bars
        finally:
            self._open -= 1
            if self._open == 0:
                bars.stop()
                self._bars = None


@dataclass
class _Bar:
    bars: Bars
    id: TaskID
    note: str = ""
    began: float = field(default_factory=time.monotonic)

    def advance(self, amount: float = 1, note: str = "") -> None:
        self.note = note or self.note
        self.bars.update(self.id, advance=amount, note=self.note)


class _Lines:
    """Progress in a log file: a line now and then instead of a bar."""

    def __init__(self, console: Console, title: str, total: float) -> None:
        self.console, self.title, self.total = console, title, total
        self.done, self.note = 0.0, ""
        self.began = self.told = time.monotonic()
        self.told_done = 0.0

    def advance(self, amount: float = 1, note: str = "") -> None:
        now = time.monotonic()
        if not self.done and now - self.began < 0.1:
            self.told_done = amount  # a resumed task begins with the steps it took before
        self.done += amount
        self.note = note or self.note
        if now - self.told < LINE_EVERY:
            return
        rate = (self.done - self.told_done) / (now - self.told)
        left = f", about {seconds((self.total - self.done) / rate)} left" if rate > 0 else ""
        share = f"{100 * self.done / self.total:.0f} %, " if self.total else ""
        note = f", {self.note}" if self.note else ""
        text = f"  {self.title}: {share}{seconds(now - self.began)} elapsed{left}{note}"
        line(self.console, text)
        self.told, self.told_done = now, self.done

    def close(self) -> None:
        spent = time.monotonic() - self.began
        if spent >= WORTH_TELLING:
            note = f", {self.note}" if self.note else ""
            line(self.console, f"  {self.title}: done in {seconds(spent)}{note}")
