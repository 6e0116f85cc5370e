"""CgroupStorage: a cgroup may send so many packets, and user code says how many."""

import os
import socket
from contextlib import suppress
from pathlib import Path

from osmia import CgroupAction, CgroupSkbContext, CgroupStorage, cgroup_skb, struct, u64
from osmia.maps.cgroup_directory import cgroup_root


@struct
class Budget:
    left: u64 = 0
    dropped: u64 = 0


budgets = CgroupStorage(Budget)


@cgroup_skb("egress", on_error=CgroupAction.ALLOW)
def spend(ctx: CgroupSkbContext) -> CgroupAction:
    budget = budgets.local()
    if budget.left == 0:
        budget.dropped += 1
        return CgroupAction.DENY
    budget.left -= 1
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
                with suppress(PermissionError):  # what a program denies
                    own.sendto(b"x", own.getsockname())
    finally:
        os._exit(0)


if __name__ == "__main__":
    group = Path(cgroup_root()) / f"osmia-{os.getpid()}"
    group.mkdir()
    try:
        with spend.attach(group) as link:
            budgets[link.cgroup_id] = Budget(left=3)
            send(group, 5)
            print(len(budgets), "cgroup:", budgets[link.cgroup_id])
    finally:
        group.rmdir()
