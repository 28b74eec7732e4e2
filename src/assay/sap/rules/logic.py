"""Kleene's three-valued logic, on closures: None is unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Run = Callable[[Any], Any]


def both(left: Run, right: Run) -> Run:
    """``and``"""

    def run(scope: Any) -> bool | None:
        first = left(scope)
        if first is False:
            return False
        second = right(scope)
        if second is False:
            return False
        return None if first is None or second is None else True

    return run


def either(left: Run, right: Run) -> Run:
    """``or``"""

    def run(scope: Any) -> bool | None:
        first = left(scope)
        if first is True:
            return True
        second = right(scope)
        if second is True:
            return True
        return None if first is None or second is None else False

    return run


def negation(operand: Run) -> Run:
    """``not``"""

    def run(scope: Any) -> bool | None:
        value = operand(scope)
        return None if value is None else not value

    return run


def implication(left: Run, right: Run) -> Run:
    """``implies``: not left or right."""
    return either(negation(left), right)


def every(values: Iterable[bool | None]) -> bool | None:
    """``and`` over many."""
    known = True
    for value in values:
        if value is False:
            return False
        known = known and value is not None
    return True if known else None


def some(values: Iterable[bool | None]) -> bool | None:
    """``or`` over many."""
    known = True
    for value in values:
        if value is True:
            return True
        known = known and value is not None
    return False if known else None
