"""The rules in force, and what they say of a document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import localcontext
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

from assay.errors import DataError, did_you_mean
from assay.sap.canonical import Document
from assay.sap.rules.case import Case, Known
from assay.sap.rules.compiler import EXACT, Step, names, scopes_of
from assay.sap.rules.evidence import Evidence
from assay.sap.rules.loading import load_file
from assay.sap.rules.names import KNOWLEDGE
from assay.sap.rules.reasons import missing, reason
from assay.sap.rules.resolve import Each, Scope
from assay.sap.rules.rule import EACHES, Finding, Result, Rule, show

MISFIT = "DOC-TYPE-001"  # the one rule that no expression can say: values have their field's type

_NOT_RULES = ("evidence.yaml", "settings.yaml")


@dataclass(frozen=True)
class Rulebook:
    """Rules by id, and the documents that their examples start from."""

    rules: Mapping[str, Rule]
    bases: Mapping[str, Mapping[str, Any]]

    @staticmethod
    def load(paths: Iterable[Path]) -> Rulebook:
        """The shipped rules and those of a company's own files, which add, override by id, or
        switch off. Raises ``DataError`` with every fault of a file."""
        rules, bases = dict(shipped().rules), dict(shipped().bases)
        for path in paths:
            file = load_file(path)
            for id in file.off:
                if id not in rules:
                    raise DataError(f"{path}: off: no rule {id}.{did_you_mean(id, list(rules))}")
                del rules[id]
            rules |= {rule.id: rule for rule in file.rules}
            bases |= file.bases
        return Rulebook(rules, bases)

    @cached_property
    def by_type(self) -> Mapping[str, tuple[Rule, ...]]:
        """The rules of each document type."""
        types = {each for rule in self.rules.values() for each in rule.applies}
        return {
            type: tuple(rule for rule in self.rules.values() if type in rule.applies)
            for type in types
        }


@cache
def shipped() -> Rulebook:
    """The rules that come with Assay."""
    rules: dict[str, Rule] = {}
    bases: dict[str, Mapping[str, Any]] = {}
    for path in sorted(KNOWLEDGE.glob("*.yaml")):
        if path.name in _NOT_RULES:
            continue
        file = load_file(path)
        for rule in file.rules:
            if rule.id in rules:
                raise DataError(f"{rule.place}: {rule.id} is at {rules[rule.id].place} already")
            rules[rule.id] = rule
        bases |= file.bases
    return Rulebook(rules, bases)


def rules() -> tuple[Rule, ...]:
    """Every rule that comes with Assay."""
    return tuple(shipped().rules.values())


def check(
    document: Document, evidence: Evidence, rulebook: Rulebook | None = None, trace: bool = False
) -> list[Finding]:
    """What every rule for the document's type says of it, in the order of the rules.

    A rule with ``each`` gives one finding per row. Never raises, whatever the document holds.
    ``trace`` keeps values and reasons of what passed as well.
    """
    case = Case(document, evidence)
    book = rulebook or shipped()
    scopes: dict[Each, list[Scope]] = {each: scopes_of(case, each) for each in EACHES}
    found = [_misfit(problem) for problem in case.misfits]
    with localcontext(EXACT):
        for rule in book.by_type.get(document.type, ()):
            other = bool(rule.subtypes) and document.subtype not in rule.subtypes
            if other or not scopes[rule.each]:
                found.append(_quiet(rule, "not_applicable", None))
            elif not rule.each:
                found.append(_judged(rule, scopes[""][0], None, trace))
            else:
                found += [
                    _judged(rule, scope, row, trace)
                    for row, scope in enumerate(scopes[rule.each], 1)
                ]
    return found


def explain(finding: Finding) -> str:
    """A finding in one text: the rule, where, the message, and the values that decided."""
    row = f", row {finding.row}" if finding.row is not None else ""
    lines = [f"{finding.rule}{row}: {finding.result.replace('_', ' ')}: {finding.name}"]
    lines += [text for text in (finding.message, finding.reason, finding.remedy) if text]
    if finding.correction:
        shown = ", ".join(f"{name} = {show(value)}" for name, value in finding.correction.items())
        lines.append(f"Correction: {shown}")
    return "\n  ".join(lines)


def _judged(rule: Rule, scope: Scope, row: int | None, trace: bool) -> Finding:
    applies = rule.when.run(scope) if rule.when else True
    holds = rule.holds.run(scope) if applies else None
    if applies is False:
        return _quiet(rule, "not_applicable", row)
    if applies is None or holds is None:
        step = rule.holds if applies or rule.when is None else rule.when
        return _told(rule, "unknown", row, scope, "", missing(step, scope))
    if holds is False:
        message = rule.message.filled(scope)
        return _told(rule, "fail", row, scope, message, reason(rule.holds, scope))
    if trace:
        return _told(rule, "pass", row, scope, "", reason(rule.holds, scope))
    return _quiet(rule, "pass", row)


@lru_cache(2**16)  # of a pass nothing depends on the document: most findings are made once
def _quiet(rule: Rule, result: Result, row: int | None) -> Finding:
    return Finding(rule.id, rule.name, result, row, rule.severity, rule.action)


def _told(
    rule: Rule, result: Result, row: int | None, scope: Scope, message: str, why: str
) -> Finding:
    failed = result == "fail"
    return Finding(
        rule.id,
        rule.name,
        result,
        row,
        rule.severity,
        rule.action,
        message,
        rule.remedy if failed else "",
        why,
        _values(rule, scope),
        _correction(rule.corrects, scope) if failed else {},
    )


def _values(rule: Rule, scope: Scope) -> dict[str, Known | None]:
    """The names that the rule reads, and their values."""
    steps: list[Step] = [rule.when, rule.holds] if rule.when else [rule.holds]
    read = {part.text: part for step in steps for part in names(step)}
    return {text: part.run(scope) for text, part in read.items() if part.type != "record"}


def _correction(corrects: Mapping[str, Step], scope: Scope) -> dict[str, Known]:
    values = {name: step.run(scope) for name, step in corrects.items()}
    return {name: value for name, value in values.items() if value is not None}


def _misfit(problem: str) -> Finding:
    return Finding(
        MISFIT,
        "Every value has the type of its field",
        "fail",
        None,
        "error",
        "reject",
        problem,
        "Correct the extraction or the transformation that gave the value.",
    )
