"""What ships, parsed once for the tests of a process."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from assay.sap import canonical
from assay.sap.canonical import Document
from assay.sap.documents import in_path, parse
from assay.sap.metadata import Service
from assay.sap.shipped import SCHEMAS

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@cache
def services() -> dict[str, Service]:
    """Every service that ships, by name."""
    found = (parse(each.read(), each.name) for each in in_path(SCHEMAS))
    return {each.name: each for each in found}


def example(name: str) -> Document:
    """One of the documents in ``examples/``."""
    return canonical.load(EXAMPLES / f"{name}.json")
