"""bpf(2): the system call, and one small function for each of its commands that osmia uses.

They raise OSError with the kernel's error number; who calls them knows what was asked for and says so
(`kernel.errors`).
"""

from __future__ import annotations

import errno
import os
import sys

from osmia.abi import BPF_OBJ_NAME_LEN
from osmia.abi import generated as abi
from osmia.kernel import attributes
from osmia.kernel.libc import addressof, byref, c_char, function, get_errno, set_errno

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")

# __NR_bpf; the architectures that share the generic table have 280.
_NUMBERS = {"x86_64": 321, "i386": 357, "i686": 357, "ppc64le": 361, "ppc64": 361, "s390x": 351}
_ARM_NUMBER = 386

LOG_WHOLE, LOG_REASON = 1, 4
"""Levels of the verifier's log: the way to what it refuses; only the reason, and statistics (BPF_LOG_STATS)."""

_NAME_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.")
INTERRUPTED = (errno.EAGAIN, errno.EINTR)
"""What a command says that verifies or runs a program, when a signal comes meanwhile."""
_INTERRUPTED_TRIES = 5
"""How often an interrupted command is tried before the signals of timers are held back."""
_HELD_TRIES = 100
"""How often it is tried then: nothing holds back what stops a process and lets it go on, as a debugger does."""


def _number(machine: str, *, is_64_bit: bool) -> int:
    if not is_64_bit:
        return _NUMBERS["i386"] if machine in ("x86_64", "i386", "i686") else _ARM_NUMBER
    return _NUMBERS.get(machine, 280)


NUMBER = _number(os.uname().machine, is_64_bit=sys.maxsize > 1 << 32)

syscall = function("syscall")


def address(buffer: bytearray) -> int:
    """Where a buffer lies; it must not be resized or dropped while the kernel uses it."""
    return addressof(c_char.from_buffer(buffer)) if buffer else 0


def text(log: bytearray) -> str:
    """What the kernel wrote into a log."""
    return bytes(log).partition(b"\0")[0].decode("utf-8", "replace")


def call(command: int, attribute: bytes | bytearray) -> int:
    """bpf(command, attribute, its size); where the kernel writes into the attribute it must be a bytearray."""
    buffer = attribute if isinstance(attribute, bytearray) else bytearray(attribute)
    # A signal handler may run between the call and the next line and make calls of its own. Each puts back the
    # thread's errno as it found it, so that this one reads its own.
    before = get_errno()
    result = syscall(NUMBER, command, byref(c_char.from_buffer(buffer)), len(buffer))
    if result >= 0:
        return result
    number = get_errno()
    set_errno(before)
    raise OSError(number, os.strerror(number))


def _call_again(command: int, attribute: bytearray) -> int:
    """The same for commands that a signal interrupts: they start again."""
    pristine = bytes(attribute)
    try:
        return _tried(_INTERRUPTED_TRIES, command, attribute, pristine)
    except OSError as error:
        if error.errno not in INTERRUPTED:
            raise
    attribute[:] = pristine
    # A timer fires faster than the command ends: hold it back.
    import signal

    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF})
    try:
        return _tried(_HELD_TRIES, command, attribute, pristine)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _tried(tries: int, command: int, attribute: bytearray, pristine: bytes) -> int:
    """What a command gives that is interrupted so many times less one; what a signal makes of the last is raised."""
    for _ in range(tries - 1):
        try:
            return call(command, attribute)
        except OSError as error:
            if error.errno not in INTERRUPTED:
                raise
        attribute[:] = pristine
    return call(command, attribute)


def with_memlock(create: Callable[[], T]) -> T:
    """What `create` returns. Where an old kernel may have refused it for RLIMIT_MEMLOCK, raise that and try once more.

    The second try is made whoever raised the limit: another thread may have done it meanwhile.
    """
    try:
        return create()
    except PermissionError:
        from osmia.kernel.memlock import charged, raise_limit

        if not charged():
            raise
    raise_limit()
    return create()


def kernel_name(name: str) -> bytes:
    """The first 15 characters of a map's or program's name, `_` for those that the kernel does not take."""
    kept = name[: BPF_OBJ_NAME_LEN - 1]
    return "".join([letter if letter in _NAME_CHARACTERS else "_" for letter in kept]).encode("ascii")


def map_create(
    *,
    map_type: int,
    key_size: int,
    value_size: int,
    max_entries: int,
    flags: int = 0,
    name: bytes = b"",
    btf_fd: int = 0,
    btf_key_type_id: int = 0,
    btf_value_type_id: int = 0,
    map_extra: int = 0,
    btf_vmlinux_value_type_id: int = 0,
    inner_map_fd: int = 0,
) -> int:
    """BPF_MAP_CREATE: a map's file descriptor."""
    return call(
        abi.BPF_MAP_CREATE,
        attributes.MAP_CREATE.pack(
            map_type=map_type,
            key_size=key_size,
            value_size=value_size,
            max_entries=max_entries,
            map_flags=flags,
            map_name=name,
            btf_fd=btf_fd,
            btf_key_type_id=btf_key_type_id,
            btf_value_type_id=btf_value_type_id,
            map_extra=map_extra,
            btf_vmlinux_value_type_id=btf_vmlinux_value_type_id,
            inner_map_fd=inner_map_fd,
        ),
    )


def map_lookup_and_delete(fd: int, key: bytearray, value: bytearray, flags: int = 0) -> None:
    """BPF_MAP_LOOKUP_AND_DELETE_ELEM: take a value out. A queue or stack has keys of no bytes."""
    at = address(key) if key else 0
    attribute = attributes.MAP_ELEM.pack(map_fd=fd, key=at, value=address(value), flags=flags)
    call(abi.BPF_MAP_LOOKUP_AND_DELETE_ELEM, attribute)


def map_lookup(fd: int, value: bytearray) -> None:
    """BPF_MAP_LOOKUP_ELEM of a map without keys that is asked for a value: a Bloom filter."""
    call(abi.BPF_MAP_LOOKUP_ELEM, attributes.MAP_ELEM.pack(map_fd=fd, value=address(value)))


def map_get_fd_by_id(number: int, flags: int = 0) -> int:
    """BPF_MAP_GET_FD_BY_ID: the file descriptor of a map; with BPF_F_RDONLY or BPF_F_WRONLY to do no more by it."""
    return call(abi.BPF_MAP_GET_FD_BY_ID, attributes.GET_ID.pack(map_id=number, open_flags=flags))


def map_freeze(fd: int) -> None:
    """BPF_MAP_FREEZE: from now on user code cannot write to the map."""
    call(abi.BPF_MAP_FREEZE, attributes.MAP_ELEM.pack(map_fd=fd))


def map_batch(
    command: int, fd: int, *, batch: bytearray, first: bool, keys: int, values: int, count: int, elem_flags: int
) -> tuple[int, int]:
    """One of BPF_MAP_*_BATCH on up to `count` entries: (how many it took, the kernel's error number or 0).

    `keys` and `values` are addresses. A look-up goes on from where `batch` says, unless it is the `first`, and says
    there how far it came. The other commands take no `batch`: it is empty.
    """
    at = address(batch)
    attribute = bytearray(
        attributes.MAP_BATCH.pack(
            in_batch=0 if first else at,
            out_batch=at,
            keys=keys,
            values=values,
            count=count,
            map_fd=fd,
            elem_flags=elem_flags,
        )
    )
    number = 0
    try:
        call(command, attribute)
    except OSError as error:
        number = error.errno or 0
    taken: int = attributes.MAP_BATCH.unpack(attribute)["count"]
    # What it refuses before it begins leaves the field as it was; only a look-up can end (ENOENT) with all of `count`.
    return (0 if number and number != errno.ENOENT and taken == count else taken), number


def prog_load(
    *,
    prog_type: int,
    instructions: bytes | bytearray,
    license: bytes,  # noqa: A002 - the kernel's name
    name: bytes = b"",
    expected_attach_type: int = 0,
    attach_btf_id: int = 0,
    flags: int = 0,
    btf_fd: int = 0,
    func_info: bytes = b"",
    line_info: bytes = b"",
    log: bytearray | None = None,
    log_level: int = LOG_WHOLE,
) -> int:
    """BPF_PROG_LOAD: a program's file descriptor. With `log`, the verifier writes there what it does."""
    code, license_text = bytearray(instructions), bytearray(license + b"\0")
    functions, lines = bytearray(func_info), bytearray(line_info)
    return _call_again(
        abi.BPF_PROG_LOAD,
        bytearray(
            attributes.PROG_LOAD.pack(
                prog_type=prog_type,
                insn_cnt=len(code) // 8,
                insns=address(code),
                license=address(license_text),
                log_level=0 if log is None else log_level,
                log_size=0 if log is None else len(log),
                log_buf=0 if log is None else address(log),
                prog_flags=flags,
                prog_name=name,
                expected_attach_type=expected_attach_type,
                attach_btf_id=attach_btf_id,
                prog_btf_fd=btf_fd,
                func_info_rec_size=attributes.FUNC_INFO.size if functions else 0,
                func_info=address(functions),
                func_info_cnt=len(functions) // attributes.FUNC_INFO.size,
                line_info_rec_size=attributes.LINE_INFO.size if lines else 0,
                line_info=address(lines),
                line_info_cnt=len(lines) // attributes.LINE_INFO.size,
            )
        ),
    )


def prog_test_run(fd: int, data: bytes, room: int, repeat: int) -> tuple[int, bytes, int]:
    """BPF_PROG_TEST_RUN: (return value, data after the run, ns a run). `room` is the most bytes that come back."""
    data_in, data_out = bytearray(data), bytearray(room)
    attribute = bytearray(
        attributes.TEST.pack(
            prog_fd=fd,
            data_size_in=len(data_in),
            data_size_out=len(data_out),
            data_in=address(data_in),
            data_out=address(data_out),
            repeat=repeat,
        )
    )
    _call_again(abi.BPF_PROG_TEST_RUN, attribute)
    result = attributes.TEST.unpack(attribute)
    return result["retval"], bytes(data_out[: result["data_size_out"]]), result["duration"]


def btf_load(btf: bytes, log: bytearray | None = None) -> int:
    """BPF_BTF_LOAD: the file descriptor of type information."""
    data = bytearray(btf)
    return call(
        abi.BPF_BTF_LOAD,
        attributes.BTF_LOAD.pack(
            btf=address(data),
            btf_size=len(data),
            btf_log_buf=0 if log is None else address(log),
            btf_log_size=0 if log is None else len(log),
            btf_log_level=0 if log is None else 1,
        ),
    )


def link_create(*, prog_fd: int, target: int, attach_type: int, flags: int = 0) -> int:
    """BPF_LINK_CREATE: a link's file descriptor. `target` is an interface's index, or a file descriptor."""
    return call(
        abi.BPF_LINK_CREATE,
        attributes.LINK_CREATE.pack(prog_fd=prog_fd, target_fd=target, attach_type=attach_type, flags=flags),
    )


def raw_tracepoint_open(prog_fd: int, name: bytes = b"") -> int:
    """BPF_RAW_TRACEPOINT_OPEN: attach a program, which stays attached while the file descriptor is open.

    `name` is the tracepoint; empty where the program was loaded for what it is attached to.
    """
    text = bytearray(name + b"\0")
    return call(
        abi.BPF_RAW_TRACEPOINT_OPEN,
        attributes.RAW_TRACEPOINT.pack(name=address(text) if name else 0, prog_fd=prog_fd),
    )


def link_update(link_fd: int, new_prog_fd: int) -> None:
    """BPF_LINK_UPDATE: put another program in the place of the link's, atomically."""
    call(abi.BPF_LINK_UPDATE, attributes.LINK_UPDATE.pack(link_fd=link_fd, new_prog_fd=new_prog_fd))


def link_detach(link_fd: int) -> None:
    """BPF_LINK_DETACH: detach the program; the link's file descriptor stays open."""
    call(abi.BPF_LINK_DETACH, attributes.LINK_DETACH.pack(link_fd=link_fd))


def prog_attach(*, target_fd: int, prog_fd: int, attach_type: int) -> None:
    """BPF_PROG_ATTACH: attach a program to what a file descriptor stands for, without a link."""
    call(
        abi.BPF_PROG_ATTACH,
        attributes.PROG_ATTACH.pack(target_fd=target_fd, attach_bpf_fd=prog_fd, attach_type=attach_type),
    )


def prog_detach(*, target_fd: int, prog_fd: int, attach_type: int) -> None:
    """BPF_PROG_DETACH: detach what BPF_PROG_ATTACH attached."""
    call(
        abi.BPF_PROG_DETACH,
        attributes.PROG_ATTACH.pack(target_fd=target_fd, attach_bpf_fd=prog_fd, attach_type=attach_type),
    )


def obj_pin(fd: int, path: bytes) -> None:
    """BPF_OBJ_PIN: give a map, program or link a name in a BPF file system."""
    pathname = bytearray(path + b"\0")
    call(abi.BPF_OBJ_PIN, attributes.OBJ.pack(pathname=address(pathname), bpf_fd=fd))


def obj_get(path: bytes, flags: int = 0) -> int:
    """BPF_OBJ_GET: a new file descriptor of what is pinned there; `flags` as for a map by its id."""
    pathname = bytearray(path + b"\0")
    return call(abi.BPF_OBJ_GET, attributes.OBJ.pack(pathname=address(pathname), file_flags=flags))


def obj_get_info(fd: int, layout: attributes.Layout) -> dict[str, Any]:
    """BPF_OBJ_GET_INFO_BY_FD: what the kernel knows of a map, program or link; 0 where it is too old to know."""
    info = bytearray(layout.size)
    call(abi.BPF_OBJ_GET_INFO_BY_FD, attributes.INFO.pack(bpf_fd=fd, info_len=len(info), info=address(info)))
    return layout.unpack(info)
