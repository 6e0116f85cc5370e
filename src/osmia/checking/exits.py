"""What must be right where a program, or a function that a helper calls, ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.checking import values as v
from osmia.checking.ranges import between, number, within

if TYPE_CHECKING:
    from osmia.checking.run import Run
    from osmia.checking.states import Held, State

# Kinds whose results the verifier checks: the least and the largest.
_CHECKED = {"cgroup_skb": (0, 1), "cgroup_sock": (0, 1), "sock_ops": (0, 1), "sk_lookup": (0, 1)}
_EGRESS = (0, 3)


def check_exit(run: Run, state: State) -> None:
    """The program ends: with a result that its kind takes, and with nothing left that it holds."""
    slot = run.code.leaves_from(state.at, state.jump)
    if state.lock is not None:
        run.fault("lock-exit", slot, sure=state.sure, origin=state.lock)
    _check_held(run, slot, state, list(state.held.values()))
    result = state.registers[0]
    if result.kind == v.UNSET:
        run.fault("uninit-reg", slot, sure=result.sure, fix=_NO_RESULT_FIX, what=_NO_RESULT)
        return
    _check_result(run, slot, state)


_NO_RESULT = "the program ends without a result on this way"
_NO_RESULT_FIX = "return a value at the end of every way"


def _check_held(run: Run, slot: int, state: State, held: list[Held]) -> None:
    for each in held:
        run.fault("ref-leak", slot, sure=state.sure, origin=each.slot)


def _check_result(run: Run, slot: int, state: State) -> None:
    result = state.registers[0]
    limits = _limits(run)
    if limits is None:
        _check_action(run, slot, state)
        return
    if result.kind == v.ANYTHING:
        return
    least, most = limits
    if result.kind != v.NUMBER or not least <= result.range.vmin <= result.range.vmax <= most:
        shown = f"[{least}, {most}]"
        found = _shown(result)
        run.fault("ret-range", slot, sure=result.sure, why=(f"found: {found}",), groups={"allowed": shown})


def _shown(result: v.Value) -> str:
    if result.kind != v.NUMBER:
        return f"an address ({result.kind})"
    low, high = result.range.vmin, result.range.vmax
    return str(low) if low == high else f"{low} to {high}"


def _limits(run: Run) -> tuple[int, int] | None:
    if run.kind.name == "cgroup_skb" and run.hook == "egress":
        return _EGRESS
    return _CHECKED.get(run.kind.name)


def _check_action(run: Run, slot: int, state: State) -> None:
    """A constant that is none of the kind's actions: the kernel takes it, and drops the packet with a warning."""
    result = state.registers[0]
    if run.kind.name != "xdp" or result.kind != v.NUMBER or not result.range.constant or not result.sure:
        return
    actions = [int(action) for action in run.kind.returns_at(run.hook)]
    if result.range.wmin not in actions:
        run.warn(
            "ret-range",
            slot,
            what=f"the program returns {result.range.vmin}, which is none of the actions of its kind",
            fix=f"return one of {run.kind.action_class}: "
            + ", ".join(f"{action.name} ({int(action)})" for action in run.kind.returns_at(run.hook)),
        )


def check_callback_exit(run: Run, state: State) -> None:
    """A function that a helper calls gives 0 to go on and 1 to end, and holds nothing that it took itself."""
    depth = len(state.frames) - 1
    slot = run.code.leaves_from(state.at, state.jump)
    _check_held(run, slot, state, [each for each in state.held.values() if each.frame >= depth])
    result = state.registers[0]
    if result.kind == v.UNSET:
        run.fault("uninit-reg", slot, sure=result.sure, fix=_NO_RESULT_FIX, what=_NO_RESULT)
    elif result.kind == v.NUMBER and not within(result.range, between(0, 1)) and result.range != number(0):
        run.fault("ret-range", slot, sure=result.sure, groups={"allowed": "[0, 1]"})
