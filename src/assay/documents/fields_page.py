"""A page that shows documents with every field's value in its place."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assay import files
from assay.documents.einvoice import Reading
from assay.documents.reading import Document
from assay.evaluation.report.page import fill

LEVELS = {"document": "", "item": "item {} ", "tax": "tax {} "}


def write_page(path: Path, documents: Sequence[Document]) -> None:
    """Write the page, one file with all its pictures; documents need theirs (``Reader.pictures``)."""
    shown = [_shown(each) for each in documents]
    known = [r for each in documents for r in _readings(each)]
    files.write_text(
        path,
        fill(
            "fields.html.j2",
            documents=shown,
            pages=sum(len(each.pages) for each in documents),
            fields=len(known),
            placed=sum(1 for r in known if r.shown and r.shown.place)
            if any(r.shown for r in known)
            else None,
            without=sum(each.invoice is None for each in documents),
        ),
    )


def _readings(document: Document) -> list[Reading]:
    found = document.invoice.readings if document.invoice else ()
    return [each for each in found if each.field and each.value is not None]


def _shown(document: Document) -> dict[str, Any]:
    readings = _readings(document)
    places = [each.shown.place if each.shown else None for each in readings]
    pages = [
        {
            "page": page,
            "picture": base64.b64encode(picture).decode(),
            "stroke": page.width / 700,
            "rows": [
                _row(reading) | {"box": place.box}
                for reading, place in zip(readings, places, strict=True)
                if place and place.page == page.number
            ],
        }
        for page, picture in zip(document.pages, document.pictures, strict=True)
    ]
    return {
        "document": document,
        "opened": document.invoice is not None,
        "faults": document.invoice.faults if document.invoice else (),
        "pages": pages,
        "rest": [_row(r) for r, place in zip(readings, places, strict=True) if place is None],
    }


def _row(reading: Reading) -> dict[str, Any]:
    return {
        "level": reading.level,
        "label": LEVELS[reading.level].format(reading.row + 1) + reading.field,
        "value": str(reading.value),
        "raw": reading.raw,
        "times": reading.shown.times if reading.shown and not reading.shown.place else 0,
    }
