"""What declarations and classes take is what the rows of the table say: flags, sizes, operations."""

from __future__ import annotations

from typing import Any

import pytest

from live_maps import kernel_map, live
from osmia import (
    Array,
    BloomFilter,
    FixedArray,
    HashMap,
    LpmTrie,
    LruHashMap,
    LruPerCpuHashMap,
    PerCpuArray,
    PerCpuHashMap,
    Queue,
    Stack,
    XdpAction,
    XdpContext,
    array,
    be32,
    struct,
    u8,
    u32,
    u64,
    xdp,
)
from osmia.compiler.build import checked_unit
from osmia.errors import CompileError, with_article
from osmia.flags import (
    BPF_F_MMAPABLE,
    BPF_F_NO_COMMON_LRU,
    BPF_F_NO_PREALLOC,
    BPF_F_RDONLY,
    BPF_F_RDONLY_PROG,
    BPF_F_WRONLY,
    BPF_F_WRONLY_PROG,
    BPF_F_ZERO_SEED,
)
from osmia.maps.flag_refusal import names
from osmia.maps.table import MAP_KINDS
from refusal import refusal

DECLARE: dict[str, Any] = {
    "HashMap": lambda flags: HashMap(u32, u64, max_entries=4, name="M", flags=flags),
    "LruHashMap": lambda flags: LruHashMap(u32, u64, max_entries=4, name="M", flags=flags),
    "PerCpuHashMap": lambda flags: PerCpuHashMap(u32, u64, max_entries=4, name="M", flags=flags),
    "LruPerCpuHashMap": lambda flags: LruPerCpuHashMap(u32, u64, max_entries=4, name="M", flags=flags),
    "Array": lambda flags: Array(u64, max_entries=4, name="M", flags=flags),
    "PerCpuArray": lambda flags: PerCpuArray(u64, max_entries=4, name="M", flags=flags),
    "LpmTrie": lambda flags: LpmTrie(be32, u64, max_entries=4, name="M", flags=flags),
    "Queue": lambda flags: Queue(u32, max_entries=4, name="M", flags=flags),
    "Stack": lambda flags: Stack(u32, max_entries=4, name="M", flags=flags),
    "BloomFilter": lambda flags: BloomFilter(u32, max_entries=4, name="M", flags=flags),
}


@pytest.mark.parametrize("name", DECLARE)
@pytest.mark.usefixtures("engine")
def test_each_flag_of_a_row_is_taken_by_the_kernel_and_every_other_is_refused(name: str) -> None:
    row = MAP_KINDS[name]
    for place in range(32):
        flag = 1 << place
        if row.flags & flag:
            made = DECLARE[name](flag)
            assert made.flags == flag | row.required_flags
            live(made).close()
        else:
            text = refusal(ValueError, lambda flag=flag: DECLARE[name](flag))
            assert text.startswith(f"M: the flag {names(flag)} ")
            assert text.endswith(f"; {with_article(name)} takes {names(row.flags)}")


def test_a_flag_is_refused_with_who_takes_it() -> None:
    assert refusal(ValueError, lambda: DECLARE["LruHashMap"](BPF_F_NO_PREALLOC)) == (
        "M: the flag BPF_F_NO_PREALLOC is for HashMap, PerCpuHashMap, LpmTrie, HashOfMaps, SkStorage, InodeStorage, "
        "TaskStorage, CgrpStorage; an LruHashMap takes BPF_F_NO_COMMON_LRU, BPF_F_RDONLY, BPF_F_WRONLY, "
        "BPF_F_ZERO_SEED, BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG"
    )
    assert refusal(ValueError, lambda: DECLARE["HashMap"](1 << 20)) == (
        "M: the flag 0x100000 is none that osmia's maps take; a HashMap takes BPF_F_NO_PREALLOC, BPF_F_RDONLY, "
        "BPF_F_WRONLY, BPF_F_ZERO_SEED, BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG"
    )
    assert refusal(ValueError, lambda: DECLARE["HashMap"](BPF_F_MMAPABLE)).startswith(
        "M: the flag BPF_F_MMAPABLE is for Array, Arena; a HashMap takes "
    )
    assert DECLARE["LruHashMap"](BPF_F_NO_COMMON_LRU | BPF_F_ZERO_SEED).flags == BPF_F_NO_COMMON_LRU | BPF_F_ZERO_SEED
    for one, other, text in (
        (BPF_F_RDONLY, BPF_F_WRONLY, "BPF_F_RDONLY and BPF_F_WRONLY"),
        (BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG, "BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG"),
    ):
        assert refusal(ValueError, lambda one=one, other=other: DECLARE["HashMap"](one | other)) == (
            f"M: the flags {text} contradict each other: give one, or neither"
        )


def test_values_that_are_too_large_for_each_cpu() -> None:
    @struct
    class Fits:
        data: FixedArray[u8] = array(u8, 32768)

    @struct
    class TooLarge:
        data: FixedArray[u8] = array(u8, 32769)

    for of in (PerCpuArray, PerCpuHashMap, LruPerCpuHashMap):
        key: tuple[Any, ...] = () if of is PerCpuArray else (u32,)
        made: Any = of
        kernel_map(made(*key, Fits, max_entries=4, name="M")).close()
        assert refusal(ValueError, lambda made=made, key=key: made(*key, TooLarge, max_entries=4, name="M")) == (
            f"M: a value of {with_article(of.__name__)} has 32768 bytes at most, as the kernel keeps one for each CPU, "
            "and TooLarge has 32769"
        )


@pytest.mark.parametrize("name", MAP_KINDS)
def test_the_article_of_each_class(name: str) -> None:
    with_an = {
        "Array", "ArrayOfMaps", "Arena", "InodeStorage", "InsnArray", "LpmTrie", "LruHashMap", "LruPerCpuHashMap",
        "SkStorage", "XskMap",
    }  # fmt: skip
    assert with_article(name) == f"{'an' if name in with_an else 'a'} {name}"


def test_the_article_of_other_names() -> None:
    names = ("XdpAction", "SkAction", "AF_XDP socket", "array(u8, 4)", "i32", "interface", "u32", "union", "UserError")
    assert [with_article(name).split(" ")[0] for name in names] == ["an"] * 6 + ["a"] * 3


def test_too_few_and_too_many_entries() -> None:
    wrong: Any = HashMap
    for entries in (0, -1, 1 << 32):
        assert refusal(ValueError, lambda entries=entries: wrong(u32, u64, max_entries=entries, name="M")) == (
            f"M: max_entries is 1 to 4294967295, not {entries}"
        )


@pytest.mark.parametrize("name", DECLARE)
def test_a_class_has_what_its_row_says_and_says_so_of_the_rest(name: str) -> None:
    row, made = MAP_KINDS[name], DECLARE[name](0)
    there = dict.fromkeys((*row.kernel_operations, *row.user_operations))
    for operation in there:
        assert callable(getattr(made, operation)), operation
    operations = f"it has {', '.join(row.user_operations)}" if row.user_operations else "it has none"
    others = {
        each for other in MAP_KINDS.values() for each in (*other.kernel_operations, *other.user_operations)
    } - set(there)
    for operation in others:
        assert refusal(AttributeError, lambda operation=operation: getattr(made, operation)) == (
            f"M: {name} has no operation {operation!r} in user code; {operations}"
        )


def test_what_user_code_and_kernel_code_have_is_said_of_each() -> None:
    jobs = Queue(u32, max_entries=4, name="jobs")

    @xdp
    def program(_ctx: XdpContext) -> XdpAction:
        jobs.delete(1)  # type: ignore[attr-defined]
        return XdpAction.PASS

    with pytest.raises(CompileError) as caught:
        checked_unit((program.request,))
    assert caught.value.problem == "Queue has no operation 'delete' in kernel code"
    assert refusal(AttributeError, lambda: jobs.delete(1)) == (  # type: ignore[attr-defined]
        "jobs: Queue has no operation 'delete' in user code; it has push, pop, peek"
    )
