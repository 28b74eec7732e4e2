"""What expressions are worth: three-valued logic, aggregates, evidence; what is refused at load."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, localcontext
from typing import Any

import pytest

from assay.errors import DataError
from assay.sap.canonical import Document
from assay.sap.rules.case import Case
from assay.sap.rules.compiler import EXACT, compiled, scopes_of
from assay.sap.rules.evidence import Evidence, Master, Settings
from assay.sap.rules.resolve import Each

THREE = {"true": True, "false": False, "is_reverse_charge": None}
INVOICE = Document(
    "supplier_invoice",
    {
        "net_total": Decimal("110.00"),
        "document_date": date(2024, 5, 28),
        "currency": "EUR",
        "purchase_order_number": "0004500000001",
        "supplier_number": "1000123",
        "company_code": "1010",
        "fiscal_year": 2024,
        "supplier_name": "  ",
    },
    (
        {"quantity": Decimal(10), "net_amount": Decimal(50), "item_purchase_order_item": "10"},
        {"quantity": Decimal(3), "net_amount": Decimal(60), "item_purchase_order_item": "00020"},
        {"quantity": Decimal(1), "item_description": "Freight"},
    ),
)
ORDER = Document(
    "purchase_order",
    {"document_number": "4500000001", "currency": "EUR"},
    (
        {"item_number": "00010", "unit_price": Decimal(5)},
        {"item_number": "30", "unit_price": Decimal(7)},
    ),
)
RECEIPTS = (
    Document(
        "goods_receipt",
        {"purchase_order_number": "4500000001"},
        (
            {"item_purchase_order_item": "10", "quantity": Decimal(6)},
            {"item_purchase_order_item": "10", "quantity": Decimal(4)},
            {"item_purchase_order_item": "10", "quantity": Decimal(1), "is_returns_item": True},
        ),
    ),
)


def value(text: str, each: Each = "", row: int = 0, evidence: Evidence | None = None) -> Any:
    case = Case(INVOICE, evidence or Evidence())
    with localcontext(EXACT):
        return compiled(text, each).run(scopes_of(case, each)[row])


@pytest.mark.parametrize("left", THREE)
@pytest.mark.parametrize("right", THREE)
def test_logic_is_kleenes(left: str, right: str) -> None:
    """``and`` is the least of the two and ``or`` the greatest, with unknown between."""
    rank = {False: 0, None: 1, True: 2}
    of = {number: truth for truth, number in rank.items()}
    a, b = rank[THREE[left]], rank[THREE[right]]
    assert value(f"{left} and {right}") is of[min(a, b)]
    assert value(f"{left} or {right}") is of[max(a, b)]
    assert value(f"{left} implies {right}") is of[max(2 - a, b)]
    assert value(f"not {left}") is of[2 - a]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("net_total / 0", None),
        ("0 / 0 = 1", None),
        ("tax_total + 1", None),
        ("tax_total > 1 or net_total > 1", True),
        ("round(2.345, 2)", Decimal("2.35")),
        ("round(-2.345, 2)", Decimal("-2.35")),
        ("round(1, 0.5)", None),
        ("round(1, 99)", None),
        ("net_total = 109.98 within 0.02", True),
        ("net_total = 109.97 within 0.02", False),
        ("net_total <= 109 within 1", True),
        ("net_total >= 111.01 within 1", False),
        ("document_date + 30", date(2024, 6, 27)),
        ("document_date + 99999999", None),
        ("document_date - 2024-05-01", Decimal(27)),
        ("days(document_date, 2024-05-01)", Decimal(-27)),
        ("weekday(document_date)", Decimal(2)),
        ("fiscal_year + 1", Decimal(2025)),
        ("supplier_name is missing", True),
        ("tax_total is present", False),
        ("default(tax_total, 5)", Decimal(5)),
        ("if(net_total > 1, 1, 0)", Decimal(1)),
        ("if(tax_total > 1, 1, 0)", None),
        ("min(3, net_total, 2)", Decimal(2)),
        ("max(3, tax_total)", None),
        ("purchase_order_number", "4500000001"),
        ("currency not in ['USD', 'GBP']", True),
        ("digits_of_currency('JPY')", Decimal(0)),
        ("digits_of_currency('XYZ')", None),
        ("postal_code_fits('10115', 'DE')", True),
        ("postal_code_fits('10115', 'KE')", None),
        ("vat_country('EL094259216')", "GR"),
        ("vat_country('094')", None),
        ("count(items)", Decimal(3)),
        ("sum(items.quantity)", Decimal(14)),
        ("sum(items.net_amount)", None),
        ("sum(items where net_amount is present: net_amount)", Decimal(110)),
        ("sum(items where net_amount > 55: net_amount)", None),
        ("any(items: net_amount > 55)", True),
        ("all(items: net_amount > 55)", False),
        ("all(items: net_amount > 5)", None),
        ("unique(items.quantity)", True),
        ("unique(items where quantity > 100: quantity)", True),
        ("max(items.quantity)", Decimal(10)),
        ("min(items where quantity > 100: quantity)", None),
        ("sum(items where quantity > 100: quantity)", Decimal(0)),
        ("count(taxes)", Decimal(0)),
        ("sum(taxes.tax_amount)", None),
        ("all(taxes: tax_amount > 0)", None),
        ("order is present", None),
        ("order.currency = currency", None),
        ("supplier is present", None),
        ("today", None),
        ("history.same_number is missing", None),
        ("setting.price_percent", Decimal(3)),
        ("10000000000 * 10000000000 = 100000000000000000000", True),
    ],
)
def test_value(text: str, expected: object) -> None:
    assert value(text) == expected


def test_a_number_too_large_is_not_known() -> None:
    assert value(" * ".join(["9" * 300] * 10)) is not None
    huge = Document("supplier_invoice", {"net_total": Decimal("1E+999999")})
    with localcontext(EXACT):
        scope = scopes_of(Case(huge, Evidence()), "")[0]
        assert compiled("net_total * net_total", "").run(scope) is None
        assert compiled("round(net_total, 2)", "").run(scope) is None


def test_order_items_are_matched_whatever_their_zeros() -> None:
    evidence = Evidence(order=ORDER, receipts=RECEIPTS)
    assert value("order_item.unit_price", "items", 0, evidence) == 5
    assert value("order_item is present", "items", 0, evidence) is True
    assert value("order_item is present", "items", 1, evidence) is False
    assert value("order_item is present", "items", 2, evidence) is None
    assert value("order_item is present", "items", 0) is None
    assert value("received", "items", 0, evidence) == 9
    assert value("received", "items", 1, evidence) == 0
    assert value("received", "items", 2, evidence) is None
    assert value("sum(order.items: unit_price)", evidence=evidence) == 12


def test_records_may_be_absent_or_unknown() -> None:
    known = Evidence(master=Master(suppliers={"0001000123": {"is_deleted": True}}))
    none = Evidence(master=Master(suppliers={}))
    assert value("supplier is present", evidence=known) is True
    assert value("supplier.is_deleted", evidence=known) is True
    assert value("supplier.name is missing", evidence=known) is True
    assert value("supplier is missing", evidence=none) is True
    assert value("supplier.name is missing", evidence=none) is None


def test_settings_are_those_of_the_company_code() -> None:
    settings = Settings(
        {"price_percent": Decimal(4)}, {"1010": {"price_percent": Decimal(5)}, "2": {}}
    )
    assert value("setting.price_percent", evidence=Evidence(settings=settings)) == 5
    assert settings.of("2")["price_percent"] == 4
    assert settings.of(None)["quantity_percent"] == 5


@pytest.mark.parametrize(
    ("text", "each", "problem"),
    [
        ("net_totl > 1", "", 'no field net_totl. Did you mean "net_total"?'),
        ("order.curency = 'EUR'", "", 'no order.curency. Did you mean "currency"?'),
        (
            "suplier.name is present",
            "",
            'no suplier to ask for suplier.name. Did you mean "supplier"',
        ),
        ("setting.price_pct > 1", "", "no setting.price_pct"),
        ("history.same_nummer is missing", "", 'Did you mean "same_number"?'),
        ("net_amount > 1", "", "net_amount is a field of items Write it in a rule with"),
        ("tax_rate > 1", "items", "tax_rate is a field of taxes"),
        ("received > 1", "", "received belongs to an item of the document"),
        ("sum(order.items: received) > 1", "", "received belongs to an item of the document"),
        ("currency > 'EUR'", "", "> does not order a text"),
        ("net_total = currency", "", "number net_total is compared with text currency"),
        ("document_date = 5", "", "date document_date is compared with number 5"),
        ("net_total and true", "", "net_total is a number, and a flag is needed"),
        ("currency + 1 = 2", "", "+ does not join them"),
        ("document_date + document_date = today", "", "+ does not join them"),
        ("abs(currency) = 1", "", "currency is a text, and a number is needed"),
        ("abs(1, 2) = 1", "", "abs takes (number)"),
        ("sume(items.quantity) = 1", "", 'no function sume. Did you mean "sum"?'),
        ("currency matches ibann", "", 'no format ibann. Did you mean "iban"?'),
        ("net_total matches iban", "", "net_total is a number, and a text is needed"),
        ("currency in [1]", "", "currency is a text; 1 is not"),
        ("net_total in supplier.ibans", "", "a text is needed"),
        ("currency in supplier.name", "", "supplier.name is a text, and a texts is needed"),
        ("sum(items.item_description) = 1", "", "sum needs a number"),
        ("all(items.quantity)", "", "all needs a flag"),
        ("default(net_total, 'x') = 1", "", "default takes values of one type"),
        ("if(true, 1, 'x') = 1", "", "if gives a number or a text"),
        ("net_total", "", "net_total is a number, and a flag is needed"),
        ("order", "", "order is a record, and a flag is needed"),
        ("currency = 'a' within 1", "", "within is for numbers"),
    ],
)
def test_faults_of_names_and_types_are_found_at_load(text: str, each: Each, problem: str) -> None:
    with pytest.raises(DataError) as raised:
        compiled(text, each, "flag")
    assert raised.value.cause.startswith("column ")
    assert problem in f"{raised.value.cause} {raised.value.remedy}"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Master(suppliers={"1": {"vat": "x"}}),
        lambda: Master(suppliers={"1": {"is_deleted": "no"}}),
        lambda: Master(customers={"1": {"credit_limit": True}}),
        lambda: Master(customers={"1": {"credit_limit": Decimal("NaN")}}),
        lambda: Settings({"price_percnt": Decimal(1)}),
        lambda: Settings(companies={"1010": {"price_percent": Decimal("Infinity")}}),
    ],
)
def test_evidence_is_held_to_its_names_and_types(make: Any) -> None:
    with pytest.raises(DataError):
        make()
