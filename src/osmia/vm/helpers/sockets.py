"""Helpers that look for sockets, tell of them, and choose one: `machine.sockets` are those that are found."""

from __future__ import annotations

import errno

from osmia.abi.generated import flags as of
from osmia.abi.generated import helper_ids as ids
from osmia.vm.arithmetic import signed
from osmia.vm.faults import place_of
from osmia.vm.helpers.arguments import object_at
from osmia.vm.memory import READ_ONLY
from osmia.vm.objects import AF_INET, AF_INET6, CLOSE, LISTEN, TCP, UDP, KernelObject
from osmia.vm.references import give_back, take

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper

NOBODY = 65534
"""overflowuid: the owner of what has none."""
STREAM, DATAGRAM = 1, 2
AF_UNIX = 1
_TUPLES = {12: (AF_INET, 4), 36: (AF_INET6, 16)}
"""By the bytes of struct bpf_sock_tuple that are given: the family, and the bytes of an address."""
_ASSIGN_FLAGS = of.BPF_SK_LOOKUP_F_REPLACE | of.BPF_SK_LOOKUP_F_NO_REUSEPORT
_LAST_LOCKED = of.BPF_SOCK_OPS_WRITE_HDR_OPT_CB


def own_socket(run: Execution) -> KernelObject | None:
    """The socket that the run is about; None where there is none."""
    if run.program.kind.name == "cgroup_sock":
        return run.context.socket
    return run.machine.objects.get(run.context.number("sk"))


# Looking for sockets


def _lookup(run: Execution, helper: str, protocol: int, given: tuple[int, int, int, int]) -> int:
    """The address of a socket that is found, which is to be given back; 0 where there is none."""
    tuple_address, size, netns, flags = given
    known = _TUPLES.get(size)
    if known is None or flags or signed(netns & 0xFFFF_FFFF, 32) >= 0:
        return 0
    family, width = known
    data = run.machine.memory.read(tuple_address, size)
    remote, local = data[:width], data[width : 2 * width]
    ports = tuple(int.from_bytes(data[2 * width + at : 2 * width + at + 2], "big") for at in (0, 2))
    here = [each for each in run.machine.sockets if each.number("protocol") == protocol]
    connected = (each for each in here if _ends(each, family, local, remote) and _ports(each) == (ports[1], ports[0]))
    found = next(connected, None) or next(
        (each for each in here if _waits(each, family, local) and _ports(each)[0] == ports[1]), None
    )
    if found is None or (helper != "skc_lookup_tcp" and not found.is_full):
        return 0
    return taken(run, found)


def _ports(socket: KernelObject) -> tuple[int, int]:
    return socket.number("src_port"), socket.number("dst_port")


def _address(socket: KernelObject, name: str, family: int) -> bytes:
    value = socket.get(f"{name}_ip{4 if family == AF_INET else 6}")
    words = value if isinstance(value, tuple) else (value,)
    return b"".join(each.to_bytes(4, "big") for each in words if isinstance(each, int))


def _ends(socket: KernelObject, family: int, local: bytes, remote: bytes) -> bool:
    """Whether a socket is connected between two addresses."""
    if socket.number("family") != family or not socket.number("dst_port"):
        return False
    return (_address(socket, "src", family), _address(socket, "dst", family)) == (local, remote)


def _waits(socket: KernelObject, family: int, local: bytes) -> bool:
    """Whether a socket takes what comes to an address from whomever."""
    if socket.number("family") != family or socket.number("dst_port"):
        return False
    bound = _address(socket, "src", family)
    waits = LISTEN if socket.number("protocol") == TCP else CLOSE
    return socket.number("state") == waits and (not any(bound) or bound == local)


def taken(run: Execution, socket: KernelObject) -> int:
    """A socket for the program alone, until it gives it back: who uses it afterwards is found out."""
    machine, memory = run.machine, run.machine.memory
    code, slot = run.code, run.slot
    block = memory.allocate(socket.block.size, f"struct {socket.struct}", state=READ_ONLY)
    block.origin_at = lambda _offset: f"it was looked up by {place_of((code, slot))}"
    memory.data[block.address : block.address + block.size] = memory.read(socket.address, block.size)
    machine.objects[block.address] = socket

    def drop() -> None:
        del machine.objects[block.address]
        memory.free(block)

    take(run, block.address, "the socket", "sk_release()", drop)
    return block.address


def sk_lookup_tcp(run: Execution, _context: int, *given: int) -> int:
    """A full socket of TCP."""
    return _lookup(run, "sk_lookup_tcp", TCP, given[:4])  # type: ignore[arg-type]


def skc_lookup_tcp(run: Execution, _context: int, *given: int) -> int:
    """A socket of TCP, also of a connection that is being set up, or over."""
    return _lookup(run, "skc_lookup_tcp", TCP, given[:4])  # type: ignore[arg-type]


def sk_lookup_udp(run: Execution, _context: int, *given: int) -> int:
    """A socket of UDP."""
    return _lookup(run, "sk_lookup_udp", UDP, given[:4])  # type: ignore[arg-type]


def sk_release(run: Execution, socket: int, *_: int) -> int:
    """Give a socket back that was looked up."""
    if not give_back(run, socket):
        raise run.fault(
            "helper",
            "sk_release's sock is a socket that the program did not look up",
            fix="give back what sk_lookup_tcp, sk_lookup_udp and skc_lookup_tcp gave, once",
        )
    return 0


# What is known of one


def sk_fullsock(run: Execution, socket: int, *_: int) -> int:
    """The same, where it is a full one."""
    return socket if object_at(run, "sk_fullsock's sk", socket).is_full else 0


def tcp_sock(run: Execution, socket: int, *_: int) -> int:
    """Its TCP side."""
    found = object_at(run, "tcp_sock's sk", socket)
    return found.tcp_address() if found.is_full and found.number("protocol") == TCP else 0


def get_listener_sock(run: Execution, socket: int, *_: int) -> int:
    """The same, where it listens."""
    return socket if object_at(run, "get_listener_sock's sk", socket).number("state") == LISTEN else 0


def _as(name: str) -> Helper:
    """A helper that gives a socket as a struct of the kernel's, where it is one."""

    def cast(run: Execution, socket: int, *_: int) -> int:
        return socket if _IS[name](object_at(run, f"skc_to_{name}'s sk", socket)) else 0

    cast.__name__, cast.__doc__ = f"skc_to_{name}", f"The socket as a struct {name}; 0 where it is none."
    return cast


_IS = {
    "tcp6_sock": lambda s: s.is_full and s.number("protocol") == TCP and s.number("family") == AF_INET6,
    "tcp_sock": lambda s: s.is_full and s.number("protocol") == TCP and s.number("type") == STREAM,
    "tcp_timewait_sock": lambda s: s.struct == "tcp_timewait_sock",
    "tcp_request_sock": lambda s: s.struct == "tcp_request_sock",
    "udp6_sock": lambda s: s.is_full and s.number("protocol") == UDP and s.number("family") == AF_INET6,
    "unix_sock": lambda s: s.is_full and s.number("family") == AF_UNIX,
    "mptcp_sock": lambda s: s.struct == "mptcp_sock",
}


def sock_from_file(run: Execution, file: int, *_: int) -> int:
    """The socket that a file is (`machine.object("file", socket=...)`); 0 where it is none."""
    found = object_at(run, "sock_from_file's file", file).get("socket")
    return found.address if isinstance(found, KernelObject) else 0


def get_socket_cookie(run: Execution, given: int, *_: int) -> int:
    """Its number; 0 where there is no socket."""
    other = run.machine.objects.get(given)
    found = other if other is not None else own_socket(run)
    return found.number("cookie") if found is not None else 0


def get_netns_cookie(run: Execution, given: int, *_: int) -> int:
    """The number of its network namespace; that of the machine's where there is none."""
    found = own_socket(run) if given else None
    return found.number("netns_cookie") if found is not None else 1


def get_socket_uid(run: Execution, *_: int) -> int:
    """Whose it is."""
    found = own_socket(run)
    return found.number("uid") if found is not None and found.is_full else NOBODY


def cgroups_of(found: KernelObject | None) -> tuple[int, ...]:
    """The ids of a socket's cgroups, the root's first."""
    held = found.get("cgroup_ids") if found is not None and found.is_full else None
    return held if isinstance(held, tuple) else ()


def _ancestor(cgroups: tuple[int, ...], level: int) -> int:
    level = signed(level & 0xFFFF_FFFF, 32)
    return cgroups[level] if 0 <= level < len(cgroups) else 0


def skb_cgroup_id(run: Execution, *_: int) -> int:
    """The cgroup of the packet's socket."""
    return (cgroups_of(own_socket(run)) or (0,))[-1]


def skb_ancestor_cgroup_id(run: Execution, _context: int, level: int, *_: int) -> int:
    """The cgroup above it at a level."""
    return _ancestor(cgroups_of(own_socket(run)), level)


def sk_cgroup_id(run: Execution, socket: int, *_: int) -> int:
    """The cgroup of a socket."""
    return (cgroups_of(object_at(run, "sk_cgroup_id's sk", socket)) or (0,))[-1]


def sk_ancestor_cgroup_id(run: Execution, socket: int, level: int, *_: int) -> int:
    """The cgroup above it at a level."""
    return _ancestor(cgroups_of(object_at(run, "sk_ancestor_cgroup_id's sk", socket)), level)


def skb_cgroup_classid(run: Execution, *_: int) -> int:
    """The class of the packet's socket."""
    found = own_socket(run)
    return found.number("cgroup_classid") if found is not None and found.is_full else 0


# Choosing one


def sk_assign(run: Execution, _context: int, socket: int, flags: int, *_: int) -> int:
    """Choose the socket that the packet goes to; the context has it as `sk` afterwards."""
    found = object_at(run, "sk_assign's sk", socket) if socket else None
    if run.program.kind.name == "sk_lookup":
        return _assign_lookup(run, found, flags)
    if found is None or flags:
        return -errno.EINVAL
    if run.program.kind.hook(run.program.section) != "ingress":
        return -errno.EOPNOTSUPP
    run.context.set("sk", found)
    return 0


def _assign_lookup(run: Execution, found: KernelObject | None, flags: int) -> int:
    context = run.context
    if flags & ~_ASSIGN_FLAGS:
        return -errno.EINVAL
    if found is not None and found.number("state") != (LISTEN if found.number("protocol") == TCP else CLOSE):
        return -errno.ESOCKTNOSUPPORT
    if found is not None and found.number("protocol") != context.number("protocol"):
        return -errno.EPROTOTYPE
    if found is not None and found.number("family") not in (context.number("family"), AF_INET6):
        return -errno.EAFNOSUPPORT
    if context.number("sk") and not flags & of.BPF_SK_LOOKUP_F_REPLACE:
        return -errno.EEXIST
    context.set("sk", found)
    return 0


def sock_ops_cb_flags_set(run: Execution, _context: int, flags: int, *_: int) -> int:
    """Say which events run the program; what it does not know of them is returned."""
    flags = signed(flags & 0xFFFF_FFFF, 32)
    if run.context.number("op") > _LAST_LOCKED:
        return -errno.EOPNOTSUPP
    if not run.context.number("is_fullsock"):
        return -errno.EINVAL
    run.context.set("bpf_sock_ops_cb_flags", flags & of.BPF_SOCK_OPS_ALL_CB_FLAGS)
    return flags & ~of.BPF_SOCK_OPS_ALL_CB_FLAGS


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_sk_lookup_tcp: sk_lookup_tcp,
    ids.BPF_FUNC_skc_lookup_tcp: skc_lookup_tcp,
    ids.BPF_FUNC_sk_lookup_udp: sk_lookup_udp,
    ids.BPF_FUNC_sk_release: sk_release,
    ids.BPF_FUNC_sk_fullsock: sk_fullsock,
    ids.BPF_FUNC_tcp_sock: tcp_sock,
    ids.BPF_FUNC_get_listener_sock: get_listener_sock,
    ids.BPF_FUNC_skc_to_tcp6_sock: _as("tcp6_sock"),
    ids.BPF_FUNC_skc_to_tcp_sock: _as("tcp_sock"),
    ids.BPF_FUNC_skc_to_tcp_timewait_sock: _as("tcp_timewait_sock"),
    ids.BPF_FUNC_skc_to_tcp_request_sock: _as("tcp_request_sock"),
    ids.BPF_FUNC_skc_to_udp6_sock: _as("udp6_sock"),
    ids.BPF_FUNC_skc_to_unix_sock: _as("unix_sock"),
    ids.BPF_FUNC_skc_to_mptcp_sock: _as("mptcp_sock"),
    ids.BPF_FUNC_sock_from_file: sock_from_file,
    ids.BPF_FUNC_get_socket_cookie: get_socket_cookie,
    ids.BPF_FUNC_get_netns_cookie: get_netns_cookie,
    ids.BPF_FUNC_get_socket_uid: get_socket_uid,
    ids.BPF_FUNC_skb_cgroup_id: skb_cgroup_id,
    ids.BPF_FUNC_skb_ancestor_cgroup_id: skb_ancestor_cgroup_id,
    ids.BPF_FUNC_sk_cgroup_id: sk_cgroup_id,
    ids.BPF_FUNC_sk_ancestor_cgroup_id: sk_ancestor_cgroup_id,
    ids.BPF_FUNC_skb_cgroup_classid: skb_cgroup_classid,
    ids.BPF_FUNC_sk_assign: sk_assign,
    ids.BPF_FUNC_sock_ops_cb_flags_set: sock_ops_cb_flags_set,
}
