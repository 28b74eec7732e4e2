"""Every `assay` command that the documentation shows is run, or at least understood by the CLI."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SLOW = ("assay train", "assay demo", "assay serve")  # minutes, or until Ctrl-C
FENCE = re.compile(r"```(?:sh|console|bash)\n(.*?)```", re.DOTALL)


def commands(page: Path) -> Iterator[str]:
    """Command lines of the page's shell blocks, prompts and trailing comments removed."""
    for block in FENCE.findall(page.read_text(encoding="utf-8")):
        for line in block.splitlines():
            if not line.startswith((" ", "\t")):
                command = line.removeprefix("$ ").split("  #")[0].strip()
                if command.startswith(("assay ", "make ", "python benchmarks/")):
                    yield command


ALL = sorted({command for page in PAGES for command in commands(page)})
QUICK = [c for page in PAGES[:1] for c in commands(page) if c.startswith("assay ")]


def test_the_readme_shows_commands() -> None:
    assert {"make demo", "make test"} <= set(commands(PAGES[0]))
    assert len(QUICK) >= 8


@pytest.mark.parametrize("command", ALL)
def test_the_command_exists(command: str) -> None:
    """Its words and options are known: `--help` in place of the arguments is answered."""
    words = shlex.split(command)
    if words[0] == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert re.search(rf"^{re.escape(words[1])}:", makefile, re.MULTILINE)
        return
    if words[0] == "python":
        assert (ROOT / words[1]).is_file()
        return
    names = []
    for word in words[1:]:
        if not re.fullmatch(r"[a-z]+", word):
            break
        names.append(word)
    import typer.main

    from assay.cli.main import app

    node = typer.main.get_command(app)
    for name in names:
        children = getattr(node, "commands", None)
        if children is None:
            break
        assert name in children, f"{command}: no command {name}"
        node = children[name]
    known = {option for parameter in node.params for option in parameter.opts}
    known |= {"--json", "--help", "--debug"}
    used = {word.split("=")[0] for word in words if word.startswith("--")}
    assert used <= known, f"{command}: unknown {used - known}"


def test_the_readme_commands_run_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger's first ten minutes, with a run whose gate a TF-IDF rung passes in seconds."""
    models = Path.home() / ".cache" / "assay" / "models"
    home = tmp_path / "home"
    home.mkdir()
    if models.is_dir():
        (home / "models").symlink_to(models)
    monkeypatch.setenv("ASSAY_HOME", str(home))
    binary = [str(Path(sys.executable).parent / "assay")]
    easy = ["--set", "gate.thresholds.accuracy=0.5", "--set", "data.limit.test=400"]
    trained = subprocess.run(
        [*binary, "train", "banking-intent", *easy], cwd=tmp_path, capture_output=True, text=True
    )
    assert trained.returncode == 0, trained.stderr[-2000:]
    for command in QUICK:
        if command.startswith(SLOW):
            continue
        done = subprocess.run(
            [*binary, *shlex.split(command)[1:]], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-1000:]}\n{done.stderr[-2000:]}"
