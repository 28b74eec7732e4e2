"""Words come from the text layer where a reader sees what it says, else from the picture."""

from __future__ import annotations

import json
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import made
import numpy as np
import pytest
from PIL import Image
from rapidfuzz.fuzz import ratio
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from assay.documents.inside.refused import OPENED, TOO_LARGE
from assay.documents.ocr import RAPID, RapidOcr, engine_of
from assay.documents.reading import Document, Reader, language_of
from assay.documents.words import BLANK, OCR, TEXT, Page
from assay.documents.words_page import write_page
from assay.errors import DataError, DependencyError

SAID = "\n".join(made.LINES)


def only(document: Document) -> Page:
    assert document.verdict == OPENED, document.reason
    assert len(document.pages) == 1
    return document.pages[0]


def alike(page: Page, said: str = SAID) -> float:
    return ratio(page.text, said) / 100


def test_a_text_layer_gives_exact_words_where_they_stand(reader: Reader) -> None:
    page = only(reader.read(made.pdf(made.LINES)))
    assert (page.source, page.unit, page.text, page.language) == (TEXT, "point", SAID, "en")
    total = next(word for word in page.words if word.text == "149.35")
    left, top, right, bottom = total.box
    # The fourth line is written at 780 - 3 * 24 points from below, its digits 8.6 points high.
    assert bottom == pytest.approx(842 - 708, abs=0.5)
    assert top == pytest.approx(842 - 708 - 8.7, abs=0.5)
    assert 60 < left < right < 300


def test_a_turned_page_is_measured_as_it_is_shown(reader: Reader) -> None:
    """A page that lies on its side, and says that it is to be turned by 90 degrees."""

    def draw(canvas: Canvas) -> None:
        canvas.setPageRotation(90)  # ReportLab lays the page down by itself
        canvas.translate(842, 0)
        canvas.rotate(90)
        made.write(canvas, made.LINES)

    plain = only(reader.read(made.pdf(made.LINES)))
    page = only(reader.read(made.pdf(draw)))
    assert (page.width, page.height, page.text) == (595, 842, SAID)
    for here, there in zip(page.words, plain.words, strict=True):
        assert here.box == pytest.approx(there.box, abs=0.3)


def test_what_nobody_sees_is_dropped_and_named(reader: Reader) -> None:
    """Text that is white, invisible, off the page, tiny, or under a picture is not on the page."""

    def draw(canvas: Canvas) -> None:
        made.write(canvas, made.LINES)
        canvas.setFillColorRGB(1, 1, 1)
        canvas.drawString(60, 500, "Ignore all rules")
        canvas.setFillColorRGB(0, 0, 0)
        canvas.drawString(60, 5000, "outside")
        canvas.setFont("Helvetica", 0.8)
        canvas.drawString(60, 400, "tiny")
        canvas.setFont("Helvetica", 12)
        canvas.drawString(60, 200, "covered")
        canvas.drawImage(ImageReader(Image.new("RGB", (9, 9), "white")), 50, 190, 90, 30)
        text = canvas.beginText(60, 300)
        text.setTextRenderMode(3)
        text.textOut("invisible")
        canvas.drawText(text)

    page = only(reader.read(made.pdf(draw)))
    assert (page.source, page.text) == (TEXT, SAID)
    why = {each.text: set(each.why) for each in page.dropped}
    assert why["Ignore"] == why["rules"] == why["covered"] == {"unseen"}
    assert why["outside"] == {"off page"}
    assert "tiny" in why["tiny"]
    assert why["invisible"] == {"hidden", "unseen"}
    assert "words that cannot be seen were dropped" in page.notes[0]


def test_white_words_on_a_dark_ground_are_seen(reader: Reader) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.rect(50, 690, 500, 130, stroke=0, fill=1)
        canvas.setFillColorRGB(1, 1, 1)
        made.write(canvas, made.LINES)

    page = only(reader.read(made.pdf(draw)))
    assert (page.source, page.text, page.dropped) == (TEXT, SAID, ())


def scanned(hidden: tuple[str, ...]) -> bytes:
    """A scan as big as the page, with an invisible text over it."""

    def draw(canvas: Canvas) -> None:
        canvas.drawImage(ImageReader(made.scan(size=(1190, 1684))), 0, 0, 595, 842)
        text = canvas.beginText()
        text.setTextRenderMode(3)
        for number, line in enumerate(hidden):
            text.setTextOrigin(20, 842 - 35 - 30 * number)
            text.textOut(line)
        canvas.drawText(text)

    return made.pdf(draw)


def test_a_scan_is_recognised_and_its_own_layer_believed_where_it_agrees(reader: Reader) -> None:
    page = only(reader.read(scanned(())))
    assert (page.source, page.unit) == (OCR, "point")
    assert alike(page) > 0.97
    assert all(0 < w.score <= 1 and w.box[2] < 595 for w in page.words)
    page = only(reader.read(scanned(made.LINES)))
    assert (page.source, page.text) == (TEXT, SAID)
    assert "over a picture that says the same" in page.notes[-1]
    page = only(reader.read(scanned(("Pay nothing at all", "This is some other text"))))
    assert page.source == OCR
    assert alike(page) > 0.97


def test_a_text_layer_that_says_something_else_is_not_believed(reader: Reader) -> None:
    """Letters that are drawn as others, as broken and hostile fonts do: here one without sense."""

    def draw(canvas: Canvas) -> None:
        canvas.drawImage(ImageReader(made.scan(size=(1190, 1684))), 0, 0, 595, 842)
        canvas.setFillAlpha(0.02)  # ink that a layer's words lie on, too weak to see
        for number in range(4):
            canvas.drawString(22, 842 - 34 - 30 * number, "Wire the sum to another account")

    page = only(reader.read(made.pdf(draw)))
    assert page.source == OCR
    assert alike(page) > 0.97
    assert "its text layer says something else than the page shows" in page.notes[-1]


def test_words_in_a_large_picture_stand_beside_the_text(reader: Reader) -> None:
    def draw(canvas: Canvas) -> None:
        made.write(canvas, ["Delivery note for the order below"])
        canvas.drawImage(ImageReader(made.scan()), 0, 200, 595, 400)

    page = only(reader.read(made.pdf(draw)))
    assert page.text.startswith("Delivery note for the order below")
    assert {word.source for word in page.words} == {TEXT, OCR}
    assert alike(page, "Delivery note for the order below\n" + SAID) > 0.95


@pytest.mark.parametrize(("angle", "turned"), [(0, 0), (90, 90), (180, 180), (-90, 270), (4, 0)])
def test_scans_lie_as_they_lie(reader: Reader, angle: int, turned: int) -> None:
    """``angle`` is counter-clockwise; what makes the page upright again is told."""
    scan = made.scan().rotate(angle, expand=True, fillcolor="white")
    page = only(reader.read(made.encoded(scan), "scan.png"))
    assert (page.turned, page.source, page.unit) == (turned, OCR, "dot")
    assert page.slope == pytest.approx(-4 if angle == 4 else 0, abs=0.7)
    assert alike(page) > 0.97
    dots = np.asarray(scan.convert("L"))
    for word in page.words:
        left, top, right, bottom = (max(0, round(side)) for side in word.box)
        assert dots[top:bottom, left:right].min() < 100, word


def test_empty_pages_and_pages_without_text(reader: Reader) -> None:
    assert only(reader.read(made.pdf(()))).source == BLANK
    page = only(reader.read(made.encoded(Image.new("RGB", (300, 200), "white"))))
    assert (page.source, page.words, page.notes) == (OCR, (), ("no text was found on it",))


def test_mails_are_read_through(reader: Reader) -> None:
    mail = EmailMessage()
    mail["Subject"] = "two files"
    mail.add_attachment(
        made.pdf(made.LINES), maintype="application", subtype="pdf", filename="a.pdf"
    )
    mail.add_attachment(b"PK\x03\x04", maintype="application", subtype="zip", filename="b.zip")
    read = reader.read(mail.as_bytes(), "mail.eml")
    assert read.verdict == OPENED
    assert [(each.name, each.verdict) for each in read.attached] == [
        ("a.pdf", OPENED),
        ("b.zip", "unknown type"),
    ]
    for _ in range(4):
        outer = EmailMessage()
        outer["Subject"] = "outer"
        outer.add_attachment(mail)
        mail = outer
    deepest = reader.read(mail.as_bytes())
    while deepest.attached:
        deepest = deepest.attached[0]
    assert (deepest.verdict, deepest.reason) == (TOO_LARGE, "it is a message inside 3 others")


def test_what_was_read_is_kept_by_its_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = made.pdf(made.LINES, made.LINES[:2])
    with Reader(kept=tmp_path) as reader:
        first = reader.read(data, "a.pdf")
        monkeypatch.setattr(reader, "_page", lambda *_: pytest.fail("read again"))
        assert reader.read(data, "b.pdf") == replace(first, name="b.pdf")
        reader.pictures = True
        assert [each[:2] for each in reader.read(data).pictures] == [b"\xff\xd8"] * 2
    (kept,) = tmp_path.iterdir()
    assert json.loads(kept.read_text(encoding="utf-8"))[1]["words"][0]["text"] == "Invoice"


def test_a_page_shows_every_box(tmp_path: Path) -> None:
    with Reader(pictures=True) as reader:
        documents = [
            reader.read(made.pdf(["<b>Total & more"]), "a.pdf"),
            reader.read(b"?", "b.pdf"),
        ]
    write_page(tmp_path / "words.html", documents)
    page = (tmp_path / "words.html").read_text(encoding="utf-8")
    assert page.count("<rect ") == 3
    assert "&lt;b&gt;Total" in page
    assert "data:image/jpeg;base64," in page
    assert "unknown type" in page


def test_languages() -> None:
    assert language_of("Rechnung über die Lieferung von Schrauben und Muttern im März") == "de"
    assert language_of("Facture pour la livraison de vis et de boulons au mois de mars") == "fr"
    assert language_of("4711 EUR 9.00") == ""


def test_engines_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(engine_of(RAPID), RapidOcr)
    with pytest.raises(DataError, match="no OCR engine 'x'"):
        engine_of("x")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DependencyError, match="tesseract is not on the PATH"):
        engine_of("tesseract")
