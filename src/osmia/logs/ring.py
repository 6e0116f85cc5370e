"""The ring buffer that all programs of a process log to, and what each object that logs has in its .rodata."""

from __future__ import annotations

from osmia.logs import LEVELS, OBJECT_VARIABLE, RING, log
from osmia.maps.declaration import Absent
from osmia.maps.ring import RingBuf
from osmia.maps.ring_reader import RingReader
from osmia.maps.settings import setting
from osmia.types import u8, u32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osmia.logs.note import LogFormat
    from osmia.maps.settings import Setting


class LogRing(RingBuf["bytes"]):
    """A ring of records that are as long as they say."""

    def _open_source(self) -> RingReader:
        return RingReader(self.backend.ring(), self.subject, 0, None)

    def end(self) -> RingReader:
        """What its records are taken from. NotLoadedError if it is not live."""
        return self._opened()

    def forget(self) -> None:
        """In a forked child: it is the parent's, and so is what wakes who reads it."""
        vars(self).pop("_wake", None)
        self.reached_by = []
        for each in (self, self.losses):
            each._use(Absent(each, "belongs to the process that forked this one"))  # noqa: SLF001


_BYTE: Any = u8
LOG_RING = LogRing(_BYTE, size=log.size, name=RING)
OBJECT: Any = setting(u32, 0, name=OBJECT_VARIABLE)


def switch_of(log_format: LogFormat) -> Setting:
    """Whether a log is on, unless who loads the object says: what is at level INFO and above it is."""
    switch: Any = setting(bool, log_format.level >= LEVELS["info"])
    return switch  # type: ignore[no-any-return]
