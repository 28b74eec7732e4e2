"""Writes docs/sap-fields.md from the canonical fields and the document types.

Usage: python tools/fields_page.py
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from assay.sap.doctypes import DocumentType, Subtype, doctypes
from assay.sap.fields import GROUPS, Field, fields

PAGE = Path(__file__).resolve().parents[1] / "docs" / "sap-fields.md"
HEAD = """\
# Fields and document types

Made from `src/assay/sap/knowledge/` by `tools/fields_page.py`; a test keeps it in step. The services
behind the last column: [what ships](sap-services.md), [how to bring more](sap.md).

"""


def page() -> str:
    """The page's text."""
    known, types = fields().values(), doctypes().values()
    services = {reference.split("/")[0] for each in known for reference in each.sap}
    totals = (
        f"**{len(known)} fields** in {len(GROUPS)} groups, "
        f"{sum(1 for each in known if each.sap)} of them with "
        f"{sum(len(each.sap) for each in known)} places in {len(services)} of SAP's services; "
        f"**{len(types)} document types** with {sum(len(each.subtypes) for each in types)} "
        "subtypes.\n"
    )
    return HEAD + totals + "".join(_lines(known, types))


def _lines(known: Iterable[Field], types: Iterable[DocumentType]) -> Iterator[str]:
    for group in GROUPS:
        yield f"\n## Fields: {group}\n\n"
        yield _row("field", "type", "meaning", "English", "German", "in SAP")
        yield _row(*["---"] * 6)
        yield from (_field(each) for each in known if each.group == group)
    for each in types:
        yield from _doctype(each)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |\n"


def _field(one: Field) -> str:
    name = f"`{one.name}`" + (" (row of tax)" if one.level == "tax" else "")
    labels = (", ".join(one.names[language]) for language in ("en", "de"))
    return _row(name, one.type, one.means, *labels, "<br>".join(one.sap))


def _doctype(one: DocumentType) -> Iterator[str]:
    yield f"\n## Document type: {one.name}\n\n{one.means}\n\n"
    yield f"Called: {', '.join(word for words in one.names.values() for word in words)}.\n"
    for what, names in (("The document", one.required), ("Each item", one.required_items)):
        if names:
            yield f"{what} must have: {_names(names)}.\n"
    if not one.subtypes:
        return
    yield "\n"
    for axis, codes in one.axes.items():
        listed = (f"{_code(code)} {means}" for code, means in codes.items())
        yield f"- {_title(axis)}: {', '.join(listed)}\n"
    yield "\n" + _row("subtype", *map(_title, one.axes), "meaning", "needs", "waives")
    yield _row(*["---"] * (len(one.axes) + 4))
    yield from map(_subtype, one.subtypes.values())


def _subtype(one: Subtype) -> str:
    codes = (_code(code) if code else "" for code in one.axes.values())
    return _row(f"`{one.name}`", *codes, one.means, _names(one.needs), _names(one.waives))


def _code(code: str) -> str:
    return f"`{code}`" if code else "blank"


def _title(axis: str) -> str:
    return axis.replace("_", " ")


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
