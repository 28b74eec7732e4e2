"""docs/sap.md, typed by somebody with an empty knowledge base, and the list of what ships."""

from __future__ import annotations

import runpy

from reader import ROOT, SAP, SAP_PAGE, Reader, ended_well, inline


def test_the_page_can_be_followed(newcomer: Reader) -> None:
    assert [command.split()[2] for command in SAP] == ["import", "stats", "list", "show", "show"]
    for command in SAP:
        done = newcomer.type(command)
        ended_well(done)
    assert "SalesOrderType" in done.stdout and "to_Item" in done.stdout


def test_what_the_page_names_beside_is_known(newcomer: Reader) -> None:
    for command in inline(SAP_PAGE):
        ended_well(newcomer.type(" ".join(command.split()[:3]), "--help"))


def test_the_list_of_services_is_in_step_with_what_ships() -> None:
    made = runpy.run_path(str(ROOT / "tools" / "kb_page.py"))
    written = (ROOT / "docs" / "sap-services.md").read_text(encoding="utf-8")
    assert made["page"]() == written, "run: python tools/kb_page.py"
