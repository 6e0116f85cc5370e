"""Programs of all kinds that work with maps of sockets, and the maps and counters that they share."""

from __future__ import annotations

from osmia import (
    Array,
    Global,
    ReusePortSockArray,
    SkAction,
    SkLookupContext,
    SkMsgContext,
    SkReuseportContext,
    SkSkbContext,
    SockHash,
    SockMap,
    SockOpsContext,
    XdpAction,
    XdpContext,
    sk_lookup,
    sk_msg,
    sk_reuseport,
    sk_skb,
    sock_ops,
    struct,
    u8,
    u32,
    u64,
    xdp,
)

INGRESS = 1  # BPF_F_INGRESS
REPLACE = 1  # BPF_SK_LOOKUP_F_REPLACE
ACTIVE_ESTABLISHED, PASSIVE_ESTABLISHED = 4, 5  # BPF_SOCK_OPS_*_ESTABLISHED_CB


@struct(frozen=True)
class Flow:
    remote_port: u32
    local_port: u32


@struct
class Head:
    size: u8 = 0


sockets = SockMap(max_entries=4)
by_port = SockHash(u32, max_entries=4)
flows = SockHash(Flow, max_entries=8)
shared = ReusePortSockArray(max_entries=4)
copies = SockMap(max_entries=4)

times = Global(u64)
size = Global(u64)
first = Global(u64)
local_port = Global(u64)
remote_port = Global(u64)
remote_ip4 = Global(u64)
refusals = Global(u64)
chosen = Global(u64)
by_op = Array(u64, max_entries=16)


@sk_msg
def message(ctx: SkMsgContext) -> SkAction:
    """To what the socket at index 1 receives; what begins with `x` is dropped."""
    times.value += 1
    size.value = ctx.size
    local_port.value = ctx.local_port
    remote_port.value = ctx.remote_port
    remote_ip4.value = ctx.remote_ip4
    byte = ctx.packet.at(u8, 0)
    if byte is None:
        return SkAction.DROP
    if byte.value == 120:
        return SkAction.DROP
    byte.value = byte.value ^ 32
    first.value = ctx.sk.src_port
    return sockets.msg_redirect(1, INGRESS)


@sk_msg
def message_by_port(ctx: SkMsgContext) -> SkAction:
    times.value += 1
    return by_port.msg_redirect(ctx.local_port, INGRESS)


@sk_skb("stream_parser")
def parse(ctx: SkSkbContext) -> int:
    """Messages begin with a byte that says how many follow."""
    head = Head()
    if ctx.skb_load_bytes(0, head) < 0:
        return 0
    if head.size >= ctx.len:
        return 0
    return head.size + 1


@sk_skb("stream_verdict")
def decide(ctx: SkSkbContext) -> SkAction:
    """Out of the socket at index 1."""
    times.value += 1
    size.value = ctx.len
    local_port.value = ctx.local_port
    remote_port.value = ctx.remote_port
    if ctx.skb_pull_data(1) < 0:
        return SkAction.DROP
    byte = ctx.packet.at(u8, 0)
    if byte is not None:
        first.value = byte.value
    return sockets.sk_redirect(1)


@sk_skb("verdict")
def decide_by_port(ctx: SkSkbContext) -> SkAction:
    times.value += 1
    return by_port.sk_redirect(ctx.local_port, INGRESS)


@sock_ops
def event(ctx: SockOpsContext) -> int:
    """Each new TCP connection's sockets, by their ports."""
    seen = by_op.lookup(ctx.op)
    if seen is not None:
        seen.value += 1
    if ctx.op in (ACTIVE_ESTABLISHED, PASSIVE_ESTABLISHED):
        if flows.sock_update(Flow(remote_port=ctx.remote_port, local_port=ctx.local_port)) != 0:
            refusals.value += 1
        sk = ctx.sk
        if sk is not None:
            first.value = sk.state
    return 1


@sk_lookup
def steer(ctx: SkLookupContext) -> SkAction:
    """Ports 7000 to 7003 go to the sockets at indices 0 to 3; where there is none, nobody listens."""
    port = ctx.local_port
    if port < 7000 or port > 7003:
        return SkAction.PASS
    times.value += 1
    remote_ip4.value = ctx.remote_ip4
    remote_port.value = ctx.remote_port
    found = sockets.lookup(port - 7000)
    if found is None:
        return SkAction.DROP
    failed = ctx.sk_assign(found)
    local_port.value = found.src_port
    ctx.sk_release(found)
    if failed != 0:
        refusals.value += 1
        return SkAction.DROP
    return SkAction.PASS


@sk_lookup
def leave(ctx: SkLookupContext) -> SkAction:
    """Takes back what it chose."""
    found = sockets.lookup(0)
    if found is not None:
        times.value += 1
        if ctx.sk_assign(found) != 0:
            refusals.value += 1
        ctx.sk_release(found)
    if ctx.sk_assign(None, REPLACE) != 0:
        refusals.value += 1
    return SkAction.PASS


@sk_reuseport
def choose(ctx: SkReuseportContext) -> SkAction:
    times.value += 1
    size.value = ctx.len
    first.value = ctx.ip_protocol
    remote_port.value = ctx.eth_protocol
    if shared.select(u32(chosen.value)) != 0:
        return SkAction.DROP
    return SkAction.PASS


@sk_reuseport
def choose_among_any(ctx: SkReuseportContext) -> SkAction:
    times.value += 1
    if sockets.select(0) == 0:
        return SkAction.PASS
    if by_port.select(5) == 0:
        return SkAction.PASS
    return SkAction.DROP


@sk_reuseport("migrate")
def migrate(ctx: SkReuseportContext) -> SkAction:
    moving = ctx.migrating_sk
    if moving is not None:
        times.value += 1
        local_port.value = moving.src_port
        first.value = ctx.sk.protocol
    if shared.select(u32(chosen.value)) != 0:
        return SkAction.DROP
    return SkAction.PASS


@xdp
def copy(ctx: XdpContext) -> XdpAction:
    """The socket at index 0 into other maps."""
    found = sockets.lookup(0)
    if found is None:
        return XdpAction.DROP
    local_port.value = found.src_port
    failed = copies.update(2, found) != 0 or by_port.update(9, found, 1) != 0
    ctx.sk_release(found)
    return XdpAction.ABORTED if failed else XdpAction.PASS


@xdp
def take_out(ctx: XdpContext) -> XdpAction:
    if copies.delete(2) != 0:
        return XdpAction.DROP
    del by_port[9]
    return XdpAction.PASS
