"""The program in a text."""

from __future__ import annotations

import pytest

from assay.data.code import code_in, fault_in


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x = 1", "x = 1"),
        ("Here it is:\n```python\nx = 1\n```\nand why", "x = 1\n"),
        ("```\nx = 1\ny = 2\n```\n```\nz = 3\n```", "x = 1\ny = 2\n"),
        ("```py\nx = 1", "x = 1"),  # cut off
        ("x = 1\r\ny = 2", "x = 1\ny = 2"),
        ("say `x`", "say `x`"),
        ("", ""),
    ],
)
def test_the_code_in_a_text(text: str, code: str) -> None:
    assert code_in(text) == code


@pytest.mark.parametrize("code", ["def f(:", "x = '\0'", "(" * 1000, "return return"])
def test_what_is_not_python_is_said(code: str) -> None:
    assert fault_in(code)


@pytest.mark.parametrize("code", ["", "x = 1", "assert '\\d'", "while True: pass"])
def test_what_is_python_is_not_run(code: str) -> None:
    assert fault_in(code) is None
