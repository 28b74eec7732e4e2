"""The message JournalEntryBulkCreateRequest: its elements as a table, and what writes them.

Names, order, lengths and obligations are those of the WSDL of
JournalEntryCreateRequestConfirmation_In as github.com/cosmo83/TestJornalEntry holds it. An older one,
of github.com/sebasgoldberg/rateio, has the same names in the same order, but neither ReversalReason
nor ReversalReferenceDocument nor OrderID (both files: srv/external/JOURNALENTRYCREATEREQUESTCONFI.wsdl).
Only what Assay fills is here; ``knowledge/journal_entry.xsd`` says the same as a schema.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from xml.etree.ElementTree import Element, SubElement, tostring

from assay.sap.fields import Value
from assay.sap.payloads import Fault

Kind = Literal["token", "text", "date", "amount"]

NAMESPACE = "http://sap.com/xi/SAPSCORE/SFIN"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"  # SOAP 1.1
WHOLE_DIGITS = 22  # of an amount, before the point

# What XML 1.0 cannot carry, and the controls (C0, DEL, C1) that it can: none belongs in one line.
_UNFIT = re.compile("[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Leaf:
    """An element with a value."""

    name: str
    sources: tuple[str, ...] = ()  # canonical fields; the first that the document says fills it
    kind: Kind = "token"
    most: int = 0  # characters; 0 where the kind says enough
    required: bool = False
    constant: str = ""


@dataclass(frozen=True)
class Group:
    """An element with elements; it repeats for each of ``rows``, or is left out when empty."""

    name: str
    parts: tuple[Leaf | Group, ...]
    rows: Literal["", "items", "taxes"] = ""
    optional: bool = False

    def sources(self) -> set[str]:
        """The canonical fields that fill it."""
        found: set[str] = set()
        for part in self.parts:
            found |= part.sources() if isinstance(part, Group) else set(part.sources)
        return found


ITEM = Group(
    "Item",
    (
        Leaf("ReferenceDocumentItem", ("item_number",), most=10),
        Leaf("GLAccount", ("gl_account",), most=10, required=True),
        Leaf("AmountInTransactionCurrency", ("item_amount",), "amount", required=True),
        Leaf("DebitCreditCode", ("debit_credit",), most=1),
        Leaf("DocumentItemText", ("item_text",), "text", 50),
        Group("Tax", (Leaf("TaxCode", ("item_tax_code",), most=4, required=True),), optional=True),
        Group(
            "AccountAssignment",
            (
                Leaf("OrderID", ("internal_order",), most=12),
                Leaf("ProfitCenter", ("profit_center",), most=10),
                Leaf("CostCenter", ("cost_center",), most=10),
                Leaf("WBSElement", ("wbs_element",), most=24),
                Leaf("FunctionalArea", ("functional_area",), most=16),
            ),
            optional=True,
        ),
    ),
    rows="items",
)
PRODUCT_TAX_ITEM = Group(
    "ProductTaxItem",
    (
        Leaf("TaxCode", ("tax_row_code",), most=4, required=True),
        Leaf("AmountInTransactionCurrency", ("tax_amount",), "amount", required=True),
        Leaf("DebitCreditCode", ("debit_credit",), most=1),
        Leaf("TaxBaseAmountInTransCrcy", ("tax_base_amount",), "amount", required=True),
    ),
    rows="taxes",
)
JOURNAL_ENTRY = Group(
    "JournalEntry",
    (
        Leaf("OriginalReferenceDocumentType", most=5, required=True, constant="BKPFF"),
        Leaf("BusinessTransactionType", most=4, required=True, constant="RFBU"),
        Leaf("AccountingDocumentType", ("journal_entry_type",), most=5, required=True),
        Leaf("DocumentReferenceID", ("document_number", "your_reference"), most=16),
        Leaf("DocumentHeaderText", ("document_text",), "text", 25),
        Leaf("ReversalReason", ("reversal_reason",), most=2),
        Leaf("ReversalReferenceDocument", ("reversed_document",), most=20),
        Leaf("CreatedByUser", ("created_by",), most=12, required=True),
        Leaf("CompanyCode", ("company_code",), most=4, required=True),
        Leaf("DocumentDate", ("document_date",), "date", required=True),
        Leaf("PostingDate", ("posting_date",), "date", required=True),
        Leaf("TaxDeterminationDate", ("tax_date",), "date"),
        Leaf("ExchangeRateDate", ("exchange_rate_date",), "date"),
        ITEM,
        PRODUCT_TAX_ITEM,
    ),
)


@dataclass
class Writer:
    """Writes groups of the table, and keeps what is wrong with the values."""

    currency: str
    digits: int | None  # of the currency, after the point; None where it is not known
    rows: Mapping[str, Sequence[Mapping[str, Value]]]
    faults: list[Fault] = field(default_factory=list[Fault])

    def element(self, group: Group, scope: Mapping[str, Value], where: str) -> Element:
        """The group as an element, with all that the scope says for it."""
        element = Element(group.name)
        for part in group.parts:
            place = f"{where}.{part.name}"
            if isinstance(part, Leaf):
                self._leaf(element, part, scope, place)
            elif part.rows:
                for number, row in enumerate(self.rows[part.rows], 1):
                    element.append(self.element(part, row, f"{place}[{number}]"))
            elif not part.optional or part.sources() & scope.keys():
                element.append(self.element(part, scope, place))
        return element

    def _leaf(self, parent: Element, leaf: Leaf, scope: Mapping[str, Value], where: str) -> None:
        if leaf.constant:
            SubElement(parent, leaf.name).text = leaf.constant
            return
        source = next((each for each in leaf.sources if each in scope), "")
        if not source:
            if leaf.required:
                self.faults.append(Fault(where, leaf.sources[0], "", "missing: it is required"))
            return
        value = scope[source]
        if rules := _rules(leaf, value, self.digits):
            self.faults += [Fault(where, source, str(value), each) for each in rules]
            return
        element = SubElement(parent, leaf.name)
        if isinstance(value, Decimal):
            is_credit = (
                scope.get("debit_credit") == "H"
            )  # its amounts carry a minus in this message
            element.text = f"{-value if is_credit else value:.{self.digits or 0}f}"
            element.set("currencyCode", self.currency)
        else:
            element.text = value.isoformat() if isinstance(value, date) else str(value)


def enclosed(message_id: str, created: str, entry: Element) -> bytes:
    """The SOAP envelope with the message of one entry; ``created``: UTC, as the message writes it."""
    envelope = Element("soapenv:Envelope", {"xmlns:soapenv": SOAP, "xmlns:sfin": NAMESPACE})
    SubElement(envelope, "soapenv:Header")
    body = SubElement(envelope, "soapenv:Body")
    bulk = SubElement(body, "sfin:JournalEntryBulkCreateRequest")
    bulk.append(_message_header(message_id, created))
    request = SubElement(bulk, "JournalEntryCreateRequest")
    request.append(_message_header(message_id, created))
    request.append(entry)
    return tostring(envelope, encoding="utf-8", xml_declaration=True)


def text_rules(text: str, kind: Kind, most: int) -> list[str]:
    """Every rule that a text breaks, in words."""
    found: list[str] = []
    if len(text) > most:
        found.append(f"{len(text)} characters, at most {most} fit")
    if unfit := _UNFIT.search(text):
        found.append(f"control character U+{ord(unfit[0]):04X}, the {unfit.start() + 1}. character")
    if kind == "token" and (not text or text != text.strip(" ") or "  " in text):
        found.append("empty, or with spaces that XML drops")
    return found


def _message_header(message_id: str, created: str) -> Element:
    header = Element("MessageHeader")
    SubElement(header, "ID").text = message_id
    SubElement(header, "CreationDateTime").text = created
    return header


def _rules(leaf: Leaf, value: Value, digits: int | None) -> list[str]:
    if leaf.kind == "amount":
        return amount_rules(value, digits) if isinstance(value, Decimal) else ["not an amount"]
    if leaf.kind == "date":
        is_day = isinstance(value, date) and not isinstance(value, datetime)
        return [] if is_day else ["not a date"]
    if not isinstance(value, str):
        return ["not a text"]
    return text_rules(value, leaf.kind, leaf.most)


def amount_rules(amount: Decimal, digits: int | None) -> list[str]:
    """Every rule that an amount breaks, in words; ``digits`` of the currency where they are known."""
    if not amount.is_finite():
        return ["not a finite number"]
    found: list[str] = []
    if amount < 0:
        found.append("below zero: debit_credit alone says its side")
    if digits is not None and (places := _places(amount)) > digits:
        found.append(f"{places} digits after the point, the currency has {digits}")
    if amount and amount.adjusted() + 1 > WHOLE_DIGITS:
        found.append(f"{amount.adjusted() + 1} digits before the point, at most {WHOLE_DIGITS} fit")
    return found


def _places(amount: Decimal) -> int:
    _, digits, exponent = amount.as_tuple()
    if not amount or not isinstance(exponent, int):
        return 0
    trailing = len(digits) - len("".join(map(str, digits)).rstrip("0"))
    return max(0, -exponent - trailing)
