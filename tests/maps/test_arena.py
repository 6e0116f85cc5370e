"""Arenas: what one side builds the other one follows, by offsets as pointers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import osmia
from osmia import (
    Arena,
    FixedArray,
    Global,
    NotLoadedError,
    XdpAction,
    XdpContext,
    array,
    be16,
    struct,
    u8,
    u32,
    u64,
    xdp,
)
from osmia.compiler import Target
from osmia.compiler.cache import object_for
from refusal import refusal
from this_kernel import require_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia import Machine

pytestmark = pytest.mark.usefixtures("engine")


@struct
class Node:
    value: u64 = 0
    next: u32 = 0
    tags: FixedArray[u8] = array(u8, 4)
    port: be16 = 0


ARENA = Arena(pages=2)
where = Global(u64)
total = Global(u64)


@xdp
def touch(ctx: XdpContext) -> XdpAction:
    node = ARENA.at(Node, where.value)
    if node is None:
        return XdpAction.DROP
    total.value = node.value
    node.value += 5
    node.tags[1] = 9
    node.port = 443
    last = ARENA.at(u64, 8184)
    if last is None:
        return XdpAction.ABORTED
    last.value += 1
    return XdpAction.PASS


@xdp
def push(ctx: XdpContext) -> XdpAction:
    """Put a node before the others: the first 4 bytes are the head, the next 4 how many there are."""
    head, count = ARENA.at(u32, 0), ARENA.at(u32, 4)
    if head is None or count is None:
        return XdpAction.ABORTED
    number = count.value
    count.value = number + 1
    offset = 64 + number * 32
    node = ARENA.at(Node, offset)
    if node is None:
        return XdpAction.DROP
    node.value = len(ctx.packet)
    node.next = head.value
    head.value = offset
    return XdpAction.PASS


@xdp
def add_up(ctx: XdpContext) -> XdpAction:
    """Follow the list."""
    head = ARENA.at(u32, 0)
    if head is None:
        return XdpAction.ABORTED
    sum_ = 0
    at = head.value
    for _ in range(20):
        if at == 0:
            break
        node = ARENA.at(Node, at)
        if node is None:
            return XdpAction.DROP
        sum_ += node.value
        at = node.next
    total.value = sum_
    return XdpAction.PASS


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    require_kernel((6, 9), "arenas")
    yield
    for each in (touch, push, add_up, ARENA, where, total):
        each.close()


def there(offset: int) -> Node:
    node = ARENA.at(Node, offset)
    assert node is not None
    return node


def test_both_sides_read_and_write_in_place() -> None:
    touch.load()
    node = there(16)
    node.value = 100
    where.value = 16
    assert touch.test_run(bytes(64)).action is XdpAction.PASS
    assert (total.value, node.value, list(node.tags), node.port) == (100, 105, [0, 9, 0, 0], 443)
    last = ARENA.at(u64, 8184)
    assert last is not None
    assert last.value == 1
    last.value = 41
    touch.test_run(bytes(64))
    assert (last.value, total.value) == (42, 105)
    assert bytes(ARENA.memory()[16:24]) == (110).to_bytes(8, "little")


@pytest.mark.parametrize("offset", [8192, 8192 - 8, 17, 1 << 32, (1 << 64) - 8, 4])
def test_where_nothing_can_lie(offset: int) -> None:
    touch.load()
    where.value = offset
    assert touch.test_run(bytes(64)).action is XdpAction.DROP
    if offset < 1 << 63:
        assert ARENA.at(Node, offset) is None


def test_a_list_is_built_by_one_side_and_followed_by_the_other() -> None:
    push.load()
    for size in (60, 70, 80):
        assert push.test_run(bytes(size)).action is XdpAction.PASS
    head = ARENA.at(u32, 0)
    assert head is not None
    found, offset = [], head.value
    while offset:
        found.append(there(offset).value)
        offset = there(offset).next
    assert found == [80, 70, 60]
    # User code puts one before them, and takes the middle one out.
    mine = there(4096)
    mine.value, mine.next = 1000, head.value
    there(head.value).next = 64
    head.value = 4096
    assert add_up.test_run(bytes(64)).action is XdpAction.PASS
    assert total.value == 1000 + 80 + 60


def test_independent_arenas(engine: Machine | None) -> None:
    with osmia.load(touch, engine=engine) as one, osmia.load(touch, engine=engine) as other:
        for held, value in ((one, 1), (other, 2)):
            node = held[ARENA].at(Node, 0)
            assert node is not None
            node.value = value
        for held, value in ((one, 1), (other, 2)):
            held[touch].test_run(bytes(64))
            assert held[total].value == value
        assert repr(one[ARENA]) == "<Arena(pages=2) ARENA, live>"
    assert refusal(NotLoadedError, lambda: one[ARENA].at(Node, 0)).startswith("ARENA is closed")


def test_an_object_of_it_is_loaded(engine: Machine | None) -> None:
    data = object_for((touch.request,), Target("v3", (6, 9))).data
    with osmia.load(data, engine=engine) as loaded:
        arena = loaded.maps["ARENA"]
        assert (type(arena), arena.max_entries, arena.flags) == (Arena, 2, 1024)
        node = loaded[ARENA].at(Node, 0)
        assert node is not None
        node.value = 7
        assert loaded["touch"].test_run(bytes(64)).action is XdpAction.PASS
        assert (loaded.globals["total"].value, node.value) == (7, 12)


def test_arenas_that_are_refused() -> None:
    wrong: Any = Arena
    assert refusal(ValueError, lambda: wrong(pages=0, name="A")) == "A: max_entries is 1 to 4294967295, not 0"
    assert refusal(ValueError, lambda: wrong(pages=(1 << 20) + 1, name="A")) == (
        "A: an arena has 1 to 1048576 pages, not 1048577"
    )
    assert refusal(TypeError, lambda: wrong(pages="1", name="A")) == "A: max_entries is an int, not str '1'"
    assert refusal(NotLoadedError, lambda: Arena(pages=1, name="A").at(Node, 0)).startswith("A is not loaded")
    touch.load()
    held: Any = ARENA
    assert refusal(TypeError, lambda: held.at(5, 0)) == "ARENA: at() takes the type of what lies there, not int 5"
    assert refusal(TypeError, lambda: held.at(Node, 1.5)) == "ARENA: an offset is an int, not float 1.5"
    node: Any = held.at(u64, 0)
    assert refusal(TypeError, lambda: setattr(node, "value", "x")) == "ARENA: a value is an int (u64), not str 'x'"
