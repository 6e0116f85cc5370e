"""Maps of sockets: kernel code redirects to them, chooses among them, and puts sockets in; user code does too.

User code writes a socket, and reads its cookie: a number that belongs to the socket alone, as long as the machine runs.
"""

from __future__ import annotations

import errno

from osmia.abi.generated import BPF_EXIST
from osmia.errors import ENOTSUPP, KernelError, errno_name, shortened
from osmia.generic import Generic, ItemsView, Mapping, TypeVar, ValuesView, overload
from osmia.maps.codec import Bytes, integer_of
from osmia.maps.descriptors import socket_fileno
from osmia.maps.mapping import UserMap
from osmia.maps.table import MAP_KINDS
from osmia.types import u32, u64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, ClassVar, NoReturn, Protocol, Self

    from osmia.contexts.kernel_structs import bpf_sock, sock_common
    from osmia.contexts.sk_action import SkAction
    from osmia.maps.backend import MapBackend

    class Socket(Protocol):
        """A socket of Python's, or whatever else has the file descriptor of one."""

        def fileno(self) -> int:
            """The socket's file descriptor."""


K = TypeVar("K")
D = TypeVar("D")

COOKIE_SIZE = 8

_RAISE: Any = object()
_NO_ROOM = "its values have 4 bytes, and a socket's cookie takes 8: declare it with values of 8 bytes (ENOSPC)"
_NOT_TAKEN = (
    "the kernel does not take this socket: it takes TCP sockets that are connected or listen, UDP sockets that are "
    "bound or connected, Unix and vsock sockets that are connected"
)


class SocketMap(UserMap[K, int], Mapping[K, int], Generic[K]):
    """What maps of sockets have in common: a mapping of the keys that have a socket to the sockets' cookies."""

    refusals: ClassVar[dict[int, str]]
    """What the kernel's error numbers mean when a socket is written."""

    @classmethod
    def opened(cls, key: Any, value: Any, *, max_entries: int, flags: int, name: str, backend: MapBackend) -> Self:
        """A live map that was declared elsewhere, in an object file."""
        size = value.size if isinstance(value, Bytes) else value.bits // 8
        held: Any = u32 if size == 4 else u64
        return super().opened(key, held, max_entries=max_entries, flags=flags, name=name, backend=backend)

    @property
    def readable(self) -> bool:
        """Whether its values have room for cookies (8 bytes), as those have that are declared here."""
        return self.value_size == COOKIE_SIZE

    def __getitem__(self, key: K) -> int:
        """The cookie of the socket at `key`. KeyError if there is none."""
        packed = self._encode_key(key)
        found = self._cookie(packed)
        if found is None:
            raise self._missing(key)
        return found

    def __setitem__(self, key: K, socket: Socket) -> None:
        """Put a socket there, in place of what is there already. It leaves the map by itself when it is closed."""
        self._put(self.backend.update, self._encode_key(key), self._descriptor_of(socket), 0)

    def __delitem__(self, key: K) -> None:
        """Take the socket at `key` out of the map. KeyError if there is none."""
        if not self._take_out(self._encode_key(key)):
            raise self._missing(key)

    def __contains__(self, key: object) -> bool:
        return self._cookie(self._encode_key(key)) is not None

    def __iter__(self) -> Iterator[K]:
        return (key for key, _ in self._entries())

    def __len__(self) -> int:
        """How many sockets it holds: all of them are walked."""
        return sum(1 for _ in self._entries())

    def items(self) -> ItemsView[K, int]:
        """Keys with the cookies of their sockets. One that goes away while they are walked is left out."""
        from osmia.maps.views import Items

        return Items(self)

    def values(self) -> ValuesView[int]:
        """The cookies. One whose socket goes away while they are walked is left out."""
        from osmia.maps.views import Values

        return Values(self)

    def clear(self) -> None:
        """Take the sockets out that it holds now."""
        for key, _ in self._entries():
            self._take_out(self._encode_key(key))

    @overload
    def pop(self, key: K, /) -> int: ...
    @overload
    def pop(self, key: K, default: D, /) -> int | D: ...
    def pop(self, key: Any, default: Any = _RAISE, /) -> Any:
        """Read the cookie of a socket and take it out; `default`, or a KeyError, if there is none.

        A socket that is put there between the two is taken out unseen.
        """
        packed = self._encode_key(key)
        found = self._cookie(packed)
        if found is not None and self._take_out(packed):
            return found
        if default is _RAISE:
            raise self._missing(key)
        return default

    def _put_all(self, arguments: tuple[Any, ...]) -> int:
        """What `update` does in user code."""
        return self._update(self._descriptor_of, arguments)

    def _write(self, update: Callable[[bytes, bytes, int], None], key: bytes, value: bytes, flags: int) -> None:
        if not 0 <= flags <= BPF_EXIST:
            raise ValueError(
                f"{self.subject}: flags is 0 (always), 1 (if the key is new) or 2 (if it exists), not {flags}"
            )
        self._put(update, key, value, flags)

    def _put(self, update: Callable[[bytes, bytes, int], None], key: bytes, value: bytes, flags: int) -> None:
        try:
            update(key, value, flags)
        except KernelError as error:
            number = error.errno or 0
            why = self.refusals.get(number)
            if why is None:
                raise self._named(error, key) from None
        else:
            return
        code = errno_name(number)
        shown_key = shortened(self._keys.decode(key))
        raise KernelError(number, f"cannot write key {shown_key} of map '{self.subject}': {why} ({code})")

    def _take_out(self, key: bytes) -> bool:
        try:
            return self.backend.delete(key)
        except KernelError as error:
            if error.errno != errno.EINVAL:  # an array of sockets has nothing there
                raise
        return False

    def _cookie(self, key: bytes) -> int | None:
        try:
            found = self._lookup(key)
        except KernelError as error:
            if error.errno != errno.ENOSPC:
                raise
        else:
            return None if found is None else int.from_bytes(found, "little")
        raise KernelError(errno.ENOSPC, f"cannot read the sockets of map '{self.subject}': {_NO_ROOM}")

    def _entries(self) -> Iterator[tuple[K, int]]:
        for key in self._walk():
            found = self._cookie(key)
            if found is not None:
                yield self._keys.decode(key), found

    def _descriptor_of(self, socket: Any) -> bytes:
        """A socket as the kernel takes it: by its file descriptor."""
        number = socket_fileno(self.subject, socket, "a value is a socket, or what has its fileno(), not")
        return number.to_bytes(self.value_size, "little")

    def _in_kernel_code(self, operation: str, kind: str) -> NoReturn:
        raise TypeError(f"{self.subject}: {operation}() is for kernel code: programs of kind {kind} call it")

    def __repr__(self) -> str:
        key = "" if self.kind.fixed_keys else f"{self.key.__name__}, "
        state = "live" if self.live else "not live"
        return f"<{type(self).__name__}({key}max_entries={self.max_entries}) {self.name or 'without a name'}, {state}>"


class IndexedSockets(SocketMap[int]):
    """Of those, the maps whose keys are the indices 0 to max_entries - 1."""

    def _encode_key(self, key: Any) -> bytes:
        packed = super()._encode_key(key)
        if key.__index__() >= self.max_entries:
            raise self._outside(key)
        return packed

    def _bad_key(self, key: Any) -> Exception:
        return self._keys.refusal(key) if integer_of(key) is None else self._outside(key)

    def _walk(self) -> Iterator[bytes]:
        return map(self._pack_key, range(self.max_entries))

    def _outside(self, key: Any) -> KeyError:
        return KeyError(f"{self.subject}: no key {shortened(key)}, its keys are 0 to {self.max_entries - 1}")

    def _missing(self, key: Any) -> KeyError:
        return KeyError(f"{self.subject}: no socket at {shortened(key)}")

    def __contains__(self, key: object) -> bool:
        try:
            return super().__contains__(key)
        except KeyError:
            return False


class RedirectingSockets(SocketMap[K], Generic[K]):
    """What kernel code does with the maps of sockets that take over what their sockets send and receive."""

    refusals: ClassVar = {
        errno.EOPNOTSUPP: _NOT_TAKEN,
        errno.ENOTSOCK: "its file descriptor is of no socket",
        errno.EBADF: "its file descriptor is not open",
        errno.EBUSY: "the socket is in another map, with programs that do not go together with those of this one",
        errno.EINVAL: "the kernel uses the socket in another way, such as for TLS, which does not go together with it",
    }

    def lookup(self, key: K) -> bpf_sock | None:
        """In kernel code: the socket at `key`, or None; `ctx.sk_release(socket)` has to give it back."""
        self._kernel_only("lookup", key)

    @overload
    def update(self, key: K, socket: Socket | sock_common, flags: int = 0, /) -> int: ...
    @overload
    def update(self, sockets: Mapping[K, Socket] | Iterable[tuple[K, Socket]], /) -> int: ...
    def update(self, *arguments: Any) -> int:
        """Put a socket there (`flags`: 0 always, 1 if the key is new, 2 if it exists), or all of a mapping or of pairs.

        Of a mapping or of pairs nothing is written if a key or a socket among them is not taken. Returns 0; in kernel
        code, which gives a socket that a look-up gave, a negative error number where the kernel does not take it.
        """
        return self._put_all(arguments)

    def delete(self, key: K) -> int:
        """In kernel code: take a socket out; 0, or a negative error number."""
        self._kernel_only("delete", key)

    def sock_update(self, key: K, flags: int = 0) -> int:  # noqa: ARG002 - kernel code's
        """In kernel code of kind sock_ops: put the event's socket there; 0, or a negative error number.

        `flags`: 0 always, 1 if the key is new, 2 if it exists.
        """
        self._in_kernel_code("sock_update", "sock_ops")

    def msg_redirect(self, key: K, flags: int = 0) -> SkAction:  # noqa: ARG002 - kernel code's
        """In kernel code of kind sk_msg: send the message to the socket at `key`; DROP where there is none.

        With `flags` BPF_F_INGRESS (1) it goes to what that socket receives, with 0 to what it sends.
        """
        self._in_kernel_code("msg_redirect", "sk_msg")

    def sk_redirect(self, key: K, flags: int = 0) -> SkAction:  # noqa: ARG002 - kernel code's
        """In kernel code of kind sk_skb: send the packet to the socket at `key`; DROP where there is none.

        With `flags` BPF_F_INGRESS (1) it goes to what that socket receives, with 0 to what it sends.
        """
        self._in_kernel_code("sk_redirect", "sk_skb")

    def select(self, key: K, flags: int = 0) -> int:  # noqa: ARG002 - kernel code's
        """In kernel code of kind sk_reuseport: choose the socket at `key`; 0, or a negative error number.

        Since Linux 5.8.
        """
        self._in_kernel_code("select", "sk_reuseport")


class SockMap(RedirectingSockets[int], IndexedSockets):
    """An array of sockets (BPF_MAP_TYPE_SOCKMAP, since Linux 4.14).

    Programs of the kinds sk_msg and sk_skb that are attached to it run for its sockets. A socket has the programs of
    all maps that it is in.
    """

    kind = MAP_KINDS["SockMap"]

    def __init__(self, *, max_entries: int, name: str = "", flags: int = 0) -> None:
        """Declare an array of up to `max_entries` sockets, whose name is the variable's unless `name` says."""
        super().__init__(u32, u64, max_entries=max_entries, name=name, flags=flags)


class SockHash(RedirectingSockets[K], Generic[K]):
    """Sockets by keys of any type (BPF_MAP_TYPE_SOCKHASH, since Linux 4.18).

    Programs of the kinds sk_msg and sk_skb that are attached to it run for its sockets. A socket has the programs of
    all maps that it is in.
    """

    kind = MAP_KINDS["SockHash"]

    def __init__(self, key: type[K], *, max_entries: int, name: str = "", flags: int = 0) -> None:
        """Declare a hash of up to `max_entries` sockets, whose name is the variable's unless `name` says."""
        super().__init__(key, u64, max_entries=max_entries, name=name, flags=flags)


class ReusePortSockArray(IndexedSockets):
    """An array of sockets that share a port (BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, since Linux 4.19).

    A program of kind sk_reuseport chooses among them. They are TCP sockets that listen or UDP sockets that are bound,
    with SO_REUSEPORT set before. A socket is in one such array at most.
    """

    kind = MAP_KINDS["ReusePortSockArray"]
    refusals: ClassVar = {
        errno.EINVAL: "the socket is in no group that shares a port: set SO_REUSEPORT, then bind it (TCP: and listen)",
        errno.EBUSY: "the socket is in an array of sockets already",
        errno.ENOTSOCK: "its file descriptor is of no socket",
        errno.EBADF: "its file descriptor is not open",
        ENOTSUPP: "only TCP and UDP sockets of IPv4 and IPv6 share ports",
    }

    def __init__(self, *, max_entries: int, name: str = "", flags: int = 0) -> None:
        """Declare an array of up to `max_entries` sockets, whose name is the variable's unless `name` says."""
        super().__init__(u32, u64, max_entries=max_entries, name=name, flags=flags)

    @overload
    def update(self, key: int, socket: Socket, flags: int = 0, /) -> int: ...
    @overload
    def update(self, sockets: Mapping[int, Socket] | Iterable[tuple[int, Socket]], /) -> int: ...
    def update(self, *arguments: Any) -> int:
        """Put a socket there (`flags`: 0 always, 1 if the key is new, 2 if it exists), or all of a mapping or of pairs.

        Of a mapping or of pairs nothing is written if a key or a socket among them is not taken. Returns 0.
        """
        return self._put_all(arguments)

    def select(self, key: int, flags: int = 0) -> int:  # noqa: ARG002 - kernel code's
        """In kernel code of kind sk_reuseport: choose the socket at `key`; 0, or a negative error number."""
        self._in_kernel_code("select", "sk_reuseport")
