"""Helpers about the messages that sockets send."""

from __future__ import annotations

import errno

from osmia.abi.generated import helper_ids as ids
from osmia.vm.helpers.packet_bytes import packet_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper


def msg_apply_bytes(run: Execution, _context: int, count: int, *_: int) -> int:
    """Let what the program returns be for so many bytes; the context has it after the run."""
    run.context.extra["apply_bytes"] = count & 0xFFFF_FFFF
    return 0


def msg_cork_bytes(run: Execution, _context: int, count: int, *_: int) -> int:
    """Ask to be run again when there are so many bytes; the context has it after the run."""
    run.context.extra["cork_bytes"] = count & 0xFFFF_FFFF
    return 0


def _message(run: Execution) -> bytes:
    """All of the message, of which the program sees a part."""
    context, packet = run.context, packet_of(run)
    return run.machine.memory.read(packet.start - context.before, context.before + packet.size + context.behind)


def _show(run: Execution, message: bytes, start: int, end: int) -> int:
    """Let the program see a part of a message."""
    context, packet = run.context, packet_of(run)
    packet.replace(message)
    packet.resize(packet.start + start, packet.start + end)
    context.before, context.behind = start, len(message) - end
    return 0


def msg_pull_data(run: Execution, _context: int, start: int, end: int, flags: int, *_: int) -> int:
    """Let the program see a part of the message in one piece."""
    start, end, message = start & 0xFFFF_FFFF, end & 0xFFFF_FFFF, _message(run)
    if flags or end <= start or end > len(message):
        return -errno.EINVAL
    return _show(run, message, start, end)


def msg_push_data(run: Execution, _context: int, start: int, count: int, flags: int, *_: int) -> int:
    """Put zeros into the message. The program sees its first piece then."""
    start, count, message = start & 0xFFFF_FFFF, count & 0xFFFF_FFFF, _message(run)
    if flags or (count and start > len(message)):
        return -errno.EINVAL
    if not count:
        return 0
    return _show(run, message[:start] + bytes(count) + message[start:], 0, start or count)


def msg_pop_data(run: Execution, _context: int, start: int, count: int, flags: int, *_: int) -> int:
    """Take bytes out of the message. The program sees its first piece then."""
    start, count, message = start & 0xFFFF_FFFF, count & 0xFFFF_FFFF, _message(run)
    if flags or (count and (start >= len(message) or start + count > len(message))):
        return -errno.EINVAL
    if not count:
        return 0
    left = message[:start] + message[start + count :]
    return _show(run, left, 0, start or len(left))


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_msg_apply_bytes: msg_apply_bytes,
    ids.BPF_FUNC_msg_cork_bytes: msg_cork_bytes,
    ids.BPF_FUNC_msg_pull_data: msg_pull_data,
    ids.BPF_FUNC_msg_push_data: msg_push_data,
    ids.BPF_FUNC_msg_pop_data: msg_pop_data,
}
