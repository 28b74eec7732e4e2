"""``assay read``: documents in, fields out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import made
import pytest
from typer.testing import CliRunner

from assay.cli.main import app
from assay.sap.canonical import load

EXAMPLES = Path(__file__).parents[2] / "examples" / "documents"
XML = EXAMPLES / "xrechnung_ubl.xml"
HELD = EXAMPLES / "einvoice.pdf"  # a page and its message


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, ["read", *map(str, words)])


def test_fields_items_and_faults_are_shown(run: Any) -> None:
    done = run(XML)
    assert done.exit_code == 0, done.output
    for said in ("supplier_invoice, UBL Invoice", "gross_total", "1804.00", "4 items", "Neumotor"):
        assert said in done.stdout
    assert "BT-31 supplier_vat_id: 'DE12345464867' is no VAT number of DE" in done.stdout


def test_what_is_written_is_what_sap_validate_reads(run: Any) -> None:
    Path("a.pdf").write_bytes(made.holding(("factur-x.xml", XML.read_bytes())))
    done = run("a.pdf", "--out", "out", "--json")
    (said,) = json.loads(done.stdout)
    assert said["written"] == "out/a.json"
    written = load(Path("out/a.json"))
    assert written.type == "supplier_invoice" and len(written.items) == 4
    assert json.loads(Path("out/a.json").read_text(encoding="utf-8")) == said["document"]
    validated = CliRunner().invoke(app, ["sap", "validate", "out/a.json", "--today", "2021-04-24"])
    assert validated.exit_code in (0, 3) and "rules:" in validated.stdout, validated.output


def test_json_tells_what_was_written_and_where(run: Any) -> None:
    (said,) = json.loads(run(XML, "--json").stdout)
    (due,) = (each for each in said["readings"] if each["term"] == "BT-115")
    assert (due["raw"], due["read"], due["field"]) == ("1804.00", True, "amount_due")
    (fault,) = said["faults"]
    assert (fault["rule"], fault["line"] > 0) == ("value", True)


def test_a_document_without_a_message_says_so(run: Any) -> None:
    Path("plain.pdf").write_bytes(made.pdf(made.LINES))
    Path("bad.xml").write_bytes(b"<Invoice>")
    done = run("plain.pdf", "bad.xml", XML, "--json")
    assert done.exit_code == 3
    plain, bad, good = json.loads(done.stdout)
    assert plain["verdict"] == "no fields" and "assay words" in plain["reason"]
    assert bad["verdict"] == "damaged" and "document" not in bad
    assert good["document"]["fields"]["gross_total"] == "1804.00"


def test_messages_attached_to_an_e_mail(run: Any) -> None:
    from email.message import EmailMessage

    mail = EmailMessage()
    mail["Subject"] = "Rechnung"
    mail.set_content("see there")
    mail.add_attachment(XML.read_bytes(), maintype="application", subtype="xml", filename="r.xml")
    Path("m.eml").write_bytes(mail.as_bytes())
    done = run("m.eml", "--json")
    assert done.exit_code == 0, done.output
    (said,) = json.loads(done.stdout)
    assert (said["name"], said["form"]) == ("r.xml", "UBL Invoice")


def test_two_of_one_name_are_not_written_over_each_other(run: Any) -> None:
    for folder in ("a", "b"):
        Path(folder).mkdir()
        Path(folder, "i.xml").write_bytes(XML.read_bytes())
    done = run("a/i.xml", "b/i.xml", "--out", "out")
    assert (
        done.exit_code != 0
        and "several documents would be written there" in done.output.replace("\n", " ")
    )
    assert not Path("out").exists()


def test_values_are_told_with_their_place(run: Any) -> None:
    done = run(HELD, "--html", "fields.html")
    assert done.exit_code == 0 and "page: fields.html" in done.stdout, done.output
    page = Path("fields.html").read_text(encoding="utf-8")
    assert page.count("<rect ") == 37 and "<title>gross_total: 117.22</title>" in page
    (said,) = json.loads(run(HELD, "--json").stdout)
    (due,) = (each for each in said["readings"] if each["term"] == "BT-9")
    assert (due["times"], due["place"]["page"]) == (1, 1)
    assert due["place"]["text"] == "16.04.2026"
    left, top, right, bottom = due["place"]["box"]
    assert 60 < left < right < 300 and 410 < top < bottom < 425  # drawn 420 points from below


def test_pages_can_be_left_out(run: Any) -> None:
    (said,) = json.loads(run(HELD, "--json", "--no-pages").stdout)
    assert not any("place" in each for each in said["readings"])
    assert " line " in run(HELD, "--no-pages").stdout and " page " in run(HELD).stdout
    refused = run(HELD, "--no-pages", "--html", "fields.html")
    assert refused.exit_code == 2 and not Path("fields.html").exists()


def test_the_page_of_messages_without_pages_lists_their_values(run: Any) -> None:
    Path("plain.pdf").write_bytes(made.pdf(made.LINES))
    assert run(XML, "plain.pdf", "--html", "fields.html").exit_code == 3
    page = Path("fields.html").read_text(encoding="utf-8")
    assert "<rect " not in page and "1804.00" in page and "1 document without fields" in page
