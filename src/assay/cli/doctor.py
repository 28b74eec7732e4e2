"""``assay doctor``: is this machine able to run Assay, and what will be fast on it?"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import typer
from rich.table import Table
from rich.text import Text

from assay import files
from assay.cli import options
from assay.cli.console import emit, line, size, stdout

NAME, PANEL = None, "Machine"
app = typer.Typer()

PYTHON = ((3, 11), (3, 14))  # from, up to but not including
# The versions the tests run with; another one may work, and nobody has looked.
TESTED: dict[str, str] = {
    "torch": "2.13",
    "transformers": "5.23",
    "peft": "0.21",
    "accelerate": "1.15",
    "cryptography": "50",
    "llguidance": "1.9",
    "safetensors": "0.8",
    "tokenizers": "0.23",
    "numpy": "2.4",
    "scikit-learn": "1.9",
    "pydantic": "2.14",
    "fastapi": "0.165",
    "typer": "0.29",
}
OPTIONAL: dict[str, str] = {  # package: what it is for
    "bitsandbytes": "base.precision nf4",
    "huggingface_hub": "bases and datasets by hf:// address",
    "datasets": "datasets by hf:// address",
    "wandb": "training.sinks wandb",
    "mlflow": "training.sinks mlflow",
    "trackio": "training.sinks trackio",
}
DISK_NEEDED, DISK_WANTED = 1e9, 5e9  # bytes: one run of the demo; bases and a few runs
MEMORY_NEEDED, MEMORY_WANTED = 2e9, 4e9
MARKS = {"ok": ("✓", "green"), "note": ("·", "yellow"), "wrong": ("✗", "red")}


@dataclass(frozen=True)
class Check:
    """One finding. ``wrong`` stops Assay from working, ``note`` does not."""

    name: str
    status: Literal["ok", "note", "wrong"]
    detail: str
    remedy: str = ""


@app.command("doctor", rich_help_panel=PANEL)
def doctor(as_json: options.Json = False) -> None:
    """Check this machine: versions, processor, memory, disk, bases, keys. Exit code 1 if wrong."""
    found = list(checks())
    if as_json:
        emit(
            {
                "ok": not any(c.status == "wrong" for c in found),
                "checks": [asdict(c) for c in found],
            }
        )
    else:
        _tell(found)
    if any(check.status == "wrong" for check in found):
        raise typer.Exit(1)


def _tell(found: list[Check]) -> None:
    table = Table.grid(padding=(0, 2))
    for check in found:
        mark, style = MARKS[check.status]
        detail = Text(check.detail)
        if check.remedy and check.status != "ok":
            detail.append(f"\n{check.remedy}", style="dim")
        table.add_row(Text(mark, style=style), Text(check.name), detail)
    stdout().print(table)
    wrong = sum(1 for check in found if check.status == "wrong")
    told = f"{wrong} to be put right" if wrong else "everything Assay needs is here"
    line(stdout(), f"\n{told}", style="red" if wrong else "green")


def checks() -> Iterator[Check]:
    """Every check, the required ones first."""
    yield _python()
    yield from _packages()
    yield from _optional()
    yield from _storage()
    yield _memory()
    yield from _processor()
    yield _sandbox()
    yield from _bases()
    yield from _keys()


def _python() -> Check:
    version = tuple(int(part) for part in platform.python_version_tuple()[:2])
    low, high = PYTHON
    if low <= version < high:
        return Check("Python", "ok", platform.python_version())
    needed = f"3.{low[1]} to 3.{high[1] - 1}"
    return Check("Python", "wrong", platform.python_version(), f"Use Python {needed}.")


def _packages() -> Iterator[Check]:
    """Missing packages are wrong; versions that were not tested are worth a note."""
    for name, tested in TESTED.items():
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Check(name, "wrong", "not installed", f'pip install "{name}~={tested}.0"')
            continue
        if version == tested or version.startswith(f"{tested}."):
            yield Check(name, "ok", version)
            continue
        remedy = "pip install -c constraints.txt assay brings the tested versions."
        yield Check(name, "note", f"{version}; tested with {tested}", remedy)


def _optional() -> Iterator[Check]:
    for name, purpose in OPTIONAL.items():
        try:
            yield Check(name, "ok", f"{metadata.version(name)}, for {purpose}")
        except metadata.PackageNotFoundError:
            yield Check(name, "ok", f"not installed (optional: {purpose})")


def _storage() -> Iterator[Check]:
    for name, folder in (("ASSAY_HOME", files.home()), ("this folder", Path.cwd())):
        present = folder.absolute()
        while not present.exists():
            present = present.parent
        free = shutil.disk_usage(present).free
        detail = f"{folder}: {size(free)} free"
        if not present.is_dir():
            yield Check(
                name, "wrong", f"{present}: is a file", "Name a folder: export ASSAY_HOME=FOLDER."
            )
        elif not os.access(present, os.W_OK):
            remedy = "Choose a folder you may write to; for the first: export ASSAY_HOME=FOLDER."
            yield Check(name, "wrong", f"{folder}: may not be written", remedy)
        elif free < DISK_NEEDED:
            yield Check(name, "wrong", detail, f"Free at least {size(DISK_NEEDED)}.")
        elif free < DISK_WANTED:
            yield Check(name, "note", detail, "Enough for the demo, not for many runs.")
        else:
            yield Check(name, "ok", detail)


def _memory() -> Check:
    import psutil

    memory = psutil.virtual_memory()
    detail = f"{size(memory.total)}, {size(memory.available)} of it available"
    if memory.available < MEMORY_NEEDED:
        return Check("memory", "wrong", detail, f"Close something: {size(MEMORY_NEEDED)} needed.")
    if memory.available < MEMORY_WANTED:
        remedy = "Enough for the embedded bases; set training.micro_batch: 4 for an llm rung."
        return Check("memory", "note", detail, remedy)
    return Check("memory", "ok", detail)


def _processor() -> Iterator[Check]:
    import torch

    from assay.models.precision import decide, device, native_bf16

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Check("cores", "ok", f"{cores} usable, {torch.get_num_threads()} threads")
    if device().type == "cuda":
        card = torch.cuda.get_device_properties(0)
        yield Check("GPU", "ok", f"{card.name}, {size(card.total_memory)}")
        yield Check("speed", "ok", f"every rung is fast here ({decide('auto').reason})")
        return
    yield Check("GPU", "ok", "none: everything runs on the processor")
    features = native_bf16()
    if features:
        told = f"{', '.join(features)}: an llm rung computes in bf16, several times fp32's speed"
        yield Check("bf16", "ok", told)
    else:
        told = "not native: an llm rung computes in fp32 and takes two to three times as long"
        yield Check("bf16", "note", told, "A processor with AVX512-BF16 or AMX, or a GPU, helps.")
    fast = "majority, tfidf, nearest and embedding train in seconds, encoder in minutes"
    slow = "llm takes minutes on the embedded base, too long on bases of billions (profile full)"
    yield Check("speed", "ok", f"{fast}; {slow}")


def _bases() -> Iterator[Check]:
    from assay.models.registry import REGISTERED
    from assay.models.store import stored

    sound, altered = stored()
    for name, error in altered.items():
        yield Check(name, "wrong", error.cause, error.remedy)
    present = {ref.name: ref for ref in sound}
    for entry in REGISTERED:
        ref = present.get(entry.name)
        if entry.name in altered:
            continue
        if ref is None:
            remedy = f"Fetched on first use, or now: assay models pull {entry.name}"
            yield Check(entry.name, "note", "not on disk", remedy)
        else:
            yield Check(entry.name, "ok", f"verified, {ref.megabytes} MB, {ref.licence}")


def _sandbox() -> Check:
    """Whether the kernel confines code, by running some."""
    from assay.errors import ConstraintError
    from assay.evaluation import sandbox

    name = "code"
    try:
        end = sandbox.outcome("import os\nos.fork()", "")
    except ConstraintError as error:
        return Check(name, "note", error.cause, "Only task.check: code needs it.")
    if end != "PermissionError":
        detail = f"a program that starts another was not refused: {end}"
        return Check(name, "wrong", detail, "Do not use task.check: code here.")
    return Check(name, "ok", "programs of task.check: code are confined by the kernel (seccomp)")


def _keys() -> Iterator[Check]:
    from assay.errors import AssayError
    from assay.packaging.keys import TrustStore, list_keys

    try:
        own, trusted = list_keys(files.home()), TrustStore.load(files.home()).keys
    except AssayError as error:
        yield Check("keys", "wrong", error.cause, error.remedy)
        return
    detail = f"{len(own)} that sign here, {len(trusted)} in the trust store"
    if own and trusted:
        yield Check("keys", "ok", detail)
    else:
        remedy = "To package and serve: assay keys new NAME, assay keys trust NAME."
        yield Check("keys", "note", detail, remedy)
