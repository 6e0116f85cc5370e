"""Forked children of the test process that may do less than it: what they raise comes back as data."""

from __future__ import annotations

import ctypes
import os
import pickle
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from osmia.kernel.bpf import NUMBER

if TYPE_CHECKING:
    from collections.abc import Callable

_libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_KEEPCAPS = 8
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_SECCOMP_RET_ERRNO = 0x00050000
_SECCOMP_RET_ALLOW = 0x7FFF0000
_CLONE_NEWUSER = 0x10000000

CAPABILITY_BITS = {
    "CAP_NET_ADMIN": 12,
    "CAP_NET_RAW": 13,
    "CAP_IPC_LOCK": 14,
    "CAP_SYS_ADMIN": 21,
    "CAP_SYS_RESOURCE": 24,
    "CAP_PERFMON": 38,
    "CAP_BPF": 39,
}


class Outcome(NamedTuple):
    """How a function ended in a child."""

    value: Any
    error: str
    """The type of the exception; empty if there was none."""
    text: str
    attributes: dict[str, Any]


def outcome(function: Callable[[], Any], *before: Callable[[], None]) -> Outcome:
    """Call `before` and then `function` in a forked child, and say how that ended."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read_end)
            try:
                for each in before:
                    each()
                result = Outcome(function(), "", "", {})
            except Exception as error:  # noqa: BLE001 - whatever it is, the test looks at it
                kept: dict[str, Any] = {
                    key: value for key, value in vars(error).items() if isinstance(value, (str, int, tuple))
                }
                kept["errno"] = getattr(error, "errno", None)
                result = Outcome(None, type(error).__name__, str(error), kept)
            os.write(write_end, pickle.dumps(result))
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    assert data, "the child ended before it had a result"
    result = pickle.loads(data)
    assert isinstance(result, Outcome)
    return result


def become_nobody() -> None:
    """Give up being root, and all capabilities with it; an ordinary user has nothing to give up."""
    if os.geteuid() != 0:
        return
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)


def become_nobody_with(*names: str) -> Callable[[], None]:
    """Give up being root, and all capabilities but these."""

    def do() -> None:
        os.setgroups([])
        os.setgid(65534)
        _check(_libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0))
        os.setuid(65534)
        keep_only(*names)()

    return do


def keep_only(*names: str) -> Callable[[], None]:
    """Give up all capabilities but these; the user stays the same, whose files they can read."""

    def do() -> None:
        wanted = sum(1 << CAPABILITY_BITS[name] for name in names)
        header = ctypes.create_string_buffer(struct.pack("=Ii", 0x20080522, 0))
        low, high = wanted & 0xFFFFFFFF, wanted >> 32
        _check(_libc.capset(header, struct.pack("=6I", low, low, 0, high, high, 0)))

    return do


def drop(*names: str) -> Callable[[], None]:
    """Give up these capabilities and CAP_SYS_ADMIN, which stands in for them."""

    def do() -> None:
        header = ctypes.create_string_buffer(struct.pack("=Ii", 0x20080522, 0))
        data = ctypes.create_string_buffer(24)
        _check(_libc.capget(header, data))
        words = list(struct.unpack("=6I", data.raw[:24]))
        for name in (*names, "CAP_SYS_ADMIN"):
            word, bit = divmod(CAPABILITY_BITS[name], 32)
            for which in range(3):  # effective, permitted, inheritable
                words[word * 3 + which] &= ~(1 << bit)
        _check(_libc.capset(header, struct.pack("=6I", *words)))

    return do


def without_bpf(number: int) -> Callable[[], None]:
    """From now on bpf(2) fails with an error number: a seccomp filter stands before the kernel."""

    def do() -> None:
        code = b"".join(
            struct.pack("=HBBI", *instruction)
            for instruction in (
                (0x20, 0, 0, 0),  # load the system call's number
                (0x15, 0, 1, NUMBER),  # is it bpf?
                (0x06, 0, 0, _SECCOMP_RET_ERRNO | number),
                (0x06, 0, 0, _SECCOMP_RET_ALLOW),
            )
        )
        instructions = ctypes.create_string_buffer(code, len(code))
        program = struct.pack("@HP", len(code) // 8, ctypes.addressof(instructions))
        _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _check(_libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program, 0, 0))

    return do


def enter_user_namespace() -> None:
    """Be root in a user namespace of one's own."""
    uid = os.getuid()
    _check(_libc.unshare(_CLONE_NEWUSER))
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
