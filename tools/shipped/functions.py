"""A function's head and what it should do, and the function: MBPP put in HumanEval's form, and HumanEval."""

from __future__ import annotations

import ast
import gzip
import json
from pathlib import Path

from shipped.card import CC_BY, Card, Row, Splits
from shipped.worked import description, problems

NOTICE = f"""\
test: HumanEval, copyright 2021 OpenAI.
Source: https://github.com/openai/human-eval
Commit: 6d43fb980f9fee3c892a914eda09951f772ad10d
Licence: MIT License, https://opensource.org/licenses/MIT
Cite: Chen et al.: Evaluating Large Language Models Trained on Code, 2021, arXiv:2107.03374

train, validation: Mostly Basic Python Problems (MBPP), copyright Google.
Source: https://github.com/deepseek-ai/DeepSeek-Coder (Evaluation/MBPP/data/mbpp.jsonl), a copy of
https://github.com/google-research/google-research/tree/master/mbpp
Commit: 2f9fd85927c669dae3c0fbb2d607274023af243e
{CC_BY}
Cite: Austin et al.: Program Synthesis with Large Language Models, 2021, arXiv:2108.07732
"""


def build(source: Path) -> Splits:
    """MBPP's official training and validation problems, as far as they fit, and all of HumanEval."""
    splits: Splits = {"train": [], "validation": [], "test": human(source)}
    for name in ("train", "validation"):
        found = (completed(task) for task in problems(source, name))
        splits[name] = [row for row in found if row]
    return splits


def human(source: Path) -> list[Row]:
    """HumanEval's problems, in order."""
    path = source / "humaneval" / "data" / "HumanEval.jsonl.gz"
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    return [
        {
            "head": row["prompt"].strip(),
            "code": undocumented(row["prompt"] + row["canonical_solution"]),
            "tests": [row["test"].strip(), f"check({row['entry_point']})"],
            "task": row["task_id"],
        }
        for row in rows
    ]


def undocumented(code: str) -> str:
    """A program without the docstrings of its functions, which its head has."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.unparse(tree)


def completed(task: Row) -> Row | None:
    """A problem of MBPP as a head with a docstring and an example, and its program.

    None where the problem is no order to write a function, its first test is not one call compared
    with a value, or the program does not define what that test calls.
    """
    said, example = description(task["text"]), ast.parse(task["example"].strip()).body
    match example:
        case [
            ast.Assert(
                test=ast.Compare(
                    left=ast.Call(func=ast.Name(id=called)) as call,
                    ops=[ast.Eq()],
                    comparators=[value],
                )
            )
        ]:
            pass
        case _:
            return None
    body = ast.parse(task["code"]).body
    defined = [n for n in body if isinstance(n, ast.FunctionDef) and n.name == called]
    if not said or len(defined) != 1:
        return None
    lines = [ast.unparse(n) for n in body if isinstance(n, ast.Import | ast.ImportFrom)]
    head = [*lines, *([""] if lines else []), f"def {called}({ast.unparse(defined[0].args)}):"]
    shown = [
        f'    """{said}',
        f"    >>> {ast.unparse(call)}",
        f"    {ast.unparse(value)}",
        '    """',
    ]
    return {
        "head": "\n".join(head + shown),
        "code": task["code"],
        "tests": task["tests"],
        "task": f"MBPP/{task['task']}",
    }


CARDS = {
    "python-functions": Card(
        "CC-BY-4.0 AND MIT",
        NOTICE,
        "The heads of Python functions, with a docstring that says what they do, and the functions."
        " The test is HumanEval; train and validation are MBPP's problems in HumanEval's form.",
        {
            "head": "imports, the line with `def`, a docstring with at least one example for most",
            "code": "a program that passes: imports, helpers and the function",
            "tests": "list of Python statements: what they need, then the assertions",
            "task": "the problem's name in its original",
        },
        'MBPP: the problem without "Write a function to" became the docstring, its first test the'
        " example; problems that are no such order, and those whose first test is not a call compared"
        " with a value, are left out. HumanEval: the docstring is left out of the program, and its"
        " comments with it.",
        build=build,
    ),
}
