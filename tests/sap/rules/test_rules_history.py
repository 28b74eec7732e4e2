"""The history finds duplicates by number and by business key, at the price of its answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import pytest

from assay.errors import DataError
from assay.sap.rules import History, Past

NEW = Past(
    "new", "supplier_invoice", "7", "RE-2024-0815", date(2024, 5, 28), Decimal("130.90"),
    currency="EUR",
)  # fmt: skip


def old(**changes: object) -> Past:
    return replace(NEW, **{"id": "old", **changes})  # type: ignore[arg-type]


def test_a_document_is_no_duplicate_of_itself() -> None:
    history = History([NEW])
    assert history.same_number(NEW) is None
    assert history.same_business_key(NEW, 365) is None
    assert history.same_number(replace(NEW, id="")) == NEW


def test_same_number() -> None:
    assert History([old(number="re-2024-0815 ")]).same_number(NEW) is not None
    assert History([old(number="RE20240815")]).same_number(NEW) is None
    assert History([old(party="0000000007")]).same_number(NEW) is not None
    assert History([old(party="8")]).same_number(NEW) is None
    assert History([old(type="credit_memo")]).same_number(NEW) is None


def test_similar_number() -> None:
    assert History([old(number="RE2O24O8I5")]).similar_number(NEW) is not None
    assert History([old()]).similar_number(NEW) is None
    assert History([old(number="RE-2024-0816")]).similar_number(NEW) is None


def test_business_key_within_the_window() -> None:
    history = History([old(number="A", date=date(2024, 5, 18))])
    assert history.same_business_key(NEW, 10) is not None
    assert history.same_business_key(NEW, 9) is None
    assert History([old(number="A", amount=Decimal("130.9"))]).same_business_key(NEW, 9)
    assert History([old(number="A", currency="USD")]).same_business_key(NEW, 9) is None
    assert History([old(number="A", date=None)]).same_business_key(NEW, 9) is None
    assert History([old()]).same_business_key(NEW, 9) is None


def test_other_party() -> None:
    assert History([old(party="8")]).other_party(NEW) is not None
    assert History([old()]).other_party(NEW) is None


def test_a_question_looks_at_its_answers_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many documents are kept, only those of the asked key are compared."""
    from assay.sap.rules import history as module

    history = History(
        old(id=str(n), number=f"N{n}", amount=Decimal(n), party=str(n % 50)) for n in range(2_000)
    )
    seen: list[str] = []
    exact = module.exact
    monkeypatch.setattr(module, "exact", lambda number: seen.append(number) or exact(number))
    monkeypatch.setattr(module, "blurred", lambda number: seen.append(number) or number)
    for ask in (history.same_number, history.similar_number, history.other_party):
        assert ask(NEW) is None
    assert history.same_business_key(NEW, 365) is None
    assert set(seen) == {NEW.number}


def test_followers_of_orders_and_invoices() -> None:
    history = History(
        [
            old(id="1", number="A", order="45"),
            old(id="2", number="B", order="45"),
            old(id="3", number="C", type="goods_receipt", order="45"),
            old(id="4", number="D", type="credit_memo", reference="A"),
            old(id="5", number="A", party="8"),
        ]
    )
    assert [past.id for past in history.invoices_of("45", "2")] == ["1"]
    assert [past.id for past in history.credits_of("a", "")] == ["4"]
    for party, expected in (("8", "5"), ("7", "1"), ("9", "1")):
        found = history.invoice("A", party)
        assert found is not None and found.id == expected


def test_a_date_with_a_time_is_refused() -> None:
    with pytest.raises(DataError):
        old(date=datetime(2024, 5, 28, 12))
