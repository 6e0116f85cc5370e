"""An attached program goes away with its process, however that ends; only a pin makes it stay."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import children
import raw_programs as raw
import system_packages
from osmia import links
from osmia.errors import KernelError, NotLoadedError
from osmia.kernel import bpf, parent
from osmia.kernel.interfaces import interface_index
from osmia.kernel.netlink import xdp_state
from osmia.links.xdp import attach_xdp
from osmia.loader.load import load_object

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from namespaces import Namespace
    from osmia.loader.load import LoadedObject

TESTS = Path(__file__).parent.parent
ATTACHER = Path(__file__).parent / "attacher.py"
PATHS = f"PYTHONPATH={TESTS}:{TESTS.parent / 'src'}"


@pytest.fixture
def inside(netns: Namespace) -> Iterator[Namespace]:
    with netns.entered():
        yield netns


@pytest.fixture
def passes() -> Iterator[LoadedObject]:
    with load_object(raw.passes()) as loaded:
        yield loaded


def attached(interface: str) -> bool:
    return bool(xdp_state(interface_index(interface)).programs)


def soon(condition: Callable[[], bool]) -> bool:
    """Whether a condition comes to hold within five seconds."""
    deadline = time.monotonic() + 5
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def start(*command: str, action: str, interface: str) -> tuple[subprocess.Popen[str], int, int]:
    """Start the attacher; what it says are its process and its child's."""
    process = subprocess.Popen(
        [*command, "env", PATHS, sys.executable, str(ATTACHER), interface, action],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    own, child = process.stdout.readline().split()
    assert attached(interface)
    return process, int(own), int(child)


def finish(process: subprocess.Popen[str]) -> None:
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_kill(inside: Namespace) -> None:
    process, _, _ = start(action="wait", interface=inside.far)
    process.kill()
    finish(process)
    assert soon(lambda: not attached(inside.far))


def test_kill_while_a_forked_child_lives(inside: Namespace) -> None:
    process, _, child = start(action="fork", interface=inside.far)
    try:
        process.kill()
        process.wait()
        assert soon(lambda: not attached(inside.far))
        os.kill(child, 0)  # it lives
    finally:
        os.kill(child, signal.SIGKILL)
        finish(process)


def test_kill_of_sudo(inside: Namespace) -> None:
    """The wrapper cannot pass SIGKILL on: the process sees that its parent has ended."""
    process, python, _ = start(system_packages.tool("sudo").path, action="wait", interface=inside.far)
    try:
        assert python != process.pid
        process.kill()
        finish(process)
        assert soon(lambda: not attached(inside.far))
        assert soon(lambda: not Path(f"/proc/{python}").exists())
    finally:
        if Path(f"/proc/{python}").exists():
            os.kill(python, signal.SIGKILL)


def death_signal_after() -> int:
    """The signal that this process gets when its parent ends, once sudo has been looked for."""
    parent.end_with_sudo()
    present = ctypes.c_int()
    ctypes.CDLL(None).prctl(2, ctypes.byref(present), 0, 0, 0)
    return present.value


def test_only_sudo_is_followed() -> None:
    """A shell that ends does not take a program with it."""
    assert children.outcome(death_signal_after).value == 0


def test_following_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parent, "_name", lambda process: "sudo")
    assert children.outcome(death_signal_after).value == signal.SIGTERM


def test_a_death_signal_of_the_users_own_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parent, "_name", lambda process: "sudo")
    ask = lambda: ctypes.CDLL(None).prctl(1, int(signal.SIGUSR1), 0, 0, 0)  # noqa: E731
    assert children.outcome(death_signal_after, ask).value == signal.SIGUSR1


def test_sudo_that_ends_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ended after it was looked at and before the kernel was asked: no signal would come any more."""
    parents = iter((4711, 1))
    monkeypatch.setattr(parent, "_name", lambda process: "sudo")
    monkeypatch.setattr(os, "getppid", lambda: next(parents))
    child = os.fork()
    if child == 0:
        parent.end_with_sudo()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM


def test_a_forked_child_does_not_hold_the_link(inside: Namespace, passes: LoadedObject) -> None:
    """In the child the link is let go, and its number free; in the parent it lives on."""
    link = attach_xdp(passes.programs["passes"], inside.far)
    fd = link.fd

    def use() -> tuple[str, bool]:
        link.detach()
        try:
            print(link.fd)
        except NotLoadedError as error:
            return str(error), os.path.exists(f"/proc/self/fd/{fd}")  # noqa: PTH110
        return "it has a descriptor", True

    text, is_open = children.outcome(use).value
    assert text == "the link of program 'passes' on interface 'far0' belongs to the process that forked this one"
    assert not is_open
    assert attached(inside.far)
    link.detach()
    assert not attached(inside.far)


def open_links() -> list[str]:
    """The file descriptors of this process that are BPF links."""
    names = os.listdir("/proc/self/fd")  # noqa: PTH208
    return [
        name for name in names if (path := Path(f"/proc/self/fd/{name}")).exists() and "link" in str(path.readlink())
    ]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_waits_for_an_attachment(
    inside: Namespace, passes: LoadedObject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread forks between the making of a link and its being known: the child would keep it."""
    made, forked = threading.Event(), threading.Event()
    real = bpf.link_create

    def slow(**arguments: int) -> int:
        fd = real(**arguments)
        made.set()
        assert not forked.wait(0.2)
        return fd

    monkeypatch.setattr(bpf, "link_create", slow)
    seen: list[object] = []

    def fork() -> None:
        made.wait()
        seen.append(children.outcome(open_links))
        forked.set()

    thread = threading.Thread(target=fork)
    thread.start()
    with attach_xdp(passes.programs["passes"], inside.far):
        thread.join()
    assert seen == [children.Outcome([], "", "", {})]


def test_a_pinned_link_stays(inside: Namespace, passes: LoadedObject, pins: Path) -> None:
    def attach_and_pin() -> None:
        attach_xdp(passes.programs["passes"], inside.far).pin(str(pins / "link"))

    result = children.outcome(attach_and_pin)
    assert not result.error
    time.sleep(0.05)
    assert attached(inside.far)
    (pins / "link").unlink()
    assert soon(lambda: not attached(inside.far))


def test_detaching_a_pinned_link(inside: Namespace, passes: LoadedObject, pins: Path) -> None:
    with attach_xdp(passes.programs["passes"], inside.far) as link:
        link.pin(str(pins / "link"))
    assert not attached(inside.far)


def test_where_a_link_cannot_be_pinned(inside: Namespace, passes: LoadedObject, pins: Path, tmp_path: Path) -> None:
    (pins / "file").symlink_to("nowhere")
    file_system = next(
        line.split(" - ")[1].split()[0]
        for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines())
        if str(tmp_path).startswith(line.split()[4])
    )
    with attach_xdp(passes.programs["passes"], inside.far) as link:
        link.pin(str(pins / "taken"))
        for path, problem in (
            (pins / "taken", "there is a file of that name already (EEXIST)"),
            (pins / "no" / "link", f"there is no directory '{pins}/no' (ENOENT)"),
            (pins / "taken" / "link", f"'{pins}/taken' is no directory (ENOTDIR)"),
            (pins / "a.link", "names in a BPF file system have no dot (EPERM)"),
            (
                tmp_path / "link",
                (
                    f"'{tmp_path}' is in a file system of type {file_system}, and pins exist in a BPF file system "
                    "only: take a path below /sys/fs/bpf (`mount -t bpf bpf /sys/fs/bpf` if there is none) (EPERM)"
                ),
            ),
        ):
            with pytest.raises(KernelError) as caught:
                link.pin(str(path))
            assert str(caught.value) == f"cannot pin program 'passes' on interface 'far0' to {path}: {problem}"


def test_no_link_is_forgotten() -> None:
    """What the tests above attached is all detached."""
    assert not links._attached
