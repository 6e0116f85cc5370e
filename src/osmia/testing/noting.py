"""A run in the runtime that notes where it comes to what kernels are known to get wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.abi import instruction as isa
from osmia.abi.generated import helper_ids as ids
from osmia.testing.divergences import EXCHANGE, FETCH, TAIL
from osmia.vm.interpreter import Function, Interpreter

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia.testing.divergences import Divergence
    from osmia.vm.code import Slot
    from osmia.vm.execution import Execution
    from osmia.vm.machine import Machine

HEADROOM = 64
"""NET_SKB_PAD: what the kernel's test run leaves before a packet."""
_UNSET = 1
"""A transport header that was never set is at -1 of 16 bits, and moves with the packet's memory."""
_GROWING = (
    ids.BPF_FUNC_skb_change_head,
    ids.BPF_FUNC_skb_adjust_room,
    ids.BPF_FUNC_skb_change_proto,
    ids.BPF_FUNC_skb_vlan_push,
    ids.BPF_FUNC_skb_vlan_pop,
)
"""Helpers that put something before a packet, or take it away."""


class Noting(Interpreter):
    """The reference engine, which notes what it comes by."""

    def __init__(self, machine: Machine) -> None:
        """Become the engine of a machine."""
        super().__init__(_Noted)
        self.noted: dict[Divergence, None] = {}
        """What it has come by so far, in its order."""
        self._run: Execution | None = None
        self._put = 0
        machine.engine = self
        for number in _GROWING:
            machine.helpers[number] = self._grows(machine.helpers[number])
        machine.helpers[ids.BPF_FUNC_skb_change_tail] = self._cuts(machine.helpers[ids.BPF_FUNC_skb_change_tail])

    def _grows(self, helper: Callable[..., int]) -> Callable[..., int]:
        """A helper, by which it is counted what was put before the packet in a run."""

        def call(run: Execution, *arguments: int) -> int:
            before = _size(run)
            result = helper(run, *arguments)
            self._put = (self._put if self._run is run else 0) + _size(run) - before
            self._run = run
            return result

        return call

    def _cuts(self, helper: Callable[..., int]) -> Callable[..., int]:
        """skb_change_tail, which notes a length that is refused here, and taken there."""

        def call(run: Execution, context: int, size: int, *rest: int) -> int:
            least = self._put - HEADROOM - _UNSET if self._run is run else 0
            if least > 0 and least <= size & 0xFFFF_FFFF < run.context.network:
                self.noted[TAIL] = None
            return helper(run, context, size, *rest)

        return call


class _Noted(Function):
    """A function that runs, and whose atomic operations are looked at."""

    def atomic(self, opcode: int, of: Slot) -> None:
        """An atomic operation."""
        _, destination, _, offset, operation = of
        held, base = self.registers[0] or 0, self.registers[destination] or 0
        super().atomic(opcode, of)
        engine, machine = self.execution.engine, self.execution.machine
        assert isinstance(engine, Noting), "it makes these functions"
        if operation & isa.FETCH and machine.on_stack(base + offset):
            engine.noted[FETCH] = None
        exchanged = operation == isa.CMPXCHG and opcode & 0x18 == isa.W and self.registers[0] == held & 0xFFFF_FFFF
        if exchanged and held >> 32:
            engine.noted[EXCHANGE] = None


def _size(run: Execution) -> int:
    return 0 if run.context.packet is None else run.context.packet.size
