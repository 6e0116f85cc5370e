"""@sock_ops: count a cgroup's TCP connections, those that it made and those that it took."""

import os
import subprocess
import sys
from pathlib import Path

from osmia import Global, SockOpsContext, sock_ops, u64
from osmia.maps.cgroup_directory import cgroup_root

made = Global(u64)
taken = Global(u64)
CONNECT = """
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    for _ in range(3):
        socket.create_connection(server.getsockname()), server.accept()
"""


@sock_ops
def connections(ctx: SockOpsContext) -> int:
    if ctx.op == 4:  # BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB
        made.value += 1
    elif ctx.op == 5:  # BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB
        taken.value += 1
    return 0


if __name__ == "__main__":
    group = Path(cgroup_root()) / f"osmia-{os.getpid()}"
    group.mkdir()
    try:
        with connections.attach(group):
            enter = (group / "cgroup.procs").write_text
            subprocess.run([sys.executable, "-Ic", CONNECT], preexec_fn=lambda: enter("0"), check=True)
        print("made:", made.value, "taken:", taken.value)
    finally:
        group.rmdir()
