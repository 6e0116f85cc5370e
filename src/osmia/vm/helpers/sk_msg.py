"""Helpers about the messages that sockets send."""

from __future__ import annotations

import errno

from osmia.abi.generated import helper_ids as ids
from osmia.vm.helpers.packet_bytes import packet_of
from osmia.vm.message import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper

MOST_AT_ONCE = 1 << 22
"""What the kernel's allocator gives at once, of pages of 4 KiB."""


def msg_apply_bytes(run: Execution, _context: int, count: int, *_: int) -> int:
    """Let what the program returns be for so many bytes; the context has it after the run."""
    run.context.extra["apply_bytes"] = count & 0xFFFF_FFFF
    return 0


def msg_cork_bytes(run: Execution, _context: int, count: int, *_: int) -> int:
    """Ask to be run again when there are so many bytes; the context has it after the run."""
    run.context.extra["cork_bytes"] = count & 0xFFFF_FFFF
    return 0


def _message(run: Execution) -> Message:
    """The message of the run; it is one piece until the program changes it."""
    context, packet = run.context, packet_of(run)
    if context.message is None:
        context.message = Message(packet.data)
    else:
        context.message.see(context.before, packet.data, packet.unwritten)
    return context.message


def _show(run: Execution, start: int, end: int) -> int:
    """Let the program see a part of its message."""
    context, packet, message = run.context, packet_of(run), _of(run)
    packet.replace(bytes(message.data))
    packet.resize(packet.start + start, packet.start + end)
    if not run.machine.allow_uninitialised:
        packet.leave_unwritten(0, bytes(message.unwritten[start:end]))
    context.before, context.behind = start, len(message.data) - end
    return 0


def _of(run: Execution) -> Message:
    assert run.context.message is not None, "a helper has made it"
    return run.context.message


def msg_pull_data(run: Execution, _context: int, start: int, end: int, flags: int, *_: int) -> int:
    """Let the program see a part of the message in one piece."""
    start, end, message = start & 0xFFFF_FFFF, end & 0xFFFF_FFFF, _message(run)
    if flags or end <= start or end > len(message.data):
        return -errno.EINVAL
    message.pull(start, end)
    return _show(run, start, end)


def msg_push_data(run: Execution, _context: int, start: int, count: int, flags: int, *_: int) -> int:
    """Put bytes into the message that nobody has written. The program sees its first piece then."""
    start, count, message = start & 0xFFFF_FFFF, count & 0xFFFF_FFFF, _message(run)
    if flags or (count and start > len(message.data)):
        return -errno.EINVAL
    if count > MOST_AT_ONCE:
        return -errno.ENOMEM
    if not count:
        return 0
    message.push(start, count)
    return _show(run, 0, message.first)


def msg_pop_data(run: Execution, _context: int, start: int, count: int, flags: int, *_: int) -> int:
    """Take bytes out of the message. The program sees its first piece then."""
    start, count, message = start & 0xFFFF_FFFF, count & 0xFFFF_FFFF, _message(run)
    if flags or (count and (start >= len(message.data) or start + count > len(message.data))):
        return -errno.EINVAL
    if not count:
        return 0
    message.pop(start, count)
    return _show(run, 0, message.first)


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_msg_apply_bytes: msg_apply_bytes,
    ids.BPF_FUNC_msg_cork_bytes: msg_cork_bytes,
    ids.BPF_FUNC_msg_pull_data: msg_pull_data,
    ids.BPF_FUNC_msg_push_data: msg_push_data,
    ids.BPF_FUNC_msg_pop_data: msg_pop_data,
}
