"""Error numbers, capabilities, features and memlock: what is said, and when."""

from __future__ import annotations

import errno
import resource
from pathlib import Path

import pytest

import children
import raw_programs as raw
from osmia.errors import KernelError, NotSupportedError, PermissionDeniedError, errno_name
from osmia.kernel import bpf, capabilities, features
from osmia.kernel.errors import kernel_error
from osmia.loader.load import load_object
from this_kernel import needs_root


def test_numbers_that_mean_nothing_more() -> None:
    error = kernel_error(errno.ENOMEM, "do it")
    assert type(error) is KernelError
    assert isinstance(error, OSError)
    assert (error.errno, str(error)) == (errno.ENOMEM, "cannot do it: Cannot allocate memory (ENOMEM)")
    assert str(kernel_error(524, "do it")) == "cannot do it: Operation is not supported (ENOTSUPP)"


def test_names() -> None:
    """Of numbers with two names the kernel's is said."""
    assert [errno_name(number) for number in (1, 11, 35, 95, 9999)] == [
        "EPERM",
        "EAGAIN",
        "EDEADLK",
        "EOPNOTSUPP",
        "errno 9999",
    ]


def test_hints() -> None:
    hints = {errno.EBUSY: "somebody has it"}
    assert str(kernel_error(errno.EBUSY, "do it", hints=hints)) == "cannot do it: somebody has it"


def test_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that is new enough is not said to lack something."""
    monkeypatch.setattr(features, "kernel_version", lambda: (5, 15))
    error = kernel_error(errno.E2BIG, "do it", feature="map_extra")
    assert isinstance(error, NotSupportedError)
    assert (error.feature, error.since) == ("map_extra", (5, 16))
    assert str(error).endswith(" has no map_extra, which Linux 5.16 brought")
    assert not isinstance(kernel_error(errno.EBUSY, "do it", feature="map_extra"), NotSupportedError)
    monkeypatch.setattr(features, "kernel_version", lambda: (5, 16))
    assert not isinstance(kernel_error(errno.E2BIG, "do it", feature="map_extra"), NotSupportedError)


@pytest.mark.parametrize(
    ("release", "version"),
    [("6.18.44-fc-v669", (6, 18)), ("5.10.0-28-amd64", (5, 10)), ("7.0-rc3", (7, 0)), ("6.1", (6, 1)), ("4", (4, 0))],
)
def test_releases(release: str, version: tuple[int, int]) -> None:
    assert features.parse_release(release) == version


def test_capabilities_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capabilities, "effective_capabilities", lambda: None)
    error = kernel_error(errno.EPERM, "do it", needed=("CAP_BPF",))
    assert isinstance(error, PermissionDeniedError)
    assert str(error) == "cannot do it: it takes CAP_BPF (/proc does not say what this process has)"


def test_what_sys_admin_stands_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capabilities, "effective_capabilities", lambda: 1 << 21)
    assert capabilities.missing_capabilities(("CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON")) == ()
    assert capabilities.missing_capabilities(("CAP_SYS_RESOURCE",)) == ("CAP_SYS_RESOURCE",)
    monkeypatch.setattr(capabilities, "effective_capabilities", lambda: 1 << 39)
    assert capabilities.missing_capabilities(("CAP_BPF", "CAP_NET_ADMIN")) == ("CAP_NET_ADMIN",)


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (4096, 1 << 20))


@needs_root("loads programs")
def test_an_old_kernels_limit_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """EPERM from a creation: the limit goes up as far as it may, and the creation is tried once more."""
    monkeypatch.setattr(features, "kernel_version", lambda: (5, 10))
    real = bpf.call

    def call(command: int, attribute: bytes | bytearray) -> int:
        if command in (0, 5) and resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == 4096:
            raise OSError(errno.EPERM, "charged")
        return real(command, attribute)

    monkeypatch.setattr(bpf, "call", call)

    def load() -> tuple[int, int]:
        with load_object(raw.counter()) as loaded:
            return loaded.programs["counts"].test_run(bytes(64))[0], resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]

    result = children.outcome(load, limited)
    assert not result.error, result.text
    value, limit = result.value
    assert value == 2
    assert limit in (resource.RLIM_INFINITY, 1 << 20)  # without CAP_SYS_RESOURCE the hard limit is the end


@needs_root("loads programs")
def test_an_old_kernels_limit_that_cannot_be_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "kernel_version", lambda: (5, 10))
    before = (
        children.drop("CAP_SYS_RESOURCE"),
        lambda: resource.setrlimit(resource.RLIMIT_MEMLOCK, (4096, 4096)),
        children.without_bpf(errno.EPERM),
    )
    result = children.outcome(lambda: load_object(raw.counter()), *before)
    assert (result.error, result.text) == (
        "PermissionDeniedError",
        (
            "cannot create map 'counter' (PERCPU_ARRAY): RLIMIT_MEMLOCK is too low, and this process may not raise it "
            "(CAP_SYS_RESOURCE). Raise it with `ulimit -l unlimited`: kernels before 5.11 charge maps and programs to "
            "it"
        ),
    )


def test_a_new_kernels_limit_is_left_alone() -> None:
    """Nothing is charged to it from 5.11 on, so that EPERM means something else."""

    def load() -> int:
        try:
            load_object(raw.counter())
        except PermissionDeniedError:
            return resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
        raise AssertionError("the filter lets bpf(2) through")

    if features.kernel_version() < (5, 11):
        pytest.skip("this kernel charges the limit")
    result = children.outcome(load, limited, children.without_bpf(errno.EPERM))
    assert (result.error, result.value) == ("", 4096)


def test_constants() -> None:
    """The number of the system call is that of this machine's headers."""
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not header.exists():
        pytest.skip(f"{header} is not installed (apt install linux-libc-dev), or this is no x86-64")
    assert f"#define __NR_bpf {bpf.NUMBER}\n" in header.read_text()


@pytest.mark.parametrize(
    ("machine", "is_64_bit", "number"),
    [
        ("x86_64", True, 321),
        ("x86_64", False, 357),
        ("i686", False, 357),
        ("aarch64", True, 280),
        ("riscv64", True, 280),
        ("loongarch64", True, 280),
        ("armv7l", False, 386),
        ("aarch64", False, 386),
        ("ppc64le", True, 361),
        ("s390x", True, 351),
    ],
)
def test_numbers_of_the_system_call(machine: str, is_64_bit: bool, number: int) -> None:
    assert bpf._number(machine, is_64_bit=is_64_bit) == number


def test_a_call_leaves_the_threads_error_number_alone() -> None:
    """A handler's failing call must not change what the interrupted one reads."""
    import ctypes

    ctypes.set_errno(77)
    with pytest.raises(OSError, match="Bad file descriptor"):
        bpf.call(22, bytes(4) and b"\xff\xff\xff\x7f")
    assert ctypes.get_errno() == 77
