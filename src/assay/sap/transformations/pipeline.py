"""Pipelines of operators, typed from one end to the other."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from assay.errors import DataError, did_you_mean
from assay.sap.fields import Value, ValueKind
from assay.sap.transformations import codes, dates, identifiers, numbers, terms, texts
from assay.sap.transformations.values import Context

Function = Callable[..., Value]
Argument = int | str | re.Pattern[str]


@dataclass(frozen=True)
class Operator:
    """A small pure function on one value, with the kinds that it takes and gives."""

    name: str
    function: Function
    takes: ValueKind
    gives: ValueKind
    arguments: tuple[Callable[[str], Argument], ...]  # what reads each that stands behind its name
    needs_context: bool

    @property
    def says(self) -> str:
        """What it does, in its docstring's first sentence."""
        return (self.function.__doc__ or "").strip().splitlines()[0]


_KINDS: dict[str, ValueKind] = {
    "str": "text",
    "Decimal": "decimal",
    "date": "date",
    "int": "integer",
    "bool": "flag",
}
_ARGUMENTS: dict[str, Callable[[str], Argument]] = {
    "int": int,
    "str": str,
    "re.Pattern[str]": re.compile,
}


def _operator(name: str, function: Function) -> Operator:
    """An operator from a function's own annotations: the value, arguments, and a context or none."""
    signature = inspect.signature(function)
    annotations = [str(each.annotation) for each in signature.parameters.values()]
    needs_context = annotations[-1] == "Context"
    rest = annotations[1:-1] if needs_context else annotations[1:]
    return Operator(
        name,
        function,
        _KINDS[annotations[0]],
        _KINDS[str(signature.return_annotation)],
        tuple(_ARGUMENTS[each] for each in rest),
        needs_context,
    )


OPERATORS = {
    name: _operator(name, function)
    for name, function in {
        "clean": texts.clean,
        "lines": texts.lines,
        "upper": texts.upper,
        "lower": texts.lower,
        "tight": texts.tight,
        "ascii_digits": texts.ascii_digits,
        "digits": texts.digits,
        "one_number": texts.one_number,
        "without": texts.without,
        "at_most": texts.at_most,
        "exactly": texts.exactly,
        "cut": texts.cut,
        "prefix": texts.prefix,
        "suffix": texts.suffix,
        "key": texts.key,
        "unkey": texts.unkey,
        "flag": texts.flag,
        "sap_flag": texts.sap_flag,
        "matching": texts.matching,
        "amount": numbers.amount,
        "percent": numbers.percent,
        "integer": numbers.integer,
        "between": numbers.between,
        "rounded": numbers.rounded,
        "digits_at_most": numbers.at_most,
        "not_negative": numbers.not_negative,
        "rate": numbers.rate,
        "decimal_text": numbers.decimal_text,
        "credit_amount": numbers.credit_amount,
        "day": dates.day,
        "add_days": dates.add_days,
        "end_of_month": dates.end_of_month,
        "iso_date": dates.iso_date,
        "sap_date": dates.sap_date,
        "v2_date": dates.v2_date,
        "from_v2_date": dates.from_v2_date,
        "iban": identifiers.iban,
        "payment_reference": identifiers.payment_reference,
        "bic": identifiers.bic,
        "vat_id": identifiers.vat_id,
        "creditor_id": identifiers.creditor_id,
        "gtin": identifiers.gtin,
        "gln": identifiers.gln,
        "duns": identifiers.duns,
        "email": identifiers.email,
        "phone": identifiers.phone,
        "postal_code": identifiers.postal_code,
        "currency": codes.currency,
        "country": codes.country,
        "unit": codes.unit,
        "unit_iso": codes.unit_iso,
        "language": codes.language,
        "incoterm": codes.incoterm,
        "incoterm_place": codes.incoterm_place,
        "discount_percent": terms.discount_percent,
        "discount_days": terms.discount_days,
        "net_days": terms.net_days,
        "lookup": codes.lookup,
    }.items()
}


@dataclass(frozen=True)
class Step:
    """An operator with its arguments."""

    operator: Operator
    arguments: tuple[Argument, ...]

    def __call__(self, value: Value, context: Context) -> Value:
        """The operator's result."""
        given: list[Any] = [value, *self.arguments]
        return (
            self.operator.function(*given, context)
            if self.operator.needs_context
            else self.operator.function(*given)
        )


@dataclass(frozen=True)
class Pipeline:
    """Operators in their order; what one gives, the next takes."""

    steps: tuple[Step, ...]

    @staticmethod
    def parse(words: Sequence[str], where: str) -> Pipeline:
        """A pipeline as YAML writes it: ``[clean, upper, "key 10"]``.

        Raises ``DataError``, with ``where`` in front, for an operator that does not exist, arguments
        that it does not have, and operators that do not fit one another.
        """
        if not words:
            raise DataError(f"{where}: a pipeline without an operator")
        steps = tuple(_step(word, where) for word in words)
        for before, behind in pairwise(steps):
            if before.operator.gives != behind.operator.takes:
                raise DataError(
                    f"{where}: {before.operator.name} gives {before.operator.gives}, and "
                    f"{behind.operator.name} takes {behind.operator.takes}"
                )
        return Pipeline(steps)

    @property
    def takes(self) -> ValueKind:
        """The kind of value that it begins with."""
        return self.steps[0].operator.takes

    @property
    def gives(self) -> ValueKind:
        """The kind of value that it ends with."""
        return self.steps[-1].operator.gives

    def __call__(self, value: Value, context: Context) -> Value:
        """The value at the end; raises ``TransformationError`` where an operator refuses it."""
        for step in self.steps:
            value = step(value, context)
        return value


def _step(said: str, where: str) -> Step:
    name, *given = said.split()
    if name not in OPERATORS:
        raise DataError(f"{where}: no operator {name}.{did_you_mean(name, list(OPERATORS))}")
    operator = OPERATORS[name]
    if len(given) != len(operator.arguments):
        wanted = f"{len(operator.arguments)} argument{'s' * (len(operator.arguments) != 1)}"
        raise DataError(f"{where}: {name} takes {wanted}, not {len(given)}")
    try:
        arguments = tuple(form(word) for form, word in zip(operator.arguments, given, strict=True))
    except (ValueError, re.error) as error:
        raise DataError(f"{where}: {said}: {error}") from error
    return Step(operator, arguments)
