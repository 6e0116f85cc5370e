"""Maps of sockets on the user's side: sockets go in, cookies come out."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from compiled import c_object
from live_maps import live
from osmia import KernelError, NotLoadedError, ReusePortSockArray, SockHash, SockMap, struct, u32, u64
from refusal import refusal
from tcp import connection, listener

if TYPE_CHECKING:
    from collections.abc import Iterator

SO_COOKIE = 57

NOT_TAKEN = (
    "the kernel does not take this socket: it takes TCP sockets that are connected or listen, UDP sockets that are "
    "bound or connected, Unix and vsock sockets that are connected (EOPNOTSUPP)"
)
NO_GROUP = (
    "cannot write key 0 of map 'shared': the socket is in no group that shares a port: set SO_REUSEPORT, then bind it "
    "(TCP: and listen) (EINVAL)"
)


def cookie(of: socket.socket) -> int:
    return int.from_bytes(of.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8), "little")


@struct(frozen=True)
class Flow:
    address: u32
    port: u32


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    with connection() as made:
        yield made


@pytest.fixture
def sockets() -> Iterator[SockMap]:
    held = live(SockMap(max_entries=4, name="sockets"))
    yield held
    held.close()


@pytest.fixture
def by_flow() -> Iterator[SockHash[Flow]]:
    held = live(SockHash(Flow, max_entries=2, name="by_flow"))
    yield held
    held.close()


@pytest.fixture
def shared() -> Iterator[ReusePortSockArray]:
    held = live(ReusePortSockArray(max_entries=2, name="shared"))
    yield held
    held.close()


def test_an_array_of_sockets_is_a_mapping(sockets: SockMap, ends: tuple[socket.socket, socket.socket]) -> None:
    near, far = ends
    assert (len(sockets), list(sockets), dict(sockets)) == (0, [], {})
    sockets[0] = near
    sockets[3] = far
    assert sockets[3] == cookie(far)
    assert dict(sockets) == dict(sockets.items()) == {0: cookie(near), 3: cookie(far)}
    assert list(sockets.values()) == [cookie(near), cookie(far)]
    assert (len(sockets), 0 in sockets, 1 in sockets, 4 in sockets, sockets.get(1)) == (2, True, False, False, None)
    assert sockets.update({1: near, 2: far}) == 0
    assert sockets.update(1, far, 2) == 0
    assert [sockets[index] for index in (1, 2)] == [cookie(far)] * 2
    assert (sockets.pop(1), sockets.pop(1, None)) == (cookie(far), None)
    del sockets[2]
    near.close()
    assert dict(sockets) == {3: cookie(far)}
    sockets.clear()
    assert len(sockets) == 0


def test_a_hash_of_sockets_is_a_mapping(by_flow: SockHash[Flow], ends: tuple[socket.socket, socket.socket]) -> None:
    near, far = ends
    one, other, third = (Flow(address=0x7F000001, port=port) for port in (1, 2, 3))
    by_flow.update([(one, near), (other, far)])
    assert dict(by_flow) == {one: cookie(near), other: cookie(far)}
    assert refusal(KernelError, lambda: by_flow.update(third, near)) == (
        "cannot write key Flow(address=2130706433, port=3) of map 'by_flow': "
        "the map holds 2 entries and no more (E2BIG)"
    )
    assert by_flow.pop(one) == cookie(near)
    assert refusal(KeyError, lambda: by_flow[one]) == "by_flow: no key Flow(address=2130706433, port=1)"
    assert refusal(KeyError, lambda: by_flow.pop(one)) == "by_flow: no key Flow(address=2130706433, port=1)"
    far.close()
    assert len(by_flow) == 0


def test_sockets_that_share_a_port(shared: ReusePortSockArray) -> None:
    with listener(shared=True) as one, listener(one.getsockname()[1], shared=True) as other:
        shared.update([(0, one), (1, other)])
        assert dict(shared) == {0: cookie(one), 1: cookie(other)}
        del shared[1]
        assert (list(shared), shared.get(1)) == ([0], None)
        assert refusal(KeyError, lambda: shared.__delitem__(1)) == "shared: no socket at 1"
        assert refusal(KernelError, lambda: shared.__setitem__(1, one)) == (
            "cannot write key 1 of map 'shared': the socket is in an array of sockets already (EBUSY)"
        )
    assert dict(shared) == {}
    with listener() as alone:
        assert refusal(KernelError, lambda: shared.__setitem__(0, alone)) == NO_GROUP
    left, right = socket.socketpair()
    with left, right:
        assert refusal(KernelError, lambda: shared.__setitem__(0, left)) == (
            "cannot write key 0 of map 'shared': only TCP and UDP sockets of IPv4 and IPv6 share ports (ENOTSUPP)"
        )


def test_keys_and_sockets_that_are_refused(sockets: SockMap, ends: tuple[socket.socket, socket.socket]) -> None:
    near, _ = ends
    held: Any = sockets
    outside = "sockets: no key 4, its keys are 0 to 3"
    assert refusal(KeyError, lambda: held[4]) == outside
    assert refusal(KeyError, lambda: held.__setitem__(4, near)) == outside
    assert refusal(KeyError, lambda: held.__delitem__(4)) == outside
    assert refusal(KeyError, lambda: held[-1]) == "sockets: no key -1, its keys are 0 to 3"
    assert refusal(TypeError, lambda: held["0"]) == "sockets: a key is an int (u32), not str '0'"
    assert refusal(KeyError, lambda: held[0]) == "sockets: no socket at 0"
    assert refusal(KeyError, lambda: held.__delitem__(0)) == "sockets: no socket at 0"
    what = "sockets: a value is a socket, or what has its fileno(), not "
    assert refusal(TypeError, lambda: held.__setitem__(0, near.fileno())) == f"{what}int {near.fileno()}"
    assert refusal(TypeError, lambda: held.__setitem__(0, socket.socket)).startswith(what)
    closed = socket.socket()
    closed.close()
    assert refusal(ValueError, lambda: held.__setitem__(0, closed)) == "sockets: the socket is closed"
    with socket.socket() as unconnected:
        assert refusal(KernelError, lambda: held.__setitem__(0, unconnected)) == (
            f"cannot write key 0 of map 'sockets': {NOT_TAKEN}"
        )
    with open("/dev/null") as file:  # noqa: PTH123 - any file will do
        assert refusal(KernelError, lambda: held.__setitem__(0, file)) == (
            "cannot write key 0 of map 'sockets': its file descriptor is of no socket (ENOTSOCK)"
        )
    held[0] = near
    assert refusal(KernelError, lambda: held.update(0, near, 1)) == (
        "cannot write key 0 of map 'sockets': the key is there already, and the flags say that it must not be (EEXIST)"
    )
    assert refusal(KernelError, lambda: held.update(1, near, 2)) == (
        "cannot write key 1 of map 'sockets': the key is not there, and the flags say that it must be (ENOENT)"
    )
    assert refusal(ValueError, lambda: held.update(1, near, 4)) == (
        "sockets: flags is 0 (always), 1 (if the key is new) or 2 (if it exists), not 4"
    )
    assert refusal(TypeError, lambda: held.update([(0, near), (1, 5)])) == f"{what}int 5"
    assert dict(held) == {0: cookie(near)}


def test_what_is_kernel_codes_alone() -> None:
    held: Any = SockMap(max_entries=1, name="held")
    assert refusal(TypeError, lambda: held.lookup(0)) == (
        "held: lookup() is for kernel code; in user code write m[0] or m.get(0)"
    )
    assert (
        refusal(TypeError, lambda: held.delete(0)) == "held: delete() is for kernel code; in user code write del m[0]"
    )
    for operation, kind in (
        ("sock_update", "sock_ops"),
        ("msg_redirect", "sk_msg"),
        ("sk_redirect", "sk_skb"),
        ("select", "sk_reuseport"),
    ):
        assert refusal(TypeError, lambda operation=operation: getattr(held, operation)(0)) == (
            f"held: {operation}() is for kernel code: programs of kind {kind} call it"
        )


def test_what_is_declared() -> None:
    held = SockMap(max_entries=4, name="held")
    assert (held.key, held.value, held.key_size, held.value_size, held.live) == (u32, u64, 4, 8, False)
    assert repr(held) == "<SockMap(max_entries=4) held, not live>"
    assert repr(SockHash(Flow, max_entries=2, name="flows")) == "<SockHash(Flow, max_entries=2) flows, not live>"
    assert repr(ReusePortSockArray(max_entries=2, name="r")) == "<ReusePortSockArray(max_entries=2) r, not live>"
    assert held.describe() != SockMap(max_entries=5, name="held").describe()
    text = (
        "held is not loaded: load() or attach() a program that uses it, take the handle that load() gives, create() "
        "it, or open() the path where it is pinned"
    )
    assert refusal(NotLoadedError, lambda: held[0]) == text
    wrong: Any = SockMap
    assert refusal(ValueError, lambda: wrong(max_entries=0, name="m")) == "m: max_entries is 1 to 4294967295, not 0"
    assert refusal(TypeError, lambda: SockHash(int, max_entries=1, name="m")).startswith("m: the type of a key is ")


OF_C = """
static long (*bpf_sk_select)(void *ctx, void *map, void *key, u64 flags) = (void *)82;
struct { __uint(type, 15); __uint(max_entries, 2); __type(key, u32); __type(value, VALUE); } sockets SEC(".maps");
struct { __uint(type, 18); __uint(max_entries, 2); __type(key, u64); __type(value, VALUE); } by_key SEC(".maps");
struct { __uint(type, 20); __uint(max_entries, 2); __type(key, u32); __type(value, u64); } shared SEC(".maps");
SEC("sk_reuseport") int choose(void *ctx) {
    u32 index = 0; u64 key = 0;
    if (bpf_sk_select(ctx, &sockets, &index, 0) == 0) return 1;
    if (bpf_sk_select(ctx, &by_key, &key, 0) == 0) return 1;
    return bpf_sk_select(ctx, &shared, &index, 0) == 0;
}
"""


@pytest.mark.parametrize("value", ["u64", "s64", "u32", "int"])
def test_objects_of_clang(value: str, ends: tuple[socket.socket, socket.socket]) -> None:
    """C declares values of 4 bytes too: sockets go in, but there is no room for a cookie."""
    near, _ = ends
    with osmia.load(c_object(OF_C.replace("VALUE", value))) as loaded:
        sockets, by_key = loaded.maps["sockets"], loaded.maps["by_key"]
        assert isinstance(sockets, SockMap)
        assert isinstance(by_key, SockHash)
        assert isinstance(loaded.maps["shared"], ReusePortSockArray)
        sockets[1] = near
        by_key[7] = near
        if value.endswith("64"):
            assert (dict(sockets), dict(by_key)) == ({1: cookie(near)}, {7: cookie(near)})
            return
        assert refusal(KernelError, lambda: sockets[1]) == (
            "cannot read the sockets of map 'sockets': its values have 4 bytes, and a socket's cookie takes 8: declare "
            "it with values of 8 bytes (ENOSPC)"
        )
        del sockets[1]
        del by_key[7]


def test_every_error_has_its_number(sockets: SockMap) -> None:
    with socket.socket() as unconnected, pytest.raises(KernelError) as caught:
        sockets[0] = unconnected
    assert caught.value.errno == errno.EOPNOTSUPP
