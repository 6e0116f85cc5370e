"""Logs of kernel code: `log.info(f"{ip.src:ip} -> {ip.dst:ip}")`, which user code gets by Python's `logging`."""

from __future__ import annotations

import os
import sys

from osmia.errors import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from osmia.logs.reader import LogReader

LEVELS = {"trace": 5, "debug": 10, "info": 20, "warn": 30, "error": 40}
"""What kernel code calls, with the numbers that `logging` has for them; it has none for `trace`."""
NAMES = {**LEVELS, "warning": 30, "off": 255}
"""What `log.level` may be called: at `off` nothing is logged."""
OBJECT_VARIABLE = "osmia_log_object"
"""Of an object that logs, in its .rodata: its number in the process."""
RING = "osmia_log"
"""The ring buffer that all objects of a process write their records to."""
SMALLEST_RING, LARGEST_RING = 4096, 1 << 30
ENVIRONMENT = "OSMIA_LOG_LEVEL"


class LogFunction:
    """A function that kernel code logs with, at one level."""

    __slots__ = ("level", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.level = LEVELS[name]

    def __call__(self, message: object, /) -> None:  # noqa: ARG002 - kernel code's
        """In kernel code: log a message, an f-string as a rule. In user code a TypeError names `logging`."""
        raise TypeError(
            f"log.{self.name}() is for kernel code: in user code write logging.getLogger(__name__).{_in_logging(self)}"
        )

    def __osmia_describe__(self) -> tuple[object, ...]:
        """What the object that is made of it depends on."""
        return "log", self.name

    def __repr__(self) -> str:
        return f"<log.{self.name} of osmia, for kernel code>"


def _in_logging(function: LogFunction) -> str:
    names = {"trace": "log(5, ...)", "warn": "warning(...)"}
    return names.get(function.name, f"{function.name}(...)")


class Log:
    """`log`: what kernel code logs with, and what user code says of it: the level, the ring's size, what was lost."""

    error = LogFunction("error")
    warn = LogFunction("warn")
    info = LogFunction("info")
    debug = LogFunction("debug")
    trace = LogFunction("trace")

    _level: int | None = None
    _size = 1 << 18
    _from_command_line: int | None = None

    @property
    def level(self) -> int:
        """The least level that programs log which are loaded from now on: what is below it costs them nothing.

        INFO (20), unless the environment variable OSMIA_LOG_LEVEL says. It is set by number, or by name: "trace",
        "debug", "info", "warn", "error", "off".
        """
        return level_from_environment() if self._level is None else self._level

    @level.setter
    def level(self, level: int | str) -> None:
        self._level = level_number("log.level", level)

    @property
    def size(self) -> int:
        """How many bytes the ring has that records wait in, 256 KiB unless it is set, to a power of 2.

        RuntimeError where it is set while programs that log are loaded: the ring is there then.
        """
        return self._size

    @size.setter
    def size(self, size: int) -> None:
        if type(size) is not int:
            raise TypeError(f"log.size is an int, not {shown(size)}")
        if not SMALLEST_RING <= size <= LARGEST_RING or size & (size - 1):
            raise ValueError(f"log.size is a power of 2, in bytes, from {SMALLEST_RING} to {LARGEST_RING}, not {size}")
        ring = sys.modules.get("osmia.logs.ring")
        if ring is not None and ring.LOG_RING.live:
            raise RuntimeError("log.size: the ring is there already: set it before a program that logs is loaded")
        self._size = size

    @property
    def lost(self) -> int:
        """How many records nobody got, since the process began: most of them as the ring was full."""
        delivery = sys.modules.get("osmia.logs.delivery")
        return 0 if delivery is None else int(delivery.DELIVERY.lost)

    def records(self) -> LogReader:
        """Read what is logged from now on here, in place of handing it to `logging`: until it is closed.

        It is a context manager, and gives records of `logging` one by one: `for record in log.records():`,
        `async for record in log.records():`, or `read(timeout)`. They end when nothing that logs is loaded or attached
        any more. RuntimeError where another one reads already.
        """
        from osmia.logs.reader import LogReader

        return LogReader()

    def flush(self) -> None:
        """Hand over to `logging` what has been logged by now: that is else done in a thread, a moment later.

        It waits for five seconds at most.
        """
        delivery = sys.modules.get("osmia.logs.delivery")
        if delivery is not None:
            delivery.DELIVERY.flush()

    def __osmia_describe__(self) -> tuple[object, ...]:
        """What the object that is made of it depends on."""
        return ("log",)

    def __setattr__(self, name: str, value: object) -> None:
        if name in LEVELS or not hasattr(type(self), name):
            self._no_attribute(name)
        object.__setattr__(self, name, value)

    def _no_attribute(self, name: str) -> NoReturn:
        raise AttributeError(f"log.{name} cannot be set: set log.level or log.size", name=name, obj=self)

    def __repr__(self) -> str:
        return f"<log of osmia, level {self.level}>"


log = Log()


def chosen_level(given: int | str | None) -> int:
    """The level of what is loaded now: what the command line says, else what is given, else `log.level`."""
    said = log._from_command_line  # noqa: SLF001 - of the class here
    if said is not None:
        return said
    return log.level if given is None else level_number("log_level", given)


def choose_level(level: int) -> None:
    """Let a command line say the level, whatever the program that it runs says."""
    log._from_command_line = level  # noqa: SLF001 - of the class here


def level_number(what: str, level: object) -> int:
    """A level's number. TypeError or ValueError, which names `what`, for what is no level."""
    if isinstance(level, str):
        if level.lower() not in NAMES:
            raise ValueError(f"{what} is one of {', '.join(NAMES)}, or a number from 0 to 255, not {level!r}")
        return NAMES[level.lower()]
    if not isinstance(level, int) or isinstance(level, bool):
        raise TypeError(f"{what} is the name of a level or a number, not {shown(level)}")
    if not 0 <= level <= NAMES["off"]:
        raise ValueError(f"{what} is one of {', '.join(NAMES)}, or a number from 0 to 255, not {level}")
    return int(level)


def level_from_environment() -> int:
    """The level that the environment says, else INFO."""
    said = os.environ.get(ENVIRONMENT)
    if not said:
        return LEVELS["info"]
    return level_number(ENVIRONMENT, int(said) if said.isdecimal() else said)
