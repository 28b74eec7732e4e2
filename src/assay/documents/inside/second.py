"""A second reading of a PDF, by pypdf: its pages counted again, and what would act when it is opened."""

from __future__ import annotations

import io
from typing import Any

from assay.documents.inside.refused import DAMAGED, Refused

OBJECTS = 20_000  # that are looked at
ACTIONS = {
    "/JavaScript": "a script",
    "/Launch": "a call of a program",
    "/SubmitForm": "a form that sends itself away",
    "/ImportData": "an import of data",
    "/GoToE": "a jump into an embedded document",
    "/RichMediaExecute": "rich media",
}


def second(data: bytes, job: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """How many pages pypdf counts, and the kinds of actions."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    del job
    try:
        reader = PdfReader(io.BytesIO(data), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            return {"pages": None, "acts": []}, []
        return {"pages": len(reader.pages), "acts": _acts(reader)}, []
    except (PyPdfError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise Refused(DAMAGED, f"pypdf cannot read it ({type(error).__name__})") from None


def _acts(reader: Any) -> list[str]:
    """What a viewer would do by itself or at a click, of every object of the file."""
    found: set[str] = set()
    names = {
        (number, generation) for generation, numbers in reader.xref.items() for number in numbers
    } | {(number, 0) for number in reader.xref_objStm}
    for number, generation in sorted(names)[:OBJECTS]:
        try:
            one = reader.get_object(_reference(number, generation, reader))
        except Exception:  # a broken object acts on nobody
            continue
        found.update(_of(one, 0))
    return sorted(found)


def _reference(number: int, generation: int, reader: Any) -> Any:
    from pypdf.generic import IndirectObject

    return IndirectObject(number, generation, reader)


def _of(one: Any, depth: int) -> set[str]:
    """The actions of an object's own tree, references not followed."""
    from pypdf.generic import ArrayObject, DictionaryObject

    if depth > 30:
        return set()
    if isinstance(one, DictionaryObject):
        own = {ACTIONS[str(one.get("/S"))]} if str(one.get("/S")) in ACTIONS else set[str]()
        return own.union(*(_of(one.raw_get(key), depth + 1) for key in one))
    if isinstance(one, ArrayObject):
        return set[str]().union(*(_of(each, depth + 1) for each in list(one)[:1000]))
    return set()
