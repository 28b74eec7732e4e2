"""The kernel's limits for a child process: what it may call, and how much it may use.

It imports nothing but the standard library, and nothing of Assay: a child whose Python is bare loads
it by its path.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct

# System calls by name, with their numbers on x86_64 and aarch64 (None: it has no such call).
# Everything else is refused: sockets, processes, threads, files written, names changed, signals;
# ioctl, which types into a terminal opened to read, and fcntl, which has the kernel send signals.
CALLS: dict[str, tuple[int | None, int | None]] = {
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "stat": (4, None), "fstat": (5, 80),
    "lstat": (6, None), "lseek": (8, 62), "mmap": (9, 222), "mprotect": (10, 226),
    "munmap": (11, 215), "brk": (12, 214), "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139), "pread64": (17, 67), "access": (21, None),
    "sched_yield": (24, 124), "mremap": (25, 216), "madvise": (28, 233), "nanosleep": (35, 101),
    "getpid": (39, 172), "exit": (60, 93), "uname": (63, 160), "getcwd": (79, 17), "readlink": (89, None), "gettimeofday": (96, 169), "getrlimit": (97, 163),
    "getrusage": (98, 165), "sysinfo": (99, 179), "times": (100, 153), "getuid": (102, 174),
    "getgid": (104, 176), "geteuid": (107, 175), "getegid": (108, 177), "gettid": (186, 178),
    "futex": (202, 98), "sched_getaffinity": (204, 123), "getdents64": (217, 61),
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "clock_nanosleep": (230, 115),
    "exit_group": (231, 94), "newfstatat": (262, 79), "readlinkat": (267, 78),
    "faccessat": (269, 48), "getrandom": (318, 278), "statx": (332, 291), "rseq": (334, 293),
    "faccessat2": (439, 439),
}  # fmt: skip
OPENS = {"open": (2, None, 1), "openat": (257, 56, 2)}  # and which argument holds the flags
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | 0o20000000  # O_TMPFILE
ARCHITECTURE = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}

LOAD, EQUAL, BITS, RETURN = 0x20, 0x15, 0x45, 0x06  # BPF instructions
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050001  # REFUSE: errno EPERM
NUMBER, ARCH, ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data


def program(machine: str) -> bytes:
    """The filter: listed calls, and opening files to read them; another architecture kills."""
    arch, column = ARCHITECTURE[machine]
    code = [(LOAD, 0, 0, ARCH), (EQUAL, 1, 0, arch), (RETURN, 0, 0, KILL), (LOAD, 0, 0, NUMBER)]
    for numbers in CALLS.values():
        if (number := numbers[column]) is not None:
            code += [(EQUAL, 0, 1, number), (RETURN, 0, 0, ALLOW)]
    for *numbers, argument in OPENS.values():
        if (number := numbers[column]) is not None:
            code += [
                (EQUAL, 0, 4, number),
                (LOAD, 0, 0, ARGUMENTS + 8 * argument),
                (BITS, 0, 1, WRITES),
                (RETURN, 0, 0, REFUSE),
                (RETURN, 0, 0, ALLOW),
            ]
    code.append((RETURN, 0, 0, REFUSE))
    return b"".join(struct.pack("=HBBI", kind, yes, no, value) for kind, yes, no, value in code)


class Filter(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]


def confine(seconds: float, megabytes: int, written: int | None = None) -> None:
    """Set the limits and the filter, for good; ``written`` bounds the bytes of a file it has open.

    Raises ``OSError`` where there is no such filter.
    """
    if (machine := platform.machine()) not in ARCHITECTURE:
        raise OSError(f"no filter is written for {machine}, only for {', '.join(ARCHITECTURE)}")
    size = megabytes * 2**20
    cpu = max(1, int(seconds + 0.999))
    for what, limit in (
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_AS, size),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 32),
        (resource.RLIMIT_FSIZE, written),
    ):
        if limit is not None:
            resource.setrlimit(what, (limit, limit))
    libc = ctypes.CDLL(None, use_errno=True)
    code = program(machine)
    held = ctypes.create_string_buffer(code, len(code))
    filter_ = Filter(len(code) // 8, ctypes.cast(held, ctypes.c_void_p))
    no_new_privileges, seccomp, with_filter = 38, 22, 2
    if libc.prctl(no_new_privileges, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS)")
    if libc.prctl(seccomp, with_filter, ctypes.byref(filter_), 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_SECCOMP)")
