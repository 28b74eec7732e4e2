"""Journal entries: the message as a whole, its schema, each refusal, and what SAP answers."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import canonicalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from assay.errors import DataError
from assay.sap import journal, journal_message
from assay.sap.canonical import Document, load
from assay.sap.fields import fields
from assay.sap.journal import JournalEntry, JournalEntryError, LogItem, build, read_answer
from assay.sap.journal_message import JOURNAL_ENTRY, NAMESPACE, Group, Leaf
from assay.sap.payloads import PayloadError

ROOT = Path(__file__).resolve().parents[2]
XSD = ROOT / "src/assay/sap/knowledge/journal_entry.xsd"
MOMENT = datetime(2026, 11, 30, 17, 5, 9, 250_000, tzinfo=timezone(timedelta(hours=1)))

HEADER: dict[str, Any] = {
    "company_code": "1010",
    "document_date": date(2026, 11, 28),
    "posting_date": date(2026, 11, 30),
    "journal_entry_type": "SA",
    "currency": "EUR",
    "created_by": "CB9980000001",
}
DEBIT: dict[str, Any] = {"gl_account": "63000000", "item_amount": Decimal(100), "debit_credit": "S"}
CREDIT: dict[str, Any] = {**DEBIT, "gl_account": "21900000", "debit_credit": "H"}
ENTRY = Document("journal_entry", HEADER, (DEBIT, CREDIT), name="entry.json")
TAXED = replace(
    ENTRY,
    items=(
        {**DEBIT, "item_tax_code": "V1"},
        {**CREDIT, "item_amount": Decimal(119)},
    ),
    taxes=(
        {"tax_row_code": "V1", "tax_amount": Decimal(19), "tax_base_amount": Decimal(100)},
    ),
)  # fmt: skip
REVERSAL = replace(
    ENTRY,
    fields={**HEADER, "reversal_reason": "01", "reversed_document": "010000000810102026"},
    items=(),
)


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(XSD)))


def request_of(xml: bytes) -> Any:
    """The message in the envelope."""
    body = etree.fromstring(xml)[1]
    assert body.tag == f"{{{journal_message.SOAP}}}Body" and len(body) == 1
    return body[0]


def faults(document: Document) -> list[str]:
    with pytest.raises(PayloadError) as caught:
        build(document, "M1", MOMENT)
    assert str(caught.value).startswith("entry.json: ")
    return [str(each) for each in caught.value.faults]


def with_fields(**said: Any) -> Document:
    return replace(ENTRY, fields={k: v for k, v in {**HEADER, **said}.items() if v is not None})


def with_item(**said: Any) -> Document:
    first = {k: v for k, v in {**DEBIT, **said}.items() if v is not None}
    return replace(ENTRY, items=(first, CREDIT))


GOLDEN = """
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:sfin="http://sap.com/xi/SAPSCORE/SFIN">
 <soapenv:Header/>
 <soapenv:Body>
  <sfin:JournalEntryBulkCreateRequest>
   <MessageHeader><ID>RST-1</ID><CreationDateTime>2026-11-30T16:05:09Z</CreationDateTime></MessageHeader>
   <JournalEntryCreateRequest>
    <MessageHeader><ID>RST-1</ID><CreationDateTime>2026-11-30T16:05:09Z</CreationDateTime></MessageHeader>
    <JournalEntry>
     <OriginalReferenceDocumentType>BKPFF</OriginalReferenceDocumentType>
     <BusinessTransactionType>RFBU</BusinessTransactionType>
     <AccountingDocumentType>SA</AccountingDocumentType>
     <DocumentReferenceID>RST-2026-11</DocumentReferenceID>
     <DocumentHeaderText>Rückst. &amp; Miete 11/26</DocumentHeaderText>
     <CreatedByUser>CB9980000001</CreatedByUser>
     <CompanyCode>1010</CompanyCode>
     <DocumentDate>2026-11-30</DocumentDate>
     <PostingDate>2026-11-30</PostingDate>
     <Item>
      <ReferenceDocumentItem>1</ReferenceDocumentItem>
      <GLAccount>63000000</GLAccount>
      <AmountInTransactionCurrency currencyCode="EUR">12500.00</AmountInTransactionCurrency>
      <DebitCreditCode>S</DebitCreditCode>
      <DocumentItemText>Miete Werkstatt November</DocumentItemText>
      <AccountAssignment><CostCenter>17101301</CostCenter></AccountAssignment>
     </Item>
     <Item>
      <ReferenceDocumentItem>2</ReferenceDocumentItem>
      <GLAccount>21900000</GLAccount>
      <AmountInTransactionCurrency currencyCode="EUR">-12500.00</AmountInTransactionCurrency>
      <DebitCreditCode>H</DebitCreditCode>
      <DocumentItemText>Rückstellung Miete November</DocumentItemText>
     </Item>
    </JournalEntry>
   </JournalEntryCreateRequest>
  </sfin:JournalEntryBulkCreateRequest>
 </soapenv:Body>
</soapenv:Envelope>
"""


def test_the_example_becomes_the_message_it_should(schema: etree.XMLSchema) -> None:
    path = ROOT / "examples/journal_entry.json"
    message = build(load(path), "RST-1", MOMENT)
    assert canonicalize(message.xml.decode(), strip_text=True) == canonicalize(
        GOLDEN, strip_text=True
    )
    assert message.path == "/sap/bc/srt/scs_ext/sap/journalentrycreaterequestconfi"
    assert message.action == (
        "http://sap.com/xi/SAPSCORE/SFIN/JournalEntryCreateRequestConfirmation_In/"
        "JournalEntryCreateRequestConfirmation_InRequest"
    )
    assert message.document == str(path)
    schema.assertValid(request_of(message.xml))


def test_every_element_of_the_table_passes_the_schema(schema: etree.XMLSchema) -> None:
    full = replace(
        TAXED,
        fields={
            **HEADER,
            "your_reference": "OUR 4711",
            "document_text": "accrual",
            "tax_date": date(2026, 11, 29),
            "exchange_rate_date": date(2026, 11, 27),
        },
        items=(
            {
                **TAXED.items[0],
                "item_text": "rent",
                "internal_order": "400",
                "profit_center": "YB101",
                "cost_center": "1",
                "wbs_element": "P-1.2",
                "functional_area": "YB40",
            },
            TAXED.items[1],
        ),
    )
    written = [request_of(build(each, "M1", MOMENT).xml) for each in (full, REVERSAL)]
    for each in written:
        schema.assertValid(each)
    assert leaves(JOURNAL_ENTRY) <= {element.tag for each in written for element in each.iter()}


def leaves(group: Group) -> set[str]:
    return set().union(*(leaves(e) if isinstance(e, Group) else {e.name} for e in group.parts))


def test_the_table_and_the_schema_say_the_same() -> None:
    xsd = etree.parse(str(XSD)).getroot()
    ns = {"x": "http://www.w3.org/2001/XMLSchema"}

    def said_by_schema(name: str) -> list[tuple[str, bool, int]]:
        found = []
        for each in xsd.findall(f"x:complexType[@name='{name}']/x:sequence/x:element", ns):
            most = xsd.find(f"x:simpleType[@name='{each.get('type')}']//x:maxLength", ns)
            optional = each.get("minOccurs") == "0"
            found.append(
                (each.get("name"), optional, 0 if most is None else int(most.get("value")))
            )
        return found

    def said_by_table(part: Leaf | Group) -> tuple[str, bool, int]:
        if isinstance(part, Group):
            return part.name, part.optional or bool(part.rows), 0
        return part.name, not part.required, 0 if part.name == "DebitCreditCode" else part.most

    groups = [JOURNAL_ENTRY]
    for group in groups:
        groups += [each for each in group.parts if isinstance(each, Group)]
        assert said_by_schema(group.name) == [said_by_table(each) for each in group.parts]
    assert [each.name for each in groups] == [
        "JournalEntry", "Item", "ProductTaxItem", "Tax", "AccountAssignment",
    ]  # fmt: skip


def test_the_table_speaks_of_canonical_fields() -> None:
    sources = JOURNAL_ENTRY.sources() | journal._REFUSED.keys() | journal._BY_TAX_CODE
    assert sources <= fields().keys()


def test_what_xml_reserves_is_escaped() -> None:
    text = "R&D <Labor> \"x\" ]]> 'y'"
    xml = build(with_fields(document_text=text), "M1", MOMENT).xml
    assert request_of(xml).findtext(".//DocumentHeaderText") == text
    assert b"R&amp;D &lt;Labor" in xml


def test_a_tax_item_has_the_side_of_its_base(schema: etree.XMLSchema) -> None:
    def tax_item(document: Document) -> list[str]:
        request = request_of(build(document, "M1", MOMENT).xml)
        schema.assertValid(request)
        return [each.text for each in request.find(".//ProductTaxItem")]

    assert tax_item(TAXED) == ["V1", "19.00", "S", "100.00"]
    other = {"S": "H", "H": "S"}
    turned = tuple({**row, "debit_credit": other[str(row["debit_credit"])]} for row in TAXED.items)
    assert tax_item(replace(TAXED, items=turned)) == ["V1", "-19.00", "H", "-100.00"]
    free = {**TAXED.taxes[0], "tax_amount": Decimal(0), "tax_rate": Decimal(0)}
    items = ({**turned[0], "item_amount": Decimal(100)}, {**turned[1], "item_amount": Decimal(100)})
    assert tax_item(replace(TAXED, items=items, taxes=(free,))) == ["V1", "0.00", "H", "-100.00"]


def test_a_reversal_names_the_entry_and_has_no_items() -> None:
    entry = request_of(build(REVERSAL, "M1", MOMENT).xml).find(".//JournalEntry")
    assert entry.findtext("ReversalReason") == "01"
    assert entry.findtext("ReversalReferenceDocument") == "010000000810102026"
    assert entry.find("Item") is None


E_ITEM = "JournalEntry.Item"


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        (replace(ENTRY, type="purchase_order"), "type = 'purchase_order': no journal_entry (JournalEntry)"),
        (with_fields(company_code=None), "company_code: missing: it is required (JournalEntry.CompanyCode)"),
        (with_fields(document_date=None), "document_date: missing: it is required (JournalEntry.DocumentDate)"),
        (with_fields(posting_date=None), "posting_date: missing: it is required (JournalEntry.PostingDate)"),
        (with_fields(journal_entry_type=None), "journal_entry_type: missing: it is required (JournalEntry.AccountingDocumentType)"),
        (with_fields(created_by=None), "created_by: missing: it is required (JournalEntry.CreatedByUser)"),
        (with_fields(currency=None), f"currency: missing: it is required ({E_ITEM}.AmountInTransactionCurrency)"),
        (with_fields(currency="Euro"), f"currency = 'Euro': no currency of ISO 4217 ({E_ITEM}.AmountInTransactionCurrency)"),
        (with_fields(posting_date="2026-11-30"), "posting_date = '2026-11-30': not a date (JournalEntry.PostingDate)"),
        (with_fields(company_code="10100"), "company_code = '10100': 5 characters, at most 4 fit (JournalEntry.CompanyCode)"),
        (with_fields(company_code=" 101"), "company_code = ' 101': empty, or with spaces that XML drops (JournalEntry.CompanyCode)"),
        (with_fields(document_text="x" * 26), f"document_text = '{'x' * 26}': 26 characters, at most 25 fit (JournalEntry.DocumentHeaderText)"),
        (with_fields(document_number="x" * 17), f"document_number = '{'x' * 17}': 17 characters, at most 16 fit (JournalEntry.DocumentReferenceID)"),
        (with_fields(your_reference="x" * 17), f"your_reference = '{'x' * 17}': 17 characters, at most 16 fit (JournalEntry.DocumentReferenceID)"),
        (with_fields(document_number="A", your_reference="B"), "your_reference = 'B': the element holds one reference, and document_number 'A' is there (JournalEntry.DocumentReferenceID)"),
        (with_fields(document_text="a\nb"), "document_text = 'a\\nb': control character U+000A, the 2. character (JournalEntry.DocumentHeaderText)"),
        (with_fields(document_text="\ud800"), "document_text = '\\ud800': control character U+D800, the 1. character (JournalEntry.DocumentHeaderText)"),
        (with_fields(supplier_number="17300001"), "supplier_number = '17300001': items of suppliers (CreditorItem) are not supported (JournalEntry)"),
        (with_fields(customer_number="10100001"), "customer_number = '10100001': items of customers (DebtorItem) are not supported (JournalEntry)"),
        (with_item(item_text="x" * 51), f"item_text = '{'x' * 51}': 51 characters, at most 50 fit ({E_ITEM}[1].DocumentItemText)"),
        (with_item(item_text="\x00"), f"item_text = '\\x00': control character U+0000, the 1. character ({E_ITEM}[1].DocumentItemText)"),
        (with_item(gl_account=None), f"gl_account: missing: it is required ({E_ITEM}[1].GLAccount)"),
        (with_item(item_amount=None), f"item_amount: missing: it is required ({E_ITEM}[1].AmountInTransactionCurrency)"),
        (with_item(debit_credit=None), f"debit_credit: missing: S or H ({E_ITEM}[1].DebitCreditCode)"),
        (with_item(debit_credit="D"), f"debit_credit = 'D': neither S (debit) nor H (credit) ({E_ITEM}[1].DebitCreditCode)"),
        (with_item(item_number="2"), f"item_number = '2': another item has it ({E_ITEM}[2].ReferenceDocumentItem)"),
        (with_item(business_area="0001"), f"business_area = '0001': not supported in Item ({E_ITEM}[1])"),
        (with_item(item_amount=Decimal(-100)), f"item_amount = '-100': below zero: debit_credit alone says its side ({E_ITEM}[1].AmountInTransactionCurrency)"),
        (with_item(item_amount=Decimal("NaN")), f"item_amount = 'NaN': not a finite number ({E_ITEM}[1].AmountInTransactionCurrency)"),
        (with_item(item_amount=Decimal("1E+22")), f"item_amount = '1E+22': 23 digits before the point, at most 22 fit ({E_ITEM}[1].AmountInTransactionCurrency)"),
        (with_item(item_amount=Decimal("0.00")), f"item_amount = '0': posts nothing ({E_ITEM}[1].AmountInTransactionCurrency)"),
        (with_item(item_amount=Decimal("100.01")), f"item_amount: debits are 0.01 EUR more than credits, with tax ({E_ITEM}.AmountInTransactionCurrency)"),
        (with_item(item_amount=Decimal("99.90")), f"item_amount: credits are 0.10 EUR more than debits, with tax ({E_ITEM}.AmountInTransactionCurrency)"),
        (replace(TAXED, taxes=()), f"item_amount: credits are 19 EUR more than debits, with tax ({E_ITEM}.AmountInTransactionCurrency)"),
    ],
)  # fmt: skip
def test_a_document_at_fault_is_refused(document: Document, fault: str) -> None:
    assert fault in faults(document)


def test_an_entry_has_two_items_at_least() -> None:
    assert "items = '1': at least two are needed (JournalEntry.Item)" in faults(
        replace(ENTRY, items=(DEBIT,))
    )


@pytest.mark.parametrize(
    ("currency", "digits", "amount", "written"),
    [
        ("JPY", 0, "100.5", "100"),
        ("EUR", 2, "100.005", "100.00"),
        ("BHD", 3, "100.0005", "100.000"),
    ],
)
def test_an_amount_has_no_more_digits_than_its_currency(
    currency: str, digits: int, amount: str, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "currency_digits", {currency: digits}.__getitem__)
    document = with_fields(currency=currency)
    xml = build(document, "M1", MOMENT).xml
    found = [each.text for each in request_of(xml).iter("AmountInTransactionCurrency")]
    assert found == [written, f"-{written}"]
    rows = tuple({**row, "item_amount": Decimal(amount)} for row in ENTRY.items)
    rule = f"{digits + 1} digits after the point, the currency has {digits}"
    assert faults(replace(document, items=rows)) == [
        f"item_amount = '{amount}': {rule} (JournalEntry.Item[{n}].AmountInTransactionCurrency)"
        for n in (1, 2)
    ]


@pytest.mark.parametrize("amount", ["1E+999999", "1E-999999"])
def test_an_absurd_amount_is_refused_at_once(amount: str) -> None:
    found = faults(with_item(item_amount=Decimal(amount)))
    assert len(found) == 1 and "digits" in found[0] and len(found[0]) < 200


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"tax_base_amount": Decimal(90)}, "tax_base_amount = '90': the items with tax code V1 add up to 100 (JournalEntry.ProductTaxItem[1].TaxBaseAmountInTransCrcy)"),
        ({"tax_row_code": "V2"}, "tax_base_amount = '100': the items with tax code V2 add up to 0 (JournalEntry.ProductTaxItem[1].TaxBaseAmountInTransCrcy)"),
        ({"tax_amount": None}, "tax_amount: missing: it is required (JournalEntry.ProductTaxItem[1].AmountInTransactionCurrency)"),
        ({"tax_base_amount": None}, "tax_base_amount: missing: it is required (JournalEntry.ProductTaxItem[1].TaxBaseAmountInTransCrcy)"),
    ],
)  # fmt: skip
def test_a_tax_row_at_fault_is_refused(row: dict[str, Any], fault: str) -> None:
    merged = {k: v for k, v in {**TAXED.taxes[0], **row}.items() if v is not None}
    assert faults(replace(TAXED, taxes=(merged,))) == [fault]


def test_a_tax_code_has_one_tax_row() -> None:
    assert faults(replace(TAXED, taxes=TAXED.taxes * 2))[0] == (
        "tax_row_code = 'V1': another tax row has it (JournalEntry.ProductTaxItem[2].TaxCode)"
    )


def test_a_reversal_at_fault_is_refused() -> None:
    wrong = {**REVERSAL.fields, "reversed_document": "100000008", "reversal_date": date(2026, 1, 1)}
    del wrong["reversal_reason"]
    assert faults(replace(REVERSAL, fields=wrong, items=(DEBIT, CREDIT))) == [
        "reversal_date = '2026-01-01': not supported: a reversal is posted on posting_date (JournalEntry)",
        "reversal_reason: missing: a reversal takes both (JournalEntry)",
        "items: a reversal has the items of what it reverses (JournalEntry.Item)",
        "reversed_document = '100000008': not number (10 digits), company code and fiscal year, one behind the other (JournalEntry.ReversalReferenceDocument)",
    ]


def test_all_faults_are_told_at_once() -> None:
    rows = ({"gl_account": "1" * 11, "debit_credit": "X"},)
    found = faults(Document("journal_entry", {}, rows, name="entry.json"))
    named = [each.split(":")[0].split(" =")[0] for each in found]
    assert named == [
        "currency", "items", "debit_credit",
        "journal_entry_type", "created_by", "company_code", "document_date", "posting_date",
        "gl_account", "item_amount",
    ]  # fmt: skip


@pytest.mark.parametrize("message_id", ["", "x" * 36, "a\tb"])
def test_a_message_id_that_does_not_fit_is_refused(message_id: str) -> None:
    with pytest.raises(DataError, match="is no message id"):
        build(ENTRY, message_id, MOMENT)


def test_a_moment_without_time_zone_is_refused() -> None:
    with pytest.raises(DataError, match="has no time zone"):
        build(ENTRY, "M1", MOMENT.replace(tzinfo=None))


TEXTS = st.text(st.characters(blacklist_categories=["Cc", "Cs", "Cn"]), max_size=50)
AMOUNTS = st.integers(1, 10**24 - 1).map(lambda cents: Decimal(cents).scaleb(-2))


@given(
    rows=st.lists(st.tuples(AMOUNTS, st.sampled_from("SH"), TEXTS), min_size=1, max_size=8),
    document_text=TEXTS.map(lambda text: text[:25]),
)
@settings(max_examples=150, deadline=None)
def test_every_balanced_entry_is_built_and_balances_when_read_back(
    rows: list[tuple[Decimal, str, str]], document_text: str, schema: etree.XMLSchema
) -> None:
    items = [
        {"gl_account": "1", "item_amount": amount, "debit_credit": side, "item_text": text}
        for amount, side, text in rows
    ]
    other = {"S": "H", "H": "S"}
    items += [{**row, "debit_credit": other[str(row["debit_credit"])]} for row in items]
    document = replace(with_fields(document_text=document_text), items=tuple(items))
    request = request_of(build(document, "M1", datetime.now(UTC)).xml)
    schema.assertValid(request)
    amounts = [Decimal(each.text) for each in request.iter("AmountInTransactionCurrency")]
    assert [abs(each) for each in amounts] == [row["item_amount"] for row in items]
    assert sum(int(each * 100) for each in amounts) == 0
    sides = [each.text for each in request.iter("DebitCreditCode")]
    assert sides == ["H" if each < 0 else "S" for each in amounts]
    assert [each.text or "" for each in request.iter("DocumentItemText")] == [
        row["item_text"] for row in items
    ]


def answer(*confirmations: str, log: str = "<Log/>", soap: str = journal_message.SOAP) -> bytes:
    return f"""<env:Envelope xmlns:env="{soap}"><env:Header/><env:Body>
      <n0:JournalEntryBulkCreateConfirmation xmlns:n0="{NAMESPACE}">
        <MessageHeader><UUID>fa163ebf-4462-1eeb-91a6-61441e7b2a1b</UUID></MessageHeader>
        <ConfirmationInterfaceOrignName/>{"".join(confirmations)}{log}
      </n0:JournalEntryBulkCreateConfirmation></env:Body></env:Envelope>""".encode()


def confirmation(number: str, *items: tuple[str, str, str], year: str = "2026") -> str:
    log = "".join(
        f"<Item><TypeID>{type_}</TypeID><SeverityCode>{severity}</SeverityCode>"
        f"<Note>{note}</Note><WebURI>http://host/docu?A=1&amp;B=2</WebURI></Item>"
        for severity, type_, note in items
    )
    return f"""<JournalEntryCreateConfirmation><MessageHeader/>
      <JournalEntryCreateConfirmation><AccountingDocument>{number}</AccountingDocument>
      <CompanyCode>1010</CompanyCode><FiscalYear>{year}</FiscalYear></JournalEntryCreateConfirmation>
      <Log><MaximumLogItemSeverityCode>1</MaximumLogItemSeverityCode>{log}</Log>
      </JournalEntryCreateConfirmation>"""


POSTED = ("1", "605(RW)", "Document posted successfully: BKPFF 010000000810102026")
NO_ACCOUNT = ("3", "507(F5)", "G/L account 1002010100 is not defined\n in chart of accounts YCOA")
NO_CENTER = ("3", "104(KI)", "Cost center A &amp; B does not exist")


@pytest.mark.parametrize("soap", [journal_message.SOAP, "http://www.w3.org/2003/05/soap-envelope"])
def test_a_created_entry_is_read(soap: str) -> None:
    assert read_answer(answer(confirmation("0100000008", POSTED), soap=soap)) == (
        JournalEntry("0100000008", "1010", "2026", (LogItem(*POSTED),)),
    )


@pytest.mark.parametrize("number", [" ", "0000000000", ""])
def test_an_entry_that_was_not_created_tells_every_item_of_the_log(number: str) -> None:
    with pytest.raises(JournalEntryError) as caught:
        read_answer(answer(confirmation(number, NO_ACCOUNT, NO_CENTER, year="0000")))
    error = pickle.loads(pickle.dumps(caught.value))
    assert error.created == ()
    assert [each.severity for each in error.log] == ["3", "3"]
    assert str(error) == (
        "SAP did not create the journal entry:\n"
        "error 507(F5): G/L account 1002010100 is not defined in chart of accounts YCOA\n"
        "error 104(KI): Cost center A & B does not exist\n"
        "Nothing was posted: correct the document and send it again."
    )


def test_what_was_created_besides_is_told() -> None:
    with pytest.raises(
        JournalEntryError, match=r"SAP did create 0100000008 \(1010, 2026\)"
    ) as caught:
        read_answer(answer(confirmation("0100000008", POSTED), confirmation("", NO_CENTER)))
    assert [each.number for each in caught.value.created] == ["0100000008"]
    assert [each.type for each in caught.value.log] == ["104(KI)"]


def test_an_answer_that_confirms_nothing_is_no_success() -> None:
    with pytest.raises(JournalEntryError, match="SAP gave no reason\nIt is not sure"):
        read_answer(answer())
    log = "<Log><Item><SeverityCode>2</SeverityCode><Note>Locked</Note></Item></Log>"
    with pytest.raises(JournalEntryError, match="warning: Locked"):
        read_answer(answer(log=log))


SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
NO_MESSAGES = [
    (
        f'<e:Envelope xmlns:e="{journal_message.SOAP}"><e:Body><e:Fault><faultcode>e:Server</faultcode>'
        "<faultstring>Web service processing error</faultstring></e:Fault></e:Body></e:Envelope>",
        "a SOAP fault e:Server: Web service processing error",
    ),
    (
        f'<e:Envelope xmlns:e="{SOAP_12}"><e:Body><e:Fault><e:Code><e:Value>e:Sender</e:Value></e:Code>'
        "<e:Reason><e:Text>bad</e:Text></e:Reason></e:Fault></e:Body></e:Envelope>",
        "a SOAP fault e:Sender: bad",
    ),
    ("<html><body>Logon</body></html>", "a web page"),
    ("\n<!DOCTYPE html><html><br></html>", "a web page"),
    ('<!DOCTYPE a SYSTEM "a.dtd"><a/>', "declares a document type"),
    ("<p>Service <b>unavailable</p>", "no XML .*it begins: '<p>Service"),
    ("", "no XML"),
    ("<other/>", "no SOAP message: its outermost element is <other>"),
    (f'<e:Envelope xmlns:e="{SOAP_12}"><e:Body/></e:Envelope>', "no SOAP message"),
    (f'<e:Envelope xmlns:e="{SOAP_12}"><e:Body><X/></e:Body></e:Envelope>', "is a X, no Journal"),
    ('<?xml version="1.0" encoding="nosuch"?><a/>', "no XML"),
    (
        '<!DOCTYPE a [<!ENTITY x "aaaaaaaaaa"><!ENTITY y "&x;&x;&x;&x;&x;&x;">]><a>&y;</a>',
        "declares a document type or entities",
    ),
]


@pytest.mark.parametrize(("text", "told"), NO_MESSAGES)
def test_what_is_no_answer_is_refused(text: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read_answer(text.encode())
