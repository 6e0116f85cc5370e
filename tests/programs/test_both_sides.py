"""One struct, both sides: what kernel code writes is what user code reads, whatever the field is."""

from __future__ import annotations

from contextlib import ExitStack

from osmia import (
    Array,
    Chars,
    FixedArray,
    HashMap,
    LruHashMap,
    PerCpuHashMap,
    SpinLock,
    XdpAction,
    XdpContext,
    array,
    be16,
    be64,
    bits,
    chars,
    i16,
    i32,
    spin_lock,
    struct,
    u8,
    u32,
    u64,
    union,
    xdp,
)
from osmia.kernel.cpus import possible_cpus

CPUS = len(possible_cpus())
PACKET = bytes(60)


@struct
class Inner:
    a: u8 = 0
    b: u32 = 0


@union
class Word:
    whole: u32 = 0
    parts: FixedArray[u8] = array(u8, 4)


@struct
class All:
    lock: SpinLock = spin_lock()
    inner: Inner = Inner()
    inners: FixedArray[Inner] = array(Inner, 2)
    network: be64 = 0
    negative: i16 = 0
    ok: bool = False
    word: Word = Word()
    comm: Chars = chars(8)


@struct(packed=True)
class Packed:
    a: u8
    b: u64
    c: be16


@struct
class Bits:
    low: u8 = bits(3)
    high: u8 = bits(5)
    signed: i32 = bits(9)
    flag: bool = bits(1)


@struct(frozen=True)
class Key:
    port: be16
    number: u32


everything = HashMap(u32, All, max_entries=4)
packed = Array(Packed, max_entries=1)
bit_fields = Array(Bits, max_entries=1)
per_cpu = PerCpuHashMap(u32, Inner, max_entries=4)
recent = LruHashMap(Key, Inner, max_entries=16)


@xdp
def writes(ctx: XdpContext) -> XdpAction:
    found = everything.lookup(1)
    one = packed.lookup(0)
    some = bit_fields.lookup(0)
    mine = per_cpu.lookup(7)
    if found is None or one is None or some is None or mine is None:
        return XdpAction.ABORTED
    found.inner.b = 5
    found.inners[1].a = 6
    found.network = 0x0102030405060708
    found.negative = -3
    found.ok = True
    found.word.whole = 0x01020304
    one.b += 7
    one.c = 0x0102
    some.low = 5
    some.high = 17
    some.signed = -200
    some.flag = True
    mine.b += 1
    recent.update(Key(port=80, number=7), Inner(a=1, b=2))
    if some.signed == -200 and some.high == 17 and found.network == 0x0102030405060708:
        return XdpAction.PASS
    return XdpAction.DROP


def test_what_kernel_code_writes_is_what_user_code_reads() -> None:
    with ExitStack() as stack:
        for each in (writes, everything, packed, bit_fields, per_cpu, recent):
            stack.callback(each.close)
        writes.load()
        everything[1] = All(comm=chars(8, "abc"))
        packed[0] = Packed(a=1, b=2, c=3)
        per_cpu[7] = [Inner(a=9)] * CPUS
        assert writes.test_run(PACKET).action is XdpAction.PASS
        expected = All(
            inner=Inner(b=5),
            inners=array(Inner, 2, [Inner(), Inner(a=6)]),
            network=0x0102030405060708,
            negative=-3,
            ok=True,
            word=Word(whole=0x01020304),
            comm=chars(8, "abc"),
        )
        assert everything[1] == expected
        assert list(everything[1].word.parts) == [4, 3, 2, 1]
        assert packed[0] == Packed(a=1, b=9, c=0x0102)
        assert bit_fields[0] == Bits(low=5, high=17, signed=-200, flag=True)
        assert (per_cpu[7].sum(lambda inner: inner.b), per_cpu[7][0].a) == (1, 9)
        assert dict(recent.items()) == {Key(port=80, number=7): Inner(a=1, b=2)}
