"""Where the pages of a document show the values of its message."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter

from assay.documents.grounding import Shown, Wanted, ground, ibans
from assay.documents.reading import Reader
from assay.documents.sheet import Sheet, squashed
from assay.documents.words import TEXT, Page, Word
from assay.sap.fields import Value

EXAMPLE = Path(__file__).parents[2] / "examples" / "documents" / "einvoice.pdf"
Cell = tuple[float, str]


def page(*rows: Sequence[Cell], number: int = 1) -> Page:
    """A page of rows 14 points apart; each cell begins at its x and has words of 6 points a letter."""
    words: list[Word] = []
    for row, cells in enumerate(rows):
        for x, text in cells:
            left = x
            for word in text.split():
                right = left + 6 * len(word)
                box = (left, 14.0 * row, right, 14.0 * row + 10)
                words.append(Word(word, box, row, 1.0, TEXT))
                left = right + 3
    return Page(number, 595, 842, "point", TEXT, words=tuple(words))


def look(value: Value, *rows: Sequence[Cell], name: str = "gross_total", raw: str = "") -> Shown:
    (shown,) = ground([Wanted(name, "document", 0, raw or str(value), value)], [page(*rows)])
    return shown


def text_of(shown: Shown) -> str | None:
    return shown.place.text if shown.place else None


@pytest.mark.parametrize(
    "written",
    ["1.804,00", "1,804.00", "1 804,00", "1'804.00", "€1804.00", "1.804,00€", "1804", "-1.804,00"],
)
def test_an_amount_is_found_however_it_is_written(written: str) -> None:
    assert text_of(look(Decimal("1804.00"), [(0, f"Gesamtbetrag {written} EUR")])) == written


@pytest.mark.parametrize("written", ["1.804,01", "11.804,00", "1804,000,0", "18.04.00", "1.8040"])
def test_another_amount_is_not(written: str) -> None:
    assert look(Decimal("1804.00"), [(0, written)]) == Shown(0, None)


@pytest.mark.parametrize(
    "written",
    ["28.04.2021", "2021-04-28", "04/28/2021", "28 avril 2021", "28. April 2021", "April 28, 2021"],
)
def test_a_date_is_found_however_it_is_written(written: str) -> None:
    shown = look(date(2021, 4, 28), [(0, f"Datum: {written}")], name="document_date")
    assert text_of(shown) == written


def test_a_date_is_read_whole() -> None:
    """18.04.2021 ends in 8.04.2021."""
    assert look(date(2021, 4, 8), [(0, "18.04.2021")], name="document_date").times == 0


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("currency", "EUR", "12,00€"),
        ("supplier_country", "DE", "Deutschland"),
        ("iban", "DE89370400440532013000", "DE89 3704 0044 0532 0130 00"),
        ("supplier_name", "Muster Schrauben GmbH", "MUSTER Schrauben-GmbH"),
        ("supplier_vat_id", "DE136695976", "USt-IdNr.:DE136695976"),
    ],
)
def test_texts_and_codes_are_found_by_what_they_say(name: str, value: str, written: str) -> None:
    shown = look(value, [(0, "Muster"), (300, written)], name=name)
    assert shown.times == 1
    if name != "supplier_country":  # a code that stands for many things needs a neighbour
        assert text_of(shown) == written


def test_a_text_goes_on_in_the_next_line_of_its_column() -> None:
    rows = ([(0, "Welle aus Stahl,"), (300, "12")], [(0, "gehärtet"), (300, "13")])
    shown = look("Welle aus Stahl, gehärtet", *rows, name="document_text")
    assert text_of(shown) == "Welle aus Stahl, gehärtet"
    assert shown.place and shown.place.box[1::2] == (0, 24)


def test_a_word_inside_another_is_taken_only_where_none_stands_alone() -> None:
    rows = ([(0, "www.azure-interior.com")], [(0, "Azure Interior")])
    assert text_of(look("Azure Interior", *rows, name="supplier_name")) == "Azure Interior"
    assert text_of(look("Azure Interior", rows[0], name="supplier_name")) == rows[0][0][1]


def test_the_printed_name_decides_between_equal_values() -> None:
    rows = (
        [(0, "Zahlbetrag"), (300, "9,00")],
        [(0, "Gesamtbetrag"), (300, "9,00")],
        [(0, "Nettosumme"), (300, "9,00")],
    )
    wanted = [
        Wanted(name, "document", 0, "9.00", Decimal("9.00"))
        for name in ("gross_total", "net_total", "amount_due")
    ]
    shown = ground(wanted, [page(*rows)])
    assert [each.place and each.place.box[1] for each in shown] == [14, 28, 0]
    assert {each.times for each in shown} == {3}


def test_what_nothing_tells_has_no_place() -> None:
    shown = look(Decimal(19), [(0, "19 19 Stück")], name="tax_total")
    assert (shown.times, shown.place) == (2, None)


def test_items_keep_their_order_and_their_columns() -> None:
    """Quantity, price and number are 2, 2 and 2 in one row; the same goods stand in two rows."""
    head = [(0, "Pos."), (60, "Bezeichnung"), (300, "Menge"), (400, "Einzelpreis"), (500, "Betrag")]
    rows = (
        [(0, "Rechnung 2")],
        head,
        [(0, "1"), (60, "Nagel"), (300, "5"), (400, "1,00"), (500, "5,00")],
        [(0, "2"), (60, "Nagel"), (300, "2"), (400, "2,00"), (500, "4,00")],
        [(0, "3"), (60, "Mutter"), (300, "1"), (400, "7,00"), (500, "7,00")],
    )
    said = [("1", "Nagel", 5, 1, 5), ("2", "Nagel", 2, 2, 4), ("3", "Mutter", 1, 7, 7)]
    names = ("item_number", "item_description", "quantity", "unit_price", "net_amount")
    wanted = [
        Wanted(name, "item", n, str(value), value if isinstance(value, str) else Decimal(value))
        for n, row in enumerate(said)
        for name, value in zip(names, row, strict=True)
    ]
    lefts = [cell[0] for cell in head]
    for n, (each, shown) in enumerate(zip(wanted, ground(wanted, [page(*rows)]), strict=True)):
        assert shown.place, each
        assert shown.place.box[:2] == (lefts[n % 5], 14.0 * (2 + each.row)), each


def test_an_item_s_number_is_not_taken_from_another_field() -> None:
    """A net price after a discount that is not printed is not the amount."""
    row = [(60, "Olivenöl"), (300, "1"), (400, "1,00"), (500, "0,90")]
    wanted = [
        Wanted("item_description", "item", 0, "Olivenöl", "Olivenöl"),
        Wanted("net_amount", "item", 0, "0.90", Decimal("0.90")),
        Wanted("unit_price", "item", 0, "0.90", Decimal("0.90")),
    ]
    head = [(60, "Bezeichnung"), (300, "Menge"), (400, "Einzelpreis"), (500, "Betrag")]
    text, amount, price = ground(wanted, [page(head, row)])
    assert [text_of(each) for each in (text, amount, price)] == ["Olivenöl", "0,90", None]


def test_pages_are_counted_from_one() -> None:
    wanted = [Wanted("document_number", "document", 0, "4711-A", "4711-A")]
    (shown,) = ground(wanted, [page([(0, "leer")]), page([(0, "Nr. 4711-A")], number=2)])
    assert shown.place and shown.place.page == 2
    assert ground(wanted, []) == [Shown(0, None)]


def test_bank_accounts_are_those_whose_digits_check() -> None:
    good, bad = "DE89 3704 0044 0532 0130 00", "DE88 3704 0044 0532 0130 00"
    found = ibans([page([(0, f"IBAN: {bad}")]), page([(0, f"IBAN {good} BIC COBA")], number=2)])
    assert found == {good.replace(" ", ""): 2}


def test_a_letter_under_a_hill_of_accents_shows_nothing() -> None:
    assert squashed("a" + "\u0301" * 5_000) == ""
    hill = page([(0, "a" + "\u0301" * 5_000), (300, "4711-A")])
    assert Sheet(hill, 0).find("document_number", "4711-A", "4711-A")


# A whole document: the example, whose page was drawn from the same values as its message.


def changed(*pairs: tuple[str, str]) -> bytes:
    """The example with another message inside."""
    writer = PdfWriter()
    page_of = PdfReader(EXAMPLE)
    writer.add_page(page_of.pages[0])
    (message,) = page_of.attachments["factur-x.xml"]
    for old, new in pairs:
        assert old.encode() in message
        message = message.replace(old.encode(), new.encode())
    writer.add_attachment("factur-x.xml", message)
    held = io.BytesIO()
    writer.write(held)
    return held.getvalue()


def test_every_printed_value_of_the_example_is_found(reader: Reader) -> None:
    invoice = reader.read(EXAMPLE).invoice
    assert invoice and invoice.faults == ()
    placed = {
        (each.row, each.field): each.shown.place.text
        for each in invoice.readings
        if each.shown and each.shown.place
    }
    assert len(placed) == 37
    assert placed[0, "due_date"] == "16.04.2026"
    assert placed[0, "document_number"] == "2026-0417"
    assert placed[0, "iban"] == "DE89 3704 0044 0532 0130 00"
    assert placed[0, "gross_total"] == placed[0, "amount_due"] == "117,22"
    assert [placed[n, "quantity"] for n in range(3)] == ["200", "200", "1"]
    assert [placed[n, "unit_price"] for n in range(3)] == ["0,35", "0,08", "12,50"]
    unplaced = {e.field for e in invoice.readings if e.shown and not e.shown.place}
    assert unplaced == {
        "invoice_type", "supplier_country", "customer_country", "quantity_unit", "item_tax_rate",
        "tax_category",
    }  # fmt: skip


def test_a_message_that_says_another_amount_than_the_page_is_told(reader: Reader) -> None:
    """Whoever pays by the message must not pay what no reader of the page has seen."""
    pairs = (("GrandTotalAmount>117.22", "GrandTotalAmount>1170.22"),)
    invoice = reader.read(changed(*pairs), "changed.pdf").invoice
    assert invoice
    told = {fault.says: fault.line for fault in invoice.faults if fault.rule == "page"}
    assert [*told] == ["no page shows the gross_total '1170.22'"] and min(told.values()) > 1


def test_a_page_that_shows_another_bank_account_is_told(reader: Reader) -> None:
    pairs = (("DE89370400440532013000", "FR7630006000011234567890189"),)
    invoice = reader.read(changed(*pairs), "changed.pdf").invoice
    assert invoice
    says = [fault.says for fault in invoice.faults if fault.rule == "page"]
    assert says == ["no page shows the iban 'FR7630006000011234567890189'"]
    (note,) = (note for note in invoice.notes if "account" in note)
    assert note == "page 1 shows the bank account DE89370400440532013000, the message does not"
