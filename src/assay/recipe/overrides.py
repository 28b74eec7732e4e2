"""``--set key.path=value``: one value from the command line put into a document."""

from __future__ import annotations

from typing import TypeGuard

from assay.recipe import fields
from assay.recipe.phrasing import described
from assay.recipe.tree import Fault, Key, Keys, Node, Origin, at, plain, put, written
from assay.recipe.yaml_lines import parse

ORIGIN = Origin("--set")


def apply(root: Node, override: str) -> tuple[Node, list[Fault]]:
    """``root`` with ``override`` (``training.epochs=3``, ``ladder.2.kind=llm``) put in.

    The value is YAML. With ``<=`` for ``=``, a smaller number that is there already stays. A path
    that the schema does not know is a fault that names what is there.
    """
    path, equals, text = override.partition("=")
    at_most, path = path.endswith("<"), path.removesuffix("<")
    if not equals or not path.strip():
        return root, [Fault(ORIGIN, (), f'"{override}" is not of the form key.path=value')]
    keys, problem = _located(root, path.strip())
    if problem:
        return root, [Fault(ORIGIN, keys, problem)]
    parsed = parse(text, "--set")
    if parsed.root is None or parsed.faults:
        return root, [Fault(ORIGIN, keys, fault.problem) for fault in parsed.faults]
    value = plain(parsed.root)
    if at_most:
        if not _is_number(value):
            return root, [Fault(ORIGIN, keys, f"{described(value)} is no number to be at most")]
        there = at(root, keys)
        if there is not None and _is_number(there.value) and there.value <= value:
            return root, []
    return put(root, keys, written(value, ORIGIN)), []


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _located(root: Node, path: str) -> tuple[Keys, str]:
    """``path`` as keys, numbers being list positions; and why it leads nowhere, or nothing."""
    keys: Keys = ()
    here = fields.ROOT
    node: Node | None = root
    for part in path.split("."):
        items = node.value if node is not None and isinstance(node.value, list) else None
        key: Key = int(part) if items is not None and part.isascii() and part.isdecimal() else part
        if items is not None and (isinstance(key, str) or key >= len(items)):
            return keys, f'"{part}" is not a position of this list{_positions(len(items))}'
        below = fields.step(here, key)
        if below is None:
            return keys, _nothing_there(here, part)
        keys, here = (*keys, key), below
        node = at(node, (key,)) if node is not None else None
    return keys, ""


def _positions(length: int) -> str:
    if length < 2:
        return "; its only position is 0" if length else ", which is empty"
    return f"; its positions are 0 to {length - 1}"


def _nothing_there(here: fields.Spot, part: str) -> str:
    if here.items:
        return f'"{part}" cannot be set here: set the whole list, as in [one, two]'
    if here.section is None:
        return f'this is a single value and has no key "{part}"'
    return fields.unknown_key(part, list(fields.keys_of(here.section)))
