"""Tries of prefixes: kernel code finds the longest one that holds an address, user code sets them."""

from __future__ import annotations

import errno

from osmia.abi.generated import BPF_EXIST, BPF_NOEXIST
from osmia.errors import KernelError, shortened, shown, shown_type, with_article
from osmia.generic import Generic, Mapping, TypeVar, overload
from osmia.layout import ArrayLayout, IntegerLayout, StructLayout, layout_of
from osmia.maps.codec import Bytes
from osmia.maps.hash import KeyedValues
from osmia.maps.table import MAP_KINDS
from osmia.structs import struct
from osmia.types import be32, u8, u32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
    from typing import Any

    import numpy as np

    from osmia.arrays import FixedArray
    from osmia.maps.backend import MapBackend
    from osmia.types import Ref

K = TypeVar("K")
P = TypeVar("P")
V = TypeVar("V")
KF = TypeVar("KF")
D = TypeVar("D")
PF = TypeVar("PF")
I = TypeVar("I", bound=int)  # noqa: E741 - the integer that a Ref refers to

LARGEST_DATA = 256
"""In bytes (LPM_DATA_SIZE_MAX in kernel/bpf/lpm_trie.c)."""
IPV6_SIZE = 16
TAKEN = f"be32 (IPv4), array(u8, 16) (IPv6) or a @struct class of at most {LARGEST_DATA} bytes"


class LpmTrie(KeyedValues[P, V], Generic[K, P, V]):
    """A trie of prefixes (BPF_MAP_TYPE_LPM_TRIE, since Linux 4.11).

    Kernel code looks an address up: `blocked.lookup(ip.src)` is the value of the longest prefix that holds it. User
    code names prefixes, `blocked["10.0.0.0/8"] = 1`, each of which is a key of its own; `match()` looks up as the
    kernel does. A prefix of a struct is a pair: how many bits count, and the struct.
    """

    kind = MAP_KINDS["LpmTrie"]

    @overload
    def __init__(
        self: LpmTrie[int, IPv4Network, V],
        key: type[int],
        value: type[V],
        *,
        max_entries: int,
        name: str = "",
        flags: int = 0,
    ) -> None: ...
    @overload
    def __init__(
        self: LpmTrie[FixedArray[int], IPv6Network, V],
        key: FixedArray[int],
        value: type[V],
        *,
        max_entries: int,
        name: str = "",
        flags: int = 0,
    ) -> None: ...
    @overload
    def __init__(
        self: LpmTrie[KF, tuple[int, KF], V],
        key: type[KF],
        value: type[V],
        *,
        max_entries: int,
        name: str = "",
        flags: int = 0,
    ) -> None: ...
    def __init__(self, key: Any, value: Any, *, max_entries: int, name: str = "", flags: int = 0) -> None:
        """Declare a trie of up to `max_entries` prefixes, whose name is the variable's unless `name` says.

        `key` is what is looked up: be32 (IPv4), array(u8, 16) (IPv6), or a struct of at most 256 bytes, which is
        compared from its first byte on.
        """
        super().__init__(key, value, max_entries=max_entries, name=name, flags=flags)

    def _declare(self, key: Any, value: Any, *, max_entries: int, flags: int) -> None:
        self._stored_key = stored_key(key, self)
        super()._declare(key, value, max_entries=max_entries, flags=flags)
        self._keys.convert = self._prefix
        self._keys.pack = self._pack_key = self._pack_prefix

    def _use(self, backend: MapBackend) -> None:
        """Look up exactly what is asked for: the kernel finds shorter prefixes too."""
        super()._use(backend)
        lookup, has_key = backend.lookup, backend.has_key
        self._match = lookup

        def exact(packed: bytes) -> bytes | None:
            return lookup(packed) if has_key(packed) else None

        self._lookup = exact

    def _reader(self, backend: MapBackend) -> Callable[[Any], Any]:  # noqa: ARG002 - what it looks up by is exact
        def read(prefix: Any) -> Any:
            found = self._lookup(self._pack_key(prefix))
            return None if found is None else self._values.decode(found)

        return read

    @property
    def stored_key(self) -> Any:
        """The type of its keys as they lie in the kernel: a struct of `prefixlen` and `data`."""
        return self._stored_key

    @overload
    def lookup(self: LpmTrie[KF, PF, I], address: KF) -> Ref[I] | None: ...
    @overload
    def lookup(self, address: K) -> V | None: ...
    def lookup(self, address: Any) -> Any:
        """In kernel code: the value of the longest prefix that holds an address, where it lies; None if none does."""
        raise TypeError(f"{self.subject}: lookup() is for kernel code; in user code write m.match({address!r})")

    def match(self, address: str | IPv4Address | IPv6Address | K, /) -> V | None:
        """In user code: the value of the longest prefix that holds an address; None if none does."""
        found = self._match(self._pack_address(address))
        return None if found is None else self._values.decode(found)

    def __getitem__(self, prefix: P | tuple[int, K] | str) -> V:
        """The value of exactly this prefix, as it was when it was read. KeyError if it is not there."""
        return super().__getitem__(prefix)  # type: ignore[index]

    def __setitem__(self, prefix: P | tuple[int, K] | str, value: V) -> None:
        """Write the value of a prefix, whether it is there or not."""
        super().__setitem__(prefix, value)  # type: ignore[index]

    def __delitem__(self, prefix: P | tuple[int, K] | str) -> None:
        """Delete a prefix. KeyError if it is not there."""
        super().__delitem__(prefix)  # type: ignore[arg-type]

    @overload
    def get(self, prefix: P | tuple[int, K] | str, default: None = None, /) -> V | None: ...
    @overload
    def get(self, prefix: P | tuple[int, K] | str, default: V | D, /) -> V | D: ...
    def get(self, prefix: Any, default: Any = None, /) -> Any:
        """The value of exactly this prefix; `default` if it is not there."""
        return super().get(prefix, default)

    @overload
    def pop(self, prefix: P | tuple[int, K] | str, /) -> V: ...
    @overload
    def pop(self, prefix: P | tuple[int, K] | str, default: D, /) -> V | D: ...
    def pop(self, prefix: Any, *default: Any) -> Any:
        """Read the value of a prefix, then delete it; `default`, or a KeyError, if it is not there."""
        return super().pop(prefix, *default)

    @overload
    def update(self, prefix: P | tuple[int, K] | str, value: V, flags: int = 0, /) -> int: ...
    @overload
    def update(
        self, items: Mapping[P, V] | Mapping[str, V] | Iterable[tuple[P | tuple[int, K] | str, V]], /
    ) -> int: ...
    def update(self, *arguments: Any) -> int:
        """Write a value (`flags`: 0 always, 1 if the prefix is new, 2 if it exists), or all of a mapping or of pairs.

        In kernel code a prefix is a pair, `(24, address)`, and flags take Linux 6.13. Of a mapping or of pairs nothing
        is written if a key or a value among them is not taken. Returns 0.
        """
        return super().update(*arguments)

    def update_many(
        self,
        keys: Iterable[P | tuple[int, K] | str] | np.ndarray[Any, Any],
        values: Iterable[Any] | np.ndarray[Any, Any],
        flags: int = 0,
    ) -> int:
        """Write many prefixes, each one's value at the same place in `values`; how many there were.

        As of every map; of an array the prefixes are structs of `prefixlen` and `data`, as `to_numpy()` gives them.
        """
        return super().update_many(keys, values, flags)  # type: ignore[arg-type]

    def delete_many(self, keys: Iterable[P | tuple[int, K] | str] | np.ndarray[Any, Any]) -> int:
        """Delete many prefixes; how many of them were there."""
        return super().delete_many(keys)  # type: ignore[arg-type]

    def delete(self, prefix: P | tuple[int, K] | str) -> int:
        """In kernel code: delete a prefix, `(24, address)`; 0, or a negative error number."""
        return super().delete(prefix)  # type: ignore[arg-type]

    def _write(self, update: Callable[[bytes, bytes, int], None], key: bytes, value: bytes, flags: int) -> None:
        """Kernels before 6.13 write whatever these flags say."""
        if flags & (BPF_NOEXIST | BPF_EXIST):
            there = self.backend.has_key(key)
            if there is bool(flags & BPF_NOEXIST):
                raise self._unlike(key, there=there)
        super()._write(update, key, value, flags)

    def _not_there(self, key: Any) -> KeyError:
        """Who names an address, and no prefix, wants what the kernel finds for it."""
        if not hasattr(key, "packed") and (not isinstance(key, str) or "/" in key):
            return super()._not_there(key)
        missing = self._missing(key)
        return KeyError(f"{missing.args[0]}; match({shortened(key)}) gives what the longest prefix has that holds it")

    def _unlike(self, key: bytes, *, there: bool) -> KernelError:
        """The error for a key that is there and must not be, or the reverse."""
        number, name = (errno.EEXIST, "EEXIST") if there else (errno.ENOENT, "ENOENT")
        why = (
            "is there already, and the flags say that it must not be"
            if there
            else ("is not there, and the flags say that it must be")
        )
        prefix = shortened(self._keys.decode(key))
        return KernelError(number, f"cannot write key {prefix} of map '{self.name}': the key {why} ({name})")

    @property
    def data_size(self) -> int:
        """Of what is looked up, in bytes."""
        return self.key_size - 4

    def _pack_prefix(self, prefix: Any) -> bytes:
        if isinstance(prefix, tuple):
            return self._pack_pair(prefix)
        network = self._network(prefix)
        length: bytes = network.prefixlen.to_bytes(4, "little")
        return length + bytes(network.network_address.packed)

    def _pack_pair(self, pair: tuple[Any, ...]) -> bytes:
        if len(pair) != 2 or type(pair[0]) is not int:
            raise TypeError(f"{self.subject}: a key is {self._taken()}, not {shown(pair)}")
        length, address = pair
        if not 0 <= length <= 8 * self.data_size:
            raise ValueError(f"{self.subject}: a prefix has 0 to {8 * self.data_size} bits, not {length}")
        data = self._data(address)
        after = int.from_bytes(data, "big") & ((1 << (8 * self.data_size - length)) - 1)
        if after:
            raise ValueError(f"{self.subject}: {shown(address)} has bits behind the first {length}: clear them")
        bits: bytes = length.to_bytes(4, "little")
        return bits + data

    def _pack_address(self, address: Any) -> bytes:
        if isinstance(address, str) or hasattr(address, "packed"):
            network = self._network(address)
            if network.prefixlen != 8 * self.data_size:
                raise ValueError(f"{self.subject}: match() takes an address, not the prefix {shown(address)}")
            data = bytes(network.network_address.packed)
        else:
            data = self._data(address)
        return (8 * self.data_size).to_bytes(4, "little") + data

    def _data(self, address: Any) -> bytes:
        """What is looked up, as it lies in the kernel."""
        if isinstance(self.key, Bytes):
            if not isinstance(address, (bytes, bytearray)) or len(address) != self.data_size:
                raise TypeError(f"{self.subject}: a key is {self._taken()}, not {shown(address)}")
            return bytes(address)
        from osmia.forms import form_of

        layout = layout_of(self.key)
        assert layout is not None
        return form_of(layout).encode(address, f"{self.subject}: what is looked up")

    def _network(self, prefix: Any) -> Any:
        """An address or a prefix as a network of the version that the keys are of."""
        version = self._version()
        if version is None or not (isinstance(prefix, str) or hasattr(prefix, "packed") or _is_network(prefix)):
            raise TypeError(f"{self.subject}: a key is {self._taken()}, not {shown(prefix)}")
        from ipaddress import ip_network

        try:
            network = ip_network(prefix)
        except ValueError as error:
            raise self._no_network(prefix, error) from None
        if network.version != version:
            raise self._other_version(network.version, prefix)
        zone = getattr(network.network_address, "scope_id", None)
        if zone is not None:
            raise ValueError(
                f"{self.subject}: a key is {self._taken()}, and has no place for the zone of {shown(prefix)}: "
                f"leave out %{zone}"
            )
        return network

    def _no_network(self, prefix: Any, why: ValueError) -> ValueError:
        """What is wrong with a prefix that is none: that it is of the other version says more than that it has bits."""
        from ipaddress import ip_network

        try:
            network = ip_network(prefix, strict=False)
        except ValueError:
            network = None
        if network is not None and network.version != self._version():
            return self._other_version(network.version, prefix)
        return ValueError(f"{self.subject}: a key is {self._taken()}: {why}")

    def _other_version(self, version: Any, prefix: Any) -> ValueError:
        return ValueError(f"{self.subject}: a key is {self._taken()}, not the IPv{version} {prefix}")

    def _version(self) -> int | None:
        if self.key is be32 or (isinstance(self.key, Bytes) and self.data_size == 4):
            return 4
        if not isinstance(self.key, type) and self.data_size == IPV6_SIZE:
            return 6
        return None

    def _taken(self) -> str:
        version = self._version()
        if version is not None:
            example = "10.0.0.0/8" if version == 4 else "fd00::/8"
            return f'an IPv{version} prefix, "{example}"'
        of = f"{self.data_size} bytes" if isinstance(self.key, Bytes) else with_article(self.key.__name__)
        return f"a pair of a prefix length and {of}"

    def _prefix(self, stored: Any) -> Any:
        """A key as user code sees it."""
        data: bytes = stored
        length = int.from_bytes(data[:4], "little")
        address = network(data[4:], length)
        if self.key is be32:
            from ipaddress import IPv4Network

            return IPv4Network((address, length))
        if not isinstance(self.key, (Bytes, type)):
            from ipaddress import IPv6Network

            return IPv6Network((address, length))
        return length, self._address(address)

    def _refuse_pair(self, length: int, data: bytes) -> None:
        """Say what is wrong with a prefix of an array: the error of the pair of a length and an address."""
        self._pack_pair((length, self._address(data)))

    def _address(self, data: bytes) -> Any:
        """What is looked up as user code sees it."""
        if isinstance(self.key, Bytes):
            return data
        if isinstance(self.key, type) and self.key is not be32:
            from osmia.structs import from_bytes

            return from_bytes(self.key, data)
        from ipaddress import ip_address

        return ip_address(data)

    def __repr__(self) -> str:
        key = getattr(self.key, "__name__", "array(u8, 16)")
        state = "live" if self.live else "not live"
        types = f"{key}, {self.value.__name__}"
        return f"<LpmTrie({types}, max_entries={self.max_entries}) {self.name or 'without a name'}, {state}>"


def stored_key(key: Any, owner: LpmTrie[Any, Any, Any]) -> Any:
    """The struct that the kernel takes: how many bits count, and right behind it what is looked up."""
    if isinstance(key, Bytes):  # an object declares it, which says the whole size
        data, key.size, key.__name__ = Bytes(key.size), key.size - 4, f"{key.size - 4} bytes"
        return data
    layout = layout_of(key)
    if not (key is be32 or _is_ipv6(layout) or isinstance(layout, StructLayout)):
        raise TypeError(f"{owner.subject}: the key of a trie is {TAKEN}, not {shown_type(key)}")
    assert layout is not None
    if layout.size > LARGEST_DATA:
        raise ValueError(
            f"{owner.subject}: the key of a trie has {LARGEST_DATA} bytes at most, and {layout.name} has {layout.size}"
        )
    body: dict[str, Any] = {"__annotations__": {"prefixlen": u32, "data": key}}
    if isinstance(layout, ArrayLayout):
        from osmia.arrays import FixedArray

        body = {"__annotations__": {"prefixlen": u32, "data": FixedArray[u8]}, "data": key}
    made = type("lpm_trie_key", (), body)
    return struct(packed=True, frozen=True)(made)


def network(data: bytes, length: int) -> bytes:
    """As many bits of an address, and no others: a program may have written some behind them, which mean nothing."""
    behind = 8 * len(data) - length
    return (int.from_bytes(data, "big") >> behind << behind).to_bytes(len(data), "big")


def _is_ipv6(layout: object) -> bool:
    return layout == ArrayLayout(IntegerLayout(u8), IPV6_SIZE)  # type: ignore[arg-type]


def _is_network(prefix: object) -> bool:
    return hasattr(prefix, "network_address")
