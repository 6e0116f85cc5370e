"""What a program has taken and has to give back before it ends: sockets that it looked up, records of rings."""

from __future__ import annotations

from osmia.record import record
from osmia.vm.faults import fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia.vm.code import Code
    from osmia.vm.execution import Execution


@record
class Reference:
    """One thing that was taken."""

    what: str
    """`the socket`."""
    given_back_by: str
    """What gives it back: `sk_release()`."""
    code: Code
    slot: int
    """The call that took it."""
    drop: Callable[[], None]
    """Give it back, whatever the program did."""


def take(run: Execution, address: int, what: str, given_back_by: str, drop: Callable[[], None]) -> None:
    """Take down what a helper gives the program, where it is called now."""
    run.references[address] = Reference(what, given_back_by, run.code, run.slot, drop)


def give_back(run: Execution, address: int) -> bool:
    """Whether something was taken by this address; it is given back."""
    found = run.references.pop(address, None)
    if found is not None:
        found.drop()
    return found is not None


def check_all_given_back(run: Execution) -> None:
    """VmError, at the call that took it, for what the program still has at its end."""
    for each in run.references.values():
        raise fault(
            run,
            each.code,
            each.slot,
            "leak",
            f"{each.what} that is taken here is not given back by all ways to the end",
            fix=f"call {each.given_back_by} on every way out",
        )


def drop_all(run: Execution) -> None:
    """Give back what a program that has ended still has."""
    for each in run.references.values():
        each.drop()
    run.references.clear()
