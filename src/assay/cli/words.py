"""``assay words``: the words of documents, each with its box and where it was read."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from assay.cli import options
from assay.cli.console import emit, line, progress_for, stdout

if TYPE_CHECKING:
    from assay.documents.reading import Document

NAME, PANEL = None, "Documents"
REFUSED = 3  # the exit code where a document was not read

app = typer.Typer()


@app.command("words", rich_help_panel=PANEL)
def words(
    documents: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…", help="PDF, PNG, JPEG, TIFF, e-mails (.eml) or e-invoices (.xml)."
        ),
    ],
    ocr: Annotated[
        str, typer.Option("--ocr", help="rapidocr, or tesseract where it is installed.")
    ] = "rapidocr",
    dpi: Annotated[
        int, typer.Option("--dpi", min=72, max=600, help="How finely a PDF's pages are drawn.")
    ] = 150,
    max_pages: Annotated[
        int, typer.Option("--max-pages", min=1, help="A document of more is not read.")
    ] = 100,
    scripts: Annotated[
        bool, typer.Option("--scripts", help="Also read PDFs that hold scripts; none is run.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Read again what was read before.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page with every word's box.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Read the words of documents, from the text layer where it is sound, else by OCR.

    Each document is opened by a confined process and ends in a verdict. Ends with 3 where one was
    not read.
    """
    from assay.documents.inside.refused import OPENED
    from assay.documents.opening import Limits
    from assay.documents.reading import Reader, words_folder

    limits = Limits(pages=max_pages, acts=scripts)
    kept = None if fresh else words_folder()
    progress = progress_for(as_json)
    read: list[Document] = []
    with (
        Reader(limits, ocr, dpi, kept, pictures=html is not None) as reader,
        progress.task("reading", len(documents)) as task,
    ):
        for path in documents:
            read.append(reader.read(path, task=task))
    if html:
        from assay.documents.words_page import write_page

        write_page(html, read)
    if as_json:
        emit([_plain(each) for each in read])
    else:
        for each in read:
            _show(each)
        if html:
            line(stdout(), f"\npage: {html}")
    if any(each.verdict != OPENED for each in read):
        raise typer.Exit(REFUSED)


def _plain(document: Document) -> dict[str, Any]:
    """A document for ``--json``."""
    plain = asdict(replace(document, invoice=None))
    del plain["pictures"], plain["invoice"]
    plain["language"] = document.language
    plain["attached"] = [_plain(each) for each in document.attached]
    return plain


def _show(document: Document) -> None:
    from assay.documents.inside.refused import OPENED

    screen = stdout()
    head = Text(document.name, style="bold")
    if document.verdict != OPENED:
        head.append(f"  {document.verdict}", style="bold red")
        head.append(f": {document.reason}")
    else:
        said = [document.kind, document.language]
        head.append("  " + ", ".join(each for each in said if each), style="cyan")
    screen.print(head, soft_wrap=True)
    for note in document.notes:
        line(screen, f"  {note}", style="yellow")
    if document.embedded:
        line(screen, f"  inside: {', '.join(document.embedded)}")
    if document.invoice:
        line(screen, f"  {document.invoice.form}: `assay read` gives its fields")
    for page in document.pages:
        turned = f", turned {page.turned} degrees" if page.turned else ""
        head = f"page {page.number}: {page.source}{turned}, {len(page.words):,} words"
        line(screen, f"\n{head}", style="bold")
        for note in page.notes:
            line(screen, f"  {note}", style="yellow")
        line(screen, page.text)
    for each in document.attached:
        line(screen, "")
        _show(each)
