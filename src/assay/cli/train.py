"""``assay train, report, gate``: execute a recipe, draw its report again, ask for its verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli import options
from assay.cli.console import emit, line, progress_for, stdout
from assay.errors import GateError

if TYPE_CHECKING:
    from assay.run import Run

NAME, PANEL = None, "Train and prove"
app = typer.Typer()


@app.command("train", rich_help_panel=PANEL)
def train(
    recipe: options.Recipe,
    profile: options.Profile = None,
    set_: options.Set = None,
    root: options.Root = options.RUNS,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="The run's folder; chosen if not given.")
    ] = None,
    all_rungs: Annotated[
        bool, typer.Option("--all-rungs", help="Train the rungs after the first that passes, too.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start again; what the run had is removed.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Train a specialist and prove it; the same command resumes an interrupted run.

    Exit codes: 0 pass, 3 fail, 4 investigate; 1 an error, 130 interrupted.
    """
    from assay import run as execution
    from assay.cli import show
    from assay.recipe.load import load

    loaded = load(recipe, profile=profile, overrides=set_ or ())
    progress = progress_for(as_json)
    run = execution.train(
        loaded, root=root, folder=folder, all_rungs=all_rungs, fresh=fresh, progress=progress
    )
    if as_json:
        emit(show.summary(run))
    else:
        _tell(run)
    raise typer.Exit(_exit_code(run))


def _tell(run: Run) -> None:
    from assay.cli import show

    console = stdout()
    for kind, rows in run.curves().items():
        show.curve(console, kind, rows)
    console.print()
    show.result(console, run)
    line(console, f"\nreport: {run.report_path}")
    if run.verdict == "pass":
        line(console, f"next:   assay package {run.folder}")
    else:
        line(console, "next:   read the report; a run whose verdict is not pass is not packaged")


def _exit_code(run: Run) -> int:
    from assay.evaluation.gate import EXIT_CODES

    if run.verdict is None:
        raise GateError(f"{run.folder}: {run.status}, no verdict yet", "Finish it: assay train ...")
    return EXIT_CODES[run.verdict]


@app.command("report", rich_help_panel=PANEL)
def report(
    run: options.RunName, root: options.Root = options.RUNS, as_json: options.Json = False
) -> None:
    """Write a run's HTML report, Markdown and pictures again."""
    from assay import run as execution
    from assay.cli.runs import find_run

    path = execution.report(find_run(run, root))
    if as_json:
        emit({"report": str(path)})
    else:
        line(stdout(), str(path))


@app.command("gate", rich_help_panel=PANEL)
def gate(
    run: options.RunName, root: options.Root = options.RUNS, as_json: options.Json = False
) -> None:
    """Print a run's verdict with its reasons; exit code 0 pass, 3 fail, 4 investigate."""
    from assay.cli import show
    from assay.cli.runs import find_run

    found = find_run(run, root)
    code = _exit_code(found)
    evaluation = found.evaluation
    assert evaluation is not None  # a verdict is written after the evaluation
    if as_json:
        emit({"run": str(found.folder), **evaluation["gate"]})
    else:
        show.verdict(stdout(), evaluation)
    raise typer.Exit(code)
