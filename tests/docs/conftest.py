"""Readers of the documentation, by what they have done already."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from reader import ELSEWHERE, STORY, Reader, ended_well


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Has set Assay up, and nothing else."""
    folder = tmp_path_factory.mktemp("reader")
    home = folder / "home"
    home.mkdir()
    models = Path.home() / ".cache" / "assay" / "models"
    if models.is_dir():
        (home / "models").symlink_to(models)
    return Reader(folder, {**os.environ, "ASSAY_HOME": str(home), "COLUMNS": "120"})


@pytest.fixture(scope="module")
def reader(newcomer: Reader) -> Reader:
    """Has followed README to the end of its last block."""
    for command in STORY:
        if command.startswith("assay serve"):
            newcomer.serve(command)
        elif command.startswith("assay "):
            ended_well(newcomer.type(command))
        else:
            assert command in ELSEWHERE, command
    return newcomer
