"""docs/documents.md, typed by somebody in the folder of a clone."""

from __future__ import annotations

import json
from decimal import Decimal

from reader import DOCUMENTS, DOCUMENTS_PAGE, PYTHON, ROOT, Reader, ended_well

from assay.documents.inside.refused import UNCONFINED, VERDICTS
from assay.sap.canonical import load


def test_the_page_can_be_followed(hurried: Reader) -> None:
    (hurried.folder / "examples").symlink_to(ROOT / "examples")
    said: list[str] = []
    for command in DOCUMENTS:
        done = hurried.type(command)
        ended_well(done)
        said.append(done.stdout)
    assert "supplier_invoice, UBL Invoice" in said[0] and "no VAT number of DE" in said[0]
    assert [each["form"] for each in json.loads(said[1])] == ["UBL Invoice", "CII Invoice"]
    kept = load(hurried.folder / "read" / "xrechnung_ubl.json")
    assert kept.fields["gross_total"] == Decimal("1804.00") and len(kept.items) == 4
    assert "no fault was found" in said[3] and "page: fields.html" in said[3]
    assert (hurried.folder / "fields.html").read_text(encoding="utf-8").count("<rect ") == 37
    words, page, plain = said[4:]
    assert "Rechnung 2026-0417" in words and "9.999,00" not in words.split("\n", 4)[4]
    assert "page: words.html" in page
    assert (hurried.folder / "words.html").read_text(encoding="utf-8").count("<rect ") > 60
    (read,) = json.loads(plain)[0]["pages"]
    assert [word["why"] for word in read["dropped"]] == [["unseen"]] * 10
    assert read["language"] == "de"


def test_its_python_runs(hurried: Reader) -> None:
    (code,) = PYTHON.findall(DOCUMENTS_PAGE.read_text(encoding="utf-8"))
    (hurried.folder / "read.py").write_text(code, encoding="utf-8")
    if not (hurried.folder / "examples").exists():
        (hurried.folder / "examples").symlink_to(ROOT / "examples")
    done = hurried.type("python read.py")
    ended_well(done)
    assert done.stdout.startswith("Muster (")


def test_every_verdict_is_explained() -> None:
    rows = DOCUMENTS_PAGE.read_text(encoding="utf-8").split("| verdict | when |")[1]
    named = [line.split("`")[1] for line in rows.splitlines() if line.startswith("| `")]
    assert named == list(VERDICTS)
    assert UNCONFINED not in named
