"""Attaching a loaded program, one file for each way. Here: the BPF link, which holds it there."""

from __future__ import annotations

import _thread
import errno
import os
import sys

from osmia.errors import NotLoadedError
from osmia.kernel import Descriptor, bpf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Protocol, Self

    from osmia.kernel.attributes import Layout

    class Attachable(Protocol):
        """A loaded program."""

        @property
        def name(self) -> str:
            """What it is called."""

        @property
        def fd(self) -> int:
            """Its file descriptor."""


_LOGS = "osmia.logs.delivery"  # imported where something that logs is loaded

# Every link that this process attached and did not detach. It keeps alive the links that the user's code does not
# keep, and a forked child finds here what it must close: its copies would hold the programs after its parent's end.
_attached: set[Link] = set()

attaching = _thread.RLock()
"""Held from making a link to its entry in the set, so that no fork comes between."""


class Link:
    """A program attached to something in the kernel.

    In a `with` statement it ends with the block. Without one the program stays attached until `detach()` or the end
    of the process, whatever happens to this object. It goes with the process however that ends, by SIGKILL too, and a
    forked child does not hold it: only `pin()` makes it outlive the process.
    """

    def __init__(self, fd: int, program: str, target: str) -> None:
        """Take over `fd`. `program` and `target` are names for messages: `counter`, `interface 'lo'`."""
        self._descriptor: Descriptor | None = Descriptor(fd)
        self._what = f"program '{program}' on {target}"
        self._forked = False
        _attached.add(self)
        hold_logs(self, program)

    def __repr__(self) -> str:
        state = "detached" if self._descriptor is None else f"fd {self._descriptor.number}"
        return f"<{type(self).__name__} of {self._what}, {state}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.detach()

    @property
    def fd(self) -> int:
        """The link's file descriptor. Raises NotLoadedError after `detach()`."""
        return self._open().number

    def detach(self) -> None:
        """Detach the program now, a pinned one too; nothing happens if it is detached already."""
        descriptor = self._close()
        if descriptor is None:
            return
        try:
            bpf.link_detach(descriptor.number)
        except OSError as error:
            number = error.errno or 0
        else:
            return
        finally:
            del descriptor  # closes it
            end_logs(self)
        from osmia.kernel.errors import kernel_error

        raise kernel_error(number, f"detach {self._what}", feature="BPF_LINK_DETACH")

    def update(self, program: Attachable) -> None:
        """Put another program in the place of the attached one, atomically: no packet sees neither or both.

        Raises KernelError if it is of another kind, or if what the link is attached to is gone.
        """
        descriptor = self._open()
        try:
            bpf.link_update(descriptor.number, program.fd)
        except OSError as error:
            number = error.errno or 0
        else:
            return
        finally:
            del descriptor
            hold_logs(self, program.name)
        from osmia.kernel.errors import kernel_error

        raise kernel_error(
            number,
            f"replace {self._what} by '{program.name}'",
            needed=("CAP_BPF",),
            hints={
                errno.ENOLINK: "what it was attached to is gone (ENOLINK)",
                errno.EINVAL: "the new program is of another kind, or not fit to be attached there (EINVAL)",
            },
        )

    def pin(self, path: str) -> None:
        """Give the link a name in a BPF file system (below /sys/fs/bpf), so that it outlives this process.

        The program then stays attached until the file is removed and no process holds the link. Raises KernelError
        if the path is not in a BPF file system, exists already, or lies in a directory that does not exist.
        """
        from osmia.kernel import pins

        descriptor = self._open()
        try:
            pins.pin(descriptor.number, self._what, os.fspath(path))
        finally:
            del descriptor

    def _info(self, layout: Layout) -> dict[str, Any]:
        """What the kernel says of the link now: a struct bpf_link_info, as links of this kind fill it in."""
        descriptor = self._open()
        try:
            return bpf.obj_get_info(descriptor.number, layout)
        except OSError as error:
            number = error.errno or 0
        finally:
            del descriptor
        from osmia.kernel.errors import kernel_error

        raise kernel_error(number, f"ask the kernel about {self._what}")

    def _close(self) -> Descriptor | None:
        """Let go of the link; what held it, until this was called."""
        descriptor, self._descriptor = self._descriptor, None
        _attached.discard(self)
        return descriptor

    def _open(self) -> Descriptor:
        descriptor = self._descriptor
        if descriptor is None:
            if self._forked:
                raise NotLoadedError(f"the link of {self._what} belongs to the process that forked this one")
            raise NotLoadedError(f"{self._what} is detached: attach it again")
        return descriptor

    def _let_go_in_child(self) -> None:
        descriptor, self._descriptor, self._forked = self._descriptor, None, True
        if descriptor is not None:
            descriptor.close_now()


def attached_now() -> frozenset[Link]:
    """Every link that this process attached and did not detach."""
    return frozenset(_attached)


def hold_logs(link: object, program: str) -> None:
    """A program is attached: where it logs, that is delivered as long as it is, whether its handle is closed or not."""
    logs = sys.modules.get(_LOGS)
    if logs is not None:
        logs.DELIVERY.link_made(link, program)


def end_logs(link: object) -> None:
    """A program is detached: what it has logged is delivered now."""
    logs = sys.modules.get(_LOGS)
    if logs is not None:
        logs.DELIVERY.release(link)


def _after_fork_in_child() -> None:
    for link in _attached:
        link._let_go_in_child()  # noqa: SLF001 - the set and the class are one subject
    _attached.clear()
    attaching.release()


os.register_at_fork(before=attaching.acquire, after_in_parent=attaching.release, after_in_child=_after_fork_in_child)
