"""Programs as users write them: type checkers accept them, and see the types that are asserted here."""

from __future__ import annotations

import logging
import socket  # noqa: TC003 - as users import it
import sys
from enum import IntEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, assert_type

import numpy as np

import osmia
from osmia import (
    Array,
    ArrayOfMaps,
    BloomFilter,
    Chars,
    Counter,
    FastRing,
    FixedArray,
    Global,
    HashMap,
    HashOfMaps,
    Link,
    Loaded,
    LpmTrie,
    LruHashMap,
    LruPerCpuHashMap,
    Packet,
    PerCpuArray,
    PerCpuCounter,
    PerCpuHashMap,
    PerCpuValues,
    ProgramArray,
    Queue,
    Ref,
    RingBuf,
    SpinLock,
    Stack,
    UserRingBuf,
    XdpAction,
    XdpContext,
    XdpMode,
    XdpProgram,
    array,
    be16,
    be32,
    bits,
    chars,
    from_bytes,
    i32,
    i64,
    numpy_dtype,
    ref,
    replace,
    setting,
    sizeof,
    spin_lock,
    struct,
    to_bytes,
    u8,
    u16,
    u32,
    u64,
    union,
    xdp,
    zeroed,
)
from osmia.headers import Ethernet, EtherType, IPv4, Tcp, TcpFlags, Udp
from osmia.helpers import ktime_get_ns
from osmia.unchecked import address, assume, call_helper, memory_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia.maps.declaration import Map

T = TypeVar("T")


class State(IntEnum):
    CLOSED = 0
    OPEN = 1


counts = PerCpuArray(u64, max_entries=2, name="COUNTS")
limits = Array(i32, max_entries=4)
flows = HashMap(u32, u64, max_entries=1024, flags=1)
states = HashMap(State, bool, max_entries=2)


@struct
class Totals:
    seen: u64 = 0


@struct
class Flow:
    packets: u64 = 0
    bytes: u64 = 0
    mac: FixedArray[u8] = array(u8, 6)
    comm: Chars = chars(16)
    version: u8 = bits(4)
    urgent: bool = bits(1)

    @property
    def mean(self) -> int:
        return self.bytes // self.packets


@struct(frozen=True)
class Key:
    src: be32
    port: be16


@struct
class Bucket:
    lock: SpinLock = spin_lock()
    tokens: u64 = 0
    last: u64
    keys: FixedArray[Key] = array(Key, 2)
    table: FixedArray[FixedArray[u32]] = array(array(u32, 2), 2)


@union
class Word:
    whole: u32 = 0
    parts: FixedArray[u8] = array(u8, 4)


by_key = LruHashMap(Key, Flow, max_entries=1024)
hits = LruHashMap(be32, u64, max_entries=1024)
per_cpu = PerCpuHashMap(u32, Flow, max_entries=64)
buckets = HashMap(u32, Bucket, max_entries=16)


@xdp
def with_structs(ctx: XdpContext) -> XdpAction:
    key = Key(src=ctx.ingress_ifindex, port=53)
    if (flow := by_key.lookup(key)) is not None:
        assert_type(flow, Flow)
        flow.packets += 1
        flow.mac[0] = 5
        flow.version = 4
        ref(flow.bytes).fetch_add(60)
        if flow.comm == "bash" or flow.mac == b"123456":
            return XdpAction.DROP
    else:
        by_key.update(key, Flow(packets=1, bytes=60))
    hit = hits.lookup_or_init(key.src, 0)
    if hit is None:
        return XdpAction.ABORTED
    assert_type(hit, Ref[int])
    assert_type(hit.fetch_add(1), int)
    assert_type(hit.compare_exchange(1, 2), int)
    hit.exchange(hit.fetch_or(1) + hit.fetch_and(3) + hit.fetch_xor(4))
    hits[key.src] += 1
    mine = per_cpu.lookup_or_init(0, Flow())
    if mine is not None:
        mine.packets += 1
    bucket = buckets.lookup(0)
    if bucket is not None:
        with bucket.lock:
            bucket.tokens -= 1
            bucket.last += bucket.keys[1].src
            bucket.table[1][0] += 1
    return XdpAction.PASS


@struct
class Meter:
    LIMIT: ClassVar[int] = 1000
    tokens: u64 = 0
    flow: Flow = Flow()
    words: FixedArray[Word] = array(Word, 2)
    name: Chars = chars(8, "none")

    @property
    def full(self) -> bool:
        return self.tokens >= self.LIMIT

    @staticmethod
    def capped(amount: int, most: int = 10) -> int:
        return min(amount, most)

    def take(self, amount: int) -> Meter:
        self.tokens -= self.capped(amount)
        return self


meters = HashMap(Key, Meter, max_entries=16)
DEFAULT: Final = Meter(tokens=5)


def ordered(a: u32, b: u32) -> tuple[u32, u32]:
    return (a, b) if a < b else (b, a)


def meter_of(key: Key | None = None, *, tokens: int = 5) -> Meter | None:
    if key is None:
        return None
    return meters.lookup_or_init(key, Meter(tokens=tokens))


def count_up(counter: Ref[u64], by: int = 1) -> u64:
    counter.value += by
    return counter.value


def larger(value: T, other: T, size: Callable[[T], int]) -> T:
    return value if size(value) > size(other) else other


@xdp
def data_and_functions(ctx: XdpContext) -> XdpAction:
    low, high = ordered(ctx.rx_queue_index, ctx.ingress_ifindex)
    low, high = high, low
    key = Key(src=low, port=u16(high))
    meter: Meter | None = meter_of(key, tokens=DEFAULT.tokens)
    if meter is None:
        return XdpAction.ABORTED
    seen = 0

    def note(amount: int) -> int:
        nonlocal seen
        seen += amount
        return seen

    meter.take(note(3)).take(note(low))
    meter.words[0], meter.words[1] = meter.words[1], meter.words[0]
    meter.words[-1].parts[0] += 1
    meter.flow = Flow(packets=1)
    if meter.flow == Flow() or meter.name != "none" or meter.full:
        meter.name = chars(8, "full")
    bigger = larger(meter, Meter(), lambda each: each.tokens)
    assert_type(bigger, Meter)
    head = meter.flow.mac[0:3]
    if key in meters and head == (1, 2, 3):
        meters[key].tokens += 1
        meters[Key(src=1, port=2)] = bigger
        del meters[key]
    hit = hits.lookup(5)
    if hit is not None and count_up(hit, by=2) > 5:
        return XdpAction.DROP
    match low, meter.flow:
        case 0, Flow(packets=1):
            return XdpAction.TX
        case 1 | 2, Flow(packets=packets) if packets > high:
            return XdpAction.DROP
        case _:
            return XdpAction.PASS


def structs_in_user_code() -> None:
    flow = Flow(packets=1, mac=array(u8, 6, b"123456"), comm=chars(16, "bash"))
    flow.packets = 5
    assert_type(flow.mean, int)
    assert_type(flow.mac[0], int)
    assert_type(flow.mac[1:3], FixedArray[int])
    assert_type(list(flow.mac), list[int])
    assert_type(replace(flow, packets=2), Flow)
    assert_type(from_bytes(Flow, to_bytes(flow)), Flow)
    assert_type(zeroed(Word).parts, FixedArray[int])
    assert_type(sizeof(Flow) + sizeof(flow.mac) + sizeof(u32), int)
    assert_type(by_key[Key(src=1, port=2)], Flow)
    assert_type(by_key.get(Key(src=1, port=2)), Flow | None)
    assert_type(dict(by_key.items()), dict[Key, Flow])
    assert_type(hits[1], int)
    assert_type(per_cpu[1], PerCpuValues[Flow])
    assert_type(per_cpu[1].sum(lambda each: each.packets), int)
    assert_type(per_cpu.pop(1, None), PerCpuValues[Flow] | None)
    by_key[Key(src=1, port=2)] = flow
    by_key.update({Key(src=1, port=2): flow})
    del by_key[Key(src=1, port=2)]
    seen = {Key(src=1, port=2): str(flow.comm), Key(src=2, port=2): bytes(flow.mac).hex()}
    print(seen, Bucket(last=1).tokens, Word(whole=1).whole)


nat = HashMap(be32, be32, max_entries=16)
senders = PerCpuHashMap(be32, u64, max_entries=16)


def addresses_in_user_code() -> None:
    inside, outside = IPv4Address("10.0.0.1"), IPv4Address("192.0.2.1")
    nat[inside] = outside
    nat[inside] = 1
    nat[1] = outside
    hits[inside] = 5
    hits[inside] += 1
    assert_type(hits[inside], int)
    assert_type(nat[inside], int)
    assert_type(nat.get(inside), int | None)
    assert_type(nat.get(inside, "none"), int | str)
    assert_type(nat.pop(inside), int)
    assert_type(nat.pop(inside, None), int | None)
    assert_type(senders[inside], PerCpuValues[int])
    assert_type(senders.get(inside), PerCpuValues[int] | None)
    assert_type(senders.pop(inside, None), PerCpuValues[int] | None)
    senders[inside] = [0] * len(senders[1])
    senders.update(inside, [0])
    senders.update({inside: [0]})
    nat.update(inside, outside, 1)
    nat.update({inside: outside})
    nat.update({1: outside})
    nat.update([(inside, 1), (2, outside)])
    hits.update({inside: 5})
    nat.update_many([inside, 1], [outside, 2])
    nat.delete_many([inside, outside])
    del nat[inside]
    del senders[inside]
    print(inside in nat, array(u8, 16, IPv6Address("::1")), array(u8, 4, inside))


def headers_in_user_code(packet: bytes) -> bool:
    ethernet, ip = from_bytes(Ethernet, packet[:14]), from_bytes(IPv4, packet[14:34])
    tcp = from_bytes(Tcp, packet[14 + ip.header_length :][: sizeof(Tcp)])
    return ethernet.ether_type == EtherType.IPV4 and tcp.flags == TcpFlags.SYN | TcpFlags.ACK


@xdp
def helpers(ctx: XdpContext) -> XdpAction:
    started = ktime_get_ns()
    if ctx.adjust_head(-14) < 0 or ctx.ktime_get_ns() - started > 1000:
        return XdpAction.ABORTED
    socket = ctx.sk_lookup_tcp(b"", 0)
    if socket is not None:
        ctx.sk_release(socket)
    return ctx.redirect(5)


@xdp
def counter(ctx: XdpContext) -> XdpAction:
    count = counts.lookup(0)
    if count is None:
        return XdpAction.ABORTED
    assert_type(count, Ref[int])
    count.value += 1
    flow = flows.lookup(ctx.ingress_ifindex)
    if flow is None:
        flows.update(ctx.ingress_ifindex, 1)
        return XdpAction.PASS
    width: u8 = 3
    flow.value += width
    if flow.value > 10:
        flows.delete(ctx.ingress_ifindex)
        return XdpAction.DROP
    limit = limits.lookup(ctx.rx_queue_index)
    if limit is not None and limit.value < 0:
        return XdpAction.TX
    return XdpAction.PASS


def ports(packet: Packet, offset: int) -> Udp | None:
    ip = packet.at(IPv4, offset)
    assert_type(ip, IPv4 | None)
    return None if ip is None else packet.at(Udp, offset + ip.header_length)


@xdp
def reads(ctx: XdpContext) -> XdpAction:
    udp = ports(ctx.packet, 14)
    kind = ctx.packet.at(be16, len(ctx.packet) - 2)
    assert_type(kind, Ref[int] | None)
    state = ctx.meta.at(State, 0)
    assert_type(state, Ref[State] | None)
    if udp is None or kind is None or state is None or ctx.adjust_tail(-2) < 0:
        return XdpAction.PASS
    return XdpAction.TX


@xdp(on_error=XdpAction.DROP, name="other")
def renamed(ctx: XdpContext) -> XdpAction:
    seen = states.lookup(State.OPEN)
    if seen is not None and seen.value:
        return XdpAction.PASS
    return XdpAction.DROP


PORT: Final = setting(u16, 53)
DEBUG: Final = setting(bool, False)
STATE: Final = setting(State, State.OPEN)
total = Global(u64)
state = Global(State, State.OPEN)
numbers = Global(array(u32, 4))
totals = Global(Totals)
events = RingBuf(Totals, size=4096)
frames = RingBuf(bytes, size=4096)
commands = UserRingBuf(Totals, size=4096)
ceilings = UserRingBuf(u64, size=4096)


def took(limit: int) -> None:
    total.value += limit


def writes() -> None:
    commands.output(Totals())
    commands.output_many([Totals(), Totals()], timeout=1)
    commands.output_many(np.zeros(3, numpy_dtype(Totals)), timeout=None)
    with commands.reserve(timeout=0.5) as command:
        assert_type(command, Totals)
        command.seen = 5
        commands.discard(command)
    ceilings.output(5)
    with ceilings.reserve() as ceiling:
        assert_type(ceiling, Ref[int])
        ceiling.value = 5
    assert_type(frames.read(0), bytes | None)


stages = ProgramArray(XdpContext, max_entries=4)


@xdp
def global_data(ctx: XdpContext) -> XdpAction:
    total.value += 1
    numbers.value[ctx.rx_queue_index & 3] += 1
    totals.value.seen += total.value
    if DEBUG and total.value > PORT:
        state.value = State.CLOSED
    with events.reserve() as event:
        if event is not None:
            event.seen = total.value
            events.discard(event)
    with events.reserve(Totals) as event:
        assert_type(event, Totals | None)
    with frames.reserve_bytes(len(ctx.packet), 1) as record:
        if record is not None:
            record.write(0, totals.value)
            record.write(16, b"text")
            record.write(20, numbers.value[: ctx.rx_queue_index])
            assert_type(record.at(u32, 4), Ref[u32] | None)
            assert_type(record.at(Totals, 4), Totals | None)
            frames.discard(record)
    frames.output(numbers.value[: ctx.rx_queue_index])
    frames.output(totals.value)
    count = commands.drain(lambda command: command.seen == 0)
    assert_type(count, int)
    assert_type(ceilings.drain(took, 1), int)
    if events.output(totals.value) != 0:
        return XdpAction.ABORTED
    stages.tail_call(ctx, 1)
    return XdpAction.PASS


def global_data_in_user_code() -> None:
    assert_type(total, Global[int])
    assert_type(total.value, int)
    assert_type(state.value, State)
    assert_type(numbers.value, FixedArray[int])
    assert_type(totals.value, Totals)
    assert_type(PORT, int)
    assert_type(DEBUG, bool)
    assert_type(STATE, State)
    total.value = 0
    totals.value.seen += 1
    totals.value = Totals(seen=1)
    numbers.value[3] = 1
    stages[0] = counter
    del stages[0]
    global_data.load(settings={"PORT": 443})
    assert_type(global_data.settings["PORT"], Any)
    with osmia.load("x.o", settings={"PORT": 443, "DEBUG": True}) as loaded:
        assert_type(loaded[total], Global[int])
        assert_type(loaded[totals].value, Totals)
        assert_type(loaded[stages], ProgramArray[XdpContext])
        print(loaded.globals["total"].value, loaded.settings["PORT"])


def user_code() -> None:
    assert_type(counter, XdpProgram)
    assert_type(counts[0], PerCpuValues[int])
    assert_type(counts[0].sum(), int)
    assert_type(counts[0].sum(lambda value: value * 2), int)
    assert_type(counts[0][0], int)
    assert_type(flows[1], int)
    assert_type(flows.get(1), int | None)
    assert_type(flows.get(1, 0), int)
    assert_type(flows.pop(1), int)
    assert_type(flows.pop(1, None), int | None)
    assert_type(list(states), list[State])
    assert_type(list(states.items()), list[tuple[State, bool]])
    assert_type(list(counts.values()), list[PerCpuValues[int]])
    flows[1] = 2
    flows.update(1, 2, 1)
    flows.update({1: 2})
    flows.update([(1, 2)])
    del flows[1]
    flows.clear()
    limits[0] = -5
    limits.update(enumerate((1, 2)))
    counts[0] = [0] * len(counts[0])
    counts.update({0: [1, 2]})
    for state, seen in states.items():
        print(state.name, seen, state in states, len(states))
    maps: list[Map[int, int]] = [flows, limits, counts]
    print(maps)


@struct(frozen=True)
class Spot:
    port: u16 = 0


sizes = osmia.Histogram()
depths = osmia.Histogram(i64, low=-10, high=10, step=5)
sizes_by = osmia.HistogramMap(u32, max_entries=8)
depths_by = osmia.HistogramMap(Spot, i64, max_entries=8, low=0, high=8, step=2, name="depths_by")
spread = osmia.Stats(i64)
spread_by = osmia.StatsMap(u32, max_entries=8)
hits_by = osmia.CountMap(Spot, max_entries=8)


@xdp
def aggregates(ctx: XdpContext) -> XdpAction:
    size = len(ctx.packet)
    sizes.add(size)
    depths.add(-5)
    sizes_by.add(size, 7)
    depths_by.add(Spot(), -1)
    spread.add(size - 7)
    spread_by.add(3, size)
    hits_by.add(Spot())
    hits_by.add(Spot(), size)
    return XdpAction.PASS


def reading_aggregations() -> None:
    snapshot = sizes.read()
    assert_type(snapshot, osmia.HistogramSnapshot)
    assert_type(sizes_by[5], osmia.HistogramSnapshot)
    assert_type(sizes_by.get(5), osmia.HistogramSnapshot | None)
    assert_type(snapshot + snapshot - snapshot, osmia.HistogramSnapshot)
    assert_type(snapshot.mean, float | None)
    for low, high, count in snapshot:
        assert_type(low + high + count, int)
    assert_type(spread.read(), osmia.StatsSnapshot)
    assert_type(spread_by.top(5, by="max"), list[tuple[int, osmia.StatsSnapshot]])
    assert_type(spread_by[5].max, int | None)
    assert_type(hits_by.top(5), list[tuple[Spot, int]])
    assert_type(hits_by.to_dict(), dict[Spot, int])
    keys, counts_of_buckets, sums = sizes_by.to_numpy()
    print(keys, counts_of_buckets.sum(axis=1), sums, hits_by.to_numpy().values, snapshot.to_numpy()["low"])
    print(f"{snapshot:20ns}", snapshot.text(unit="ns", width=20), sizes, sizes_by.dropped, len(sizes_by), 5 in sizes_by)
    for key, each in sizes_by.items():
        assert_type(key, int)
        assert_type(each, osmia.HistogramSnapshot)
    for map_ in (sizes, sizes_by, hits_by):
        map_.clear()
    with osmia.load(aggregates) as loaded:
        assert_type(loaded[sizes_by], osmia.HistogramMap[int])


seldom = Counter(name="seldom")
hit_counter = PerCpuCounter()


@xdp
def counts_up(ctx: XdpContext) -> XdpAction:
    hit_counter.add()
    seldom.add(len(ctx.packet))
    return XdpAction.PASS


seen_packets = FastRing(Totals, 64)


@xdp
def writes_to_memory(ctx: XdpContext) -> XdpAction:
    with seen_packets.reserve() as event:
        assert_type(event, Totals | None)
        if event is not None:
            event.seen = len(ctx.packet)
    if seen_packets.output(Totals()) < 0:
        return XdpAction.DROP
    return XdpAction.PASS


async def reads_memory() -> None:
    async for event in seen_packets:
        assert_type(event, Totals)
    assert_type(seen_packets.read(1.5), Totals | None)
    assert_type(seen_packets.poll(print, 0), int)
    assert_type(len(seen_packets.drain(5)), int)
    with seen_packets.drain(copy=False) as array:
        print(array["seen"].sum(), seen_packets.lost, seen_packets.nested)
    with osmia.load(writes_to_memory) as loaded:
        assert_type(loaded[seen_packets], FastRing[Totals])


def user_side() -> None:
    assert_type(hit_counter.value, int)
    assert_type(hit_counter.per_cpu(), dict[int, int])
    assert_type(int(seldom), int)
    assert_type(flows.to_dict(), dict[int, int])
    assert_type(flows.to_dict(delete=True), dict[int, int])
    assert_type(counts.to_dict(), dict[int, PerCpuValues[int]])
    keys, values = flows.to_numpy(delete=True)
    assert_type(flows.update_many(keys, values), int)
    assert_type(flows.update_many([1, 2], [3, 4], 1), int)
    assert_type(flows.delete_many(keys), int)
    assert_type(limits.to_numpy(copy=False).values.tolist(), Any)
    assert_type(limits.memory(), memoryview)
    counts.update_many([0], [[1, 2]])
    lines = ["10.0.0.0/8", "10.1.0.0/16"]
    assert_type(networks.update_many(lines, [1, 2]), int)
    assert_type(networks.update_many([IPv4Network("10.0.0.0/8"), "10.1.0.0/16", (24, 0x0A010100)], [1, 2, 3]), int)
    assert_type(networks.update_many(networks.to_numpy().keys, [1, 2]), int)
    assert_type(networks.delete_many(lines), int)
    flows.create()
    flows.open("/sys/fs/bpf/flows", create=True)
    flows.open(id=5)
    flows.pin("/sys/fs/bpf/other")
    assert_type(flows.info(), osmia.MapInfo)
    assert_type(flows.info().id, int)
    flows.freeze()
    print(osmia.open_map(fd=flows.fd), osmia.numpy_dtype(Bucket).names)
    with osmia.load(counts_up) as loaded:
        assert_type(loaded[hit_counter], PerCpuCounter)


def attaching() -> None:
    with counter.attach("lo", mode=XdpMode.SKB) as link:
        plain: Link = link
        plain.update(renamed)
    result = counter.test_run(bytes(60), repeat=2)
    assert_type(result.action, XdpAction)
    assert_type(result.data, bytes)
    for error in counter.errors():
        print(error.file, error.line, error.problem, error.count)


def loading() -> None:
    with osmia.load(sys.modules[__name__]) as loaded:
        assert_type(loaded, Loaded)
        assert_type(loaded[counts], PerCpuArray[int])
        assert_type(loaded[states], HashMap[State, bool])
        assert_type(loaded[counter], XdpProgram)
        loaded["other"].attach(1).detach()


@xdp
def knows_better(ctx: XdpContext) -> XdpAction:
    found = assume(buckets.lookup(1))
    assert_type(found, Bucket)
    assert_type(assume(flows.lookup(1)), Ref[int])
    assert_type(memory_at(ctx, u32, 4), Ref[int])
    assert_type(memory_at(address(found), Totals), Totals)
    assert_type(call_helper(44, ctx, found, None), int)
    return XdpAction.PASS


@struct(frozen=True)
class Zone:
    zone: u16
    port: be16


jobs = Queue(Flow, max_entries=4)
free_ports = Stack(u16, max_entries=4)
known = BloomFilter(be32, max_entries=100, hashes=3)
networks = LpmTrie(be32, u64, max_entries=4)
networks6 = LpmTrie(array(u8, 16), Flow, max_entries=4)
zones = LpmTrie(Zone, u32, max_entries=4)
recent = LruPerCpuHashMap(u32, u64, max_entries=4)
tables = ArrayOfMaps(HashMap(u32, Flow, max_entries=4), max_entries=2)
by_port = HashOfMaps(u16, LpmTrie(be32, u64, max_entries=4), max_entries=2)


@xdp
def data_maps(ctx: XdpContext) -> XdpAction:
    job, port = jobs.pop(), free_ports.peek()
    if job is None or port is None:
        return XdpAction.DROP
    assert_type(job, Flow)
    assert_type(port, int)
    job.packets += port
    jobs.push(job, 2)
    address = ctx.rx_queue_index
    if address in known or known.contains(address):
        known.push(address)
    hits, flow = networks.lookup(address), networks6.lookup(array(u8, 16))
    if hits is not None and flow is not None:
        assert_type(hits, Ref[int])
        assert_type(flow, Flow)
        hits.value += 1
        flow.packets += 1
    networks.update((24, address), 5)
    networks[24, address] = 6
    del networks[24, address]
    zones.delete((16, Zone(zone=1, port=0)))
    other = recent.lookup_percpu(1, 0)
    if other is not None:
        other.value += 1
    table = tables.lookup(0)
    if table is not None:
        assert_type(table, HashMap[int, Flow])
        entry = table.lookup(1)
        if entry is not None:
            entry.packets += 1
    trie = by_port.lookup(80)
    if trie is not None:
        route = trie.lookup(address)
        if route is not None:
            route.value += 1
    return XdpAction.PASS


def use_data_maps() -> None:
    networks["10.0.0.0/8"] = 1
    networks.update({"10.0.0.0/8": 1})
    networks.update([("10.0.0.0/8", 1), ((8, 0x0A000000), 2)])
    assert_type(networks["10.0.0.0/8"], int)
    assert_type(networks.get("10.0.0.0/8"), "int | None")
    assert_type(networks.pop("10.0.0.0/8", None), "int | None")
    assert_type(networks.match("10.0.0.1"), "int | None")
    assert_type(list(networks), list[IPv4Network])
    assert_type(list(networks6), list[IPv6Network])
    assert_type(list(zones), "list[tuple[int, Zone]]")
    assert_type(jobs.pop(), "Flow | None")
    assert_type(free_ports.pop(), "int | None")
    known.add(1)
    known.update([1, 2])
    assert_type(1 in known, bool)
    assert_type(tables[0], HashMap[int, Flow])
    assert_type(tables[0][5], Flow)
    tables[1] = HashMap(u32, Flow, max_entries=4)
    assert_type(by_port[80]["10.0.0.0/8"], int)
    assert_type(list(by_port), "list[int]")
    assert_type(recent[1].sum(), int)


# Sockets.


@struct(frozen=True)
class Connection:
    remote_port: u32
    local_port: u32


sockets = osmia.SockMap(max_entries=4)
connections = osmia.SockHash(Connection, max_entries=4)
sharing = osmia.ReusePortSockArray(max_entries=4)


@osmia.sk_msg
def redirects_messages(ctx: osmia.SkMsgContext) -> osmia.SkAction:
    byte = ctx.packet.at(u8, 0)
    if byte is None or ctx.sk.src_port == 80:
        return osmia.SkAction.DROP
    byte.value += 1
    return connections.msg_redirect(Connection(remote_port=ctx.remote_port, local_port=ctx.local_port), 1)


@osmia.sk_skb("stream_parser")
def parses(ctx: osmia.SkSkbContext) -> int:
    return i32(ctx.len)


@osmia.sk_skb("stream_verdict", on_error=osmia.SkAction.PASS)
def decides(ctx: osmia.SkSkbContext) -> osmia.SkAction:
    return sockets.sk_redirect(ctx.local_port % 4)


@osmia.sock_ops
def gathers(ctx: osmia.SockOpsContext) -> int:
    ctx.reply = ctx.args[0]
    if connections.sock_update(Connection(remote_port=ctx.remote_port, local_port=ctx.local_port)) < 0:
        return 0
    return 1


@osmia.sk_lookup
def steers(ctx: osmia.SkLookupContext) -> osmia.SkAction:
    found = sockets.lookup(0)
    if found is None:
        return osmia.SkAction.DROP
    failed = ctx.sk_assign(found)
    sockets.update(1, found)
    ctx.sk_release(found)
    return osmia.SkAction.DROP if failed else osmia.SkAction.PASS


@osmia.sk_reuseport("migrate", on_error=osmia.SkAction.PASS)
def chooses(ctx: osmia.SkReuseportContext) -> osmia.SkAction:
    moving = ctx.migrating_sk
    if moving is None and sharing.select(ctx.hash % 4) < 0:
        return osmia.SkAction.DROP
    return osmia.SkAction.PASS


def steered(path: str) -> None:
    with steers.attach(path) as link:
        assert_type(link.gone, bool)


def sockets_of_user_code(near: socket.socket, key: Connection) -> None:
    sockets[0] = near
    assert_type(sockets[0], int)
    assert_type(sockets.get(0), int | None)
    assert_type(sockets.pop(0, None), int | None)
    assert_type(dict(connections), dict[Connection, int])
    assert_type(connections.update({key: near}), int)
    sharing.update([(0, near)])
    sharing.update(0, near, 1)
    del connections[key]
    sockets.clear()
    assert_type(parses, osmia.SkSkbProgram[int])
    assert_type(decides, osmia.SkSkbProgram[osmia.SkAction])
    with redirects_messages.attach(sockets) as link, decides.attach(connections), gathers.attach("/sys/fs/cgroup"):
        link.update(redirects_messages)
    with steers.attach(), steers.attach("/run/netns/a"), steers.attach(5), chooses.attach(near) as chosen:
        chosen.detach()


@osmia.xdp
def logs(ctx: XdpContext) -> XdpAction:
    osmia.log.info(f"{len(ctx.packet):>5} bytes")
    osmia.log.trace(len(ctx.packet))
    print("as in user code", ctx.rx_queue_index, sep="-")
    return XdpAction.PASS


async def logged() -> None:
    osmia.log.level = "debug"
    osmia.log.level = 10
    osmia.log.size = 1 << 20
    assert_type(osmia.log.level, int)
    assert_type(osmia.log.lost, int)
    logs.load(log_level="debug")
    with osmia.log.records() as records, osmia.load(logs, log_level=10):
        assert_type(records.read(0.5), logging.LogRecord | None)
        for record in records:
            print(record.getMessage())
        async for record in records:
            print(record.created)
    osmia.log.flush()
