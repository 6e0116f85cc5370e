"""Waiting for events in asyncio."""

from __future__ import annotations

import asyncio
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from osmia.maps.reading import Wait


@contextmanager
def readable(wait: Wait) -> Iterator[Callable[[], Awaitable[None]]]:
    """What waits until there is something to read, or one of the maps was stopped.

    The loop watches descriptors of its own, as it knows one watcher for each, and only meanwhile: what is not read at
    once would keep it busy.
    """
    loop = asyncio.get_running_loop()
    watched = [os.dup(number) for number in wait.descriptors()]

    async def more() -> None:
        pause = wait.pause()
        if pause:
            await asyncio.sleep(pause)
            return
        woken = asyncio.Event()
        for number in watched:
            loop.add_reader(number, woken.set)
        try:
            await woken.wait()
        finally:
            for number in watched:
                loop.remove_reader(number)

    try:
        yield more
    finally:
        for number in watched:
            os.close(number)


async def others() -> None:
    """Let other tasks have their turn."""
    await asyncio.sleep(0)
