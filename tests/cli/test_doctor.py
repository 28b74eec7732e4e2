"""The doctor finds what is wrong, and says what to do."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from assay.cli import doctor
from assay.errors import ConstraintError
from assay.evaluation import sandbox

Assay = Callable[..., Any]  # the fixture `assay`


def test_doctor_as_json(assay: Assay) -> None:
    done = assay("doctor", "--json")
    found = {check["name"]: check for check in done.json["checks"]}
    assert {"Python", "torch", "memory", "cores", "ASSAY_HOME", "all-minilm-l6-v2"} <= set(found)
    assert found["all-minilm-l6-v2"]["status"] == "note"  # the home is empty
    assert "models pull" in found["all-minilm-l6-v2"]["remedy"]
    assert done.code == (0 if done.json["ok"] else 1)


def test_a_missing_package_is_wrong(monkeypatch: pytest.MonkeyPatch, assay: Assay) -> None:
    def version(name: str) -> str:
        if name == "peft":
            raise metadata.PackageNotFoundError(name)
        return {"torch": "2.13.0+cpu", "transformers": "4.50.1"}.get(name, "1.0")

    monkeypatch.setattr(doctor.metadata, "version", version)
    found = {check.name: check for check in doctor._packages()}
    assert found["peft"].status == "wrong"
    assert found["torch"].status == "ok"
    assert found["transformers"].status == "note"
    assert "tested with 5.23" in found["transformers"].detail
    done = assay("doctor")
    assert done.code == 1
    assert "to be put right" in done.out


@pytest.mark.parametrize(
    ("version", "status"),
    [("3.10.9", "wrong"), ("3.11.0", "ok"), ("3.13.4", "ok"), ("3.14.0", "wrong")],
)
def test_python_version(monkeypatch: pytest.MonkeyPatch, version: str, status: str) -> None:
    monkeypatch.setattr(doctor.platform, "python_version", lambda: version)
    monkeypatch.setattr(doctor.platform, "python_version_tuple", lambda: version.split("."))
    assert doctor._python().status == status


def test_a_home_that_cannot_be_written_is_wrong(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    found = {check.name: check for check in doctor._storage()}
    assert found["ASSAY_HOME"].status == "wrong"
    assert "ASSAY_HOME" in found["ASSAY_HOME"].remedy
    assert not home.exists()


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("PermissionError", "ok"),
        ("passed", "wrong"),
        (ConstraintError("not on plan9", "Use another."), "note"),
    ],
)
def test_code_is_confined_or_it_is_said(
    monkeypatch: pytest.MonkeyPatch, end: str | ConstraintError, status: str
) -> None:
    def outcome(*_: str) -> str:
        if isinstance(end, ConstraintError):
            raise end
        return end

    monkeypatch.setattr(sandbox, "outcome", outcome)
    assert doctor._sandbox().status == status


def test_the_tested_matrix_is_what_is_declared() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    declared = {line.split(">")[0].strip(): line for line in project["project"]["dependencies"]}
    assert set(doctor.TESTED) <= set(declared)
    for name in ("torch", "transformers", "peft", "accelerate"):
        assert f">={doctor.TESTED[name]}" in declared[name]
    pinned = (Path(__file__).parents[2] / "constraints.txt").read_text("utf-8").split()
    for name, tested in doctor.TESTED.items():
        assert any(pin.startswith((f"{name}=={tested}.", f"{name}=={tested}+")) for pin in pinned)
