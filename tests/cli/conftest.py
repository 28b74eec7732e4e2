"""The command line in this process, with a home and a working folder of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from assay.cli.main import app


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout, which must be JSON and nothing else."""
        return json.loads(self.out)


Assay = Callable[..., Done]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty ``ASSAY_HOME``; the working folder is an empty one beside it."""
    folder, work = tmp_path / "home", tmp_path / "work"
    work.mkdir()
    monkeypatch.setenv("ASSAY_HOME", str(folder))
    monkeypatch.chdir(work)
    return folder


@pytest.fixture
def assay(home: Path) -> Assay:
    """Run ``assay`` with these words; never raises."""

    def run(*words: object) -> Done:
        result = CliRunner().invoke(app, [str(word) for word in words], prog_name="assay")
        assert result.exception is None or isinstance(result.exception, SystemExit), (
            result.exception
        )
        return Done(result.exit_code, result.stdout, result.stderr)

    return run
