"""One process that opens documents, and one OCR engine, for every test of a file."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from assay.documents.opening import Limits, Opener
from assay.documents.reading import Reader


@pytest.fixture(scope="module")
def opener() -> Generator[Opener]:
    with Opener(Limits(seconds=5)) as opener:
        yield opener


@pytest.fixture(scope="module")
def reader() -> Generator[Reader]:
    with Reader() as reader:
        yield reader
