"""For each kind of fault a program without it: nothing is found in that, and the kernel takes it."""

from __future__ import annotations

import pytest

from checked_objects import NEW, OLD, found_in, shown
from raw_programs import EXIT, insn
from refused_programs import (
    CHECKED,
    END,
    FOUND,
    JEQ,
    JGE,
    JGT,
    JLT,
    JNE,
    MISSING,
    PROGRAMS,
    SOCKET,
    START,
    Function,
    Line,
    Refused,
    add,
    add_register,
    call,
    call_function,
    copy,
    jump,
    load,
    load_refused,
    lookup,
    map_address,
    mov,
    reserve,
    store,
    store_value,
)
from this_kernel import needs_root, require_kernel

EVENT = ("    event = ring.reserve(16)", reserve(16))
NO_EVENT: list[Line] = [("    if event is None:", jump(JNE, 0, 0, 2)), MISSING]
SUBMIT = ("    ring.submit(event)", [copy(1, 0), mov(2, 0), call(132)])
DATA = ("    data, end = ctx.data, ctx.data_end", [load(4, 2, 6, 0), load(4, 3, 6, 4)])
INDEX = ("    index = ctx.rx_queue_index", load(4, 1, 6, 16))
LOCKED: list[Line] = [("    found = locked.lookup(0)", lookup("locked")), CHECKED, MISSING]

# By the name of the program that has the fault.
TWINS: dict[str, Refused] = {
    "null-check": Refused([START, FOUND, CHECKED, MISSING, ("    found.value += 1", load(8, 1, 0, 0)), END]),
    "null-arith": Refused([START, FOUND, CHECKED, MISSING, ("    field = found.field", add(0, 8)), END]),
    "null-check record": Refused(
        [START, EVENT, *NO_EVENT, ("    event.value = 1", store_value(8, 0, 0, 1)), SUBMIT, END]
    ),
    "pkt-bounds": Refused(
        [
            START,
            DATA,
            ("    if data + 13 > end:", [copy(5, 2), add(5, 13), insn(0x3D, 3, 5, off=2)]),
            MISSING,
            ("    return data[12]", [load(1, 0, 2, 12), EXIT]),
        ]
    ),
    "pkt-bounds variable": Refused(
        [
            START,
            DATA,
            ("    offset = ctx.rx_queue_index & 0xFFF", [load(4, 4, 6, 16), insn(0x57, 4, imm=0xFFF)]),
            ("    place = data + offset", add_register(2, 4)),
            ("    if place + 1 > end:", [copy(5, 2), add(5, 1), insn(0x3D, 3, 5, off=2)]),
            MISSING,
            ("    return data[offset]", [load(1, 0, 2, 0), EXIT]),
        ]
    ),
    "stale-or-scalar packet": Refused(
        [
            START,
            ("    ctx.adjust_head(4)", [copy(1, 6), mov(2, 4), call(44)]),
            DATA,
            ("    if data + 14 > end:", [copy(5, 2), add(5, 14), insn(0x3D, 3, 5, off=2)]),
            MISSING,
            ("    return data[0]", [load(1, 0, 2, 0), EXIT]),
        ]
    ),
    "stale-or-scalar record": Refused(
        [START, EVENT, *NO_EVENT, ("    event.value = 1", [copy(7, 0), store_value(8, 7, 0, 1)]), SUBMIT, END]
    ),
    "stale-or-scalar socket": Refused(
        [
            START,
            SOCKET,
            ("    if socket is None:", jump(JNE, 0, 0, 2)),
            MISSING,
            ("    mark = socket.mark", load(4, 7, 0, 8)),
            ("    socket.release()", [copy(1, 0), call(86)]),
            ("    return mark", [copy(0, 7), EXIT]),
        ]
    ),
    "map-oob": Refused([START, FOUND, CHECKED, MISSING, ("    return found.values[7]", [load(8, 1, 0, 56)]), END]),
    "map-oob variable": Refused(
        [
            START,
            FOUND,
            CHECKED,
            MISSING,
            INDEX,
            ("    if index >= 64:", jump(JGT, 1, 63, 2)),
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
            ("    index = found.index & 63", [load(8, 1, 0, 0), insn(0x57, 1, imm=63)]),
            ("    found.values[index] = 1", [add_register(0, 1), store_value(1, 0, 0, 1)]),
            END,
        ]
    ),
    "mem-oob": Refused([START, EVENT, *NO_EVENT, ("    event.values[1] = 1", store_value(8, 0, 8, 1)), SUBMIT, END]),
    "uninit-reg": Refused(
        [
            START,
            ("    value = 0", mov(7, 0)),
            ("    if ctx.rx_queue_index:", [load(4, 1, 6, 16), jump(JEQ, 1, 0, 1)]),
            ("        value = 1", mov(7, 1)),
            ("    return value", [copy(0, 7), EXIT]),
        ]
    ),
    "uninit-reg argument": Refused(
        [START, ("    now = ktime_get_ns()", call(5)), ("    return ctx.rx_queue_index", [load(4, 0, 6, 16), EXIT])]
    ),
    "stack-oob": Refused([START, ("    values[0] = 1", store_value(8, 10, -512, 1)), END]),
    "stack-uninit": Refused([START, FOUND, END]),
    "stack-var-write": Refused(
        [
            START,
            ("    values = [0]", store_value(8, 10, -8, 0)),
            ("    index = ctx.rx_queue_index & 7", [load(4, 1, 6, 16), insn(0x57, 1, imm=7)]),
            ("    values[index] = 1", [copy(2, 10), add_register(2, 1), store_value(1, 2, -8, 1)]),
            END,
        ]
    ),
    "stack-depth": Refused(
        [START, ("    large[0] = 1", store_value(8, 10, -304, 1)), ("    callee()", call_function(1)), END],
        functions=[Function("f1", [("def callee():", store_value(8, 10, -160, 1)), END])],
    ),
    "call-depth": Refused(
        [START, ("    f1()", call_function(1)), END],
        functions=[
            Function(f"f{number}", [(f"def f{number}():", call_function(number + 1)), END]) for number in range(1, 7)
        ]
        + [Function("f7", [("def f7():", mov(0, 0)), END])],
    ),
    "infinite-loop": Refused(
        [
            START,
            ("    value = 0", mov(1, 0)),
            ("    while value < 8:", jump(JGE, 1, 8, 2)),
            ("        value += 1", [add(1, 1), insn(0x05, off=-3)]),
            END,
        ]
    ),
    "too-large": Refused(
        [
            START,
            ("    total = 0", [mov(1, 0)]),
            ("    while total < 1 << 12:", jump(JGE, 1, 1 << 12, 2)),
            ("        total += 1", [add(1, 1), insn(0x05, off=-3)]),
            END,
        ]
    ),
    "ref-leak": Refused([START, EVENT, *NO_EVENT, SUBMIT, END]),
    "ref-leak socket": Refused(
        [
            START,
            SOCKET,
            ("    if socket is None:", jump(JNE, 0, 0, 2)),
            MISSING,
            ("    socket.release()", [copy(1, 0), call(86)]),
            END,
        ]
    ),
    "release-offset": Refused(
        [START, EVENT, *NO_EVENT, ("    ring.submit(event)", [add(0, 8), add(0, -8), *SUBMIT[1]]), END]
    ),
    "zero-size": Refused(
        [
            START,
            ("    size = ctx.rx_queue_index", load(4, 4, 6, 16)),
            ("    if size == 0 or size > 8:", [jump(JEQ, 4, 0, 6), jump(JGT, 4, 8, 5)]),
            ("    ctx.load_bytes(0, buffer, size)", [copy(1, 6), mov(2, 0), copy(3, 10), add(3, -8), call(189)]),
            END,
        ]
    ),
    "ret-range": Refused([START, ("    return 1", [mov(0, 1), EXIT])], kind="cgroup_skb"),
    "ret-range computed": Refused(
        [START, ("    return ctx.mark & 1", [load(4, 0, 6, 8), insn(0x57, 0, imm=1), EXIT])], kind="cgroup_skb"
    ),
    "lock-exit": Refused(
        [
            START,
            *LOCKED,
            ("    with found.lock:", [copy(7, 0), copy(1, 0), call(93)]),
            ("        found.count = 1", store_value(4, 7, 4, 1)),
            ("    # unlock", [copy(1, 7), call(94)]),
            END,
        ]
    ),
    "lock-call": Refused(
        [
            START,
            *LOCKED,
            ("    now = ktime_get_ns()", [copy(7, 0), call(5), copy(8, 0)]),
            ("    with found.lock:", [copy(1, 7), call(93)]),
            ("        found.count = now", store(4, 7, 4, 8)),
            ("    # unlock", [copy(1, 7), call(94)]),
            END,
        ]
    ),
    "lock-access": Refused([START, *LOCKED, ("    found.count = 0", store_value(4, 0, 4, 0)), END]),
    "misaligned": Refused([START, ("    pair.second = 1", store_value(8, 10, -16, 1)), END]),
    "fill-size": Refused(
        [START, ("    saved = ctx", store(8, 10, -8, 6)), ("    again = saved", load(8, 1, 10, -8)), END]
    ),
    "div0": Refused([START, ("    value = 1", mov(0, 1)), ("    value //= 2", insn(0x37, 0, imm=2)), END]),
    "shift": Refused([START, ("    value = 1", mov(0, 1)), ("    value <<= 63", insn(0x67, 0, imm=63)), END]),
    "ctx-access": Refused([START, ("    queue = ctx.rx_queue_index", load(4, 0, 6, 16)), END]),
    "arg-type": Refused([START, FOUND, END]),
    "bad-map-kind": Refused(
        [
            START,
            ("    programs.tail_call(ctx, 0)", [copy(1, 6), map_address(2, "tails"), mov(3, 0), call(12)]),
            END,
        ]
    ),
    "unbounded-mem": Refused(
        [
            START,
            FOUND,
            CHECKED,
            MISSING,
            INDEX,
            ("    if index < 64:", [jump(JLT, 1, 64, 2), mov(0, 0), EXIT]),
            ("    found.values[index] = 1", [add_register(0, 1), store_value(1, 0, 0, 1)]),
            END,
        ]
    ),
}
# What they call came after Linux 5.10.
NEWER = {"zero-size"}


@pytest.mark.parametrize("name", TWINS)
def test_nothing_is_found_in_the_twin(name: str) -> None:
    assert found_in(PROGRAMS[name])
    assert found_in(TWINS[name], NEW) == []
    assert name in NEWER or found_in(TWINS[name], OLD) == []


@needs_root("loads programs")
@pytest.mark.parametrize("name", TWINS)
def test_the_kernel_takes_the_twin(name: str) -> None:
    require_kernel((5, 18), "xdp_load_bytes")
    load_refused(TWINS[name])


def test_stacks_are_added_up_behind_loops_too() -> None:
    """Whatever is not certain of the ways behind a loop that was not followed to its end."""
    loop: list[Line] = [
        ("    for rounds in range(100):", [mov(7, 0), mov(8, 0)]),
        ("        total += 3", [add(8, 3), add(7, 1), jump(JLT, 7, 100, -3)]),
        ("    if total == 600: pass", jump(JEQ, 8, 600, 0)),
    ]
    lines: list[Line] = [
        START,
        *loop,
        ("    large[0] = 1", store_value(8, 10, -304, 1)),
        ("    callee()", call_function(1)),
        END,
    ]
    callee = Function("f1", [("def callee():", store_value(8, 10, -304, 1)), END])
    assert shown(found_in(Refused(lines, functions=[callee]))) == [("stack-depth", "error", 8)]


def test_a_look_up_behind_a_long_loop() -> None:
    """What does not depend on the rounds of a loop is certain behind it."""
    loop: list[Line] = [
        ("    for rounds in range(100):", mov(7, 0)),
        ("        pass", [add(7, 1), jump(JLT, 7, 100, -2)]),
    ]
    found = shown(found_in(Refused([START, *loop, FOUND, ("    found.value += 1", load(8, 1, 0, 0)), END])))
    assert found == [("null-check", "error", 5)]


def test_a_loop_whose_bound_is_not_seen() -> None:
    """Its counter goes up, and what is compared is another number: of that kind only is a warning said."""
    lines: list[Line] = [
        START,
        ("    rounds = 0", mov(7, 0)),
        ("    while ktime_get_ns() != 0:", [call(5), jump(JEQ, 0, 0, 2)]),
        ("        rounds += 1", [add(7, 1), insn(0x05, off=-4)]),
        ("    return rounds", [copy(0, 7), EXIT]),
    ]
    assert shown(found_in(Refused(lines))) == [("too-large", "warning", 3)]


def test_an_xdp_program_that_returns_no_action() -> None:
    lines: list[Line] = [START, ("    return 9", [mov(0, 9), EXIT])]
    (finding,) = found_in(Refused(lines))
    assert (finding.name, finding.severity) == ("ret-range", "warning")
    assert finding.what == "the program returns 9, which is none of the actions of its kind"
    assert finding.fix == "return one of XdpAction: ABORTED (0), DROP (1), PASS (2), TX (3), REDIRECT (4)"
