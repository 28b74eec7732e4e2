"""The document types: what each is and must have to be posted, and its subtypes on SAP's own axes.

A subtype is a place on the axes of its type (document type, item category, movement type, …), so
two subtypes never share all codes. It needs fields beside its type's, and waives some of these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass
from dataclasses import fields as fields_of
from functools import cache
from pathlib import Path
from typing import Any

from assay import files
from assay.errors import DataError, did_you_mean
from assay.sap.fields import LANGUAGES, Language, Level, fields

DOCUMENTS = Path(__file__).with_name("knowledge") / "documents.yaml"


@dataclass(frozen=True)
class Subtype:
    """A kind of document within its type."""

    name: str
    means: str
    axes: dict[str, str]  # {axis of its type: SAP's code on it}; "" is the blank code
    needs: tuple[str, ...] = ()  # canonical fields beside those that the type requires
    waives: tuple[str, ...] = ()  # of those that the type requires


@dataclass(frozen=True)
class DocumentType:
    """A type of business document."""

    name: str
    means: str
    names: dict[Language, tuple[str, ...]]  # what documents call themselves
    required: tuple[str, ...]  # canonical fields of the document, to be posted
    required_items: tuple[str, ...]  # and of each of its items
    axes: dict[str, dict[str, str]]  # {axis: {code: what it stands for}}
    subtypes: dict[str, Subtype]

    def subtype(self, name: str) -> Subtype:
        """The subtype of that name; raises ``DataError`` when there is none."""
        if name not in self.subtypes:
            raise DataError(
                f"{self.name}: no subtype {name}." + did_you_mean(name, list(self.subtypes)),
                "docs/sap-fields.md lists them.",
            )
        return self.subtypes[name]

    def needed(self, level: Level, subtype: str = "") -> tuple[str, ...]:
        """The fields that a document, or each of its items, must have.

        Raises ``DataError`` when the type has no such subtype.
        """
        own = {"document": self.required, "item": self.required_items, "tax": ()}[level]
        if not subtype:
            return own
        of = self.subtype(subtype)
        kept = [name for name in own if name not in of.waives]
        return (*kept, *(name for name in of.needs if fields()[name].level == level))


@cache
def doctypes() -> dict[str, DocumentType]:
    """Every document type, by name."""
    return {name: _doctype(name, entry) for name, entry in _said().items()}


def doctype(name: str, where: str = "") -> DocumentType:
    """The type of that name; raises ``DataError``, with ``where`` in front, when there is none."""
    known = doctypes()
    if name not in known:
        raise DataError(
            f"{where}{': ' if where else ''}no document type {name}."
            + did_you_mean(name, list(known)),
            "docs/sap-fields.md lists them.",
        )
    return known[name]


def check() -> list[str]:
    """Every fault of the shipped document types."""
    return list(faults(_said()))


def _said() -> dict[str, Any]:
    return files.read_shipped(DOCUMENTS)


def _doctype(name: str, entry: Mapping[str, Any]) -> DocumentType:
    return DocumentType(
        name,
        entry["means"],
        {language: tuple(words) for language, words in entry["names"].items()},
        tuple(entry["required"]),
        tuple(entry["required_items"]),
        entry["axes"],
        {said["name"]: _subtype(said) for said in entry["subtypes"]},
    )


def _subtype(said: Mapping[str, Any]) -> Subtype:
    needs, waives = (tuple(said.get(key, ())) for key in ("needs", "waives"))
    return Subtype(said["name"], said["means"], said["axes"], needs, waives)


# -- faults --------------------------------------------------------------------------------------


def faults(said: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Every fault of document types as they are written down, with the place of each."""
    for name, entry in said.items():
        wrong = [*_key_faults(DocumentType, {"name": name, **entry}, name)]
        yield from wrong or _type_faults(name, entry)


def _key_faults(form: type, entry: Mapping[str, Any], where: str) -> Iterator[str]:
    """Keys that a dataclass does not have, or needs and does not get; and an empty meaning."""
    known = {each.name: each.default is MISSING for each in fields_of(form)}
    for key in sorted(entry.keys() - known.keys()):
        yield f"{where}: no key {key}." + did_you_mean(key, list(known))
    for key, is_needed in known.items():
        if is_needed and key not in entry:
            yield f"{where}: {key} is missing"
    if not str(entry.get("means") or "").strip():
        yield f"{where}: means is empty"


def _type_faults(name: str, entry: Mapping[str, Any]) -> Iterator[str]:
    for language in sorted(entry["names"].keys() ^ set(LANGUAGES)):
        there = language in entry["names"]
        yield f"{name}: {'unknown language' if there else 'no names in'} {language}"
    for language, words in entry["names"].items():
        if not words or isinstance(words, str) or len(set(words)) < len(words):
            yield f"{name}: names in {language} are no list of different ones: {words!r}"
    yield from _field_faults(f"{name}.required", entry["required"], ("document",))
    yield from _field_faults(f"{name}.required_items", entry["required_items"], ("item",))
    for said in entry["subtypes"]:
        where = f"{name}.{said.get('name', '?')}"
        wrong = [*_key_faults(Subtype, said, where)]
        yield from wrong or _subtype_faults(where, said, entry)
    yield from _repetitions(name, entry["subtypes"])


def _field_faults(where: str, names: list[str], levels: tuple[Level, ...]) -> Iterator[str]:
    for name in names:
        if name not in fields():
            yield f"{where}: no field {name}." + did_you_mean(name, list(fields()))
        elif fields()[name].level not in levels:
            yield f"{where}: {name} is a field of the level {fields()[name].level}"
    for name, count in Counter(names).items():
        if count > 1:
            yield f"{where}: {name} comes {count} times"


def _subtype_faults(where: str, said: Mapping[str, Any], entry: Mapping[str, Any]) -> Iterator[str]:
    own = {*entry["required"], *entry["required_items"]}
    yield from _field_faults(f"{where}.needs", said.get("needs", []), ("document", "item"))
    for name in said.get("needs", []):
        if name in own:
            yield f"{where}.needs: the type requires {name} already"
    for name in said.get("waives", []):
        if name not in own:
            yield f"{where}.waives: the type does not require {name}"
    axes = entry["axes"]
    if said["axes"].keys() != axes.keys():
        yield f"{where}.axes: {', '.join(said['axes'])} instead of {', '.join(axes)}"
    for axis, code in said["axes"].items():
        if axis in axes and code not in axes[axis]:
            yield f"{where}.axes: {axis} has no code {code!r}." + did_you_mean(
                str(code), list(axes[axis])
            )


def _repetitions(name: str, subtypes: list[Mapping[str, Any]]) -> Iterator[str]:
    """Names that come twice, and subtypes that share all codes."""
    seen: dict[tuple[tuple[str, str], ...], str] = {}
    names: set[str] = set()
    for said in subtypes:
        own = said.get("name", "?")
        if own in names:
            yield f"{name}.{own}: the name comes twice"
        names.add(own)
        place = tuple(sorted(said.get("axes", {}).items()))
        if place in seen:
            yield f"{name}.{own}: has the axes of {seen[place]}"
        seen[place] = own
