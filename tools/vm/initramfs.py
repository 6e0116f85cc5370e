"""The first file system of a virtual machine: what brings up the host's files in it and runs one command."""

from __future__ import annotations

import shlex
import stat
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vm.kernels import Module

# What the machine mounts the host's files as, and where it writes the command's exit status.
HOST_TAG = "host"
STATUS_PORT = "/dev/ttyS1"
WRITABLE = "/run"
"""The directory of the guest that can be written to: the host's files are read-only there."""

_DIRECTORIES = ("bin", "dev", "host", "modules", "proc", "sys")

# The second script's own directory, in the host's files as the guest sees them.
_OWN = f"{WRITABLE}/machine"

# Anything that fails before the command ends the script; the kernel then panics, and the machine ends without a status.
_INIT = """\
#!/bin/busybox sh
set -eu
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
stty -F /dev/ttyS0 -onlcr
for module in {modules}; do insmod "/modules/$module"; done
mount -t virtiofs -o ro {tag} /host
for directory in proc sys dev; do mount --move "/$directory" "/host/$directory"; done
mkdir -p /host/dev/pts /host/dev/shm
mount -t devpts devpts /host/dev/pts
mount -t tmpfs tmpfs /host/dev/shm
mount -t tmpfs tmpfs /host{writable}
mount -t bpf bpf /host/sys/fs/bpf
mount -t tracefs tracefs /host/sys/kernel/tracing
mount -t securityfs securityfs /host/sys/kernel/security
mount -t cgroup2 cgroup2 /host/sys/fs/cgroup
ip link set lo up
mkdir /host{own}
cp /bin/busybox /command /host{own}
exec switch_root -c /dev/console /host {own}/busybox sh {own}/command
"""

# With the host's files as its root, not in a chroot: some things the kernel refuses there, such as user namespaces.
_COMMAND = """\
{own}/busybox sh -c {line} </dev/null
status=$?
# Changing a terminal's settings waits for its output; so does closing it.
{own}/busybox stty -F /dev/ttyS0 sane
echo "$status" >{status_port}
exec {own}/busybox poweroff -f
"""


def script(arguments: Sequence[str], directory: Path, environment: Mapping[str, str]) -> str:
    """The shell's line that runs a command in a directory, with this environment and no other."""
    variables = [f"{name}={value}" for name, value in environment.items()]
    return f"cd {shlex.quote(str(directory))} && exec {shlex.join(['env', '-i', *variables, *arguments])}"


def write(path: Path, busybox: Path, modules: Sequence[Module], line: str) -> None:
    """Write the archive; `line` is what the shell runs when everything is there."""
    init = _INIT.format(modules=" ".join(module.name for module in modules), tag=HOST_TAG, writable=WRITABLE, own=_OWN)
    command = _COMMAND.format(line=shlex.quote(line), status_port=STATUS_PORT, own=_OWN)
    with path.open("wb") as file:
        archive = _Archive(file)
        for name in _DIRECTORIES:
            archive.add(name, stat.S_IFDIR | 0o755)
        archive.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
        archive.add("bin/busybox", stat.S_IFREG | 0o755, busybox.read_bytes())
        for module in modules:
            archive.add(f"modules/{module.name}", stat.S_IFREG | 0o644, module.data)
        archive.add("command", stat.S_IFREG | 0o644, command.encode())
        archive.add("init", stat.S_IFREG | 0o755, init.encode())
        archive.add("TRAILER!!!", 0)


class _Archive:
    """A cpio archive in the format that the kernel unpacks (`newc`)."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._members = 0

    def add(self, name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> None:
        """Append one member."""
        self._members += 1
        inode, owner, group, links, changed, file_device, checksum = self._members, 0, 0, 1, 0, (0, 0), 0
        named = name.encode() + b"\0"
        numbers = [inode, mode, owner, group, links, changed, len(data), *file_device, *device, len(named), checksum]
        header = "070701" + "".join(f"{number:08x}" for number in numbers)
        for part in (header.encode() + named, data):
            self._file.write(part + bytes(-len(part) % 4))
