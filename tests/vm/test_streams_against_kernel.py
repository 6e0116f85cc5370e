"""What sockets receive and programs make longer and shorter, over real sockets and in the runtime."""

from __future__ import annotations

import random

from osmia import Array, FixedArray, SkAction, SkSkbContext, SockMap, array, i32, i64, sk_skb, struct, u8, u32, u64
from osmia.testing import Kernel, Vm
from tcp import connection, received
from this_kernel import needs_root, require_kernel

MOST_STEPS, SEEN = 11, 12
NONE, ROOM, TAIL, HEAD, STORE = range(5)
NOT_THERE = 0xEE


@struct
class Step:
    kind: u32 = 0
    size: i32 = 0
    mode: u32 = 0
    flags: u64 = 0


@struct
class Note:
    result: i64 = 0
    size: u32 = 0
    seen: FixedArray[u8] = array(u8, SEEN)


sockets = SockMap(max_entries=1)
steps = Array(Step, max_entries=MOST_STEPS)
notes = Array(Note, max_entries=MOST_STEPS)


@sk_skb("stream_verdict")
def changes(ctx: SkSkbContext) -> SkAction:
    for number in range(MOST_STEPS):
        step, note = steps.lookup(number), notes.lookup(number)
        if step is None or note is None:
            return SkAction.DROP
        if step.kind == NONE:
            return SkAction.PASS
        if step.kind == ROOM:
            note.result = ctx.skb_adjust_room(step.size, step.mode, step.flags)
        elif step.kind == TAIL:
            note.result = ctx.skb_change_tail(u32(step.size), step.flags)
        elif step.kind == HEAD:
            note.result = ctx.skb_change_head(u32(step.size), step.flags)
        else:
            four = array(u8, 4)
            four[0], four[1], four[2], four[3] = 1, 2, 3, 4
            note.result = ctx.skb_store_bytes(u32(step.size), four, step.flags)
        note.size = ctx.len
        seen = array(u8, SEEN)
        there = ctx.skb_load_bytes(0, seen) == 0
        for index in range(SEEN):
            note.seen[index] = seen[index] if there else NOT_THERE
    return SkAction.PASS


def random_steps(seed: int) -> tuple[bytes, list[Step]]:
    numbers = random.Random(seed)
    length = numbers.choice((1, 3, 8, 20, 100, 1000))
    found = []
    for _ in range(numbers.choice((1, 3, 5, 10))):
        kind = numbers.choice((ROOM, ROOM, ROOM, TAIL, TAIL, HEAD, STORE))
        size = numbers.choice((0, 1, 2, length - 1, length, length + 1, 2 * length, 40, 4095, 4096, 16000, -1))
        if kind == ROOM and numbers.random() < 0.7:
            size = numbers.randrange(-length, 9)
        mode, flags = int(numbers.random() < 0.1), int(numbers.random() < 0.05)
        found.append(Step(kind=kind, size=size, mode=mode, flags=flags))
    return bytes(65 + index % 50 for index in range(length)), found


def begin(done: list[Step]) -> None:
    steps.update({number: done[number] if number < len(done) else Step() for number in range(MOST_STEPS)})


def told(done: list[Step]) -> list[tuple[int, int, bytes]]:
    """What the program saw after each step."""
    seen = [notes[number] for number in range(len(done))]
    return [(each.result, each.size, bytes(each.seen)) for each in seen]


@needs_root("loads programs")
def test_what_is_made_longer_and_shorter() -> None:
    require_kernel((5, 13), "sk_skb/stream_verdict without a parser")
    expected = []
    with Vm() as vm:
        changes.load()
        for seed in range(150):
            data, done = random_steps(seed)
            begin(done)
            left = vm.run(changes, data).data
            expected.append((data, done, told(done), left))
    with Kernel():
        changes.load()
        sockets.create()
        for data, done, seen, left in expected:
            if not left:  # nothing comes out of the socket then
                continue
            with connection() as (near, far), changes.attach(sockets):
                sockets[0] = far
                begin(done)
                near.sendall(data)
                assert (received(far, len(left)), told(done)) == (left, seen), (data, done)
