"""RLIMIT_MEMLOCK, which kernels before 5.11 charge maps and programs to."""

from __future__ import annotations

import resource

import pytest

import children
import raw_programs as raw
from osmia.kernel import memlock
from osmia.kernel.bpf import with_memlock
from osmia.kernel.features import kernel_version
from osmia.loader.load import load_object
from osmia.spec import MapSpec
from this_kernel import needs_root

LIMIT = 64 << 10
"""What an old kernel gives, in bytes."""
LARGE = MapSpec("counter", 2, 4, 8, LIMIT)
CHARGED = kernel_version() < (5, 11)


def lower_limit() -> None:
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (LIMIT, LIMIT))


def load_large() -> tuple[int, bool]:
    """Load a map and a program that do not fit the limit: what the program returns, and whether the limit is gone."""
    with load_object(raw.counter(LARGE)) as loaded:
        returned = loaded.programs["counts"].test_run(bytes(64))[0]
    return returned, resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY


@needs_root("creates maps in the kernel")
def test_the_limit_is_raised_where_it_is_charged() -> None:
    result = children.outcome(load_large, lower_limit)
    assert (result.value, result.text) == ((2, CHARGED), "")


def test_a_limit_that_cannot_be_raised() -> None:
    if not CHARGED:
        pytest.skip(f"Linux {'.'.join(map(str, kernel_version()))} does not charge the limit; kernels before 5.11 do")
    result = children.outcome(load_large, lower_limit, children.drop("CAP_SYS_RESOURCE"))
    assert (result.error, result.text) == (
        "PermissionDeniedError",
        (
            "cannot create map 'counter' (ARRAY): RLIMIT_MEMLOCK is too low, and this process may not raise it "
            "(CAP_SYS_RESOURCE). Raise it with `ulimit -l unlimited`: kernels before 5.11 charge maps and programs to "
            "it"
        ),
    )


def test_another_thread_raises_the_limit_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit that was in the way is gone by the time this thread looks: it tries again all the same."""
    monkeypatch.setattr(memlock, "charged", lambda: True)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    tries = []

    def create() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise PermissionError(1, "refused")
        return 7

    assert with_memlock(create) == 7


def test_a_refusal_for_another_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the limit is not charged, one try is enough."""
    monkeypatch.setattr(memlock, "charged", lambda: False)
    tries = []

    def create() -> int:
        tries.append(1)
        raise PermissionError(1, "refused")

    with pytest.raises(PermissionError):
        with_memlock(create)
    assert len(tries) == 1
