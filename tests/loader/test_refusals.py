"""What is said when the kernel refuses an object."""

from __future__ import annotations

import errno
import os
import signal
import struct
import time
from pathlib import Path

import pytest

import children
import raw_programs as raw
from osmia.errors import KernelError, PermissionDeniedError, VerifierError
from osmia.kernel import bpf
from osmia.kernel.features import kernel_version
from osmia.loader.load import load_object
from osmia.spec import LineInfo, MapSpec, ObjectSpec, Relocation
from this_kernel import needs_root

# What the log of a program that uses the context begins with: later kernels print the registers first.
LOG_START = "0: R1=ctx()" if kernel_version() >= (6, 8) else "0: "

# What stands behind the reason: later kernels explain it.
AFTER_REASON = "\nVerification failed: " if kernel_version() >= (7, 3) else "processed "

LINES = [
    LineInfo(0, "packets.py", 10, 1, "def counts(ctx):"),
    LineInfo(7, "packets.py", 13, 5, "    count.value += 1"),
    LineInfo(10, "packets.py", 14, 5, "    return 2"),
]


def unchecked() -> ObjectSpec:
    """The counter without its check for None, on a hash, where the kernel does not forgive it."""
    check = raw.insn(0x15, 0, off=3)
    body = raw.count().replace(check, raw.insn(0xBF, 0, 0))
    return raw.spec(raw.function("counts", body, [Relocation(3, "map", "table")], lines=LINES), maps=[raw.HASH])


def refused(spec: ObjectSpec) -> KernelError:
    with pytest.raises(KernelError) as caught:
        load_object(spec)
    return caught.value


@needs_root("loads programs")
def test_the_line_that_the_verifier_refuses() -> None:
    error = refused(unchecked())
    assert isinstance(error, VerifierError)
    assert error.errno == errno.EACCES
    assert str(error) == (
        "packets.py:13: the kernel's verifier refuses program 'counts': a value that may be missing is used without a "
        "check for None\n"
        "    count.value += 1\n"
        "  from: packets.py:10: def counts(ctx):\n"
        "  fix: test it right behind the call, `if value is None: return ...`, on every path that uses it\n"
        "  kernel: R0 invalid mem access 'map_value_or_null'"
    )
    assert f"R0 invalid mem access 'map_value_or_null'\n{AFTER_REASON}" in error.log
    assert "\nprocessed 7 insns" in error.log
    assert error.log.startswith(LOG_START)


@needs_root("loads programs")
def test_a_refusal_before_the_program_is_followed() -> None:
    spec = raw.spec(raw.function("counts", raw.returns(1) * 6, lines=LINES))
    assert str(refused(spec)) == (
        "packets.py:10: the kernel's verifier refuses program 'counts': code that can never run\n"
        "    def counts(ctx):\n"
        "  fix: leave it out; in a program that osmia compiled, it is a fault of the compiler: report it, with the "
        "source\n"
        "  kernel: unreachable insn 2"
    )


@needs_root("loads programs")
def test_without_lines() -> None:
    spec = raw.spec(raw.function("ends", raw.insn(0xB7, 0) + raw.insn(0xBF, 0, 3) + raw.EXIT))
    assert str(refused(spec)) == (
        "the kernel's verifier refuses program 'ends': a value is read that is not set on this path "
        "(at instruction 1)\n"
        "  fix: set it on every path: give the variable a value before the first `if`, and return one at the end\n"
        "  kernel: R3 !read_ok"
    )


@needs_root("loads programs")
def test_a_refusal_without_a_place() -> None:
    spec = raw.spec(raw.function("ends", raw.insn(0xB7, 0)))
    where = " (at instruction 0)" if kernel_version() >= (7, 3) else ""
    assert str(refused(spec)) == (
        f"the kernel's verifier refuses program 'ends': a function that does not end with a return{where}\n"
        "  fix: return a value at the end\n"
        "  kernel: last insn is not an exit or jmp"
    )


@needs_root("loads programs")
@pytest.mark.parametrize(
    ("instruction", "since", "reason"),
    [
        (raw.insn(0xBF, 0, 0, off=8), (6, 6), "BPF_MOV uses reserved fields"),  # r0 = (s8)r0, of v4
        (raw.insn(0xBF, 0, 0, off=9), None, "BPF_MOV uses reserved fields"),  # of no version yet
    ],
    ids=["v4", "unknown"],
)
def test_an_instruction_that_the_kernel_does_not_know(
    instruction: bytes, since: tuple[int, int] | None, reason: str
) -> None:
    spec = raw.spec(raw.function("extends", raw.insn(0xB7, 0) + instruction + raw.EXIT))
    if since is not None and kernel_version() >= since:
        load_object(spec).close()
        return
    # Later kernels look for such instructions before they follow the program, and do not say where one is.
    where = "" if kernel_version() >= (7, 3) else " (at instruction 1)"
    assert str(refused(spec)) == (
        f"the kernel's verifier refuses program 'extends': an instruction that this kernel does not know{where}\n"
        "  fix: build for an older instruction set: `osmia build --cpu v3`, or v2\n"
        f"  kernel: {reason}"
    )


def test_an_error_that_is_kept_keeps_nothing_open() -> None:
    """Its traceback refers to the loader's frames."""
    spec = unchecked()
    spec.btf = (
        struct.pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, 16, 16, 5) + struct.pack("=IIII", 1, 1 << 24, 4, 32) + b"\0int\0"
    )
    before = sorted(path.name for path in Path("/proc/self/fd").iterdir())
    error = refused(spec)
    assert sorted(path.name for path in Path("/proc/self/fd").iterdir()) == before
    assert error.__traceback__ is not None


@needs_root("loads programs")
def test_the_log_grows() -> None:
    """A log that does not fit the first buffer comes whole."""
    steps = b"".join(raw.insn(0xB7, 1, imm=number) + raw.insn(0x7B, 10, 1, off=-8) for number in range(20_000))
    error = refused(raw.spec(raw.function("long", steps + raw.EXIT)))
    assert isinstance(error, VerifierError)
    assert len(error.log) > 1 << 20
    assert error.log.startswith(LOG_START)
    assert f"\nR0 !read_ok\n{AFTER_REASON}" in error.log
    assert "\nprocessed 40001 insns" in error.log
    assert str(error) == (
        "the kernel's verifier refuses program 'long': a value is read that is not set on this path "
        "(at instruction 40000)\n"
        "  fix: set it on every path: give the variable a value before the first `if`, and return one at the end\n"
        "  kernel: R0 !read_ok"
    )


@pytest.mark.parametrize("number", [errno.E2BIG, errno.EACCES])
def test_a_log_whose_end_the_kernel_drops(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Kernels before 6.4 keep the start of a log that does not fit, however large it is: the reason is asked for alone.

    A log of a million steps fits nowhere, so it is not tried again with a larger buffer.
    """
    sizes = []

    def prog_load(*, log: bytearray | None = None, log_level: int = bpf.LOG_WHOLE, **_: object) -> int:
        if log is None:
            raise OSError(number, "refused")
        if log_level == bpf.LOG_REASON:
            told = b"BPF program is too large. Processed 1000001 insn\nprocessed 1000001 insns (limit 1000000)\n"
            log[: len(told)] = told
            raise OSError(number, "refused")
        sizes.append(len(log))
        line = b"6: (07) r1 += 1\n"
        log[:] = (line * (len(log) // len(line) + 1))[: len(log) - 1] + b"\0"
        raise OSError(errno.ENOSPC, "the log is full")

    monkeypatch.setattr(bpf, "prog_load", prog_load)
    monkeypatch.setattr("osmia.loader.programs._LARGEST_LOG", 1 << 22)
    error = refused(raw.spec(raw.function("long", raw.returns(2), lines=LINES)))
    assert isinstance(error, VerifierError)
    assert error.reason == "BPF program is too large. Processed 1000001 insn"
    assert (error.line, error.branches) == (None, ())
    assert error.log.startswith("6: (07) r1 += 1\n6: (07)")
    assert error.log.endswith(
        "\n6: (07) r1 += 1\n[...]\nBPF program is too large. Processed 1000001 insn\n"
        "processed 1000001 insns (limit 1000000)\n"
    )
    assert sizes == ([1 << 20] if number == errno.E2BIG else [1 << 20, 1 << 22])


@needs_root("loads programs")
def test_an_empty_program() -> None:
    error = refused(raw.spec(raw.function("nothing", b"")))
    assert str(error) == (
        "cannot load program 'nothing' (xdp, 0 instructions): the kernel takes 1 to 1,000,000 instructions (E2BIG)"
    )
    assert not isinstance(error, VerifierError)


@needs_root("loads programs")
@pytest.mark.parametrize(
    ("declared", "kind", "number"),
    [
        (MapSpec("counter", 2, 3, 8, 1), "ARRAY", errno.EINVAL),
        (MapSpec("counter", 1, 4, 1 << 30, 1), "HASH", errno.E2BIG),
        # Kernels before 5.11 take no map of 4 GiB, however much memory there is.
        (
            MapSpec("counter", 2, 4, 1 << 30, 1 << 10),
            "ARRAY",
            errno.ENOMEM if kernel_version() >= (5, 11) else errno.E2BIG,
        ),
    ],
)
def test_maps_that_the_kernel_does_not_make(declared: MapSpec, kind: str, number: int) -> None:
    error = refused(raw.counter(declared))
    sizes = f"key_size {declared.key_size}, value_size {declared.value_size}, max_entries {declared.max_entries}"
    why = {
        errno.EINVAL: f"the kernel does not take this together: {sizes}, flags 0x0 (EINVAL)",
        errno.E2BIG: f"this is larger than the kernel allows: {sizes}, flags 0x0 (E2BIG)",
        errno.ENOMEM: f"the kernel has no memory for it: {sizes}, flags 0x0 (ENOMEM)",
    }
    assert error.errno == number
    assert str(error) == f"cannot create map 'counter' ({kind}): {why[number]}"


def load_counter() -> int:
    with load_object(raw.counter()) as loaded:
        return loaded.programs["counts"].test_run(bytes(64))[0]


@needs_root("loads programs")
def test_with_all_that_it_takes() -> None:
    """The children below fail for what they give up, not for being children."""
    assert children.outcome(load_counter).value == 2
    assert children.outcome(load_counter, children.drop("CAP_PERFMON")).value == 2


@needs_root("loads programs")
@pytest.mark.parametrize(
    ("before", "missing", "text"),
    [
        (
            children.become_nobody,
            ("CAP_BPF", "CAP_NET_ADMIN"),
            (
                "cannot create map 'counter' (PERCPU_ARRAY): this process lacks CAP_BPF and CAP_NET_ADMIN. Run it as "
                "root, or give it those"
            ),
        ),
        (
            children.drop("CAP_BPF"),
            ("CAP_BPF",),
            (
                "cannot create map 'counter' (PERCPU_ARRAY): this process is root but lacks CAP_BPF: what started it, "
                "such as a container, took that away"
            ),
        ),
        (
            children.drop("CAP_NET_ADMIN"),
            ("CAP_NET_ADMIN",),
            (
                "cannot load program 'counts' (xdp, 12 instructions): this process is root but lacks CAP_NET_ADMIN: "
                "what started it, such as a container, took that away"
            ),
        ),
        (
            children.without_bpf(errno.EPERM),
            (),
            (
                "cannot create map 'counter' (PERCPU_ARRAY): the kernel refuses although this process has CAP_BPF: "
                "kernel lockdown, a security module or a seccomp filter forbids it"
            ),
        ),
        (
            children.enter_user_namespace,
            (),
            (
                "cannot create map 'counter' (PERCPU_ARRAY): this process has CAP_BPF in its user namespace only, and "
                "BPF asks for capabilities in the initial one. Run it as root there, outside of any container"
            ),
        ),
    ],
    ids=["nobody", "no CAP_BPF", "no CAP_NET_ADMIN", "seccomp", "user namespace"],
)
def test_without_permission(before: object, missing: tuple[str, ...], text: str) -> None:
    assert callable(before)
    result = children.outcome(load_counter, before)
    if result.error == "PermissionError":
        pytest.skip("this system lets nobody make user namespaces: in a chroot, for instance")
    assert (result.error, result.text) == (PermissionDeniedError.__name__, text)
    assert result.attributes["errno"] == errno.EPERM
    assert result.attributes["capabilities"] == missing


def test_without_bpf() -> None:
    result = children.outcome(load_counter, children.without_bpf(errno.ENOSYS))
    assert (result.error, result.text) == (
        "NotSupportedError",
        (
            f"cannot create map 'counter' (PERCPU_ARRAY): there is no bpf(2) here: the kernel ({os.uname().release}) "
            "was built without CONFIG_BPF_SYSCALL, or a seccomp filter hides it"
        ),
    )
    assert result.attributes["feature"] == "bpf(2)"
    assert result.attributes["since"] == (3, 18)


def test_an_old_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """EINVAL from a kernel that is older than what was asked for says so."""
    monkeypatch.setattr("osmia.kernel.features.kernel_version", lambda: (4, 4))
    error = refused(raw.counter(MapSpec("counter", 6, 3, 8, 1)))
    assert str(error) == (
        f"cannot create map 'counter' (PERCPU_ARRAY): this kernel ({os.uname().release}) has no maps of type "
        "PERCPU_ARRAY, which Linux 4.6 brought"
    )


def test_interrupted_loads_start_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel gives up verifying when a signal comes (EAGAIN)."""
    real, calls = bpf.call, []

    def call(command: int, attribute: bytes | bytearray) -> int:
        calls.append(command)
        if command == 5 and calls.count(5) < 8:
            raise OSError(errno.EAGAIN, "again")
        return real(command, attribute)

    monkeypatch.setattr(bpf, "call", call)
    monkeypatch.setattr(bpf, "_INTERRUPTED_TRIES", 7)
    with load_object(raw.passes()) as loaded:
        assert loaded.programs["passes"].test_run(bytes(64))[0] == 2
    assert calls.count(5) == 8


def test_loads_that_signals_never_let_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def call(command: int, attribute: bytes | bytearray) -> int:
        raise OSError(errno.EAGAIN, "again")

    monkeypatch.setattr(bpf, "call", call)
    error = refused(raw.passes())
    assert not isinstance(error, VerifierError)
    assert error.errno == errno.EAGAIN
    assert str(error) == (
        "cannot load program 'passes' (xdp, 2 instructions): signals came in each of many tries before the kernel had "
        "verified it; stop what sends them, or keep them from this thread meanwhile (signal.pthread_sigmask)"
    )


@needs_root("loads programs")
def test_a_process_that_is_stopped_while_it_loads() -> None:
    """As by a debugger: the kernel gives up each time, and nothing holds such a signal back."""
    outcome = children.outcome(load_while_stopped)
    assert outcome.error == ""
    tries, returned = outcome.value
    assert tries > 6
    assert returned == 2


def load_while_stopped() -> tuple[int, int]:
    """How often the kernel was asked to load a program of which each try is stopped at first, and what it returns."""
    # Half a million steps to verify.
    loop = raw.insn(0xB7, 1, imm=250_000) + raw.insn(0x07, 1, imm=-1) + raw.insn(0x55, 1, off=-2) + raw.returns(2)
    real, asked, me = bpf.call, 0, os.getpid()
    read_end, write_end = os.pipe()
    stopper = os.fork()
    if stopper == 0:
        os.close(write_end)
        for _ in range(20):
            if not os.read(read_end, 1):
                break
            time.sleep(0.003)
            os.kill(me, signal.SIGSTOP)
            os.kill(me, signal.SIGCONT)
        os._exit(0)

    def call(command: int, attribute: bytes | bytearray) -> int:
        nonlocal asked
        if command == 5:
            asked += 1
            os.write(write_end, b".")
        return real(command, attribute)

    bpf.call = call
    with load_object(raw.spec(raw.function("loops", loop))) as loaded:
        os.close(write_end)
        os.waitpid(stopper, 0)
        return asked, loaded.programs["loops"].test_run(bytes(64))[0]
