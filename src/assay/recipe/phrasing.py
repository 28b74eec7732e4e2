"""What Pydantic found wrong, in the words of somebody who reads a recipe."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from assay.errors import did_you_mean

_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}
_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping of keys",
    "model_type": "a mapping of keys",
}


def problem_of(error: Mapping[str, Any]) -> str:
    """One of ``ValidationError.errors()`` as what was given and what is allowed."""
    kind, given, context = error["type"], error.get("input"), error.get("ctx", {})
    if kind == "missing":
        return "required, but not given"
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return _not_an_option(given, re.findall(r"'([^']*)'", context["expected"]))
    if kind in _WANTED:
        return f"must be {_WANTED[kind]}, but is {described(given)}{_hint(kind, given)}"
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        return f"must be {words} {context[bound]:g}, but is {given}"
    if kind == "too_short":
        return (
            f"must have at least {context['min_length']} item, but has {context['actual_length']}"
        )
    if kind == "string_pattern_mismatch":
        return f"{described(given)} does not match the pattern {context['pattern']}"
    message = str(error["msg"])
    return message[:1].lower() + message[1:]


def described(value: Any) -> str:
    """``the text "three"``, ``the number 3``, ``a list``: a value as a reader sees it."""
    if value is None:
        return "null (nothing)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        shown = value if len(value) <= 40 else value[:37] + "..."
        return f'the text "{shown}"'
    if isinstance(value, list):
        return "a list"
    return f"a mapping (keys: {', '.join(map(str, value)) or 'none'})"


def _not_an_option(given: Any, options: list[str]) -> str:
    allowed = " or ".join(filter(None, [", ".join(options[:-1]), options[-1]]))
    hint = did_you_mean(given, options) if isinstance(given, str) else ""
    close = hint if "Did you mean" in hint else ""
    dot = "." if close else ""
    return f"must be {allowed}, but is {described(given)}{dot}{close}"


def _hint(kind: str, given: Any) -> str:
    """How to write what was probably meant."""
    if kind == "string_type" and isinstance(given, bool | int | float):
        return "; put it in quotes"
    if not isinstance(given, str):
        return ""
    if kind == "bool_type" and given.lower() in ("yes", "on", "y"):
        return "; write true"
    if kind == "bool_type" and given.lower() in ("no", "off", "n"):
        return "; write false"
    if kind in ("int_type", "float_type"):
        bare = re.sub(r"^0+(?=\d)", "", given.strip().replace("_", ""))
        return f"; write {bare}" if bare.replace(".", "", 1).isdecimal() else ""
    if kind == "list_type":
        return f"; write [{given}]"
    return ""
