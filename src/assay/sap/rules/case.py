"""A document and its evidence made ready for the rules: values of one form, rows matched once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from assay.sap.canonical import Document, Row
from assay.sap.fields import Field, Value, fields
from assay.sap.rules.evidence import Evidence, Records
from assay.sap.rules.history import Past, key

Known = Decimal | str | date | bool | tuple[str, ...]
Values = dict[str, Known]
ItemKey = tuple[str, str]  # (number of the order, number of its item)
ABSENT: Mapping[str, Any] = {}  # the record of which is known that there is none

_OUT = ("sales_order", "customer_invoice", "goods_issue", "delivery_note")


def normal(field: Field | None, value: object) -> Known | None:
    """The value as rules see it; None of a blank text and of what has not the field's type."""
    if field is None:
        return None
    if field.kind == "text":
        if not isinstance(value, str) or not value.strip():
            return None
        return key(value) if field.type == "key" else value.strip()
    if field.kind == "flag":
        return value if isinstance(value, bool) else None
    if field.kind == "date":
        return value if isinstance(value, date) and not isinstance(value, datetime) else None
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else None


class Case:
    """One document under check. Nothing here raises, whatever the document holds."""

    def __init__(self, document: Document, evidence: Evidence) -> None:
        self.document = document
        self.evidence = evidence
        self.misfits: list[str] = []  # fields with a value of another type, or of no known name
        self.fields = self._row(document.fields, "document", "")
        self.items = tuple(
            self._row(row, "item", f"item {number}: ")
            for number, row in enumerate(document.items, 1)
        )
        self.taxes = tuple(
            self._row(row, "tax", f"tax {number}: ") for number, row in enumerate(document.taxes, 1)
        )
        self.today = evidence.today

    def _row(self, row: Row, level: str, place: str) -> Values:
        known = fields()
        found: Values = {}
        for name, value in row.items():
            field = known.get(name)
            if field is None or field.level != level:
                self.misfits.append(f"{place}{name} is not a field of this place")
                continue
            form = normal(field, value)
            if form is not None:
                found[name] = form
            elif not (isinstance(value, str) and field.kind == "text"):
                self.misfits.append(f"{place}{name} is {value!r}, not {field.type}")
        return found

    def text(self, name: str) -> str:
        """A text of the header, or the empty text."""
        return str(self.fields.get(name, ""))

    @cached_property
    def settings(self) -> dict[str, Decimal]:
        return self.evidence.settings.of(self.text("company_code"))

    @cached_property
    def order(self) -> Values | None:
        return _header(self.evidence.order)

    @cached_property
    def order_items(self) -> tuple[Values, ...] | None:
        order = self.evidence.order
        return None if order is None else tuple(_plain(row) for row in order.items)

    @cached_property
    def supplier(self) -> Mapping[str, Any] | None:
        number = self.text("supplier_number") or self.text("invoicing_party_number")
        return _record(self.evidence.master.suppliers, number)

    @cached_property
    def customer(self) -> Mapping[str, Any] | None:
        return _record(self.evidence.master.customers, self.text("customer_number"))

    @cached_property
    def company(self) -> Mapping[str, Any] | None:
        return _record(self.evidence.master.companies, self.text("company_code"))

    @cached_property
    def products(self) -> tuple[Mapping[str, Any] | None, ...]:
        """The record of each item's material."""
        records = self.evidence.master.products
        return tuple(_record(records, str(row.get("material", ""))) for row in self.items)

    @cached_property
    def keys(self) -> tuple[ItemKey | None, ...]:
        """For each item the order item that it refers to."""
        order = self.evidence.order
        number = _text(_header(order), "document_number") if order else ""
        return tuple(item_key(self.fields, row, number) for row in self.items)

    @cached_property
    def matched(self) -> tuple[Values | None, ...]:
        """For each item the row of the order; empty where the order has no such item."""
        if self.order is None:
            return (None,) * len(self.items)
        number = _text(self.order, "document_number")
        rows = {(number, _text(row, "item_number")): row for row in self.order_items or ()}
        return tuple(None if each is None else rows.get(each, {}) for each in self.keys)

    @cached_property
    def received(self) -> tuple[Decimal | None, ...]:
        """For each item what was received for its order item."""
        receipts = self.evidence.receipts
        if receipts is None:
            return (None,) * len(self.items)
        total: defaultdict[ItemKey, Decimal] = defaultdict(Decimal)
        for receipt in receipts:
            header = _header(receipt) or {}
            for row in map(_plain, receipt.items):
                place, quantity = item_key(header, row, ""), row.get("quantity")
                if place and isinstance(quantity, Decimal):
                    total[place] += -quantity if row.get("is_returns_item") else quantity
        return tuple(None if each is None else total.get(each, Decimal(0)) for each in self.keys)

    @cached_property
    def invoiced(self) -> tuple[Decimal | None, ...]:
        """For each item what was invoiced before for its order item."""
        history = self.evidence.history
        if history is None:
            return (None,) * len(self.items)
        total: defaultdict[ItemKey, Decimal] = defaultdict(Decimal)
        for order in {each[0] for each in self.keys if each}:
            for past in history.invoices_of(order, self.past.id):
                for item, quantity in past.quantities:
                    total[order, key(item)] += quantity
        return tuple(None if each is None else total.get(each, Decimal(0)) for each in self.keys)

    @cached_property
    def past(self) -> Past:
        """The document as the history would keep it."""
        amount, net, day = (
            self.fields.get(name) for name in ("gross_total", "net_total", "document_date")
        )
        return Past(
            self.document.name if self.document.name != "document" else "",
            self.document.type,
            party_of(self.document.type, self.fields),
            self.text("document_number"),
            day if isinstance(day, date) else None,
            amount if isinstance(amount, Decimal) else None,
            net if isinstance(net, Decimal) else None,
            self.text("currency"),
            self.text("purchase_order_number"),
            self.text("invoice_reference"),
        )

    @cached_property
    def history(self) -> Mapping[str, Known] | None:
        """What the history says; without the names that the document says too little for."""
        if self.evidence.history is None:
            return None
        found: dict[str, Known] = {}
        self._duplicates(found)
        history, past = self.evidence.history, self.past
        if past.order:
            nets = [each.net for each in history.invoices_of(past.order, past.id)]
            if None not in nets:
                found["order_invoiced"] = sum((net for net in nets if net), Decimal(0))
        invoice = history.invoice(past.reference, past.party) if past.reference else None
        if invoice:
            given: dict[str, Known | None] = {
                "reference_gross": invoice.amount,
                "reference_currency": invoice.currency,
                "reference_date": invoice.date,
                "reference_party": invoice.party,
            }
            found |= {name: value for name, value in given.items() if value}
            credits = [each.amount for each in history.credits_of(past.reference, past.id)]
            if None not in credits:
                found["reference_credited"] = sum(
                    (abs(each) for each in credits if each), Decimal()
                )
        return found

    def _duplicates(self, found: dict[str, Known]) -> None:
        """The earlier documents that this one may be; the empty text where there is none."""
        history, past = self.evidence.history, self.past
        assert history is not None
        if past.number and past.party:
            found["same_number"] = _id(history.same_number(past))
            found["similar_number"] = _id(history.similar_number(past))
        if past.party and past.amount is not None and past.currency and past.date:
            days = int(self.settings["duplicate_days"])
            found["same_business_key"] = _id(history.same_business_key(past, days))
            if past.number:
                found["other_party"] = _id(history.other_party(past))


def party_of(type: str, header: Values) -> str:
    """The number of the party that a document is exchanged with."""
    names = ("supplier_number", "invoicing_party_number", "customer_number")
    if type in _OUT:
        names = ("customer_number",)
    return next((str(header[name]) for name in names if name in header), "")


def item_key(header: Values, row: Values, number: str) -> ItemKey | None:
    """The order item that a row refers to; ``number`` is the order's if the document names none."""
    for prefix in ("purchase_order", "sales_order"):
        item = row.get(f"item_{prefix}_item")
        order = row.get(f"item_{prefix}_number") or header.get(f"{prefix}_number") or number
        if item is not None and order:
            return str(order), str(item)
    return None


def _plain(row: Row) -> Values:
    known = fields()
    forms = ((name, normal(known.get(name), value)) for name, value in row.items())
    return {name: form for name, form in forms if form is not None}


def _header(document: Document | None) -> Values | None:
    return None if document is None else _plain(document.fields)


def _text(row: Values | None, name: str) -> str:
    return str((row or {}).get(name, ""))


def _id(past: Past | None) -> str:
    return past.id if past else ""


def _record(records: Records | None, number: str) -> Mapping[str, Any] | None:
    """The record of that number; ``ABSENT`` when there is none, None when that is not known."""
    if records is None or not number:
        return None
    for form in (number, number.zfill(10)):  # SAP's tables keep numeric keys with leading zeros
        if form in records:
            return {name: _fact(value) for name, value in records[form].items()}
    return ABSENT


def _fact(value: Value | tuple[str, ...]) -> Known:
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value
