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
from assay.evaluation import sandbox, sandbox_runner
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
        patch.setattr(sandbox_runner.platform, "machine", lambda: "riscv64")
        with pytest.raises(OSError, match="no filter is written for riscv64, only for x86_64"):
            sandbox_runner.confine(1, 64)
    runner = tmp_path / "runner.py"
    for text, said in (
        ("print('unconfined'); print('Operation not permitted')", "Operation not permitted"),
        ("raise RuntimeError('broken runner')", "broken runner"),
    ):
        runner.write_text(text, encoding="utf-8")
        monkeypatch.setattr(sandbox, "RUNNER", runner)
        with pytest.raises(ConstraintError, match=said):
            outcome(f"x = 3  # {said}", "assert x")


def allowed(machine: str, number: int, argument: int = 0) -> int:
    """What the filter returns for a system call, by running its instructions."""
    code = sandbox_runner.program(machine)
    arch = sandbox_runner.ARCHITECTURE[machine][0]
    data = {0: number, 4: arch, **{16 + 8 * i: argument for i in range(6)}}
    place, held = 0, 0
    while True:
        kind, yes, no, value = sandbox_runner.struct.unpack_from("=HBBI", code, 8 * place)
        place += 1
        if kind == sandbox_runner.LOAD:
            held = data[value]
        elif kind == sandbox_runner.RETURN:
            return value
        else:
            hit = held == value if kind == sandbox_runner.EQUAL else bool(held & value)
            place += yes if hit else no


@pytest.mark.parametrize(
    ("machine", "read", "openat", "refused"),
    [
        (
            "x86_64",
            0,
            257,
            (16, 41, 42, 56, 57, 59, 62, 72, 82, 87, 101, 322, 425, 435, 0x40000000 + 41),
        ),
        ("aarch64", 63, 56, (25, 29, 198, 203, 220, 221, 129, 117, 35, 281, 435)),
    ],
)
def test_the_filter_of_each_machine(
    machine: str, read: int, openat: int, refused: tuple[int, ...]
) -> None:
    """ioctl, fcntl, socket, connect, clone, fork, execve, kill, rename, unlink and their like."""
    assert allowed(machine, read) == sandbox_runner.ALLOW
    assert allowed(machine, openat, os.O_RDONLY | os.O_CLOEXEC) == sandbox_runner.ALLOW
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC):
        assert allowed(machine, openat, flags) == sandbox_runner.REFUSE
    for number in refused:
        assert allowed(machine, number) == sandbox_runner.REFUSE, number


def test_the_runner_needs_nothing_of_assay() -> None:
    """It starts in a bare interpreter: a few milliseconds, and nothing of ours to be reached."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import runpy; runpy.run_path({str(sandbox.RUNNER)!r})"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
