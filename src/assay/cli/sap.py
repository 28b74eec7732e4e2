"""``assay sap``: where a document goes in SAP, what is sent for it, and whether SAP would take it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from assay.cli import options
from assay.cli.console import emit, line, stderr, stdout
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
    version_of,
)
from assay.cli.sap_post import outbox, post

if TYPE_CHECKING:
    from assay.sap.canonical import Document
    from assay.sap.journal import JournalEntryMessage
    from assay.sap.payloads import Payload
    from assay.sap.routing import Candidate, Decision
    from assay.sap.rules import Finding

NAME, PANEL = "sap", "SAP"
SEVERITY = {"error": "bold red", "warning": "yellow", "info": "cyan"}
RESULTS = ("pass", "fail", "unknown", "not_applicable")

app = typer.Typer(help="Documents on their way into SAP.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(metavar="FILE.json", help="A document in canonical fields.")]


@app.command("route")
def route(
    file: File, odata: Version = None, tables: Tables_ = None, as_json: options.Json = False
) -> None:
    """Say which service takes a document, and why."""
    from assay.sap.canonical import load
    from assay.sap.routing import route as decide

    decision = decide(load(file, tables_of(tables)), version_of(odata))
    if as_json:
        emit(asdict(decision))
    else:
        _show_decision(decision)
    if decision.chosen is None:
        raise typer.Exit(REFUSED)


@app.command("payload")
def payload(
    file: File,
    odata: Version = None,
    mapping: Own = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the body to a file as well.")
    ] = None,
    tables: Tables_ = None,
    kb: Address = None,
    as_json: options.Json = False,
) -> None:
    """Build what is sent to SAP, each value held to the service's metadata. Nothing is sent."""
    from assay import files
    from assay.sap.canonical import load

    own = tables_of(tables)
    document = load(file, own)
    if not mapping and is_message(document):
        _show_message(document, out, as_json)
        return
    built = build(document, mapping_of(document, odata, mapping), kb, own)
    if out:
        bodies = [each.body for each in built]
        files.write_json(out, bodies[0] if len(bodies) == 1 else bodies)
    if as_json:
        emit([plain(each) for each in built])
        return
    for each in built:
        _show_payload(each)


@app.command("validate")
def validate(
    file: File,
    evidence: Annotated[
        Path | None,
        typer.Option(
            "--with", help="What is known beside it: order, receipts, supplier, history …"
        ),
    ] = None,
    rules: Annotated[
        list[Path] | None,
        typer.Option("--rules", help="A file of your own rules; may be repeated."),
    ] = None,
    today: Annotated[
        str | None, typer.Option("--today", help="The day of the check; else today's date.")
    ] = None,
    odata: Version = None,
    show_all: Annotated[
        bool, typer.Option("--all", help="Also what passed and what could not be decided.")
    ] = False,
    tables: Tables_ = None,
    kb: Address = None,
    as_json: options.Json = False,
) -> None:
    """Check a document against the rules and against the service that takes it. Nothing is sent."""
    from assay.errors import DataError
    from assay.sap.canonical import load
    from assay.sap.payloads import PayloadError
    from assay.sap.rules import Rulebook, check
    from assay.sap.rules.beside import load_evidence

    own = tables_of(tables)
    document = load(file, own)
    known = load_evidence(evidence, document, _day(today), own)
    findings = check(document, known, Rulebook.load(rules or ()), trace=show_all)
    faults: list[str] = []
    try:
        if is_message(document):
            message_of(document)
        else:
            build(document, mapping_of(document, odata, None), kb, own)
    except PayloadError as error:
        faults = [str(each) for each in error.faults]
    except DataError as error:
        faults = [f"{error.cause}. {error.remedy}"]
    failed = any(each.result == "fail" and each.severity == "error" for each in findings)
    if as_json:
        emit({"findings": [plain(each) for each in findings], "payload": faults})
    else:
        _show_findings(findings, faults, show_all)
    if failed or faults:
        raise typer.Exit(REFUSED)


def _day(text: str | None) -> date:
    from assay.errors import DataError

    try:
        return date.fromisoformat(text) if text else date.today()
    except ValueError as error:
        raise DataError(f"--today {text}: not a date", "Write it as 2026-11-23.") from error


def _show_findings(findings: list[Finding], faults: list[str], show_all: bool) -> None:
    from assay.sap.rules import explain

    counts = Counter(each.result for each in findings)
    shown = ("fail", "unknown", "pass") if show_all else ("fail",)
    for result in shown:
        for each in findings:
            if each.result == result:
                style = SEVERITY[each.severity] if result == "fail" else "dim"
                line(stdout(), explain(each), style=style)
    for each in faults:
        line(stdout(), f"payload: {each}", style="bold red")
    said = ", ".join(f"{counts[key]} {key.replace('_', ' ')}" for key in RESULTS if counts[key])
    counted = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    sent = f"{counted} in the payload" if faults else "SAP's metadata holds the payload"
    line(stdout(), f"\n{len({each.rule for each in findings})} rules: {said}. {sent}.")


def message_of(document: Document) -> JournalEntryMessage:
    """The message of a journal entry, with an identification of its own."""
    from uuid import uuid4

    from assay.sap import journal

    return journal.build(document, uuid4().hex, datetime.now(UTC))


def _show_message(document: Document, out: Path | None, as_json: bool) -> None:
    from assay import files

    message = message_of(document)
    if out:
        files.write_bytes(out, message.xml)
    text = message.xml.decode()
    if as_json:
        emit([{**asdict(message), "xml": text}])
        return
    line(stderr(), f"POST {message.path}", style="bold green")
    line(stderr(), f"SOAPAction {message.action}", style="dim")
    typer.echo(text)


def _show_decision(decision: Decision) -> None:
    chosen = decision.chosen
    if chosen is None:
        line(stdout(), f"{decision.document_type}: refused", style="bold red")
        line(stdout(), decision.refused)
        line(stdout(), decision.instead, style="dim")
    else:
        line(stdout(), f"{decision.method} {chosen.entity_set}", style="bold green")
        line(stdout(), f"{chosen.service} ({chosen.odata}), confidence {chosen.confidence:.2f}")
        for reason in chosen.reasons:
            line(stdout(), f"  · {reason}")
        if chosen.missing:
            line(stdout(), f"missing: {', '.join(chosen.missing)}", style="yellow")
    if decision.others:
        stdout().print(_table_of(decision.others))


def _table_of(others: tuple[Candidate, ...]) -> Table:
    table = Table("not taken", "", "confidence", "because", box=None)
    for each in others:
        reasons = each.reasons if each.confidence == 0 else each.reasons[1:]
        name = Text(each.service, style="dim")
        table.add_row(name, each.odata, f"{each.confidence:.2f}", "; ".join(reasons))
    return table


def _show_payload(payload: Payload) -> None:
    """The body to standard output, for a file or a pipe; what is said of it beside."""
    line(stderr(), f"POST {payload.path}/{payload.entity_set}", style="bold green")
    against = f"held to the {payload.checked_against} of {payload.service}"
    line(stderr(), against, style="dim")
    if payload.checked_against == "outline":
        line(
            stderr(),
            "An outline holds what Assay's mappings use; import your system's $metadata for the whole.",
            style="yellow",
        )
    for place, value in payload.defaults.items():
        line(stderr(), f"taken for granted: {place} = {value}", style="yellow")
    stdout().print_json(json.dumps(payload.body, ensure_ascii=False))


app.command("post")(post)
app.command("outbox")(outbox)
