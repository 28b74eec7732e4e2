"""The Python API, and that nothing calls home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import assay
from assay.errors import DataError, RecipeError
from assay.observability.telemetry import OFF, switch_off


def test_the_version_is_the_package_s() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))
    assert assay.__version__ == project["project"]["version"]


def test_a_misspelt_recipe_and_a_missing_run_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="banking-intent"):
        assay.train("banking-intnt", root=tmp_path / "runs")
    with pytest.raises(DataError, match="not a run"):
        assay.open_run(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_importing_assay_switches_telemetry_off_and_loads_nothing_heavy() -> None:
    script = (
        "import assay, os, sys\n"
        "print(os.environ['HF_HUB_DISABLE_TELEMETRY'], os.environ['DO_NOT_TRACK'],"
        " 'torch' in sys.modules)"
    )
    environment = {name: value for name, value in os.environ.items() if name not in OFF}
    environment["PYTHONPATH"] = str(Path(assay.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.stdout.split() == ["1", "1", "False"]


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DO_NOT_TRACK", "0")
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    switch_off()
    assert os.environ["DO_NOT_TRACK"] == "0"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
