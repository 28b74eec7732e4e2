"""The house rules that no linter knows: small files, nothing unsafe loaded, a light import."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "assay"
MODULES = sorted(SOURCE.rglob("*.py"))

MAX_LINES = 600
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
UNSAFE_CALLS = {"eval", "exec", "yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load"}
CONFINED = SOURCE / "evaluation" / "sandbox_runner.py"  # runs code, once it has confined itself
HEAVY = ("torch", "transformers", "sklearn", "scipy", "pandas", "matplotlib", "fastapi")


def names_of_imports(tree: ast.AST) -> dict[str, str]:
    """``{name in the module: dotted name}`` of every absolute import, wherever it stands."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                bound = item.asname or item.name.split(".")[0]
                names[bound] = item.name if item.asname else bound
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for item in node.names:
                names[item.asname or item.name] = f"{node.module}.{item.name}"
    return names


def dotted(node: ast.expr, names: dict[str, str]) -> str:
    """The dotted name that ``node`` refers to, aliases undone; empty for anything else."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value, names)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


def is_true(call: ast.Call, option: str) -> bool:
    """Whether ``call`` passes the literal ``True`` for the keyword ``option``."""
    values = [keyword.value for keyword in call.keywords if keyword.arg == option]
    return any(isinstance(value, ast.Constant) and value.value is True for value in values)


def unsafe(source: str) -> Iterator[str]:
    """Every place in ``source`` that could run code out of data, as ``line: what``."""
    tree = ast.parse(source)
    names = names_of_imports(tree)
    for name in names.values():
        if name.split(".")[0] in UNSAFE_MODULES:
            yield f"import: {name}"
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func, names)
        if name in UNSAFE_CALLS:
            yield f"{node.lineno}: {name}"
        elif name == "torch.load" and not is_true(node, "weights_only"):
            yield f"{node.lineno}: torch.load without weights_only=True"
        elif name == "numpy.load" and is_true(node, "allow_pickle"):
            yield f"{node.lineno}: numpy.load with allow_pickle=True"


def loaded_by(statement: str, modules: tuple[str, ...]) -> list[str]:
    """Which of ``modules`` a fresh interpreter holds after ``statement``."""
    script = f"import sys\n{statement}\nprint(*[m for m in {modules!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(SOURCE.parent), "PATH": ""},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_there_are_modules_to_check() -> None:
    assert SOURCE / "errors.py" in MODULES


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_module_keeps_the_house_rules(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= MAX_LINES
    assert not source.strip() or ast.get_docstring(ast.parse(source)), "no docstring"
    found = [what.split(": ")[1] for what in unsafe(source)]
    assert found == (["exec", "exec"] if path == CONFINED else [])


def test_what_runs_code_is_a_program_of_its_own() -> None:
    """Imported, it would run code in a process that nothing confines."""
    importers = [
        path.name
        for path in MODULES
        for name in names_of_imports(ast.parse(path.read_text(encoding="utf-8"))).values()
        if name.startswith("assay.evaluation.sandbox_runner")
    ]
    assert importers == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "def f():\n    from pickle import loads",
        "import joblib.numpy_pickle as stores",
        "import torch\ntorch.load('x')",
        "import torch\ntorch.load('x', weights_only=False)",
        "import torch\nflag = True\ntorch.load('x', weights_only=flag)",
        "import torch as t\nt.load('x')",
        "from torch import load as read\nread('x')",
        "import yaml\nyaml.load('x', Loader=yaml.Loader)",
        "from yaml import unsafe_load\nunsafe_load('x')",
        "import numpy as np\nnp.load('x', allow_pickle=True)",
        "eval('1')",
        "exec('x = 1')",
    ],
)
def test_unsafe_code_is_found(source: str) -> None:
    assert list(unsafe(source))


@pytest.mark.parametrize(
    "source",
    [
        "import torch\ntorch.load('x', weights_only=True)",
        "import yaml\nyaml.safe_load('x')",
        "import numpy as np\nnp.load('x')",
        "import json\njson.load(open('x'))",
        "model.eval()",
    ],
)
def test_safe_code_is_left_alone(source: str) -> None:
    assert list(unsafe(source)) == []


@pytest.mark.parametrize("statement", ["import assay", "import assay.cli.main"])
def test_import_is_light(statement: str) -> None:
    assert loaded_by(statement, HEAVY) == []


def test_a_heavy_import_would_be_seen() -> None:
    assert loaded_by("import fractions", ("fractions", "torch")) == ["fractions"]


def test_what_tests_import_by_a_bare_name_has_that_name_alone() -> None:
    """Two of one name would hide each other, by the order in which the tests are collected."""
    options = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]
    folders = [ROOT / name for name in [*options["ini_options"]["pythonpath"], "tools"]]
    found = [path.stem for folder in folders for path in folder.iterdir()]
    shared = [name for name in found if name.isidentifier() and not name.startswith("test_")]
    allowed = {"conftest", "__pycache__"}  # pytest keeps the first apart itself
    assert "what_ships" in shared and "shipped" in shared  # or nothing was looked at
    assert [
        name for name, times in Counter(shared).items() if times > 1 and name not in allowed
    ] == []
