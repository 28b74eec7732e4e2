"""Runs commands in processes that need not import torch and its like again, one at a time.

A page shows a hundred commands that train something, and each would spend seven seconds on imports. The
server below has them done, and forks: a command gets a process of its own, with its arguments,
folder, environment and output, and goes through the entry point of the installed program. The
server does nothing but import, for what has once computed on several threads cannot be forked.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

PRELOADED = (
    "assay.cli.main",
    "assay.run",
    "assay.evaluation.report",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "peft",
    "pyarrow",
    "safetensors.torch",
    "sklearn.linear_model",
    "torch.utils.tensorboard",
    "transformers.models.auto.modeling_auto",
    "transformers.models.bert.modeling_bert",
    "transformers.models.llama.modeling_llama",
)


class Ready:
    """A server, started by the first command and ended by ``close``."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[bytes] | None = None

    def run(
        self, words: Sequence[str], cwd: Path, env: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Run ``assay`` with ``words`` to its end."""
        if self._server is None:
            self._server = subprocess.Popen(
                [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        asked, answers = self._server.stdin, self._server.stdout
        assert asked is not None and answers is not None
        with tempfile.TemporaryDirectory() as folder:
            said = [Path(folder) / name for name in ("stdout", "stderr")]
            wish = {"words": list(words), "cwd": str(cwd), "env": dict(env)}
            asked.write(json.dumps(wish | {"said": [str(each) for each in said]}).encode() + b"\n")
            asked.flush()
            code = int(answers.readline())
            out, err = (each.read_text(encoding="utf-8") for each in said)
        return subprocess.CompletedProcess(["assay", *words], code, out, err)

    def close(self) -> None:
        if self._server is not None:
            self._server.communicate()


def serve() -> None:
    """Fork for every wish of standard input, and answer with its exit code."""
    from importlib import import_module

    for name in PRELOADED:
        import_module(name)
    gc.freeze()  # so that no process looks through, and copies, what all of them share
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    for wish in sys.stdin.buffer:
        child = os.fork()
        if child == 0:
            answers.close()
            become(json.loads(wish))
            return
        _, status = os.waitpid(child, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def become(wish: Mapping[str, object]) -> None:
    """Be the process that was wished for, up to its exit."""
    from assay.cli.main import main

    nothing = os.open(os.devnull, os.O_RDONLY)
    out, err = (os.open(str(path), os.O_WRONLY | os.O_CREAT) for path in wish["said"])
    for place, each in enumerate((nothing, out, err)):
        os.dup2(each, place)
        os.close(each)
    os.environ.clear()
    os.environ.update(wish["env"])
    os.chdir(str(wish["cwd"]))
    sys.argv = ["assay", *wish["words"]]
    main()


if __name__ == "__main__":
    serve()
