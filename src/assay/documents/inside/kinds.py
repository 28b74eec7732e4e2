"""What a file is, by its first bytes; its name is not asked."""

from __future__ import annotations

import re

from assay.documents.inside.refused import EMPTY, UNKNOWN, Refused

PDF, PNG, JPEG, TIFF, MAIL, XML = "PDF", "PNG", "JPEG", "TIFF", "e-mail", "XML"
PICTURES = (PNG, JPEG, TIFF)
SUFFIXES = {
    PDF: (".pdf",),
    PNG: (".png",),
    JPEG: (".jpg", ".jpeg"),
    TIFF: (".tif", ".tiff"),
    MAIL: (".eml",),
    XML: (".xml",),
}

STARTS = (
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"\xff\xd8\xff", JPEG),
    (b"II*\x00", TIFF),
    (b"MM\x00*", TIFF),
    (b"II+\x00", TIFF),
    (b"MM\x00+", TIFF),
    (b"\xff\xfe<\x00", XML),  # in UTF-16
    (b"\xfe\xff\x00<", XML),
)
OTHERS = (
    (b"PK\x03\x04", "a ZIP archive or an Office document", "Save it as PDF."),
    (
        b"\xd0\xcf\x11\xe0",
        "an old Office document or an Outlook message",
        "Save it as PDF or .eml.",
    ),
    (b"GIF8", "a GIF picture", "Save it as PNG."),
    (b"BM", "a BMP picture", "Save it as PNG."),
    (b"{\\rtf", "an RTF document", "Save it as PDF."),
    (b"%!PS", "a PostScript document", "Save it as PDF."),
)
HEADER = re.compile(rb"[A-Za-z][A-Za-z0-9-]*:[ \t]")
OF_A_MAIL = re.compile(
    rb"^(from|received|return-path|delivered-to|mime-version|message-id|subject|date):", re.I | re.M
)
READ = "Read are PDF, PNG, JPEG, TIFF, e-mails (.eml) and e-invoices (.xml)."


def kind_of(data: bytes) -> str:
    """The kind of a document; raises ``Refused`` for what is none."""
    if not data:
        raise Refused(EMPTY, "it has no bytes")
    for start, kind in STARTS:
        if data.startswith(start):
            return kind
    if b"%PDF-" in data[:1024]:
        return PDF
    for start, what, remedy in OTHERS:
        if data.startswith(start):
            raise Refused(UNKNOWN, f"it is {what}. {remedy}")
    text = data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if re.match(rb"<(!doctype html|html|head|body)", text, re.I):
        raise Refused(UNKNOWN, f"it is an HTML page. {READ}")
    if text[:1] == b"<":
        return XML
    if HEADER.match(text) and OF_A_MAIL.search(text):
        return MAIL
    raise Refused(UNKNOWN, f"its first bytes are those of no known kind. {READ}")
