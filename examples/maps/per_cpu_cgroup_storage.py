"""PerCpuCgroupStorage: count a cgroup's packets on whichever CPU they are sent, without sharing a number."""

import os
import socket
from pathlib import Path

from osmia import CgroupAction, CgroupSkbContext, PerCpuCgroupStorage, cgroup_skb, u64
from osmia.maps.cgroup_directory import cgroup_root

packets = PerCpuCgroupStorage(u64)


@cgroup_skb("egress", on_error=CgroupAction.ALLOW)
def count(ctx: CgroupSkbContext) -> CgroupAction:
    packets.local().value += 1
    return CgroupAction.ALLOW


def send(group: Path, count: int) -> None:
    """Send packets to itself from a process in the cgroup."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        (group / "cgroup.procs").write_text("0")
        with socket.socket(type=socket.SOCK_DGRAM) as own:
            own.bind(("127.0.0.1", 0))
            for _ in range(count):
                own.sendto(b"x", own.getsockname())
    finally:
        os._exit(0)


if __name__ == "__main__":
    group = Path(cgroup_root()) / f"osmia-{os.getpid()}"
    group.mkdir()
    try:
        with count.attach(group) as link:
            send(group, 5)
            print("sent:", packets[link.cgroup_id].sum())
            packets[link.cgroup_id] = [0] * len(packets[link.cgroup_id])
            print("cleared:", packets[link.cgroup_id].sum())
    finally:
        group.rmdir()
