"""docs/sap.md, typed by somebody with an empty knowledge base, and the list of what ships."""

from __future__ import annotations

import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from reader import ON_SAP, README, ROOT, SAP, SAP_PAGE, STANDS_FOR, Reader, ended_well, inline

from assay.sap.fields import fields
from assay.sap.rules import Rulebook, rules
from assay.sap.rules.examples import failures
from assay.sap.transformations import count as transformations


@pytest.fixture(scope="module")
def somebody(hurried: Reader) -> Reader:
    """In the folder of a clone, with an empty knowledge base."""
    (hurried.folder / "examples").symlink_to(ROOT / "examples")
    return hurried


def test_the_page_can_be_followed(somebody: Reader) -> None:
    assert [command.split()[1:3] for command in SAP] == [
        *(["kb", verb] for verb in ("import", "stats", "list", "show", "show", "search")),
        *(["sap", verb] for verb in ("route", "payload", "validate", "post")),
    ]
    said = ""
    for command in SAP:
        done = somebody.type(command)
        ended_well(done)
        said += done.stdout
    assert "SalesOrderType" in said and "DUP-002" in said and "would POST" in said


@pytest.mark.parametrize("command", ON_SAP)
def test_a_command_of_another_page_runs(somebody: Reader, command: str) -> None:
    """After those of the page, with something real for each placeholder."""
    words = [STANDS_FOR.get(word, word) for word in shlex.split(command)]
    ended_well(somebody.type(shlex.join(words)))


def test_the_mock_that_the_page_names_takes_a_document(somebody: Reader) -> None:
    mock = [sys.executable, str(ROOT / "tools" / "mock_sap.py"), "--port", "0"]
    with subprocess.Popen(mock, stdout=subprocess.PIPE, text=True, env=somebody.env) as served:
        assert served.stdout is not None
        (address,) = re.findall(r"http://[\d.]+:\d+", served.stdout.readline())
        sent = f"assay sap post examples/sales_order.json --post --to {address}"
        first, second = somebody.type(sent), somebody.type(f"{sent} --outbox other.sqlite")
        served.terminate()
    ended_well(first)
    assert first.stdout.startswith("posted examples/sales_order.json")
    assert second.stdout.startswith("posted (it was there)")


def test_a_search_says_how_it_read_the_query(somebody: Reader) -> None:
    read = somebody.type('assay kb search "puchase ordr"')
    plain = somebody.type('assay kb search "purchase order"')
    assert "read as: purchase order" in read.stderr and "read as" not in plain.stderr
    assert read.stdout == plain.stdout and "PurchaseOrder" in plain.stdout


def test_what_the_page_names_beside_is_known(somebody: Reader) -> None:
    for command in inline(SAP_PAGE):
        if command.startswith("assay "):
            ended_well(somebody.type(" ".join(command.split()[:3]), "--help"))


def test_the_list_of_services_is_in_step_with_what_ships() -> None:
    made = runpy.run_path(str(ROOT / "tools" / "kb_page.py"))
    written = (ROOT / "docs" / "sap-services.md").read_text(encoding="utf-8")
    assert made["page"]() == written, "run: python tools/kb_page.py"


def test_the_numbers_that_the_pages_name_are_those_that_are_counted() -> None:
    page, readme = (path.read_text(encoding="utf-8") for path in (SAP_PAGE, README))
    assert f"one of {transformations()} transformations" in page
    assert f"[{len(rules())} rules](sap-rules.md)" in page and f"rules ({len(rules())})" in readme
    assert f"{len(fields())} canonical fields" in readme
    of_invoices = sum("supplier_invoice" in rule.applies for rule in rules())
    assert f"the {of_invoices} rules of a supplier invoice" in page


def test_the_list_of_rules_is_in_step_with_what_ships() -> None:
    made = runpy.run_path(str(ROOT / "tools" / "rules_page.py"))
    written = (ROOT / "docs" / "sap-rules.md").read_text(encoding="utf-8")
    assert made["page"]() == written, "run: python tools/rules_page.py"


def test_the_rule_that_the_page_shows_can_be_loaded_and_its_examples_hold(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "sap-rules.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    own = tmp_path / "own.yaml"
    own.write_text(shown, encoding="utf-8")
    book = Rulebook.load([own])
    assert "DUP-002" not in book.rules and failures(book.rules["OWN-001"], book) == []
