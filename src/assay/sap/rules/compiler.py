"""Trees of expressions to typed closures: every fault of name or type is found at load.

Each part becomes a ``Step`` that keeps its parts, so that a result can be explained. A closure
gives the value, or None where it is not known; under ``EXACT`` none of them raises.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal
from typing import Any, Literal

from assay.errors import DataError
from assay.sap.rules import logic, syntax
from assay.sap.rules.case import Case, Values
from assay.sap.rules.formats import FORMATS
from assay.sap.rules.functions import FUNCTIONS
from assay.sap.rules.names import Type
from assay.sap.rules.resolve import Each, Reach, Reading, Scope, reach_of, resolve
from assay.sap.rules.syntax import Node

StepType = Type | Literal["record"]
Run = Callable[[Scope], Any]

EXACT = Context(prec=34, traps=[])  # decimal128; what is not finite becomes unknown

_NOTHING: Values = {}
_ORDERED = ("number", "date")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_LOGIC: dict[str, Callable[[Run, Run], Run]] = {
    "and": logic.both,
    "or": logic.either,
    "implies": logic.implication,
}


@dataclass(frozen=True)
class Step:
    """A part of an expression: what it is written as, its type, its value in a scope."""

    node: Node
    text: str
    type: StepType
    run: Run
    parts: tuple[Step, ...] = ()
    rows: Callable[[Scope], list[Scope] | None] | None = None  # of an aggregate


def compiled(text: str, each: Each, wanted: Type | None = None) -> Step:
    """The expression ready to run on the rows of ``each``.

    Raises ``DataError`` with the column of a fault, also when its type is not ``wanted``.
    """
    step = _Compiler(text).step(syntax.parse(text), reach_of(each))
    if step.type == "record" or (wanted is not None and step.type != wanted):
        needed = wanted or "value"
        raise DataError(f"column 1: {text} is a {step.type}, and a {needed} is needed")
    return step


def names(step: Step) -> Iterator[Step]:
    """The names and aggregates that an expression reads, without what stands in the aggregates."""
    if isinstance(step.node, syntax.Name | syntax.Aggregate):
        yield step
        return
    for part in step.parts:
        yield from names(part)


def scopes_of(case: Case, each: Each) -> list[Scope]:
    """The scopes that a rule with ``each`` is evaluated in."""
    if each == "items":
        return [Scope(case, row, at, _NOTHING) for at, row in enumerate(case.items)]
    if each == "taxes":
        return [Scope(case, _NOTHING, -1, row) for row in case.taxes]
    return [Scope(case, _NOTHING, -1, _NOTHING)]


@dataclass(frozen=True)
class _Compiler:
    """Compiles the parts of one expression."""

    text: str

    def step(self, node: Node, reach: Reach) -> Step:
        match node:
            case syntax.Constant(value=value):
                return self.made(node, _type_of(value), lambda scope: value)
            case syntax.Name():
                reading = self.reading(node, reach)
                return self.made(node, reading.type, reading.run)
            case syntax.Unary():
                return self.unary(node, reach)
            case syntax.Binary(sign=sign) if sign in _LOGIC:
                return self.logic(node, reach)
            case syntax.Binary():
                return self.arithmetic(node, reach)
            case syntax.Comparison():
                return self.comparison(node, reach)
            case syntax.Member():
                return self.member(node, reach)
            case syntax.Presence():
                reading = self.reading(node.name, reach)
                present = reading.present if node.present else logic.negation(reading.present)
                return self.made(
                    node, "flag", present, self.made(node.name, reading.type, reading.run)
                )
            case syntax.Match():
                return self.match(node, reach)
            case syntax.Call():
                return self.call(node, reach)
            case syntax.Aggregate():
                return self.aggregate(node, reach)
            case _:
                raise AssertionError(f"a list is no value: {node}")

    def made(self, node: Node, type: StepType, run: Run, *parts: Step) -> Step:
        return Step(node, self.text[node.start : node.end], type, run, parts)

    def reading(self, node: syntax.Name, reach: Reach) -> Reading:
        try:
            return resolve(node.text, reach)
        except DataError as error:
            syntax.refuse(node.start, error.cause, error.remedy)

    def typed(self, node: Node, reach: Reach, wanted: Type) -> Step:
        """The step of ``node``, which must be of that type."""
        step = self.step(node, reach)
        if step.type != wanted:
            syntax.refuse(node.start, f"{step.text} is a {step.type}, and a {wanted} is needed")
        return step

    def unary(self, node: syntax.Unary, reach: Reach) -> Step:
        if node.sign == "not":
            operand = self.typed(node.operand, reach, "flag")
            return self.made(node, "flag", logic.negation(operand.run), operand)
        operand = self.typed(node.operand, reach, "number")
        return self.made(node, "number", _strict(operator.neg, operand), operand)

    def logic(self, node: syntax.Binary, reach: Reach) -> Step:
        left, right = (self.typed(each, reach, "flag") for each in (node.left, node.right))
        return self.made(node, "flag", _LOGIC[node.sign](left.run, right.run), left, right)

    def arithmetic(self, node: syntax.Binary, reach: Reach) -> Step:
        left, right = self.step(node.left, reach), self.step(node.right, reach)
        kind: Type = "number"
        match (left.type, node.sign, right.type):
            case ("number", _, "number"):
                run = _calculation(_ARITHMETIC[node.sign], left.run, right.run)
            case ("date", "+" | "-", "number"):
                kind = "date"
                run = _strict(_shifted(1 if node.sign == "+" else -1), left, right)
            case ("date", "-", "date"):
                run = _strict(lambda a, b: Decimal((a - b).days), left, right)
            case _:
                syntax.refuse(
                    node.start,
                    f"{left.text} is a {left.type} and {right.text} a {right.type}: "
                    f"{node.sign} does not join them",
                )
        return self.made(node, kind, run, left, right)

    def comparison(self, node: syntax.Comparison, reach: Reach) -> Step:
        left, right = self.step(node.left, reach), self.step(node.right, reach)
        if left.type != right.type or left.type in ("texts", "record"):
            syntax.refuse(
                node.start, f"{left.type} {left.text} is compared with {right.type} {right.text}"
            )
        if node.sign not in ("=", "!=") and left.type not in _ORDERED:
            syntax.refuse(node.start, f"{node.sign} does not order a {left.type}")
        if node.within is None:
            run = _compare(_COMPARE[node.sign], left.run, right.run)
            return self.made(node, "flag", run, left, right)
        within = self.typed(node.within, reach, "number")
        if left.type != "number":
            syntax.refuse(node.start, f"within is for numbers, and {left.text} is a {left.type}")
        return self.made(
            node, "flag", _strict(_CLOSE[node.sign], left, right, within), left, right, within
        )

    def member(self, node: syntax.Member, reach: Reach) -> Step:
        item = self.step(node.item, reach)
        if isinstance(node.options, syntax.Listed):
            values = [each.value for each in node.options.values]
            for value in values:
                if _type_of(value) != item.type:
                    syntax.refuse(
                        node.options.start, f"{item.text} is a {item.type}; {value} is not"
                    )
            options = frozenset(values)
            run = _strict(lambda value: (value in options) is not node.negated, item)
            return self.made(node, "flag", run, item)
        many = self.typed(node.options, reach, "texts")
        if item.type != "text":
            syntax.refuse(node.start, f"{item.text} is a {item.type}, and a text is needed")
        run = _strict(lambda value, values: (value in values) is not node.negated, item, many)
        return self.made(node, "flag", run, item, many)

    def match(self, node: syntax.Match, reach: Reach) -> Step:
        if node.format not in FORMATS:
            syntax.refuse(node.start, syntax.unknown("format", node.format, list(FORMATS)))
        operand = self.typed(node.operand, reach, "text")
        return self.made(node, "flag", _strict(FORMATS[node.format], operand), operand)

    def call(self, node: syntax.Call, reach: Reach) -> Step:
        if node.function in ("min", "max", "default"):
            return self.generic(node, reach)
        if node.function == "if":
            return self.choice(node, reach)
        function = FUNCTIONS.get(node.function)
        if function is None:
            known = [*FUNCTIONS, *syntax.AGGREGATES, "default", "if"]
            syntax.refuse(node.start, syntax.unknown("function", node.function, known))
        if len(node.arguments) != len(function.takes):
            wanted = ", ".join(function.takes)
            syntax.refuse(node.start, f"{node.function} takes ({wanted})")
        parts = [
            self.typed(each, reach, wanted)
            for each, wanted in zip(node.arguments, function.takes, strict=True)
        ]
        run = _strict(function.run, *parts)
        return self.made(
            node, function.gives, _finite(run) if function.gives == "number" else run, *parts
        )

    def generic(self, node: syntax.Call, reach: Reach) -> Step:
        """``min`` and ``max`` of two or more of one type; ``default(x, instead)``."""
        parts = [self.step(each, reach) for each in node.arguments]
        if len(parts) < 2 or (node.function == "default" and len(parts) > 2):
            syntax.refuse(node.start, f"{node.function} takes two values")
        kinds = {part.type for part in parts}
        if len(kinds) > 1 or kinds & {"record", "texts"}:
            shown = " and ".join(sorted(kinds))
            syntax.refuse(node.start, f"{node.function} takes values of one type, not {shown}")
        if node.function == "default":
            first, instead = parts[0].run, parts[1].run
            run = _default(first, instead)
        elif parts[0].type not in _ORDERED:
            syntax.refuse(node.start, f"{node.function} does not order a {parts[0].type}")
        else:
            run = _strict(min if node.function == "min" else max, *parts)
        return self.made(node, parts[0].type, run, *parts)

    def choice(self, node: syntax.Call, reach: Reach) -> Step:
        """``if(condition, one, other)``"""
        if len(node.arguments) != 3:
            syntax.refuse(node.start, "if takes (flag, value, value)")
        condition = self.typed(node.arguments[0], reach, "flag")
        one, other = (self.step(each, reach) for each in node.arguments[1:])
        if one.type != other.type:
            syntax.refuse(
                node.start, f"if gives a {one.type} or a {other.type}; one type is needed"
            )

        def run(scope: Scope) -> Any:
            holds = condition.run(scope)
            return None if holds is None else one.run(scope) if holds else other.run(scope)

        return self.made(node, one.type, run, condition, one, other)

    def aggregate(self, node: syntax.Aggregate, reach: Reach) -> Step:
        inner = Reach(reach.item, True) if node.rows == "taxes" else Reach(node.rows, reach.tax)
        where = self.typed(node.where, inner, "flag") if node.where else None
        body = self.step(node.body, inner) if node.body else None
        kind = self.aggregate_type(node, body)
        rows = _rows(node.rows)
        run = _aggregation(node.function, rows, where, body)
        parts = tuple(each for each in (body, where) if each)
        return Step(node, self.text[node.start : node.end], kind, run, parts, rows)

    def aggregate_type(self, node: syntax.Aggregate, body: Step | None) -> Type:
        """The type of the result; refuses a body of another type than the function needs."""
        if body is None:
            return "number"
        needed: dict[str, tuple[StepType, ...]] = {
            "sum": ("number",),
            "all": ("flag",),
            "any": ("flag",),
            "min": ("number", "date"),
            "max": ("number", "date"),
            "unique": ("number", "date", "text"),
        }
        if body.type not in needed[node.function]:
            wanted = " or ".join(needed[node.function])
            syntax.refuse(
                node.start, f"{body.text} is a {body.type}; {node.function} needs a {wanted}"
            )
        if node.function in ("all", "any", "unique"):
            return "flag"
        return "date" if body.type == "date" else "number"


def _type_of(value: object) -> Type:
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, Decimal):
        return "number"
    return "date" if isinstance(value, date) else "text"


def _strict(function: Callable[..., Any], *parts: Step) -> Run:
    """The function of the parts' values; not known when one of them is not."""
    if len(parts) == 1:
        only = parts[0].run

        def one(scope: Scope) -> Any:
            value = only(scope)
            return None if value is None else function(value)

        return one
    runs = tuple(part.run for part in parts)

    def many(scope: Scope) -> Any:
        values: list[Any] = []
        for run in runs:
            value = run(scope)
            if value is None:
                return None
            values.append(value)
        return function(*values)

    return many


def _finite(run: Run) -> Run:
    """What is no number (too large, not defined) is not known."""

    def checked(scope: Scope) -> Any:
        value = run(scope)
        return value if value is None or value.is_finite() else None

    return checked


def _calculation(function: Callable[[Any, Any], Decimal], left: Run, right: Run) -> Run:
    def run(scope: Scope) -> Decimal | None:
        first, second = left(scope), right(scope)
        if first is None or second is None:
            return None
        value = function(first, second)  # 1/0 is Infinity: the context traps nothing
        return value if value.is_finite() else None

    return run


def _compare(function: Callable[[Any, Any], bool], left: Run, right: Run) -> Run:
    def run(scope: Scope) -> bool | None:
        first, second = left(scope), right(scope)
        return None if first is None or second is None else function(first, second)

    return run


_CLOSE: dict[str, Callable[[Decimal, Decimal, Decimal], bool]] = {
    "=": lambda a, b, allowed: abs(a - b) <= allowed,
    "<=": lambda a, b, allowed: a - b <= allowed,
    ">=": lambda a, b, allowed: b - a <= allowed,
}


def _shifted(sign: int) -> Callable[[date, Decimal], date | None]:
    def shifted(day: date, days: Decimal) -> date | None:
        if abs(days) > date.max.toordinal():
            return None
        ordinal = day.toordinal() + sign * int(days)
        return date.fromordinal(ordinal) if 1 <= ordinal <= date.max.toordinal() else None

    return shifted


def _default(first: Run, instead: Run) -> Run:
    def run(scope: Scope) -> Any:
        value = first(scope)
        return instead(scope) if value is None else value

    return run


def _rows(rows: syntax.Rows) -> Callable[[Scope], list[Scope] | None]:
    """The scopes of an aggregate's rows; None when the rows are not known."""

    def items(scope: Scope) -> list[Scope] | None:
        case, tax = scope.case, scope.tax
        return [Scope(case, row, at, tax) for at, row in enumerate(case.items)]

    def taxes(scope: Scope) -> list[Scope] | None:
        return [Scope(scope.case, scope.item, scope.at, row) for row in scope.case.taxes]

    def ordered(scope: Scope) -> list[Scope] | None:
        found = scope.case.order_items
        return None if found is None else [Scope(scope.case, row, -1, scope.tax) for row in found]

    return {"items": items, "taxes": taxes, "order.items": ordered}[rows]


def _aggregation(
    function: str,
    rows: Callable[[Scope], list[Scope] | None],
    where: Step | None,
    body: Step | None,
) -> Run:
    """The aggregate over the rows that ``where`` lets through.

    Over no rows at all everything but a count is unknown: nothing was read. Where a condition is
    unknown for a row, so is whether the row counts, and the result with it.
    """
    fold = _FOLDS[function]

    def run(scope: Scope) -> Any:
        found = rows(scope)
        if found is None or (not found and body is not None):
            return None
        if where is not None:
            tests = [where.run(row) for row in found]
            if None in tests:
                return None
            found = [row for row, test in zip(found, tests, strict=True) if test]
        return fold(found if body is None else [body.run(row) for row in found])

    return run


def _sum(values: list[Any]) -> Decimal | None:
    if None in values:
        return None
    total = sum(values, Decimal(0))
    return total if total.is_finite() else None


def _unique(values: list[Any]) -> bool | None:
    known = [value for value in values if value is not None]
    if len(set(known)) < len(known):
        return False
    return True if len(known) == len(values) else None


_FOLDS: dict[str, Callable[[list[Any]], Any]] = {
    "sum": _sum,
    "count": lambda rows: Decimal(len(rows)),
    "all": logic.every,
    "any": logic.some,
    "min": lambda values: None if None in values or not values else min(values),
    "max": lambda values: None if None in values or not values else max(values),
    "unique": _unique,
}
