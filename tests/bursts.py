"""Many packets at once by sendmmsg(2): faster than a test that sends each by itself could be."""

from __future__ import annotations

import ctypes
import errno
import os
import socket

_libc = ctypes.CDLL(None, use_errno=True)
_MOST = 64
_SOL_PACKET, _PACKET_QDISC_BYPASS = 263, 20


class _Piece(ctypes.Structure):
    _fields_ = (("base", ctypes.c_char_p), ("length", ctypes.c_size_t))


class _Message(ctypes.Structure):
    """struct mmsghdr."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("pieces", ctypes.POINTER(_Piece)),
        ("count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("sent", ctypes.c_uint),
    )


class Sender:
    """Sends one frame again and again by an interface of this network namespace."""

    def __init__(self, interface: str, frame: bytes) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_QDISC_BYPASS, 1)
        self._socket.bind((interface, 0))
        self._frame = ctypes.create_string_buffer(frame, len(frame))
        self._piece = _Piece(ctypes.cast(self._frame, ctypes.c_char_p), len(frame))
        self._messages = (_Message * _MOST)()
        for message in self._messages:
            message.pieces, message.count = ctypes.pointer(self._piece), 1

    def send(self, count: int) -> None:
        """Send the frame so many times; where the far end has no room, try again."""
        left = count
        while left:
            sent = _libc.sendmmsg(self._socket.fileno(), self._messages, min(left, _MOST), 0)
            if sent < 0 and ctypes.get_errno() != errno.ENOBUFS:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            left -= max(sent, 0)

    def close(self) -> None:
        self._socket.close()
