"""Fake objects of the kernel: what programs are given pointers to, where there is no kernel that has them."""

from __future__ import annotations

from osmia.abi.generated.contexts import CONTEXTS
from osmia.errors import shown
from osmia.vm.fields import packed, unpacked
from osmia.vm.memory import READ_ONLY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.abi.context_member import ContextMember
    from osmia.vm.memory import Block
    from osmia.vm.surroundings import Surroundings

SOCKETS = (
    *("sock_common", "bpf_sock", "sock", "tcp_sock", "tcp6_sock", "udp6_sock", "unix_sock", "mptcp_sock"),
    *("tcp_timewait_sock", "tcp_request_sock"),
)
"""Structs that are sockets: a pointer to one is taken where one to another is."""
LISTEN = 10
"""TCP_LISTEN."""
CLOSE = 7
"""TCP_CLOSE: a socket that is not connected."""
AF_INET, AF_INET6 = 2, 10
TCP, UDP = 6, 17

_NETWORK = {"src_ip4": 32, "src_ip6": 32, "dst_port": 16, "dst_ip4": 32, "dst_ip6": 32}
_DEFAULTS = {"family": AF_INET, "type": 1, "protocol": TCP, "state": 1, "rx_queue_mapping": -1}
_OF_SOCKETS = {"cookie": 0, "uid": 0, "netns_cookie": 1, "cgroup_classid": 0, "cgroup_ids": (1,)}
"""What is known of a socket that its memory does not show."""
OPAQUE = 64
"""The bytes of an object whose contents nobody gave."""


class KernelObject:
    """An object of the kernel's that a machine made up: `machine.object("bpf_sock", src_port=80)`."""

    def __init__(self, machine: Surroundings, struct: str, memory: bytes, fields: dict[str, object]) -> None:
        self.machine = machine
        self.struct = struct
        """The kernel's name of its struct."""
        self.known: dict[str, object] = {}
        """What is known of it that does not lie in its memory; of structs that programs cannot read, all of it."""
        self.options: dict[tuple[int, int], bytes] = {}
        """Of a socket: its options, by level and name."""
        self._members = {each.name: each for each in members_of(struct)}
        self._tcp = {each.name: each for each in CONTEXTS["bpf_tcp_sock"]} if self.is_socket else {}
        self._tcp_block: Block | None = None
        contents = memory or bytes(max((each.end for each in self._members.values()), default=OPAQUE))
        self.block = machine.memory.allocate(len(contents), f"struct {struct}", state=READ_ONLY)
        machine.memory.data[self.block.address : self.block.address + len(contents)] = contents
        if self.is_socket:
            self.known |= {**_OF_SOCKETS, "cookie": machine.next_cookie()}
            fields = {**_DEFAULTS, **fields}
        machine.objects[self.block.address] = self
        self.set(**fields)

    def __repr__(self) -> str:
        return f"<KernelObject struct {self.struct} at {self.address:#x}>"

    @property
    def address(self) -> int:
        """Where it lies: what programs are given."""
        return self.block.address

    @property
    def is_socket(self) -> bool:
        """Whether it is a socket."""
        return self.struct in SOCKETS

    @property
    def is_full(self) -> bool:
        """Whether it is a socket with all that belongs to one: no connection that is being set up, or over."""
        return self.is_socket and self.struct not in ("tcp_timewait_sock", "tcp_request_sock")

    def set(self, **fields: object) -> None:
        """Say what it holds. TypeError for what its struct does not have."""
        for name, value in fields.items():
            member, start = self._place(name)
            if member is not None:
                data = packed(self.struct, member, _NETWORK.get(name, 0), value)
                self.machine.memory.data[start : start + len(data)] = data
            elif self.is_socket and name not in _OF_SOCKETS:
                known = ", ".join([*self._members, *self._tcp, *_OF_SOCKETS])
                raise TypeError(f"struct {self.struct} has no {name}; it has {known}")
            else:
                self.known[name] = _known(name, value) if self.is_socket else value

    def get(self, name: str) -> object:
        """What it holds under a name; None where nobody said."""
        member, start = self._place(name)
        if member is None:
            return self.known.get(name)
        data = self.machine.memory.read(start, member.end - member.offset)
        return unpacked(member, _NETWORK.get(name, 0), data)

    def number(self, name: str) -> int:
        """A number that it holds; 0 where nobody said."""
        value = self.get(name)
        return value if isinstance(value, int) else 0

    def tcp_address(self) -> int:
        """Where its TCP side lies (struct bpf_tcp_sock)."""
        if self._tcp_block is None:
            size = max(each.end for each in self._tcp.values())
            self._tcp_block = self.machine.memory.allocate(size, "struct bpf_tcp_sock", state=READ_ONLY)
            self.machine.objects[self._tcp_block.address] = self
        return self._tcp_block.address

    def _place(self, name: str) -> tuple[ContextMember | None, int]:
        """A member, and where it lies in memory."""
        member = self._members.get(name)
        if member is not None:
            return member, self.address + member.offset
        member = self._tcp.get(name)
        return member, 0 if member is None else self.tcp_address() + member.offset


def _known(name: str, value: object) -> object:
    """What is known of a socket beside its memory. TypeError for what helpers could not tell."""
    if name == "cgroup_ids" and isinstance(value, (list, tuple)) and all(isinstance(each, int) for each in value):
        return tuple(value)
    if name == "cgroup_ids" or not isinstance(value, int):
        wanted = "a sequence of ints, the root's id first" if name == "cgroup_ids" else "an int"
        raise TypeError(f"{name} of a socket is {wanted}, not {shown(value)}")
    return value


def standing(machine: Surroundings, role: str, struct: str, **fields: object) -> KernelObject:
    """The object that stands in for one that a test does not give: the same in every run, with these fields."""
    found = machine.standing.get(role)
    if found is None:
        found = machine.standing[role] = KernelObject(machine, struct, b"", dict(fields))
    else:
        found.set(**fields)
    return found


def members_of(struct: str) -> tuple[ContextMember, ...]:
    """The members of a struct that programs can read: of all sockets those of their mirror."""
    return CONTEXTS.get("bpf_sock" if struct in SOCKETS else struct, ())


def object_address(what: str, value: object) -> int:
    """The address that a program is given for an object, or for None. TypeError for what is neither."""
    if value is None:
        return 0
    if isinstance(value, KernelObject):
        return value.address
    raise TypeError(f"{what} is an object that the machine made (machine.object(...)), or None, not {shown(value)}")
