"""Code that a model wrote can compute, and nothing else."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from assay.errors import ConstraintError
from assay.evaluation import sandbox
from assay.evaluation.sandbox import ENDED, PASSED, TIMED_OUT, Limits, outcome, outcomes
from assay.observability.progress import SILENT

ADD = "def add(a, b):\n    return a + b\n"


@pytest.mark.parametrize(
    ("code", "tests", "end"),
    [
        (ADD, "assert add(1, 2) == 3", PASSED),
        (ADD, "import math\nassert add(math.pi, 0) > 3", PASSED),
        (ADD, "assert add(1, 2) == 4", "AssertionError"),
        ("def add(a, b)", "assert True", "SyntaxError"),
        (ADD, "assert sub(1, 2)", "NameError"),
        ("def f(n): return f(n + 1)", "f(0)", "RecursionError"),
        ("x = 'a' * 10**10", "pass", "MemoryError"),
        ("import numpy", "pass", "ModuleNotFoundError"),  # the standard library only
        ("print('passed\\n' * 100_000)", "assert True", PASSED),  # what is printed goes nowhere
        ("x = '\ud800'", "pass", "UnicodeEncodeError"),
        ("", "", PASSED),
    ],
)
def test_how_tests_end(code: str, tests: str, end: str) -> None:
    assert outcome(code, tests) == end


@pytest.mark.parametrize(
    ("code", "end"),
    [
        ("import sys; sys.exit(0)", "SystemExit"),
        ("import os; os._exit(0)", ENDED),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        # a program that kills its own kind may not send signals at all
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "PermissionError"),
        ("import os\nfor fd in range(3, 9):\n    try: os.write(fd, b'confined\\npassed')\n    except OSError: pass\nos._exit(0)", ENDED),
    ],
)  # fmt: skip
def test_who_ends_early_does_not_pass(code: str, end: str) -> None:
    assert outcome(code, "assert False") == end


def test_it_cannot_write(tmp_path: Path) -> None:
    target, there = tmp_path / "new", tmp_path / "there"
    there.write_text("kept", encoding="utf-8")
    for attempt in (
        f"open({str(target)!r}, 'w')",
        f"open({str(there)!r}, 'a')",
        f"open({str(there)!r}, 'r+')",
        "open('new', 'w')",
        f"import os; os.unlink({str(there)!r})",
        f"import os; os.rename({str(there)!r}, {str(target)!r})",
        f"import os; os.truncate({str(there)!r}, 0)",
        f"import os; os.chmod({str(there)!r}, 0)",
        f"import os; os.symlink({str(there)!r}, {str(target)!r})",
        f"import os; os.mkdir({str(target)!r})",
        "import tempfile; tempfile.TemporaryFile()",
    ):
        assert outcome(attempt, "pass") in ("PermissionError", "FileNotFoundError"), attempt
    assert there.read_text(encoding="utf-8") == "kept"
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_it_cannot_start_anything_or_signal_anyone() -> None:
    for attempt in (
        "import os; os.fork()",
        "import os; os.execv('/bin/true', ['true'])",
        "import os; os.posix_spawn('/bin/true', ['true'], {})",
        "import subprocess; subprocess.run(['true'])",
        "import multiprocessing as m; m.get_context('fork').Process(target=print).start()",
        "import os; os.kill(os.getppid(), 0)",
    ):
        assert outcome(attempt, "pass") == "PermissionError", attempt
    assert outcome("import threading; threading.Thread(target=print).start()", "") == "RuntimeError"
    # a descriptor's owner and signal: the kernel would send it when there is something to read
    owner = "import fcntl, os; fcntl.fcntl(0, 8, os.getpid()); fcntl.fcntl(0, 10, 9)"
    assert outcome(owner, "pass") == "PermissionError"
    marked = "import ctypes; assert ctypes.CDLL(None).fork() == -1"  # past Python's own checks
    assert outcome(marked, "pass") == PASSED


def test_it_cannot_type_into_a_terminal() -> None:
    """TIOCSTI pushes a key into a terminal's input, were it opened only to read."""
    leader, follower = pty.openpty()
    try:
        opened = f"import fcntl, os; fd = os.open({os.ttyname(follower)!r}, os.O_RDONLY)\n"
        # the second asks only for the terminal's settings, which nothing but the filter refuses
        for asked in ("fcntl.ioctl(fd, 0x5412, b'x')", "fcntl.ioctl(fd, 0x5401, bytes(64))"):
            assert outcome(opened + asked, "pass") == "PermissionError"
    finally:
        os.close(leader)
        os.close(follower)


def test_it_cannot_reach_a_network() -> None:
    """Not even this machine: a server waits, and nobody comes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        reach = f"import socket; socket.create_connection(('127.0.0.1', {port}))"
        assert outcome(reach, "pass") == "PermissionError"
        with pytest.raises(TimeoutError):
            server.accept()
    assert outcome("import socket; socket.socketpair()", "pass") == "PermissionError"


@pytest.mark.parametrize(
    "code", ["while True: pass", "import time; time.sleep(100)", "x = 10 ** 10 ** 10"]
)
def test_what_never_ends_is_ended(code: str) -> None:
    assert outcome(code, "pass", Limits(seconds=1)) == TIMED_OUT


def test_it_cannot_raise_its_own_limits() -> None:
    raised = "import resource; resource.setrlimit(resource.RLIMIT_CPU, (99, 99))"
    assert outcome(raised, "pass") == "ValueError"


def test_the_environment_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_SECRET", "word")
    assert outcome("import os", "assert 'ASSAY_SECRET' not in os.environ") == PASSED


def test_many_run_side_by_side_and_keep_their_order() -> None:
    pairs = [(ADD, f"assert add({i}, 1) == {i + i % 2}") for i in range(6)]
    wanted = ["AssertionError" if i % 2 == 0 else PASSED for i in range(6)]
    assert outcomes(pairs) == outcomes(pairs, SILENT) == wanted


def test_each_pair_is_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome("x = 1", "assert x") == PASSED
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("run again"))
    assert outcome("x = 1", "assert x") == PASSED


def test_where_nothing_confines_nothing_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sandbox.sys, "platform", "darwin")
        with pytest.raises(ConstraintError, match="not on darwin") as caught:
            outcome("x = 2", "assert x")
        assert "task.check: null" in caught.value.remedy
    runner = tmp_path / "runner.py"
    for text, said in (
        ("print('unconfined'); print('Operation not permitted')", "Operation not permitted"),
        ("raise RuntimeError('broken runner')", "broken runner"),
    ):
        runner.write_text(text, encoding="utf-8")
        monkeypatch.setattr(sandbox, "RUNNER", runner)
        with pytest.raises(ConstraintError, match=said):
            outcome(f"x = 3  # {said}", "assert x")


def test_the_runner_needs_nothing_of_assay() -> None:
    """It starts in a bare interpreter: a few milliseconds, and nothing of ours to be reached."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import runpy; runpy.run_path({str(sandbox.RUNNER)!r})"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
