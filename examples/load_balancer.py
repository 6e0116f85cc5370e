"""Send IPv4 packets on to one of several machines, by their addresses.

`python load_balancer.py eth0 02:00:00:00:00:01 02:00:00:00:00:02@eth1`: a machine without an interface is on the
network that the packets come from.
"""

import sys
import time
from contextlib import suppress

from osmia import Array, DevMap, FixedArray, Global, XdpAction, XdpContext, array, sizeof, struct, u8, u32, u64, xdp
from osmia.checksum import checksum_replace
from osmia.headers import Ethernet, EtherType, IPv4

SLOTS = 16


@struct
class Machine:
    """Where packets go, and how many went there."""

    mac: FixedArray[u8] = array(u8, 6)
    packets: u64 = 0
    elsewhere: bool = False
    """Whether they go out of another interface than the one they came in by."""


machines = Array(Machine, max_entries=SLOTS)
ports = DevMap(max_entries=SLOTS)
count = Global(u32)


@xdp(on_error=XdpAction.PASS)
def balance(ctx: XdpContext) -> XdpAction:
    """Give the packet another receiver, and send it out; the sender's address becomes this machine's."""
    eth, ip = ctx.packet.at(Ethernet, 0), ctx.packet.at(IPv4, sizeof(Ethernet))
    if eth is None or ip is None or eth.ether_type != EtherType.IPV4 or ip.ttl <= 1:
        return XdpAction.PASS
    slot = (ip.src ^ ip.dst) % count.value % SLOTS
    machine = machines.lookup(slot)
    if machine is None:
        return XdpAction.PASS
    machine.packets += 1
    eth.src = eth.dst
    eth.dst = machine.mac
    # Of what the checksum counts, the TTL is the high byte of a word, and the protocol the low one.
    ip.checksum = checksum_replace(ip.checksum, ip.ttl << 8, ip.ttl - 1 << 8)
    ip.ttl -= 1
    return ports.redirect(slot, XdpAction.DROP) if machine.elsewhere else XdpAction.TX


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    balance.load()
    for slot, argument in enumerate(sys.argv[2:]):
        mac, at, interface = argument.partition("@")
        machines[slot] = Machine(mac=array(u8, 6, bytes.fromhex(mac.replace(":", ""))), elsewhere=bool(at))
        if at:
            ports[slot] = interface
    count.value = len(sys.argv) - 2
    with suppress(KeyboardInterrupt), balance.attach(sys.argv[1]):
        while True:
            for slot in range(count.value):
                print(bytes(machines[slot].mac).hex(":"), machines[slot].packets, flush=True)
            time.sleep(1)
