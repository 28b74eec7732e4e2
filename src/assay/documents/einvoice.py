"""Electronic invoices, orders and despatch advices as business documents, checked as EN 16931 asks.

What the message says is the truth about the document: every value keeps how it was written and where.
A value that its field cannot hold is left out and told. The rules are those of EN 16931-1 that need no
code list (https://github.com/ConnectingEurope/eInvoicing-EN16931 has them as Schematron), by their ids.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Any

from assay.documents.grounding import Shown, Wanted, ground, ibans
from assay.documents.words import Page
from assay.sap import canonical
from assay.sap.fields import Value, fields
from assay.sap.transformations import NO_TABLES, Context, TransformationError, read_value

INVOICE, CREDIT = "supplier_invoice", "credit_memo"
TYPES = {"UBL Order": "purchase_order", "UBL DespatchAdvice": "delivery_note"}
# UNTDID 1001: what EN 16931 takes for a credit note (rule BR-CL-01, second list).
CREDITS = {"81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "532"}
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")  # xsd:decimal
DAY = re.compile(r"(\d{4}-\d\d-\d\d)(Z|[+-]\d\d:\d\d)?")  # xsd:date
MANDATORY = (  # rule, term, what it is called
    ("BR-01", "BT-24", "specification identifier"),
    ("BR-02", "BT-1", "invoice number"),
    ("BR-03", "BT-2", "issue date"),
    ("BR-04", "BT-3", "invoice type code"),
    ("BR-05", "BT-5", "currency"),
    ("BR-06", "BT-27", "seller's name"),
    ("BR-07", "BT-44", "buyer's name"),
    ("BR-09", "BT-40", "seller's country"),
    ("BR-11", "BT-55", "buyer's country"),
    ("BR-12", "BT-106", "sum of the lines' net amounts"),
    ("BR-13", "BT-109", "total without VAT"),
    ("BR-14", "BT-112", "total with VAT"),
    ("BR-15", "BT-115", "amount due"),
)
OF_A_LINE = (
    ("BR-21", "BT-126", "identifier"),
    ("BR-22", "BT-129", "quantity"),
    ("BR-23", "BT-130", "unit of the quantity"),
    ("BR-24", "BT-131", "net amount"),
    ("BR-25", "BT-153", "item's name"),
    ("BR-26", "BT-146", "net price"),
)
LESS = {  # Factur-X profiles below EN 16931's core, by the end of BT-24: what they do without
    "minimum": "MINIMUM",
    "basicwl": "BASIC WL",
}
THIRD_PARTY = "extension:xrechnung"  # its rule BR-DEX-09 takes the place of BR-CO-16
DECIDES = (  # what people decide by and a page of an invoice shows
    "document_number", "document_date", "gross_total", "amount_due", "iban", "supplier_vat_id",
)  # fmt: skip
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Reading:
    """One value of a message: how it was written, where, and what it is."""

    level: str  # document, item or tax
    row: int  # of an item or a tax, from 0
    field: str  # canonical; "" for what only rules ask for
    term: str  # of EN 16931, or ""
    raw: str
    value: Value | None  # ``None`` where the field cannot hold it
    path: str  # element names, several of one name numbered
    line: int  # of the XML
    others: tuple[str, ...] = ()  # further values that the message has and the field cannot hold
    shown: Shown | None = None  # what the pages show of it, where there are pages


@dataclass(frozen=True)
class Fault:
    """What is wrong with a message, or with one of its values."""

    rule: str  # of EN 16931, ``value``, or ``page``: the pages do not show what the message says
    says: str
    path: str = ""
    line: int = 0


@dataclass(frozen=True)
class EInvoice:
    """A message, read."""

    form: str
    profile: str  # BT-24, which rules the sender says it follows
    document: canonical.Document
    readings: tuple[Reading, ...]
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]


def read(message: Mapping[str, Any], name: str) -> EInvoice:
    """The document that a message holds, ``message`` as the confined reader gives it."""
    reader = _Reader(str(message["form"]), dict(message["rows"]))
    for found in message["found"]:
        reader.take(found)
    return reader.done(name)


def on_pages(invoice: EInvoice, pages: Sequence[Page]) -> EInvoice:
    """The message with what the pages of its document show of each value.

    What a reader decides by and the pages do not show is a fault: whoever looks at the page and
    whoever reads the message must see one document.
    """
    known = [n for n, each in enumerate(invoice.readings) if each.field and each.value is not None]
    said = [invoice.readings[n] for n in known]
    wanted = [Wanted(r.field, r.level, r.row, r.raw, r.value) for r in said if r.value is not None]
    readings = list(invoice.readings)
    for n, shown in zip(known, ground(wanted, pages), strict=True):
        readings[n] = replace(readings[n], shown=shown)
    faults, notes = list(invoice.faults), list(invoice.notes)
    for each in readings:
        if each.field in DECIDES and each.shown and not each.shown.times and each.value:
            says = f"no page shows the {each.field} {each.raw[:40]!r}"
            faults.append(Fault("page", says, each.path, each.line))
    accounts = [r for r in readings if r.field == "iban" and isinstance(r.value, str)]
    told = {"".join(text.split()) for r in accounts for text in (str(r.value), *r.others)}
    for number, page in ibans(pages).items() if told else ():
        if number not in told:
            notes.append(f"page {page} shows the bank account {number}, the message does not")
    return replace(invoice, readings=tuple(readings), faults=tuple(faults), notes=tuple(notes))


@dataclass
class _Reader:
    form: str
    rows: dict[str, int]
    readings: list[Reading] = field(default_factory=list[Reading])
    faults: list[Fault] = field(default_factory=list[Fault])
    notes: list[str] = field(default_factory=list[str])

    def take(self, found: Mapping[str, Any]) -> None:
        """One field's values at one row."""
        name, term, how = str(found["field"]), str(found["term"]), found["how"]
        said: list[Mapping[str, Any]] = list(found["said"])
        texts = list(dict.fromkeys(str(each["raw"]) for each in said))
        first = said[0]
        what = " ".join(each for each in (term, name) if each)
        raw, value = texts[0], None
        try:
            if how == "sum":
                raw = " + ".join(str(each["raw"]) for each in said)
                value = sum((_number(str(each["raw"])) for each in said), Decimal(0))
            elif how == "lines":
                raw = "\n".join(texts)
                value = _value(name, raw, first)
            else:
                value = _value(name, raw, first)
                if len(texts) > 1:
                    others = ", ".join(repr(text[:40]) for text in texts[1:4])
                    self.notes.append(
                        f"{what}: {raw[:40]!r} is taken; there are also {others}"
                        + (" and more" if len(texts) > 4 else "")
                    )
        except (TransformationError, ValueError) as error:
            cause = error.cause if isinstance(error, TransformationError) else str(error)
            place = str(first["path"])
            self.faults.append(Fault("value", f"{what}: {cause}", place, int(first["line"])))
        self.readings.append(
            Reading(
                str(found["level"]),
                int(found["row"]),
                name,
                term,
                raw,
                value,
                str(first["path"]),
                int(first["line"] or 0),
                () if how in ("sum", "lines") else tuple(texts[1:]),
            )
        )

    def done(self, name: str) -> EInvoice:
        """The document and what is wrong with it."""
        code, profile = self._raw("BT-3"), self._raw("BT-24")
        kind = TYPES.get(self.form) or (
            CREDIT if self.form == "UBL CreditNote" or code in CREDITS else INVOICE
        )
        if kind in (INVOICE, CREDIT):
            self._check(profile)
        rows: dict[str, list[dict[str, Value]]] = {
            level: [{} for _ in range(self.rows.get(level, 0))]
            for level in ("document", "item", "tax")
        }
        for each in self.readings:
            if each.field and each.value is not None:
                rows[each.level][each.row][each.field] = each.value
        document = canonical.Document(
            kind, rows["document"][0], tuple(rows["item"]), tuple(rows["tax"]), name=name
        )
        return EInvoice(
            self.form,
            profile,
            document,
            tuple(self.readings),
            tuple(self.faults),
            tuple(self.notes),
        )

    @cached_property
    def _by_term(self) -> dict[tuple[str, int], Reading]:
        return {(each.term, each.row): each for each in self.readings if each.term}

    def _raw(self, term: str, row: int = 0) -> str:
        found = self._by_term.get((term, row))
        return found.raw if found else ""

    def _amount(self, term: str, row: int = 0) -> Decimal | None:
        found = self._by_term.get((term, row))
        return found.value if found and isinstance(found.value, Decimal) else None

    def _check(self, profile: str) -> None:
        """The rules of EN 16931 that hold for an invoice of this profile."""
        less = next((name for end, name in LESS.items() if profile.lower().endswith(end)), "")
        lines, taxes = self.rows.get("item", 0), self.rows.get("tax", 0)
        if less:
            self.notes.append(
                f"it follows Factur-X's profile {less}, which has no lines and is no whole invoice "
                "of EN 16931: the PDF holds the rest"
            )
        for rule, term, called in MANDATORY:
            without = less and (
                term == "BT-106" or (less == "MINIMUM" and term in ("BT-55", "BT-110"))
            )
            if not self._raw(term) and not without:
                self._fault(rule, f"the {called} ({term}) is missing")
        if not less and not lines:
            self._fault("BR-16", "it has no line")
        for row in range(lines):
            for rule, term, called in OF_A_LINE:
                if not self._raw(term, row):
                    self._fault(rule, f"line {row + 1} has no {called} ({term})")
        if not taxes and less != "MINIMUM":
            self._fault("BR-CO-18", "it has no breakdown of VAT (BG-23)")
        self._arithmetic(lines, taxes, less, profile)

    def _arithmetic(self, lines: int, taxes: int, less: str, profile: str) -> None:
        total = self._amount
        if lines:
            self._equal("BR-CO-10", "BT-106", [total("BT-131", n) for n in range(lines)], "lines")
        discounts, charges = total("BT-107") or Decimal(0), total("BT-108") or Decimal(0)
        if self._raw("BT-107") or self._raw("BT-92"):
            self._equal("BR-CO-11", "BT-107", [total("BT-92") or Decimal(0)], "discounts")
        if self._raw("BT-108") or self._raw("BT-99"):
            self._equal("BR-CO-12", "BT-108", [total("BT-99") or Decimal(0)], "charges")
        if (net := total("BT-106")) is not None:
            what = "lines less discounts plus charges"
            self._equal("BR-CO-13", "BT-109", [net, -discounts, charges], what)
        if taxes and self._raw("BT-110"):
            what = "taxes of the breakdown"
            self._equal("BR-CO-14", "BT-110", [total("BT-117", n) for n in range(taxes)], what)
        for row in range(taxes):
            self._tax(row)
        tax = total("BT-110") or Decimal(0)
        self._equal("BR-CO-15", "BT-112", [total("BT-109"), tax], "total without VAT plus VAT")
        if less == "MINIMUM" or THIRD_PARTY in profile:
            return  # what was paid is not in the one; the other adds payments of third parties
        paid, rounding = total("BT-113") or Decimal(0), total("BT-114") or Decimal(0)
        what = "total less what is paid plus rounding"
        self._equal("BR-CO-16", "BT-115", [total("BT-112"), -paid, rounding], what)

    def _tax(self, row: int) -> None:
        """BR-CO-17, with the tolerance of its published Schematron: below one unit of the currency."""
        base, rate, tax = (self._amount(term, row) for term in ("BT-116", "BT-119", "BT-117"))
        if base is None or rate is None or tax is None:
            return
        asked = (base * rate / 100).quantize(CENT, ROUND_HALF_UP)
        if abs(abs(asked) - abs(tax)) >= 1:
            self._fault("BR-CO-17", f"VAT {tax} (BT-117) is not {rate} % of {base}: {asked}")

    def _equal(self, rule: str, term: str, parts: Sequence[Decimal | None], what: str) -> None:
        """Whether a total is the sum of its parts; with one unknown nothing can be said."""
        stated = self._amount(term)
        known = [part for part in parts if part is not None]
        if stated is None or len(known) < len(parts):
            return
        asked = sum(known, Decimal(0)).quantize(CENT, ROUND_HALF_UP)
        if stated.quantize(CENT, ROUND_HALF_UP) != asked:
            place = self._by_term[term, 0]
            says = f"{term} says {stated}, and the {what} make {asked}"
            self.faults.append(Fault(rule, says, place.path, place.line))

    def _fault(self, rule: str, says: str) -> None:
        self.faults.append(Fault(rule, says))


def _value(name: str, raw: str, said: Mapping[str, Any]) -> Value:
    """A value in its field's kind; raises ``ValueError`` or ``TransformationError`` with the reason."""
    kind = fields()[name].kind if name else ("decimal" if "currencyID" in said else "text")
    if kind == "decimal":
        return _number(raw)
    if kind == "date":
        return _day(raw, str(said.get("format", "")))
    if not name:
        return raw
    return read_value(name, raw, Context.of("", NO_TABLES))


def _number(raw: str) -> Decimal:
    if not NUMBER.fullmatch(raw):
        raise ValueError(f"{raw[:60]!r} is no decimal number of XML")
    return Decimal(raw)


def _day(raw: str, form: str) -> date:
    """A date as UBL (ISO 8601) or CII (UNTDID 2379, 102) writes it."""
    try:
        if form == "102":
            return datetime.strptime(raw, "%Y%m%d").date()
        if not form and (found := DAY.fullmatch(raw)):
            return date.fromisoformat(found[1])
    except ValueError:
        pass
    shape = f"format {form}" if form else "YYYY-MM-DD"
    raise ValueError(f"{raw[:60]!r} is no date ({shape})")


__all__ = ["EInvoice", "Fault", "Reading", "read"]
