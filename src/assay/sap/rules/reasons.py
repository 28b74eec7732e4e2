"""Why an expression has the value that it has, in words: the comparison, its values, the difference."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from assay.sap.rules import syntax
from assay.sap.rules.compiler import Step
from assay.sap.rules.resolve import Scope
from assay.sap.rules.rule import show

MAX_ROWS = 3  # of an aggregate, named in a reason

_OPPOSITE = {"=": "≠", "!=": "=", "<": "≥", "<=": ">", ">": "≤", ">=": "<"}
_SAME = {"=": "=", "!=": "≠", "<": "<", "<=": "≤", ">": ">", ">=": "≥"}


def missing(step: Step, scope: Scope) -> str:
    """Which names made an expression unknown."""
    absent = list(dict.fromkeys(_absent(step, scope)))
    return f"not known: {', '.join(absent)}" if absent else f"not defined: {step.text}"


def _absent(step: Step, scope: Scope) -> Iterator[str]:
    """The names that are not known, in the parts that are not known."""
    if step.run(scope) is not None:
        return
    if isinstance(step.node, syntax.Presence):
        yield step.node.name.text
    elif isinstance(step.node, syntax.Name | syntax.Aggregate):
        yield step.text
    else:
        for part in step.parts:
            yield from _absent(part, scope)


def reason(step: Step, scope: Scope) -> str:
    """Why a flag is as it is; ``step`` is known in ``scope``."""
    value = step.run(scope)
    match step.node:
        case syntax.Binary(sign="and" | "or" | "implies"):
            return _joined(step, scope)
        case syntax.Unary(sign="not"):
            return reason(step.parts[0], scope)
        case syntax.Comparison():
            return _compared(step, scope)
        case syntax.Presence(name=name, present=present):
            return f"{name.text} is {'present' if value is present else 'missing'}"
        case syntax.Match(format=form):
            operand = step.parts[0]
            return f"{_labelled(operand, scope)} is {'' if value else 'not '}a valid {form}"
        case syntax.Member(negated=negated):
            options = step.text[step.node.options.start - step.node.start :]
            inside = value is not negated
            return f"{_labelled(step.parts[0], scope)} is {'' if inside else 'not '}in {options}"
        case syntax.Aggregate(function="all" | "any"):
            return _rows(step, scope)
        case _:
            return f"{step.text} is {show(value)}"


def _joined(step: Step, scope: Scope) -> str:
    left, right = step.parts
    assert isinstance(step.node, syntax.Binary)
    if step.node.sign == "and" and step.run(scope) is False:
        broken = [part for part in step.parts if part.run(scope) is False]
        return "; ".join(reason(part, scope) for part in broken)
    if step.node.sign == "or" and step.run(scope) is True:
        met = [part for part in step.parts if part.run(scope) is True]
        return "; ".join(reason(part, scope) for part in met)
    known = [part for part in (left, right) if part.run(scope) is not None]
    link = ", but " if step.node.sign == "implies" else " and "
    return link.join(reason(part, scope) for part in known)


def _compared(step: Step, scope: Scope) -> str:
    assert isinstance(step.node, syntax.Comparison)
    left, right = (part.run(scope) for part in step.parts[:2])
    signs = _SAME if step.run(scope) else _OPPOSITE
    text = (
        f"{_labelled(step.parts[0], scope)} {signs[step.node.sign]} "
        f"{_labelled(step.parts[1], scope)}"
    )
    if not isinstance(left, Decimal) or not isinstance(right, Decimal):
        return text
    if step.node.within is None:
        return text
    allowed = show(step.parts[2].run(scope))
    return f"{text} (difference {show(abs(left - right))}, allowed {allowed})"


def _labelled(step: Step, scope: Scope) -> str:
    """What is written and its value; of a literal the value alone."""
    value = show(step.run(scope))
    return value if isinstance(step.node, syntax.Constant) else f"{step.text} {value}"


def _rows(step: Step, scope: Scope) -> str:
    """The rows that decide an ``all`` or ``any``."""
    value = step.run(scope)
    rows = step.rows(scope) if step.rows else None
    body = step.parts[0]
    where = step.parts[1] if len(step.parts) > 1 else None
    said = [
        f"row {number}: {reason(body, row)}"
        for number, row in enumerate(rows or (), 1)
        if (where is None or where.run(row)) and body.run(row) is value
    ]
    more = f"; and {len(said) - MAX_ROWS} more" if len(said) > MAX_ROWS else ""
    return "; ".join(said[:MAX_ROWS]) + more if said else f"{step.text} is {show(value)}"
