"""A sweep's page: what was tried in which order, what mattered, and the best settings to train."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay import files
from assay.evaluation import wording
from assay.evaluation.report.charts import (
    BASE,
    CANDIDATE,
    FAIL,
    GOLD,
    INK,
    MUTED,
    drawn,
    figures,
)
from assay.evaluation.report.page import fill
from assay.launch.axes import told

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Drawing = tuple[str, str, "Figure"]
ACROSS = 3  # plots of axes side by side


def write_page(folder: Path, found: dict[str, Any]) -> Path:
    """Write ``report/{index.html,*.png}`` from the contents of ``sweep.json``; returns the page."""
    charts = drawn(
        lambda: history_chart(found), lambda: importance_chart(found), lambda: axes_chart(found)
    )
    best = found["best"]
    page = fill(
        "sweep.html.j2",
        s=found,
        charts=charts,
        names=short_names(found["axes"]),
        told=told,
        shown=ranked(found["trials"]),
        command=shlex.join(best["command"]) if best else "",
    )
    with files.new_directory(folder / "report") as report:
        for chart in charts.values():
            files.write_bytes(report / f"{chart.name}.png", chart.png)
        files.write_text(report / "index.html", page)
    return folder / "report" / "index.html"


def short_names(axes: Sequence[dict[str, Any]]) -> dict[str, str]:
    """The last word of each key, or all of it where two end alike."""
    lasts = [axis["key"].rpartition(".")[2] for axis in axes]
    return {
        axis["key"]: last if lasts.count(last) == 1 else axis["key"]
        for axis, last in zip(axes, lasts, strict=True)
    }


def ranked(trials: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The best first, of equals the earlier; those that failed last."""
    return sorted(trials, key=_rank)


def _rank(trial: dict[str, Any]) -> tuple[bool, float, int]:
    return trial["value"] is None, -(trial["value"] or 0.0), trial["trial"]


def _complete(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [trial for trial in found["trials"] if trial["value"] is not None]


def _colour(found: dict[str, Any], trial: dict[str, Any]) -> str:
    if trial["trial"] == found["best"]["trial"]:
        return GOLD
    return INK if trial["own"] else CANDIDATE


def history_chart(found: dict[str, Any]) -> Drawing | None:
    """Every trial's value with its interval, in the order of trying, and the best so far."""
    complete = _complete(found)
    if not complete:
        return None
    from matplotlib.ticker import MaxNLocator

    figure, (axes,) = figures(3.4, 1)
    floor = _floor(complete)
    for trial in complete:
        low, high = trial["interval"]
        place = trial["trial"]
        if trial["value"] >= floor:
            axes.plot([place] * 2, [max(low, floor), high], color=BASE, linewidth=4, alpha=0.45,
                      solid_capstyle="butt", zorder=1)  # fmt: skip
        _point(axes, found, trial, place, floor)
    numbers = [trial["trial"] for trial in complete]
    best = [max(t["value"] for t in complete[: i + 1]) for i in range(len(complete))]
    axes.step([*numbers, len(found["trials"])], [*best, best[-1]], where="post", color=GOLD,
              linewidth=1.6, zorder=2)  # fmt: skip
    for trial in found["trials"]:
        if trial["value"] is None:
            axes.axvline(trial["trial"], color=FAIL, linewidth=1, linestyle=":")
    axes.set_xlim(0.4, len(found["trials"]) + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True))
    axes.set_xlabel("trial")
    axes.set_title(f"{wording.metric_name(found['primary'])} on validation", color=MUTED)
    marks = [(CANDIDATE, "trial"), (INK, "the recipe's own"), (GOLD, "best"), (BASE, "interval")]
    failed = len(complete) < len(found["trials"])
    _legend(axes, [*marks, (FAIL, "failed")] if failed else marks)
    return "sweep-history", "Each trial's value on validation, and the best so far", figure


def importance_chart(found: dict[str, Any]) -> Drawing | None:
    """Each setting's share of the variance between the trials."""
    shares: dict[str, float] = found["importances"]
    if not shares:
        return None
    names = short_names(found["axes"])
    ordered = sorted(shares, key=lambda key: shares[key])
    figure, (axes,) = figures(0.8 + 0.42 * len(ordered), 1)
    for row, key in enumerate(ordered):
        axes.barh(row, shares[key], height=0.6, color=CANDIDATE)
        axes.annotate(f"{shares[key]:.0%}", (shares[key], row), xytext=(6, 0), va="center",
                      textcoords="offset points", fontsize=9, color=INK)  # fmt: skip
    axes.set_yticks(range(len(ordered)), [names[key] for key in ordered])
    axes.set_xlim(0, 1.08)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0])
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("share of the variance between the trials (fANOVA)")
    return "sweep-importance", "How much each setting mattered", figure


def axes_chart(found: dict[str, Any]) -> Drawing | None:
    """Every trial's value against each setting alone."""
    complete = _complete(found)
    if not complete:
        return None
    names = short_names(found["axes"])
    figure, grid = figures(3.0, min(ACROSS, len(found["axes"])))
    shown = list(found["axes"])
    shares: dict[str, float] = found["importances"]
    shown.sort(key=lambda axis: -shares.get(axis["key"], 0.0))
    floor = _floor(complete)
    for axes, axis in zip(grid, shown, strict=False):
        for trial in complete:
            _point(axes, found, trial, _place(axis, trial["settings"][axis["key"]]), floor)
        if "choices" in axis:
            axes.set_xticks(range(len(axis["choices"])), [told(c)[-14:] for c in axis["choices"]])
            axes.set_xlim(-0.5, len(axis["choices"]) - 0.5)
        else:
            if axis["log"]:
                axes.set_xscale("log")
                axes.minorticks_off()
                axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.set_xlim(*_bounds(axis))
        axes.set_title(names[axis["key"]])
    grid[0].set_ylabel(wording.metric_name(found["primary"]))
    return "sweep-settings", "Each trial's value against each setting", figure


def _floor(complete: Sequence[dict[str, Any]]) -> float:
    """Where the plots end below: trials that came to nothing would press the others together."""
    import numpy as np

    values = [trial["value"] for trial in complete]
    low, middle, high = np.percentile(values, [25, 50, 75])
    reach = 3 * max(high - low, 0.02)
    kept = [t for t in complete if t["value"] >= min(low, middle) - reach]
    shown = min(min(t["interval"][0], t["value"]) for t in kept)
    return float(shown - 0.01 if len(kept) < len(complete) else shown)


def _point(
    axes: Axes, found: dict[str, Any], trial: dict[str, Any], place: float, floor: float
) -> None:
    """A trial's value; one far below is an arrow at the floor with its number."""
    colour, value = _colour(found, trial), trial["value"]
    if value >= floor:
        top = 3 if colour == CANDIDATE else 4
        axes.plot(place, value, "o", color=colour, markersize=6.5, zorder=top)
        return
    axes.plot(place, floor, "v", color=colour, markersize=7, zorder=3)
    axes.annotate(wording.number(value), (place, floor), xytext=(0, 7), ha="center",
                  textcoords="offset points", fontsize=8.5, color=MUTED)  # fmt: skip


def _place(axis: dict[str, Any], value: Any) -> float:
    if "choices" not in axis:
        return float(value)
    kinds = [(type(choice), choice) for choice in axis["choices"]]
    return float(kinds.index((type(value), value)))


def _bounds(axis: dict[str, Any]) -> tuple[float, float]:
    """The range with a little room on both sides."""
    low, high = axis["low"], axis["high"]
    if axis["log"]:
        room = (high / low) ** 0.05
        return low / room, high * room
    room = 0.05 * (high - low)
    return low - room, high + room


def _legend(axes: Axes, entries: Sequence[tuple[str, str]]) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(color=colour, label=text) for colour, text in entries]
    axes.legend(handles=handles, loc="lower right", bbox_to_anchor=(1.0, 1.0), fontsize=9,
                ncols=len(entries), handlelength=0.9, handleheight=0.9, columnspacing=1.2,
                borderaxespad=0.2)  # fmt: skip
