"""The leaderboard: every recipe's verdict, what it gained, and what it costs, on one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from assay import files
from assay.evaluation.report.page import fill
from assay.launch.pack import Outcome

RANKS = {"pass": 0, "investigate": 1, "fail": 2, None: 3}
POINTS = 40  # of a sparkline
WIDTH, HEIGHT = 120, 28  # of a sparkline, in pixels


@dataclass(frozen=True)
class Row:
    """One recipe; without a run, only its name and what went wrong."""

    name: str
    error: str | None = None
    remedy: str | None = None
    run: str | None = None
    report: str | None = None  # relative to the page
    verdict: str | None = None
    summary: str = ""
    primary: str | None = None
    items: int = 0
    base: float | None = None
    candidate: float | None = None
    gain: tuple[float, float, float] | None = None  # and its interval
    rung: str | None = None
    ms_per_item: float | None = None
    size_bytes: int = 0  # the base's included
    seconds: float = 0.0
    losses: tuple[
        float, ...
    ] = ()  # of the rung taken, thinned; empty if it is not trained in steps

    @property
    def sparkline(self) -> str:
        """The points of an SVG polyline: the training loss from left to right."""
        low, high = min(self.losses, default=0.0), max(self.losses, default=0.0)
        across = WIDTH / max(1, len(self.losses) - 1)
        down = (HEIGHT - 4) / ((high - low) or 1.0)
        return " ".join(
            f"{i * across:.1f},{2 + (high - loss) * down:.1f}" for i, loss in enumerate(self.losses)
        )


def rows_of(outcomes: Sequence[Outcome], folder: Path) -> list[Row]:
    """Best first: by verdict, then by gain over the base; errors last."""
    rows = [_row(outcome, folder) for outcome in outcomes]
    return sorted(rows, key=lambda row: (RANKS[row.verdict], -(row.gain or (0.0,))[0], row.name))


def _row(outcome: Outcome, folder: Path) -> Row:
    run, error = outcome.run, outcome.error
    evaluation = run.evaluation if run is not None else None
    if run is None or evaluation is None:
        cause = error.cause if error is not None else "has no verdict"
        return Row(outcome.name, cause, error.remedy if error is not None else "")
    primary = evaluation["primary"]
    gain = evaluation["comparisons"][0]
    taken = next(entry for entry in run.ladder if entry["selected"])
    return Row(
        name=outcome.name,
        run=str(run.folder),
        report=run.report_path.resolve().relative_to(folder.resolve()).as_posix(),
        verdict=run.verdict,
        summary=outcome.summary,
        primary=primary,
        items=evaluation["items"],
        base=evaluation["base"]["metrics"][primary],
        candidate=evaluation["candidate"]["metrics"][primary],
        gain=(gain["difference"], *gain["interval"]),
        rung=taken["kind"],
        ms_per_item=taken["ms_per_item"],
        size_bytes=taken["size_bytes"] + taken["base_bytes"],
        seconds=run.seconds,
        losses=_thinned([r["loss"] for r in run.curves().get(taken["kind"], []) if "loss" in r]),
    )


def _thinned(losses: Sequence[float]) -> tuple[float, ...]:
    """Means of at most ``POINTS`` parts of equal length."""
    parts = min(POINTS, len(losses))
    edges = [round(len(losses) * i / parts) for i in range(parts + 1)] if parts else []
    return tuple(sum(losses[a:b]) / (b - a) for a, b in pairwise(edges))


def write(folder: Path, title: str, rows: Sequence[Row]) -> Path:
    """Write ``leaderboard.html``, ``.md`` and ``.json`` into ``folder``; returns the page's path."""
    with files.storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    told = {"title": title, "rows": rows, "width": WIDTH, "height": HEIGHT}
    document: list[dict[str, Any]] = [asdict(row) for row in rows]
    files.write_json(folder / "leaderboard.json", {"title": title, "rows": document})
    files.write_text(folder / "leaderboard.md", fill("leaderboard.md.j2", **told))
    files.write_text(folder / "leaderboard.html", fill("leaderboard.html.j2", **told))
    return folder / "leaderboard.html"
