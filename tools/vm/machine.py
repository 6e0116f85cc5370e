"""A virtual machine that sees this machine's files, read-only, and runs one command on another kernel."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from debian_packages import PackagesError, library_path, unpack
from vm import initramfs, kernels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vm.kernels import Kernel

# virtiofs carries the host's files; the tests' namespaces need veth.
MODULES = ("virtio_pci", "virtiofs", "veth")
_CPUS = 2
_MEMORY = "2048M"
# Kept waiting at its start, a machine is not to take its timer to be broken. Without cmpxchg16b, later kernels have no
# memory for arenas, unless they check the allocator's free lists.
_KERNEL_PARAMETERS = "no_timer_check slab_debug=F,kmalloc-*"


class MachineError(Exception):
    """The machine did not come to the command's end; the text says why."""


class Command(NamedTuple):
    """What is to run in a machine."""

    arguments: Sequence[str]
    directory: Path
    environment: Mapping[str, str]  # all of it


class Emulator(NamedTuple):
    """The programs that make up a machine."""

    qemu: Path
    virtiofsd: Path
    busybox: Path
    data: Path  # where qemu's firmware is
    environment: dict[str, str]


class Files:
    """The files of one machine."""

    def __init__(self, directory: Path) -> None:
        self.archive = directory / "initramfs"
        self.status = directory / "status"
        """Where the machine writes the command's exit status."""
        self.socket = directory / "files"
        """Where it gets this machine's files."""
        self.log = directory / "log"
        """What virtiofsd says."""


def emulator() -> Emulator:
    """The programs, from Debian packages that are unpacked privately; PackagesError where they cannot be had."""
    if os.uname().machine != "x86_64":
        raise PackagesError(
            f"virtual machines run this machine's programs, and so need x86-64, not {os.uname().machine}"
        )
    if os.geteuid() != 0:
        raise PackagesError("a virtual machine is given this machine's files, which takes root")
    qemu = unpack("qemu-system-x86", "qemu-system-common", "qemu-system-data", "seabios")
    busybox = unpack("busybox-static", dependencies=False)
    served = qemu if (qemu / "usr/lib/qemu/virtiofsd").exists() else unpack("virtiofsd")  # of its own since Debian 13
    return Emulator(
        _existing(qemu / "usr/bin/qemu-system-x86_64"),
        _existing(served / "usr/lib/qemu/virtiofsd", served / "usr/libexec/virtiofsd"),
        _existing(busybox / "bin/busybox", busybox / "usr/bin/busybox"),
        _existing(qemu / "usr/share/qemu"),
        {"LD_LIBRARY_PATH": os.pathsep.join(dict.fromkeys(map(library_path, (qemu, served))))},
    )


def run(kernel: Kernel, command: Command, *, seconds: float) -> int:
    """Boot a kernel, run a command there, print what it prints, and give its exit status.

    Nothing of the machine is left when this returns or raises. Raises PackagesError where there is no emulator, and
    MachineError where the command does not end within `seconds` or the kernel dies.
    """
    programs = emulator()
    with tempfile.TemporaryDirectory(prefix="osmia-vm-") as name:
        files = Files(Path(name))
        modules = kernels.load_order(kernel, MODULES)
        initramfs.write(files.archive, programs.busybox, modules, initramfs.script(*command))
        with _served_files(programs, files):
            ended = _qemu(programs, kernel, files, seconds)
        written = files.status.read_text().strip() if files.status.exists() else ""
        if not written:
            problem = f"the machine with kernel {kernel.release} ended before the command did"
            if ended != 0:
                problem += f": qemu's exit status is {ended}; virtiofsd says: {files.log.read_text().strip()}"
            raise MachineError(problem)
        return int(written)


def _qemu(programs: Emulator, kernel: Kernel, files: Files, seconds: float) -> int:
    options = {
        # One thread for both CPUs: with more, a kernel that changes its own code while the other CPU runs it dies.
        "accel": "tcg,thread=single",
        "machine": "q35,memory-backend=memory",
        "cpu": "max,cx16=off",  # qemu 7.2 gets cmpxchg16b wrong, and kernels from 6.12 die of it
        "smp": str(_CPUS),
        "m": _MEMORY,
        "object": f"memory-backend-memfd,id=memory,size={_MEMORY},share=on",
        "chardev": f"socket,id=files,path={files.socket}",
        "device": f"vhost-user-fs-pci,chardev=files,tag={initramfs.HOST_TAG}",
        "display": "none",
        "kernel": str(kernel.image),
        "initrd": str(files.archive),
        "append": f"console=ttyS0 quiet panic=-1 nokaslr {_KERNEL_PARAMETERS}",
        "L": str(programs.data),
    }
    arguments: list[str | Path] = [part for name, value in options.items() for part in (f"-{name}", value)]
    arguments += ["-nodefaults", "-no-user-config", "-no-reboot", "-serial", "stdio", "-serial", f"file:{files.status}"]
    with _ending([programs.qemu, *arguments], programs, stdin=subprocess.DEVNULL) as qemu:
        try:
            return qemu.wait(seconds)
        except subprocess.TimeoutExpired:
            raise MachineError(f"the command did not end on kernel {kernel.release} within {seconds:.0f} s") from None


@contextmanager
def _served_files(programs: Emulator, files: Files) -> Iterator[None]:
    """Serve this machine's files at a socket, for one machine."""
    with socket.socket(socket.AF_UNIX) as listening, files.log.open("w") as messages:
        listening.bind(str(files.socket))
        listening.listen(1)
        command: list[str | Path] = [programs.virtiofsd, f"--fd={listening.fileno()}"]
        for option in ("source=/", "cache=always", "sandbox=chroot"):
            command += ["-o", option]
        with _ending(
            command, programs, stdin=subprocess.DEVNULL, stderr=messages, stdout=messages, pass_fds=[listening.fileno()]
        ):
            listening.close()
            yield


@contextmanager
def _ending(command: Sequence[str | Path], programs: Emulator, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block, and with this process however that ends."""
    setpriv = shutil.which("setpriv", path=f"{os.environ.get('PATH', os.defpath)}:/usr/bin")
    if setpriv is None:
        raise PackagesError("there is no setpriv on this machine (apt install util-linux)")
    environment = os.environ | programs.environment
    process = subprocess.Popen([setpriv, "--pdeathsig", "KILL", *command], env=environment, **options)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _existing(*places: Path) -> Path:
    """The first of these paths that exists."""
    for place in places:
        if place.exists():
            return place
    raise PackagesError(f"expected {' or '.join(map(str, places))} in the unpacked packages, and it is not there")
