"""The child of ``sandbox``: confines itself, runs a program, and says how it ended.

Run by path, isolated (``python -I -S``): it imports nothing but the standard library. It reads a
job as JSON from its input and writes, a line each, ``confined``, the job's word and the outcome; or
``unconfined`` and why, where the kernel refuses the filter. It can be reached by what it runs
(frames, the word): it guards against mistakes and against leaving, not against a program that
forges its own result.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

# Loaded before the limits are set, as most programs ask for some of them.
MODULES = (
    "array bisect cmath collections copy datetime decimal fractions functools heapq itertools math "
    "operator random re statistics string typing"
)


def confine(seconds: float, megabytes: int) -> None:
    """``assay.confine.confine``, loaded by its path: this Python is bare, and knows no packages."""
    beside = Path(__file__).parents[1] / "confine.py"
    spec = importlib.util.spec_from_file_location("confine", beside)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.confine(seconds, megabytes)


def run(code: str, tests: str) -> str:
    """``passed``, or the name of the exception that ended it."""
    space: dict[str, Any] = {"__name__": "__main__"}
    try:
        exec(compile(code, "<answer>", "exec"), space)
        exec(compile(tests, "<tests>", "exec"), space)
    except BaseException as error:  # SystemExit is no way to pass
        return type(error).__name__
    return "passed"


def main() -> None:
    """One job from standard input."""
    job = json.load(sys.stdin)
    out = os.dup(1)
    # What the program prints goes nowhere: it would fill the pipe, or pretend to be the outcome.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    for name in MODULES.split():
        importlib.import_module(name)
    try:
        confine(job["seconds"], job["megabytes"])
    except OSError as error:
        os.write(out, f"unconfined\n{error}\n".encode())
        return
    os.write(out, b"confined\n")
    found = run(job["code"], job["tests"])
    os.write(out, f"{job['word']}\n{found}".encode())
    os._exit(0)


if __name__ == "__main__":
    main()
