"""YAML in and out: every value keeps its line, and nothing is guessed from its spelling.

Scalars follow the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema) instead
of PyYAML's 1.1: ``1e-3`` is a number; ``no``, ``on``, ``12:30``, ``010`` and ``2024-01-01`` stay
the text the author wrote. Keys are always text. No tag runs code, no key may come twice.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any, cast

import yaml

from assay.recipe.tree import Fault, Keys, Node, Origin, Scalar

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
MAX_NODES = 50_000  # after aliases are expanded: stops "billion laughs" documents
LARGEST_INTEGER = 2**53 - 1  # the largest every JSON reader keeps exactly (RFC 8785)

_HALF_PAIR = re.compile("[\ud800-\udfff]")
_TAG = "tag:yaml.org,2002:"
_CORE: tuple[tuple[str, str, list[str]], ...] = (  # tag, pattern, possible first characters
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+|0o[0-7]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+0123456789."),
    ),
)
_PLAIN_TAGS = {
    _TAG + name for name in ("str", "int", "float", "bool", "null", "merge", "seq", "map")
}
_HINTS = {
    "'\\t'": " Indent with spaces, not tabs.",
    "mapping values are not allowed": ' A text that holds ": " needs quotes around it.',
    "another document": " A recipe is one document: remove the `---` in the middle.",
}


class _Loader(yaml.SafeLoader):
    """PyYAML's safe reader with the scalar rules of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, Any] = {}


class _Dumper(yaml.SafeDumper):
    """Quotes whatever YAML 1.1 or 1.2 would take for something else than text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class _InlineDumper(_Dumper):
    """``_Dumper`` that keeps every text on one line."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None
    if not text.isprintable():  # PyYAML loses NEL, LS and PS outside double quotes
        readable = text.replace("\n", "").isprintable() and not isinstance(dumper, _InlineDumper)
        style = "|" if readable else '"'
    return dumper.represent_scalar(_TAG + "str", text, style=style)


for _name, _pattern, _first in _CORE:
    _expression = re.compile(rf"(?:{_pattern})\Z")
    _Loader.add_implicit_resolver(_TAG + _name, _expression, _first)
    _Dumper.add_implicit_resolver(_TAG + _name, _expression, _first)
    _InlineDumper.add_implicit_resolver(_TAG + _name, _expression, _first)
_Loader.add_implicit_resolver(_TAG + "merge", re.compile(r"<<\Z"), ["<"])
_Dumper.add_representer(str, _represent_text)
_InlineDumper.add_representer(str, _represent_text)


@dataclass(frozen=True)
class Parsed:
    """A document and what is wrong with it as YAML; ``root`` is ``None`` if it cannot be read."""

    root: Node | None
    faults: list[Fault]


def parse(text: str, file: str) -> Parsed:
    """Read one YAML document; never raises for what an author can write."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.YAMLError as error:
        return Parsed(None, [_syntax_fault(error, text, file)])
    except RecursionError:
        return Parsed(None, [Fault(Origin("recipe", file, 1), (), "nested too deeply to be read")])
    if node is None:
        return Parsed(Node(None, Origin("recipe", file, 1)), [])
    builder = _Builder(file)
    return Parsed(builder.build(node, node.start_mark.line + 1, ()), builder.faults)


def dump(value: Any) -> str:
    """YAML text that ``parse`` reads back to an equal value; key order is kept."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def inline(value: Any) -> str:
    """``value`` on one line, to be put into a template, inside ``{}`` and ``[]`` too."""
    text = yaml.dump(
        [value],
        Dumper=_InlineDumper,
        default_flow_style=True,
        sort_keys=False,
        allow_unicode=True,
        width=10**9,
    )
    return text.strip()[1:-1]


def _syntax_fault(error: yaml.YAMLError, text: str, file: str) -> Fault:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        said = ", ".join(part for part in (error.context, error.problem) if part)
        hint = next((hint for sign, hint in _HINTS.items() if sign in said), "")
        return Fault(Origin("recipe", file, line), (), f"not valid YAML: {said}.{hint}")
    position = cast(int, getattr(error, "position", 0))
    character = cast("int | str", getattr(error, "character", 0))
    code = character if isinstance(character, int) else ord(character)
    origin = Origin("recipe", file, text.count("\n", 0, position) + 1)
    return Fault(origin, (), f"the control character U+{code:04X} is not allowed in YAML")


@dataclass
class _Builder:
    """Turns PyYAML's nodes into ours, collecting faults instead of stopping at the first."""

    file: str
    faults: list[Fault] = field(default_factory=list[Fault])
    open: set[int] = field(default_factory=set[int])  # ids of the nodes around the current one
    count: int = 0

    def build(self, node: yaml.Node, line: int, keys: Keys) -> Node:
        origin = Origin("recipe", self.file, line)
        self.count += 1
        problem = self._refusal(node, keys)
        if problem and self.count <= MAX_NODES:
            self.faults.append(Fault(origin, keys, problem))
        if problem:
            return Node(None, origin)
        if isinstance(node, yaml.ScalarNode):
            return Node(self._scalar(node, origin, keys), origin)
        self.open.add(id(node))
        if isinstance(node, yaml.MappingNode):
            built = Node(self._mapping(node, keys), origin)
        else:
            items = cast("list[yaml.Node]", node.value)
            built = Node(
                [self.build(n, n.start_mark.line + 1, (*keys, i)) for i, n in enumerate(items)],
                origin,
            )
        self.open.discard(id(node))
        return built

    def _refusal(self, node: yaml.Node, keys: Keys) -> str:
        """Why the node is not read at all, or the empty string."""
        if id(node) in self.open:
            return "the alias stands inside its own anchor"
        if self.count >= MAX_NODES:
            return f"more than {MAX_NODES:,} values, counting every use of an alias"
        if len(keys) > MAX_DEPTH:
            return f"nested more than {MAX_DEPTH} levels deep"
        tag = str(node.tag)
        if tag in _PLAIN_TAGS:
            return ""
        return f"the tag {tag.replace(_TAG, '!!')} is not allowed: a recipe holds plain values only"

    def _mapping(self, node: yaml.MappingNode, keys: Keys) -> dict[str, Node]:
        inherited: dict[str, Node] = {}
        own: dict[str, Node] = {}
        for key_node, value_node in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            line = key_node.start_mark.line + 1
            origin = Origin("recipe", self.file, line)
            if not isinstance(key_node, yaml.ScalarNode) or not _is_key(key_node.value):
                self.faults.append(Fault(origin, keys, "a key must be text, and not empty"))
                continue
            if key_node.tag == _TAG + "merge":
                for name, child in self._merged(value_node, line, keys).items():
                    inherited.setdefault(name, child)
                continue
            name = str(key_node.value)
            if name in own:
                first = own[name].origin.line
                problem = f"given twice (first on line {first}); keep one"
                self.faults.append(Fault(origin, (*keys, name), problem))
                continue
            own[name] = self.build(value_node, line, (*keys, name))
        return inherited | own

    def _merged(self, node: yaml.Node, line: int, keys: Keys) -> dict[str, Node]:
        """What ``<<: *anchor`` or ``<<: [*one, *two]`` brings in; the first to name a key wins."""
        many = isinstance(node, yaml.SequenceNode)
        sources = cast("list[yaml.Node]", node.value) if many else [node]
        merged: dict[str, Node] = {}
        for source in sources:
            built = self.build(source, line, keys)
            if not isinstance(built.value, dict):
                problem = "`<<` takes an alias of a mapping, or a list of them"
                self.faults.append(Fault(Origin("recipe", self.file, line), keys, problem))
                continue
            for name, child in built.value.items():
                merged.setdefault(name, child)
        return merged

    def _scalar(self, node: yaml.ScalarNode, origin: Origin, keys: Keys) -> Scalar:
        text = str(node.value)
        try:
            value = _READ[str(node.tag).removeprefix(_TAG)](text)
        except (ValueError, OverflowError) as error:
            self.faults.append(Fault(origin, keys, f'"{text[:40]}" {error}'))
            return None
        return value


def _integer(text: str) -> int:
    if len(text) > 40:
        raise OverflowError("is too large a number")
    try:
        value = int(text, 0)
    except ValueError:
        raise ValueError("is not a whole number") from None
    if abs(value) > LARGEST_INTEGER:
        raise OverflowError(f"is too large a number; the largest is {LARGEST_INTEGER}")
    return value


def _number(text: str) -> float:
    try:
        value = float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        raise ValueError("is not a number") from None
    if not math.isfinite(value):
        raise OverflowError("is not a finite number")
    return value


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("is not true or false")
    return text.lower() == "true"


def _is_key(text: str) -> bool:
    return bool(text) and not _HALF_PAIR.search(text)


def _text(text: str) -> str:
    if _HALF_PAIR.search(text):
        raise ValueError("holds half a surrogate pair, which is not a character")
    return text


def _nothing(text: str) -> None:
    if text not in ("", "~", "null", "Null", "NULL"):
        raise ValueError("is not null")


_READ = {
    "str": _text,
    "int": _integer,
    "float": _number,
    "bool": _boolean,
    "null": _nothing,
    "merge": _text,
}
