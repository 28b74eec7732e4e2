"""The command ``assay``: finds the command, runs it, and turns errors into one clear screen."""

from __future__ import annotations

import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import assay
from assay.cli import (
    data,
    demo,
    doctor,
    estimate,
    kb,
    keys,
    launch,
    models,
    package,
    pilot,
    read,
    recipes,
    runs,
    sap,
    serve,
    sweep,
    train,
    words,
)
from assay.cli.console import emit, error_json, line, show_error, stderr
from assay.errors import AssayError, Interrupted
from assay.files import storage_error

FAILED, CRASHED, INTERRUPTED = 1, 70, 130  # 70: EX_SOFTWARE of sysexits.h; 130: 128 + SIGINT

HELP = """Train specialist models on your own data, prove them against the model they started
from, and ship only what passes.

Start with `assay demo`, or `assay recipes` and `assay train banking-intent`.
"""


@dataclass(frozen=True)
class Wishes:
    """How errors are to be shown; known before anything is parsed, so it holds for any error."""

    json: bool
    debug: bool


class Commands(TyperGroup):
    """The top group: the one place where errors end."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take ``--debug`` out of ``args``, wherever it stands before a ``--``."""
        end = args.index("--") if "--" in args else len(args)
        options, rest = args[:end], args[end:]
        ctx.obj = Wishes(json="--json" in options, debug="--debug" in options)
        try:
            return super().parse_args(ctx, [word for word in options if word != "--debug"] + rest)
        except Exception as error:
            _misused(error, ctx.obj)
            raise

    def invoke(self, ctx: Any) -> Any:
        """Run the command; every error becomes a message and an exit code."""
        wishes: Wishes = ctx.obj
        try:
            return super().invoke(ctx)
        except AssayError as error:
            _explain(error, wishes)
            code = INTERRUPTED if isinstance(error, Interrupted) else FAILED
            raise typer.Exit(code) from error
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except OSError as error:
            _explain(storage_error(error), wishes)
            raise typer.Exit(FAILED) from error
        except Exception as error:
            if hasattr(error, "exit_code"):  # a usage error: Typer shows it
                _misused(error, wishes)
                raise
            _crashed(error, wishes)
            raise typer.Exit(CRASHED) from error


app = typer.Typer(
    cls=Commands,
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)
for family in (
    demo,
    recipes,
    data,
    estimate,
    train,
    pilot,
    sweep,
    launch,
    runs,
    package,
    serve,
    read,
    words,
    kb,
    sap,
    keys,
    models,
    doctor,
):
    app.add_typer(family.app, name=family.NAME, rich_help_panel=family.PANEL)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"assay {assay.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show and exit.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; may stand anywhere.")
    ] = False,
) -> None:
    """Read before every command; ``Commands`` has taken ``--debug`` out by then."""
    del version, debug


def _explain(error: AssayError, wishes: Wishes) -> None:
    if wishes.debug:
        traceback.print_exception(error)
    if wishes.json:
        emit(error_json(error))
    else:
        show_error(error)


def _misused(error: Any, wishes: Wishes) -> None:
    """A usage error as JSON, where that is wished; else Typer shows it better."""
    if wishes.json and hasattr(error, "format_message"):
        command = error.ctx.command_path if error.ctx else "assay"
        remedy = f"See: {command} --help"
        emit({"error": {"kind": "UsageError", "cause": error.format_message(), "remedy": remedy}})
        raise typer.Exit(error.exit_code) from error


def _crashed(error: Exception, wishes: Wishes) -> None:
    """An error nobody foresaw: short, with the way to all of it."""
    if wishes.debug:
        traceback.print_exception(error)
    cause = f"{type(error).__name__}: {error}"
    remedy = "This is a fault in Assay. The same command with --debug shows the traceback."
    if wishes.json:
        emit({"error": {"kind": "InternalError", "cause": cause, "remedy": remedy}})
    else:
        line(stderr(), f"internal error: {cause}", style="red")
        line(stderr(), remedy)


def main() -> None:
    """The entry point; of several processes under ``accelerate launch``, the first one speaks."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        if int(os.environ.get("RANK", "0")) > 0:
            sys.stdout = nowhere
        app(prog_name="assay")
