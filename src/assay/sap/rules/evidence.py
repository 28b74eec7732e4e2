"""What a document is checked against: its order, receipts, master data, history and settings.

``None`` says that a thing is not known, and a rule that needs it then yields ``unknown``; an empty
tuple or mapping says that it is known and there is nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from assay.errors import DataError
from assay.sap.canonical import Document
from assay.sap.fields import Value
from assay.sap.rules.history import History
from assay.sap.rules.names import Type, evidence_names, settings
from assay.sap.rules.syntax import unknown

Facts = Mapping[str, Value | tuple[str, ...]]  # the names are in knowledge/rules/evidence.yaml
Records = Mapping[str, Facts]  # {number: facts}

_KINDS: dict[str, type | tuple[type, ...]] = {
    "number": (Decimal, int),
    "text": str,
    "date": date,
    "flag": bool,
    "texts": tuple,
}


@dataclass(frozen=True)
class Master:
    """Master data by number. Raises ``DataError`` for a name or a type that no rule knows."""

    suppliers: Records | None = None
    customers: Records | None = None
    companies: Records | None = None
    products: Records | None = None

    def __post_init__(self) -> None:
        for group, records in (
            ("supplier", self.suppliers),
            ("customer", self.customers),
            ("company", self.companies),
            ("product", self.products),
        ):
            for number, facts in (records or {}).items():
                _require_facts(group, number, facts)


def _require_facts(group: str, number: str, facts: Facts) -> None:
    known = evidence_names()[group]
    for name, value in facts.items():
        where = f"{group} {number}"
        if name not in known:
            raise DataError(f"{where}: {unknown('name', name, list(known))}")
        if not _is(known[name], value):
            raise DataError(f"{where}: {name} is {value!r}, not a {known[name]}")


def _is(kind: Type, value: object) -> bool:
    """Whether a value is of that type; dates are plain, numbers finite."""
    if isinstance(value, datetime) or (kind == "number" and isinstance(value, bool)):
        return False
    if isinstance(value, Decimal) and not value.is_finite():
        return False
    return isinstance(value, _KINDS[kind])


@dataclass(frozen=True)
class Settings:
    """Tolerances and limits: ``values`` for all companies, ``companies`` for one company code."""

    values: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    companies: Mapping[str, Mapping[str, Decimal]] = field(
        default_factory=dict[str, Mapping[str, Decimal]]
    )

    def __post_init__(self) -> None:
        known = list(settings())
        for given in (self.values, *self.companies.values()):
            for name, value in given.items():
                if name not in known:
                    raise DataError(unknown("setting", name, known))
                if not _is("number", value):
                    raise DataError(f"setting {name} is {value!r}, not a number")

    def of(self, company: str | None) -> dict[str, Decimal]:
        """Every setting of a company code, or of all of them."""
        found = {name: each.value for name, each in settings().items()} | dict(self.values)
        return found | dict(self.companies.get(company or "", {}))


@dataclass(frozen=True)
class Evidence:
    """What is known beside the document; ``order`` is its purchase order or its sales order."""

    today: date | None = None
    order: Document | None = None
    receipts: tuple[Document, ...] | None = None
    master: Master = Master()
    history: History | None = None
    settings: Settings = Settings()

    def __post_init__(self) -> None:
        if self.today is not None and not _is("date", self.today):
            raise DataError(f"today is {self.today!r}, not a plain date")
