"""Electronic invoices, orders and despatch advices in XML: what each place of a message says.

Which place holds which field stands in ``einvoice.tsv``, with its term in EN 16931-1 (BT-1 to BT-159).
Nothing is read as a value here; the parent does, which then knows what was written and where.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]

from assay.documents.inside.refused import ACTIVE, DAMAGED, TOO_LARGE, UNKNOWN, Refused

TABLE = Path(__file__).with_name("einvoice.tsv")
UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
CII = "urn:un:unece:uncefact:data:standard:"
PREFIXES = {
    "cac": f"{UBL}CommonAggregateComponents-2",
    "cbc": f"{UBL}CommonBasicComponents-2",
    "rsm": f"{CII}CrossIndustryInvoice:100",
    "ram": f"{CII}ReusableAggregateBusinessInformationEntity:100",
    "udt": f"{CII}UnqualifiedDataType:100",
    "qdt": f"{CII}QualifiedDataType:100",
}
FORMS = {  # what the root is: the form's name, and its column in the table
    f"{{{UBL}Invoice-2}}Invoice": ("UBL Invoice", "ubl"),
    f"{{{UBL}CreditNote-2}}CreditNote": ("UBL CreditNote", "ubl"),
    f"{{{UBL}Order-2}}Order": ("UBL Order", "order"),
    f"{{{UBL}DespatchAdvice-2}}DespatchAdvice": ("UBL DespatchAdvice", "despatch"),
    f"{{{PREFIXES['rsm']}}}CrossIndustryInvoice": ("CII Invoice", "cii"),
}
READ = "Read are UBL 2 Invoice, CreditNote, Order and DespatchAdvice, and UN/CEFACT CII (D16B)"
OLD = "urn:ferd:CrossIndustryDocument:invoice:1p0"
ROWS = 10_000  # of one message


def table() -> list[dict[str, str]]:
    """The places of every field, a row each."""
    head, *rows = TABLE.read_text(encoding="utf-8").splitlines()
    names = head.split("\t")
    return [dict(zip(names, row.split("\t"), strict=True)) for row in rows]


class Messages:
    """Reads messages; the places are compiled once, before anything is confined."""

    def __init__(self) -> None:
        self.places: dict[str, list[tuple[dict[str, str], list[Any]]]] = {
            column: [
                (
                    {"level": each["level"], "field": each["field"], "term": each["term"]}
                    | {"how": each["how"]},
                    [
                        etree.XPath(path.strip(), namespaces=PREFIXES)
                        for path in each[column].split(" ; ")
                    ],
                )
                for each in table()
                if each[column]
            ]
            for column in ("ubl", "cii", "order", "despatch")
        }

    def structure(self, data: bytes, job: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        """The message's form and what stands at every place; raises ``Refused`` for other XML."""
        del job
        root = _root(data)
        if root.tag not in FORMS:
            raise Refused(UNKNOWN, _stranger(root))
        form, column = FORMS[root.tag]
        found: list[dict[str, Any]] = []
        rows: dict[str, list[Any]] = {"document": [root]}
        for entry, paths in self.places[column]:
            if entry["term"] == "rows":
                rows[entry["level"]] = _at(root, paths)
                if len(rows[entry["level"]]) > ROWS:
                    raise Refused(TOO_LARGE, f"it has more than {ROWS:,} lines")
                continue
            for number, row in enumerate(rows.get(entry["level"], ())):
                said = [_said(node, row, number) for node in _at(row, paths)]
                if said := [each for each in said if each["raw"]]:
                    found.append({**entry, "row": number, "said": said})
        counts = {level: len(each) for level, each in rows.items()}
        message = {"form": form, "rows": counts, "found": found}
        return {"pages": [], "attached": [], "message": message}, []


def _root(data: bytes) -> Any:
    reader = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
        huge_tree=False,
    )
    try:
        root = etree.fromstring(data, reader)
    except etree.XMLSyntaxError as error:
        raise Refused(DAMAGED, f"it is not sound XML: {error.msg}"[:300]) from None
    if root.getroottree().docinfo.internalDTD is not None:
        why = "it declares a document type (DTD), which no electronic invoice does"
        raise Refused(ACTIVE, f"{why}; nothing it names was fetched or put in")
    return root


def _stranger(root: Any) -> str:
    """Why a message with this root is not read."""
    name = etree.QName(root)
    if name.namespace == OLD:
        return f"it is an invoice in ZUGFeRD 1.0, which was replaced in 2018. {READ}."
    where = f" of {name.namespace}" if name.namespace else ""
    what = f"XML whose root is {name.localname[:80]}{where[:160]}"
    return f"it is {what}. {READ}."


def _at(row: Any, paths: list[Any]) -> list[Any]:
    """What the first path that leads anywhere leads to."""
    for path in paths:
        if found := path(row):
            return list(found)
    return []


def _said(node: Any, row: Any, number: int) -> dict[str, Any]:
    """What stands at a place, where that is, and what tells how to read it."""
    if isinstance(node, str):  # an attribute
        owner, text, name = node.getparent(), str(node), f"@{node.attrname}"  # type: ignore[attr-defined]
    else:
        owner, text, name = node, node.text or "", ""
    said: dict[str, Any] = {
        "raw": text.strip(),
        "line": owner.sourceline,
        "path": _path(owner, row, number),
    }
    if name:
        said["path"] += f"/{name}"
    else:
        for key in ("format", "currencyID"):
            if owner.get(key):
                said[key] = owner.get(key)
    return said


def _path(node: Any, row: Any, number: int) -> str:
    """The names from the root to the node; those that stand several times are numbered."""
    steps: list[str] = []
    while node is not row:
        before = sum(1 for _ in node.itersiblings(node.tag, preceding=True))
        many = before or next(node.itersiblings(node.tag), None) is not None
        steps.append(etree.QName(node).localname + (f"[{before + 1}]" if many else ""))
        node = node.getparent()
    top = etree.QName(row).localname
    steps.append(top if row.getparent() is None else f"{top}[{number + 1}]")
    steps += [etree.QName(each).localname for each in row.iterancestors()]
    return "/".join(reversed(steps))
