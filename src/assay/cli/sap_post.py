"""``assay sap post`` and ``assay sap outbox``: documents sent to SAP, each of them once."""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer
from rich.table import Table
from rich.text import Text

from assay.cli import options
from assay.cli.console import emit, line, progress_for, stderr, stdout
from assay.cli.kb import Address
from assay.cli.sap_documents import (
    REFUSED,
    Own,
    Tables_,
    Version,
    build,
    is_message,
    mapping_of,
    plain,
    tables_of,
)

if TYPE_CHECKING:
    from assay.sap.payloads import Payload
    from assay.sap.posting.credentials import Logon
    from assay.sap.posting.poster import Poster, Preview, Receipt
    from assay.sap.posting.request import Posting
    from assay.sap.transformations import Tables

NOWHERE = "https://host.invalid"  # of a dry run, which connects to nothing
STYLES = {"posted": "green", "refused": "bold red", "unknown": "bold yellow", "pending": "yellow"}

Host = Annotated[
    str | None, typer.Option("--to", metavar="https://HOST", help="The system that is posted to.")
]
Box = Annotated[
    Path | None,
    typer.Option("--outbox", help="Where postings are kept; else outbox.sqlite in Assay's home."),
]
Secrets = Annotated[
    Path | None,
    typer.Option(
        "--credentials",
        help="JSON file of mode 0600: user and password, token, or endpoint, client_id and secret; "
        "certificate and key beside them or alone. "
        "Else ASSAY_SAP_HOST with ASSAY_SAP_USER and ASSAY_SAP_PASSWORD, or ASSAY_SAP_TOKEN.",
    ),
]
Client_ = Annotated[str, typer.Option("--client", help="SAP's client (sap-client).")]


def post(
    files: Annotated[list[Path], typer.Argument(metavar="FILE.json...", help="Documents.")],
    to: Host = None,
    send: Annotated[bool, typer.Option("--post", help="Send; without it, only show.")] = False,
    repeatable: Annotated[
        bool,
        typer.Option(
            "--repeatable", help="The service is set up for repeatable requests (RequestID)."
        ),
    ] = False,
    odata: Version = None,
    mapping: Own = None,
    outbox: Box = None,
    credentials: Secrets = None,
    client: Client_ = "",
    tables: Tables_ = None,
    kb: Address = None,
    as_json: options.Json = False,
) -> None:
    """Post documents to SAP: dry without --post, and never twice.

    Every document is built and held to its service before the first one is sent. What becomes of it
    is kept in the outbox; after a crash or a lost answer the same command reads back first.
    """
    from assay.errors import DataError
    from assay.sap.posting.repeatable import request_headers

    own = tables_of(tables)
    postings = [each for file in files for each in _postings(file, odata, mapping, kb, own)]
    if send and not to:
        raise DataError("--post: to which system?", "Name it: --to https://HOST.")
    if repeatable:
        postings = [replace(each, repeatability=request_headers(each.odata)) for each in postings]
    with _poster(to or NOWHERE, outbox, credentials, client, send, as_json) as poster:
        results = [_sent(poster, each, send) for each in postings]
    if as_json:
        emit([plain(each) for each in results])
    else:
        for each in results:
            _show(each)
    if any(_state(each) in ("refused", "unknown", "pending") for each in results):
        raise typer.Exit(REFUSED)


def outbox(
    to: Host = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Finish what a crash or an outage left open.")
    ] = False,
    outbox: Box = None,
    credentials: Secrets = None,
    client: Client_ = "",
    as_json: options.Json = False,
) -> None:
    """List what was posted and what is open; --resume finishes it."""
    from assay.errors import DataError

    if resume and not to:
        raise DataError("--resume: of which system?", "Name it: --to https://HOST.")
    if outbox and not outbox.exists():
        raise DataError(f"{outbox}: there is no outbox", "assay sap post --post makes one.")
    with _poster(to or NOWHERE, outbox, credentials, client, resume, as_json) as poster:
        rows = poster.resume() if resume else poster.status()
    if as_json:
        emit([plain(each) for each in rows])
        return
    if not rows:
        line(stdout(), "Nothing is open." if resume else "The outbox is empty.")
        return
    table = Table("document", "state", "entity", "attempts", "said", box=None)
    for each in rows:
        state = Text(each.state, style=STYLES.get(each.state, "dim"))
        table.add_row(each.document, state, each.entity, str(each.attempts), each.said[:60])
    stdout().print(table)


def _postings(
    file: Path, odata: str | None, mapping: Path | None, kb: str | None, tables: Tables
) -> list[Posting]:
    from assay.errors import DataError
    from assay.sap.canonical import load

    document = load(file, tables)
    if not mapping and is_message(document):
        raise DataError(
            f"{file}: a {document.type} goes to SAP as a SOAP message, which is built and not sent",
            "assay sap payload shows it; your middleware sends it.",
        )
    return [
        _posting(document.name, each)
        for each in build(document, mapping_of(document, odata, mapping), kb, tables)
    ]


def _posting(document: str, payload: Payload) -> Posting:
    """A payload to be posted; it must be one that can be found again."""
    from assay.errors import DataError
    from assay.sap.posting.request import Posting

    lacking = [name for name, value in payload.find_by.items() if value is None]
    if lacking or not payload.find_by:
        raise DataError(
            f"{document}: it could not be found again in {payload.service} by "
            f"{', '.join(payload.find_by) or 'any property'}"
            + (f": {', '.join(lacking)} is missing" if lacking else ""),
            "After a lost answer it might be posted twice. Give the value, or a mapping with find_by.",
        )
    key = {name: value for name, value in payload.find_by.items() if value is not None}
    return Posting(
        payload.service,
        payload.odata,
        payload.path,
        payload.entity_set,
        payload.body,
        key,
        document=document,
    )


@contextmanager
def _poster(
    base: str, outbox: Path | None, credentials: Path | None, client: str, send: bool, as_json: bool
) -> Generator[Poster]:
    """A poster that tells what it waits for; its outbox and its connection are closed in the end."""
    from assay import files
    from assay.sap.posting.client import Client, Settings
    from assay.sap.posting.outbox import Outbox
    from assay.sap.posting.poster import Poster

    progress = progress_for(as_json)

    def wait(seconds: float) -> None:
        if seconds >= 1:
            progress.say(f"SAP is asked again in {seconds:.0f} s")
        time.sleep(seconds)

    logon = _logon(base, credentials) if send else None
    box = Outbox(outbox or files.home() / "outbox.sqlite")
    settings = Settings(client=client)
    with (
        closing(box),
        Client(
            base,
            logon.credentials if logon else None,
            certificate=logon.certificate if logon else None,
            settings=settings,
            sleep=wait,
        ) as connection,
    ):
        yield Poster(connection, box, sleep=wait)


def _logon(base: str, credentials: Path | None) -> Logon | None:
    """The credentials of a file or of the environment; none for a mock on this machine."""
    from assay.sap.fetch import HOST, LOOPBACK
    from assay.sap.posting.credentials import from_environment, from_file

    if credentials:
        return from_file(credentials)
    host = urlsplit(base).hostname or ""
    if host in LOOPBACK and HOST not in os.environ:
        return None
    return from_environment(host)


def _sent(poster: Poster, posting: Posting, send: bool) -> Preview | Receipt:
    """What became of a posting; a refusal is one of the results, so that the rest goes on."""
    from assay.sap.posting.errors import Refused

    try:
        return poster.post(posting, dry_run=not send)
    except Refused:
        key = posting.key()
        return next(each for each in poster.status() if each.key == key)


def _state(result: Preview | Receipt) -> str:
    return getattr(result, "state", "")


def _show(result: Preview | Receipt) -> None:
    from assay.sap.posting.poster import Preview

    if isinstance(result, Preview):
        line(stdout(), f"would {result.method} {result.url}", style="cyan")
        line(stdout(), f"found again by {result.filter}", style="dim")
        line(stderr(), "Nothing was sent; --post --to https://HOST sends it.", style="dim")
        return
    how = " (it was there)" if result.found else ""
    style = STYLES.get(result.state, "")
    line(stdout(), f"{result.state}{how} {result.document} {result.entity}".rstrip(), style=style)
    if result.said:
        line(stdout(), f"  {result.said}")
    for each in (*result.messages, *result.warnings):
        line(stdout(), f"  {each.severity} {each.code} {each.text} {each.target}".rstrip())
