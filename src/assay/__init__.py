"""Train specialist models on your own data, prove them against their base, ship what passes.

>>> import assay
>>> run = assay.train("banking-intent", profile="local")
>>> run.verdict
'pass'
>>> specialist = assay.load("banking-intent-1.0.0.tgsp")

Importing this package is light: torch and its company are imported by the call that needs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assay.observability.telemetry import switch_off

if TYPE_CHECKING:
    from assay.observability.progress import Progress
    from assay.run import Run
    from assay.serving.engine import Specialist

__version__ = "0.1.0"
__all__ = ["__version__", "load", "open_run", "package", "train"]

switch_off()  # before any library that would call home is imported


def train(
    name_or_path: str | Path,
    profile: str | None = None,
    overrides: Sequence[str] = (),
    root: str | Path = "runs",
    progress: Progress | None = None,
    *,
    folder: str | Path | None = None,
    all_rungs: bool = False,
    fresh: bool = False,
) -> Run:
    """Execute a recipe, shipped (by name) or your own (by path), up to the gate's verdict.

    ``overrides`` are ``key.path=value``; ``folder`` is the run's own, else one below ``root``;
    ``all_rungs`` trains the rungs above the chosen one too; ``fresh`` begins again. A finished
    run of the same recipe is returned at once, an interrupted one goes on. Raises ``RecipeError``
    for a recipe that is not valid, and other subclasses of ``AssayError`` for what goes wrong on
    the way.
    """
    from assay import run
    from assay.observability.progress import SILENT
    from assay.recipe.load import load as load_recipe

    loaded = load_recipe(name_or_path, profile=profile, overrides=overrides)
    return run.train(
        loaded,
        root=Path(root),
        folder=Path(folder) if folder is not None else None,
        all_rungs=all_rungs,
        fresh=fresh,
        progress=progress or SILENT,
    )


def package(
    run: Run, key: str, *, override: str | None = None, progress: Progress | None = None
) -> Path:
    """Sign what a run proved with the named key of this machine; returns the package's path.

    An encrypted key is opened with ``ASSAY_KEY_PASSPHRASE``. Raises ``GateError`` unless the run
    passed or ``override`` says why it is packaged all the same.
    """
    from assay import run as execution
    from assay.files import home
    from assay.observability.progress import SILENT
    from assay.packaging import keys

    pair = keys.load(key, home())
    return execution.package(run, pair, override=override, progress=progress or SILENT)


def open_run(folder: str | Path) -> Run:
    """The run in ``folder``, finished or not; raises ``DataError`` when there is none."""
    from assay import run

    return run.open_run(Path(folder))


def load(
    package: str | Path, *, allow_override: bool = False, progress: Progress | None = None
) -> Specialist:
    """The specialist in a package that this machine's trust store vouches for, ready to answer.

    Raises ``PackageError`` if the package is altered or its signer is not trusted, and
    ``GateError`` if it was packaged without a passing verdict and ``allow_override`` is false.
    """
    from assay.files import home
    from assay.models.pool import BasePool
    from assay.observability.progress import SILENT
    from assay.packaging.keys import TrustStore
    from assay.serving.engine import load_package

    progress = progress or SILENT
    pool, trust = BasePool(progress), TrustStore.load(home())
    return load_package(Path(package), pool, trust, progress, allow_override=allow_override)
