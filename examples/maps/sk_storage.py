"""SkStorage: count what each socket of a cgroup sends, and ask for it by the socket."""

import os
import socket
from pathlib import Path

from osmia import CgroupAction, CgroupSkbContext, SkStorage, cgroup_skb, u64
from osmia.maps.cgroup_directory import cgroup_root

octets = SkStorage(u64)


@cgroup_skb("egress", on_error=CgroupAction.ALLOW)
def count(ctx: CgroupSkbContext) -> CgroupAction:
    sk = ctx.sk
    if sk is None:
        return CgroupAction.ALLOW
    sent = octets.get(sk, 0)  # made where the socket has none
    if sent is not None:
        sent.value += ctx.len
    return CgroupAction.ALLOW


def in_the_group(group: Path) -> None:
    """Send from two sockets, in a process in the cgroup."""
    (group / "cgroup.procs").write_text("0")
    with socket.socket(type=socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        octets[other] = 1000
        for _ in range(3):
            one.sendto(bytes(72), other.getsockname())  # and 28 bytes of headers
        other.sendto(bytes(72), one.getsockname())
        print("one:", octets[one], "other:", octets.pop(other), flush=True)


if __name__ == "__main__":
    group = Path(cgroup_root()) / f"osmia-{os.getpid()}"
    group.mkdir()
    try:
        with count.attach(group):
            child = os.fork()
            if child == 0:
                try:
                    in_the_group(group)
                finally:
                    os._exit(0)
            os.waitpid(child, 0)
    finally:
        group.rmdir()
