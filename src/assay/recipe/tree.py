"""Values that remember where they were written, so that merged settings keep their lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from assay.errors import RecipeError

Key = str | int
Keys = tuple[Key, ...]
Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Origin:
    """Who gave a value: ``recipe``, ``profile:<name>``, ``--set`` or ``default``, and where."""

    layer: str
    file: str | None = None
    line: int | None = None  # 1-based


DEFAULT = Origin("default")


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a document: a mapping of nodes, a list of nodes, or a scalar."""

    value: dict[str, Node] | list[Node] | Scalar
    origin: Origin


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a recipe."""

    origin: Origin
    keys: Keys
    problem: str

    @property
    def place(self) -> str:
        """``file:line: key.path``, the path as it stands in the document."""
        place = f"{self.origin.file}:{self.origin.line}" if self.origin.file else self.origin.layer
        layer, _, profile = self.origin.layer.partition(":")
        keys = ("profiles", profile, *self.keys) if layer == "profile" else self.keys
        return f"{place}: {dotted(keys)}" if keys else place

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}"


def dotted(keys: Iterable[Key]) -> str:
    """``training.epochs``, ``ladder.2.kind``."""
    return ".".join(str(key) for key in keys)


def plain(node: Node) -> Any:
    """The node's value as dicts, lists and scalars."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [plain(child) for child in node.value]
    return node.value


def written(value: Any, origin: Origin) -> Node:
    """Plain data as a node, all of it from ``origin``: the inverse of ``plain``."""
    if isinstance(value, dict):
        return Node({str(key): written(child, origin) for key, child in value.items()}, origin)
    if isinstance(value, list):
        return Node([written(child, origin) for child in value], origin)
    return Node(value, origin)


def relabelled(node: Node, layer: str) -> Node:
    """``node`` and all below it as given by ``layer``, on the same lines."""
    origin = replace(node.origin, layer=layer)
    if isinstance(node.value, dict):
        return Node({key: relabelled(n, layer) for key, n in node.value.items()}, origin)
    if isinstance(node.value, list):
        return Node([relabelled(child, layer) for child in node.value], origin)
    return Node(node.value, origin)


def merge(under: Node, over: Node) -> Node:
    """Deep merge: mappings merge key by key, scalars and lists of ``over`` replace."""
    if not isinstance(under.value, dict) or not isinstance(over.value, dict):
        return over
    merged = dict(under.value)
    for key, child in over.value.items():
        merged[key] = merge(merged[key], child) if key in merged else child
    return Node(merged, under.origin)


def at(node: Node, keys: Keys) -> Node | None:
    """The node at ``keys``, or ``None`` where the document has nothing."""
    for key in keys:
        child = _child(node, key)
        if child is None:
            return None
        node = child
    return node


def _child(node: Node, key: Key) -> Node | None:
    if isinstance(node.value, dict):
        return node.value.get(str(key))
    if isinstance(node.value, list) and isinstance(key, int) and 0 <= key < len(node.value):
        return node.value[key]
    return None


def nearest_origin(node: Node, keys: Keys) -> Origin:
    """The origin at ``keys``, or of the closest node above that the document has."""
    found = node.origin
    for end in range(1, len(keys) + 1):
        child = at(node, keys[:end])
        if child is None:
            break
        found = child.origin
    return found


def put(node: Node, keys: Keys, new: Node) -> Node:
    """A copy of ``node`` with ``new`` at ``keys``; mappings on the way are made."""
    if not keys:
        return new
    key, rest = keys[0], keys[1:]
    if isinstance(node.value, list) and isinstance(key, int):
        items = list(node.value)
        items[key] = put(items[key], rest, new)
        return replace(node, value=items)
    children = dict(node.value) if isinstance(node.value, dict) else {}
    child = children.get(str(key)) or Node(None, new.origin)
    children[str(key)] = put(child, rest, new)
    return replace(node, value=children)


def drop(node: Node, keys: Keys, rename: str | None = None) -> Node:
    """A copy without the node at ``keys``, or with its last key changed to ``rename``.

    List items become null instead, so that the others keep their index.
    """
    *above, last = keys
    parent = at(node, tuple(above))
    if parent is None or at(parent, (last,)) is None:
        return node
    if isinstance(parent.value, list):
        return put(node, keys, Node(None, parent.origin))
    assert isinstance(parent.value, dict)
    kept = {
        (rename if key == last and rename else key): child
        for key, child in parent.value.items()
        if key != last or rename
    }
    return put(node, tuple(above), replace(parent, value=kept))


def origins(node: Node) -> dict[str, Origin]:
    """``{dotted key path: origin}`` of every node below ``node``."""
    found: dict[str, Origin] = {}

    def visit(child: Node, keys: Keys) -> None:
        if keys:
            found[dotted(keys)] = child.origin
        if isinstance(child.value, dict):
            for key, grandchild in child.value.items():
                visit(grandchild, (*keys, key))
        elif isinstance(child.value, list):
            for index, grandchild in enumerate(child.value):
                visit(grandchild, (*keys, index))

    visit(node, ())
    return found


def in_order(faults: Iterable[Fault]) -> list[Fault]:
    """``faults`` by line; those of the command line come first."""
    return sorted(faults, key=lambda fault: fault.origin.line or 0)


def error_of(faults: Iterable[Fault], file: str) -> RecipeError:
    """One ``RecipeError`` that lists every fault in the order of the file."""
    ordered = in_order(faults)
    lines = [str(fault) for fault in ordered]
    cause = lines[0] if len(lines) == 1 else "\n  ".join([f"{len(lines)} faults in {file}", *lines])
    if all(fault.origin.file is None for fault in ordered):
        return RecipeError(cause, f"`assay explain {file}` lists every key and its value.")
    return RecipeError(cause, f"Correct the file, then check it with `assay validate {file}`.")
