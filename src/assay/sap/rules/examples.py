"""A rule's examples as documents with evidence, and whether the rule says of each what it must.

An example is a mapping of what differs from its ``base``: names of header fields, and ``items``,
``taxes`` (a list replaces all rows; a mapping ``{1: {…}}`` changes the rows of these numbers),
``order``, ``receipts``, ``supplier``, ``customer``, ``company`` (each the document's own record),
``products`` (by number), ``history``, ``settings``, ``today``. A null takes away what the base has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.errors import DataError, did_you_mean
from assay.sap.canonical import Document
from assay.sap.fields import Value, fields
from assay.sap.rules.beside import day, evidence_of, number
from assay.sap.rules.evidence import Evidence
from assay.sap.rules.rule import Example, Rule
from assay.sap.rules.rulebook import Rulebook, check

Said = Mapping[str, Any]

_BESIDE = (
    *("base", "type", "subtype", "items", "taxes", "order", "receipts", "supplier", "customer"),
    *("company", "products", "history", "settings", "today", "no_record"),
)


def failures(rule: Rule, book: Rulebook) -> list[str]:
    """What is wrong with a rule's examples: those of another result, and what has none."""
    found = [
        f"{rule.id} has no example with the result {result}"
        for result in ("pass", "fail")
        if not any(example.result == result for example in rule.examples)
    ]
    alone = Rulebook({rule.id: rule}, book.bases)
    for example in rule.examples:
        where = f"{rule.place.rpartition(':')[0]}:{example.line}: {rule.id}"
        try:
            document, evidence = built(example, book)
        except DataError as error:
            found.append(f"{where}: {error.cause}")
            continue
        results = {each.result: each for each in check(document, evidence, alone)}
        if example.result == "pass" and set(results) <= {"pass", "not_applicable"}:
            if "pass" not in results:
                found.append(f"{where}: not_applicable instead of pass")
        elif example.result not in results:
            shown = ", ".join(f"{name} ({each.reason})" for name, each in results.items())
            found.append(f"{where}: {shown} instead of {example.result}")
    return found


def built(example: Example, book: Rulebook) -> tuple[Document, Evidence]:
    """The document and the evidence of an example; raises ``DataError``."""
    base = example.said.get("base")
    if base is not None and base not in book.bases:
        raise DataError(f"no base {base}.{did_you_mean(str(base), list(book.bases))}")
    return document_of(patched(book.bases[base] if base else {}, example.said))


def patched(base: Said, changes: Said) -> dict[str, Any]:
    """``base`` with ``changes``: mappings key by key, rows by their number; null takes away."""
    result = dict(base)
    for key, value in changes.items():
        under = result.get(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(under, list):
            result[key] = _rows(under, value)
        elif isinstance(value, dict) and isinstance(under, dict):
            result[key] = patched(under, value)
        else:
            result[key] = value
    return result


def _rows(rows: list[Any], changes: Said) -> list[Any]:
    """``rows`` with some changed or taken away, by their number from 1."""
    numbers = [str(number) for number in range(1, len(rows) + 1)]
    for key in changes:
        if key not in numbers:
            raise DataError(f"no row {key}; the rows: {', '.join(numbers)}")
    changed = [
        row if number not in changes else changes[number] and patched(row, changes[number])
        for number, row in zip(numbers, rows, strict=True)
    ]
    return [row for row in changed if row is not None]


def document_of(said: Said) -> tuple[Document, Evidence]:
    """A document and its evidence from plain data; raises ``DataError`` for an unknown name."""
    document = _document(said, said.get("type", ""))
    return document, evidence_of(said, document.fields, _document)


def _document(said: Said, type: str) -> Document:
    known = [*fields(), *_BESIDE]
    for name in said:
        if name not in known:
            raise DataError(f"no {name}.{did_you_mean(name, known)}")
    return Document(
        type,
        _row({name: value for name, value in said.items() if name not in _BESIDE}),
        tuple(map(_row, said.get("items", ()))),
        tuple(map(_row, said.get("taxes", ()))),
        said.get("subtype", ""),
        said.get("name", "document"),
    )


def _row(said: Said) -> dict[str, Value]:
    return {name: _value(name, value) for name, value in said.items()}


def _value(name: str, value: Any) -> Value:
    field = fields().get(name)
    if field is None:
        raise DataError(f"no field {name}.{did_you_mean(name, list(fields()))}")
    if field.kind == "decimal":
        return number(value)
    if field.kind == "date":
        return day(value)
    if field.kind == "text":
        return str(value)
    return value
