"""Functions of the C library, without the cost of importing `ctypes`: type checkers see the real thing.

`ctypes` is a layer of Python over `_ctypes`; importing it takes three times as long as what it is needed for here.
Functions have no argtypes, which makes a call cost 60 % of one with them: plain ints go as 32 bits, so addresses go as
c_void_p or, what takes least time, as `byref` of what lies there, and bytes go as the address of a C string.
"""

from __future__ import annotations

__all__ = [
    "addressof",
    "byref",
    "c_char",
    "c_void_p",
    "function",
    "get_errno",
    "quick_function",
    "quiet_function",
    "set_errno",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from ctypes import addressof, byref, c_char, c_void_p, get_errno, set_errno

    def function(name: str) -> Callable[..., int]:
        """A function that returns a C int; its errno is the thread's own (`get_errno`)."""

    def quick_function(name: str) -> Callable[..., int]:
        """The same, for calls that end within a microsecond: other threads wait for it."""

    def quiet_function(name: str) -> Callable[..., int]:
        """The same again, which leaves errno (`get_errno`) as it is: what failed, and why, is found out otherwise."""
else:
    from _ctypes import (
        FUNCFLAG_CDECL,
        FUNCFLAG_PYTHONAPI,
        FUNCFLAG_USE_ERRNO,
        CFuncPtr,
        addressof,
        byref,
        dlopen,
        dlsym,
        get_errno,
        set_errno,
    )
    from _ctypes import _SimpleCData as Simple

    class c_char(Simple):
        """A char."""

        _type_ = "c"

    class _Function(CFuncPtr):
        """A function that returns an int, which is what they do unless `_restype_` says."""

        _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO

    class _QuickFunction(CFuncPtr):
        """One that keeps the interpreter's lock: to give it away and take it back costs a tenth of a system call."""

        _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO | FUNCFLAG_PYTHONAPI

    class _QuietFunction(CFuncPtr):
        """One that keeps nobody's errno, which takes its time at each call."""

        _flags_ = FUNCFLAG_CDECL | FUNCFLAG_PYTHONAPI

    _itself = dlopen(None, 0)  # this process, which the C library is part of

    def function(name):
        """A function that returns a C int; its errno is the thread's own (`get_errno`)."""
        return _Function(dlsym(_itself, name))

    def quick_function(name):
        """The same, for calls that end within a microsecond: other threads wait for it."""
        return _QuickFunction(dlsym(_itself, name))

    def quiet_function(name):
        """The same again, which leaves errno (`get_errno`) as it is: what failed, and why, is found out otherwise."""
        return _QuietFunction(dlsym(_itself, name))

    def __getattr__(name):
        if name != "c_void_p":
            raise AttributeError(f"module 'osmia.kernel.libc' has no attribute {name!r}", name=name)

        class c_void_p(Simple):
            """An address."""

            _type_ = "P"

        globals()[name] = c_void_p
        return c_void_p
