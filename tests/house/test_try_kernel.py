"""`./osmia test --kernel`: other kernels run the tests, their exit status comes back, and nothing of them stays."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import try_kernel
from debian_packages import PackagesError
from system_packages import give_up
from vm import kernels, machine

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).resolve().parents[2]
OLDEST = next(iter(kernels.SUITES))


@pytest.fixture
def oldest() -> kernels.Kernel:
    """The oldest kernel that osmia is for, where a virtual machine can be had."""
    try:
        machine.emulator()
        return kernels.fetch(OLDEST)
    except PackagesError as error:
        give_up(f"no virtual machine with kernel {OLDEST}: {error}")


def raises_packages_error(_version: str) -> kernels.Kernel:
    raise PackagesError("Debian's bookworm has no cloud kernel 6.1 any more")


def shell(script: str) -> machine.Command:
    return machine.Command(["sh", "-c", script], CHECKOUT, {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})


def children() -> str:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text()


@pytest.fixture
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No process and no file of a machine stays."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = children()
    yield
    assert children() == before
    assert not list(tmp_path.iterdir())


def osmia_test(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([CHECKOUT / "osmia", "test", *arguments], capture_output=True, text=True, check=False)


@pytest.mark.full
def test_the_packet_counter_on_the_oldest_kernel(oldest: kernels.Kernel) -> None:
    done = osmia_test("--kernel", OLDEST, "tests/proof/test_packet_counter.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^=+ [1-9]\d* passed in ", done.stdout, re.MULTILINE), done.stdout
    assert f"== Linux {oldest.release}: exit status 0, " in done.stdout


@pytest.mark.full
def test_a_test_that_fails_on_one_of_two_kernels(oldest: kernels.Kernel, tmp_path: Path) -> None:
    """Both run it, and the exit status is that of the one where it fails."""
    (tmp_path / "test_release.py").write_text(
        f"import os\n\n\ndef test_release():\n    assert os.uname().release != {oldest.release!r}\n"
    )
    newer = kernels.fetch("6.1")
    both = [f"--kernel={OLDEST}", "--kernel", "6.1"]
    done = osmia_test("-q", *both, f"--rootdir={CHECKOUT}", "-c", str(CHECKOUT / "pyproject.toml"), str(tmp_path))
    assert done.returncode == 1, done.stdout + done.stderr
    ends = re.findall(r"^== Linux (\S+): exit status (\d+)", done.stdout, re.MULTILINE)
    assert ends == [(oldest.release, "1"), (newer.release, "0")]


@pytest.mark.full
@pytest.mark.usefixtures("nothing_is_left")
def test_a_command_and_its_status(oldest: kernels.Kernel, capfd: pytest.CaptureFixture[str]) -> None:
    """The other kernel runs the command with this machine's files, which it cannot change."""
    inside = f"uname -r; pwd; echo status 0; touch {CHECKOUT}/README.md || ip link add type veth && exit 7"
    assert machine.run(oldest, shell(inside), seconds=120) == 7
    lines = capfd.readouterr().out.splitlines()
    assert lines[:3] == [oldest.release, str(CHECKOUT), "status 0"]
    assert "Read-only file system" in lines[3]


@pytest.mark.full
@pytest.mark.usefixtures("nothing_is_left")
@pytest.mark.parametrize(
    ("script", "seconds", "problem"),
    [
        ("sleep 1000", 10, "the command did not end on kernel {release} within 10 s"),
        (
            "echo c >/proc/sysrq-trigger; sleep 1000",
            120,
            "the machine with kernel {release} ended before the command did",
        ),
    ],
    ids=["timeout", "panic"],
)
def test_a_machine_that_does_not_come_to_the_end(
    oldest: kernels.Kernel, script: str, seconds: float, problem: str
) -> None:
    with pytest.raises(machine.MachineError) as caught:
        machine.run(oldest, shell(script), seconds=seconds)
    assert str(caught.value) == problem.format(release=oldest.release)


def test_a_kernel_that_is_not_offered() -> None:
    with pytest.raises(
        PackagesError, match=r"^there is no kernel '4\.19' to try; there are 5\.10, 6\.1, 6\.12, 6\.18, 7\.3$"
    ):
        kernels.fetch("4.19")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            ["-q", "--kernel", "4.19", "tests/maps"],
            "there is no kernel '4.19' to try; there are 5.10, 6.1, 6.12, 6.18, 7.3",
        ),
        (["--kernel=6.1", "--kernel"], "expected one argument"),
    ],
)
def test_what_the_command_refuses(arguments: list[str], problem: str) -> None:
    done = osmia_test(*arguments)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"./osmia test: error: argument --kernel: {problem}"
    assert not done.stdout


def test_the_arguments_of_pytest_are_left_as_they_are() -> None:
    given = [
        "-q",
        "-k",
        "a or b",
        "--kernel",
        "6.1",
        "tests/maps",
        "--kernel-timeout=5",
        "--full",
        "-x",
        "--kernel=5.10",
    ]
    options, rest = try_kernel.parse(given)
    assert (options.versions, options.kernel_timeout, options.compile_here) == (["6.1", "5.10"], 5, True)
    assert rest == ["-q", "-k", "a or b", "tests/maps", "--full", "-x"]


@pytest.mark.parametrize(
    ("changed", "value", "problem"),
    [
        ("os.geteuid", lambda: 1000, "a virtual machine is given this machine's files, which takes root"),
        ("vm.kernels.fetch", raises_packages_error, "Debian's bookworm has no cloud kernel 6.1 any more"),
    ],
    ids=["no root", "no package"],
)
def test_where_there_is_no_machine_to_be_had(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], changed: str, value: object, problem: str
) -> None:
    """Nothing runs then, here neither."""
    monkeypatch.setattr(sys, "argv", ["try_kernel.py", "--kernel", "6.1"])
    monkeypatch.setattr(machine, "emulator", machine.emulator if changed == "os.geteuid" else lambda: None)
    monkeypatch.setattr(changed, value)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert try_kernel.main() == try_kernel.CANNOT != 0
    assert capsys.readouterr() == ("", f"osmia: cannot test on another kernel: {problem}\n")


def test_modules_stand_behind_what_they_need(tmp_path: Path) -> None:
    def module(name: str, depends: str) -> None:
        (tmp_path / "kernel" / f"{name}.ko").write_bytes(b"\x7fELF\0depends=%s\0name=x\0" % depends.encode())

    (tmp_path / "kernel").mkdir()
    (tmp_path / "modules.builtin").write_text("kernel/net/core-part.ko\n")
    module("virtio-fs", "fuse,virtio-ring,core_part")
    module("fuse", "")
    module("virtio-ring", "fuse")
    made = kernels.Kernel("1.0", tmp_path, tmp_path)
    assert [each.name for each in kernels.load_order(made, ("virtio_fs", "core_part", "fuse"))] == [
        "fuse",
        "virtio_ring",
        "virtio_fs",
    ]
    with pytest.raises(PackagesError, match=r"^kernel 1\.0 has no module veth$"):
        kernels.load_order(made, ("veth",))
