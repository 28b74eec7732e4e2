"""``assay pilot``: the short way to try a recipe, or only what its bases score untrained."""

from __future__ import annotations

from typing import Annotated

import typer

from assay.cli import options
from assay.cli.console import emit, line, progress_for, stdout

NAME, PANEL = None, "Train and prove"
LOCAL = "local"  # the profile for two cores; a recipe without it has its own default
app = typer.Typer()


@app.command("pilot", rich_help_panel=PANEL)
def pilot(
    recipe: options.Recipe,
    baseline_only: Annotated[
        bool,
        typer.Option("--baseline-only", help="Score the untrained bases on the test items; stop."),
    ] = False,
    profile: options.Profile = None,
    set_: options.Set = None,
    root: options.Root = options.RUNS,
    as_json: options.Json = False,
) -> None:
    """Try a recipe on this machine: `assay train` with its local profile, or its baseline alone.

    A pilot and `assay train` share their run: what one has done, the other does not do again.
    Exit codes as of `assay train`; 0 with --baseline-only.
    """
    from assay import files
    from assay import run as execution
    from assay.cli import show
    from assay.cli.train import finish
    from assay.recipe.load import load, profiles_of

    if profile is None and LOCAL in profiles_of(recipe):
        profile = LOCAL
    loaded = load(recipe, profile=profile, overrides=set_ or ())
    run = execution.train(
        loaded, root=root, baseline_only=baseline_only, progress=progress_for(as_json)
    )
    if not baseline_only:
        finish(run, as_json)
    found = files.read_object(run.folder / "baseline.json", "primary", "items", "bases")
    if as_json:
        emit({"run": str(run.folder), **found})
        return
    show.baselines(stdout(), found)
    chosen = f" --profile {loaded.profile}" if loaded.profile else ""
    line(stdout(), f"\nnext:   assay train {recipe}{chosen}")
