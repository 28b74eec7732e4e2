"""A page that shows documents with every word's box where it was read."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assay import files
from assay.documents.inside.refused import OPENED
from assay.documents.reading import Document
from assay.evaluation.report.page import fill


def write_page(path: Path, documents: Sequence[Document]) -> None:
    """Write the page, one file with all its pictures; documents need theirs (``Reader.pictures``)."""
    shown = [each for document in documents for each in _flat(document)]
    read = [each for each in shown if each.verdict == OPENED]
    files.write_text(
        path,
        fill(
            "words.html.j2",
            documents=[_shown(each) for each in shown],
            pages=sum(len(each.pages) for each in read),
            words=sum(len(page.words) for each in read for page in each.pages),
            refused=len(shown) - len(read),
        ),
    )


def _flat(document: Document) -> list[Document]:
    """A document and those attached to it."""
    return [document, *(deep for each in document.attached for deep in _flat(each))]


def _shown(document: Document) -> dict[str, Any]:
    pictures = [base64.b64encode(each).decode() for each in document.pictures]
    pages = [
        {
            "page": page,
            "picture": picture,
            "stroke": page.width / 700,
            "text": page.text,
        }
        for page, picture in zip(document.pages, pictures, strict=True)
    ]
    return {"document": document, "opened": document.verdict == OPENED, "pages": pages}
