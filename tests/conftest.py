"""What all tests share."""

from __future__ import annotations

import gc
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import bpf_file_system
import namespaces
from osmia import Machine, PermissionDeniedError
from osmia.kernel.capabilities import in_user_namespace
from osmia.kernel.cpus import possible_cpus

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

TESTS = Path(__file__).parent
# What needs no kernel is tested here: a test that asks the kernel all the same fails, for whom it lets nothing.
RUN_WITHOUT_A_KERNEL = tuple(TESTS / name for name in ("checking", "pcap", "testing", "vm"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--full`: also the tests that hold figures named in issues; they take long, or want a quiet machine."""
    parser.addoption("--full", action="store_true", help="also run the tests marked `full`")


def pytest_configure(config: pytest.Config) -> None:
    """Leave out the tests marked `full`, unless asked for by `--full` or by a choice of marks."""
    if not config.getoption("--full") and not config.option.markexpr:
        config.option.markexpr = "not full"


@contextmanager
def _skipped_without_root(item: pytest.Item) -> Iterator[None]:
    """Skip a test that the kernel lets this process not do, where osmia names what the process lacks."""
    try:
        yield
    except PermissionDeniedError as error:
        callspec = getattr(item, "callspec", None)
        in_a_machine = callspec is not None and callspec.params.get("engine") == "vm"
        apart = in_user_namespace()
        # Root is let do what tests do: what osmia says that it lacks is no reason to skip.
        if (
            in_a_machine
            or any(map(item.path.is_relative_to, RUN_WITHOUT_A_KERNEL))
            or (os.geteuid() == 0 and not apart)
        ):
            raise
        if error.capabilities:
            pytest.skip(f"needs root: this process lacks {' and '.join(error.capabilities)}")
        if apart:
            pytest.skip("needs root: this process has capabilities in its user namespace only")
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Fixtures load programs too."""
    with _skipped_without_root(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Tests of the kernel's side are skipped where the kernel lets this process load nothing, with the reason."""
    with _skipped_without_root(item):
        return (yield)


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compiled objects of tests go to a directory of theirs: the user's cache neither helps nor changes.

    With `OSMIA_TEST_CACHE_DIR` they are kept: tools/try_kernel.py compiles here what other kernels then load.
    """
    kept = os.environ.get("OSMIA_TEST_CACHE_DIR")
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("OSMIA_CACHE_DIR", kept or str(tmp_path_factory.mktemp("cache")))
        if kept:
            changed.setattr("osmia.compiler.cache_files.MOST_ENTRIES", 1_000_000)
        yield


@pytest.fixture
def netns() -> Iterator[namespaces.Namespace]:
    """A network namespace of the test's own, with a veth pair."""
    with namespaces.namespace() as made:
        yield made


@pytest.fixture(params=["kernel", "vm"])
def engine(request: pytest.FixtureRequest) -> Iterator[Machine | None]:
    """Runs a test twice: in the kernel, None, and in the block of a machine with as many CPUs.

    A module that is marked `usefixtures("engine")` runs all of its tests so; what is the kernel's alone is marked
    `kernel_only`, with the reason.
    """
    if request.param == "kernel":
        if os.geteuid() != 0:
            pytest.skip("needs root: in a machine it runs without")
        yield None
        return
    if "OSMIA_TEST_NO_MACHINES" in os.environ:
        pytest.skip("machines are the same on every kernel: tools/try_kernel.py leaves them out")
    mark = request.node.get_closest_marker("kernel_only")
    if mark is not None:
        pytest.skip(f"of the kernel alone: {mark.args[0]}")
    with Machine(cpus=len(possible_cpus())) as machine:
        yield machine


@pytest.fixture
def pins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A BPF file system of the test's own; what is pinned there ends with the test."""
    with bpf_file_system.mounted(tmp_path_factory.getbasetemp() / f"pins-{os.getpid()}") as directory:
        yield directory


def _open_files() -> dict[str, str]:
    """What this process has open, by file descriptor.

    Pipes and nameless files are left out: the compiler's worker, which outlives a test, is reached through some.
    """
    files = {}
    for file in Path("/proc/self/fd").iterdir():
        try:
            target = str(file.readlink())
        except FileNotFoundError:  # the listing's own
            continue
        if not target.startswith("pipe:") and not target.endswith(" (deleted)"):
            files[file.name] = target
    return files


@pytest.fixture(autouse=True)
def no_file_descriptor_leaks() -> Iterator[None]:
    """Fail a test that leaves file descriptors open: maps, programs and links most of all."""
    before = _open_files()
    yield
    if _open_files() != before:
        gc.collect()
    leaked = [f"{number} -> {target}" for number, target in _open_files().items() if before.get(number) != target]
    if leaked:
        pytest.fail(f"left open: {', '.join(leaked)}")
