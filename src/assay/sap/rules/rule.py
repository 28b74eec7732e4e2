"""A rule and what it says of a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal, get_args

from assay.errors import DataError
from assay.sap.rules.case import Known
from assay.sap.rules.compiler import Step, compiled
from assay.sap.rules.resolve import Each, Scope

Severity = Literal["error", "warning", "info"]
Action = Literal["reject", "review", "warn", "correct"]
Result = Literal["pass", "fail", "unknown", "not_applicable"]

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
ACTIONS: tuple[Action, ...] = get_args(Action)
RESULTS: tuple[Result, ...] = get_args(Result)
EACHES: tuple[Each, ...] = get_args(Each)
TYPES = (
    *("purchase_order", "supplier_invoice", "sales_order", "customer_invoice", "goods_receipt"),
    *("goods_issue", "journal_entry", "product_master", "vendor_master", "customer_master"),
    *("material_master", "payment_advice", "delivery_note", "credit_memo"),
)

_SHOWN_DIGITS = Decimal("0.000001")


@dataclass(frozen=True)
class Template:
    """A message with expressions in braces."""

    parts: tuple[str | Step, ...]

    def filled(self, scope: Scope) -> str:
        """The message with the values in that scope."""
        shown = (part if isinstance(part, str) else show(part.run(scope)) for part in self.parts)
        return "".join(shown)


@dataclass(frozen=True)
class Example:
    """A document and its evidence as the rule's author wrote them, and what the rule must say."""

    result: Result
    said: Mapping[str, Any]
    line: int


@dataclass(frozen=True, eq=False)
class Rule:
    """What must hold of documents of some types, or of each of their rows."""

    id: str
    name: str
    applies: frozenset[str]
    holds: Step
    severity: Severity
    action: Action
    message: Template
    remedy: str
    source: str
    subtypes: frozenset[str] = frozenset()
    each: Each = ""
    when: Step | None = None
    corrects: Mapping[str, Step] = field(default_factory=dict[str, Step])
    examples: tuple[Example, ...] = ()
    place: str = ""  # file:line


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule said of a document, or of one of its rows."""

    rule: str
    name: str
    result: Result
    row: int | None  # from 1
    severity: Severity
    action: Action
    message: str = ""  # the next five: of what failed or is unknown
    remedy: str = ""
    reason: str = ""
    values: Mapping[str, Known | None] = field(default_factory=dict[str, Known | None])
    correction: Mapping[str, Known] = field(default_factory=dict[str, Known])


def show(value: Known | None) -> str:
    """A value as a message has it: plain digits, ISO dates."""
    if value is None:
        return "(not known)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        if isinstance(exponent, int) and exponent < -6 and abs(value) < Decimal(10) ** 20:
            value = value.quantize(_SHOWN_DIGITS).normalize()
        return f"{value:f}"
    if isinstance(value, date):
        return value.isoformat()
    return ", ".join(value) if isinstance(value, tuple) else value


def template(text: str, each: Each) -> Template:
    """A message whose braces hold expressions; raises ``DataError``."""
    parts: list[str | Step] = []
    rest = text
    while rest:
        before, brace, rest = rest.partition("{")
        if "}" in before:
            raise DataError('"}" without "{"')
        parts.append(before)
        if brace:
            inside, closed, rest = rest.partition("}")
            if not closed:
                raise DataError('"{" without "}"')
            parts.append(compiled(inside, each))
    return Template(tuple(part for part in parts if part))
