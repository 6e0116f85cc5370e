"""Where the bytes of a buffer lie, whether it may be written to or not."""

from __future__ import annotations

import ctypes
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia.maps.backend import Buffer


class _View(ctypes.Structure):
    """What CPython fills in (Py_buffer)."""

    _fields_ = [
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.py_object),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        *((name, ctypes.c_void_p) for name in ("format", "shape", "strides", "suboffsets", "internal")),
    ]


@contextmanager
def held(buffer: Buffer) -> Iterator[int]:
    """The address of a buffer's bytes, which stay there in the block. BufferError if they do not lie in one piece."""
    view = _View()
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(buffer), ctypes.byref(view), 0)
    try:
        yield view.buf or 0
    finally:
        ctypes.pythonapi.PyBuffer_Release(ctypes.byref(view))
