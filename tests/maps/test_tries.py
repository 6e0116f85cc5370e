"""Tries: prefixes that user code sets, and what kernel code finds for an address."""

from __future__ import annotations

import errno
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TYPE_CHECKING, Any

import pytest

import osmia
import packets
from compiled import c_object
from live_maps import live
from osmia import (
    Array,
    KernelError,
    LpmTrie,
    XdpAction,
    XdpContext,
    array,
    be16,
    be32,
    i64,
    struct,
    to_bytes,
    u8,
    u32,
    u64,
    xdp,
)
from osmia.compiler import PORTABLE, Target
from osmia.flags import BPF_EXIST, BPF_F_NO_PREALLOC, BPF_NOEXIST
from osmia.headers import Ethernet, IPv4, IPv6
from osmia.kernel import trie
from osmia.kernel.features import kernel_version
from refusal import refusal
from this_kernel import require, require_numpy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from osmia import Machine

pytestmark = pytest.mark.usefixtures("engine")

SIX = array(u8, 16)


@struct(frozen=True)
class Pair:
    zone: be16
    port: be16


@struct
class Wide:
    data: osmia.FixedArray[u8] = array(u8, 257)


four = LpmTrie(be32, u64, max_entries=16)
six = LpmTrie(array(u8, 16), u64, max_entries=16)
pairs = LpmTrie(Pair, u32, max_entries=16)
out = Array(i64, max_entries=8)
learned = LpmTrie(be32, u64, max_entries=8)
learned_by_port = LpmTrie(Pair, u64, max_entries=8)


@xdp(on_error=XdpAction.TX)
def match_four(ctx: XdpContext) -> XdpAction:
    ip = ctx.packet.at(IPv4, 14)
    if ip is None:
        return XdpAction.ABORTED
    hits = four.lookup(ip.src)
    if hits is None:
        return XdpAction.PASS
    hits.value += 1
    return XdpAction.DROP


@xdp(on_error=XdpAction.TX)
def match_six(ctx: XdpContext) -> XdpAction:
    ip = ctx.packet.at(IPv6, 14)
    if ip is None:
        return XdpAction.ABORTED
    hits = six.lookup(ip.src)
    if hits is None:
        return XdpAction.PASS
    hits.value += 1
    return XdpAction.DROP


@xdp(on_error=XdpAction.TX)
def write(ctx: XdpContext) -> XdpAction:
    length = ctx.rx_queue_index & 31
    out[0] = four.update((24, 0x0A000100), 5)
    four[(length, 0)] = 6
    del four[(16, 0x0A020000)]
    out[1] = four.delete((17, 0x0A020000))
    pairs[(16, Pair(zone=7, port=0))] = 70
    found = pairs.lookup(Pair(zone=7, port=80))
    if found is not None:
        out[2] = found.value
    return XdpAction.PASS


@xdp
def learn(ctx: XdpContext) -> XdpAction:
    ip = ctx.packet.at(IPv4, 14)
    if ip is None:
        return XdpAction.DROP
    learned.update((24, ip.src), 1)
    learned_by_port.update((20, Pair(zone=0x1234, port=0x5678)), 2)
    return XdpAction.PASS


def from_four(address: str) -> bytes:
    return packets.ethernet(0x0800, packets.ipv4(17, packets.udp(1, 2), src=int(IPv4Address(address))))


def from_six(address: str) -> bytes:
    return to_bytes(Ethernet()) + to_bytes(IPv6(src=array(u8, 16, IPv6Address(address).packed)))


@pytest.fixture
def blocked() -> Iterator[LpmTrie[int, IPv4Network, int]]:
    held = live(LpmTrie(be32, u64, max_entries=4, name="BLOCKED"))
    yield held
    held.close()


@pytest.mark.parametrize("cpu", ["v1", "v3", "v4"])
def test_a_program_finds_the_longest_prefix_and_user_code_reads_what_it_wrote(engine: Machine | None, cpu: str) -> None:
    if cpu == "v4":
        require("v4")
    target = Target(cpu, min((6, 18), kernel_version()))
    with osmia.load(match_four, target=target, engine=engine) as loaded:
        trie = loaded[four]
        trie.update({"10.0.0.0/8": 100, "10.1.0.0/16": 200})
        for address, action in (("10.1.2.3", "DROP"), ("10.2.2.3", "DROP"), ("11.0.0.1", "PASS"), ("10.1.9.9", "DROP")):
            assert loaded[match_four].test_run(from_four(address)).action.name == action
        assert dict(trie) == {ip_network("10.0.0.0/8"): 101, ip_network("10.1.0.0/16"): 202}
    with osmia.load(match_six, target=target, engine=engine) as loaded:
        loaded[six]["fd00::/8"] = 1
        assert loaded[match_six].test_run(from_six("fd12::1")).action is XdpAction.DROP
        assert loaded[match_six].test_run(from_six("fe80::1")).action is XdpAction.PASS
        assert list(loaded[six].items()) == [(IPv6Network("fd00::/8"), 2)]


@pytest.mark.parametrize("cpu", ["v1", "v3", "v4"])
def test_a_program_writes_and_deletes_prefixes(engine: Machine | None, cpu: str) -> None:
    if cpu == "v4":
        require("v4")
    with osmia.load(write, target=Target(cpu, min((6, 18), kernel_version())), engine=engine) as loaded:
        trie = loaded[four]
        trie["10.2.0.0/16"] = 1
        assert loaded[write].test_run(bytes(64)).action is XdpAction.PASS
        assert dict(trie) == {ip_network("0.0.0.0/0"): 6, ip_network("10.0.1.0/24"): 5}
        assert list(loaded[out].values())[:3] == [0, -errno.ENOENT, 70]
        assert dict(loaded[pairs]) == {(16, Pair(zone=7, port=0)): 70}
        assert loaded[write].test_run(bytes(64)).action is XdpAction.TX  # the prefix that it deletes is gone


def test_prefixes_are_keys_of_their_own(blocked: LpmTrie[int, IPv4Network, int]) -> None:
    assert blocked.flags == BPF_F_NO_PREALLOC
    assert ("10.0.0.0/8" in blocked, len(blocked), list(blocked), blocked.match("10.0.0.1")) == (False, 0, [], None)
    blocked["0.0.0.0/0"] = 1
    blocked[IPv4Network("10.0.0.0/8")] = 2
    blocked[16, 0x0A010000] = 3
    assert [each in blocked for each in ("0.0.0.0/0", "10.0.0.0/8", (16, 0x0A010000))] == [True] * 3
    assert [each in blocked for each in ("10.0.0.0/9", "10.0.0.0/7", "10.1.0.0/17")] == [False] * 3
    assert (blocked["10.0.0.0/8"], blocked.get("10.0.0.0/9"), len(blocked)) == (2, None, 3)
    assert refusal(KeyError, lambda: blocked["10.0.0.0/9"]) == (
        "BLOCKED: no key '10.0.0.0/9'; get(key, 0) gives 0 in its place"
    )
    matches = [blocked.match(each) for each in ("10.1.0.1", IPv4Address("10.2.0.1"), 0x0B000001)]
    assert matches == [3, 2, 1]
    del blocked["10.0.0.0/8"]
    assert refusal(KeyError, lambda: blocked["10.0.0.1"]) == (
        "BLOCKED: no key '10.0.0.1'; match('10.0.0.1') gives what the longest prefix has that holds it"
    )
    assert refusal(KeyError, lambda: blocked.__delitem__("10.0.0.0/8")) == "BLOCKED: no key '10.0.0.0/8'"
    assert (blocked.match("10.2.0.1"), blocked.pop("10.1.0.0/16"), blocked.pop("10.1.0.0/16", None)) == (1, 3, None)
    blocked.clear()
    assert dict(blocked) == {}


def test_flags_and_a_full_trie(blocked: LpmTrie[int, IPv4Network, int]) -> None:
    blocked["10.0.0.0/8"] = 1
    error = "cannot write key IPv4Network('10.0.0.0/8') of map 'BLOCKED': the key is there already, and the flags say "
    with pytest.raises(KernelError) as caught:
        blocked.update("10.0.0.0/8", 2, BPF_NOEXIST)
    assert caught.value.errno == errno.EEXIST
    assert str(caught.value) == f"{error}that it must not be (EEXIST)"
    with pytest.raises(KernelError) as caught:
        blocked.update("10.0.0.0/9", 2, BPF_EXIST)
    assert str(caught.value) == (
        "cannot write key IPv4Network('10.0.0.0/9') of map 'BLOCKED': the key is not there, and the flags say that it "
        "must be (ENOENT)"
    )
    assert dict(blocked) == {ip_network("10.0.0.0/8"): 1}
    blocked.update("10.0.0.0/8", 2, BPF_EXIST)
    blocked.update({f"{number}.0.0.0/8": number for number in (11, 12, 13)})
    with pytest.raises(KernelError) as caught:
        blocked["14.0.0.0/8"] = 0
    assert caught.value.errno == errno.ENOSPC
    assert str(caught.value) == (
        "cannot write key IPv4Network('14.0.0.0/8') of map 'BLOCKED': the map holds 4 entries and no more (ENOSPC)"
    )
    assert len(blocked) == 4


BAD_KEYS: list[tuple[object, str]] = [
    ("10.0.0.1/8", 'ValueError: BLOCKED: a key is an IPv4 prefix, "10.0.0.0/8": 10.0.0.1/8 has host bits set'),
    ("fd00::/8", 'ValueError: BLOCKED: a key is an IPv4 prefix, "10.0.0.0/8", not the IPv6 fd00::/8'),
    ("fe80::/8", 'ValueError: BLOCKED: a key is an IPv4 prefix, "10.0.0.0/8", not the IPv6 fe80::/8'),
    (
        "ten",
        "ValueError: BLOCKED: a key is an IPv4 prefix, \"10.0.0.0/8\": 'ten' does not appear to be an IPv4 or IPv6 "
        "network",
    ),
    (5, 'TypeError: BLOCKED: a key is an IPv4 prefix, "10.0.0.0/8", not int 5'),
    ((33, 5), "ValueError: BLOCKED: a prefix has 0 to 32 bits, not 33"),
    ((8, 0x0A000001), "ValueError: BLOCKED: int 167772161 has bits behind the first 8: clear them"),
    ((8, 1 << 32), "OverflowError: BLOCKED: what is looked up is a be32, 0 to 4294967295, not 4294967296"),
    ((8,), 'TypeError: BLOCKED: a key is an IPv4 prefix, "10.0.0.0/8", not tuple (8,)'),
    (
        (8, "10.0.0.0"),
        "TypeError: BLOCKED: what is looked up is an int or an ipaddress.IPv4Address (be32), not str '10.0.0.0'",
    ),
]


@pytest.mark.parametrize(("key", "expected"), BAD_KEYS)
def test_keys_that_are_no_prefixes(blocked: LpmTrie[int, IPv4Network, int], key: Any, expected: str) -> None:
    uses: tuple[Callable[[], object], ...] = (
        lambda: blocked[key],
        lambda: blocked.__setitem__(key, 1),
        lambda: blocked.__delitem__(key),
        lambda: key in blocked,
        lambda: blocked.update({key: 1}),
    )
    for use in uses:
        with pytest.raises((TypeError, ValueError, OverflowError)) as caught:
            use()
        assert f"{caught.type.__name__}: {caught.value}" == expected
    assert dict(blocked) == {}


def test_what_matches_is_an_address(blocked: LpmTrie[int, IPv4Network, int]) -> None:
    assert refusal(ValueError, lambda: blocked.match("10.0.0.0/8")) == (
        "BLOCKED: match() takes an address, not the prefix str '10.0.0.0/8'"
    )
    assert refusal(TypeError, lambda: blocked.lookup(5)) == (
        "BLOCKED: lookup() is for kernel code; in user code write m.match(5)"
    )


def test_a_program_may_write_an_address_as_it_is(engine: Machine | None) -> None:
    network, port = IPv4Network("10.0.0.0/24"), (20, Pair(zone=0x1234, port=0x5000))
    with osmia.load(learn, engine=engine) as loaded:
        assert loaded[learn].test_run(from_four("10.0.0.55")).action is XdpAction.PASS
        written, by_port = loaded[learned], loaded[learned_by_port]
        assert (list(written), written.to_dict(), written[network]) == ([network], {network: 1}, 1)
        assert (list(by_port), by_port[port]) == ([port], 2)
        require_numpy()
        keys, values = written.to_numpy()
        assert (keys.tolist(), values.tolist()) == ([(24, 0x0A000000)], [1])
        assert (written.update_many(keys, values + 1), written[network]) == (1, 2)
        assert (written.delete_many(keys), len(written)) == (1, 0)
        assert by_port.to_numpy().keys.tolist() == [(20, (0x1234, 0x5000))]


def test_prefixes_of_an_array_are_checked_as_others_are(blocked: LpmTrie[int, IPv4Network, int]) -> None:
    require_numpy()
    import numpy as np

    dtype = blocked.to_numpy().keys.dtype
    good = np.array([(8, 0x0A000000), (32, 0x0A000001), (0, 0)], dtype)
    assert blocked.update_many(good, [1, 2, 3]) == 3
    wrong = {
        (8, 0x0A000001): "BLOCKED: IPv4Address IPv4Address('10.0.0.1') has bits behind the first 8: clear them",
        (33, 0): "BLOCKED: a prefix has 0 to 32 bits, not 33",
    }
    for key, expected in wrong.items():
        keys = np.array([(16, 0x0A000000), key], dtype)
        assert refusal(ValueError, lambda keys=keys: blocked.update_many(keys, [1, 1])) == expected
        assert refusal(ValueError, lambda keys=keys: blocked.delete_many(keys)) == expected
    assert [str(key) for key in blocked] == ["10.0.0.1/32", "10.0.0.0/8", "0.0.0.0/0"]


def test_a_zone_is_no_part_of_a_prefix() -> None:
    six = live(LpmTrie(SIX, u32, max_entries=4, name="SIX"))
    for key in ("fe80::1%eth0", IPv6Address("fe80::1%eth0")):
        expected = (
            'SIX: a key is an IPv6 prefix, "fd00::/8", and has no place for the zone of '
            f"{type(key).__name__} {key!r}: leave out %eth0"
        )
        assert refusal(ValueError, lambda key=key: six.__setitem__(key, 1)) == expected
        assert refusal(ValueError, lambda key=key: six.match(key)) == expected
    assert len(six) == 0
    six.close()


def test_declarations_that_are_refused() -> None:
    wrong: Any = LpmTrie
    taken = "T: the key of a trie is be32 (IPv4), array(u8, 16) (IPv6) or a @struct class of at most 256 bytes, not "
    assert refusal(TypeError, lambda: wrong(u32, u64, max_entries=1, name="T")) == f"{taken}u32"
    assert refusal(TypeError, lambda: wrong(array(u8, 4), u64, max_entries=1, name="T")).startswith(taken)
    assert refusal(ValueError, lambda: wrong(Wide, u64, max_entries=1, name="T")) == (
        "T: the key of a trie has 256 bytes at most, and Wide has 257"
    )


def test_says_what_it_is() -> None:
    assert repr(six) == "<LpmTrie(array(u8, 16), u64, max_entries=16) six, not live>"
    assert (six.key_size, six.data_size, pairs.key_size, pairs.key) == (20, 16, 8, Pair)
    assert four.describe() != pairs.describe()


def test_older_kernels_are_asked_for_every_key(
    blocked: LpmTrie[int, IPv4Network, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked.update({"10.0.0.0/8": 1, "11.0.0.0/8": 2})
    monkeypatch.setattr(trie, "kernel_version", lambda: (6, 12))
    assert [each in blocked for each in ("10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8")] == [True, True, False]


def test_flags_in_kernel_code_ask_for_a_kernel_that_looks_at_them() -> None:
    from osmia.compiler.build import checked_unit, generate

    @xdp
    def insert(ctx: XdpContext) -> XdpAction:
        four.update((8, ctx.rx_queue_index), 1, BPF_NOEXIST)
        return XdpAction.PASS

    unit, _ = checked_unit((insert.request,), PORTABLE)
    with pytest.raises(osmia.CompileError) as caught:
        generate(unit, PORTABLE)
    assert caught.value.problem == "flags for a prefix need Linux 6.13"


CLANG = """
struct key { u32 prefixlen; u32 address; };
struct { __uint(type, 11); __type(key, struct key); __type(value, u64); __uint(max_entries, 4); __uint(map_flags, 1); }
    four SEC(".maps");
SEC("xdp") int match(struct xdp_md *ctx) {
    struct key key = { 32, 0x0100000a };
    u64 *hits = bpf_map_lookup_elem(&four, &key);
    return hits ? (*hits += 1, 1) : 2;
}
"""


def test_an_object_of_clang(engine: Machine | None) -> None:
    with osmia.load(c_object(CLANG), engine=engine) as loaded:
        plain = loaded["four"]
        plain["10.0.0.0/8"] = 5
        assert loaded["match"].test_run(bytes(64)).action is XdpAction.DROP
        assert list(plain.items()) == [((8, bytes([10, 0, 0, 0])), 6)]
        assert plain[8, bytes([10, 0, 0, 0])] == 6
        typed = loaded[LpmTrie(be32, u64, max_entries=4, name="four")]
        assert dict(typed) == {ip_network("10.0.0.0/8"): 6}
