"""``assay package, verify, inspect``: sign what passed, check a package, look into one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from assay.cli import options
from assay.cli.console import emit, line, progress_for, size, stdout
from assay.errors import PackageError

if TYPE_CHECKING:
    from assay.packaging.keys import KeyPair

NAME, PANEL = None, "Ship"
app = typer.Typer()


@app.command("package", rich_help_panel=PANEL)
def package(
    run: options.RunName,
    key: Annotated[
        str | None, typer.Option("--key", help="The key that signs; needed if there are several.")
    ] = None,
    override: Annotated[
        str | None,
        typer.Option(
            "--override",
            metavar="REASON",
            help="Package without a passing verdict. The reason is signed; servers refuse it.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The .tgsp file to write.")] = None,
    root: options.Root = options.RUNS,
    as_json: options.Json = False,
) -> None:
    """Sign a run's specialist into one .tgsp file; only what passed the gate."""
    from assay import run as execution
    from assay.cli.runs import find_run

    found = find_run(run, root)
    pair = signing_key(key)
    progress = progress_for(as_json)
    path = execution.package(found, pair, override=override, target=out, progress=progress)
    if as_json:
        emit({"package": str(path), "bytes": path.stat().st_size, "key_id": pair.public.key_id})
        return
    line(stdout(), f"✓ {path}  {size(path.stat().st_size)}", style="green")
    line(stdout(), f"next: assay verify {path}, assay serve {path}")


def signing_key(name: str | None) -> KeyPair:
    """The named key, or the only one there is; raises ``PackageError`` otherwise."""
    from assay.cli.keys import passphrase
    from assay.files import home
    from assay.packaging import keys

    if name is None:
        names = [key.name for key in keys.list_keys(home())]
        if not names:
            raise PackageError(
                "there is no signing key on this machine",
                "Make one and believe it: assay keys new NAME, assay keys trust NAME.",
            )
        if len(names) > 1:
            raise PackageError(
                f"there are {len(names)} signing keys: {', '.join(names)}",
                "Say which one signs: --key NAME.",
            )
        name = names[0]
    return keys.load(name, home(), lambda: passphrase(f"passphrase for {name}"))


@app.command("verify", rich_help_panel=PANEL)
def verify(
    package: options.PackageFile,
    allow_override: options.AllowOverride = False,
    as_json: options.Json = False,
) -> None:
    """Check signatures, digests and verdict against this machine's trust store."""
    from assay.files import home
    from assay.packaging.keys import TrustStore
    from assay.packaging.verify import verify as check

    with check(package, TrustStore.load(home()), allow_override=allow_override) as verified:
        signer = verified.signer
        if as_json:
            emit(
                {
                    "verified": True,
                    "path": str(package),
                    "sha256": verified.sha256,
                    "signer": {"name": signer.name, "key_id": signer.key_id},
                    "manifest": verified.manifest,
                }
            )
            return
        told = f"✓ {package}: every byte signed by {signer.name} ({signer.key_id[:16]})"
        line(stdout(), told, style="green")
        line(stdout(), f"  sha256 {verified.sha256}")
        _describe(verified.manifest)


@app.command("inspect", rich_help_panel=PANEL)
def inspect(package: options.PackageFile, as_json: options.Json = False) -> None:
    """Show what a package says about itself, without believing it."""
    from assay.packaging.verify import inspect as look

    found = look(package)
    if as_json:
        emit(found)
        return
    line(stdout(), f"{package}: NOT VERIFIED: {found['reason']}", style="yellow")
    line(stdout(), f"  {size(found['size'])}, says it is signed by key {found['key_id'][:16]}")
    _describe(found["manifest"])


def _describe(manifest: dict[str, Any]) -> None:
    """A manifest as a few lines a person reads."""
    specialist, evidence = manifest["specialist"], manifest["evidence"]
    primary: str = evidence["primary"]
    base, override = manifest["base"], manifest["override"]
    verdict: str = manifest["verdict"]
    shown = {
        "specialist": f"{manifest['name']} {manifest['version']}, created {manifest['created']}",
        "kind": f"{specialist['kind']}, answers with {specialist['output']}",
        "base": f"{base['name']} ({base['licence']}, {base['digest'][:12]})" if base else "none",
        "recipe": f"{manifest['recipe']['name']}, profile {manifest['recipe']['profile'] or 'none'}",
        "evidence": f"{primary} {evidence['candidate'][primary]:.3f} on {evidence['items']:,} "
        f"items; base {evidence['base'][primary]:.3f}",
        "verdict": f"{verdict}, overridden by {override['by']}: {override['reason']}"
        if override
        else verdict,
        "licence": manifest["licence"],
        "files": ", ".join(f"{f['path']} {size(f['size'])}" for f in manifest["files"]),
    }
    table = Table.grid(padding=(0, 2))
    for key, value in shown.items():
        table.add_row(Text(f"  {key}", style="cyan"), Text(value))
    stdout().print(table)
