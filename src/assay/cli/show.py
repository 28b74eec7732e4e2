"""Draws a run for the terminal: baselines, training curve, ladder, verdict with its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from assay.cli.console import line, seconds, size
from assay.run import Run

if TYPE_CHECKING:
    from assay.launch.leaderboard import Row

BLOCKS = " ▁▂▃▄▅▆▇█"
STYLES = {"pass": "bold green", "fail": "bold red", "investigate": "bold yellow"}
MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("?", "yellow")}
CURVE_WIDTH, CURVE_HEIGHT = 60, 6
RUNG_NAMES: dict[str, str] = {
    "majority": "commonest answer",
    "copy": "the input itself",
    "lead": "first three sentences",
    "sentence": "sentence most like the question",
    "dictionary": "names looked up",
    "keyword": "words shared with the query",
    "bm25": "BM25",
    "nearest": "nearest training input",
    "tfidf": "TF-IDF + logistic regression",
    "embedding": "frozen embedding",
    "encoder": "fine-tuned encoder",
    "llm": "LoRA language model",
}


def rung_name(kind: str) -> str:
    """What a kind of rung is called where people read."""
    return RUNG_NAMES.get(kind, kind)


def result(console: Console, run: Run) -> None:
    """Everything a run found, on about one screen."""
    evaluation = run.evaluation
    if evaluation is None:
        line(console, f"{run.folder}: {run.status}, no verdict yet")
        return
    ladder(console, run)
    systems(console, evaluation)
    verdict(console, evaluation)


def ladder(console: Console, run: Run) -> None:
    """The rungs from cheapest to dearest to serve, and which one was taken."""
    primary: str = (run.evaluation or {}).get("primary", "")
    table = Table(header_style="bold", box=None)
    for heading in ("rung", f"{primary} (validation)", "trained in", "per item", "size"):
        table.add_column(heading, no_wrap=True)
    table.add_column()
    for entry in run.ladder:
        name = rung_name(entry["kind"])
        if not entry["reached"]:
            why = "; ".join(entry["reasons"])
            table.add_row(*(Text(cell, style="dim") for cell in (name, "", "", "", "", why)))
            continue
        chosen = bool(entry["selected"])
        told = Text("→ taken", style="green") if chosen else Text(_why(entry), style="dim")
        table.add_row(
            Text(name, style="bold" if chosen else ""),
            f"{entry['validation'][primary]:.3f}",
            seconds(entry["fit_seconds"]),
            f"{entry['ms_per_item']:.1f} ms",
            size(entry["size_bytes"] + entry.get("base_bytes", 0)),
            told,
        )
    console.print(table)


def _why(entry: dict[str, Any]) -> str:
    if entry["passes"]:
        return "passes"
    return "; ".join(entry["reasons"]) or "does not pass"


def systems(console: Console, evaluation: dict[str, Any]) -> None:
    """Base, cheaper rungs and candidate on the same held-out items, with intervals."""
    metrics = list(evaluation["candidate"]["metrics"])
    metrics.sort(key=lambda name: name != evaluation["primary"])
    heading = f"\nOn {evaluation['items']:,} held-out items, with {evaluation['confidence']:.0%} intervals:"
    line(console, heading, style="bold")
    table = Table("", *metrics[:5], header_style="bold", box=None)
    for name, system, style in _rows(evaluation):
        cells = [_cell(system, metric, metric == metrics[0]) for metric in metrics[:5]]
        table.add_row(Text(name, style=style), *cells)
    console.print(table)


def baselines(console: Console, found: dict[str, Any]) -> None:
    """What the untrained bases score, beside what the gate will ask for."""
    wanted: dict[str, float] = found["thresholds"]
    metrics = list(found["bases"][0]["metrics"])
    metrics.sort(key=lambda name: (name != found["primary"], name not in wanted))
    heading = (
        f"\nOn {found['items']:,} held-out items, untrained, {found['confidence']:.0%} intervals:"
    )
    line(console, heading, style="bold")
    table = Table("", *metrics[:5], header_style="bold", box=None)
    for system in found["bases"]:
        cells = [_cell(system, metric, metric == metrics[0]) for metric in metrics[:5]]
        table.add_row(f"base: {system['name']}", *cells)
    bounds = {m: f">= {wanted[m]:g}" for m in wanted} | {
        m.removeprefix("max_"): f"<= {bound:g}" for m, bound in wanted.items() if m[:4] == "max_"
    }
    asked = [Text(bounds.get(metric, ""), style="dim") for metric in metrics[:5]]
    table.add_row(Text("the gate asks for", style="dim"), *asked)
    console.print(table)


def _rows(evaluation: dict[str, Any]) -> list[tuple[str, dict[str, Any], str]]:
    base, candidate = evaluation["base"], evaluation["candidate"]
    cheaper = [(rung_name(c["name"]), c, "dim") for c in evaluation["cheaper"]]
    own = rung_name(candidate["name"])
    return [
        (f"base: {base['name']}", base, ""),
        *cheaper,
        (f"specialist: {own}", candidate, "bold"),
    ]


def _cell(system: dict[str, Any], metric: str, with_interval: bool) -> str:
    value = system["metrics"].get(metric)
    if value is None:
        return ""
    interval = system["intervals"].get(metric) if with_interval else None
    return f"{value:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")


def verdict(console: Console, evaluation: dict[str, Any]) -> None:
    """The gate's word, and every check behind it."""
    gate = evaluation["gate"]
    line(console, f"\nVerdict: {gate['verdict']}", style=STYLES[gate["verdict"]])
    table = Table.grid(padding=(0, 1))
    for reason in gate["reasons"]:
        mark, style = MARKS[reason["passed"]]
        told = Text(f"{reason['check']}: ")
        told.append(str(reason["detail"]), style="dim")
        table.add_row("", Text(mark, style=style), told)
    console.print(table)


def curve(console: Console, kind: str, rows: Sequence[dict[str, Any]]) -> None:
    """The training loss as a plot, and every validation metric as a spark line."""
    points = [(row["step"], row["loss"]) for row in rows if row.get("loss") is not None]
    if len(points) < 2:
        return
    steps, losses = [step for step, _ in points], [loss for _, loss in points]
    line(console, f"\nTraining loss of {rung_name(kind)}:", style="bold")
    for text in plot(losses, CURVE_WIDTH, CURVE_HEIGHT):
        line(console, f"  {text}", style="cyan")
    width = min(CURVE_WIDTH, len(losses))
    line(console, f"  {'':8}└{'─' * (width - 1)} step {steps[0]} to {steps[-1]}", style="dim")
    for name in sorted({key for row in rows for key in row if key.startswith("validation_")}):
        values = [row[name] for row in rows if row.get(name) is not None]
        shown = f"{values[0]:.3f} → {values[-1]:.3f}"
        line(console, f"  {name.replace('_', ' ')}: {shown}  {spark(values)}", style="cyan")


def plot(values: Sequence[float], width: int, height: int) -> list[str]:
    """``height`` lines of text, the area under the values drawn in eighths of a character."""
    columns = resampled(values, width)
    low, high = min(0.0, *columns), max(columns)
    span = (high - low) or 1.0
    filled = [round(8 * height * (value - low) / span) for value in columns]
    lines: list[str] = []
    for row in range(height, 0, -1):
        cells = "".join(BLOCKS[max(0, min(8, level - 8 * (row - 1)))] for level in filled)
        tick = low + span * row / height
        lines.append(f"{tick:7.2f} │{cells}")
    return lines


def spark(values: Sequence[float], width: int = 30) -> str:
    """One line of blocks, the least value lowest."""
    columns = resampled(values, width)
    low, high = min(columns), max(columns)
    span = (high - low) or 1.0
    return "".join(BLOCKS[1 + round(7 * (value - low) / span)] for value in columns)


def resampled(values: Sequence[float], width: int) -> list[float]:
    """At most ``width`` means of consecutive values."""
    if len(values) <= width:
        return list(values)
    ends = [round(len(values) * index / width) for index in range(width + 1)]
    parts = [values[start:end] for start, end in pairwise(ends)]
    return [sum(part) / len(part) for part in parts]


def summary(run: Run) -> dict[str, Any]:
    """A run for ``--json``."""
    state, evaluation = run.state, run.evaluation
    package = run.package_path
    found: dict[str, Any] = {
        "run": str(run.folder),
        "name": state["name"],
        "profile": state["profile"],
        "recipe_digest": state["recipe_digest"],
        "created": state.get("created"),
        "status": state["status"],
        "stages": state["stages"],
        "selected": state.get("selected"),
        "verdict": state.get("verdict"),
        "report": str(run.report_path) if run.report_path.is_file() else None,
        "package": str(package) if package else None,
        "ladder": run.ladder,
    }
    if evaluation:
        kept = ("primary", "items", "candidate", "base", "cheaper", "comparisons")
        found |= {key: evaluation[key] for key in kept}
        found["reasons"] = evaluation["gate"]["reasons"]
    return found


def leaderboard(console: Console, rows: Sequence[Row]) -> None:
    """The recipes of a pack, the best first."""
    table = Table(header_style="bold", box=None)
    for heading in ("recipe", "verdict", "metric", "base", "specialist", "gain", "rung", "took"):
        table.add_column(heading, no_wrap=heading != "gain")
    for row in rows:
        if row.verdict is None or row.gain is None:
            table.add_row(Text(row.name, style="dim"), "skipped")
            continue
        table.add_row(
            Text(row.name, style="cyan"),
            Text(row.verdict, style=STYLES[row.verdict]),
            row.primary or "",
            f"{row.base:.3f}",
            f"{row.candidate:.3f}",
            f"{row.gain[0]:+.3f} [{row.gain[1]:+.3f}, {row.gain[2]:+.3f}]",
            row.rung or "",
            seconds(row.seconds),
        )
    console.print(table)
    for row in rows:
        if row.error is not None:
            line(console, f"{row.name}: {row.error}", style="red")
            line(console, f"  {row.remedy}", style="dim")


def sweep(console: Console, found: dict[str, Any]) -> None:
    """The trials of a sweep, the best first; what mattered; the command for the best settings."""
    import shlex

    from assay.launch.axes import told
    from assay.launch.sweep_page import ranked, short_names

    best, names = found["best"], short_names(found["axes"])
    table = Table(header_style="bold", box=None)
    for heading in ("trial", f"{found['primary']} (validation)", *names.values(), "took", ""):
        table.add_column(heading, no_wrap=bool(heading))
    for trial in ranked(found["trials"]):
        chosen = trial["trial"] == best["trial"]
        again = f"as trial {trial['repeats']}" if trial["repeats"] else ""
        own = again or ("the recipe's own" if trial["own"] else "")
        values = [told(trial["settings"][key]) for key in names]
        if trial["value"] is None:
            why = Text(trial["reason"], style="red")
            table.add_row(str(trial["trial"]), "failed", *values, "", why, style="dim")
            continue
        low, high = trial["interval"]
        scored = f"{trial['value']:.3f} [{low:.3f}, {high:.3f}]"
        style = "bold green" if chosen else ""
        table.add_row(
            str(trial["trial"]), scored, *values, seconds(trial["seconds"]), own, style=style
        )
    console.print(table)
    shares: dict[str, float] = found["importances"]
    told_shares = ", ".join(f"{names[key]} {share:.0%}" for key, share in shares.items())
    why = told_shares or f"cannot be computed, {found['no_importances']}"
    line(console, f"\nImportance (fANOVA): {why}")
    if found["gain"]:
        low, high = found["gain"]["interval"]
        gain = f"{found['gain']['difference']:+.3f} [{low:+.3f}, {high:+.3f}]"
        line(console, f"Against the recipe's own settings: {gain}, not corrected for the choice")
    line(console, f"On {found['items']:,} validation items. {found['optimistic']}", style="dim")
    if found["limit"]:
        rows = f"at most {found['limit']:,} rows of each split"
        line(console, f"Found on {rows}; the command trains on all.", style="dim")
    line(console, f"\nnext:   {shlex.join(best['command'])}")
