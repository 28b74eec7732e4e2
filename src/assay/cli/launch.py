"""``assay launch``: train a recipe on a rented machine, through SkyPilot."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from assay.cli import options
from assay.cli.console import emit, line, stdout

NAME, PANEL = None, "Train and prove"
app = typer.Typer()


class Cloud(StrEnum):
    """The clouds whose machines are in the price table."""

    aws = "aws"


@app.command("launch", rich_help_panel=PANEL)
def launch(
    recipe: options.Recipe,
    cloud: Annotated[Cloud, typer.Option("--cloud", help="Where the machine is rented.")],
    bucket: Annotated[
        str,
        typer.Option("--bucket", help="s3://NAME/PATH: where the run is kept and fetched from."),
    ],
    wheel: Annotated[
        Path, typer.Option("--wheel", help="Assay's wheel, which the machine installs.")
    ],
    on: Annotated[str, typer.Option("--on", help="A machine of the price table.")] = "g5.xlarge",
    spot: Annotated[
        bool, typer.Option("--spot/--no-spot", help="Cheaper, and taken away at times: recovered.")
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write the task; start nothing.")
    ] = False,
    profile: options.Profile = None,
    set_: options.Set = None,
    root: options.Root = options.RUNS,
    as_json: options.Json = False,
) -> None:
    """Write a SkyPilot task for a recipe's run, and start it as a managed job.

    The job ends with its machine terminated and the run in the bucket. No credential is written.
    """
    from assay.launch import cloud as clouds
    from assay.launch.prices import instance
    from assay.recipe.load import load

    del cloud  # one so far; every machine of the table names its own
    loaded = load(recipe, profile=profile, overrides=set_ or ())
    made = clouds.write(loaded, instance(on), root=root, spot=spot, bucket=bucket, wheel=wheel)
    if not dry_run:
        clouds.start(made)
    if as_json:
        emit(
            {
                "task": str(made.path),
                "name": made.name,
                "command": list(made.command),
                "fetch": made.fetch,
                "started": not dry_run,
            }
        )
        return
    line(stdout(), f"task:    {made.path}")
    if dry_run:
        line(stdout(), f"start:   {shlex.join(made.command)}")
    line(stdout(), "watch:   sky jobs queue; sky jobs logs")
    line(stdout(), "stop:    sky jobs cancel")
    line(stdout(), f"fetch:   {made.fetch}")
