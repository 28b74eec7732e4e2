"""``assay models list, pull, info``: the base models, their licences and which bytes they are."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from assay.cli import options
from assay.cli.console import emit, line, progress_for, size, stdout

NAME, PANEL = "models", "Machine"
app = typer.Typer(help="The base models specialists start from.", no_args_is_help=True)


@app.command("list")
def list_(as_json: options.Json = False) -> None:
    """List the bases Assay knows by name, and those on this machine."""
    rows = described()
    if as_json:
        emit(rows)
        return
    table = Table("base", "kind", "licence", "size", "on disk", "digest", header_style="bold")
    table.box = None
    for row in rows:
        present = Text("yes", style="green") if row["on_disk"] else Text("no", style="dim")
        if row["fault"]:
            present = Text("altered", style="bold red")
        digest = (row["digest"] or "")[:12]
        name = Text(row["name"], style="cyan")
        table.add_row(name, row["kind"], row["licence"], size(row["bytes"]), present, digest)
    stdout().print(table)
    for row in rows:
        if row["fault"]:
            line(stdout(), f"\n{row['fault']}", style="red")
    line(stdout(), "\nassay models pull NAME fetches one, pinned by its SHA-256.", style="dim")


@app.command("pull")
def pull(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME...", help="Registered names, or hf://owner/name@revision."),
    ],
    force: Annotated[bool, typer.Option("--force", help="Fetch it again.")] = False,
    as_json: options.Json = False,
) -> None:
    """Fetch bases once; a verified copy on disk is left as it is."""
    from assay.models.registry import registered
    from assay.models.store import pull as fetch
    from assay.models.store import resolve
    from assay.recipe.schema import Base

    progress = progress_for(as_json)
    hub = [name for name in names if name.startswith("hf://")]
    for name in set(names) - set(hub):
        registered(name)  # a misspelt name is refused before the first download
    refs = [
        resolve(Base(model=name, allow_noncommercial=True), progress)  # a recipe decides on that
        if name in hub
        else fetch(name, progress, force=force)
        for name in names
    ]
    if as_json:
        emit([{"name": ref.name, "path": str(ref.path), "digest": ref.digest} for ref in refs])
        return
    for ref in refs:
        text = f"✓ {ref.name}: {ref.megabytes} MB, {ref.licence}, digest {ref.digest[:12]}"
        line(stdout(), text, style="green")


@app.command("info")
def info(
    name: Annotated[str, typer.Argument(help="A name that `assay models list` shows.")],
    as_json: options.Json = False,
) -> None:
    """Show all that is known about one base; a copy on disk is verified."""
    from assay.models.registry import registered

    row = next((row for row in described() if row["name"] == name), None)
    if row is None:
        registered(name)  # raises, and says which names there are
        return
    if as_json:
        emit(row)
        return
    table = Table.grid(padding=(0, 2))
    for key, value in row.items():
        if value is None:
            continue
        shown = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else value
        table.add_row(Text(key.replace("_", " "), style="cyan"), Text(str(shown)))
    stdout().print(table)


def described() -> list[dict[str, Any]]:
    """Every registered base and every other one on disk, as one row each."""
    from assay.models.registry import REGISTERED
    from assay.models.store import stored

    sound, altered = stored()
    present = {ref.name: ref for ref in sound}
    rows: list[dict[str, Any]] = []
    for entry in REGISTERED:
        ref = present.pop(entry.name, None)
        rows.append(
            {
                "name": entry.name,
                "kind": entry.kind,
                "licence": entry.licence,
                "parameters": entry.parameters,
                "bytes": (ref.megabytes if ref else entry.megabytes) * 2**20,
                "on_disk": ref is not None,
                "fault": str(altered[entry.name]) if entry.name in altered else None,
                "digest": ref.digest if ref else None,
                "path": str(ref.path) if ref else None,
                "source": f"{entry.wheel.package}=={entry.wheel.version}",
                "original": f"hf://{entry.hub}",
                "note": entry.note,
            }
        )
    rows += [
        {
            "name": ref.name,
            "kind": ref.kind,
            "licence": ref.licence,
            "bytes": ref.megabytes * 2**20,
            "on_disk": True,
            "fault": None,
            "digest": ref.digest,
            "path": str(ref.path),
            "source": ref.source,
        }
        for ref in present.values()
    ]
    return rows
