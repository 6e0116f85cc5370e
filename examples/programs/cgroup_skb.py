"""@cgroup_skb: what a cgroup's processes send to a port is dropped, and they are told so."""

import os
import subprocess
import sys
from pathlib import Path

from osmia import CgroupAction, CgroupSkbContext, Global, cgroup_skb, sizeof, u64
from osmia.headers import IPv4, Udp
from osmia.maps.cgroup_directory import cgroup_root

denied = Global(u64)
SEND = """
import socket
for port in (53, 5353):
    try:
        print("to", port, socket.socket(type=socket.SOCK_DGRAM).sendto(b"hello", ("127.0.0.1", port)))
    except PermissionError as error:
        print("to", port, error)
"""


@cgroup_skb("egress", on_error=CgroupAction.ALLOW)
def no_dns(ctx: CgroupSkbContext) -> CgroupAction:
    udp = ctx.packet.at(Udp, sizeof(IPv4))  # there is no Ethernet header here
    if udp is None or ctx.protocol != 0x0800 or udp.dst != 53:
        return CgroupAction.ALLOW
    denied.value += 1
    return CgroupAction.DENY


if __name__ == "__main__":
    group = Path(cgroup_root()) / f"osmia-{os.getpid()}"
    group.mkdir()
    try:
        with no_dns.attach(group):
            enter = (group / "cgroup.procs").write_text
            subprocess.run([sys.executable, "-Ic", SEND], preexec_fn=lambda: enter("0"), check=True)
        print("denied:", denied.value)
    finally:
        group.rmdir()
