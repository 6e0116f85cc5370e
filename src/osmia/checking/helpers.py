"""Calls of helpers: whether the program may call them, what they are given, and what they give."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from osmia.abi import generated as bpf
from osmia.checking import values as v
from osmia.checking.memory import FURTHEST, UNSET_STACK_SINCE, inside, overwrite, reach, writable
from osmia.checking.ranges import S64_MAX, UNKNOWN, ZERO, between, full
from osmia.checking.rows import kinds_asked
from osmia.checking.states import STACK_SIZE, Held, bits_of
from osmia.checking.values import ANY_VALUE, UNKNOWN_NUMBER, Value

if TYPE_CHECKING:
    from osmia.abi.helper_row import HelperArgument, HelperRow
    from osmia.checking.run import Run
    from osmia.checking.states import State
    from osmia.spec import MapSpec

_GPL = ("GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL")
_ACQUIRING = (
    "ringbuf_reserve",
    "ringbuf_reserve_dynptr",
    "sk_lookup_tcp",
    "sk_lookup_udp",
    "skc_lookup_tcp",
    "kptr_xchg",
)
_DYNPTR_SIZE = 16
_SOCKET_MAPS = (bpf.BPF_MAP_TYPE_SOCKMAP, bpf.BPF_MAP_TYPE_SOCKHASH)
_ARRAYS = (bpf.BPF_MAP_TYPE_ARRAY, bpf.BPF_MAP_TYPE_PERCPU_ARRAY)
_OF_MAPS = (bpf.BPF_MAP_TYPE_ARRAY_OF_MAPS, bpf.BPF_MAP_TYPE_HASH_OF_MAPS)
# The first kernel that knows the look-up of a constant index of an array to find something.
CONSTANT_INDEX_SINCE = (6, 14)
_ERROR_OR_SIZE = (*("get_stack", "get_task_stack", "probe_read_str", "probe_read_kernel_str", "probe_read_user_str"),)
# Helpers that work on maps of these types alone, and types whose maps no other helpers work on.
_MAPS_OF = {
    "tail_call": ("PROG_ARRAY",),
    "perf_event_read": ("PERF_EVENT_ARRAY",),
    "perf_event_output": ("PERF_EVENT_ARRAY",),
    "perf_event_read_value": ("PERF_EVENT_ARRAY",),
    "skb_output": ("PERF_EVENT_ARRAY",),
    "xdp_output": ("PERF_EVENT_ARRAY",),
    "ringbuf_output": ("RINGBUF",),
    "ringbuf_reserve": ("RINGBUF",),
    "ringbuf_query": ("RINGBUF",),
    "ringbuf_reserve_dynptr": ("RINGBUF",),
    "user_ringbuf_drain": ("USER_RINGBUF",),
    "get_stackid": ("STACK_TRACE",),
    "current_task_under_cgroup": ("CGROUP_ARRAY",),
    "skb_under_cgroup": ("CGROUP_ARRAY",),
    "redirect_map": ("DEVMAP", "DEVMAP_HASH", "CPUMAP", "XSKMAP"),
    "sk_redirect_map": ("SOCKMAP",),
    "msg_redirect_map": ("SOCKMAP",),
    "sock_map_update": ("SOCKMAP",),
    "sk_redirect_hash": ("SOCKHASH",),
    "msg_redirect_hash": ("SOCKHASH",),
    "sock_hash_update": ("SOCKHASH",),
    "get_local_storage": ("CGROUP_STORAGE", "PERCPU_CGROUP_STORAGE"),
    "sk_select_reuseport": ("REUSEPORT_SOCKARRAY", "SOCKMAP", "SOCKHASH"),
    "sk_storage_get": ("SK_STORAGE",),
    "sk_storage_delete": ("SK_STORAGE",),
    "inode_storage_get": ("INODE_STORAGE",),
    "inode_storage_delete": ("INODE_STORAGE",),
    "task_storage_get": ("TASK_STORAGE",),
    "task_storage_delete": ("TASK_STORAGE",),
    "cgrp_storage_get": ("CGRP_STORAGE",),
    "cgrp_storage_delete": ("CGRP_STORAGE",),
    "map_pop_elem": ("QUEUE", "STACK"),
    "map_peek_elem": ("QUEUE", "STACK", "BLOOM_FILTER"),
    "map_push_elem": ("QUEUE", "STACK", "BLOOM_FILTER"),
    "map_lookup_percpu_elem": ("PERCPU_ARRAY", "PERCPU_HASH", "LRU_PERCPU_HASH"),
    "for_each_map_elem": ("ARRAY", "PERCPU_ARRAY", "HASH", "PERCPU_HASH", "LRU_HASH", "LRU_PERCPU_HASH"),
}
_CLOSED = (
    *("PROG_ARRAY", "PERF_EVENT_ARRAY", "RINGBUF", "USER_RINGBUF", "STACK_TRACE", "CGROUP_ARRAY"),
    *("CGROUP_STORAGE", "PERCPU_CGROUP_STORAGE", "SK_STORAGE", "INODE_STORAGE", "TASK_STORAGE", "CGRP_STORAGE"),
    *("QUEUE", "STACK", "BLOOM_FILTER"),
)
_NOT_LOOKED_UP = ("PROG_ARRAY", "PERF_EVENT_ARRAY")


@lru_cache(1)
def _map_types() -> dict[int, str]:
    prefix = "BPF_MAP_TYPE_"
    return {value: name[len(prefix) :] for name, value in vars(bpf).items() if name.startswith(prefix)}


def call_helper(run: Run, state: State, row: HelperRow) -> None:
    """Check the call of a helper that the table has, and do what it does to the registers and the stack."""
    slot, registers = state.at, state.registers
    _allowed(run, slot, row)
    if state.lock is not None and row.name != "spin_unlock":
        run.fault("lock-call", slot, origin=state.lock)
    of_map: MapSpec | None = None
    released: list[Value] = []
    for register, argument in enumerate(row.arguments[:5], start=1):
        if argument.kind == "varying":
            break
        given = registers[register]
        if given.kind == v.UNSET:
            run.fault("uninit-reg", slot, sure=given.sure, what=_too_few(row, register), fix=_TOO_FEW_FIX)
            continue
        found = _argument(run, state, row, register, argument, given, of_map)
        of_map = found or of_map
        if argument.releases:
            released.append(given)
    for given in released:
        _release(state, given, slot)
    if row.name in ("spin_lock", "spin_unlock"):
        _lock(run, state, row.name, registers[1])
    result = _result(run, state, row, of_map)
    if row.changes_packet:
        _end_packet(state, slot)
    registers[:6] = [result, *[v.UNSET_VALUE] * 5]


def _too_few(row: HelperRow, register: int) -> str:
    return f"{row.name} is called with too few arguments: its argument {register} is not given"


_TOO_FEW_FIX = "give it all that it takes: docs/helpers.md has the arguments of each"


# Whether it may be called


def _allowed(run: Run, slot: int, row: HelperRow) -> None:
    if row.since > run.kernel:
        groups = {"helper": row.name, "since": f", which Linux {_dotted(row.since)} brought"}
        run.fault("helper-unknown", slot, groups=groups)
    reason = _not_allowed(run, row)
    if reason:
        kinds = f"; {row.name} is for programs of the kinds {', '.join(row.kinds)}" if row.kinds else ""
        what = f"a helper that this program may not call on the target's kernel: {row.name} ({reason})"
        run.fault("helper-na", slot, what=what, groups={"helper": row.name, "kinds": kinds})
    if row.gpl_only and run.spec.license not in _GPL:
        run.fault("gpl", slot)
    if row.sleepable_only and not run.code.functions[0].spec.section.partition("/")[0].endswith(".s"):
        run.fault("sleep", slot)


def _not_allowed(run: Run, row: HelperRow) -> str:
    """Why a program of this kind may not call a helper on the target's kernel; empty where it may."""
    kind = run.kind.name
    if kind not in kinds_asked():
        return ""
    if kind not in row.kinds:
        return f"programs of the kind {kind} may not call it"
    if row.since_for(kind) > run.kernel:
        return f"for {kind} it is there from Linux {_dotted(row.since_for(kind))} on"
    if kind in row.until and row.until[kind] <= run.kernel:
        return f"for {kind} it is gone from Linux {_dotted(row.until[kind])} on"
    return f"not for {kind}/{run.hook}" if f"{kind}/{run.hook}" in row.not_at else ""


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


# What it is given


def _argument(
    run: Run,
    state: State,
    row: HelperRow,
    register: int,
    argument: HelperArgument,
    given: Value,
    of_map: MapSpec | None,
) -> MapSpec | None:
    """Check one argument; gives the map that it is."""
    slot = state.at
    if given.kind == v.ANYTHING or argument.kind == "integer":
        return None
    if given.kind == v.NUMBER and given.range == ZERO and _may_be_null(row, register, argument):
        return None
    if argument.kind == "size":
        _size(run, state, row, register, argument, given)
        return None
    if given.nullable and argument.kind not in ("callback context", "kptr"):
        if not argument.nullable:
            _wrong(run, slot, given, "a value that may be missing, without a check for None")
        return None
    match argument.kind:
        case "map":
            return _map(run, slot, row, given)
        case "map key" | "map value":
            if of_map is not None:
                size = of_map.key_size if argument.kind == "map key" else of_map.value_size
                writes = row.name in ("map_pop_elem", "map_peek_elem") and argument.kind == "map value"
                if argument.kind == "map value" and of_map.type in _socket_or_fd():
                    return None
                _region(run, state, row, given, size, size, reads=not writes, writes=writes)
        case "memory":
            _memory(run, state, row, argument, register, given)
        case "context":
            if given.kind not in (v.CONTEXT, v.OBJECT):  # of some helpers it is a socket
                _wrong(run, slot, given, given.kind)
            elif given.offset or given.range != ZERO:
                run.fault("ctx-modified", slot, sure=given.sure)
        case "length":
            if given.kind != v.NUMBER or not given.range.constant:
                run.fault("known-const", slot, sure=given.sure)
        case "string":
            _string(run, slot, given)
        case "reservation":
            _reservation(run, slot, given)
        case "callback":
            if given.kind != v.FUNCTION:
                _wrong(run, slot, given, given.kind)
        case "object" | "spin lock" | "timer" | "dynptr" | "kptr":
            if given.kind == v.NUMBER and given.range != ZERO:
                _wrong(run, slot, given, given.kind)
            elif given.kind == v.STALE:
                _stale(run, slot, given)
    if argument.kind == "dynptr" and given.kind == v.STACK and given.range.constant:
        _dynptr(run, state, row, argument, given)
    return None


def _socket_or_fd() -> tuple[int, ...]:
    return (*_SOCKET_MAPS, bpf.BPF_MAP_TYPE_REUSEPORT_SOCKARRAY)


def _may_be_null(row: HelperRow, register: int, argument: HelperArgument) -> bool:
    """Whether NULL, or 0, will do: of memory whose size may be 0 too."""
    if argument.nullable:
        return True
    behind = row.arguments[register] if register < len(row.arguments) else None
    return argument.kind == "callback context" or (
        argument.kind == "memory" and behind is not None and behind.kind == "size" and behind.nullable
    )


def _wrong(run: Run, slot: int, given: Value, found: str) -> None:
    if given.kind == v.STALE:
        _stale(run, slot, given)
        return
    origin = given.identity[0] if given.identity and given.kind != v.NUMBER else None
    run.fault("arg-type", slot, sure=given.sure, origin=origin, groups={"found": found})


def _stale(run: Run, slot: int, given: Value) -> None:
    assert isinstance(given.what, int)
    run.fault("stale-or-scalar", slot, sure=given.sure, ended_by=given.what)


def _map(run: Run, slot: int, row: HelperRow, given: Value) -> MapSpec | None:
    if given.kind != v.MAP:
        _wrong(run, slot, given, given.kind)
        return None
    found = _spec_of(run, given)
    if found is None:
        return None
    name = _map_types().get(found.type, "")
    wanted = _MAPS_OF.get(row.name)
    if (wanted and name not in wanted) or (not wanted and name in _CLOSED and name not in _looked_up(row)):
        run.fault("bad-map-kind", slot, sure=given.sure, groups={"helper": row.name, "map_type": name or found.type})
    if not wanted and name in _NOT_LOOKED_UP:
        run.fault("bad-map-kind", slot, sure=given.sure, groups={"helper": row.name, "map_type": name})
    return found


def _looked_up(row: HelperRow) -> tuple[str, ...]:
    """Of the types that only helpers of their own work on: those that one of the general ones takes none the less."""
    if row.name in ("map_lookup_elem", "map_update_elem", "map_delete_elem"):
        return ()
    return _CLOSED


def _spec_of(run: Run, given: Value) -> MapSpec | None:
    """The map that a handle is of: of one that was looked up in a map of maps, what those in it are like."""
    name = str(given.what)
    if name.endswith("[]"):
        return run.map(name[:-2]).inner
    return run.map(name)


def _size(run: Run, state: State, row: HelperRow, register: int, argument: HelperArgument, given: Value) -> None:
    """The size of the memory before it."""
    slot = state.at
    if given.kind != v.NUMBER:
        _wrong(run, slot, given, given.kind)
        return
    of = given.range
    if of.smin < 0:
        run.fault("size-neg", slot, sure=given.sure)
        return
    if of.umin == 0 and not argument.nullable:
        run.fault("zero-size", slot, sure=given.sure)
        return
    if of.umax >= FURTHEST:
        run.fault("size-unbounded", slot, sure=given.sure)
        return
    memory, before = state.registers[register - 1], row.arguments[register - 2]
    if of.umax:
        reads, writes = before.access != "write", before.access != "read"
        _region(run, state, row, memory, of.umin, of.umax, reads=reads, writes=writes, sure=given.sure)


def _memory(run: Run, state: State, row: HelperRow, argument: HelperArgument, register: int, given: Value) -> None:
    slot = state.at
    followed = register < len(row.arguments) and row.arguments[register].kind == "size"
    if given.kind in (v.NUMBER, v.CONTEXT, v.MAP, v.PACKET_END, v.OBJECT, v.FUNCTION, v.STALE):
        _wrong(run, slot, given, given.kind)
    elif not followed and isinstance(argument.size, int) and argument.size:
        reads, writes = argument.access != "write", argument.access != "read"
        _region(run, state, row, given, argument.size, argument.size, reads=reads, writes=writes)
    elif not followed and given.kind == v.STACK:
        _unknown_region(state, given)


def _unknown_region(state: State, given: Value) -> None:
    """Memory whose size is not known may all be written to."""
    assert isinstance(given.what, int)
    low = max(given.offset + given.range.smin, -STACK_SIZE)
    if low < 0:
        overwrite(state.frames[given.what], low, -low)


def _region(
    run: Run,
    state: State,
    row: HelperRow,
    given: Value,
    least: int,
    most: int,
    *,
    reads: bool,
    writes: bool,
    sure: bool = True,
) -> None:
    """Memory of `most` bytes, and `least` at the least, that a helper reads or writes."""
    slot = state.at
    given = given if sure else given._replace(sure=False)
    match given.kind:
        case v.STACK:
            _stack_region(run, state, given, most, reads=reads, writes=writes)
        case v.MAP_VALUE | v.MEMORY:
            if writes:
                writable(run, slot, given, 0, most)
            inside(run, slot, given, 0, least, most=most)
        case v.PACKET | v.PACKET_META:
            if row.takes_packet:
                inside(run, slot, given, 0, least, most=most)
            else:
                run.fault("arg-type", slot, sure=given.sure, groups={"found": "a part of the packet"})
        case v.ANYTHING:
            return
        case _:
            _wrong(run, slot, given, given.kind)


def _stack_region(run: Run, state: State, given: Value, size: int, *, reads: bool, writes: bool) -> None:
    slot = state.at
    assert isinstance(given.what, int)
    frame = state.frames[given.what]
    if not given.range.constant:
        reach(run, state, given, 0, size, write=writes)
        return
    if size and not -STACK_SIZE <= given.offset <= -size:
        run.fault("stack-oob argument", slot, sure=given.sure)
        return
    if not size:
        return
    run.uses_stack(state, given.what, given.offset)
    missing = bits_of(given.offset, size) & ~frame.written
    if reads and missing and not missing & frame.perhaps:
        _unset(run, slot, frame.written, given, size)
    if writes:
        overwrite(frame, given.offset, size)


def _unset(run: Run, slot: int, written: int, given: Value, size: int) -> None:
    """Bytes that nobody has set are given to a helper: kernels from 6.3 on let it pass, and read what lies there."""
    whole = bits_of(given.offset, size)
    name = "stack-uninit" if whole & written else "stack-oob argument"
    if run.kernel < UNSET_STACK_SINCE:
        run.fault(name, slot, sure=given.sure, groups={"off": given.offset, "size": size})
    else:
        run.warn("stack-uninit", slot, what=_UNSET_WORDS.format(size=size), fix=_UNSET_FIX)


_UNSET_WORDS = (
    "a local is given to a helper whose bytes are not all set: {size} are read. The verifier lets it pass where "
    "the process has CAP_PERFMON, and what is read there is left over from before"
)
_UNSET_FIX = "set all of it first, padding too: a struct that osmia makes is zeroed as a whole"


def _string(run: Run, slot: int, given: Value) -> None:
    if given.kind == v.MAP_VALUE and run.map(str(given.what)).read_only:
        return
    if given.kind == v.MAP_VALUE:
        run.fault("snprintf-ro", slot, sure=given.sure)
    else:
        _wrong(run, slot, given, given.kind)


def _reservation(run: Run, slot: int, given: Value) -> None:
    if given.kind != v.MEMORY or given.reference is None:
        ended = given.what if given.kind == v.STALE and isinstance(given.what, int) else None
        run.fault("release-type", slot, sure=given.sure, ended_by=ended)
    elif given.offset or given.range != ZERO:
        run.fault("release-offset", slot, sure=given.sure)


def _dynptr(run: Run, state: State, row: HelperRow, argument: HelperArgument, given: Value) -> None:
    """A dynptr takes 16 bytes of the stack, of which the program is told nothing."""
    assert isinstance(given.what, int)
    frame, at = state.frames[given.what], given.offset
    if not -STACK_SIZE <= at <= -_DYNPTR_SIZE:
        run.fault("stack-oob argument", state.at, sure=given.sure)
        return
    run.uses_stack(state, given.what, at)
    cell = frame.cells.get(at)
    if argument.access == "write":
        reference = state.new_identity(state.at) if row.name in _ACQUIRING else None
        overwrite(frame, at, _DYNPTR_SIZE)
        frame.cells[at] = (_DYNPTR_SIZE, Value(v.DYNPTR, reference=reference))
        if reference is not None:
            state.hold(reference, Held(state.at, row.name, len(state.frames) - 1))
    elif argument.releases and cell is not None and cell[1].kind == v.DYNPTR and cell[1].reference is not None:
        state.give_back(cell[1].reference)
        frame.forget(at, _DYNPTR_SIZE)
    elif argument.releases and (cell is None or cell[1].kind != v.ANYTHING):
        run.fault("release-type", state.at, sure=given.sure)


# What it does


def _release(state: State, given: Value, slot: int) -> None:
    """What was given back, and all that points into it, is no address any more."""
    reference = given.reference
    if reference is None:
        return
    state.give_back(reference)
    state.change(lambda value: Value(v.STALE, what=slot) if value.reference == reference else None)


def _end_packet(state: State, slot: int) -> None:
    """The packet may have moved: no place in it is known any more."""
    kinds = (v.PACKET, v.PACKET_META, v.PACKET_END)
    state.change(lambda value: Value(v.STALE, what=slot, sure=value.sure) if value.kind in kinds else None)


def _lock(run: Run, state: State, name: str, given: Value) -> None:
    slot = state.at
    if given.kind == v.MAP_VALUE:
        of = run.map(str(given.what))
        groups = {"map": given.what}
        if not of.btf_value_type_id or run.btf is None:
            run.fault("lock-btf", slot, sure=given.sure, groups=groups)
        at = run.lock_offset(str(given.what))
        if at is None and of.btf_value_type_id and run.btf is not None:
            run.fault("lock-none", slot, sure=given.sure, groups=groups)
        elif given.offset != at and at is not None:
            run.fault("lock-place", slot, sure=given.sure)
    if name == "spin_lock":
        state.lock = slot
        return
    if state.lock is None:
        run.fault("lock-unlock", slot, sure=state.sure)
    state.lock = None


def _result(run: Run, state: State, row: HelperRow, of_map: MapSpec | None) -> Value:
    slot, registers = state.at, state.registers
    if row.returns == "nothing":
        return v.UNSET_VALUE
    if row.name == "get_smp_processor_id":  # the verifier knows how many CPUs its machine has
        return Value(v.NUMBER, full(32), sure=False)
    if row.returns == "integer":
        if row.name in _ERROR_OR_SIZE and registers[2].kind == v.NUMBER:
            most = registers[2].range.umax
            return Value(v.NUMBER, between(-4095, most)) if most <= S64_MAX else UNKNOWN_NUMBER
        return Value(v.NUMBER, UNKNOWN)
    identity = state.new_identity(slot)
    if row.returns == "map value":
        return _found(run, state, row, of_map, identity)
    reference = None
    if row.name in _ACQUIRING:
        reference = identity
        state.hold(identity, Held(slot, row.name, len(state.frames) - 1))
    if row.returns == "memory":
        size = registers[3 if row.name == "dynptr_data" else 2].range.umax
        return Value(v.MEMORY, ZERO, 0, identity, row.name, size, nullable=row.maybe_null, reference=reference)
    return Value(v.OBJECT, ZERO, 0, identity, row.name, 0, nullable=row.maybe_null, reference=reference)


def _found(run: Run, state: State, row: HelperRow, of_map: MapSpec | None, identity: tuple[int, int]) -> Value:
    """What a look-up finds."""
    given = state.registers[1]
    if of_map is None or given.kind != v.MAP or str(given.what).endswith("[]"):
        return ANY_VALUE
    if of_map.type in _OF_MAPS:
        return Value(v.MAP, ZERO, 0, identity, f"{given.what}[]", nullable=True)
    if of_map.type in _SOCKET_MAPS:
        state.hold(identity, Held(state.at, row.name, len(state.frames) - 1))
        return Value(v.OBJECT, ZERO, 0, identity, row.name, nullable=True, reference=identity)
    if _map_types().get(of_map.type, "") in ("DEVMAP", "DEVMAP_HASH", "CPUMAP", "XSKMAP"):
        return ANY_VALUE
    nullable = row.maybe_null and not _certain(run, state, of_map)
    return Value(v.MAP_VALUE, ZERO, 0, identity, given.what, nullable=nullable)


def _certain(run: Run, state: State, of_map: MapSpec) -> bool:
    """Whether a kernel knows that the look-up of this constant index of an array finds something."""
    key = state.registers[2]
    if of_map.type not in _ARRAYS or run.kernel < CONSTANT_INDEX_SINCE or key.kind != v.STACK:
        return False
    assert isinstance(key.what, int)
    cell = state.frames[key.what].cells.get(key.offset)
    if cell is None or cell[1].kind != v.NUMBER or not cell[1].range.constant:
        return False
    return cell[1].range.umin & 0xFFFFFFFF < max(of_map.max_entries, 1 if of_map.each_cpu else 0)
