"""CgroupArray: tell apart what processes of a cgroup send, and what all others do."""

import os
import socket
from pathlib import Path

from osmia import CgroupAction, CgroupArray, CgroupSkbContext, HashMap, cgroup_skb, i64, u64
from osmia.maps.cgroup_directory import cgroup_root

groups = CgroupArray(max_entries=1)
packets = HashMap(i64, u64, max_entries=4)  # by what the kernel says: 1 in the group, 0 not


@cgroup_skb("egress", on_error=CgroupAction.ALLOW)
def sends(ctx: CgroupSkbContext) -> CgroupAction:
    count = packets.lookup_or_init(groups.current_task_under(0), 0)
    if count is not None:
        count.value += 1
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
    above = Path(cgroup_root()) / f"osmia-{os.getpid()}"
    below = above / "below"
    below.mkdir(parents=True)
    try:
        with sends.attach(above):
            groups[0] = below
            send(above, 2)
            send(below, 3)
        print("others:", packets[0], "in the group:", packets[1])
    finally:
        below.rmdir()
        above.rmdir()
