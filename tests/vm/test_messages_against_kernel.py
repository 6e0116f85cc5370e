"""Messages that programs cut up and join, over real sockets and in the runtime: what is seen, and what is sent."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from osmia import Array, FixedArray, Machine, SkAction, SkMsgContext, SockMap, array, i64, sk_msg, struct, u8, u32, u64
from osmia.errors import VmError
from osmia.testing import Kernel, Vm
from osmia.vm.message import MOST_PIECES, Message
from tcp import connection, received
from this_kernel import needs_root, require_kernel

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_STEPS, SEEN = 30, 12
NONE, PULL, PUSH, POP = range(4)
NOT_THERE = 0xEE


@struct
class Step:
    kind: u32 = 0
    start: u32 = 0
    count: u32 = 0
    flags: u64 = 0


@struct
class Note:
    result: i64 = 0
    shown: u32 = 0
    size: u32 = 0
    seen: FixedArray[u8] = array(u8, SEEN)


sockets = SockMap(max_entries=1)
steps = Array(Step, max_entries=MOST_STEPS)
notes = Array(Note, max_entries=MOST_STEPS)

Seen = list[tuple[int, int, int, bytes]]


@sk_msg
def changes(ctx: SkMsgContext) -> SkAction:
    for number in range(MOST_STEPS):
        step, note = steps.lookup(number), notes.lookup(number)
        if step is None or note is None:
            return SkAction.DROP
        if step.kind == NONE:
            return SkAction.PASS
        if step.kind == PULL:
            note.result = ctx.msg_pull_data(step.start, step.count, step.flags)
        elif step.kind == PUSH:
            note.result = ctx.msg_push_data(step.start, step.count, step.flags)
        else:
            note.result = ctx.msg_pop_data(step.start, step.count, step.flags)
        note.shown = len(ctx.packet)
        note.size = ctx.size
        for index in range(SEEN):
            byte = ctx.packet.at(u8, index)
            note.seen[index] = byte.value if byte is not None else NOT_THERE
    return SkAction.PASS


def random_steps(seed: int) -> tuple[bytes, list[Step]]:
    """A message, and what is done to it: at its ends, in it, and beyond."""
    numbers = random.Random(seed)
    size = numbers.choice((1, 2, 3, 5, 8, 20, 100))

    def place() -> int:
        return numbers.choice(
            (0, 1, size - 1, size, size + 1, numbers.randrange(size + 3), numbers.randrange(size + 3))
        )

    found = []
    for _ in range(numbers.choice((3, 5, 8, MOST_STEPS - 2))):
        kind, start, flags = numbers.choice((PULL, PUSH, PUSH, PUSH, POP, POP)), place(), int(numbers.random() < 0.03)
        count = start + numbers.randrange(5) if kind == PULL else numbers.choice((0, 1, 2, 3, 5, 7))
        found.append(Step(kind=kind, start=start, count=place() if numbers.random() < 0.2 else count, flags=flags))
    return bytes(65 + index % 50 for index in range(size)), found


def told(message: bytes, done: list[Step], send: Callable[[bytes], bytes]) -> tuple[Seen, bytes]:
    """What the program saw after each step, and what came of the message."""
    steps.update({number: done[number] if number < len(done) else Step() for number in range(MOST_STEPS)})
    sent = send(message)
    seen = [notes[number] for number in range(len(done))]
    return [(each.result, each.shown, each.size, bytes(each.seen)) for each in seen], sent


def alike(kernels: bytes, runtimes: bytes) -> bool:
    """But for what nobody has written: zeros in the runtime, and anything in the kernel."""
    return len(kernels) == len(runtimes) and all(
        runtime in (kernel, 0) for kernel, runtime in zip(kernels, runtimes, strict=True)
    )


@needs_root("loads programs")
def test_what_is_cut_up_and_joined() -> None:
    require_kernel((6, 1), "a msg_push_data that leaves the bytes behind as they are")
    cases = [random_steps(seed) for seed in range(200)]
    with Vm(allow_uninitialised=True) as vm:
        changes.load()
        in_runtime = [told(*case, lambda message: vm.run(changes, message).data) for case in cases]
    with Kernel():
        changes.load()
        sockets.create()
        for case, (seen, sent) in zip(cases, in_runtime, strict=True):
            if not sent:  # the kernel sends nothing then
                continue
            with connection() as (near, far), changes.attach(sockets):
                sockets[0] = near

                def send(message: bytes, size: int = len(sent)) -> bytes:
                    near.sendall(message)
                    return received(far, size)

                kernels, received_then = told(*case, send)
            assert [each[:3] for each in kernels] == [each[:3] for each in seen], case
            assert all(alike(one[3], other[3]) for one, other in zip(kernels, seen, strict=True)), case
            assert alike(received_then, sent), case


def test_what_nobody_has_written() -> None:
    """It may be written, and is not read before."""
    push = Step(kind=PUSH, start=1, count=2)
    with Machine() as machine:
        changes.load()
        steps[0] = push
        assert machine.run(changes, b"hello").data == b"h\0\0ello"
        steps[1] = Step(kind=PULL, start=0, count=4)
        with pytest.raises(VmError, match="at offset 1 of the packet, which has 4 bytes: it was never written"):
            machine.run(changes, b"hello")


def test_as_much_as_the_kernel_can_put_there() -> None:
    with Machine(allow_uninitialised=True) as machine:
        changes.load()
        steps[0] = Step(kind=PUSH, start=0, count=0xFFFF_FFFF)
        assert machine.run(changes, b"hello").data == b"hello"
        assert notes[0].result == -12  # ENOMEM


def test_there_are_no_more_pieces_than_the_kernel_has() -> None:
    message = Message(bytes(100))
    for place in range(10, 100, 2):
        message.push(place, 1)
    assert len(message._pieces) == MOST_PIECES
