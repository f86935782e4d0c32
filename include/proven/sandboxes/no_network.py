"""Run a program that can open no network socket: `python -I no_network.py PROGRAM [ARGUMENT …]`.

For machines that give nobody a network namespace, such as a container without privileges: a seccomp filter needs none, holds
for every process that the program starts, and can't be taken off. Unix sockets still work. Exit status 1 where the kernel or
the architecture has no such filter. Standard library only, for it runs by itself.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import sys

ARCHITECTURES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
"""By machine: the kernel's number of the architecture, and of its system call `socket`."""
IO_URING_SETUP = 425
"""The same on every architecture. A ring opens sockets of its own, past any filter."""
X32 = 0x40000000
"""The x86-64 kernel's second set of system calls begins here."""

SET_NO_NEW_PRIVS, SET_SECCOMP, FILTER = 38, 22, 2
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
NUMBER_AT, ARCHITECTURE_AT, FIRST_ARGUMENT_AT = 0, 4, 16


def program(architecture: int, socket_call: int) -> bytes:
    """Return the filter, in the kernel's classic BPF: (operation, jump if true, jump if false, value)."""
    instructions = [
        (LOAD, 0, 0, ARCHITECTURE_AT),
        (EQUAL, 0, 7, architecture),
        (LOAD, 0, 0, NUMBER_AT),
        (AT_LEAST, 5, 0, X32),
        (EQUAL, 4, 0, IO_URING_SETUP),
        (EQUAL, 0, 4, socket_call),
        (LOAD, 0, 0, FIRST_ARGUMENT_AT),
        (EQUAL, 2, 0, int(socket.AF_UNIX)),
        (RETURN, 0, 0, REFUSE | errno.EAFNOSUPPORT),
        (RETURN, 0, 0, REFUSE | errno.ENOSYS),
        (RETURN, 0, 0, ALLOW),
    ]
    return b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)


def apply() -> None:
    """Put the filter on this process, for good. Raise OSError where that can't be."""
    if os.uname().machine not in ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"no filter for {os.uname().machine}")
    code = ctypes.create_string_buffer(program(*ARCHITECTURES[os.uname().machine]))
    header = struct.pack("HxxxxxxP", (len(code) - 1) // 8, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((SET_NO_NEW_PRIVS, 1, 0, 0, 0), (SET_SECCOMP, FILTER, ctypes.c_char_p(header), 0, 0)):
        if libc.prctl(*(ctypes.c_ulong(one) if isinstance(one, int) else one for one in arguments)):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    try:
        apply()
        os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606  # that is what it is for
    except OSError as error:
        sys.exit(f"no_network: {error}")
