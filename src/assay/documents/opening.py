"""Open what a stranger sent: a PDF, a picture, an e-mail or XML, read by a confined child alone.

This process never parses a document. It hands its bytes to a server (``inside/server.py``) that
forks a child per job: without network, processes or files to write, with limits on time and memory,
enforced by the kernel. What comes back is checked, and every end is a verdict with a reason.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from assay import files
from assay.documents.inside.kinds import MAIL, PDF, SUFFIXES
from assay.documents.inside.refused import (
    ACTIVE,
    AMBIGUOUS,
    DAMAGED,
    EMPTY,
    OPENED,
    TOO_LARGE,
    TOO_SLOW,
    UNCONFINED,
    VERDICTS,
)
from assay.errors import ConstraintError, DataError, DependencyError

SERVER = Path(__file__).parent / "inside" / "server.py"
ROOT = Path(__file__).parents[2]
REMEDY = "Read documents on Linux (x86_64 or aarch64) with a kernel that has seccomp."
HEAD_BYTES = 64_000_000  # of what a child says beside its pictures


@dataclass(frozen=True, slots=True)
class Limits:
    """What one document may be, and what reading it may use."""

    bytes: int = 50_000_000
    pages: int = 100
    pixels: int = 40_000_000  # of one page: A4 at 600 dots per inch has 35 million
    seconds: float = 10.0  # of the processor, for one job
    megabytes: int = 1_024  # of address space, for one job
    acts: bool = False  # whether a PDF with scripts or calls of programs is read; none is ever run


DEFAULT = Limits()


@dataclass(frozen=True)
class Attached:
    """A file inside a document."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Opened:
    """What a document turned out to be.

    ``verdict`` is ``opened`` or why it is not read, ``reason`` says it in words. ``sizes`` are in
    points for a PDF and in dots for a picture. ``notes`` tell what is odd without being a reason to
    refuse it.
    """

    name: str
    digest: str
    verdict: str
    reason: str = ""
    kind: str = ""
    sizes: tuple[tuple[float, float], ...] = ()
    attached: tuple[Attached, ...] = ()
    notes: tuple[str, ...] = ()
    message: dict[str, Any] | None = None  # of XML: what stands at which place
    handle: int = field(default=-1, repr=False, compare=False)

    @property
    def pages(self) -> int:
        """How many pages it has."""
        return len(self.sizes)


@dataclass(frozen=True)
class Result:
    """What a child found: its head and the parts behind it."""

    head: dict[str, Any]
    parts: list[bytes]

    @property
    def verdict(self) -> str:
        """``opened``, or why not."""
        return str(self.head["verdict"])

    @property
    def reason(self) -> str:
        """The verdict in words."""
        return str(self.head.get("reason", ""))


class Opener:
    """Opens documents one after another; a context manager that owns the server."""

    def __init__(self, limits: Limits = DEFAULT) -> None:
        self.limits = limits
        self._server: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    @contextlib.contextmanager
    def open(self, source: Path | bytes, name: str = "") -> Generator[Opened]:
        """A document, for as long as its pages are wanted.

        Raises ``DataError`` for a path that cannot be read and ``ConstraintError`` where nothing
        can be confined; all else is a verdict.
        """
        data = source if isinstance(source, bytes) else None
        shown = name or (str(source) if isinstance(source, Path) else "document")
        size = len(data) if data is not None else _size_of(Path(os.fspath(source)))  # type: ignore[arg-type]
        if size > self.limits.bytes:
            why = f"it has {size:,} bytes, and {self.limits.bytes:,} are read"
            yield Opened(shown, "", TOO_LARGE, why)
            return
        if data is None:
            data = Path(os.fspath(source)).read_bytes()  # type: ignore[arg-type]
        handle = os.memfd_create("document", os.MFD_CLOEXEC)
        try:
            with open(handle, "wb", closefd=False) as copy:
                copy.write(data)
            yield self._opened(shown, files.sha256_bytes(data), handle)
        finally:
            os.close(handle)

    def page(self, opened: Opened, number: int, dpi: int) -> Result:
        """Page ``number`` (from 0) of an opened document, as its child found it."""
        job = "pdf page" if opened.kind == PDF else "picture page"
        return self._run(job, opened.handle, page=number, dpi=dpi)

    def _opened(self, name: str, digest: str, handle: int) -> Opened:
        found = self._run("structure", handle)
        if found.verdict != OPENED:
            return Opened(name, digest, found.verdict, found.reason)
        kind = str(found.head["kind"])
        sizes = tuple((float(w), float(h)) for w, h in found.head["pages"])
        attached = tuple(
            Attached(Path(str(each).replace("\\", "/")).name[-200:] or "attached", part)
            for each, part in zip(found.head["attached"], found.parts, strict=True)
        )
        notes = [note] if (note := _misnamed(name, kind)) else []
        verdict, reason = OPENED, ""
        if kind == PDF:
            verdict, reason, more = self._doubted(handle, len(sizes))
            notes += more
        message = found.head.get("message")
        return Opened(
            name, digest, verdict, reason, kind, sizes, attached, tuple(notes), message, handle
        )

    def _doubted(self, handle: int, pages: int) -> tuple[str, str, list[str]]:
        """Verdict, reason and notes after a second reading of a PDF."""
        again = self._run("second", handle)
        if again.verdict != OPENED:
            return OPENED, "", [f"a second reader cannot check it: {again.reason}"]
        counted = again.head["pages"]
        if counted is not None and int(counted) != pages:
            why = f"one reader finds {pages:,} pages in it and another {int(counted):,}"
            return AMBIGUOUS, f"{why}. Print it to a new PDF.", []
        acts = [str(each) for each in again.head["acts"]]
        if acts and not self.limits.acts:
            why = f"it holds {', '.join(acts)}"
            return ACTIVE, f"{why}; nothing of it was run. --scripts reads it all the same.", []
        return OPENED, "", [f"it holds {', '.join(acts)}; nothing of it was run"] if acts else []

    def _run(self, job: str, document: int, **more: Any) -> Result:
        """One job in a child of the server."""
        limits = self.limits
        told = {
            "do": job,
            "pages": limits.pages,
            "pixels": limits.pixels,
            "seconds": limits.seconds,
            "clock": 2 * limits.seconds + 5,
            "megabytes": limits.megabytes,
            "written": HEAD_BYTES + 4 * limits.pixels + 20 * 20_000_000,
            **more,
        }
        line = self._started()
        result = os.memfd_create("result", os.MFD_CLOEXEC)
        try:
            socket.send_fds(line, [json.dumps(told).encode()], [document, result])
            ended = line.recv(100).decode()
            if not ended:
                self._stop()
                raise ConstraintError("the process that opens documents has died", REMEDY)
            return _read(result) if ended == "done" else Result(_ended(ended, limits), [])
        except BaseException:
            self._stop()  # an answer that nobody took would be taken for the next one's
            raise
        finally:
            os.close(result)

    def _started(self) -> socket.socket:
        if self._socket is not None:
            return self._socket
        if sys.platform != "linux":
            raise ConstraintError(f"no document can be confined on {sys.platform}", REMEDY)
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-I", "-B", str(SERVER), str(ROOT), str(theirs.fileno())]
        self._server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[theirs.fileno()],
            env={},
            start_new_session=True,
        )
        theirs.close()
        if ours.recv(100) != b"ready":
            said = (
                self._server.stderr.read().decode("utf-8", "replace") if self._server.stderr else ""
            )
            ours.close()
            self._server.kill()
            self._server.wait()
            if "ModuleNotFoundError" in said:
                raise DependencyError(
                    f"documents cannot be opened: {said.strip().splitlines()[-1]}",
                    "pip install 'assay[documents]'",
                )
            raise ConstraintError(f"documents cannot be opened: {said.strip()[-500:]}", REMEDY)
        self._socket = ours
        return ours

    def _stop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._server is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._server.pid, signal.SIGKILL)  # its children, too
            self._server.wait()
            if self._server.stderr:
                self._server.stderr.close()
            self._server = None


def _size_of(path: Path) -> int:
    if path.is_dir():
        raise DataError(f"{path}: this is a folder", "Name files, or FOLDER/* for all in it.")
    try:
        return path.stat().st_size
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}", "Check the path.") from None


def _misnamed(name: str, kind: str) -> str:
    """What is odd about a file's name, or ""."""
    suffix = Path(name).suffix.lower()
    named = next((each for each, known in SUFFIXES.items() if suffix in known), "")
    return f"it is named {suffix}, and is {kind}" if named and named != kind else ""


def _read(result: int) -> Result:
    """What a child has written; one that was taken over may have written anything."""
    size = os.fstat(result).st_size
    try:
        with mmap.mmap(result, size, access=mmap.ACCESS_READ) as held:
            (length,) = struct.unpack_from("=Q", held)
            if length > HEAD_BYTES:
                raise ValueError("a head too long")
            head = json.loads(held[8 : 8 + length])
            place = 8 + length
            parts: list[bytes] = []
            for each in head["parts"]:
                parts.append(held[place : place + each])
                place += each
            if place != size or head["verdict"] not in (*VERDICTS, UNCONFINED):
                raise ValueError("not what was said")
    except (ValueError, KeyError, TypeError, struct.error):
        head, parts = {"verdict": DAMAGED, "reason": "its reader gave no sound answer"}, []
    if head["verdict"] == UNCONFINED:
        raise ConstraintError(f"no document can be confined here: {head['reason']}", REMEDY)
    return Result(head, parts)


def _ended(how: str, limits: Limits) -> dict[str, Any]:
    """The head for a child that did not come to its end."""
    if how == "late" or how in (str(-signal.SIGXCPU), str(-signal.SIGKILL)):
        why = f"reading it takes more than {limits.seconds:g} s of the processor"
        return {"verdict": TOO_SLOW, "reason": why}
    if how == str(-signal.SIGXFSZ):
        return {"verdict": TOO_LARGE, "reason": "what is in it is larger than is handed out"}
    name = signal.Signals(-int(how)).name if int(how) < 0 else f"exit code {how}"
    return {
        "verdict": DAMAGED,
        "reason": f"its reader crashed ({name}): the file is broken, or needs more than "
        f"{limits.megabytes:,} MB",
    }


__all__ = [
    "DEFAULT", "EMPTY", "MAIL", "OPENED", "Attached", "Limits", "Opened", "Opener", "Result"
]  # fmt: skip
