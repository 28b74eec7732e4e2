"""Journal entries: the SOAP message that posts one, and what SAP answers to it.

No OData service posts a general journal entry. The synchronous message
JournalEntryCreateRequestConfirmation_In of communication scenario SAP_COM_0002 does
(https://blogs.sap.com/2019/02/15/user-guide-for-journal-entry-post-api-on-s4-hana-cloud/);
``journal_message`` says in which WSDL its elements were read. The signs are those of payloads that
integrators publish: amounts of credit items (H) carry a minus, and a tax item has the side of its
base. Only items of G/L accounts and tax items are built; what else a document asks for is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

from assay.errors import DataError
from assay.sap.canonical import Document, Row
from assay.sap.fields import Value
from assay.sap.journal_message import (
    ITEM,
    JOURNAL_ENTRY,
    NAMESPACE,
    PRODUCT_TAX_ITEM,
    Writer,
    amount_rules,
    enclosed,
    text_rules,
)
from assay.sap.payloads import Fault, PayloadError
from assay.sap.transformations import TransformationError, currency_digits

PATH = "/sap/bc/srt/scs_ext/sap/journalentrycreaterequestconfi"
ACTION = (
    f"{NAMESPACE}/JournalEntryCreateRequestConfirmation_In"
    "/JournalEntryCreateRequestConfirmation_InRequest"
)

_REFUSED = {  # {field of a document: why this message cannot carry it}
    "supplier_number": "items of suppliers (CreditorItem) are not supported",
    "customer_number": "items of customers (DebtorItem) are not supported",
    "business_partner_number": "items of business partners are not supported",
    "ledger": "the message has no element for a ledger",
    "fiscal_period": "not supported: the period follows from posting_date",
    "exchange_rate": "not supported: the system takes its own rate, of exchange_rate_date if given",
    "reversal_date": "not supported: a reversal is posted on posting_date",
    "tax_code": "not supported for all items at once: give each item its item_tax_code",
    "is_reverse_charge": "not supported: it takes two tax items for one base",
    "withholding_tax_type": "withholding tax is not supported",
    "withholding_tax_code": "withholding tax is not supported",
    "withholding_tax_amount": "withholding tax is not supported",
}
_BY_TAX_CODE = {"tax_rate", "tax_category"}  # of a tax row: the tax code stands for both
_DIGITS = 100  # to add in: more than any sum of amounts has
_LOOK = "It is not sure that nothing was posted: look the entry up before you send it again."
_WEB_PAGE = re.compile(rb"\s*<(!doctype\s+)?html\b", re.IGNORECASE)
_SEVERITIES = {"1": "information", "2": "warning", "3": "error"}


@dataclass(frozen=True)
class JournalEntryMessage:
    """What is sent for one journal entry: POST to ``path``, with ``action`` as SOAPAction."""

    document: str
    path: str  # below the host
    action: str
    xml: bytes
    content_type: str = "text/xml; charset=utf-8"  # SOAP 1.1


@dataclass(frozen=True)
class LogItem:
    """One message of SAP's log."""

    severity: str  # "3"; "" where SAP gave none
    type: str  # number(class): 507(F5)
    text: str

    def __str__(self) -> str:
        severity = _SEVERITIES.get(self.severity, f"severity {self.severity or 'unknown'}")
        return f"{severity} {self.type}: {self.text}" if self.type else f"{severity}: {self.text}"


@dataclass(frozen=True)
class JournalEntry:
    """A journal entry that SAP created, with what it remarked."""

    number: str
    company_code: str
    fiscal_year: str
    log: tuple[LogItem, ...] = ()


class JournalEntryError(DataError):
    """SAP did not create an entry; ``log`` says why, ``created`` what it created all the same."""

    def __init__(self, log: Sequence[LogItem], created: Sequence[JournalEntry]) -> None:
        told = [str(each) for each in log] or ["SAP gave no reason"]
        if created:
            there = ", ".join(f"{e.number} ({e.company_code}, {e.fiscal_year})" for e in created)
            remedy = f"SAP did create {there}: do not send that again."
        else:
            remedy = "Nothing was posted: correct the document and send it again." if log else _LOOK
        super().__init__("\n".join(["SAP did not create the journal entry:", *told]), remedy)
        self.log = tuple(log)
        self.created = tuple(created)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.log, self.created)


def build(document: Document, message_id: str, created: datetime) -> JournalEntryMessage:
    """The message that posts a document, held to the schema; ``created`` has a time zone.

    A document with ``reversed_document`` reverses that entry and has no items of its own. Raises
    ``PayloadError`` with every fault of the document, ``DataError`` for the other two.
    """
    if rules := text_rules(message_id, "token", 35):
        raise DataError(f"{message_id!r} is no message id: {'; '.join(rules)}")
    if created.tzinfo is None:
        raise DataError(f"{created} has no time zone", "Give the moment in UTC.")
    checks = _Checks(document)
    writer = Writer(
        str(document.fields.get("currency", "")),
        checks.digits,
        {"items": checks.items, "taxes": checks.taxes},
    )
    entry = writer.element(JOURNAL_ENTRY, document.fields, JOURNAL_ENTRY.name)
    if faults := [*checks.faults(), *writer.faults]:
        raise PayloadError(document.name, faults)
    moment = created.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    xml = enclosed(message_id, moment, entry)
    return JournalEntryMessage(document.name, PATH, ACTION, xml)


class _Checks:
    """What the schema does not say of an entry."""

    def __init__(self, document: Document) -> None:
        self.fields = document.fields
        self.type = document.type
        self.is_reversal = bool({"reversed_document", "reversal_reason"} & document.fields.keys())
        self.items = [{"item_number": str(n), **row} for n, row in enumerate(document.items, 1)]
        self.digits = self._digits()
        self.taxes = [self._with_side(row) for row in document.taxes]

    def faults(self) -> Iterator[Fault]:
        if self.type != "journal_entry":
            yield Fault("JournalEntry", "type", self.type, "no journal_entry")
        yield from self._not_carried()
        yield from self._reference()
        if self.is_reversal:
            yield from self._reversal()
            return
        yield from self._currency()
        if len(self.items) < 2:
            rule = "at least two are needed"
            yield Fault("JournalEntry.Item", "items", str(len(self.items)), rule)
        yield from self._numbers()
        yield from self._sides()
        yield from self._tax_rows()
        yield from self._balance()

    def _digits(self) -> int | None:
        if "currency" not in self.fields:
            return None
        try:
            return currency_digits(str(self.fields["currency"]))
        except TransformationError:  # _currency() tells it
            return None

    def _total(self, rows: Sequence[Row], name: str) -> Decimal | None:
        """Debits less credits; ``None`` where an amount or a side is at fault."""
        total = Decimal(0)
        with localcontext(prec=_DIGITS):
            for row in rows:
                amount, side = row.get(name), row.get("debit_credit")
                if not isinstance(amount, Decimal) or side not in ("S", "H"):
                    return None
                if self.digits is None or amount_rules(amount, self.digits):
                    return None
                total += amount if side == "S" else -amount
        return total

    def _with_side(self, row: Row) -> Row:
        """A tax row with S or H, where its base is the sum of the items of its tax code."""
        base, total = row.get("tax_base_amount"), self._base(row)
        if not total or base != abs(total):
            return row
        return {**row, "debit_credit": "S" if total > 0 else "H"}

    def _base(self, row: Row) -> Decimal | None:
        code = row.get("tax_row_code")
        rows = [each for each in self.items if each.get("item_tax_code") == code]
        return self._total(rows, "item_amount")

    def _not_carried(self) -> Iterator[Fault]:
        for name, rule in _REFUSED.items():
            if self.fields.get(name):
                yield Fault("JournalEntry", name, str(self.fields[name]), rule)
        tables = (ITEM, self.items, set[str]()), (PRODUCT_TAX_ITEM, self.taxes, _BY_TAX_CODE)
        for group, rows, stood_for in tables:
            known = group.sources() | stood_for
            for number, row in enumerate(rows, 1):
                for name in sorted(row.keys() - known):
                    place = f"JournalEntry.{group.name}[{number}]"
                    yield Fault(place, name, str(row[name]), f"not supported in {group.name}")

    def _reference(self) -> Iterator[Fault]:
        number, other = self.fields.get("document_number"), self.fields.get("your_reference")
        if number and other and number != other:
            rule = f"the element holds one reference, and document_number {number!r} is there"
            yield Fault("JournalEntry.DocumentReferenceID", "your_reference", str(other), rule)

    def _reversal(self) -> Iterator[Fault]:
        for name in ("reversed_document", "reversal_reason"):
            if name not in self.fields:
                yield Fault("JournalEntry", name, "", "missing: a reversal takes both")
        if self.items or self.taxes:
            rule = "a reversal has the items of what it reverses"
            yield Fault("JournalEntry.Item", "items", "", rule)
        key = str(self.fields.get("reversed_document", ""))
        company = f"{self.fields.get('company_code', '')!s:4}"
        if key and not re.fullmatch(rf"[0-9]{{10}}{re.escape(company)}[0-9]{{4}}", key):
            rule = "not number (10 digits), company code and fiscal year, one behind the other"
            yield Fault("JournalEntry.ReversalReferenceDocument", "reversed_document", key, rule)

    def _currency(self) -> Iterator[Fault]:
        currency = str(self.fields.get("currency", ""))
        if not currency:
            rule = "missing: it is required"
        elif self.digits is None or not re.fullmatch("[A-Z]{3}", currency):
            rule = "no currency of ISO 4217"
        else:
            return
        yield Fault("JournalEntry.Item.AmountInTransactionCurrency", "currency", currency, rule)

    def _numbers(self) -> Iterator[Fault]:
        seen: set[Value] = set()
        for number, row in enumerate(self.items, 1):
            if row["item_number"] in seen:
                place = f"JournalEntry.Item[{number}].ReferenceDocumentItem"
                yield Fault(place, "item_number", str(row["item_number"]), "another item has it")
            seen.add(row["item_number"])

    def _sides(self) -> Iterator[Fault]:
        for number, row in enumerate(self.items, 1):
            place, side = f"JournalEntry.Item[{number}]", row.get("debit_credit")
            if side is None:
                yield Fault(f"{place}.DebitCreditCode", "debit_credit", "", "missing: S or H")
            elif side not in ("S", "H"):
                rule = "neither S (debit) nor H (credit)"
                yield Fault(f"{place}.DebitCreditCode", "debit_credit", str(side), rule)
            if row.get("item_amount") == 0:
                place = f"{place}.AmountInTransactionCurrency"
                yield Fault(place, "item_amount", "0", "posts nothing")

    def _tax_rows(self) -> Iterator[Fault]:
        codes = [row.get("tax_row_code") for row in self.taxes]
        for number, row in enumerate(self.taxes, 1):
            place, code = f"JournalEntry.ProductTaxItem[{number}]", row.get("tax_row_code")
            if codes.index(code) < number - 1:
                yield Fault(f"{place}.TaxCode", "tax_row_code", str(code), "another tax row has it")
            total, base = self._base(row), row.get("tax_base_amount")
            if "debit_credit" not in row and total is not None and base is not None:
                rule = f"the items with tax code {code} add up to {abs(total):f}"
                yield Fault(f"{place}.TaxBaseAmountInTransCrcy", "tax_base_amount", str(base), rule)

    def _balance(self) -> Iterator[Fault]:
        items = self._total(self.items, "item_amount")
        taxes = self._total(self.taxes, "tax_amount")
        if items is None or taxes is None:
            return  # what a fault above tells
        with localcontext(prec=_DIGITS):
            difference = items + taxes
        if difference:
            more, less = ("debits", "credits") if difference > 0 else ("credits", "debits")
            currency = self.fields.get("currency", "")
            rule = f"{more} are {abs(difference):f} {currency} more than {less}, with tax"
            yield Fault("JournalEntry.Item.AmountInTransactionCurrency", "item_amount", "", rule)


def read_answer(xml: bytes) -> tuple[JournalEntry, ...]:
    """The entries that SAP created, from its answer.

    An entry with a number is there, whatever the log says besides. Raises ``JournalEntryError``
    with every item of the log where one was not created, and ``DataError`` for a SOAP fault and
    for what is no answer to this message.
    """
    message = _message(xml)
    created: list[JournalEntry] = []
    refused: list[LogItem] = []
    confirmations = [each for each in message if _tag(each) == "JournalEntryCreateConfirmation"]
    for confirmation in confirmations:
        log = _log(confirmation)
        number, company, year = (
            _text(confirmation, "JournalEntryCreateConfirmation", name)
            for name in ("AccountingDocument", "CompanyCode", "FiscalYear")
        )
        if number.strip("0"):  # SAP fills it with zeros or spaces where there is none
            created.append(JournalEntry(number, company, year, log))
        else:
            refused += log
    if len(created) < len(confirmations) or not confirmations:
        raise JournalEntryError([*refused, *_log(message)], created)
    return tuple(created)


def _message(xml: bytes) -> Element:
    """The message in the envelope."""
    if _WEB_PAGE.match(xml):
        raise DataError("SAP's answer is a web page, perhaps a logon form", "Check host and user.")
    root = _parsed(xml)
    body = next((each for each in root if _tag(each) == "Body"), None)
    if _tag(root) != "Envelope" or body is None or not len(body):
        raise DataError(f"SAP's answer is no SOAP message: its outermost element is <{_tag(root)}>")
    message = body[0]
    if _tag(message) == "Fault":
        raise DataError(_fault(message), _LOOK)
    if _tag(message) != "JournalEntryBulkCreateConfirmation":
        raise DataError(f"SAP's answer is a {_tag(message)}, no JournalEntryBulkCreateConfirmation")
    return message


def _parsed(xml: bytes) -> Element:
    try:
        return defusedxml.ElementTree.fromstring(xml, forbid_dtd=True)
    except DefusedXmlException as error:
        raise DataError(
            f"SAP's answer declares a document type or entities ({type(error).__name__})",
            "SOAP forbids both, and they can exhaust memory: it is not read.",
        ) from error
    except (ParseError, LookupError, ValueError) as error:
        start = xml[:200].decode("utf-8", "replace").strip()
        raise DataError(f"SAP's answer is no XML ({error}); it begins: {start[:60]!r}") from error


def _fault(fault: Element) -> str:
    """What a fault says, of SOAP 1.1 or 1.2."""
    code = _text(fault, "faultcode") or _text(fault, "Code", "Value")
    reason = _text(fault, "faultstring") or _text(fault, "Reason", "Text")
    return f"SAP answers with a SOAP fault {code}: {reason}"


def _log(parent: Element) -> tuple[LogItem, ...]:
    log = next((each for each in parent if _tag(each) == "Log"), None)
    items = [each for each in log if _tag(each) == "Item"] if log is not None else []
    return tuple(
        LogItem(_text(each, "SeverityCode"), _text(each, "TypeID"), _text(each, "Note"))
        for each in items
    )


def _text(element: Element, *way: str) -> str:
    """The text of the element at the end of a way, its spaces made single; ``""`` if none is."""
    for name in way:
        found = next((each for each in element if _tag(each) == name), None)
        if found is None:
            return ""
        element = found
    return " ".join("".join(element.itertext()).split())


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]
