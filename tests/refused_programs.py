"""Programs that the verifier refuses, one for each entry of its catalogue, made by hand with the lines of a source."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from osmia.kernel import Descriptor, bpf
from osmia.kinds import KINDS, Kind
from osmia.loader import link, reach
from osmia.loader.programs import load_program
from osmia.spec import FunctionSpec, LineInfo, MapSpec, ObjectSpec, Relocation
from raw_programs import EXIT, insn

if TYPE_CHECKING:
    from collections.abc import Sequence

FILE = "p.py"


class MapAddress(bytes):
    """`r = map`, which the loader completes."""

    map: str


class Function(NamedTuple):
    """A subprogram's name and lines."""

    name: str
    lines: Sequence[Line]


class Refused(NamedTuple):
    """A program that the verifier refuses."""

    lines: Sequence[Line]
    kind: str = "xdp"
    license: str = "GPL"
    functions: Sequence[Function] = ()


# A line of the source, and the instructions that it became.
Line = tuple[str, bytes | list[bytes]]

KIND_TYPES = {"xdp": (6, 37), "cgroup_skb": (8, 0), "kprobe": (2, 0), "socket_filter": (1, 0)}


def kind(name: str) -> Kind:
    """A kind of program, also one that osmia has no row for."""
    program_type, attach_type = KIND_TYPES[name]
    return Kind(**{**vars(KINDS["xdp"]), "name": name, "program_type": program_type, "attach_types": {"": attach_type}})


def spin_lock_btf() -> bytes:
    """`struct value { struct bpf_spin_lock lock; u32 count; }` (type 3) and u32 (type 1)."""
    names, offsets = b"\0", {}
    for name in ("u32", "bpf_spin_lock", "val", "value", "lock", "count"):
        offsets[name] = len(names)
        names += name.encode() + b"\0"
    types = b"".join(
        (
            struct.pack("=IIII", offsets["u32"], 1 << 24, 4, 32),
            struct.pack("=III", offsets["bpf_spin_lock"], 4 << 24 | 1, 4),
            struct.pack("=III", offsets["val"], 1, 0),
            struct.pack("=III", offsets["value"], 4 << 24 | 2, 8),
            struct.pack("=III", offsets["lock"], 2, 0),
            struct.pack("=III", offsets["count"], 1, 32),
        )
    )
    return struct.pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(names)) + types + names


MAPS = {
    each.name: each
    for each in (
        MapSpec("table", 1, 4, 64, 16),
        MapSpec("array", 2, 4, 64, 4),
        MapSpec("tails", 3, 4, 4, 4),
        MapSpec("ring", 27, 0, 0, 4096),
        MapSpec("constants", 2, 4, 64, 1, flags=1 << 7),
        MapSpec("locked", 1, 4, 8, 4, btf_key_type_id=1, btf_value_type_id=3),
        MapSpec("typed", 1, 4, 4, 4, btf_key_type_id=1, btf_value_type_id=1),
    )
}


def joined(code: bytes | list[bytes]) -> list[bytes]:
    return [code] if isinstance(code, bytes) else code


def function(name: str, lines: Sequence[Line], first: int, declared: Kind | None) -> FunctionSpec:
    """A function whose lines are numbered from `first`."""
    instructions, relocations, places = b"", [], []
    for number, (text, code) in enumerate(lines, start=first):
        places.append(LineInfo(len(instructions) // 8, FILE, number, 5, text))
        for piece in joined(code):
            if isinstance(piece, MapAddress):
                relocations.append(Relocation(len(instructions) // 8, "map", piece.map))
            elif piece[:2] == b"\x85\x10":
                relocations.append(Relocation(len(instructions) // 8, "call", f"f{piece[4]}"))
            instructions += piece
    places = [place for place in places if place.offset * 8 < len(instructions)]
    return FunctionSpec(
        name=name,
        section="xdp" if declared else ".text",
        instructions=instructions,
        relocations=relocations,
        lines=places,
        kind=declared,
    )


def functions_of(refused: Refused) -> list[FunctionSpec]:
    """The program, then its subprograms; their lines are numbered through."""
    functions, line = [function("program", refused.lines, 1, kind(refused.kind))], len(refused.lines) + 1
    for each in refused.functions:
        functions.append(function(each.name, each.lines, line, None))
        line += len(each.lines)
    return functions


def load_refused(refused: Refused) -> None:
    """Load a program as `osmia.load` does, but with maps of any type: the loader has not all of them."""
    functions = functions_of(refused)
    program = functions[0]
    named = dict.fromkeys(each.target for made in functions for each in made.relocations if each.kind == "map")
    spec = ObjectSpec("raw.o", refused.license, {"program": program}, {}, {}, b"")
    spec.functions = {each.name: each for each in functions[1:]}
    btf = Descriptor(bpf.btf_load(spin_lock_btf())) if {"locked", "typed"} & {*named} else None
    maps: dict[str, Descriptor] = {}
    try:
        for name in named:
            maps[name] = create(MAPS[name], btf)
        spec.maps = {name: MAPS[name] for name in named}
        linked = link(spec, reach(spec, "program").functions, {name: made.number for name, made in maps.items()})
        load_program(spec, program, linked, btf).close()
    finally:
        for made in (*maps.values(), *([btf] if btf else [])):
            made.close_now()


def create(declared: MapSpec, btf: Descriptor | None) -> Descriptor:
    """Make a map, of whatever type."""
    return Descriptor(
        bpf.map_create(
            map_type=declared.type,
            key_size=declared.key_size,
            value_size=declared.value_size,
            max_entries=declared.max_entries,
            flags=declared.flags,
            name=declared.name.encode(),
            btf_fd=btf.number if btf and declared.btf_value_type_id else 0,
            btf_key_type_id=declared.btf_key_type_id,
            btf_value_type_id=declared.btf_value_type_id,
        )
    )


def mov(dst: int, value: int) -> bytes:
    return insn(0xB7, dst, imm=value)


def copy(dst: int, src: int) -> bytes:
    return insn(0xBF, dst, src)


def add(dst: int, value: int) -> bytes:
    return insn(0x07, dst, imm=value)


def add_register(dst: int, src: int) -> bytes:
    return insn(0x0F, dst, src)


SIZES = {1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18}


def load(size: int, dst: int, src: int, off: int) -> bytes:
    return insn(0x61 | SIZES[size], dst, src, off)


def store(size: int, dst: int, off: int, src: int) -> bytes:
    return insn(0x63 | SIZES[size], dst, src, off)


def store_value(size: int, dst: int, off: int, value: int) -> bytes:
    return insn(0x62 | SIZES[size], dst, off=off, imm=value)


def call(helper: int) -> bytes:
    return insn(0x85, imm=helper)


def call_function(number: int) -> bytes:
    """Call the function `f<number>`."""
    return insn(0x85, src=1, imm=number)


def map_address(dst: int, name: str) -> MapAddress:
    made = MapAddress(insn(0x18, dst) + insn(0))
    made.map = name
    return made


def jump(opcode: int, dst: int, value: int, off: int) -> bytes:
    return insn(opcode, dst, off=off, imm=value)


JEQ, JNE, JGT, JGE, JLT, JLE, JSGT, JSLT = 0x15, 0x55, 0x25, 0x35, 0xA5, 0xB5, 0x65, 0xC5
RETURN = [mov(0, 2), EXIT]


def lookup(name: str) -> list[bytes]:
    """Look up the key 0."""
    return [store_value(4, 10, -4, 0), copy(2, 10), add(2, -4), map_address(1, name), call(1)]


def reserve(size: int) -> list[bytes]:
    """Reserve a record of the ring buffer."""
    return [map_address(1, "ring"), mov(2, size), mov(3, 0), call(131)]


START = ("def program(ctx):", copy(6, 1))
SOCKET = (
    "    socket = ctx.sk_lookup_tcp(pair)",
    [
        *(store_value(8, 10, -16, 0), store_value(8, 10, -8, 0), copy(1, 6), copy(2, 10), add(2, -16), mov(3, 12)),
        *(mov(4, -1), mov(5, 0), call(84)),
    ],
)
END = ("    return 2", RETURN)
FOUND = ("    found = table.lookup(0)", lookup("table"))
CHECKED = ("    if found is None:", jump(JNE, 0, 0, 2))
MISSING = ("        return 0", [mov(0, 0), EXIT])

PROGRAMS: dict[str, Refused] = {
    "null-check": Refused([START, FOUND, ("    found.value += 1", load(8, 1, 0, 0)), END]),
    "null-arith": Refused([START, FOUND, ("    field = found.field", add(0, 8)), END]),
    "pkt-bounds": Refused(
        [START, ("    data = ctx.data", load(4, 2, 6, 0)), ("    return data[12]", [load(1, 0, 2, 12), EXIT])]
    ),
    "pkt-bounds variable": Refused(
        [
            START,
            ("    data, end = ctx.data, ctx.data_end", [load(4, 2, 6, 0), load(4, 3, 6, 4)]),
            ("    offset = ctx.rx_queue_index", load(4, 4, 6, 16)),
            ("    place = data + offset", add_register(2, 4)),
            ("    if place + 1 > end:", [copy(5, 2), add(5, 1), insn(0x3D, 3, 5, off=2)]),
            ("        return 0", [mov(0, 0), EXIT]),
            ("    return data[offset]", [load(1, 0, 2, 0), EXIT]),
        ]
    ),
    "stale-or-scalar": Refused(
        [
            START,
            ("    address = ctx.ingress_ifindex", load(4, 2, 6, 12)),
            ("    return address[0]", load(4, 0, 2, 0)),
            END,
        ]
    ),
    "stale-or-scalar packet": Refused(
        [
            START,
            ("    data, end = ctx.data, ctx.data_end", [load(4, 7, 6, 0), load(4, 3, 6, 4)]),
            ("    if data + 14 > end:", [copy(2, 7), add(2, 14), insn(0x3D, 3, 2, off=2)]),
            ("        return 0", [mov(0, 0), EXIT]),
            ("    ctx.adjust_head(4)", [copy(1, 6), mov(2, 4), call(44)]),
            ("    return data[0]", [load(1, 0, 7, 0), EXIT]),
        ]
    ),
    "stale-or-scalar record": Refused(
        [
            START,
            ("    event = ring.reserve(8)", reserve(8)),
            ("    if event is None:", jump(JNE, 0, 0, 2)),
            ("        return 0", [mov(0, 0), EXIT]),
            ("    ring.submit(event)", [copy(7, 0), copy(1, 0), mov(2, 0), call(132)]),
            ("    event.value = 1", store_value(8, 7, 0, 1)),
            END,
        ]
    ),
    "null-check record": Refused(
        [START, ("    event = ring.reserve(8)", reserve(8)), ("    event.value = 1", store_value(8, 0, 0, 1)), END]
    ),
    "stale-or-scalar socket": Refused(
        [
            START,
            SOCKET,
            ("    if socket is None:", jump(JNE, 0, 0, 2)),
            ("        return 0", [mov(0, 0), EXIT]),
            ("    socket.release()", [copy(7, 0), copy(1, 0), call(86)]),
            ("    return socket.mark", [load(4, 0, 7, 8), EXIT]),
        ]
    ),
    "ref-leak socket": Refused([START, SOCKET, END]),
    "ptr-arith": Refused([START, ("    other = array + 4", [map_address(1, "array"), add(1, 4)]), END]),
    "call-depth recursion": Refused(
        [START, ("    f1()", call_function(1)), END],
        functions=[Function("f1", [("def f1():", call_function(1)), END])],
    ),
    "map-oob": Refused([START, FOUND, CHECKED, MISSING, ("    return found.values[8]", [load(8, 1, 0, 64)]), END]),
    "map-oob variable": Refused(
        [
            START,
            FOUND,
            CHECKED,
            MISSING,
            ("    index = ctx.rx_queue_index", load(4, 1, 6, 16)),
            ("    if index > 64:", jump(JGT, 1, 64, 3)),
            ("    found.values[index] = 1", [add_register(0, 1), store_value(1, 0, 0, 1)]),
            END,
        ]
    ),
    "mem-oob": Refused(
        [
            START,
            ("    event = ring.reserve(8)", reserve(8)),
            ("    if event is None:", jump(JNE, 0, 0, 2)),
            ("        return 0", [mov(0, 0), EXIT]),
            ("    event.values[1] = 1", store_value(8, 0, 8, 1)),
            END,
        ]
    ),
    "unbounded-mem": Refused(
        [
            START,
            FOUND,
            CHECKED,
            MISSING,
            ("    index = ctx.rx_queue_index", load(4, 1, 6, 16)),
            ("    found.values[index] = 1", [add_register(0, 1), store_value(1, 0, 0, 1)]),
            END,
        ]
    ),
    "math-unbounded": Refused(
        [
            START,
            FOUND,
            CHECKED,
            MISSING,
            ("    index = found.index", load(8, 1, 0, 0)),
            ("    found.values[index] = 1", [add_register(0, 1), store_value(1, 0, 0, 1)]),
            END,
        ]
    ),
    "value-makes-oob constant": Refused(
        [
            START,
            FOUND,
            CHECKED,
            MISSING,
            ("    found.values[1 << 30] = 1", [add(0, 1 << 30), store_value(1, 0, 0, 1)]),
            END,
        ]
    ),
    "value-makes-oob": Refused(
        [
            START,
            FOUND,
            CHECKED,
            MISSING,
            ("    index = ctx.rx_queue_index", load(4, 1, 6, 16)),
            ("    if index >= 1 << 30:", jump(JLT, 1, 1 << 30, 2)),
            ("        found.values[index] = 1", [add_register(0, 1), store_value(1, 0, 0, 1)]),
            END,
        ]
    ),
    "ptr-sub-stack": Refused(
        [
            START,
            ("    index = ctx.rx_queue_index", load(4, 1, 6, 16)),
            ("    values[-index] = 1", [copy(2, 10), insn(0x1F, 2, 1), store_value(1, 2, 0, 1)]),
            END,
        ]
    ),
    "ptr-op": Refused([START, FOUND, CHECKED, MISSING, ("    aligned = found & ~7", insn(0x57, 0, imm=-8)), END]),
    "ptr-32": Refused(
        [START, ("    data = ctx.data", load(4, 3, 6, 0)), ("    short = u32(data) + 4", insn(0x04, 3, imm=4)), END]
    ),
    "pkt-end": Refused([START, ("    end = ctx.data_end", load(4, 3, 6, 4)), ("    last = end - 4", add(3, -4)), END]),
    "uninit-reg": Refused(
        [
            START,
            ("    if ctx.rx_queue_index:", [load(4, 1, 6, 16), jump(JEQ, 1, 0, 1)]),
            ("        value = 1", mov(7, 1)),
            ("    return value", [copy(0, 7), EXIT]),
        ]
    ),
    "uninit-reg return": Refused([START, ("    pass", EXIT)]),
    "uninit-reg argument": Refused(
        [START, ("    now = ktime_get_ns()", call(5)), ("    return ctx.rx_queue_index", [load(4, 0, 1, 16), EXIT])]
    ),
    "uninit-reg helper": Refused(
        [START, ("    found = table.lookup()", [mov(2, 0), call(5), map_address(1, "table"), call(1)]), END]
    ),
    "stack-oob": Refused([START, ("    values[0] = 1", store_value(8, 10, -520, 1)), END]),
    "stack-oob argument": Refused(
        [START, ("    found = table.lookup(short)", [copy(2, 10), add(2, -2), map_address(1, "table"), call(1)]), END]
    ),
    "stack-oob argument unset": Refused(
        [START, ("    found = table.lookup(key)", [copy(2, 10), add(2, -4), map_address(1, "table"), call(1)]), END]
    ),
    "stack-uninit": Refused(
        [
            START,
            ("    key.first = 0", store_value(1, 10, -4, 0)),
            ("    found = table.lookup(key)", [copy(2, 10), add(2, -4), map_address(1, "table"), call(1)]),
            END,
        ]
    ),
    "stack-var-write": Refused(
        [
            START,
            ("    index = ctx.rx_queue_index & 7", [load(4, 1, 6, 16), insn(0x57, 1, imm=7)]),
            ("    values[index] = 1", [copy(2, 10), add_register(2, 1), store_value(1, 2, -4, 1)]),
            END,
        ]
    ),
    "stack-var-write unbounded": Refused(
        [
            START,
            ("    index = ctx.rx_queue_index", load(4, 1, 6, 16)),
            ("    values[index] = 1", [copy(2, 10), add_register(2, 1), store_value(1, 2, -4, 1)]),
            END,
        ]
    ),
    "stack-depth": Refused(
        [START, ("    large[0] = 1", store_value(8, 10, -304, 1)), ("    callee()", call_function(1)), END],
        functions=[Function("f1", [("def callee():", store_value(8, 10, -304, 1)), END])],
    ),
    "call-depth": Refused(
        [START, ("    f1()", call_function(1)), END],
        functions=[
            Function(f"f{number}", [(f"def f{number}():", call_function(number + 1)), END]) for number in range(1, 9)
        ]
        + [Function("f9", [("def f9():", mov(0, 0)), END])],
    ),
    "infinite-loop": Refused(
        [
            START,
            ("    value = 1", mov(0, 1)),
            ("    while value:", jump(JEQ, 6, 0, 1)),
            ("        pass", insn(0x05, off=-2)),
            END,
        ]
    ),
    "too-large": Refused(
        [
            START,
            ("    total = 0", [mov(1, 0)]),
            ("    while total < 1 << 30:", jump(JGE, 1, 1 << 30, 2)),
            ("        total += 1", [add(1, 1), insn(0x05, off=-3)]),
            END,
        ]
    ),
    "too-complex": Refused(
        [
            START,
            ("    value = ctx.rx_queue_index", load(4, 1, 6, 16)),
            ("    if value in numbers:", [jump(JEQ, 1, number, 0) for number in range(8200)]),
            END,
        ]
    ),
    "ref-leak": Refused(
        [
            START,
            ("    event = ring.reserve(8)", reserve(8)),
            ("    if event is None:", jump(JNE, 0, 0, 2)),
            ("        return 0", [mov(0, 0), EXIT]),
            END,
        ]
    ),
    "release-type": Refused(
        [
            START,
            ("    event = ring.reserve(8)", reserve(8)),
            ("    if event is None:", jump(JNE, 0, 0, 2)),
            ("        return 0", [mov(0, 0), EXIT]),
            ("    ring.submit(event)", [copy(7, 0), copy(1, 0), mov(2, 0), call(132)]),
            ("    ring.submit(event)", [copy(1, 7), mov(2, 0), call(132)]),
            END,
        ]
    ),
    "release-type scalar": Refused([START, ("    ring.submit(8)", [mov(1, 8), mov(2, 0), call(132)]), END]),
    "release-offset": Refused(
        [
            START,
            ("    event = ring.reserve(16)", reserve(16)),
            ("    if event is None:", jump(JNE, 0, 0, 2)),
            ("        return 0", [mov(0, 0), EXIT]),
            ("    ring.submit(event.second)", [copy(1, 0), add(1, 8), mov(2, 0), call(132)]),
            END,
        ]
    ),
    "known-const": Refused(
        [
            START,
            ("    size = ctx.rx_queue_index", load(4, 2, 6, 16)),
            ("    event = ring.reserve(size)", [map_address(1, "ring"), mov(3, 0), call(131)]),
            END,
        ]
    ),
    "zero-size": Refused(
        [
            START,
            ("    size = ctx.rx_queue_index", load(4, 4, 6, 16)),
            ("    ctx.load_bytes(0, buffer, size)", [copy(1, 6), mov(2, 0), copy(3, 10), add(3, -8), call(189)]),
            END,
        ]
    ),
    "size-neg": Refused(
        [
            START,
            FOUND,
            CHECKED,
            MISSING,
            ("    size = found.size", load(8, 4, 0, 0)),
            ("    ctx.load_bytes(0, buffer, size)", [copy(1, 6), mov(2, 0), copy(3, 10), add(3, -8), call(189)]),
            END,
        ]
    ),
    "size-unbounded": Refused(
        [
            START,
            ("    size = ctx.rx_queue_index", load(4, 4, 6, 16)),
            ("    if size == 0:", jump(JNE, 4, 0, 2)),
            ("        return 0", [mov(0, 0), EXIT]),
            ("    ctx.load_bytes(0, buffer, size)", [copy(1, 6), mov(2, 0), copy(3, 10), add(3, -8), call(189)]),
            END,
        ]
    ),
    "arg-type": Refused(
        [
            START,
            ("    key = ctx.rx_queue_index", load(4, 2, 6, 16)),
            ("    found = table.lookup(key)", [map_address(1, "table"), call(1)]),
            END,
        ]
    ),
    "bad-map-kind": Refused([START, ("    found = tails.lookup(0)", lookup("tails")), END]),
    "zero-sized": Refused([START, ("    found = ring.lookup(0)", lookup("ring")), END]),
    "tail-map call": Refused(
        [START, ("    array.tail_call(ctx, 0)", [copy(1, 6), map_address(2, "array"), mov(3, 0), call(12)]), END]
    ),
    "helper-na": Refused(
        [
            START,
            (
                "    ctx.load_bytes(0, buffer, 4)",
                [copy(1, 6), mov(2, 0), copy(3, 10), add(3, -8), mov(4, 4), call(26)],
            ),
            END,
        ]
    ),
    "helper-unknown": Refused([START, ("    unknown()", call(9999)), END]),
    "gpl": Refused(
        [
            START,
            ("    print(text)", [copy(1, 10), add(1, -8), mov(2, 8), call(6)]),
            END,
        ],
        license="Proprietary",
    ),
    "sleep": Refused(
        [
            START,
            (
                "    copy_from_user(buffer, 8, address)",
                [copy(1, 10), add(1, -8), mov(2, 8), mov(3, 0), call(148)],
            ),
            END,
        ],
        kind="kprobe",
    ),
    "ctx-access": Refused([START, ("    data = ctx.data", load(8, 0, 6, 0)), END]),
    "ctx-modified": Refused(
        [
            START,
            ("    index = ctx.rx_queue_index & 4", [load(4, 1, 6, 16), insn(0x57, 1, imm=4)]),
            ("    value = ctx[index]", [add_register(6, 1), load(4, 0, 6, 0)]),
            END,
        ]
    ),
    "ctx-modified constant": Refused(
        [START, ("    (ctx + 4).adjust_head(0)", [copy(1, 6), add(1, 4), mov(2, 0), call(44)]), END]
    ),
    "ret-range": Refused([START, ("    return 5", [mov(0, 5), EXIT])], kind="cgroup_skb"),
    "ret-range computed": Refused([START, ("    return ctx.mark", [load(4, 0, 6, 8), EXIT])], kind="cgroup_skb"),
    "ro-map": Refused(
        [
            START,
            ("    constant = constants.lookup(0)", lookup("constants")),
            CHECKED,
            MISSING,
            ("    constant.value = 1", store_value(8, 0, 0, 1)),
            END,
        ]
    ),
    "ro-pkt": Refused(
        [
            START,
            ("    data, end = ctx.data, ctx.data_end", [load(4, 2, 6, 76), load(4, 3, 6, 80)]),
            ("    if data + 1 > end:", [copy(5, 2), add(5, 1), insn(0x3D, 3, 5, off=2)]),
            ("        return 0", [mov(0, 0), EXIT]),
            ("    data[0] = 1", store_value(1, 2, 0, 1)),
            END,
        ],
        kind="cgroup_skb",
    ),
    "btf-ro": Refused(
        [START, ("    task = get_current_task_btf()", call(158)), ("    task.flags = 0", store_value(4, 0, 0, 0)), END],
        kind="kprobe",
    ),
    "btf-ro map": Refused(
        [START, ("    array.max_entries = 1", [map_address(1, "array"), store_value(4, 1, 0, 1)]), END]
    ),
    "lock-call": Refused(
        [
            START,
            ("    found = locked.lookup(0)", lookup("locked")),
            CHECKED,
            MISSING,
            ("    with found.lock:", [copy(7, 0), copy(1, 0), call(93)]),
            ("        found.count = ktime_get_ns()", [call(5), store(4, 7, 4, 0)]),
            ("    # unlock", [copy(1, 7), call(94)]),
            END,
        ]
    ),
    "lock-exit": Refused(
        [
            START,
            ("    found = locked.lookup(0)", lookup("locked")),
            CHECKED,
            MISSING,
            ("    found.lock.lock()", [copy(7, 0), copy(1, 0), call(93)]),
            END,
        ]
    ),
    "lock-none": Refused(
        [
            START,
            ("    found = typed.lookup(0)", lookup("typed")),
            CHECKED,
            MISSING,
            ("    with found.lock:", [copy(1, 0), call(93)]),
            END,
        ]
    ),
    "lock-place": Refused(
        [
            START,
            ("    found = locked.lookup(0)", lookup("locked")),
            CHECKED,
            MISSING,
            ("    with found.count:", [copy(1, 0), add(1, 4), call(93)]),
            END,
        ]
    ),
    "lock-access": Refused(
        [
            START,
            ("    found = locked.lookup(0)", lookup("locked")),
            CHECKED,
            MISSING,
            ("    found.lock = 0", store_value(4, 0, 0, 0)),
            END,
        ]
    ),
    "lock-unlock": Refused(
        [
            START,
            ("    found = locked.lookup(0)", lookup("locked")),
            CHECKED,
            MISSING,
            ("    found.lock.unlock()", [copy(1, 0), call(94)]),
            END,
        ]
    ),
    "lock-btf": Refused([START, FOUND, CHECKED, MISSING, ("    with found.lock:", [copy(1, 0), call(93)]), END]),
    "atomic-target": Refused([START, ("    ref(ctx.data).fetch_add(1)", [mov(1, 1), insn(0xDB, 6, 1, 0, 0)]), END]),
    "misaligned": Refused([START, ("    pair.second = 1", store_value(8, 10, -12, 1)), END]),
    "fill-size": Refused(
        [START, ("    saved = ctx", store(8, 10, -8, 6)), ("    half = saved.low", load(4, 0, 10, -8)), END]
    ),
    "stale-or-scalar overwritten": Refused(
        [
            START,
            ("    saved = ctx", store(8, 10, -8, 6)),
            ("    saved.low = 1", [store_value(4, 10, -8, 1), load(8, 0, 10, -8), load(4, 0, 0, 0)]),
            END,
        ]
    ),
    "snprintf-ro": Refused(
        [
            START,
            FOUND,
            CHECKED,
            MISSING,
            (
                "    snprintf(buffer, found.format)",
                [copy(3, 0), copy(1, 10), add(1, -16), mov(2, 8), mov(4, 0), mov(5, 0), call(165)],
            ),
            END,
        ]
    ),
    "div0": Refused([START, ("    value = 1", mov(0, 1)), ("    value //= 0", insn(0x37, 0, imm=0)), END]),
    "shift": Refused([START, ("    value = 1", mov(0, 1)), ("    value <<= 64", insn(0x67, 0, imm=64)), END]),
    "unreachable": Refused([START, END, ("    value = 1", [mov(0, 1), EXIT])]),
    "no-exit": Refused([START, ("    value = 1", mov(0, 1))]),
    "jump-oob": Refused([START, ("    if ctx is None:", jump(JEQ, 6, 0, 100)), END]),
    "fp-ro": Refused([START, ("    frame = 0", mov(10, 0)), END]),
    "opcode": Refused([START, ("    call(pointer)", insn(0x8D, 6)), END]),
    "ld-abs": Refused([START, ("    first = packet[0]", insn(0x30, imm=0)), END]),
    "kfunc": Refused([START, ("    kernel_function()", insn(0x85, src=2, imm=1)), END]),
}
