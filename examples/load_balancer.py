"""Send IPv4 packets on to one of several machines on the same network, by their addresses.

`python load_balancer.py eth0 02:00:00:00:00:01 02:00:00:00:00:02`
"""

import sys
import time
from contextlib import suppress

from osmia import Array, FixedArray, Global, XdpAction, XdpContext, array, sizeof, struct, u8, u32, u64, xdp
from osmia.checksum import checksum_replace
from osmia.headers import Ethernet, EtherType, IPv4

SLOTS = 16


@struct
class Machine:
    """Where packets go, and how many went there."""

    mac: FixedArray[u8] = array(u8, 6)
    packets: u64 = 0


machines = Array(Machine, max_entries=SLOTS)
count = Global(u32)


@xdp(on_error=XdpAction.PASS)
def balance(ctx: XdpContext) -> XdpAction:
    """Give the packet another receiver, and send it back out; the sender's address becomes this machine's."""
    eth, ip = ctx.packet.at(Ethernet, 0), ctx.packet.at(IPv4, sizeof(Ethernet))
    if eth is None or ip is None or eth.ether_type != EtherType.IPV4 or ip.ttl <= 1:
        return XdpAction.PASS
    machine = machines.lookup((ip.src ^ ip.dst) % count.value % SLOTS)
    if machine is None:
        return XdpAction.PASS
    machine.packets += 1
    eth.src = eth.dst
    eth.dst = machine.mac
    # Of what the checksum counts, the TTL is the high byte of a word, and the protocol the low one.
    ip.checksum = checksum_replace(ip.checksum, ip.ttl << 8, ip.ttl - 1 << 8)
    ip.ttl -= 1
    return XdpAction.TX


if __name__ == "__main__":
    balance.load()
    for slot, mac in enumerate(sys.argv[2:]):
        machines[slot] = Machine(mac=array(u8, 6, bytes.fromhex(mac.replace(":", ""))))
    count.value = len(sys.argv) - 2
    with suppress(KeyboardInterrupt), balance.attach(sys.argv[1]):
        while True:
            for slot in range(count.value):
                print(bytes(machines[slot].mac).hex(":"), machines[slot].packets, flush=True)
            time.sleep(1)
