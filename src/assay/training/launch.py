"""A run under ``accelerate launch``: every process computes, one writes.

All processes take the same steps from the same bytes, so their results are equal; only the first
one's are kept. The others work on a copy of the run as they found it, which is thrown away.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def one_writer(folder: Path, prepare: Callable[[], None]) -> Generator[Path]:
    """Yield ``folder`` to the first process, and to every other one a copy of it.

    The first process calls ``prepare`` before. All enter together, so that the copies are alike.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        prepare()
        yield folder
        return
    from accelerate import PartialState

    from assay.models.precision import device

    process = PartialState(cpu=device().type == "cpu")
    if process.is_main_process:
        prepare()
    process.wait_for_everyone()
    with tempfile.TemporaryDirectory(prefix="assay-process-") as scratch:
        own = folder
        if not process.is_main_process:
            own = Path(scratch) / "run"
            if folder.is_dir():
                shutil.copytree(folder, own)
        process.wait_for_everyone()
        yield own
        process.wait_for_everyone()  # what the first one wrote is whole when any of them reads it
