"""Loads and stores: whether an access is inside of what it is to, and what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.checking import values as v
from osmia.checking.ranges import ZERO, full, number, truncated
from osmia.checking.states import ALL_SET, STACK_SIZE, bits_of
from osmia.checking.values import ANY_VALUE, UNKNOWN_NUMBER, Value

if TYPE_CHECKING:
    from osmia.checking.run import Run
    from osmia.checking.states import Frame, State

FURTHEST = 1 << 29
"""What the verifier takes for an offset without a bound (BPF_MAX_VAR_OFF)."""
_RDONLY_PROG = 1 << 7
_TRACING = ("tp_btf", "lsm", "fentry", "fexit", "fmod_ret")
# The first kernel that lets a privileged program read bytes of its stack that hold nothing.
UNSET_STACK_SINCE = (6, 3)


def load(run: Run, state: State, base: Value, offset: int, size: int) -> Value:
    """What a load of `size` bytes gives."""
    slot = state.at
    _usable(run, slot, base)
    match base.kind:
        case v.STACK:
            return _load_stack(run, state, base, offset, size)
        case v.CONTEXT:
            return _load_context(run, state, base, offset, size)
        case v.MAP_VALUE:
            _leaves_lock(run, slot, base, offset, size)
            inside(run, slot, base, offset, size)
            return _constant(run, base, offset, size)
        case v.MEMORY | v.PACKET | v.PACKET_META:
            inside(run, slot, base, offset, size)
            return _bytes(size, sure=base.sure)
    return ANY_VALUE


def store(run: Run, state: State, base: Value, offset: int, size: int, stored: Value) -> None:
    """Store a value."""
    slot = state.at
    _usable(run, slot, base)
    match base.kind:
        case v.STACK:
            _store_stack(run, state, base, offset, size, stored)
        case v.CONTEXT:
            _store_context(run, state, base, offset, size)
        case v.MAP_VALUE:
            writable(run, slot, base, offset, size)
            inside(run, slot, base, offset, size)
        case v.MEMORY:
            inside(run, slot, base, offset, size)
        case v.PACKET | v.PACKET_META:
            writable(run, slot, base, offset, size)
            inside(run, slot, base, offset, size)
        case v.OBJECT | v.MAP:
            run.fault("btf-ro", slot, sure=base.sure, origin=_origin(base))


def atomic(run: Run, state: State, base: Value, offset: int, size: int, slot: int) -> Value:
    """What an atomic operation on memory gives of it."""
    _usable(run, slot, base)
    if base.kind in (v.CONTEXT, v.PACKET, v.PACKET_META, v.MAP, v.OBJECT):
        run.fault("atomic-target", slot, sure=base.sure, groups={"found": base.kind})
    if (base.range.bits | base.range.mask | (base.offset + offset)) % size and base.kind != v.STACK:
        run.fault("misaligned", slot, sure=base.sure, groups={"memory": base.kind, "size": size})
    found = load(run, state, base, offset, size)
    if base.kind == v.STACK and found.kind in v.POINTERS:
        return ANY_VALUE
    store(run, state, base, offset, size, Value(v.NUMBER, full(size * 8), sure=found.sure))
    return Value(v.NUMBER, full(size * 8), sure=found.sure)


def _origin(base: Value) -> int | None:
    return base.identity[0] if base.identity is not None and base.kind != v.NUMBER else None


def _usable(run: Run, slot: int, base: Value) -> None:
    """Refuse what is no address."""
    if base.kind == v.UNSET:
        run.fault("uninit-reg", slot, sure=base.sure)
    elif base.nullable:
        run.fault("null-check", slot, sure=base.sure, origin=_origin(base))
    elif base.kind == v.STALE:
        assert isinstance(base.what, int)
        run.fault("stale-or-scalar", slot, sure=base.sure, ended_by=base.what)
    elif base.kind == v.NUMBER and base.range == ZERO and base.sure:
        run.fault(
            "stale-or-scalar",
            slot,
            what="None is used as an address: the value is missing on this way",
            fix="test it for None on every way that uses it",
        )
    elif base.kind in (v.NUMBER, v.PACKET_END, v.FUNCTION):
        run.fault("stale-or-scalar", slot, sure=base.sure)


def _bytes(size: int, *, sure: bool = True) -> Value:
    """Bytes of which nothing is known, as a number."""
    if size == 8 and sure:
        return UNKNOWN_NUMBER
    return Value(v.NUMBER, full(size * 8), sure=sure)


# Values of maps, memory, the packet


def inside(run: Run, slot: int, base: Value, offset: int, size: int, *, most: int | None = None) -> None:
    """Refuse an access to a map's value, memory or the packet that may lead outside.

    `most` is the largest of the sizes, where those vary.
    """
    end = size if most is None else most
    if base.kind in (v.PACKET, v.PACKET_META):
        _inside_packet(run, slot, base, offset, end)
        return
    whole = run.map(str(base.what)).value_size if base.kind == v.MAP_VALUE else base.size
    name = "map-oob" if base.kind == v.MAP_VALUE else "mem-oob"
    groups: dict[str, object] = {
        ("value_size" if base.kind == v.MAP_VALUE else "mem_size"): whole,
        "size": end,
    }
    at, varies = base.offset + offset, base.range
    of = f" of map {base.what}" if base.kind == v.MAP_VALUE else ""
    if not varies.constant and at + varies.smin < 0:
        run.fault("size-neg", slot, sure=base.sure, what="an index that may be negative leads to before a value" + of)
    low = at + (varies.smin if varies.constant else max(varies.smin, 0))
    if low < 0 or low + end > whole:
        run.fault(name, slot, sure=base.sure, origin=_origin(base), groups={"off": low, **groups})
    elif not varies.constant and varies.umax >= FURTHEST:
        run.fault("unbounded-mem", slot, sure=base.sure, what=f"an index without an upper bound, into a value{of}")
    elif not varies.constant and at + varies.umax + end > whole:
        run.fault(name, slot, sure=base.sure, groups={"off": at + varies.umax, **groups})


def _inside_packet(run: Run, slot: int, base: Value, offset: int, size: int) -> None:
    if base.range.smin < 0:
        run.fault("size-neg", slot, sure=base.sure)
    low = base.offset + offset
    if low >= 0 and low + size <= base.size:
        return
    if base.range == ZERO:
        run.fault("pkt-bounds", slot, sure=base.sure, groups={"off": low, "size": size, "proven": base.size})
    else:
        run.fault("pkt-bounds variable", slot, sure=base.sure)


def writable(run: Run, slot: int, base: Value, offset: int, size: int) -> None:
    """Refuse a write to what may only be read."""
    if base.kind in (v.PACKET, v.PACKET_META):
        if run.kind.packet is not None and not run.kind.packet.writable:
            run.fault("ro-pkt", slot, sure=base.sure)
        return
    if base.kind != v.MAP_VALUE:
        return
    of = run.map(str(base.what))
    if of.read_only or of.flags & _RDONLY_PROG:
        run.fault("ro-map", slot, sure=base.sure, groups={"value_size": of.value_size})
    _leaves_lock(run, slot, base, offset, size)


def _leaves_lock(run: Run, slot: int, base: Value, offset: int, size: int) -> None:
    at = base.offset + offset
    if base.kind == v.MAP_VALUE and run.touches_lock(str(base.what), at + base.range.smin, at + base.range.smax + size):
        run.fault("lock-access", slot, sure=base.sure)


def _constant(run: Run, base: Value, offset: int, size: int) -> Value:
    """What is read of a map's value: of constants, the constant itself, as the verifier takes it."""
    of = run.map(str(base.what))
    at = base.offset + offset + base.range.smin
    if of.read_only and of.data and of.contents is not None and base.range.constant and base.sure:
        data = of.contents[at : at + size]
        if len(data) == size:
            return Value(v.NUMBER, number(int.from_bytes(data, "little")))
    return _bytes(size, sure=base.sure)


# The context


def _load_context(run: Run, state: State, base: Value, offset: int, size: int) -> Value:
    slot, kind = state.at, run.kind
    at = _context_offset(run, slot, base, offset)
    if not kind.context_struct:
        return ANY_VALUE if kind.name in _TRACING else _bytes(size, sure=base.sure)
    if at < 0 or at % size:
        run.fault("ctx-access", slot, sure=base.sure, groups={"off": at, "size": size})
    packet = kind.packet
    if packet is not None and size * 8 == packet.bits:
        if at == packet.data:
            return Value(v.PACKET)
        if at == packet.data_end:
            return Value(v.PACKET_END)
        if at == packet.data_meta:
            return Value(v.PACKET_META)
    member = next((each for each in kind.context_members if each.offset <= at < each.end), None)
    whole = member is not None and not member.length and at == member.offset and size * 8 == member.bits
    fields = packet and (packet.data, packet.data_end, packet.data_meta)
    too_wide = member is not None and not member.pointer and size * 8 > member.bits and size > 4
    if member is None or too_wide or (fields and member.offset in fields and not whole):
        run.fault("ctx-access", slot, sure=base.sure, groups={"off": at, "size": size})
    if member is not None and member.pointer:
        return ANY_VALUE
    return _bytes(size, sure=base.sure)


def _store_context(run: Run, state: State, base: Value, offset: int, size: int) -> None:
    slot, kind = state.at, run.kind
    at = _context_offset(run, slot, base, offset)
    if not kind.context_struct:
        return
    ends = max(each.end for each in kind.context_members)
    if at < 0 or at + size > ends or at % size or kind.name == "xdp":
        run.fault("ctx-access", slot, sure=base.sure, groups={"off": at, "size": size})


def _context_offset(run: Run, slot: int, base: Value, offset: int) -> int:
    if not base.range.constant or (base.offset and run.kind.context_struct):
        run.fault("ctx-modified", slot, sure=base.sure)
    return base.offset + offset


# The stack


def _load_stack(run: Run, state: State, base: Value, offset: int, size: int) -> Value:
    slot = state.at
    frame, at = _frame(state, base), base.offset + offset
    if not base.range.constant:
        reach(run, state, base, offset, size, write=False)
        low, high = at + base.range.smin, at + base.range.smax + size
        plain = all(
            held.kind == v.NUMBER
            for start, (length, held) in frame.cells.items()
            if start < high and low < start + length
        )
        return _bytes(size, sure=base.sure) if plain else ANY_VALUE
    _in_frame(run, state, base, at, size)
    if base.sure and at % size:
        run.fault("misaligned", slot, groups={"memory": "stack", "size": size})
    cell = frame.cells.get(at)
    if cell is not None and cell[0] == size:
        return cell[1]
    missing = bits_of(at, size) & ~frame.written
    if missing:
        _unset(run, slot, at, size, sure=base.sure and not missing & frame.perhaps)
        return _bytes(size, sure=False)
    around = next(
        ((start, held) for start, (length, held) in frame.cells.items() if start <= at and at + size <= start + length),
        None,
    )
    if around is None:
        overlapping = any(start < at + size and at < start + length for start, (length, _) in frame.cells.items())
        return _bytes(size, sure=not overlapping or base.sure)
    start, held = around
    if held.kind in v.POINTERS or held.kind == v.DYNPTR:
        run.fault("fill-size", slot, sure=held.sure)
    if held.kind == v.NUMBER and held.range.constant:
        return Value(v.NUMBER, number(held.range.umin >> 8 * (at - start) & (1 << 8 * size) - 1), sure=held.sure)
    if held.kind == v.NUMBER and start == at:
        return Value(v.NUMBER, truncated(held.range, size * 8), sure=held.sure)
    return _bytes(size, sure=held.sure)


def _store_stack(run: Run, state: State, base: Value, offset: int, size: int, stored: Value) -> None:
    slot = state.at
    frame, at = _frame(state, base), base.offset + offset
    if not base.range.constant:
        reach(run, state, base, offset, size, write=True)
        return
    _in_frame(run, state, base, at, size)
    if base.sure and at % size:
        run.fault("misaligned", slot, groups={"memory": "stack", "size": size})
    if not -STACK_SIZE <= at <= -size:
        return
    frame.forget(at, size)
    if stored.kind in v.POINTERS and size < 8:
        run.fault("fill-size", slot, sure=stored.sure, what=_CUT)
        stored = _bytes(size)
    elif stored.kind == v.NUMBER and size < 8:
        narrow = truncated(stored.range, size * 8)
        stored = stored._replace(range=narrow) if narrow == stored.range else Value(v.NUMBER, narrow, sure=stored.sure)
    frame.written |= bits_of(at, size)
    frame.cells[at] = (size, stored)


_CUT = "an address is saved on the stack in part"


def _frame(state: State, base: Value) -> Frame:
    assert isinstance(base.what, int)
    return state.frames[base.what]


def _in_frame(run: Run, state: State, base: Value, at: int, size: int) -> None:
    slot = state.at
    assert isinstance(base.what, int)
    if not -STACK_SIZE <= at <= -size:
        run.fault("stack-oob", slot, sure=base.sure, groups={"off": at})
    else:
        run.uses_stack(state, base.what, at)


def _unset(run: Run, slot: int, at: int, size: int, *, sure: bool) -> None:
    """A read of bytes of the stack that hold nothing: newer kernels let it pass, and give what was there before."""
    if run.kernel < UNSET_STACK_SINCE:
        run.fault("stack-uninit", slot, sure=sure, groups={"off": at, "size": size})


def reach(run: Run, state: State, base: Value, offset: int, size: int, *, write: bool) -> None:
    """An access to the stack at an offset that varies, by the program or for a helper's sake."""
    slot, at, varies = state.at, base.offset + offset, base.range
    assert isinstance(base.what, int)
    low, high = at + varies.smin, at + varies.smax + size
    if low < -STACK_SIZE or high > 0:
        run.fault("stack-var-write", slot, sure=base.sure)
        return
    run.uses_stack(state, base.what, low)
    frame = state.frames[base.what]
    if write:
        overwrite(frame, low, high - low)


def overwrite(frame: Frame, offset: int, size: int) -> None:
    """Something unknown is written to bytes of a stack. Pointers that lie there are not followed any further."""
    frame.forget(offset, size)
    frame.written |= bits_of(offset, size) & ALL_SET
