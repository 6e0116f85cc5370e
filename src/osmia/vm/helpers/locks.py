"""Helpers of spin locks."""

from __future__ import annotations

from osmia.abi.generated import helper_ids as ids
from osmia.vm.locks import lock, unlock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper


def spin_lock(run: Execution, address: int, *_: int) -> int:
    """Take a lock."""
    lock(run, address)
    return 0


def spin_unlock(run: Execution, address: int, *_: int) -> int:
    """Give it back."""
    unlock(run, address)
    return 0


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_spin_lock: spin_lock,
    ids.BPF_FUNC_spin_unlock: spin_unlock,
}
