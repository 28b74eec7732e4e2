"""``assay read``: documents in, fields out, each with what was written and where."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from assay.cli import options
from assay.cli.console import emit, line, progress_for, stdout

if TYPE_CHECKING:
    from assay.documents.einvoice import EInvoice, Reading
    from assay.documents.reading import Document

NAME, PANEL = None, "Documents"
NOT_READ = 3  # the exit code where a document gave no fields
COLUMNS = (  # of items, as far as any has them
    "item_number", "item_description", "supplier_material", "quantity", "delivered_quantity",
    "quantity_unit", "unit_price", "net_amount", "item_tax_rate",
)  # fmt: skip
NUMBERS = ("quantity", "delivered_quantity", "unit_price", "net_amount", "item_tax_rate")
NOTHING = (
    "no electronic invoice is in it, and no specialist that reads pages is there yet; "
    "`assay words` gives its words"
)

app = typer.Typer()


@app.command("read", rich_help_panel=PANEL)
def read(
    documents: Annotated[
        list[Path],
        typer.Argument(metavar="FILE…", help="E-invoices: .xml, PDFs that hold one, or e-mails."),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Write each document as canonical JSON."),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write a page that shows the fields in place."),
    ] = None,
    pages: Annotated[
        bool, typer.Option("--pages/--no-pages", help="Look the values up on a PDF's pages.")
    ] = True,
    scripts: Annotated[
        bool, typer.Option("--scripts", help="Also read PDFs that hold scripts; none is run.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Read the fields of documents: from the message that is one, or that a PDF holds.

    UBL 2 (Invoice, CreditNote, Order, DespatchAdvice) and UN/CEFACT CII, also in Factur-X, ZUGFeRD
    and XRechnung. Invoices are checked by the rules of EN 16931, and what a PDF's message says is
    looked up on its pages. Ends with 3 where a document gave no fields.
    """
    from assay.documents.opening import Limits
    from assay.documents.reading import Reader, words_folder

    if html and not pages:
        raise typer.BadParameter("--html draws fields on pages, and --no-pages leaves them unread")

    progress = progress_for(as_json)
    found: list[Document] = []
    with (
        Reader(
            Limits(acts=scripts),
            kept=words_folder(),
            pictures=html is not None,
            paged="with message" if pages else "none",
        ) as reader,
        progress.task("reading", len(documents)) as task,
    ):
        for path in documents:
            document = reader.read(path, task=task)
            found.extend(_flat(document))
            if not document.pages:
                task.advance(1)
    written = _write(out, found) if out else {}
    if html:
        from assay.documents.fields_page import write_page

        write_page(html, found)
    if as_json:
        emit([{**_plain(each), "written": written.get(n)} for n, each in enumerate(found)])
    else:
        for n, each in enumerate(found):
            line(stdout(), "") if n else None
            _show(each)
            if n in written:
                line(stdout(), f"written: {written[n]}")
        if html:
            line(stdout(), f"\npage: {html}")
    if any(each.invoice is None for each in found):
        raise typer.Exit(NOT_READ)


def _flat(document: Document) -> list[Document]:
    """A document, or those attached to it where it is a message."""
    return [deep for each in document.attached for deep in _flat(each)] or [document]


def _why(document: Document) -> tuple[str, str]:
    """The verdict and its reason; ``no fields`` for a document that was opened and has none."""
    from assay.documents.inside.refused import OPENED

    if document.verdict == OPENED and document.invoice is None:
        return "no fields", NOTHING
    return document.verdict, document.reason


def _plain(document: Document) -> dict[str, Any]:
    """A document for ``--json``: canonical, with every value as it was written and where."""
    from assay.sap.canonical import as_json

    verdict, reason = _why(document)
    plain: dict[str, Any] = {
        "name": document.name,
        "digest": document.digest,
        "verdict": verdict,
        "reason": reason,
        "notes": list(document.notes),
    }
    if (read := document.invoice) is None:
        return plain
    return {
        **plain,
        "notes": [*document.notes, *read.notes],
        "form": read.form,
        "profile": read.profile,
        "document": as_json(read.document),
        "readings": [
            {
                "level": each.level,
                "row": each.row,
                "field": each.field or None,
                "term": each.term or None,
                "raw": each.raw,
                "read": each.value is not None,
                "path": each.path,
                "line": each.line,
                **_place(each),
            }
            for each in read.readings
        ],
        "faults": [
            {"rule": each.rule, "says": each.says, "path": each.path, "line": each.line}
            for each in read.faults
        ],
    }


def _place(reading: Reading) -> dict[str, Any]:
    """Where the pages show a value; nothing where none was looked for."""
    if reading.shown is None:
        return {}
    place = reading.shown.place
    said = {"page": place.page, "box": list(place.box), "text": place.text} if place else None
    return {"times": reading.shown.times, "place": said}


def _write(folder: Path, documents: list[Document]) -> dict[int, str]:
    """Write every document that has fields; where each is, by its place in the list.

    Raises ``DataError`` before anything is written where two would have one name.
    """
    from assay import files
    from assay.errors import DataError
    from assay.sap.canonical import as_json

    targets = {
        n: folder / f"{Path(each.name).stem}.json"
        for n, each in enumerate(documents)
        if each.invoice is not None
    }
    twice = [path for path, count in Counter(targets.values()).items() if count > 1]
    if twice:
        raise DataError(
            f"{twice[0]}: several documents would be written there",
            "Read them one at a time, each with a folder of its own.",
        )
    for n, path in targets.items():
        invoice = documents[n].invoice
        assert invoice is not None
        text = json.dumps(as_json(invoice.document), indent=2, ensure_ascii=False)
        files.write_text(path, text + "\n")
    return {n: str(path) for n, path in targets.items()}


def _show(document: Document) -> None:
    screen = stdout()
    verdict, reason = _why(document)
    head = Text(document.name, style="bold")
    if document.invoice is None:
        head.append(f"  {verdict}", style="bold red")
        head.append(f": {reason}")
        screen.print(head, soft_wrap=True)
    else:
        read = document.invoice
        head.append(f"  {read.document.type}", style="cyan")
        head.append(f", {read.form}" + (" inside a PDF" if document.kind == "PDF" else ""))
        screen.print(head, soft_wrap=True)
        if read.profile:
            line(screen, f"  {read.profile}")
    for note in (*document.notes, *(document.invoice.notes if document.invoice else ())):
        line(screen, f"  {note}", style="yellow")
    if document.invoice:
        _fields(document.invoice)
        _items(document.invoice)
        _faults(document.invoice)


def _fields(read: EInvoice) -> None:
    paged = any(each.shown for each in read.readings)
    table = Table("field", "value", "term", "page" if paged else "line", box=None)
    table.columns[3].justify = "right"
    for each in read.readings:
        if each.level == "document" and each.field and each.value is not None:
            value = Text(str(each.value).replace("\n", " / ")[:70])
            where = str(each.line)
            if each.shown:
                where = str(each.shown.place.page) if each.shown.place else "-"
            table.add_row(Text(each.field, style="cyan"), value, each.term, where)
    for number, row in enumerate(read.document.taxes):
        shown = ", ".join(f"{key.removeprefix('tax_')} {value}" for key, value in row.items())
        table.add_row(Text(f"tax {number + 1}", style="cyan"), shown, "BG-23", "")
    stdout().print(table)


def _items(read: EInvoice) -> None:
    items = read.document.items
    if not items:
        return
    names = [name for name in COLUMNS if any(name in item for item in items)]
    table = Table(box=None, title=f"{len(items):,} items", title_justify="left")
    for name in names:
        right = name in NUMBERS
        table.add_column(name.removeprefix("item_"), justify="right" if right else "left")
    for item in items:
        table.add_row(*(Text(str(item.get(name, ""))[:40]) for name in names))
    stdout().print(table)


def _faults(read: EInvoice) -> None:
    screen = stdout()
    for each in read.faults:
        where = f" ({each.path}, line {each.line})" if each.path else ""
        line(screen, f"{each.rule}: {each.says}{where}", style="red")
    if not read.faults:
        line(screen, "no fault was found", style="green")
