"""The report's pictures: drawn once, as PNG files and as SVG that follows the page's colours.

The SVG keeps its text as text and has the page's CSS variables in place of colours, so that one
drawing serves light, dark and print.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.evaluation import wording

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Each colour stands for a CSS variable of the page's style sheet, where it has a dark twin.
INK, MUTED, RULE, CARD = "#211e1a", "#726b60", "#e3ddd2", "#fffefb"
CANDIDATE, BASE, GOLD = "#1e5b84", "#b3a998", "#a67c1a"
PASS, FAIL = "#2c7a4b", "#b2382b"
VARIABLES = {
    INK: "--ink", MUTED: "--muted", RULE: "--rule", CARD: "--card", CANDIDATE: "--candidate",
    BASE: "--base", GOLD: "--gold", PASS: "--pass", FAIL: "--fail",
}  # fmt: skip

WIDTH = 8.6  # inches; the page scales the drawing to its column
PAIRS_SHOWN = 15
SLICES_SHOWN = 20
HEATMAP_CLASSES = 20
NEAR = 0.8  # powers of ten between two costs whose labels would touch
STYLE: dict[str, Any] = {
    "font.size": 10, "text.color": INK, "axes.labelcolor": MUTED, "axes.edgecolor": RULE,
    "xtick.color": MUTED, "ytick.color": MUTED, "xtick.labelcolor": MUTED,
    "ytick.labelcolor": INK, "axes.facecolor": "none", "figure.facecolor": CARD,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
    "axes.axisbelow": True, "grid.color": RULE, "grid.linewidth": 0.8, "xtick.major.size": 0,
    "ytick.major.size": 0, "legend.frameon": False, "svg.fonttype": "none",
    "svg.hashsalt": "assay", "text.parse_math": False, "axes.titlesize": 10,
    "axes.titlelocation": "left", "axes.titlecolor": INK, "savefig.facecolor": CARD,
}  # fmt: skip


@dataclass(frozen=True)
class Chart:
    """One picture: ``name`` is its file name without ending."""

    name: str
    alt: str
    png: bytes
    svg: str


def draw_charts(
    evaluation: dict[str, Any], ladder: Sequence[dict[str, Any]], curves: dict[str, list[Any]]
) -> dict[str, Chart]:
    """Every picture for which there is something to show, by name."""
    return drawn(
        lambda: comparison_chart(evaluation),
        lambda: ladder_chart(ladder, evaluation["primary"]),
        lambda: curve_chart(curves),
        lambda: confusion_chart(evaluation["confusion"]),
        lambda: slice_chart(evaluation["slices"]),
        lambda: reliability_chart(evaluation["calibration"]),
    )


def drawn(*drawings: Callable[[], tuple[str, str, Figure] | None]) -> dict[str, Chart]:
    """What each draws as (name, alternative text, figure), in the report's look, by name."""
    found: dict[str, Chart] = {}
    with plain_style():
        for draw in drawings:
            picture = draw()
            if picture is not None:
                name, alt, figure = picture
                png = _png(figure)
                figure.set_layout_engine("none")  # what was laid out for one stands for both
                found[name] = Chart(name, alt, png, _svg(figure, name))
    return found


@contextmanager
def plain_style() -> Generator[None]:
    """The report's look, for the drawings made inside; other figures keep theirs."""
    from matplotlib import rc_context

    style: Any = STYLE
    with rc_context(style), warnings.catch_warnings():
        # A script that the PNG's font lacks; the SVG in the page uses the reader's fonts.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


# --- drawings ---------------------------------------------------------------------------------


def comparison_chart(evaluation: dict[str, Any]) -> tuple[str, str, Figure] | None:
    """Base and candidate side by side on every metric that has an interval."""
    ours, theirs = evaluation["candidate"], evaluation["base"]
    metrics = [
        metric
        for metric in wording.METRIC_NAMES
        if metric in ours["intervals"] and metric in theirs["intervals"]
        if metric not in wording.LOWER_IS_BETTER
    ]
    metrics.sort(key=lambda metric: metric != evaluation["primary"])
    figure, axes = _figure(0.62 + 0.62 * len(metrics))
    for row, metric in enumerate(metrics):
        for offset, system, colour in ((-0.19, theirs, BASE), (0.19, ours, CANDIDATE)):
            value, (low, high) = system["metrics"][metric], system["intervals"][metric]
            y = row + offset
            axes.barh(y, value, height=0.34, color=colour)
            axes.plot([low, high], [y, y], color=INK, linewidth=1.3, solid_capstyle="butt")
            axes.text(high + 0.012, y, wording.number(value), va="center", color=INK, fontsize=9)
    axes.set_yticks(range(len(metrics)), [wording.metric_name(metric) for metric in metrics])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.09)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0])
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    _legend(axes, [(BASE, "base"), (CANDIDATE, evaluation["candidate"]["name"])])
    alt = "Base and candidate on each metric, with their confidence intervals"
    return "comparison", alt, figure


def ladder_chart(ladder: Sequence[dict[str, Any]], primary: str) -> tuple[str, str, Figure] | None:
    """Quality on validation against the cost of serving one item."""
    rungs = [rung for rung in ladder if rung["reached"] and primary in rung["validation"]]
    if len(rungs) < 2:
        return None
    figure, axes = _figure(3.6)
    # Anything faster than a microsecond is as good as free, and a logarithm has no zero.
    points = [(max(rung["ms_per_item"], 1e-3), rung["validation"][primary]) for rung in rungs]
    costs, values = [x for x, _ in points], [y for _, y in points]
    for rung, (x, y) in zip(rungs, points, strict=True):
        colour = GOLD if rung["selected"] else CANDIDATE if rung["passes"] else BASE
        if rung["selected"]:
            axes.scatter(x, y, s=330, facecolors="none", edgecolors=GOLD, linewidths=1.6)
        axes.scatter(x, y, s=80, color=colour, zorder=3)
    for together in _labelled_together(rungs, points):
        x, y = points[together[0]]
        chosen = any(rungs[place]["selected"] for place in together)
        gap, below = (14 if chosen else 9), _crowded(x, y, points)
        axes.annotate(
            f"{', '.join(rungs[place]['kind'] for place in together)}  {wording.number(y)}",
            (x, y),
            xytext=(0, -gap if below else gap),
            textcoords="offset points",
            ha="center",
            va="top" if below else "bottom",
            color=INK,
            fontweight="bold" if chosen else "normal",
        )
    axes.set_xscale("log")
    axes.set_xlim(min(costs) / 4, max(costs) * 4)
    room = max(0.1, max(values) - min(values))
    axes.set_ylim(min(values) - 0.2 * room, max(values) + 0.25 * room)
    axes.yaxis.set_major_locator(_steps(within=(0.0, 1.0)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.minorticks_off()
    axes.set_xlabel("milliseconds to answer one item")
    axes.set_title(f"{wording.metric_name(primary)} on validation", color=MUTED)
    _legend(axes, [(GOLD, "chosen"), (CANDIDATE, "passes"), (BASE, "does not pass")])
    return "ladder", "Quality of each rung against its serving cost", figure


def _labelled_together(
    rungs: Sequence[dict[str, Any]], points: Sequence[tuple[float, float]]
) -> list[list[int]]:
    """Places of rungs that share a label: equal in quality, and too near for two labels."""
    groups: list[list[int]] = []
    for place, (x, y) in enumerate(points):
        for group in groups:
            other, value = points[group[0]]
            same = wording.number(value) == wording.number(y)
            if same and abs(math.log10(other / x)) < NEAR:
                group.append(place)
                break
        else:
            groups.append([place])
    return groups


def _crowded(x: float, y: float, points: Sequence[tuple[float, float]]) -> bool:
    """Whether a better point is so near that the label must go below this one."""
    spread = max(value for _, value in points) - min(value for _, value in points)
    return any(
        better > y and abs(math.log10(other / x)) < NEAR and better - y < 0.3 * spread
        for other, better in points
    )


def curve_chart(curves: dict[str, list[Any]]) -> tuple[str, str, Figure] | None:
    """Training and validation loss of each trained rung."""
    trained = {kind: rows for kind, rows in curves.items() if any("loss" in row for row in rows)}
    if not trained:
        return None
    figure, grid = figures(3.3, len(trained))
    for axes, (kind, rows) in zip(grid, trained.items(), strict=True):
        steps = [row["step"] for row in rows if "loss" in row]
        losses = [row["loss"] for row in rows if "loss" in row]
        axes.plot(steps, losses, color=CANDIDATE, linewidth=0.8, alpha=0.3)
        axes.plot(steps, _smooth(losses), color=CANDIDATE, linewidth=1.8, label="training loss")
        checked = [(r["step"], r["validation_loss"]) for r in rows if "validation_loss" in r]
        if checked:
            at, values = zip(*checked, strict=True)
            axes.plot(at, values, "o-", color=GOLD, markersize=4.5, label="validation loss")
            best = min(checked, key=lambda point: point[1])
            axes.plot(*best, "o", color=GOLD, markersize=10, fillstyle="none")
            axes.annotate(
                f"best {wording.number(best[1])}",
                best,
                xytext=(0, 11),
                textcoords="offset points",
                ha="right" if best[0] > 0.8 * max(steps) else "center",
                fontsize=9,
            )
        for row in rows:
            if row.get("event") in ("oom", "nan", "resume"):
                axes.axvline(row["step"], color=FAIL, linewidth=1, linestyle=":")
                axes.annotate(row["event"], (row["step"], 0.97), xytext=(4, 0), va="top",
                              xycoords=("data", "axes fraction"), textcoords="offset points",
                              color=FAIL, fontsize=8.5)  # fmt: skip
        axes.set_ylim(bottom=0)
        axes.set_xlabel("step")
        axes.set_title(kind)
        axes.legend(fontsize=9, loc="upper right")
    return "training-curve", "Loss during training", figure


def confused_pairs(confusion: dict[str, Any]) -> list[tuple[str, str, int, int]]:
    """(target, answer, count, items of the target), most frequent first, right answers left out."""
    labels, matrix = confusion["labels"], confusion["matrix"]
    found = [
        (labels[i], labels[j], count, sum(row))
        for i, row in enumerate(matrix)
        for j, count in enumerate(row)
        if i != j and count
    ]
    return sorted(found, key=lambda pair: (-pair[2], -pair[2] / pair[3], pair[:2]))


def confusion_chart(confusion: dict[str, Any] | None) -> tuple[str, str, Figure] | None:
    """The whole matrix for few classes, the commonest confusions for many."""
    if confusion is None:
        return None
    if len(confusion["labels"]) <= HEATMAP_CLASSES:
        return "confusion", "Confusion matrix of the candidate", _heatmap(confusion)
    pairs = confused_pairs(confusion)[:PAIRS_SHOWN]
    if not pairs:
        return None
    figure, axes = _figure(0.7 + 0.3 * len(pairs))
    for row, (_, _, count, items) in enumerate(pairs):
        axes.barh(row, count, height=0.62, color=FAIL, alpha=0.6)
        axes.annotate(f"{count} of {items}", (count, row), xytext=(6, 0), va="center",
                      textcoords="offset points", fontsize=9, color=MUTED)  # fmt: skip
    names = [f"{_short(target, 27)} \u2192 {_short(answer, 27)}" for target, answer, *_ in pairs]
    axes.set_yticks(range(len(pairs)), names)
    axes.invert_yaxis()
    axes.xaxis.set_major_locator(_steps(whole=True))
    axes.grid(axis="y", visible=False)
    axes.set_xlim(0, 1.2 * pairs[0][2])
    axes.set_xlabel("items of the first class, answered as the second", loc="right")
    axes.spines["left"].set_visible(False)
    return "confusion", "The pairs of classes confused most often", figure


def _heatmap(confusion: dict[str, Any]) -> Figure:
    labels, matrix = confusion["labels"], confusion["matrix"]
    size = len(labels)
    figure, axes = _figure(1.5 + 0.36 * size)
    for i, row in enumerate(matrix):
        for j, count in enumerate(row):
            if not count:
                continue
            share = count / sum(row)
            colour = CANDIDATE if i == j else FAIL
            # Squares, not an image: an image would be pixels of one colour scheme.
            axes.barh(i, 0.94, left=j - 0.47, height=0.94, color=colour, alpha=0.12 + 0.78 * share)
            strong = CARD if share > 0.55 else INK
            axes.text(j, i, f"{count:,}", ha="center", va="center", fontsize=8.5, color=strong)
    axes.set_xlim(-0.5, size - 0.5)
    axes.set_ylim(size - 0.5, -0.5)
    axes.set_xticks(range(size), [_short(label, 20) for label in labels], rotation=35, ha="right",
                    rotation_mode="anchor")  # fmt: skip
    axes.set_yticks(range(size), [_short(label) for label in labels])
    axes.set_xlabel("answered")
    axes.set_ylabel("target")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return figure


def slice_chart(slices: Sequence[dict[str, Any]]) -> tuple[str, str, Figure] | None:
    """The worst slices: candidate minus base, with its interval."""
    shown = [part for part in slices if part["judged"]][:SLICES_SHOWN]
    if len(shown) < 2:
        return None
    figure, axes = _figure(0.9 + 0.28 * len(shown))
    for row, part in enumerate(shown):
        low, high = part["interval"]
        colour = FAIL if part["bad"] else PASS if low > 0 else MUTED
        axes.plot([low, high], [row, row], color=colour, linewidth=2, alpha=0.55)
        axes.plot(part["difference"], row, "o", color=colour, markersize=6)
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_yticks(range(len(shown)), [f"{_short(p['slice'])} ({p['items']})" for p in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.xaxis.set_major_formatter(
        lambda value, _: f"{value:+g}".replace("-", "\u2212") if value else "0"
    )
    axes.set_xlabel("candidate minus base; left of zero the candidate is worse")
    axes.spines["left"].set_visible(False)
    return "slices", "Difference to the base on the worst slices", figure


def reliability_chart(calibration: dict[str, Any] | None) -> tuple[str, str, Figure] | None:
    """What confidences claim against what they hold, and what chance alone would do."""
    if calibration is None:
        return None
    bins = calibration["bins"]
    figure, axes = _figure(4.6, width=5.4)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--")
    for group in bins:
        claimed, held = group["confidence"], group["accuracy"]
        spread = 1.96 * math.sqrt(claimed * (1 - claimed) / group["count"])
        low, high = max(0.0, claimed - spread), min(1.0, claimed + spread)
        axes.plot([claimed] * 2, [low, high], color=BASE, linewidth=7, alpha=0.45,
                  solid_capstyle="butt")  # fmt: skip
        inside = low <= held <= high
        axes.plot(claimed, held, "o", color=CANDIDATE if inside else FAIL, markersize=6.5)
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_aspect("equal")
    axes.set_xlabel("mean confidence of the bin")
    axes.set_ylabel("share answered right")
    legend = [(CANDIDATE, "as expected"), (FAIL, "off"), (BASE, "chance alone")]
    _legend(axes, legend)
    return "reliability", "Reliability diagram of the candidate's confidences", figure


# --- means ------------------------------------------------------------------------------------


def _figure(height: float, *, width: float = WIDTH) -> tuple[Figure, Axes]:
    """A figure with one plot; inches."""
    figure, (axes,) = figures(height, 1, width=width)
    return figure, axes


def figures(height: float, columns: int, *, width: float = WIDTH) -> tuple[Figure, list[Axes]]:
    """A figure with plots side by side, without pyplot's global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    grid: Any = figure.subplots(1, columns, squeeze=False)
    return figure, list(grid[0])


def _legend(axes: Axes, entries: Sequence[tuple[str, str]]) -> None:
    """Coloured squares above the axes, to the right."""
    from matplotlib.patches import Patch

    axes.legend(
        handles=[Patch(color=colour, label=text) for colour, text in entries],
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=len(entries),
        fontsize=9,
        handlelength=0.9,
        handleheight=0.9,
        columnspacing=1.2,
        borderaxespad=0.2,
    )


def _smooth(values: Sequence[float]) -> list[float]:
    """Centred moving average: unlike an exponential one, it does not lag behind a falling loss."""
    reach = max(1, len(values) // 40)
    windows = (values[max(0, i - reach) : i + reach + 1] for i in range(len(values)))
    return [sum(window) / len(window) for window in windows]


def _short(text: str, limit: int = 34) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "\u2026"


def _steps(*, whole: bool = False, within: tuple[float, float] | None = None) -> Any:
    """Round ticks, optionally whole numbers only, or none outside a range that makes sense."""
    from matplotlib.ticker import MaxNLocator

    class Steps(MaxNLocator):
        def tick_values(self, vmin: float, vmax: float) -> Any:
            ticks: Any = super().tick_values(vmin, vmax)
            if within is None:
                return ticks
            return [tick for tick in ticks if within[0] - 1e-9 <= tick <= within[1] + 1e-9]

    return Steps(nbins=6, integer=whole)


def _png(figure: Figure) -> bytes:
    sink = io.BytesIO()
    figure.savefig(sink, format="png", dpi=160, metadata={"Software": None})
    return sink.getvalue()


def _svg(figure: Figure, name: str) -> str:
    """SVG to put into the page: no prolog, no metadata, own ids, the page's colours and fonts."""
    sink = io.StringIO()
    figure.savefig(sink, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = sink.getvalue()
    text = text[text.index("<svg") :]
    # A style element would apply to the whole page.
    text = re.sub(r"<(metadata|style).*?</\1>", "", text, flags=re.DOTALL)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    text = re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', r"<svg \1>", text, count=1)
    text = re.sub(r"'DejaVu Sans'[^;\"]*", "var(--sans)", text)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    return text
