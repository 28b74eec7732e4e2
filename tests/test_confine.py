"""The kernel's filter: what a confined child may call."""

from __future__ import annotations

import os
import struct

import pytest

from assay import confine


def allowed(machine: str, number: int, argument: int = 0) -> int:
    """What the filter returns for a system call, by running its instructions."""
    code = confine.program(machine)
    arch = confine.ARCHITECTURE[machine][0]
    data = {0: number, 4: arch, **{16 + 8 * i: argument for i in range(6)}}
    place, held = 0, 0
    while True:
        kind, yes, no, value = struct.unpack_from("=HBBI", code, 8 * place)
        place += 1
        if kind == confine.LOAD:
            held = data[value]
        elif kind == confine.RETURN:
            return value
        else:
            hit = held == value if kind == confine.EQUAL else bool(held & value)
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
    assert allowed(machine, read) == confine.ALLOW
    assert allowed(machine, openat, os.O_RDONLY | os.O_CLOEXEC) == confine.ALLOW
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC):
        assert allowed(machine, openat, flags) == confine.REFUSE
    for number in refused:
        assert allowed(machine, number) == confine.REFUSE, number


def test_where_no_filter_is_written_nothing_is_confined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confine.platform, "machine", lambda: "riscv64")
    with pytest.raises(OSError, match="no filter is written for riscv64, only for x86_64"):
        confine.confine(1, 64)
