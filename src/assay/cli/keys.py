"""``assay keys``: who signs packages, whose signature is believed, and who may call the server."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from assay.cli import options
from assay.cli.console import emit, line, stdout
from assay.errors import PackageError

NAME, PANEL = "keys", "Ship"
app = typer.Typer(help="Signing keys, trust, and API keys.", no_args_is_help=True)
api = typer.Typer(help="Keys that clients send to `assay serve`.", no_args_is_help=True)
app.add_typer(api, name="api")


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="What the key is called.")],
    encrypt: Annotated[
        bool,
        typer.Option(
            "--encrypt", help="Encrypt it; asks for a passphrase, or reads ASSAY_KEY_PASSPHRASE."
        ),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Make a signing key pair (Ed25519 and ML-DSA-65); it is trusted only when you say so."""
    from assay.files import home
    from assay.packaging import keys

    secret = passphrase(f"passphrase for {name}", twice=True) if encrypt else None
    if encrypt and not secret:
        raise PackageError(
            "--encrypt needs a passphrase, and there is no terminal to ask for it",
            f"Set {keys.PASSPHRASE}.",
        )
    public = keys.new(name, home(), secret).public
    path = home() / "keys" / name / keys.PUBLIC_FILE
    if as_json:
        emit({"name": public.name, "key_id": public.key_id, "public_file": str(path)})
        return
    line(stdout(), f"made key {public.name}, id {public.key_id[:16]}", style="green")
    line(stdout(), f"  public file, for those who should trust it: {path}")
    line(stdout(), f"  to believe it on this machine too: assay keys trust {public.name}")


def passphrase(prompt: str, *, twice: bool = False) -> str | None:
    """From the environment, else asked for in a terminal, else None."""
    from assay.packaging.keys import passphrase_of_environment

    found = passphrase_of_environment()
    if found or not sys.stdin.isatty():
        return found
    return typer.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True)


@app.command("list")
def list_(as_json: options.Json = False) -> None:
    """List the keys that sign here, and the keys this machine trusts."""
    rows = described()
    if as_json:
        emit(rows)
        return
    if not rows:
        line(stdout(), "no keys yet: assay keys new NAME")
        return
    table = Table("key", "id", "signs here", "trusted", "valid", header_style="bold", box=None)
    styles = {"yes": "green", "no": "dim"}
    for row in rows:
        window = f"{row['valid_from'] or ''} to {row['valid_to'] or ''}".strip()
        revoked = row["revoked"]
        told = f"revoked: {revoked['reason']}" if revoked else ("yes" if row["trusted"] else "no")
        table.add_row(
            Text(row["name"], style="cyan"),
            row["key_id"][:16],
            "yes" if row["signs"] else "no",
            Text(told, style=styles.get(told, "red")),
            "always" if window == "to" else window,
        )
    stdout().print(table)


def described() -> list[dict[str, Any]]:
    """Every key known to this machine, its own first."""
    from assay.files import home
    from assay.packaging.keys import TrustStore, list_keys

    trusted = dict(TrustStore.load(home()).keys)
    own = list_keys(home())
    publics = [*own, *(key.public for key in trusted.values())]
    signing = {key.key_id for key in own}
    rows: dict[str, dict[str, Any]] = {}
    for public in publics:
        entry = trusted.get(public.key_id)
        revoked = entry.revoked if entry else None
        rows[public.key_id] = {
            "name": public.name,
            "key_id": public.key_id,
            "created": public.created,
            "signs": public.key_id in signing,
            "trusted": entry is not None and revoked is None,
            "valid_from": entry.valid_from if entry else None,
            "valid_to": entry.valid_to if entry else None,
            "revoked": revoked.model_dump() if revoked else None,
        }
    return list(rows.values())


@app.command("trust")
def trust(
    key: Annotated[str, typer.Argument(metavar="KEY", help="A public.json file, or a name here.")],
    valid_from: Annotated[str | None, typer.Option(help="First day, e.g. 2026-01-01.")] = None,
    valid_to: Annotated[str | None, typer.Option(help="Last day.")] = None,
    as_json: options.Json = False,
) -> None:
    """Believe packages signed by a key, from now on and on this machine."""
    from assay.files import home
    from assay.packaging import keys

    entry = keys.trust(key, home(), valid_from=valid_from, valid_to=valid_to)
    if as_json:
        emit(entry.model_dump(mode="json"))
        return
    line(stdout(), f"trusted {entry.public.name}, id {entry.public.key_id[:16]}", style="green")


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="Key id; 8 characters are enough.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, on one line.")],
    as_json: options.Json = False,
) -> None:
    """Stop believing a key, for good and for everything it ever signed."""
    from assay.files import home
    from assay.packaging import keys

    entry = keys.revoke(key_id, reason, home())
    if as_json:
        emit(entry.model_dump(mode="json"))
        return
    line(stdout(), f"revoked {entry.public.name}, id {entry.public.key_id[:16]}", style="yellow")


@api.command("new")
def new_api_key(
    name: Annotated[str, typer.Argument(help="Who will use it.")],
    as_json: options.Json = False,
) -> None:
    """Make a key for a client of `assay serve`; its secret is shown once and never stored."""
    from assay.web import api_keys

    made = api_keys.create(name)
    if as_json:
        emit({"id": made.id, "name": made.name, "secret": made.secret})
        return
    line(stdout(), f"made API key {made.id} for {made.name}; its secret is shown only now:")
    line(stdout(), made.secret, style="bold")


@api.command("list")
def list_api_keys(as_json: options.Json = False) -> None:
    """List the API keys, without their secrets."""
    from assay.web import api_keys

    found = api_keys.list()
    if as_json:
        emit([{"id": k.id, "name": k.name, "created": k.created} for k in found])
        return
    if not found:
        line(stdout(), "no API keys yet: assay keys api new NAME")
        return
    table = Table("id", "for", "made", header_style="bold", box=None)
    for key in found:
        table.add_row(Text(key.id, style="cyan"), key.name, key.created)
    stdout().print(table)


@api.command("revoke")
def revoke_api_key(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `assay keys api list` shows it.")],
    as_json: options.Json = False,
) -> None:
    """Stop accepting an API key."""
    from assay.web import api_keys

    api_keys.revoke(key_id)
    if as_json:
        emit({"id": key_id, "revoked": True})
    else:
        line(stdout(), f"revoked API key {key_id}", style="yellow")
