"""Mistakes that type checkers find: each line that ends in `type: ignore[...]` is one, and has to be found."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address

import osmia
from osmia import (
    Array,
    ArrayOfMaps,
    BloomFilter,
    FixedArray,
    HashMap,
    LpmTrie,
    LruHashMap,
    PerCpuArray,
    PerCpuHashMap,
    Queue,
    XdpAction,
    XdpContext,
    XdpMode,
    array,
    be16,
    be32,
    chars,
    from_bytes,
    ref,
    struct,
    u8,
    u32,
    u64,
    xdp,
)
from osmia.headers import IPv4
from osmia.unchecked import call_helper, memory_at

counts = PerCpuArray(u64, max_entries=2, name="COUNTS")
flows = HashMap(u32, u64, max_entries=1024)
limits = Array(u32, max_entries=4)


@struct
class Flow:
    packets: u64 = 0
    mac: FixedArray[u8] = array(u8, 6)
    wrong: FixedArray[u8] = chars(6)  # type: ignore[assignment]


@struct(frozen=True)
class Key:
    src: be32
    port: be16


by_key = LruHashMap(Key, Flow, max_entries=16)
hits = LruHashMap(be32, u64, max_entries=16)
per_cpu = PerCpuHashMap(u32, Flow, max_entries=16)

no_size = HashMap(u32, u64)  # type: ignore[call-arg]
no_type: Array[int] = Array("u32", max_entries=1)  # type: ignore[arg-type]


@xdp
def no_check(ctx: XdpContext) -> XdpAction:
    counter = counts.lookup(0)
    counter.value += 1  # type: ignore[union-attr]
    return XdpAction.PASS


@xdp
def no_check_in_one_go(ctx: XdpContext) -> XdpAction:
    flows.lookup(0).value += 1  # type: ignore[union-attr]
    return XdpAction.PASS


@xdp
def no_value(ctx: XdpContext) -> XdpAction:
    counter = counts.lookup(0)
    if counter is None:
        return XdpAction.ABORTED
    total = counter + 1  # type: ignore[operator]
    if counter > 5:  # type: ignore[operator]
        return XdpAction.PASS
    if counter == 5:  # type: ignore[comparison-overlap]
        return XdpAction.PASS
    counter.value = 1.5  # type: ignore[assignment]
    return XdpAction.DROP if total else XdpAction.PASS


@xdp
def adds_to_the_reference(ctx: XdpContext) -> XdpAction:
    counter = counts.lookup(0)
    if counter is not None:
        counter += 1  # type: ignore[assignment,operator]
    return XdpAction.PASS


@xdp
def per_cpu_subscript(ctx: XdpContext) -> XdpAction:
    counts[0] += 1  # type: ignore[operator]
    flows["a"] += 1  # type: ignore[call-overload]
    return XdpAction.PASS


@xdp
def context_is_read_only(ctx: XdpContext) -> XdpAction:
    ctx.ingress_ifindex = 1  # type: ignore[misc]
    print(ctx.ingress_index)  # type: ignore[attr-defined]
    return XdpAction.PASS


@xdp
def wrong_action(ctx: XdpContext) -> XdpAction:
    if ctx.rx_queue_index > 1:
        return 2  # type: ignore[return-value]
    if ctx.rx_queue_index:
        return XdpMode.SKB  # type: ignore[return-value]
    print(XdpAction.PAS)  # type: ignore[attr-defined]
    return XdpAction.PASS


@xdp  # type: ignore[arg-type]
def wrong_context(ctx: int) -> XdpAction:
    return XdpAction.PASS


@xdp  # type: ignore[arg-type]
def wrong_result(ctx: XdpContext) -> XdpMode:
    return XdpMode.SKB


@xdp(on_error=2)  # type: ignore[call-overload,untyped-decorator]
def wrong_on_error(ctx: XdpContext) -> XdpAction:
    return XdpAction.PASS


@xdp
def wrong_helpers(ctx: XdpContext) -> XdpAction:
    ctx.skb_vlan_pop()  # type: ignore[attr-defined]
    ctx.get_stack(ctx)  # type: ignore[attr-defined]
    ctx.dynptr_data(ctx, 0, u32)  # type: ignore[attr-defined]
    ctx.adjust_head("14")  # type: ignore[arg-type]
    ctx.ktime_get_ns(0)  # type: ignore[call-arg]
    return ctx.ktime_get_ns()  # type: ignore[return-value]


@xdp
def wrong_packets(ctx: XdpContext) -> XdpAction:
    ip = ctx.packet.at(IPv4, 14)
    ip.ttl -= 1  # type: ignore[union-attr]
    byte = ctx.packet.at(u8, 14)
    if byte is None or ip is None:
        return XdpAction.PASS
    byte += 1  # type: ignore[assignment,operator]
    print(ip.protcol)  # type: ignore[attr-defined]
    ctx.packet.at(IPv4)  # type: ignore[call-overload]
    ctx.packet.at(14, IPv4)  # type: ignore[call-overload]
    print(ctx.packet[0])  # type: ignore[index]
    ctx.packet = ctx.meta  # type: ignore[misc]
    return ctx.packet.at(XdpAction, 0)  # type: ignore[return-value]


@xdp  # noqa: RET503
def no_result(ctx: XdpContext) -> XdpAction:  # type: ignore[return]
    if ctx.rx_queue_index:
        return XdpAction.PASS


@xdp
def with_structs(ctx: XdpContext) -> XdpAction:
    key = Key(src=1, port=2)
    by_key.lookup(key).packets += 1  # type: ignore[union-attr]
    key.src = 1  # type: ignore[misc]
    by_key.update(key, Flow(pakets=1))  # type: ignore[call-arg]
    by_key.update(key, Flow(1))  # type: ignore[call-arg]
    by_key.update(Key(src=1), Flow())  # type: ignore[call-arg]
    by_key.lookup(5)  # type: ignore[arg-type]
    by_key.lookup_or_init(key, 5)  # type: ignore[arg-type]
    flow = by_key.lookup(key)
    if flow is None:
        return XdpAction.ABORTED
    flow.pakets += 1  # type: ignore[attr-defined]
    flow.packets = "a"  # type: ignore[assignment]
    flow.mac = 5  # type: ignore[assignment]
    flow.mac[0] = "a"  # type: ignore[assignment]
    flow.fetch_add(1)  # type: ignore[attr-defined]
    ref(flow.mac).fetch_add(1)  # type: ignore[type-var]
    hit = hits.lookup_or_init(1, 0)
    hit.fetch_add(1)  # type: ignore[union-attr]
    if hit is not None:
        hit += 1  # type: ignore[assignment,operator]
        hit.fetch_add("a")  # type: ignore[arg-type]
    per_cpu[0].packets += 1  # type: ignore[attr-defined]
    return XdpAction.PASS


def packets_of(flow: Flow, at_least: int = 0) -> int:
    return max(flow.packets, at_least)


def pair(value: u32) -> tuple[int, bool]:
    return value, value  # type: ignore[return-value]


def nothing() -> None:
    pass


@xdp
def misuses_functions(ctx: XdpContext) -> XdpAction:
    flow = by_key.lookup(Key(src=1, port=2))
    count = packets_of(flow)  # type: ignore[arg-type]
    count += packets_of(Flow(), least=1)  # type: ignore[call-arg]
    count += packets_of()  # type: ignore[call-arg]
    count += packets_of(Flow(), 1, 2)  # type: ignore[call-arg]
    count += packets_of(ctx)  # type: ignore[arg-type]
    a, b, c = pair(count)  # type: ignore[misc]
    result = nothing()  # type: ignore[func-returns-value]
    by_key[5].packets += 1  # type: ignore[index]
    by_key[Key(src=1, port=2)] = Key(src=1, port=2)  # type: ignore[assignment]
    by_key[Key(src=1, port=2)].packet += 1  # type: ignore[attr-defined]
    Key(src=1, port=2).port = 5  # type: ignore[misc]
    print(a, b, c, result)
    return XdpAction.PASS


def structs_in_user_code() -> None:
    by_key[5] = Flow()  # type: ignore[index]
    by_key[Key(src=1, port=2)] = 5  # type: ignore[assignment]
    per_cpu[1] = Flow()  # type: ignore[call-overload]
    print(hash(Flow()), {Flow(): 1}, per_cpu[1] + 1)  # type: ignore[operator]
    from_bytes(5, b"")  # type: ignore[arg-type]
    array(u8, 6)["a"]  # type: ignore[call-overload]


def user_code() -> None:
    flows["a"] = 1  # type: ignore[call-overload]
    flows[1] = "a"  # type: ignore[call-overload]
    flows.update(1, "a")  # type: ignore[call-overload]
    flows.lookup("a")  # type: ignore[call-overload]
    del limits[0]  # type: ignore[attr-defined]
    del counts[0]  # type: ignore[attr-defined]
    counts[0] = 1  # type: ignore[assignment]
    total: int = counts[0]  # type: ignore[assignment]
    print(counts[0] + 1, total)  # type: ignore[operator]
    no_check.attach("lo", mode="skb")  # type: ignore[arg-type]
    no_check.attach(b"lo")  # type: ignore[arg-type]
    no_check.test_run("packet")  # type: ignore[arg-type]
    no_check.detach()  # type: ignore[attr-defined]
    with osmia.load(no_check) as loaded:
        handle: HashMap[int, int] = loaded[counts]  # type: ignore[index]
        loaded[5]  # type: ignore[call-overload]
        loaded.detach()  # type: ignore[attr-defined]
    print(handle)
    osmia.load(5)  # type: ignore[arg-type]


nat = HashMap(be32, be32, max_entries=16)


def addresses_of_the_wrong_kind() -> None:
    nat[IPv6Address("::1")]  # type: ignore[call-overload]
    nat["10.0.0.1"]  # type: ignore[call-overload]
    nat[IPv4Network("10.0.0.0/8")]  # type: ignore[call-overload]
    nat[IPv4Address("10.0.0.1")] = IPv6Address("::1")  # type: ignore[call-overload]
    nat.update({IPv6Address("::1"): 1})  # type: ignore[arg-type]
    nat.delete_many([IPv6Address("::1")])  # type: ignore[list-item]
    by_key[IPv4Address("10.0.0.1")]  # type: ignore[index]
    limits[IPv4Address("10.0.0.1")]  # type: ignore[index]
    array(Flow, 8, IPv6Address("::1"))  # type: ignore[arg-type]
    del per_cpu[IPv6Address("::1")]  # type: ignore[call-overload]


total = osmia.Global(u64)
state = osmia.Global(XdpAction, XdpAction.PASS)
PORT = osmia.setting(u32, 53)
stages = osmia.ProgramArray(XdpContext, max_entries=4)
events = osmia.RingBuf(osmia.Chars, size=4096)

frames = osmia.RingBuf(bytes, size=4096)
commands = osmia.UserRingBuf(Flow, size=4096)
commands.output(5)  # type: ignore[arg-type]
commands.output_many([5])  # type: ignore[list-item]
commands.output(Flow(), timeout="1")  # type: ignore[arg-type]
commands.read()  # type: ignore[attr-defined]
with commands.reserve() as command:
    command.nothing = 5  # type: ignore[attr-defined]

no_type_of_global = osmia.Global()  # type: ignore[call-overload]
wrong_default = osmia.setting(bool, "yes")  # type: ignore[type-var]
no_size_of_ring = osmia.RingBuf(osmia.Chars)  # type: ignore[call-arg]


@xdp
def forgets_value_of_global(ctx: XdpContext) -> XdpAction:
    count = total + 1  # type: ignore[operator]
    if total > 5:  # type: ignore[operator]
        return XdpAction.PASS
    total.value = 1.5  # type: ignore[assignment]
    state.value = 1  # type: ignore[assignment]
    with events.reserve() as event:
        print(bytes(event), count)  # type: ignore[arg-type]
    with events.reserve_bytes(5):  # type: ignore[misc]
        events.output(5)  # type: ignore[arg-type]
    with frames.reserve_bytes("5") as record:  # type: ignore[arg-type]
        record.write(0, b"text")  # type: ignore[union-attr]
        if record is not None:
            print(record.at(u32, 0).value)  # type: ignore[union-attr]
            record.write(b"text")  # type: ignore[call-arg, arg-type]
            record.read(0)  # type: ignore[attr-defined]
    commands.drain(lambda: None)  # type: ignore[arg-type, misc]
    commands.drain(5)  # type: ignore[arg-type]
    stages.tail_call(5, 0)  # type: ignore[arg-type]
    return XdpAction.PASS


def sets_what_is_no_program() -> None:
    stages[0] = 5  # type: ignore[assignment]
    stages["a"] = forgets_value_of_global  # type: ignore[index]
    forgets_value_of_global.load(settings=5)  # type: ignore[arg-type]
    forgets_value_of_global.settings["PORT"] = 5  # type: ignore[index]


@xdp
def knows_too_little(ctx: XdpContext) -> XdpAction:
    found = memory_at(ctx, u32)
    memory_at(ctx)  # type: ignore[call-overload]
    if found + call_helper("ktime") == 5:  # type: ignore[operator,arg-type]
        return XdpAction.PASS
    return call_helper(5)  # type: ignore[return-value]


jobs = Queue(Flow, max_entries=4)
ports = Queue(u32, max_entries=4)
known = BloomFilter(u32, max_entries=4)
blocked = LpmTrie(be32, u64, max_entries=4)
tables = ArrayOfMaps(HashMap(u32, Flow, max_entries=4), max_entries=2)


@xdp
def data_maps(_ctx: XdpContext) -> XdpAction:
    jobs.pop().packets += 1  # type: ignore[union-attr]
    total = 1 + ports.pop()  # type: ignore[operator]
    ports.delete(total)  # type: ignore[attr-defined]
    known.push("a")  # type: ignore[arg-type]
    hits = blocked.lookup(1)
    hits.value += 1  # type: ignore[union-attr]
    blocked.lookup((24, 1))  # type: ignore[call-overload]
    blocked.for_each(print)  # type: ignore[attr-defined]
    tables.lookup(0).update(1, Flow())  # type: ignore[union-attr]
    tables.delete(0)  # type: ignore[attr-defined]
    return XdpAction.PASS


def use_data_maps() -> None:
    ports[0]  # type: ignore[index]
    ports.push("a")  # type: ignore[arg-type]
    jobs.push(1)  # type: ignore[arg-type]
    known.pop()  # type: ignore[attr-defined]
    blocked[5] = 1  # type: ignore[index]
    blocked["10.0.0.0/8"] = "x"  # type: ignore[assignment]
    tables[0] = HashMap(u32, u32, max_entries=4)  # type: ignore[arg-type]
    tables[0] = 5  # type: ignore[assignment]
    ArrayOfMaps(u32, max_entries=1)  # type: ignore[type-var]


seen_packets = osmia.FastRing(Flow, 64)
no_number_of_events = osmia.FastRing(Flow, "64")  # type: ignore[arg-type]
no_bytes_of_fast_ring = osmia.FastRing(Flow, size=4096)  # type: ignore[call-arg]


@xdp
def writes_to_memory(_ctx: XdpContext) -> XdpAction:
    with seen_packets.reserve() as event:
        event.packets = 1  # type: ignore[union-attr]
    seen_packets.output("raw")  # type: ignore[arg-type]
    seen_packets.output(Flow(), 1)  # type: ignore[call-arg]
    seen_packets.query(0)  # type: ignore[attr-defined]
    seen_packets[0]  # type: ignore[index]
    return XdpAction.PASS


hit_counter = osmia.PerCpuCounter()
no_name_of_counter = osmia.Counter(name=5)  # type: ignore[arg-type]


@xdp
def counts_wrongly(ctx: XdpContext) -> XdpAction:
    print(hit_counter + 1)  # type: ignore[operator]
    hit_counter.add("1")  # type: ignore[arg-type]
    hit_counter.value += 1  # type: ignore[misc]
    return XdpAction.PASS


sizes = osmia.Histogram()
sizes_by = osmia.HistogramMap(u32, max_entries=4)
hits_by = osmia.CountMap(u32, max_entries=4)
half_a_scale = osmia.Histogram(low=0, high=5)  # type: ignore[call-overload]
no_size_of_counts = osmia.CountMap(u32)  # type: ignore[call-arg]


@xdp
def aggregates_wrongly(ctx: XdpContext) -> XdpAction:
    sizes.add(1, 2)  # type: ignore[call-arg]
    sizes.add(0.5)  # type: ignore[arg-type]
    sizes.add(value=1)  # type: ignore[call-arg]
    sizes_by.add(1)  # type: ignore[call-arg]
    sizes_by.add("1", 1)  # type: ignore[arg-type]
    hits_by.add()  # type: ignore[call-arg]
    hits_by[1] = 5  # type: ignore[index]
    print(sizes_by.lookup(1))  # type: ignore[attr-defined]
    return XdpAction.PASS


def reads_aggregations_wrongly() -> None:
    sizes.read().sum = 5  # type: ignore[misc]
    print(sizes[0])  # type: ignore[index]
    print(sizes_by.read())  # type: ignore[attr-defined]
    print(sizes_by.top(1, by="max"))  # type: ignore[arg-type]
    print(sizes.read().mean + 1)  # type: ignore[operator]
    print(sizes.read() + 1)  # type: ignore[operator]


def in_bulk() -> None:
    limits.to_numpy(delete=True)  # type: ignore[call-arg]
    flows.to_numpy(copy=False)  # type: ignore[call-arg]
    limits.delete_many([1])  # type: ignore[attr-defined]
    counts.memory()  # type: ignore[attr-defined]
    flows.update_many(["a"], [1])  # type: ignore[list-item]
    blocked.update_many([5], [1])  # type: ignore[list-item]
    blocked.delete_many([b"10.0.0.0"])  # type: ignore[list-item]
    flows.pin(5)  # type: ignore[arg-type]
    flows.open(id="5")  # type: ignore[arg-type]
    flows.info().id = 5  # type: ignore[misc]


sockets = osmia.SockMap(max_entries=4)
sharing = osmia.ReusePortSockArray(max_entries=4)
no_key_of_sockets = osmia.SockHash(max_entries=4)  # type: ignore[call-arg,var-annotated]


@osmia.sk_lookup
def forgets_that_there_may_be_no_socket(ctx: osmia.SkLookupContext) -> osmia.SkAction:
    found = sockets.lookup(0)
    ctx.sk_assign(found)
    ctx.sk_release(found)  # type: ignore[arg-type]
    ctx.family = 2  # type: ignore[misc]
    sockets.update(0, 5)  # type: ignore[call-overload]
    sharing.lookup(0)  # type: ignore[attr-defined]
    return 1  # type: ignore[return-value]


@osmia.sk_skb("stream_parser")  # type: ignore[arg-type]
def parses_to_text(ctx: osmia.SkSkbContext) -> str:
    return ctx.len  # type: ignore[return-value]


@osmia.sk_skb("parser")  # type: ignore[call-overload,untyped-decorator]
def parses_nowhere(ctx: osmia.SkSkbContext) -> int:
    return 0


def puts_what_is_no_socket() -> None:
    sockets[0] = 5  # type: ignore[assignment]
    sockets["a"] = forgets_that_there_may_be_no_socket  # type: ignore[index,assignment]
    forgets_that_there_may_be_no_socket.attach(b"netns")  # type: ignore[arg-type]


@osmia.xdp
def logs(ctx: XdpContext) -> XdpAction:
    osmia.log.info("%d bytes", len(ctx.packet))  # type: ignore[call-arg]
    osmia.log.warning("full")  # type: ignore[attr-defined]
    return XdpAction.PASS


def sets_what_it_reads() -> None:
    osmia.log.lost = 0  # type: ignore[misc]
    osmia.log.level = None  # type: ignore[assignment]
    osmia.load(logs, log_level=1.5)  # type: ignore[arg-type]
