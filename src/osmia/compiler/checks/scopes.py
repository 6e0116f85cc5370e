"""What may stand in a `with` block.

The verifier takes no call of the kernel between locking and unlocking, and no tail call past a reserved event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.abi.helpers import called
from osmia.compiler.diagnostics import error
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.walk import nodes, program_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia.compiler.location import Location


def check_scopes(program: ir.Program) -> None:
    """Raise CompileError for a call of the kernel in a locked block, and a tail call in that of an event."""
    for scope in program_nodes(program):
        if isinstance(scope, ir.Scope):
            ends = {each.helper.name for each in nodes(scope.leave) if isinstance(each, ir.HelperCall)}
            if "spin_unlock" in ends:
                _check_locked(scope)
            elif ends & {"ringbuf_submit", "ringbuf_submit_dynptr"}:
                _check_reserved(scope)
            elif any(isinstance(each, ir.Barrier) for each in nodes(scope.leave)):
                _check_reserved(scope)
                _check_calls_no_program(scope)


def _check_reserved(scope: ir.Scope) -> None:
    for call in _calls(scope, "tail_call"):
        raise error(
            "a tail call never comes back to submit the event",
            call.location,
            found=f"tail_call; line {scope.location.line} reserves an event",
            expected="a tail call outside of the block",
            fix="end the block before it",
        )


def _check_calls_no_program(scope: ir.Scope) -> None:
    for call in _calls(scope, "clone_redirect"):
        raise error(
            "the copy may run into another program, which would write to the same ring",
            call.location,
            found=f"clone_redirect; line {scope.location.line} reserves an event of a FastRing",
            expected="a redirection outside of the block",
            fix="end the block before it",
        )


def _calls(scope: ir.Scope, helper: str) -> Iterator[ir.HelperCall]:
    """The calls of a helper in a block."""
    return (each for each in nodes(scope.body) if isinstance(each, ir.HelperCall) and each.helper.name == helper)


def _check_locked(scope: ir.Scope) -> None:
    for each in nodes(scope.body):
        match each:
            case ir.LogSwitch():
                raise _called(scope, "a log", each.location)
            case ir.HelperCall(helper=helper) if helper.name == "spin_lock":
                raise error(
                    "a program can hold one lock at a time",
                    each.location,
                    found=f"a second lock; line {scope.location.line} holds the first",
                    expected="a block that takes no other lock",
                    fix="end the first block before the second one, or guard both values by one lock",
                )
            case ir.HelperCall(helper=helper):
                raise _called(scope, f"a call of {called(helper)}", each.location)
            case ir.Loop(plan=plan, location=location) if plan.form == "bpf_loop":
                raise _called(
                    scope, "a loop that is too long to stand as it is, and becomes a call of bpf_loop", location
                )
            case ir.ForEach(map=map_, location=location):
                raise _called(scope, f"a loop over {map_.symbol}", location)
            case ir.CallFunction(function=function):
                raise _called(scope, f"a call of {function.name}, a function of its own", each.location)
            case ir.MapLookup(map=map_) if map_.scratch:
                raise _called(scope, "scratch memory, which is looked up", each.location)
            case ir.MapLookup(map=map_):
                raise _called(scope, f"a look-up in {map_.symbol}", each.location)
            case ir.MapUpdate(map=map_):
                raise _called(scope, f"an update of {map_.symbol}", each.location)
            case ir.MapDelete(map=map_):
                raise _called(scope, f"a deletion from {map_.symbol}", each.location)


def _called(scope: ir.Scope, what: str, location: Location) -> Exception:
    return error(
        "a locked block cannot call the kernel",
        location,
        found=f"{what}; line {scope.location.line} holds the lock",
        expected="reads, writes and arithmetic alone, until the block ends",
        fix="do it before the block, and keep the result in a local",
    )
