"""Maps that XDP programs redirect packets by: to interfaces, to CPUs, to AF_XDP sockets."""

from __future__ import annotations

import errno
from _struct import Struct

from osmia.errors import KernelError, shortened, shown
from osmia.generic import Generic, TypeVar
from osmia.kinds import KINDS
from osmia.maps.codec import integer_of
from osmia.maps.declaration import Map, check_place, check_update_flags
from osmia.maps.descriptors import descriptor_of
from osmia.maps.table import MAP_KINDS
from osmia.structs import from_bytes, struct
from osmia.types import u32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, NoReturn, Protocol

    from osmia.contexts.kernel_structs import bpf_xdp_sock
    from osmia.contexts.xdp import XdpAction
    from osmia.kinds import Kind
    from osmia.maps.descriptors import HasFileno

    class EntryProgram(Protocol):
        """An XDP program for the entries of a map: declared with `@xdp(hook=...)`."""

        kind: Kind
        name: str
        hook: str

        @property
        def entry(self) -> int:
            """What stands for it in the entries of maps."""

        @property
        def place(self) -> object:
            """Where it is loaded."""

        def load(self) -> None:
            """Load it, if it is not."""


V = TypeVar("V")

_LARGEST = 0x7FFF_FFFF
_ONE, _TWO = Struct("=I"), Struct("=Ii")


@struct(frozen=True)
class DevMapValue:
    """An interface that packets are redirected to, as the kernel tells it (struct bpf_devmap_val)."""

    ifindex: u32 = 0
    """The interface's index."""
    program_id: u32 = 0
    """The kernel's id of the program that runs for each packet on its way there (since Linux 5.8); 0 for none."""


@struct(frozen=True)
class CpuMapValue:
    """A CPU that packets are redirected to, as the kernel tells it (struct bpf_cpumap_val)."""

    qsize: u32 = 0
    """How many packets wait for it at most."""
    program_id: u32 = 0
    """The kernel's id of the program that runs there for each packet (since Linux 5.9); 0 for none."""


class Redirecting(Map[int, V], Generic[V]):
    """What these maps have in common: kernel code redirects by a key, user code says where to."""

    def redirect(self, key: int, flags: int = 0, /) -> XdpAction:  # noqa: ARG002 - the types are what matters
        """In kernel code: send the packet there once the program returns what this gives, `XdpAction.REDIRECT`.

        Where nothing is at `key` it gives the action in the lowest two bits of `flags` instead: ABORTED unless they say
        (other than ABORTED since Linux 5.6). Of a map of interfaces, `flags` may be `BPF_F_BROADCAST` to send it to all
        of them, with `BPF_F_EXCLUDE_INGRESS` but for the one it came from (since Linux 5.13).
        """
        raise self._for_kernel_code("redirect")

    def __delitem__(self, key: int) -> None:
        """Take away what is at `key`. KeyError if there is nothing; of an XskMap the kernel does not tell."""
        packed = self._key(key)
        # Arrays of these types delete what is not there without a word.
        if not self._is_there(packed) or not self.backend.delete(packed):
            raise self._missing(key)

    def _is_there(self, packed: bytes) -> bool:  # noqa: ARG002 - what can be read looks
        return True

    def __len__(self) -> int:
        """How many keys it can hold."""
        return self.max_entries

    def _key(self, key: Any) -> bytes:
        packed = self._encode_key(key)
        if self.kind.fixed_keys and key.__index__() >= self.max_entries:
            raise KeyError(f"{self.subject}: no key {shortened(key)}, its keys are 0 to {self.max_entries - 1}")
        return packed

    def _bad_key(self, key: Any) -> Exception:
        if self.kind.fixed_keys and integer_of(key) is not None:
            return KeyError(f"{self.subject}: no key {shortened(key)}, its keys are 0 to {self.max_entries - 1}")
        return super()._bad_key(key)

    def _for_kernel_code(self, operation: str) -> TypeError:
        return TypeError(
            f"{self.subject}: {operation}() is for kernel code; user code says where to: {self.name}[key] = ..."
        )

    def __repr__(self) -> str:
        state = "live" if self.live else "not live"
        return f"<{type(self).__name__}(max_entries={self.max_entries}) {self.name or 'without a name'}, {state}>"


class Entries(Redirecting[V], Generic[V]):
    """Of those, the maps whose entries user code can read, and which may have a program each."""

    _hook: str
    """The hook of their programs."""
    _record: Any
    """What user code reads."""

    def __getitem__(self, key: int) -> V:
        """What is at `key`. KeyError if there is nothing."""
        found = self.backend.lookup(self._key(key))
        if found is None:
            raise self._missing(key)
        return self._entry(found)

    def __contains__(self, key: object) -> bool:
        try:
            return self.backend.lookup(self._key(key)) is not None
        except KeyError:
            return False

    def _is_there(self, packed: bytes) -> bool:
        return self.backend.lookup(packed) is not None

    def __iter__(self) -> Iterator[int]:
        """The keys at which there is something."""
        return (key for key, _ in self.items())

    def __len__(self) -> int:
        """At how many keys there is something."""
        return sum(1 for _ in self.items())

    def items(self) -> Iterator[tuple[int, V]]:
        """The keys at which there is something, each with that."""
        backend = self.backend
        packed = backend.next_key(None)
        while packed is not None:
            found = backend.lookup(packed)
            if found is not None:
                yield self._keys.decode(packed), self._entry(found)
            packed = backend.next_key(packed)

    def clear(self) -> None:
        """Take everything away that it holds now."""
        for key in list(self):
            self.backend.delete(self._keys.encode(key))

    def _entry(self, found: bytes) -> V:
        record: V = from_bytes(self._record, found.ljust(_TWO.size, b"\0"))
        return record

    def _write(self, key: int, number: int, program: EntryProgram | None, flags: int) -> int:
        packed, backend = self._key(key), self.backend
        check_update_flags(self.subject, flags)
        if self.value_size == _ONE.size:
            if program is not None:
                raise TypeError(f"{self.subject}: its values have no room for a program: they are 4 bytes, expected 8")
            value = _ONE.pack(number)
        else:
            value = _TWO.pack(number, self._program_fd(program))
        try:
            backend.update(packed, value, flags)
        except KernelError as error:
            text = error.text.replace(f"key {packed.hex(' ')} of", f"key {shortened(key)} of", 1)
            raise type(error)(error.errno or 0, text) from None
        return 0

    def _program_fd(self, program: EntryProgram | None) -> int:
        if program is None:
            return -1
        wanted = f'an XDP program that is declared with @xdp(hook="{self._hook}")'
        kind, load = getattr(program, "kind", None), getattr(program, "load", None)
        if kind is None or load is None or not hasattr(type(program), "entry"):
            raise TypeError(f"{self.subject}: the program of an entry is {wanted}, not {shown(program)}")
        if kind is not KINDS["xdp"] or program.hook != self._hook:
            there = kind.section(program.hook)
            raise TypeError(f"{self.subject}: the program of an entry is {wanted}, and {program.name} is of '{there}'")
        load()
        check_place(self.backend, self.subject, program.name, program.place)
        return program.entry


class Devices(Entries[DevMapValue]):
    """What the two maps of interfaces have in common."""

    _hook = "devmap"
    _record = DevMapValue

    def lookup(self, key: int) -> DevMapValue | None:  # noqa: ARG002 - the types are what matters
        """In kernel code: what is at a key, to be read alone, or None (since Linux 5.3)."""
        raise self._for_kernel_code("lookup")

    def __setitem__(self, key: int, interface: str | int) -> None:
        """Send packets for `key` to an interface, given by name or index. KernelError if there is none such."""
        self.update(key, interface)

    def update(self, key: int, interface: str | int, flags: int = 0, /, *, program: EntryProgram | None = None) -> int:
        """Send packets for `key` to an interface, and run `program` for each on its way there.

        The program is one that is declared with `@xdp(hook="devmap")` (since Linux 5.8); it is loaded if it is not.
        `flags`: 0 always, 1 if the key is new, 2 if it exists.
        """
        number = self._ifindex(interface)
        try:
            return self._write(key, number, program, flags)
        except KernelError as error:
            import _socket  # noqa: PLC0415 - start-up time is a contract

            if error.errno == errno.EINVAL and number not in dict(_socket.if_nameindex()):
                raise self._no_interface(number) from None
            raise

    def _ifindex(self, interface: Any) -> int:
        if isinstance(interface, bool) or not isinstance(interface, (str, int)):
            raise TypeError(f"{self.subject}: a value is the name or the index of an interface, not {shown(interface)}")
        if isinstance(interface, int):
            if not 1 <= interface <= _LARGEST:
                raise ValueError(f"{self.subject}: an interface's index is 1 to {_LARGEST}, not {interface}")
            return interface
        import _socket  # noqa: PLC0415 - start-up time is a contract

        try:
            return _socket.if_nametoindex(interface)
        except (OSError, ValueError, UnicodeError):
            raise self._no_interface(interface) from None

    def _no_interface(self, wanted: str | int) -> KernelError:
        import _socket  # noqa: PLC0415 - start-up time is a contract

        by_name = isinstance(wanted, str)
        there = ", ".join(name if by_name else f"{number} ({name})" for number, name in _socket.if_nameindex())
        shown_wanted = f"'{wanted}'" if by_name else wanted
        return KernelError(errno.ENODEV, f"{self.subject}: there is no interface {shown_wanted}; there are {there}")


class DevMap(Devices):
    """An array of interfaces that packets are redirected to (BPF_MAP_TYPE_DEVMAP, since Linux 4.14).

    In kernel code `ports.redirect(index)`; in user code `ports[0] = "eth0"`, by name or index.
    """

    kind = MAP_KINDS["DevMap"]

    def __init__(self, *, max_entries: int, name: str = "", flags: int = 0) -> None:
        """Declare an array of `max_entries` interfaces, whose name is the variable's unless `name` says."""
        super().__init__(u32, DevMapValue, max_entries=max_entries, name=name, flags=flags)


class DevMapHash(Devices):
    """Interfaces that packets are redirected to, by any u32 (BPF_MAP_TYPE_DEVMAP_HASH, since Linux 5.4).

    In kernel code `ports.redirect(key)`; in user code `ports[ifindex] = "eth0"`, by name or index.
    """

    kind = MAP_KINDS["DevMapHash"]

    def __init__(self, *, max_entries: int, name: str = "", flags: int = 0) -> None:
        """Declare a map of up to `max_entries` interfaces, whose name is the variable's unless `name` says."""
        super().__init__(u32, DevMapValue, max_entries=max_entries, name=name, flags=flags)


class CpuMap(Entries[CpuMapValue]):
    """An array of CPUs that packets are redirected to (BPF_MAP_TYPE_CPUMAP, since Linux 4.15).

    The index is the CPU's number. In kernel code `cpus.redirect(cpu)`; in user code `cpus[1] = 192` starts a thread of
    the kernel's on that CPU, for which up to 192 packets may wait. `max_entries` is at most the number of CPUs that the
    kernel is built for.
    """

    kind = MAP_KINDS["CpuMap"]
    _hook = "cpumap"
    _record = CpuMapValue

    def __init__(self, *, max_entries: int, name: str = "", flags: int = 0) -> None:
        """Declare an array of `max_entries` CPUs, whose name is the variable's unless `name` says."""
        super().__init__(u32, CpuMapValue, max_entries=max_entries, name=name, flags=flags)

    def __setitem__(self, cpu: int, qsize: int) -> None:
        """Let a CPU take packets, of which `qsize` may wait (1 to 16384)."""
        self.update(cpu, qsize)

    def update(self, cpu: int, qsize: int, flags: int = 0, /, *, program: EntryProgram | None = None) -> int:
        """Let a CPU take packets, of which `qsize` may wait (1 to 16384), and run `program` there for each.

        The program is one that is declared with `@xdp(hook="cpumap")` (since Linux 5.9); it is loaded if it is not.
        `flags`: 0 always, 1 if the CPU is new, 2 if it is set already.
        """
        if type(qsize) is not int:
            raise TypeError(f"{self.subject}: a value is an int, how many packets may wait, not {shown(qsize)}")
        if not 1 <= qsize <= _LONGEST_QUEUE:
            raise ValueError(f"{self.subject}: 1 to {_LONGEST_QUEUE} packets may wait for a CPU, not {qsize}")
        return self._write(cpu, qsize, program, flags)


_LONGEST_QUEUE = 16384  # what the kernel takes


class XskMap(Redirecting[int]):
    """An array of AF_XDP sockets that packets are redirected to (BPF_MAP_TYPE_XSKMAP, since Linux 4.18).

    In kernel code `sockets.redirect(ctx.rx_queue_index)`; in user code `sockets[0] = socket`, where the socket is bound
    to that queue. The kernel does not tell user code which sockets there are.
    """

    kind = MAP_KINDS["XskMap"]

    def __init__(self, *, max_entries: int, name: str = "", flags: int = 0) -> None:
        """Declare an array of `max_entries` sockets, whose name is the variable's unless `name` says."""
        super().__init__(u32, u32, max_entries=max_entries, name=name, flags=flags)

    def lookup(self, key: int) -> bpf_xdp_sock | None:  # noqa: ARG002 - the types are what matters
        """In kernel code: the socket at an index, or None (since Linux 5.3)."""
        raise self._for_kernel_code("lookup")

    def __setitem__(self, key: int, socket: HasFileno | int) -> None:
        """Send packets for `key` to an AF_XDP socket: an object with `fileno()`, or a file descriptor."""
        self.update(key, socket)

    def update(self, key: int, socket: HasFileno | int, flags: int = 0, /) -> int:
        """Send packets for `key` to an AF_XDP socket; `flags`: 0 always, 1 if the key is new, 2 if it exists."""
        fd = descriptor_of(socket, f"{self.subject}: a value is an AF_XDP socket")
        check_update_flags(self.subject, flags)
        self.backend.update(self._key(key), _ONE.pack(fd), flags)
        return 0

    if not TYPE_CHECKING:  # for type checkers it has no such things

        def __getitem__(self, key: Any) -> NoReturn:
            raise TypeError(f"{self.subject}: the kernel does not tell which sockets an XskMap holds")

        def __iter__(self) -> NoReturn:
            raise TypeError(f"{self.subject}: the kernel does not tell which sockets an XskMap holds")

    def clear(self) -> None:
        """Take all sockets away."""
        for key in range(self.max_entries):
            self.backend.delete(self._keys.encode(key))
