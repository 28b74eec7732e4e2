"""``assay ask, serve``: answers from verified packages, once or over HTTP."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from assay.cli import options
from assay.cli.console import emit, line, progress_for, seconds, stderr, stdout

NAME, PANEL = None, "Ship"
app = typer.Typer()


@app.command("ask", rich_help_panel=PANEL)
def ask(
    package: options.PackageFile,
    text: Annotated[str, typer.Argument(help="The input, as a user would give it.")],
    allow_override: options.AllowOverride = False,
    as_json: options.Json = False,
) -> None:
    """Verify a package and answer one input with it."""
    import assay

    specialist = assay.load(package, allow_override=allow_override, progress=progress_for(as_json))
    began = time.perf_counter()
    answer = specialist.ask(text)
    took = time.perf_counter() - began
    if as_json:
        emit(
            {
                "answer": answer.text,
                "confidence": answer.confidence,
                "valid": answer.valid,
                "cut": answer.cut,
                "specialist": specialist.name,
                "seconds": round(took, 4),
            }
        )
        return
    line(stdout(), answer.text)
    sure = f"confidence {answer.confidence:.2f}, " if answer.confidence is not None else ""
    cut = "cut off at task.max_new_tokens, " if answer.cut else ""
    line(stderr(), f"  {cut}{sure}{seconds(took)}", style="dim")


@app.command("serve", rich_help_panel=PANEL)
def serve(
    packages: Annotated[
        list[Path], typer.Argument(metavar="PACKAGE...", help="The .tgsp files to serve.")
    ],
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any free port.")] = 8000,
    require_key: Annotated[
        bool, typer.Option("--require-key", help="Refuse calls without an API key.")
    ] = False,
    allow_override: options.AllowOverride = False,
) -> None:
    """Serve specialists over an OpenAI-compatible API until Ctrl-C; only what verifies loads."""
    from assay.web.server import serve as run_server

    run_server(
        packages,
        host=host,
        port=port,
        require_key=require_key,
        allow_override=allow_override,
        progress=progress_for(False),
    )
