"""Tail calls that go nowhere: where there is a program, engines go on to it by themselves."""

from __future__ import annotations

import errno

from osmia.abi.generated import helper_ids as ids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper


def tail_call(_run: Execution, *_: int) -> int:
    """There is no program at the index, or there were too many before: control goes on behind the call."""
    return -errno.ENOENT


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_tail_call: tail_call,
}
