"""What a log may be made of: values that are found without changing anything, since below its level they are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.abi.helpers import called
from osmia.compiler.diagnostics import error
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.walk import nodes

if TYPE_CHECKING:
    from osmia.abi.helper_row import HelperRow
    from osmia.compiler.frontend.function import FunctionState

# Helpers that only ask the kernel, by how their names begin.
ASKING = ("get_", "ktime_get_", "jiffies64", "csum_diff", "map_lookup_", "sk_cgroup_id", "skb_cgroup_", "skb_under_")

# Helpers that change nothing but the memory that they read into.
READING = "probe_read_"


def check_effects(state: FunctionState, value: ir.Expression) -> None:
    """Raise CompileError for a value that changes something when it is found."""
    inside = tuple(nodes((ir.Evaluate(value.location, value),)))
    outer = _locals(state)
    made = {each.local for each in inside if isinstance(each, ir.Assign) and isinstance(each.value, ir.Construct)}
    for each in inside:
        what = _effect(each, outer, made)
        if what:
            raise error(
                "a log changes nothing",
                each.location if each.location.file == value.location.file else value.location,
                found=f"{what}, which would be done where the log's level is on alone",
                expected="values that are read, and arithmetic with them",
                fix="do it before the log, and keep the result in a local",
            )


def _effect(of: ir.Statement | ir.Expression, outer: set[ir.Local], made: set[ir.Local]) -> str:
    """What a node changes; empty where that is nothing."""
    match of:
        case ir.Assign(local=local) | ir.AssignExpression(local=local) if local in outer:
            return f"an assignment to {local.name!r}"
        case ir.Store(place=place) | ir.Copy(place=place) | ir.Fill(place=place) if _root(place) not in made:
            return "a store into memory"
        case ir.ForEach(helper=helper, map=map_) if helper.name != "for_each_map_elem":
            return f"a change of {map_.symbol}"
        case ir.MapUpdate(map=map_) | ir.MapDelete(map=map_):
            return f"a change of {map_.symbol}"
        case ir.Atomic() | ir.ContextStore():
            return "a store into memory"
        case ir.RawCall(number=number):
            return f"a call of helper {number}"
        case ir.CallFunction(function=function):
            return f"a call of {function.name}, a function of its own"
        case ir.HelperCall(helper=helper, arguments=(ir.Field() | ir.LocalRead() as into, *_)) if (
            helper.name.startswith(READING) and _root(into) in made
        ):
            return ""
        case ir.HelperCall(helper=helper, arguments=arguments) if _changes(helper):
            maps = [each.symbol for each in arguments if isinstance(each, ir.MapReference)]
            return f"a change of {maps[0]}" if maps else f"a call of {called(helper)}"
        case _:
            return ""


def _changes(row: HelperRow) -> bool:
    """Whether a helper may do something besides giving a result."""
    writes = any(each.access in ("write", "both") or each.releases for each in row.arguments)
    return writes or not row.name.startswith(ASKING)


def _root(place: ir.Expression) -> ir.Local | None:
    """The local by which a place is reached; None where it is reached in another way."""
    match place:
        case ir.LocalRead(local=local):
            return local
        case ir.Field(base=base) | ir.Element(base=base):
            return _root(base)
        case ir.Sequence(value=value):
            return _root(value)
        case _:
            return None


def _locals(state: FunctionState) -> set[ir.Local]:
    """The locals of the function and of those around it."""
    found = set(state.locals.values())
    return found if state.around is None else found | _locals(state.around)
