"""A run on a rented machine: a SkyPilot task that provisions, trains, copies back and tears down.

The task is a managed job: SkyPilot starts the machine, starts another where a spot one is taken away,
and terminates it at the end, whatever the end is. The run is written on the machine's disk, since a
mounted bucket cannot rename folders, and copied to the user's bucket every minute and at the end; a
machine that takes over copies it back first and goes on from its checkpoints. A checkpoint that was
copied in part does not verify and is passed over.

Names of secrets are written, never their values; whatever looks like one is refused.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from assay import files
from assay.data import datasets
from assay.data.databases import files_of
from assay.errors import DataError, DependencyError
from assay.launch.prices import Instance
from assay.recipe.load import Loaded, resolved_yaml
from assay.recipe.schema import Source
from assay.run import folder_of

FOLDER = "launches"  # below the runs' root
BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\s]*)?")
CREDENTIALS = {
    "an AWS access key": re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a Hugging Face token": re.compile(r"\bhf_[A-Za-z0-9]{20,}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a password in an address": re.compile(r"://[^/\s:@]+:(?!\$\{)[^/\s@]+@"),
}
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
INSTALL = 'pip install "skypilot[aws]"'
THERE = "~/assay"  # where the recipe and its data are on the machine
RESULTS = "/results"  # where the bucket is
SETUP = """\
python3 -m venv ~/assay-venv
~/assay-venv/bin/pip install --quiet "$(echo {there}/*.whl)[hub]"
"""
RUN = """\
set -u
mkdir -p ~/runs
keep() {{ rsync -rt --inplace --delete-after ~/runs/ {results}/; }}
rsync -rt --inplace {results}/ ~/runs/   # what a machine before this one had done
(while sleep 60; do keep; done) &
keeper=$!
code=0
cd {there}
~/assay-venv/bin/assay train recipe.yaml --root ~/runs --folder ~/runs/{run} || code=$?
kill $keeper; wait $keeper 2>/dev/null
keep || exit 1
case $code in 0|3|4) exit 0;; esac   # pass, fail and investigate are verdicts, not accidents
exit $code
"""


class _Readable(yaml.SafeDumper):
    """Writes scripts line by line."""


def _script(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Readable.add_representer(str, _script)


@dataclass(frozen=True)
class Launch:
    """A task that was written, and the command that starts it."""

    path: Path
    name: str
    command: tuple[str, ...]
    fetch: str  # the command that copies the results here, once the job has ended
    run: Path


def write(
    loaded: Loaded,
    machine: Instance,
    *,
    root: Path,
    spot: bool,
    bucket: str,
    wheel: Path,
) -> Launch:
    """Write the task of a recipe's run beside the runs of ``root``; nothing is started.

    Raises ``DataError`` for a bucket or a wheel that is none, for data that does not lie beside the
    recipe, and for a recipe that holds what looks like a credential.
    """
    if not BUCKET.fullmatch(bucket):
        raise DataError(
            f"{bucket}: not the address of a bucket",
            "Give an existing one: --bucket s3://NAME/PATH",
        )
    if not wheel.is_file() or wheel.suffix != ".whl":
        raise DataError(
            f"{wheel}: no such wheel, and the machine installs Assay from one",
            "Make it from a checkout: pip wheel --no-deps -w dist .",
        )
    text = resolved_yaml(loaded.recipe)
    require_no_credential(text, loaded.path)
    run = folder_of(loaded, root)
    folder = root / FOLDER / run.parent.name / run.name
    mounts = {f"{THERE}/recipe.yaml": folder / "recipe.yaml", f"{THERE}/{wheel.name}": wheel}
    for path in _local_files(loaded):
        mounts[f"{THERE}/{path}"] = loaded.path.parent / path
    secrets = _secrets(loaded)
    name = f"assay-{run.parent.name}-{run.name}"
    kept = f"{bucket.rstrip('/')}/{name}"
    task: dict[str, Any] = {
        "name": name,
        "resources": {
            "infra": machine.cloud if spot else f"{machine.cloud}/{machine.region}",
            "instance_type": machine.name,
            "use_spot": spot,
        },
        "file_mounts": {there: str(here.resolve()) for there, here in mounts.items()}
        | {RESULTS: {"source": kept, "mode": "MOUNT"}},
        "setup": SETUP.format(there=THERE),
        "run": RUN.format(
            there=THERE, results=RESULTS, run=shlex.quote(f"{run.parent.name}/{run.name}")
        ),
    }
    if secrets:
        task["secrets"] = dict.fromkeys(secrets)
    with files.new_directory(folder) as target:
        files.write_text(target / "recipe.yaml", text)
        told = yaml.dump(task, Dumper=_Readable, sort_keys=False, allow_unicode=True)
        files.write_text(target / "task.yaml", told)
    words = ["sky", "jobs", "launch", "--yes", "--detach-run", "--name", name]
    words += [word for secret in secrets for word in ("--secret", secret)]
    path = folder / "task.yaml"
    fetch = f"aws s3 sync {shlex.quote(kept)} {shlex.quote(str(root))}"
    return Launch(path, name, (*words, str(path)), fetch, run)


def start(launch: Launch) -> None:
    """Hand the task to SkyPilot; it asks the cloud with the user's own credentials.

    Raises ``DependencyError`` where ``sky`` is not installed, ``DataError`` where it refuses.
    """
    program = shutil.which("sky")
    if program is None:
        raise DependencyError(
            f"SkyPilot is not installed; the task is written: {launch.path}",
            f"{INSTALL}, then `sky check aws`, then this command again or: {shlex.join(launch.command)}",
        )
    done = subprocess.run([program, *launch.command[1:]], check=False)
    if done.returncode != 0:
        raise DataError(
            f"sky jobs launch ended with exit code {done.returncode}",
            "It says above what is missing; `sky check aws` says whether it may use the account.",
        )


def require_no_credential(text: str, where: Path) -> None:
    """Raise ``DataError`` if the recipe holds what looks like a secret: it would leave the machine."""
    for what, pattern in CREDENTIALS.items():
        if pattern.search(text):
            raise DataError(
                f"{where}: holds what looks like {what}, and the task would carry it away",
                "Name a variable in its place, ${NAME}; its value is asked for when the job starts.",
            )


def _sources(loaded: Loaded) -> list[Source]:
    data = loaded.recipe.data
    return [source for source in (data.train, data.validation, data.test) if source is not None]


def _local_files(loaded: Loaded) -> list[Path]:
    """The files that the recipe names, relative to it: on the machine they lie beside it, too.

    Raises ``DataError`` for what only this machine has: a file elsewhere, a dataset of ASSAY_DATA.
    """
    beside, database = loaded.path.parent, loaded.recipe.data.database
    found: list[Path] = []
    for source in _sources(loaded):
        if source.dataset and not datasets.find(source.dataset).shipped:
            raise DataError(
                f"{source.dataset}: is in the folder of {datasets.VARIABLE} on this machine only",
                "Put its file beside the recipe, and give it as data.*.path.",
            )
        if source.path is not None:
            _require_beside(source.path)
            if not (beside / source.path).is_file():
                raise DataError(
                    f"{beside / source.path}: no such file", "Check data.train, data.test."
                )
            found.append(Path(source.path))
    if database is not None and database.path is not None:
        _require_beside(database.path)
        found += [path.relative_to(beside) for path in files_of(database, beside)]
    return found


def _require_beside(path: str) -> None:
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise DataError(
            f"{path}: does not lie beside the recipe, so that its name means nothing elsewhere",
            "Put the file into the recipe's folder, or below it.",
        )


def _secrets(loaded: Loaded) -> list[str]:
    """Names of the variables that the run reads: those of data bases, and the Hub's token."""
    named = {n for source in _sources(loaded) for n in VARIABLE.findall(source.url or "")}
    recipe = loaded.recipe
    bases = [recipe.base, *(rung.base for rung in recipe.ladder if rung.base is not None)]
    hub = any(base.model.startswith("hf://") for base in bases) or any(
        source.hub for source in _sources(loaded)
    )
    if hub and "HF_TOKEN" in os.environ:
        named.add("HF_TOKEN")
    return sorted(named)
