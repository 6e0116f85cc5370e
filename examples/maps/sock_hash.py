"""SockHash: every TCP connection of a cgroup by its ports, put there by the kernel as it is made."""

import os
import socket
from pathlib import Path

from osmia import SockHash, SockOpsContext, sock_ops, struct, u32

ESTABLISHED = (4, 5)  # BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB, BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB


@struct(frozen=True)
class Ports:
    remote: u32
    local: u32


connections = SockHash(Ports, max_entries=1024)


@sock_ops
def gather(ctx: SockOpsContext) -> int:
    if ctx.op in ESTABLISHED:
        connections.sock_update(Ports(remote=ctx.remote_port, local=ctx.local_port))
    return 1


if __name__ == "__main__":
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    root = next(Path(line.split()[4]) for line in mounts if " - cgroup2 " in line)
    own = next(line[4:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
    cgroup = root / f"osmia-example-{os.getpid()}"
    cgroup.mkdir()
    gather.load()  # before this process moves: what compiles it would stay in the cgroup
    try:
        (cgroup / "cgroup.procs").write_text(str(os.getpid()))
        with gather.attach(str(cgroup)), socket.create_server(("127.0.0.1", 0)) as server:
            with socket.create_connection(server.getsockname()) as client, server.accept()[0]:
                port, listening = client.getsockname()[1], server.getsockname()[1]
                ends = {Ports(remote=listening, local=port), Ports(remote=port, local=listening)}
                print("both ends:", ends == set(connections))
            print("after they are closed:", len(connections))
    finally:
        (root / own / "cgroup.procs").write_text(str(os.getpid()))
        cgroup.rmdir()
