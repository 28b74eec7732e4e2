"""Documents that tests make: PDFs by ReportLab, pictures by Pillow."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from reportlab.pdfgen.canvas import Canvas

LINES = (
    "Invoice 4711 of Miller Trading Limited",
    "Invoice date 17 March 2026",
    "Ten boxes of stainless steel screws 125.50 EUR",
    "Total amount due 149.35 EUR",
)
Draw = Callable[[Canvas], None]


def pdf(*pages: Sequence[str] | Draw, size: tuple[float, float] = (595, 842)) -> bytes:
    """A PDF whose pages are lines of text, or what a function draws."""
    held = io.BytesIO()
    canvas = Canvas(held, pagesize=size, invariant=True)
    for page in pages:
        canvas.setFont("Helvetica", 12)
        if callable(page):
            page(canvas)
        else:
            write(canvas, page)
        canvas.showPage()
    canvas.save()
    return held.getvalue()


def write(canvas: Canvas, lines: Sequence[str], top: float = 780) -> None:
    """Lines of text from above."""
    for number, line in enumerate(lines):
        canvas.drawString(60, top - 24 * number, line)


def scan(lines: Sequence[str] = LINES, size: tuple[int, int] = (900, 400)) -> Image.Image:
    """A picture of lines of text."""
    picture = Image.new("RGB", size, "white")
    font = ImageFont.load_default(30)
    for number, line in enumerate(lines):
        ImageDraw.Draw(picture).text((40, 40 + 60 * number), line, "black", font=font)
    return picture


def encoded(picture: Image.Image, kind: str = "PNG", **more: Any) -> bytes:
    """A picture's file."""
    held = io.BytesIO()
    picture.save(held, kind, **more)
    return held.getvalue()


def minimal(catalog: str = "", extra: str = "", page: str = "", count: int = 1) -> bytes:
    """A PDF by hand: one empty page, and whatever else is asked of it."""
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {catalog} >>",
        f"<< /Type /Pages /Kids [3 0 R] /Count {count} >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] {page} >>",
        *([extra] if extra else []),
    ]
    data = b"%PDF-1.7\n"
    places: list[int] = []
    for number, one in enumerate(objects, 1):
        places.append(len(data))
        data += f"{number} 0 obj\n{one}\nendobj\n".encode("latin-1")
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    start = len(data)
    tail = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    tail += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    return data + tail.encode()


def holding(*attached: tuple[str, bytes]) -> bytes:
    """A PDF of one page with files inside."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(LINES))))
    for name, data in attached:
        writer.add_attachment(name, data)
    held = io.BytesIO()
    writer.write(held)
    return held.getvalue()
