"""Contexts that are structs of linux/bpf.h, with what their members hold unless a test says it."""

from __future__ import annotations

from osmia.abi.generated.contexts import CONTEXTS
from osmia.errors import shown
from osmia.vm.contexts import LENGTHS, Context, refuse_packet
from osmia.vm.memory import READY
from osmia.vm.naming import named
from osmia.vm.network import LOOPBACK
from osmia.vm.objects import AF_INET, AF_INET6, CLOSE, TCP, UDP, KernelObject, standing
from osmia.vm.packet import FRAME, HEADROOM, SHARED_INFO, Packet
from osmia.vm.tunnel import tunnel_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia.vm.contexts import Fields
    from osmia.vm.machine import Machine
    from osmia.vm.program import VmProgram

    Defaults = Callable[[Machine, bytes, Fields], dict[str, object]]

ETHERNET = 14
ROOM = "remaining_opt_len"
"""Of struct bpf_sock_ops_kern: the bytes of options that may still be reserved or, on the event behind, written."""
IPV4, IPV6 = 0x0800, 0x86DD
FIRST_PROTOCOL = 0x600
"""Smaller numbers in an Ethernet header are lengths."""
MOST_OPTIONS = 40
"""The bytes of options that a TCP header may have."""
HOST, MULTICAST, OTHER_HOST = 0, 2, 3
"""PACKET_*: whom a packet is for. The loopback interface's own address is zeros, and so is what it broadcasts to."""


def build(machine: Machine, program: VmProgram, packet: bytes | None, fields: Fields) -> Context:
    """The context of one run of a program whose kind has a struct for it."""
    kind = program.kind
    if kind.packet is None:
        refuse_packet(program, packet)
    elif packet is None and kind.name != "sock_ops":  # few of a connection's events have one
        raise TypeError(f"{program.name}: programs of kind {kind.name} are given a packet: bytes, b'' for an empty one")
    fields = _with_objects(machine, fields)
    context = Context(machine, program, CONTEXTS[kind.context_struct])
    try:
        data = packet or b""
        defaults = _DEFAULTS[kind.name](machine, data, fields)
        if kind.name == "cgroup_sock":
            fields = _from_socket(context, dict(fields))
        elif kind.name == "sock_ops" and ROOM in fields:
            fields = _with_room(context, dict(fields))
        if packet is not None:
            _refuse_places(context, fields)
        for name, value in {**defaults, **fields}.items():
            context.set(name, value)
        hook = kind.hook(program.section)
        for field in kind.fields.values():
            if field.writable and (not field.hooks or hook in field.hooks):
                machine.memory.paint(context.address + field.offset, field.bits // 8 * max(field.length, 1), READY)
        if packet is not None:
            _place(context, data)
    except BaseException:
        context.close()
        raise
    return context


def _with_objects(machine: Machine, fields: Fields) -> Fields:
    """The same, with the object that storage names by a socket of Python's in place of that socket."""
    named_by = {name: fields[name] for name in ("sk", "socket") if hasattr(fields.get(name), "fileno")}
    return {**fields, **{name: named(machine, "socket", given) for name, given in named_by.items()}}


def _refuse_places(context: Context, fields: Fields) -> None:
    """Refuse members that say where a packet lies, and how long it is, beside the packet itself."""
    access = context.program.kind.packet
    assert access is not None, "a kind without packets is given none"
    places = (access.data, access.data_end, access.data_meta)
    for name in fields:
        member = context.members.get(name)
        if member is not None and (name in LENGTHS or member.offset in places):
            raise TypeError(
                f"{context.program.name}: {name} is what the packet says that it is given: leave {name}= out"
            )


def _place(context: Context, data: bytes) -> None:
    """Put the packet where the context says that it lies."""
    kind = context.program.kind
    assert kind.packet is not None, "who calls has looked"
    # Programs of cgroups see a packet from its IP header on.
    front = min(ETHERNET, len(data)) if kind.name == "cgroup_skb" else 0
    tailroom = max(FRAME - SHARED_INFO - HEADROOM - len(data), 0) if kind.name == "xdp" else FRAME
    memory = context.machine.memory
    context.packet = Packet(memory, data, writable=kind.packet.writable, front=front, tailroom=tailroom)
    context.mac = -front
    context.network = ETHERNET if kind.name in ("xdp", "sched_cls") else 0
    if kind.name == "sched_cls":
        context.tunnel = tunnel_of(context.machine.tunnel_key)
    context.packet_moved()


def _xdp(_machine: Machine, _packet: bytes, _fields: Fields) -> dict[str, object]:
    return {"ingress_ifindex": LOOPBACK}


def _above_driver(machine: Machine, packet: bytes, fields: Fields) -> dict[str, object]:
    """A packet with its Ethernet header, and a socket of its addresses, as BPF_PROG_TEST_RUN makes one."""
    protocol = ethernet_protocol(packet[12:])
    found: dict[str, object] = {
        "ifindex": LOOPBACK,
        "protocol": protocol,
        "pkt_type": _packet_type(packet[:6]),
    }
    sk = fields["sk"] if "sk" in fields else _socket_of(machine, protocol, packet[ETHERNET:])
    return found | _of_socket(sk)


def ethernet_protocol(data: bytes) -> int:
    """The protocol that stands in an Ethernet header, or is known for the length that stands there (ETH_P_802_*)."""
    found = int.from_bytes(data[:2], "big")
    if found >= FIRST_PROTOCOL:
        return found
    return 1 if data[2:4] == b"\xff\xff" else 4


def _packet_type(destination: bytes) -> int:
    if not any(destination):
        return HOST
    return MULTICAST if destination[0] & 1 else OTHER_HOST


def _socket_of(machine: Machine, protocol: int, packet: bytes) -> KernelObject:
    """A socket that is not connected, and of which nothing but the packet's addresses is known."""
    none: dict[str, object] = {"src_ip4": 0, "dst_ip4": 0, "src_ip6": (0, 0, 0, 0), "dst_ip6": (0, 0, 0, 0)}
    fields = {"type": 0, "protocol": 0, "state": CLOSE, "family": 0, **none}
    if protocol == IPV4 and len(packet) >= 20:
        fields |= {"family": AF_INET, "src_ip4": _words(packet[12:16])[0], "dst_ip4": _words(packet[16:20])[0]}
    elif protocol == IPV6 and len(packet) >= 40:
        fields |= {"family": AF_INET6, "src_ip6": _words(packet[8:24]), "dst_ip6": _words(packet[24:40])}
    return standing(machine, "socket of a packet", "bpf_sock", **fields)


def _words(data: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(data[at : at + 4], "big") for at in range(0, len(data), 4))


def _received(machine: Machine, _packet: bytes, fields: Fields) -> dict[str, object]:
    """What a connected socket receives."""
    sk = fields["sk"] if "sk" in fields else _connected(machine)
    return {"ifindex": LOOPBACK, "protocol": IPV4, **_of_socket(sk)}


def _connected(machine: Machine) -> KernelObject:
    return standing(machine, "connected socket", "bpf_sock")


def _of_socket(sk: object) -> dict[str, object]:
    """The members of a context that say what its socket says; the socket is one of them."""
    if not isinstance(sk, KernelObject):
        return {"sk": sk}
    return {
        "sk": sk,
        "family": sk.get("family"),
        "local_ip4": sk.get("src_ip4"),
        "local_ip6": sk.get("src_ip6"),
        "local_port": sk.get("src_port"),
        "remote_ip4": sk.get("dst_ip4"),
        "remote_ip6": sk.get("dst_ip6"),
        "remote_port": sk.get("dst_port"),
    }


def _sent(machine: Machine, _packet: bytes, fields: Fields) -> dict[str, object]:
    """A message that a socket sends."""
    return _of_socket(fields["sk"] if "sk" in fields else _connected(machine))


def _connection(machine: Machine, _packet: bytes, fields: Fields) -> dict[str, object]:
    """An event of a connection: of a full socket, unless the test says it is none."""
    full = bool(fields.get("is_fullsock", 1))
    sk = fields["sk"] if "sk" in fields else _connected(machine) if full else None
    found = {"is_fullsock": int(full), "family": AF_INET, **_of_socket(sk)}
    if isinstance(sk, KernelObject):
        found["state"] = sk.get("state")
    return found


def _made(_machine: Machine, _packet: bytes, _fields: Fields) -> dict[str, object]:
    """A socket that a process makes."""
    return {"family": AF_INET, "type": 1, "protocol": TCP, "state": CLOSE, "rx_queue_mapping": -1}


def _from_socket(context: Context, fields: dict[str, object]) -> dict[str, object]:
    """What the context holds: what a socket does that a test gives as `socket`, and what else it says."""
    given = fields.pop("socket", None)
    if given is not None and not (isinstance(given, KernelObject) and given.is_socket):
        raise TypeError(f"{context.program.name}: socket is one that the machine made, not {shown(given)}")
    context.socket = given or standing(context.machine, "the socket itself", "bpf_sock")
    held = {name: context.socket.get(name) for name in context.members} if given is not None else {}
    return held | fields


def _with_room(context: Context, fields: dict[str, object]) -> dict[str, object]:
    """What the context holds, but for the room for options of a TCP header, which no member shows."""
    room = fields.pop(ROOM)
    if not isinstance(room, int) or isinstance(room, bool):
        raise TypeError(f"{context.program.name}: {ROOM} is a number of bytes, not {shown(room)}")
    if not 0 <= room <= MOST_OPTIONS:
        raise ValueError(f"{context.program.name}: {ROOM} is 0 to {MOST_OPTIONS}, which TCP headers have, not {room}")
    context.extra[ROOM] = room
    return fields


def _looked_up(_machine: Machine, _packet: bytes, _fields: Fields) -> dict[str, object]:
    return {"family": AF_INET, "protocol": TCP, "ingress_ifindex": LOOPBACK}


def _for_one_of_many(machine: Machine, _packet: bytes, fields: Fields) -> dict[str, object]:
    """A packet for one of the sockets that share a port."""
    found: dict[str, object] = {"eth_protocol": IPV4, "ip_protocol": UDP}
    if "sk" not in fields:
        found["sk"] = standing(machine, "one of many", "bpf_sock", type=2, protocol=UDP, state=CLOSE)
    return found


_DEFAULTS: dict[str, Defaults] = {
    "xdp": _xdp,
    "sched_cls": _above_driver,
    "cgroup_skb": _above_driver,
    "sk_skb": _received,
    "sk_msg": _sent,
    "sock_ops": _connection,
    "cgroup_sock": _made,
    "sk_lookup": _looked_up,
    "sk_reuseport": _for_one_of_many,
}
