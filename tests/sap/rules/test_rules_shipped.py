"""The rules that ship: each has examples that hold, and any document gets an answer."""

from __future__ import annotations

import pickle
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.sap.canonical import Document
from assay.sap.fields import Field, fields
from assay.sap.rules import Evidence, Finding, Rule, Rulebook, check, explain, rules
from assay.sap.rules.examples import document_of, failures, patched
from assay.sap.rules.rule import TYPES, show
from assay.sap.rules.rulebook import MISFIT, shipped


@cache
def base(name: str) -> dict[str, Any]:
    return dict(shipped().bases[name])


def findings(name: str, **changes: Any) -> list[Finding]:
    return check(*document_of(patched(base(name), changes)))


def only(rule: str, found: list[Finding]) -> Finding:
    (finding,) = [each for each in found if each.rule == rule and each.result == "fail"]
    return finding


def test_there_are_at_least_200_rules_of_different_kinds() -> None:
    assert len(rules()) >= 200
    conditions = {(rule.holds.text, rule.when and rule.when.text, rule.each) for rule in rules()}
    assert len(conditions) == len(rules())
    mandatory = [rule for rule in rules() if rule.id.startswith("REQ-")]
    assert len(mandatory) <= 60
    assert {type for rule in rules() for type in rule.applies} == set(TYPES)
    assert sum("EN 16931" in rule.source for rule in rules()) >= 40


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_examples_hold(rule: Rule) -> None:
    assert failures(rule, shipped()) == []


def test_many_rules_show_what_is_unknown() -> None:
    results = Counter(example.result for rule in rules() for example in rule.examples)
    assert results["unknown"] >= 100


@pytest.mark.parametrize("name", sorted(shipped().bases))
def test_a_sound_document_breaks_no_rule(name: str) -> None:
    assert [each.rule for each in findings(name) if each.result == "fail"] == []


def test_nothing_passes_on_an_empty_document_but_what_needs_nothing() -> None:
    found = check(Document("supplier_invoice", {}), Evidence())
    by_result = Counter(each.result for each in found)
    assert by_result["fail"] >= 10  # what must be there is not
    assert by_result["unknown"] >= 10
    assert [each.rule for each in found if each.result == "pass"] == []


def test_a_finding_explains_itself() -> None:
    finding = only("TOT-001", findings("invoice", net_total=111))
    assert finding.values == {
        "discount_total": None,
        "surcharge_total": None,
        "freight_amount": None,
        "insurance_amount": None,
        "packaging_amount": None,
        "customs_amount": None,
        "sum(items.net_amount)": Decimal(110),
        "net_total": Decimal(111),
        "setting.amount_tolerance": Decimal("0.02"),
    }
    text = explain(finding)
    assert "TOT-001: fail: The lines add up to the net total" in text
    assert "sum(items.net_amount) 110.0 ≠ net_total 111 (difference 1.0, allowed 0.02)" in text


def test_an_unknown_says_what_is_missing() -> None:
    (finding,) = [each for each in findings("invoice", net_total=None) if each.rule == "TOT-004"]
    assert (finding.result, finding.reason) == ("unknown", "not known: net_total")


def test_a_correction_is_proposed() -> None:
    finding = only("CRM-001", findings("credit", gross_total=-59.5, net_total=-50, tax_total=-9.5))
    assert finding.correction == {
        "gross_total": Decimal("59.5"),
        "net_total": Decimal(50),
        "tax_total": Decimal("9.5"),
    }
    assert "Correction: gross_total = 59.5" in explain(finding)


def test_rows_are_numbered_from_one() -> None:
    finding = only("LIN-001", findings("invoice", items={"2": {"quantity": 4}}))
    assert finding.row == 2
    assert "LIN-001, row 2: fail" in explain(finding)


def test_a_trace_keeps_what_passed() -> None:
    document, evidence = document_of(base("invoice"))
    quiet = [each for each in check(document, evidence) if each.result == "pass"]
    loud = [each for each in check(document, evidence, trace=True) if each.result == "pass"]
    assert len(quiet) == len(loud)
    assert not any(each.reason for each in quiet)
    assert all(each.reason for each in loud)


def test_findings_are_plain_data() -> None:
    found = findings("invoice", net_total=111)
    assert pickle.loads(pickle.dumps(found)) == found


def test_values_of_another_type_are_told() -> None:
    document = Document(
        "supplier_invoice",
        {"net_total": "110", "net_amount": Decimal(1), "nothing": "x"},  # type: ignore[dict-item]
        ({"quantity": Decimal("NaN")},),
    )
    told = [each.message for each in check(document, Evidence()) if each.rule == MISFIT]
    assert told == [
        "net_total is '110', not amount",
        "net_amount is not a field of this place",
        "nothing is not a field of this place",
        "item 1: quantity is Decimal('NaN'), not quantity",
    ]


def test_a_rule_of_subtypes_leaves_others_alone() -> None:
    from dataclasses import replace

    rule = replace(shipped().rules["TOT-012"], subtypes=frozenset({"proforma"}))
    book = Rulebook({rule.id: rule}, {})
    fields = {"gross_total": Decimal(0)}
    for subtype, result in (("proforma", "fail"), ("standard", "not_applicable")):
        document = Document("supplier_invoice", fields, subtype=subtype)
        assert [each.result for each in check(document, Evidence(), book)] == [result]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("119.00"), "119.00"),
        (Decimal("1E+3"), "1000"),
        (Decimal(1) / 3, "0.333333"),
        (True, "yes"),
        (None, "(not known)"),
        (date(2024, 5, 1), "2024-05-01"),
        (("a", "b"), "a, b"),
    ],
)
def test_values_are_shown_plainly(value: Any, shown: str) -> None:
    assert show(value) == shown


def values(field: Field) -> st.SearchStrategy[Any]:
    """Values of the field's type, likely and unlikely ones, and now and then of another type."""
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "text": st.sampled_from(["", "EUR", "DE", "1", "00010", "S", "RE-1"]) | st.text(max_size=8),
        "decimal": st.sampled_from([Decimal(0), Decimal(1), Decimal("-0.01"), Decimal("1E+999999")])
        | st.decimals(),
        "date": st.sampled_from([date.min, date.max, date(2024, 5, 6)]) | st.dates(),
        "integer": st.integers(-(10**30), 10**30),
        "flag": st.booleans(),
    }
    wrong = st.sampled_from(["x", 5, True, Decimal("sNaN"), date(2024, 1, 1)])
    return st.one_of(kinds[field.kind], kinds[field.kind], kinds[field.kind], wrong)


def rows(level: str) -> st.SearchStrategy[dict[str, Any]]:
    of_level = [each for each in fields().values() if each.level == level]
    pairs = st.sampled_from(of_level).flatmap(
        lambda field: st.tuples(st.just(field.name), values(field))
    )
    return st.lists(pairs, max_size=25).map(dict)


@st.composite
def documents(draw: st.DrawFn, type: str | None = None) -> Document:
    return Document(
        type or draw(st.sampled_from(TYPES)),
        draw(rows("document")),
        tuple(draw(st.lists(rows("item"), max_size=3))),
        tuple(draw(st.lists(rows("tax"), max_size=2))),
    )


@given(documents(), st.none() | documents("purchase_order"), st.none() | st.lists(documents(), max_size=2))  # fmt: skip
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_document_gets_an_answer(
    document: Document, order: Document | None, receipts: list[Document] | None
) -> None:
    evidence = Evidence(date(2024, 5, 6), order, None if receipts is None else tuple(receipts))
    found = check(document, evidence)
    judged = {each.rule for each in found} - {MISFIT}
    assert judged == {rule.id for rule in shipped().by_type[document.type]}
    for finding in found:
        assert explain(finding)


@pytest.mark.parametrize("name", sorted(shipped().bases))
@pytest.mark.parametrize(
    "evidence",
    ["order", "receipts", "supplier", "customer", "company", "products", "history", "today"],
)
def test_less_evidence_makes_unknown_and_nothing_else(name: str, evidence: str) -> None:
    def results(**changes: Any) -> dict[tuple[str, int | None], str]:
        return {(each.rule, each.row): each.result for each in findings(name, **changes)}

    before, after = results(), results(**{evidence: None})
    assert before.keys() == after.keys()
    changed = {after[key] for key in before if before[key] != after[key]}
    assert changed <= {"unknown"}


def test_an_unknown_names_only_what_is_not_known() -> None:
    found = findings("invoice", supplier=None)
    (finding,) = [each for each in found if each.rule == "PTY-002"]
    assert finding.reason == "not known: supplier.posting_is_blocked"
    (finding,) = [each for each in found if each.rule == "PTY-001"]
    assert finding.reason == "not known: supplier"


def test_a_history_of_many_documents_is_asked_by_key() -> None:
    past = [
        {
            "id": str(n), "type": "supplier_invoice", "party": "1000123", "number": f"X{n}",
            "date": str(date(2024, 1, 1) + timedelta(n % 100)), "amount": n, "currency": "EUR",
        }
        for n in range(500)
    ]  # fmt: skip
    found = findings("invoice", history=past, gross_total=499, net_total=419, tax_total=80)
    assert only("DUP-002", found).values["history.same_business_key"] == "499"
