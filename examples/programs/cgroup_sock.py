"""@cgroup_sock: a cgroup's processes get no sockets of IP but streams."""

import os
import subprocess
import sys
from pathlib import Path

from osmia import Array, CgroupAction, CgroupSockContext, cgroup_sock, u64
from osmia.maps.cgroup_directory import cgroup_root

refused = Array(u64, max_entries=16)  # by the type of the socket
MAKE = """
import socket
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    try:
        print(kind.name, socket.socket(type=kind).type == kind)
    except PermissionError as error:
        print(kind.name, error)
"""


@cgroup_sock("sock_create", on_error=CgroupAction.DENY)
def streams_only(ctx: CgroupSockContext) -> CgroupAction:
    if ctx.type == 1:  # SOCK_STREAM
        return CgroupAction.ALLOW
    refused[ctx.type & 15] += 1
    return CgroupAction.DENY


if __name__ == "__main__":
    group = Path(cgroup_root()) / f"osmia-{os.getpid()}"
    group.mkdir()
    try:
        with streams_only.attach(group):
            enter = (group / "cgroup.procs").write_text
            subprocess.run([sys.executable, "-Ic", MAKE], preexec_fn=lambda: enter("0"), check=True)
        print("refused:", {kind: count for kind, count in refused.items() if count})
    finally:
        group.rmdir()
