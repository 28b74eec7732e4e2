"""Names of expressions to closures: which values are in reach where, and how each is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from assay.errors import DataError, did_you_mean
from assay.sap.fields import fields
from assay.sap.rules.case import ABSENT, Case, Values
from assay.sap.rules.names import (
    PER_ITEM,
    RECORDS,
    Type,
    evidence_names,
    field_types,
    settings,
)

Each = Literal["", "items", "taxes"]


class Scope:
    """Where an expression is evaluated: the case, and the row that is looked at."""

    __slots__ = ("at", "case", "fields", "item", "tax")

    def __init__(self, case: Case, item: Values, at: int, tax: Values) -> None:
        self.case = case
        self.fields = case.fields
        self.item = item
        self.at = at  # the item's place in the document
        self.tax = tax


@dataclass(frozen=True)
class Reach:
    """Which rows' fields may be named: of the document's items or the order's, of tax rows."""

    item: Literal["", "items", "order.items"] = ""
    tax: bool = False


@dataclass(frozen=True)
class Reading:
    """How a name is read: its value, and whether it is there (None: not known)."""

    type: Type | Literal["record"]
    run: Callable[[Scope], Any]
    present: Callable[[Scope], bool | None]


def reach_of(each: Each) -> Reach:
    """What a rule that is evaluated for each of these rows may name."""
    return Reach("items" if each == "items" else "", each == "taxes")


def resolve(text: str, reach: Reach) -> Reading:
    """The reading of a name; raises ``DataError`` with what was available."""
    group, _, name = text.partition(".")
    if not name:
        return _plain(text, reach)
    if group == "order":
        return _of_record(field_types("document"), text, name, lambda scope: scope.case.order)
    if group == "order_item":
        _require_item(text, reach)
        return _of_record(
            field_types("item"), text, name, lambda scope: scope.case.matched[scope.at]
        )
    if group == "setting":
        return _of_record(
            {each: setting.type for each, setting in settings().items()},
            text,
            name,
            lambda scope: scope.case.settings,
        )
    if group == "history":
        return _of_history(text, name)
    if group in RECORDS:
        return _of_record(evidence_names()[group], text, name, _record(text, group, reach))
    known = [*RECORDS, "order", "order_item", "setting", "history"]
    raise DataError(f"no {group} to ask for {text}.{did_you_mean(group, known)}")


def _plain(text: str, reach: Reach) -> Reading:
    if text == "today":
        return Reading("date", lambda scope: scope.case.today, _if_known(lambda s: s.case.today))
    if text in RECORDS or text in ("order", "order_item"):
        return _record_itself(text, reach)
    if text in PER_ITEM:
        _require_item(text, reach)
        read = (
            (lambda scope: scope.case.received[scope.at])
            if text == "received"
            else (lambda scope: scope.case.invoiced[scope.at])
        )
        return Reading(PER_ITEM[text], read, _if_known(read))
    return _field(text, reach)


def _field(name: str, reach: Reach) -> Reading:
    field = fields().get(name)
    if field is None:
        known = [*fields(), *RECORDS, *PER_ITEM, "today", "order", "order_item"]
        hint = did_you_mean(name, known) if _is_near(name, known) else ""
        raise DataError(f"no field {name}.{hint}", "docs/sap-fields.md lists them.")
    kind = field_types(field.level)[name]
    if field.level == "document":
        return Reading(kind, lambda s: s.fields.get(name), lambda s: name in s.fields)
    if field.level == "item" and reach.item:
        return Reading(kind, lambda s: s.item.get(name), lambda s: name in s.item)
    if field.level == "tax" and reach.tax:
        return Reading(kind, lambda s: s.tax.get(name), lambda s: name in s.tax)
    rows = "items" if field.level == "item" else "taxes"
    raise DataError(
        f"{name} is a field of {rows}",
        f"Write it in a rule with `each: {rows}`, or as sum({rows}: {name}).",
    )


def _is_near(name: str, known: list[str]) -> bool:
    """A list of all fields would help nobody: only a near one is named."""
    return "Did you mean" in did_you_mean(name, known)


def _require_item(text: str, reach: Reach) -> None:
    if reach.item != "items":
        raise DataError(
            f"{text} belongs to an item of the document",
            "Write it in a rule with `each: items`, or within all(items: …).",
        )


def _record(text: str, group: str, reach: Reach) -> Callable[[Scope], Mapping[str, Any] | None]:
    if group == "product":
        _require_item(text, reach)
        return lambda scope: scope.case.products[scope.at]
    if group == "supplier":
        return lambda scope: scope.case.supplier
    if group == "customer":
        return lambda scope: scope.case.customer
    return lambda scope: scope.case.company


def _of_record(
    known: Mapping[str, Type],
    text: str,
    name: str,
    record: Callable[[Scope], Mapping[str, Any] | None],
) -> Reading:
    if name not in known:
        raise DataError(f"no {text}.{did_you_mean(name, list(known))}")

    def run(scope: Scope) -> Any:
        found = record(scope)
        return None if found is None else found.get(name)

    def present(scope: Scope) -> bool | None:
        found = record(scope)
        return None if found is None or found is ABSENT else name in found

    return Reading(known[name], run, present)


def _record_itself(text: str, reach: Reach) -> Reading:
    if text == "order":
        return Reading("record", _unreadable, lambda s: s.case.order is not None or None)
    if text == "order_item":
        _require_item(text, reach)
        return Reading("record", _unreadable, _if_filled(lambda s: s.case.matched[s.at]))
    record = _record(text, text, reach)

    def present(scope: Scope) -> bool | None:
        found = record(scope)
        return None if found is None else found is not ABSENT

    return Reading("record", _unreadable, present)


def _of_history(text: str, name: str) -> Reading:
    known = evidence_names()["history"]
    if name not in known:
        raise DataError(f"no {text}.{did_you_mean(name, list(known))}")

    def present(scope: Scope) -> bool | None:
        history = scope.case.history
        return None if history is None or name not in history else history[name] != ""

    def run(scope: Scope) -> Any:
        return (scope.case.history or {})[name] if present(scope) else None

    return Reading(known[name], run, present)


def _unreadable(scope: Scope) -> None:
    """A record has no value of its own."""


def _if_known(read: Callable[[Scope], Any]) -> Callable[[Scope], bool | None]:
    return lambda scope: None if read(scope) is None else True


def _if_filled(read: Callable[[Scope], Values | None]) -> Callable[[Scope], bool | None]:
    def present(scope: Scope) -> bool | None:
        found = read(scope)
        return None if found is None else bool(found)

    return present
