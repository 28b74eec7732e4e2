"""``assay runs list, show, compare``: what was trained, how it went, which one is better."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from assay.cli import options
from assay.cli.console import emit, line, seconds, stderr, stdout
from assay.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from assay.run import Run

NAME, PANEL = "runs", "Train and prove"
app = typer.Typer(help="Runs on disk.", no_args_is_help=True)


def find_run(given: str, root: Path) -> Run:
    """The run in a folder, or the newest run of a recipe's name below ``root``.

    Raises ``DataError`` that names the runs there are.
    """
    from assay.run import list_runs, open_run

    if (Path(given) / "run.json").is_file():
        return open_run(Path(given))
    known = list_runs(root)
    named = [run for run in known if given in (run.name, run.folder.name)]
    if named:
        return max(named, key=lambda run: str(run.state.get("created", "")))
    names = sorted({run.name for run in known})
    hint = did_you_mean(given, names) if names else f" There are no runs below {root}."
    raise DataError(
        f"{given}: neither a run's folder nor the name of a run.{hint}",
        "See: assay runs list. Runs elsewhere: --root FOLDER.",
    )


@app.command("list")
def list_(root: options.Root = options.RUNS, as_json: options.Json = False) -> None:
    """List every run below the root."""
    from assay.cli.show import STYLES
    from assay.run import damaged_runs, list_runs

    found = list_runs(root)
    for fault in damaged_runs(root):
        line(stderr(), f"{fault.cause}. {fault.remedy}", style="red")
    if as_json:
        emit([_row(run) for run in found])
        return
    if not found:
        line(stdout(), f"no runs below {root}: assay train RECIPE makes one")
        return
    table = Table("run", "status", "took", "taken", "result", "verdict", header_style="bold")
    table.box = None
    for run in found:
        row = _row(run)
        result = f"{row['primary']} {row['value']:.3f}" if row["primary"] else ""
        verdict = Text(row["verdict"] or "", style=STYLES.get(row["verdict"] or "", ""))
        name = Text(row["run"], style="cyan", overflow="fold")
        taken = row["selected"] or ""
        table.add_row(name, row["status"], seconds(row["seconds"]), taken, result, verdict)
    stdout().print(table)


def _row(run: Run) -> dict[str, Any]:
    state, evaluation = run.state, run.evaluation
    primary = evaluation["primary"] if evaluation else None
    return {
        "run": str(run.folder),
        "name": state["name"],
        "profile": state["profile"],
        "created": state.get("created"),
        "status": state["status"],
        "seconds": run.seconds,
        "selected": state.get("selected"),
        "primary": primary,
        "value": evaluation["candidate"]["metrics"][primary] if evaluation else None,
        "verdict": state.get("verdict"),
    }


@app.command("show")
def show(
    run: options.RunName, root: options.Root = options.RUNS, as_json: options.Json = False
) -> None:
    """Show one run: curve, ladder, results, verdict, and where everything lies."""
    from assay.cli import show as draw
    from assay.cli import show_estimate
    from assay.launch.estimate import against

    found = find_run(run, root)
    if as_json:
        emit({**draw.summary(found), "estimate": against(found)})
        return
    console = stdout()
    state = found.state
    line(console, f"{found.folder}: {state['status']}", style="bold")
    for stage, facts in state["stages"].items():
        took = f", {seconds(facts['seconds'])}" if "seconds" in facts else ""
        line(console, f"  {stage}: {facts['status']}{took}", style="dim")
    for kind, rows in found.curves().items():
        draw.curve(console, kind, rows)
    console.print()
    draw.result(console, found)
    if (beside := against(found)) is not None:
        show_estimate.comparison(console, beside)
    if found.report_path.is_file():
        line(console, f"\nreport:  {found.report_path}")
    if found.package_path:
        line(console, f"package: {found.package_path}")


@app.command("compare")
def compare(
    first: Annotated[str, typer.Argument(metavar="RUN", help="A run's folder or name.")],
    second: Annotated[str, typer.Argument(metavar="RUN", help="Another.")],
    root: options.Root = options.RUNS,
    as_json: options.Json = False,
) -> None:
    """Compare two runs; item by item if both were tested on the same items."""
    runs = [find_run(name, root) for name in (first, second)]
    found = compared(*runs)
    if as_json:
        emit(found)
        return
    table = Table("metric", *(str(run.folder) for run in runs), "difference", header_style="bold")
    table.box = None
    for name, (a, b) in found["metrics"].items():
        table.add_row(Text(name, style="cyan"), f"{a:.3f}", f"{b:.3f}", f"{b - a:+.3f}")
    stdout().print(table)
    paired = found["paired"]
    if paired is None:
        line(stdout(), f"\n{found['why_not_paired']}", style="yellow")
        return
    low, high = paired["interval"]
    p_value = paired["p_value"]
    exact = f", McNemar p = {p_value:.3g}" if p_value is not None else ""
    line(
        stdout(),
        f"\n{found['primary']}, item by item on {paired['items']:,} items: "
        f"{paired['difference']:+.3f} [{low:+.3f}, {high:+.3f}]{exact}; "
        f"the second is better on {paired['wins']:,} items and worse on {paired['losses']:,}",
    )


def compared(first: Run, second: Run) -> dict[str, Any]:
    """Metrics side by side, and the paired difference (second minus first) where it can be had.

    Raises ``DataError`` when a run has no verdict yet.
    """
    evaluations = [_evaluation(run) for run in (first, second)]
    left, right = (evaluation["candidate"]["metrics"] for evaluation in evaluations)
    found: dict[str, Any] = {
        "runs": [str(first.folder), str(second.folder)],
        "primary": evaluations[0]["primary"],
        "metrics": {name: [left[name], right[name]] for name in left if name in right},
        "paired": None,
    }
    if evaluations[0]["primary"] != evaluations[1]["primary"]:
        found["why_not_paired"] = "The runs have different primary metrics."
        return found
    found["paired"] = _paired(first, second, evaluations[0]["confidence"])
    if found["paired"] is None:
        found["why_not_paired"] = (
            "The runs were tested on different items: the difference is not a paired one."
        )
    return found


def _evaluation(run: Run) -> dict[str, Any]:
    if run.evaluation is None:
        raise DataError(f"{run.folder}: has no verdict yet", "Finish it first: assay train ...")
    return run.evaluation


def _paired(first: Run, second: Run, confidence: float) -> dict[str, Any] | None:
    import numpy as np

    from assay.evaluation.compare import (
        is_binary,
        mcnemar,
        mean,
        paired_difference,
        wins_and_losses,
    )
    from assay.evaluation.evidence import read_evidence

    scored: list[dict[tuple[str, ...], float]] = []
    for run in (first, second):
        rows = read_evidence(run.folder / "evidence")
        key = ("id", "input", "target")
        scored.append({tuple(str(r[k]) for k in key): float(r["candidate_correct"]) for r in rows})
    if scored[0].keys() != scored[1].keys():
        return None
    items = sorted(scored[0])
    old, new = (np.array([values[item] for item in items]) for values in scored)
    difference, interval = paired_difference(mean(new), mean(old), confidence)
    wins, losses = wins_and_losses(new, old)
    binary = is_binary(old) and is_binary(new)
    return {
        "items": len(items),
        "difference": difference,
        "interval": list(interval),
        "wins": wins,
        "losses": losses,
        "p_value": mcnemar(wins, losses) if binary else None,
    }
