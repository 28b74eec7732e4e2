"""Documents are read from JSON, and every place that is wrong is told."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from what_ships import EXAMPLES, example

from assay.errors import DataError
from assay.sap.canonical import as_json, load, read


def test_a_document_is_read_with_typed_values() -> None:
    order = example("purchase_order")
    assert order.type == "purchase_order" and order.fields["document_date"] == date(2026, 11, 3)
    assert (
        order.items[0]["quantity"] == Decimal("1250.5") and order.items[0]["quantity_unit"] == "KG"
    )
    assert example("credit_memo").taxes[0]["tax_rate"] == Decimal(19)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_what_is_written_is_read_back(path: Path) -> None:
    document = load(path)
    assert read(json.loads(json.dumps(as_json(document)))) == document


def test_three_decimals_are_read_back_as_they_were() -> None:
    document = read({"type": "purchase_order", "items": [{"unit_price": Decimal("158.125")}]})
    assert read(json.loads(json.dumps(as_json(document)))) == document


def test_json_s_own_numbers_and_flags_are_taken() -> None:
    said = {
        "type": "purchase_order",
        "fields": {"net_payment_days": 30, "complete_delivery": True, "project": None},
        "items": [{"quantity": 3, "is_returns_item": False}],
    }
    document = read(said)
    assert document.fields == {"net_payment_days": 30, "complete_delivery": True}
    assert document.items == ({"quantity": Decimal(3), "is_returns_item": False},)


def test_a_decimal_of_json_is_exact(tmp_path: Path) -> None:
    path = tmp_path / "order.json"
    path.write_text('{"type": "sales_order", "items": [{"quantity": 0.1}]}', encoding="utf-8")
    assert load(path).items[0]["quantity"] == Decimal("0.1")


@pytest.mark.parametrize(
    "said,fault",
    [
        ([], "not an object of JSON"),
        ({"fields": {}}, "type: missing"),
        ({"type": 3}, "type: not a text: 3"),
        ({"type": "x", "item": []}, 'item: no such key. Did you mean "items"'),
        ({"type": "x", "items": {}}, "items: not a list"),
        ({"type": "x", "items": [3]}, "items[1]: not an object"),
        ({"type": "x", "fields": {"suplier_number": "1"}}, 'Did you mean "supplier_number"'),
        ({"type": "x", "fields": {"quantity": "1"}}, "It stands at the item."),
        ({"type": "x", "items": [{"currency": "EUR"}]}, "It stands at the document."),
        ({"type": "x", "fields": {"supplier_number": 17300001}}, "give it as a text"),
        ({"type": "x", "fields": {"complete_delivery": 1}}, "1 is no flag"),
        ({"type": "x", "fields": {"gross_total": True}}, "True is no decimal"),
        ({"type": "x", "locale": "de-DE", "fields": {"gross_total": "1.234,5,6"}}, "1.234,5,6"),
        ({"type": "x", "fields": {"iban": "DE88370400440532013000"}}, "fields.iban"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(said: object, fault: str) -> None:
    with pytest.raises(DataError) as caught:
        read(said)
    assert fault in caught.value.cause


def test_what_is_ambiguous_asks_for_the_locale() -> None:
    said = {"type": "x", "fields": {"document_date": "01/02/2025", "gross_total": "1.234"}}
    with pytest.raises(DataError) as caught:
        read(said)
    assert len(caught.value.cause.splitlines()) == 2 and "locale" in caught.value.remedy
    british = read({**said, "locale": "en-GB", "fields": {"document_date": "01/02/2025"}})
    assert british.fields["document_date"] == date(2025, 2, 1)


def test_a_locale_that_is_not_known_is_said_with_those_that_are() -> None:
    with pytest.raises(DataError, match="de-DE"):
        read({"type": "x", "locale": "de-XX", "fields": {"gross_total": "1,5"}})


@pytest.mark.parametrize(
    "text,reason",
    [
        ("", "not JSON"),
        ("{'type': 'x'}", "not JSON"),
        ('{"type": "x", "fields": {"gross_total": NaN}}', "NaN is no value of JSON"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_file_that_is_no_json_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "order.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        load(path)
    assert reason in caught.value.cause and str(path) in caught.value.cause


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        load(tmp_path / "none.json")
    with pytest.raises(DataError, match="directory"):
        load(tmp_path)
    (tmp_path / "latin.json").write_bytes(b'{"type": "\xe9"}')
    with pytest.raises(DataError, match="not UTF-8"):
        load(tmp_path / "latin.json")


@pytest.mark.parametrize(
    "text,twice",
    [
        (
            '{"type": "purchase_order", "fields": {"currency": "EUR", "currency": "USD"}}',
            "currency",
        ),
        ('{"type": "purchase_order", "type": "credit_memo"}', "type"),
        ('{"type": "purchase_order", "items": [{"a": 1, "b": 2, "b": 3, "a": 1}]}', "b"),
    ],
)
def test_a_key_that_stands_twice_is_refused(tmp_path: Path, text: str, twice: str) -> None:
    path = tmp_path / "order.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=f"order.json: not JSON .'{twice}' stands twice"):
        load(path)


def test_a_locale_that_is_not_known_is_told_beside_the_rest() -> None:
    said = {"type": "purchase_order", "locale": "de-DX", "fields": {"curency": "EUR"}}
    with pytest.raises(DataError) as caught:
        read(said, "order.json")
    first, second = caught.value.cause.splitlines()
    assert first.startswith("order.json: locale: 'de-DX' is not known: there are en-US, ")
    assert second.startswith("order.json: fields.curency: no field of this level.")


def test_each_remedy_is_said_once() -> None:
    items = [{"quantity_unit": "furlong", "delivery_date": "01/02/2026"}] * 2
    with pytest.raises(DataError) as caught:
        read({"type": "purchase_order", "fields": {}, "items": items})
    assert len(caught.value.cause.splitlines()) == 4
    assert sorted(caught.value.remedy.splitlines()) == [
        'Say the document\'s locale ("locale": "de-DE").',
        "Units of your own: --tables FILE.",
    ]
