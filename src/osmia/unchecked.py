"""The way past the compiler's checks: you say that you know better, and the kernel's verifier is left to judge.

osmia refuses what it cannot prove. Where a proof is beyond it, or a helper is newer than its tables, these functions do
what is asked without one. They exist in kernel code only, and nothing becomes unsafe: the verifier still looks at every
instruction, and refuses the program if it cannot follow. What they cost is the early, clear error; and what the
verifier accepts is right as far as memory goes, not as far as meaning does. Look for a checked way first.
"""

from __future__ import annotations

from osmia.generic import TypeVar, overload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.types import Ref

I = TypeVar("I", bound=int)  # noqa: E741 - the integer that lies there
T = TypeVar("T")

__all__ = ["address", "assume", "call_helper", "memory_at"]


def assume(value: T | None, /) -> T:  # noqa: ARG001 - the parameters are for type checkers alone
    """What may be None, as what it is otherwise, without a check: `assume(table.lookup(key)).packets += 1`.

    Of a map it is a null pointer where there is none, of the packet the place that the packet does not reach.
    """
    raise _kernel_only("assume")


def address(of: object, /) -> int:  # noqa: ARG001
    """Where something lies, as a u64: a struct, an array, a reference, an object of the kernel, a map, the context.

    The verifier keeps knowing what it is the address of. What may be None is checked before, or taken by `assume`.
    """
    raise _kernel_only("address")


@overload
def memory_at(base: object, of: type[I], offset: int = 0, /) -> Ref[I]: ...
@overload
def memory_at(base: object, of: type[T], offset: int = 0, /) -> T: ...
def memory_at(base: object, of: object, offset: int = 0, /) -> object:  # noqa: ARG001
    """What lies `offset` bytes behind something, read as of a type: a struct in place, or a reference to a number.

    `base` is a number that is an address, or anything that `address` takes. Nothing is checked: neither that there is
    so much memory, nor how it is aligned, nor what lies there.
    """
    raise _kernel_only("memory_at")


def call_helper(number: int, /, *arguments: object) -> int:  # noqa: ARG001
    """Call a helper by its number in the kernel's enum bpf_func_id, and give what it returns as an i64.

    `number` is a constant. The up to five arguments are put into the registers in their order, as they are: numbers
    whole, and of all that `address` takes, the address; None is a null pointer. A size or the context is not filled in.
    """
    raise _kernel_only("call_helper")


def _kernel_only(name: str) -> TypeError:
    return TypeError(f"{name}() exists in kernel code only: a program that runs in the kernel calls it")
