"""``assay sweep``: search the settings of a recipe's trained rung on its validation items."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.cli import options
from assay.cli.console import emit, line, progress_for, stdout

NAME, PANEL = None, "Train and prove"
app = typer.Typer()


@app.command("sweep", rich_help_panel=PANEL)
def sweep(
    recipe: options.Recipe,
    trials: Annotated[
        int,
        typer.Option("--trials", "-n", min=1, help="Trials in all, those done before included."),
    ] = 20,
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0.0, help="Begin no trial after so long.")
    ] = None,
    over: Annotated[
        list[str] | None,
        typer.Option(
            "--over",
            metavar="KEY=VALUES",
            help="Search this setting: KEY=LOW..HIGH, KEY=LOW..HIGH:log or KEY=A,B,C; repeatable. "
            "In place of learning rate, batch and rank.",
        ),
    ] = None,
    rung: Annotated[
        str | None, typer.Option("--rung", help="The rung; the cheapest trained one if not given.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of what is tried.")] = 0,
    limit: Annotated[
        int | None, typer.Option("--limit", min=2, help="Keep at most so many rows of each split.")
    ] = None,
    profile: options.Profile = None,
    set_: options.Set = None,
    root: options.Root = options.RUNS,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="The sweep's folder; chosen if not given.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Search learning rate, batch and rank on validation; the same command resumes.

    The test items are not looked at. Ends in the best settings, as a command that trains them, and a
    page with plots. Needs the extra `sweep`.
    """
    from assay.cli import show
    from assay.launch.sweep import sweep as search

    done = search(
        recipe,
        profile=profile,
        overrides=set_ or (),
        over=over or (),
        rung=rung,
        limit=limit,
        trials=trials,
        minutes=minutes,
        seed=seed,
        root=root,
        folder=folder,
        progress=progress_for(as_json),
    )
    if as_json:
        emit({**done.found, "report": str(done.report_path)})
        return
    show.sweep(stdout(), done.found)
    line(stdout(), f"\nreport: {done.report_path}")
