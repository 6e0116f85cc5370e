"""What is around programs, as a test says it and as they leave it: the thread, the network, objects of the kernel."""

from __future__ import annotations

from osmia.vm.network import LOOPBACK, Redirect, Route
from osmia.vm.objects import KernelObject
from osmia.vm.task import Task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.memory import Memory

_SECOND = 1_000_000_000
EPOCH = 1_767_225_600 * _SECOND
"""The first of January 2026."""


class Surroundings:
    """The part of a machine that a test sets up and looks at. All of it is plain data."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.epoch = EPOCH
        """What the time of day is when the clock shows 0, in nanoseconds since 1970."""
        self.task = Task()
        """The thread that programs run in."""
        self.numa_node = 0
        self.attach_cookie = 0
        """What programs were attached with, as they are told."""
        self.trace: list[str] = []
        """What programs have written to the kernel's trace pipe, each call by itself."""
        self.redirects: list[Redirect] = []
        """Where programs have sent packets."""
        self.signals: list[tuple[str, int]] = []
        """The signals that they have sent: to whom (`process`, `thread`), and which."""
        self.fib: dict[str, Route] = {}
        """The routing table, by prefix: `10.0.0.0/8`."""
        self.mtus: dict[int, int] = {LOOPBACK: 65536}
        """The interfaces that there are, by index, with their MTU."""
        self.sockets: list[KernelObject] = []
        """The sockets that programs find when they look for some."""
        self.tunnel_key: bytes | None = None
        """struct bpf_tunnel_key of the tunnel that packets come out of; None where they come out of none."""
        self.kernel_stack: list[int] = []
        """The addresses of the kernel's stack that programs are given, the innermost first."""
        self.user_stack: list[int] = []
        """Those of the thread's own stack."""
        self.objects: dict[int, KernelObject] = {}
        """Every object of the kernel that programs may be given, by its address."""
        self.standing: dict[str, KernelObject] = {}
        """Those that stand in for what a test does not give."""
        self._cookie = 0

    def object(self, struct: str, *, memory: bytes = b"", **fields: object) -> KernelObject:
        """Make up an object of the kernel's, by the name of its struct: `machine.object("task_struct", pid=1)`.

        Of a socket, the fields are those of struct bpf_sock and struct bpf_tcp_sock; `sockets` has those that are
        found by look-ups. `memory` is what lies there, for programs that read it as bytes. TypeError, ValueError or
        OverflowError for fields that a socket does not have.
        """
        return KernelObject(self, struct, memory, fields)

    def next_cookie(self) -> int:
        """A number that no socket has yet."""
        self._cookie += 1
        return self._cookie
