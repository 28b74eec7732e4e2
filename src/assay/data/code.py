"""The program in a text, and whether it can be read as Python at all."""

from __future__ import annotations

import ast
import re
import warnings

_FENCED = re.compile(r"```[^\n`]*\n(.*?)(?:```|\Z)", re.DOTALL)


def code_in(text: str) -> str:
    """The first fenced block of a text, or without one the whole text; line ends are made one."""
    found = _FENCED.search(text)
    return (found[1] if found else text).replace("\r\n", "\n")


def fault_in(code: str) -> str | None:
    """Why Python refuses to compile ``code``, or None; nothing is run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an odd escape in a string
            ast.parse(code)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return str(error) or type(error).__name__
    return None
