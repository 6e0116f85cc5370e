"""What each kind of program is called with, and what it returns."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def kernel_only(name: str) -> TypeError:
    """The error of a helper that user code calls."""
    return TypeError(f"{name}() exists in kernel code only: a program that runs in the kernel calls it")


def kernel_only_field(name: str) -> TypeError:
    """The error of a field of a context that user code reads or writes."""
    return TypeError(f"the field {name} of a context exists in kernel code only: a program in the kernel reads it")


def helpers_later(mixin: str) -> type:
    """Stand in for a class of contexts.generated.helpers, which is read when one of its methods is asked for.

    A process that loads and attaches never asks.
    """

    def __getattr__(self: object, name: str) -> Callable[..., object]:  # noqa: N807 - it becomes a method
        if not name.startswith("_"):
            from osmia.contexts.generated import helpers  # noqa: PLC0415 - start-up time is a contract

            found = getattr(getattr(helpers, mixin), name, None)
            if found is not None:
                helper: Callable[..., object] = found.__get__(self)
                return helper
        raise AttributeError(f"{type(self).__name__} has no field and no helper '{name}'")

    return type(mixin, (), {"__doc__": "The helpers of a context.", "__getattr__": __getattr__})
