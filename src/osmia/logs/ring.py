"""The ring buffer that all programs of a process log to, and what each object that logs has in its .rodata."""

from __future__ import annotations

from osmia.logs import LEVEL_VARIABLE, LEVELS, OBJECT_VARIABLE, RING, log
from osmia.maps.ring import RingBuf
from osmia.maps.settings import setting
from osmia.types import u8, u32, u64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LOG_RING: RingBuf[Any] = RingBuf(u64, size=log.size, name=RING)
LEVEL: Any = setting(u8, LEVELS["info"], name=LEVEL_VARIABLE)  # type: ignore[type-var]
OBJECT: Any = setting(u32, 0, name=OBJECT_VARIABLE)  # type: ignore[type-var]
