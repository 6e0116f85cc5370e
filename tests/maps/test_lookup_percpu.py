"""`lookup_percpu`: kernel code reads and writes what another CPU has, in all maps with a value for each CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import osmia
from live_maps import live
from osmia import Array, LruPerCpuHashMap, PerCpuArray, PerCpuHashMap, XdpAction, XdpContext, struct, u32, u64, xdp
from osmia.compiler import Target
from osmia.compiler.build import checked_unit, generate
from osmia.kernel.cpus import possible_cpus
from osmia.kernel.features import kernel_version
from this_kernel import require_kernel

if TYPE_CHECKING:
    from osmia import Machine

pytestmark = pytest.mark.usefixtures("engine")

CPUS = len(possible_cpus())


@struct
class Flow:
    packets: u64 = 0


array_ = PerCpuArray(u64, max_entries=2, name="a")
hashed = PerCpuHashMap(u32, Flow, max_entries=2)
recent = LruPerCpuHashMap(u32, u64, max_entries=16)
asked = Array(u32, max_entries=1)


@xdp(on_error=XdpAction.TX)
def move(_ctx: XdpContext) -> XdpAction:
    cpu = asked[0]
    first, flow, last = array_.lookup_percpu(1, cpu), hashed.lookup_percpu(7, cpu), recent.lookup_percpu(7, cpu)
    if first is None or flow is None or last is None:
        return XdpAction.DROP
    first.value += 10
    flow.packets += 20
    last.value += 30
    return XdpAction.PASS


@pytest.mark.parametrize("cpu", ["v1", "v3", "v4"])
def test_a_program_writes_what_another_cpu_has(engine: Machine | None, cpu: str) -> None:
    require_kernel((5, 19), "map_lookup_percpu_elem")
    with osmia.load(move, target=Target(cpu, min((6, 18), kernel_version())), engine=engine) as loaded:
        run = loaded[move].test_run
        assert run(bytes(64)).action is XdpAction.DROP  # the hash maps have no such key
        loaded[hashed][7] = [Flow(packets=index) for index in range(CPUS)]
        loaded[recent][7] = range(CPUS)
        for other in range(CPUS):
            loaded[asked][0] = other
            assert run(bytes(64)).action is XdpAction.PASS
        assert list(loaded[array_][1]) == [10] * CPUS
        assert [flow.packets for flow in loaded[hashed][7]] == [20 + index for index in range(CPUS)]
        assert list(loaded[recent][7]) == [30 + index for index in range(CPUS)]
        loaded[asked][0] = CPUS
        assert run(bytes(64)).action is XdpAction.DROP  # there is no such CPU


def test_an_lru_map_with_a_value_for_each_cpu() -> None:
    held = live(LruPerCpuHashMap(u32, u64, max_entries=8 * CPUS, name="RECENT"))
    assert repr(held) == f"<LruPerCpuHashMap(u32, u64, max_entries={8 * CPUS}) RECENT, live>"
    for key in range(100):
        held[key] = [key] * CPUS
        assert held[key].max() == key
    assert 0 < len(held) <= 8 * CPUS
    assert all(values == (key,) * CPUS for key, values in held.items())
    assert held.pop(99).min() == 99
    held.clear()
    assert len(held) == 0
    held.close()


def test_user_code_reads_another_cpu_by_subscript() -> None:
    wrong: Any = hashed
    for use, text in (
        (lambda: wrong.lookup_percpu(5, 1), "hashed: lookup_percpu() is for kernel code; in user code write m[5][1]"),
        (lambda: array_.lookup_percpu(0, 1), "a: lookup_percpu() is for kernel code; in user code write m[0][1]"),
    ):
        with pytest.raises(TypeError) as caught:
            use()
        assert str(caught.value) == text


def test_objects_for_older_kernels_cannot_ask() -> None:
    unit, _ = checked_unit((move.request,))
    with pytest.raises(osmia.CompileError) as caught:
        generate(unit, Target("v3", (5, 10)))
    assert caught.value.problem == "map_lookup_percpu_elem needs a newer kernel than this is compiled for"
