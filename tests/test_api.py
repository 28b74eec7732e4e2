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


def test_a_run_is_packaged_and_loaded_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay.packaging import keys

    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    rows = [
        f'{{"text": "{word} number {n}", "label": "{word}"}}' for n in range(200) for word in "ab"
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows))
    (tmp_path / "recipe.yaml").write_text(
        "{name: letters, summary: a or b, task: {output: label}, base: {model: ./none},"
        " data: {train: {path: rows.jsonl}, near_duplicates: null, leakage: null},"
        " ladder: [{kind: majority}, {kind: tfidf}],"
        " gate: {primary: accuracy, thresholds: {accuracy: 0.9}, min_items: 5}}"
    )
    done = assay.train(tmp_path / "recipe.yaml", folder=tmp_path / "run", all_rungs=True)
    assert done.verdict == "pass" and done.folder == tmp_path / "run"
    keys.new("me", tmp_path / "home")
    keys.trust("me", tmp_path / "home")
    package = assay.package(done, "me")
    assert assay.load(package).ask("a number 500").text == "a"


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
