"""The process that opens documents: it runs each job in a child of its own, which confines itself.

Run by path with the package's root and the number of a socket. A job comes as JSON with two files:
the document, and an empty one for the result. The answer says how the child ended. The server
never reads a document itself.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any

Job = dict[str, Any]
Done = tuple[dict[str, Any], list[bytes]]
LONGEST = 65_536  # bytes of a job


def jobs() -> dict[str, Callable[[bytes, Job], Done]]:
    """Every job by its name; their libraries are loaded before anything is confined."""
    import pypdf  # noqa: F401  # pyright: ignore[reportUnusedImport]
    import pypdfium2  # noqa: F401  # pyright: ignore[reportUnusedImport]
    from PIL import Image

    Image.init()
    from email import contentmanager, parser, policy  # noqa: F401  # pyright: ignore

    from assay.documents.inside import einvoice, kinds, mail, pdf, pictures, second

    messages = einvoice.Messages()

    def structure(data: bytes, job: Job) -> Done:
        kind = kinds.kind_of(data)
        own = {
            kinds.PDF: pdf.structure,
            kinds.MAIL: mail.structure,
            kinds.XML: messages.structure,
        }
        how = own.get(kind, pictures.structure)
        head, contents = how(data, job)
        return {**head, "kind": kind}, contents

    return {
        "structure": structure,
        "second": second.second,
        "pdf page": pdf.page,
        "picture page": pictures.page,
    }


def run(how: Callable[[bytes, Job], Done], job: Job, document: int, result: int) -> None:
    """One job, in the child; what it found is written as a head in JSON and parts behind it."""
    from assay.confine import confine
    from assay.documents.inside.refused import DAMAGED, OPENED, TOO_LARGE, UNCONFINED, Refused

    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    parts: list[bytes] = []
    head: dict[str, Any]
    try:
        try:
            confine(job["seconds"], job["megabytes"], job["written"])
        except OSError as error:
            raise Refused(UNCONFINED, str(error)) from None
        os.lseek(document, 0, os.SEEK_SET)
        data = b"".join(iter(lambda: os.read(document, 1 << 20), b""))
        head, parts = how(data, job)
        head["verdict"] = OPENED
    except Refused as refused:
        head = {"verdict": refused.verdict, "reason": refused.reason}
    except MemoryError:
        why = f"it needs more than {job['megabytes']:,} MB of memory"
        head = {"verdict": TOO_LARGE, "reason": why}
    except RecursionError:
        head = {"verdict": DAMAGED, "reason": "it is nested too deeply"}
    except Exception as error:  # whatever a broken file leads a parser to
        head = {
            "verdict": DAMAGED,
            "reason": f"its reader failed ({type(error).__name__}: {error})"[:300],
        }
    head["parts"] = [len(part) for part in parts]
    text = json.dumps(head).encode()
    for part in (struct.pack("=Q", len(text)), text, *parts):
        view = memoryview(part)
        while view:
            view = view[os.write(result, view) :]


def child(how: Callable[[bytes, Job], Done], job: Job, document: int, result: int) -> None:
    """Run a job and end, whatever happens."""
    code = 1
    try:
        run(how, job, document, result)
        code = 0
    finally:
        os._exit(code)


def wait(child: int, seconds: float) -> str:
    """How a child ended: ``done``, ``late``, or a signal's or an exit code's number."""
    handle = os.pidfd_open(child)
    try:
        ready, _, _ = select.select([handle], [], [], seconds)
        if not ready:
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    finally:
        os.close(handle)
    if not ready:
        return "late"
    code = os.waitstatus_to_exitcode(status)
    return "done" if code == 0 else str(code)


def main() -> None:
    """Jobs until the other side closes the socket."""
    sys.path.insert(0, sys.argv[1])
    there = socket.socket(fileno=int(sys.argv[2]))
    known = jobs()
    there.sendall(b"ready")
    while True:
        said, files, _, _ = socket.recv_fds(there, LONGEST, 2)
        if not said:
            return
        job = json.loads(said)
        document, result = files
        pid = os.fork()
        if not pid:
            there.close()
            child(known[job["do"]], job, document, result)
        for each in files:
            os.close(each)
        there.sendall(wait(pid, job["clock"]).encode())


if __name__ == "__main__":
    main()
