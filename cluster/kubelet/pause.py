"""The image of a pod's sandbox: one static program that does nothing, made here byte by byte.

A sandbox needs a process to hold its network namespace, and no registry may be within reach.  So the image is a tar of one ELF file,
a few instructions for the machine's architecture, that waits for ever; it is stopped with SIGKILL.
"""

from __future__ import annotations

import hashlib
import io
import platform
import struct
import tarfile
from typing import Final

_BASE: Final = 0x400000
_HEADERS: Final = 64 + 56

_X86_64: Final = bytes.fromhex(
    "4883ec30"  # sub rsp, 48
    "48c7042401000000"  # mov qword [rsp], SIG_IGN: orphans of a shared process namespace are reaped by the kernel
    "48c744240800000000"  # mov qword [rsp+8], 0 (flags)
    "48c744241000000000"  # mov qword [rsp+16], 0 (restorer)
    "48c744241800000000"  # mov qword [rsp+24], 0 (mask)
    "6a0d58"  # rax = 13 (rt_sigaction)
    "6a115f"  # rdi = 17 (SIGCHLD)
    "4889e6"  # mov rsi, rsp
    "31d2"  # xor edx, edx
    "6a08415a"  # r10 = 8
    "0f05"  # syscall
    "6a2258"  # rax = 34 (pause)
    "0f05"  # syscall
    "ebf9"  # jmp to pause
)
_ARM64: Final = struct.pack(
    "<8I",
    0xD2800928,  # mov x8, 73 (ppoll)
    0xD2800000,  # mov x0, 0
    0xD2800001,  # mov x1, 0
    0xD2800002,  # mov x2, 0 (no time limit)
    0xD2800003,  # mov x3, 0
    0xD2800004,  # mov x4, 0
    0xD4000001,  # svc 0
    0x17FFFFF9,  # b to the start
)
_PROGRAMS: Final = {"x86_64": (62, _X86_64), "aarch64": (183, _ARM64)}
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


def architecture() -> str:
    """The machine's, as Go names it: `amd64`, `arm64`."""
    machine = platform.machine()
    return _ARCHITECTURES.get(machine, machine)


def program() -> bytes:
    """The ELF file.  ValueError on an architecture that it isn't written for."""
    try:
        machine, code = _PROGRAMS[platform.machine()]
    except KeyError:
        raise ValueError(f'no pause program for architecture "{platform.machine()}"; run with --runtime sim') from None
    size = _HEADERS + len(code)
    identity = b"\x7fELF" + bytes((2, 1, 1)) + bytes(9)
    header = identity + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)
    return header + segment + code


def archive() -> bytes:
    """The image's only layer, a tar; the same bytes at every call."""
    data = program()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("pause")
        entry.size, entry.mode = len(data), 0o755
        tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def tag() -> str:
    """The image's tag: it changes with the program."""
    return hashlib.sha256(program()).hexdigest()[:12]
