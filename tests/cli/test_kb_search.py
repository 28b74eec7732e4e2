"""``assay kb search``: what it refuses before any model is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Assay = Callable[..., Any]  # the fixture `assay`


@pytest.fixture(autouse=True)
def home_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_KB", raising=False)


def test_an_empty_base_says_how_to_fill_it(assay: Assay) -> None:
    done = assay("kb", "search", "goods receipt")
    assert done.code == 1 and "assay kb import" in done.err


def test_an_unknown_module_lists_the_modules(assay: Assay) -> None:
    assert assay("kb", "import").code == 0
    done = assay("kb", "search", "goods receipt", "--module", "purchase")
    assert done.code == 1 and "purchasing" in done.err and "finance" in done.err


@pytest.mark.parametrize("query", ["  ", "x" * 2001])
def test_an_unreadable_query_is_refused(assay: Assay, query: str) -> None:
    assert assay("kb", "search", query).code == 1
