"""Files of rules: every fault at once with its line; a company's own rules add and override."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import DataError
from assay.sap.canonical import Document
from assay.sap.rules import Evidence, Rulebook, check, rules
from assay.sap.rules.examples import failures

RULE = """\
rules:
  - id: OWN-001
    name: There is a project
    applies: [supplier_invoice]
    when: net_total > 1000
    holds: project is present
    severity: error
    action: review
    message: "No project for {net_total}."
    remedy: Ask for it.
    source: own
    examples:
      pass: [{type: supplier_invoice, net_total: 2000, project: P1}]
      fail: [{type: supplier_invoice, net_total: 2000}]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(folder: Path, text: str) -> str:
    with pytest.raises(DataError) as raised:
        Rulebook.load([write(folder, text)])
    return raised.value.cause


def test_own_rules_are_added(tmp_path: Path) -> None:
    book = Rulebook.load([write(tmp_path, RULE)])
    assert failures(book.rules["OWN-001"], book) == []
    document = Document("supplier_invoice", {})
    assert {each.rule for each in check(document, Evidence(), book)} >= {"OWN-001", "TOT-004"}


def test_own_rules_override_and_switch_off(tmp_path: Path) -> None:
    text = RULE.replace("OWN-001", "TOT-004").replace("rules:", "off: [TOT-005]\nrules:", 1)
    book = Rulebook.load([write(tmp_path, text)])
    assert book.rules["TOT-004"].name == "There is a project"
    assert "TOT-005" not in book.rules
    assert len(book.rules) == len(rules()) - 1


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("severity:", "severty:", ':7: a rule: unknown key "severty". Did you mean "severity"?'),
        (
            "severity: error",
            "severity: eror",
            ':7: OWN-001: severity: no eror. Did you mean "error"',
        ),
        ("net_total > 1000", "net_totl > 1000", ":5: OWN-001: when: column 1: no field net_totl."),
        ("project is present", "project", ":6: OWN-001: holds: column 1: project is a text"),
        ("{net_total}", "{net_totl}", ":9: OWN-001: message: column 1: no field net_totl."),
        ("{net_total}", "{net_total", ':9: OWN-001: message: "{" without "}"'),
        ("supplier_invoice]", "supplier_invoices]", ":4: OWN-001: applies: no supplier_invoices."),
        ("OWN-001", "own1", ":2: id own1: capitals"),
        ("    source: own\n", "", ":2: OWN-001: no source"),
        ("action: review", "action: correct", "the action correct and the key corrects"),
        ("rules:", "ruls:", ':1: the file: unknown key "ruls". Did you mean "rules"?'),
        ("rules:", "off: [TOT-999]\nrules:", "off: no rule TOT-999"),
        ("    remedy:", "    each: item\n    remedy:", ':10: each: no item. Did you mean "items"?'),
    ],
)
def test_fault(tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert problem in faults(tmp_path, RULE.replace(old, new, 1))


def test_every_fault_is_reported_at_once(tmp_path: Path) -> None:
    text = RULE.replace("net_total >", "net_totl >").replace("action: review", "action: revue")
    said = faults(tmp_path, text)
    assert "2 faults" in said
    assert ":5: " in said and ":8: " in said


def test_a_rule_stands_once_in_a_file(tmp_path: Path) -> None:
    again = RULE.partition("\n")[2]
    assert "OWN-001 stands twice" in faults(tmp_path, RULE + again)


def test_broken_yaml_names_its_line(tmp_path: Path) -> None:
    assert "own.yaml:3" in faults(tmp_path, "rules:\n  - {id: [\n")


def test_a_wrong_correction_is_refused(tmp_path: Path) -> None:
    text = RULE.replace("action: review", "action: correct\n    corrects: {net_totl: '1'}")
    assert 'corrects: no net_totl here. Did you mean "net_total"?' in faults(tmp_path, text)
    text = RULE.replace("action: review", "action: correct\n    corrects: {net_total: currency}")
    assert "currency is a text, and a number is needed" in faults(tmp_path, text)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (", project: P1", "", "instead of pass"),
        ("net_total: 2000}]", "net_total: 2000, project: P}]", "pass () instead of fail"),
        ("project: P1", "projct: P1", 'no projct. Did you mean "project"?'),
        ("project: P1", "base: nothing", "no base nothing"),
        (
            "      fail: [{type: supplier_invoice, net_total: 2000}]\n",
            "",
            "no example with the result fail",
        ),
    ],
)
def test_examples_that_do_not_hold_are_told(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    book = Rulebook.load([write(tmp_path, RULE.replace(old, new))])
    assert any(problem in each for each in failures(book.rules["OWN-001"], book))
