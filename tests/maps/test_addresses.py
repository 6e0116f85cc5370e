"""Objects of `ipaddress` as keys, as values and in structs: taken where the order of bytes is known, else refused."""

from __future__ import annotations

import subprocess
import sys
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from osmia import (
    Array,
    BloomFilter,
    CountMap,
    FixedArray,
    Global,
    HashMap,
    HashOfMaps,
    LpmTrie,
    LruHashMap,
    LruPerCpuHashMap,
    PerCpuHashMap,
    Queue,
    XdpAction,
    XdpContext,
    array,
    be32,
    setting,
    sizeof,
    struct,
    to_bytes,
    u8,
    u16,
    u32,
    u64,
    xdp,
)
from osmia.headers import Ethernet, IPv4, IPv6
from osmia.maps.codec import Bytes
from refusal import refusal
from this_kernel import require_kernel

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("engine")

ONE, TWO = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
SIX = IPv6Address("2001:db8::1")


@struct(frozen=True)
class Pair:
    six: FixedArray[u8] = array(u8, 16)
    four: be32 = 0
    peers: FixedArray[be32] = array(be32, 2)


@pytest.mark.parametrize("of", [HashMap, LruHashMap])
def test_keys_and_values(of: Any, made: Callable[[Any], Any]) -> None:
    nat = made(of(be32, be32, max_entries=16, name="NAT"))
    nat[ONE] = TWO
    assert (nat[ONE], nat.get(ONE), ONE in nat, TWO in nat) == (0x0A000002, 0x0A000002, True, False)
    assert nat[0x0A000001] == 0x0A000002
    assert refusal(KeyError, lambda: nat[TWO]) == "NAT: no key IPv4Address('10.0.0.2')"
    nat.update(TWO, ONE, 1)
    nat.update({ONE: 5})
    assert nat.to_dict() == {0x0A000001: 5, 0x0A000002: 0x0A000001}
    assert (nat.pop(ONE), nat.pop(ONE, None)) == (5, None)
    del nat[TWO]
    assert nat.update_many([ONE, TWO], [TWO, 7]) == 2
    assert nat.to_dict() == {0x0A000001: 0x0A000002, 0x0A000002: 7}
    assert nat.delete_many([TWO, IPv4Address("0.0.0.0")]) == 1
    assert list(nat) == [0x0A000001]


@pytest.mark.parametrize("of", [PerCpuHashMap, LruPerCpuHashMap])
def test_keys_of_maps_per_cpu(of: Any, made: Callable[[Any], Any]) -> None:
    senders = made(of(be32, u64, max_entries=16, name="SENDERS"))
    cpus = senders.backend.cpus
    senders[ONE] = [1] * cpus
    assert (senders[ONE].sum(), senders[0x0A000001].sum(), ONE in senders) == (cpus, cpus, True)
    assert senders.pop(ONE).sum() == cpus


def test_fields_and_arrays(made: Callable[[Any], Any]) -> None:
    held = made(HashMap(Pair, u64, max_entries=4, name="PAIRS"))
    key = Pair(six=SIX, four=ONE, peers=[TWO, 5])  # type: ignore[arg-type]  # for checkers they are numbers and arrays
    assert to_bytes(key) == SIX.packed + ONE.packed + TWO.packed + b"\0\0\0\5"
    held[key] = 9
    assert held[Pair(six=array(u8, 16, SIX.packed), four=0x0A000001, peers=array(be32, 2, [0x0A000002, 5]))] == 9
    assert osmia.replace(key, six=IPv6Address("::2")).six[15] == 2
    assert (array(u8, 16, SIX) == SIX.packed, array(u8, 4, ONE) == ONE.packed) == (True, True)
    header = IPv6()
    header.src = SIX  # type: ignore[assignment]
    assert header.src == SIX.packed


def test_all_other_places(made: Callable[[Any], Any]) -> None:
    require_kernel((5, 16), "Bloom filters")
    queue = made(Queue(be32, max_entries=2, name="Q"))
    queue.push(ONE)
    known = made(BloomFilter(be32, max_entries=4, name="B"))
    known.add(ONE)
    addresses = made(Array(be32, max_entries=2, name="A"))
    addresses[1] = ONE
    counts = made(CountMap(be32, max_entries=4, name="C"))
    trie = made(LpmTrie(be32, u64, max_entries=4, name="T"))
    trie[8, IPv4Address("10.0.0.0")] = 4
    outer = made(HashOfMaps(be32, HashMap(u32, u32, max_entries=1), max_entries=2, name="O"))
    outer[ONE] = made(HashMap(u32, u32, max_entries=1, name="I"))
    assert (queue.pop(), ONE in known, addresses[1], counts.get(ONE)) == (0x0A000001, True, 0x0A000001, None)
    assert (trie[IPv4Network("10.0.0.0/8")], list(outer), ONE in outer) == (4, [0x0A000001], True)


packets = HashMap(be32, u64, max_entries=16)
NUMBER: Any = TWO  # for type checkers a setting is a number
blocked = Global(be32, ONE)
TARGET: Any = setting(be32, NUMBER)


@xdp
def count(ctx: XdpContext) -> XdpAction:
    ip = ctx.packet.at(IPv4, sizeof(Ethernet))
    if ip is None:
        return XdpAction.ABORTED
    if ip.src == blocked.value or ip.dst == TARGET:
        return XdpAction.DROP
    packets[ip.src] = 1
    return XdpAction.PASS


def test_a_program_finds_what_was_written_by_address(engine: osmia.Machine | None) -> None:
    def verdict(program: Any, src: IPv4Address, dst: int = 0) -> XdpAction:
        return program.test_run(to_bytes(Ethernet()) + to_bytes(IPv4(src=int(src), dst=dst))).action  # type: ignore[no-any-return]

    with osmia.load(count, engine=engine) as loaded:
        assert (verdict(loaded[count], ONE), verdict(loaded[count], TWO)) == (XdpAction.DROP, XdpAction.PASS)
        assert TWO in loaded[packets]
        assert verdict(loaded[count], TWO, int(TWO)) is XdpAction.DROP
        loaded[blocked].value = TWO
        assert (verdict(loaded[count], ONE), verdict(loaded[count], TWO)) == (XdpAction.PASS, XdpAction.DROP)
    with osmia.load(count, engine=engine, settings={"TARGET": ONE}) as loaded:
        assert verdict(loaded[count], TWO, int(ONE)) is XdpAction.DROP


def test_a_setting_is_the_number_that_its_default_stands_for() -> None:
    assert (int(TARGET), TARGET.variable, repr(TARGET)) == (0x0A000002, "TARGET", "167772162")


BE32 = "is an int or an ipaddress.IPv4Address (be32), not"
MANY = ": it is many addresses, and prefixes are the keys of an LpmTrie"
INTERFACE = ": an interface is an address and a network, of which .ip is the address"
ORDER = (
    ": be32 takes an IPv4Address, and a u32 may hold one in either order: int(address) is the number that kernel code "
    'reads from a be32, int.from_bytes(address.packed, "little") the bytes as they lie in a packet'
)


@pytest.mark.parametrize(
    ("of", "given", "text"),
    [
        (be32, "10.0.0.1", f"{BE32} str '10.0.0.1'"),
        (be32, 1.5, f"{BE32} float 1.5"),
        (be32, SIX, f"{BE32} IPv6Address IPv6Address('2001:db8::1'): array(u8, 16) takes an IPv6Address"),
        (be32, IPv4Network("10.0.0.0/8"), f"{BE32} IPv4Network IPv4Network('10.0.0.0/8'){MANY}"),
        (be32, IPv4Interface("10.0.0.1/8"), f"{BE32} IPv4Interface IPv4Interface('10.0.0.1/8'){INTERFACE}"),
        (u32, ONE, f"is an int (u32), not IPv4Address IPv4Address('10.0.0.1'){ORDER}"),
        (u64, ONE, "is an int (u64), not IPv4Address IPv4Address('10.0.0.1'): be32 takes an IPv4Address"),
        (u64, SIX, "is an int (u64), not IPv6Address IPv6Address('2001:db8::1'): array(u8, 16) takes an IPv6Address"),
        (Pair, SIX, "is a Pair, not IPv6Address IPv6Address('2001:db8::1')"),
    ],
)
def test_what_is_no_key_and_no_value(of: Any, given: Any, text: str, made: Callable[[Any], Any]) -> None:
    held = made(HashMap(of, u64, max_entries=4, name="M"))
    for use in (
        lambda: held[given],
        lambda: given in held,
        lambda: held.__setitem__(given, 1),
        lambda: held.update({given: 1}),
        lambda: held.update_many([given], [1]),
        lambda: held.delete_many([given]),
        lambda: held.__delitem__(given),
        lambda: held.pop(given),
    ):
        assert refusal(TypeError, use) == f"M: a key {text}"
    values = made(HashMap(u64, of, max_entries=4, name="M"))
    assert refusal(TypeError, lambda: values.__setitem__(1, given)) == f"M: a value {text}"
    assert len(held) == len(values) == 0


@pytest.mark.parametrize(
    ("of", "use", "text"),
    [
        (
            TypeError,
            lambda: array(u8, 16, ONE),
            "the content of array(u8, 16) is 16 elements of u8, not IPv4Address IPv4Address('10.0.0.1'): an "
            "ipaddress.IPv6Address has so many bytes",
        ),
        (
            TypeError,
            lambda: IPv6(src=IPv6Network("::/0")),  # type: ignore[arg-type]
            "IPv6.src is 16 elements of u8, not IPv6Network IPv6Network('::/0'): an ipaddress.IPv6Address has so many "
            "bytes",
        ),
        (
            TypeError,
            lambda: IPv6(src=IPv6Interface("::1/64")),  # type: ignore[arg-type]
            "IPv6.src is 16 elements of u8, not IPv6Interface IPv6Interface('::1/64'): an ipaddress.IPv6Address has so "
            "many bytes",
        ),
        (
            ValueError,
            lambda: IPv6(src=IPv6Address("fe80::1%eth0")),  # type: ignore[arg-type]
            "IPv6.src is 16 elements of u8, and has no place for the zone of IPv6Address "
            "IPv6Address('fe80::1%eth0'): leave out %eth0",
        ),
        (
            TypeError,
            lambda: IPv4(src=SIX),  # type: ignore[arg-type]
            f"IPv4.src {BE32} IPv6Address IPv6Address('2001:db8::1'): array(u8, 16) takes an IPv6Address",
        ),
        (
            TypeError,
            lambda: array(u8, 6, ONE),
            "the content of array(u8, 6) is 6 elements of u8, not IPv4Address IPv4Address('10.0.0.1')",
        ),
        (
            TypeError,
            lambda: array(u16, 8, SIX),
            "the content of array(u16, 8) is 8 elements of u16, not IPv6Address IPv6Address('2001:db8::1')",
        ),
    ],
)
def test_what_is_no_content_of_a_struct_or_an_array(of: Any, use: Any, text: str) -> None:
    assert refusal(of, use) == text


def test_a_refusal_is_the_only_error_of_its_traceback(made: Callable[[Any], Any]) -> None:
    of_addresses = made(HashMap(be32, be32, max_entries=4, name="m"))
    of_pairs = made(HashMap(Pair, u64, max_entries=4, name="pairs"))
    wrong: Any = "10.0.0.1"
    uses: tuple[Callable[[], Any], ...] = (
        lambda: of_addresses[wrong],
        lambda: of_addresses.update(1, wrong),
        lambda: of_addresses.pop(wrong),
        lambda: of_pairs[wrong],
        lambda: Pair(four=wrong),
    )
    for use in uses:
        with pytest.raises(TypeError) as caught:
            use()
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_an_index_is_no_address(made: Callable[[Any], Any]) -> None:
    held = made(Array(u64, max_entries=4, name="A"))
    assert refusal(TypeError, lambda: held[ONE]) == "A: a key is an int (u32), not IPv4Address IPv4Address('10.0.0.1')"


def test_bytes_of_unknown_meaning_are_no_address(made: Callable[[Any], Any]) -> None:
    declared: Any = HashMap
    held = made(declared(Bytes(16), u64, max_entries=4, name="RAW"))
    assert refusal(TypeError, lambda: held[SIX]) == (
        "RAW: a key is 16 bytes, not IPv6Address IPv6Address('2001:db8::1'): what they mean is not known; "
        "address.packed are those of an address as packets have them"
    )
    held[SIX.packed] = 1
    assert held.to_dict() == {SIX.packed: 1}


def test_who_has_no_address_imports_nothing_for_it() -> None:
    text = (
        "import sys, osmia\n"
        "held = osmia.HashMap(osmia.be32, osmia.u64, max_entries=1, name='M')\n"
        "assert held._encode_key(5) == bytes([0, 0, 0, 5])\n"
        "assert 'osmia.addresses' not in sys.modules\n"
        "try:\n    held._encode_key('10.0.0.1')\nexcept TypeError as error:\n    print(error)\n"
        "assert 'ipaddress' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout == f"M: a key {BE32} str '10.0.0.1'\n"
