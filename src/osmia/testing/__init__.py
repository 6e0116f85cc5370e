"""What tests of kernel code use: `Vm`, `Kernel`, `differential`, `replay`, and packets in `osmia.testing.packets`.

For pytest there is a plugin besides, `osmia.testing.plugin`, which comes with an installed osmia. `docs/testing.md` has
all of it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.testing.differences import differential as differential
    from osmia.testing.engines import Engine as Engine
    from osmia.testing.engines import Kernel as Kernel
    from osmia.testing.engines import Vm as Vm
    from osmia.testing.namespaces import Namespace as Namespace
    from osmia.testing.replaying import Replay as Replay
    from osmia.testing.replaying import replay as replay
    from osmia.vm.network import Route as Route
    from osmia.vm.task import Task as Task

_HOME = {
    "Engine": "osmia.testing.engines",
    "Kernel": "osmia.testing.engines",
    "Namespace": "osmia.testing.namespaces",
    "Replay": "osmia.testing.replaying",
    "Route": "osmia.vm.network",
    "Task": "osmia.vm.task",
    "Vm": "osmia.testing.engines",
    "differential": "osmia.testing.differences",
    "replay": "osmia.testing.replaying",
}
__all__ = [*_HOME]  # noqa: PLE0604 - every name is a literal key of the table above


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'osmia.testing' has no attribute {name!r}", name=name)
    value = getattr(__import__(_HOME[name], fromlist=[name]), name)
    globals()[name] = value
    return value
