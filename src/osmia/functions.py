"""`@func`: how a function that programs call becomes part of them.

A plain function needs no decorator: it is written out where it is called. `@func(inline=False)` makes it a function of
its own in the object, `@func(global_=True)` one that the verifier looks at once, by its annotations alone.
"""

from __future__ import annotations

from osmia.generic import Generic, ParamSpec, TypeVar, overload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

P = ParamSpec("P")
R = TypeVar("R")


class Function(Generic[P, R]):
    """A function that programs call. User code can call it too: it runs in Python then."""

    def __init__(self, function: Callable[P, R], *, inline: bool, global_: bool) -> None:
        self.function = function
        """The Python function."""
        self.inline = inline
        """Whether it is written out where it is called."""
        self.global_ = global_
        """Whether the verifier looks at it once, for all calls."""
        self.__name__ = getattr(function, "__name__", "")
        self.__doc__ = function.__doc__
        self.__wrapped__ = function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it in Python."""
        return self.function(*args, **kwargs)

    def __osmia_describe__(self) -> tuple[object, ...]:
        """What the object that is made of it depends on, beside its code."""
        return "func", self.inline, self.global_

    def __repr__(self) -> str:
        return f"<func {self.__name__}>"


@overload
def func(function: Callable[P, R], /) -> Function[P, R]: ...
@overload
def func(*, inline: bool = ..., global_: bool = ...) -> Callable[[Callable[P, R]], Function[P, R]]: ...
def func(function: Any = None, /, *, inline: bool = True, global_: bool = False) -> Any:
    """Say how a function that programs call is compiled.

    Written out where it is called, as a function without `@func` is; `inline=False` keeps one copy, which every call
    shares; `global_=True` does so too, and the verifier looks at it once instead of once for each call (since Linux
    5.6): it knows of the arguments what the annotations say, and no more.
    """
    if function is None:
        return lambda decorated: func_of(decorated, inline=inline and not global_, global_=global_)
    return func_of(function, inline=inline and not global_, global_=global_)


def func_of(function: Any, *, inline: bool, global_: bool) -> Function[Any, Any]:
    """The declaration, refused for what is no plain function."""
    if type(function).__name__ != "function":
        raise TypeError(f"@func is put on a plain function, not on {type(function).__name__} {function!r}")
    return Function(function, inline=inline, global_=global_)
