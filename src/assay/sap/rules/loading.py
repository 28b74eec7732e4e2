"""Files of rules to rules: every fault of a file is reported at once, with its line.

A file has ``bases`` (documents that examples start from), ``rules``, and ``off`` (ids of rules of
earlier files that are left out). docs/sap-rules.md has the language.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from assay.errors import DataError, did_you_mean
from assay.recipe.tree import Node, plain
from assay.sap.fields import fields
from assay.sap.rules.compiler import Step, compiled
from assay.sap.rules.names import OF_KIND, read_yaml
from assay.sap.rules.resolve import Each
from assay.sap.rules.rule import (
    ACTIONS,
    EACHES,
    RESULTS,
    SEVERITIES,
    TYPES,
    Action,
    Example,
    Rule,
    Severity,
    Template,
    template,
)

T = TypeVar("T")
Choice = TypeVar("Choice", bound=str)

_FILE_KEYS = ("about", "bases", "off", "rules")
_NEEDED = ("id", "name", "applies", "holds", "severity", "action", "message", "remedy", "source")
_KEYS = (*_NEEDED, "subtypes", "each", "when", "corrects", "examples")
_ID = re.compile(r"[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)+", re.ASCII)


@dataclass(frozen=True)
class RuleFile:
    """What a file says."""

    rules: tuple[Rule, ...]
    off: tuple[str, ...]
    bases: dict[str, dict[str, Any]]


def load_file(path: Path) -> RuleFile:
    """The rules of a file; raises one ``DataError`` that lists every fault with its line."""
    reader = _Reader(str(path))
    found = reader.file(read_yaml(path))
    if reader.faults:
        shown = sorted(reader.faults)
        head = f"{path}: {len(shown)} faults\n  " if len(shown) > 1 else ""
        lines = (f"{path}:{line}: {problem}" for line, problem in shown)
        raise DataError(head + "\n  ".join(lines), "docs/sap-rules.md has the language of rules.")
    return found


@dataclass
class _Reader:
    """Reads one file and collects its faults."""

    path: str
    faults: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])

    def fault(self, node: Node, problem: str) -> None:
        self.faults.append((node.origin.line or 1, problem))

    def tried(self, node: Node, what: str, make: Callable[[], T]) -> T | None:
        """What ``make`` gives; its ``DataError`` becomes a fault."""
        try:
            return make()
        except DataError as error:
            remedy = f" {error.remedy}" if error.remedy else ""
            self.fault(node, f"{what}: {error.cause}{remedy}")
            return None

    def mapping(self, node: Node | None, what: str, known: Iterable[str] = ()) -> dict[str, Node]:
        """The keys of a mapping; with ``known``, every other key is a fault."""
        if node is None:
            return {}
        if not isinstance(node.value, dict):
            self.fault(node, f"{what} must be a mapping")
            return {}
        allowed = tuple(known)
        for key, child in node.value.items():
            if allowed and key not in allowed:
                self.fault(child, f'{what}: unknown key "{key}".{did_you_mean(key, allowed)}')
        return node.value

    def sequence(self, node: Node | None, what: str) -> list[Node]:
        if node is None:
            return []
        if not isinstance(node.value, list):
            self.fault(node, f"{what} must be a list")
            return []
        return node.value

    def text(self, node: Node | None, what: str) -> str:
        if node is None:
            return ""
        if not isinstance(node.value, str) or not node.value.strip():
            self.fault(node, f"{what} must be a text")
            return ""
        return node.value.strip()

    def choice(self, node: Node | None, what: str, options: tuple[Choice, ...]) -> Choice:
        """One of the options; the first one stands in for a fault."""
        given = self.text(node, what) if node else ""
        for option in options:
            if given == option:
                return option
        if node is not None and given:
            self.fault(node, f"{what}: no {given}.{did_you_mean(given, options)}")
        return options[0]

    def file(self, root: Node) -> RuleFile:
        keys = self.mapping(root, "the file", _FILE_KEYS)
        bases = {
            name: plain(node) if self.mapping(node, f"base {name}") else {}
            for name, node in self.mapping(keys.get("bases"), "bases").items()
        }
        off = tuple(self.text(each, "off") for each in self.sequence(keys.get("off"), "off"))
        nodes = self.sequence(keys.get("rules"), "rules")
        rules = [rule for node in nodes if (rule := self.rule(node))]
        seen: dict[str, str] = {}
        for rule in rules:
            if rule.id in seen:
                self.fault(root, f"{rule.id} stands twice, at {seen[rule.id]} and {rule.place}")
            seen.setdefault(rule.id, rule.place)
        return RuleFile(tuple(rules), off, bases)

    def rule(self, node: Node) -> Rule | None:
        keys = self.mapping(node, "a rule", _KEYS)
        before = len(self.faults)
        id = self.text(keys.get("id"), "id")
        if id and not _ID.fullmatch(id):
            self.fault(keys["id"], f"id {id}: capitals, digits and hyphens, as in INV-TOT-003")
        if keys and (absent := [key for key in _NEEDED if key not in keys]):
            self.fault(node, f"{id or 'a rule'}: no {', '.join(absent)}")
        each: Each = self.choice(keys.get("each"), "each", EACHES)
        holds = self.expression(keys.get("holds"), f"{id}: holds", each)
        when = self.expression(keys.get("when"), f"{id}: when", each)
        message = self.message(keys.get("message"), f"{id}: message", each)
        applies = self.types(keys.get("applies"), id)
        listed = self.sequence(keys.get("subtypes"), "subtypes")
        subtypes = frozenset(self.text(node, "subtypes") for node in listed)
        severity: Severity = self.choice(keys.get("severity"), f"{id}: severity", SEVERITIES)
        action: Action = self.choice(keys.get("action"), f"{id}: action", ACTIONS)
        corrects = self.corrections(keys.get("corrects"), id, each)
        if (action == "correct") != bool(keys.get("corrects")):
            self.fault(node, f"{id}: the action correct and the key corrects belong together")
        examples = self.examples(keys.get("examples"), id)
        if len(self.faults) > before or holds is None or message is None:
            return None
        return Rule(
            id=id,
            name=self.text(keys["name"], "name"),
            applies=applies,
            holds=holds,
            severity=severity,
            action=action,
            message=message,
            remedy=self.text(keys["remedy"], "remedy"),
            source=self.text(keys["source"], "source"),
            subtypes=subtypes,
            each=each,
            when=when,
            corrects=corrects,
            examples=examples,
            place=f"{self.path}:{node.origin.line}",
        )

    def expression(self, node: Node | None, what: str, each: Each) -> Step | None:
        if node is None or not (text := self.text(node, what)):
            return None
        return self.tried(node, what, lambda: compiled(text, each, "flag"))

    def message(self, node: Node | None, what: str, each: Each) -> Template | None:
        if node is None or not (text := self.text(node, what)):
            return None
        return self.tried(node, what, lambda: template(text, each))

    def types(self, node: Node | None, id: str) -> frozenset[str]:
        """The document types of ``applies``; ``any`` stands for all of them."""
        if node is None or node.value == "any":
            return frozenset(TYPES)
        listed = self.sequence(node, f"{id}: applies")
        return frozenset(self.choice(each, f"{id}: applies", TYPES) for each in listed)

    def corrections(self, node: Node | None, id: str, each: Each) -> dict[str, Step]:
        found: dict[str, Step] = {}
        level = {"": "document", "items": "item", "taxes": "tax"}[each]
        for name, child in self.mapping(node, f"{id}: corrects").items():
            target = fields().get(name)
            if target is None or target.level != level:
                known = [name for name, field in fields().items() if field.level == level]
                self.fault(child, f"{id}: corrects: no {name} here.{did_you_mean(name, known)}")
                continue
            what, text = f"{id}: corrects {name}", self.text(child, name)
            kind = OF_KIND[target.kind]
            step = self.tried(child, what, lambda text=text, kind=kind: compiled(text, each, kind))
            if step:
                found[name] = step
        return found

    def examples(self, node: Node | None, id: str) -> tuple[Example, ...]:
        keys = self.mapping(node, f"{id}: examples", ("base", *RESULTS))
        base = {"base": self.text(keys["base"], "base")} if "base" in keys else {}
        found: list[Example] = []
        for result in RESULTS:
            for each in self.sequence(keys.get(result), f"{id}: examples"):
                self.mapping(each, f"{id}: an example")
                said = plain(each)
                if isinstance(said, dict):
                    found.append(Example(result, base | said, each.origin.line or 1))
        return tuple(found)
