"""Attaching programs to maps of sockets: by BPF link (kernels from 6.10), else by BPF_PROG_ATTACH."""

from __future__ import annotations

import errno
import os

from osmia.errors import shown
from osmia.kernel import Descriptor, bpf
from osmia.kernel.features import FEATURES, kernel_version
from osmia.kernel.parent import end_with_sudo
from osmia.links import Link, attaching, end_logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from osmia.errors import KernelError
    from osmia.links import Attachable
    from osmia.maps.sockets import SockHash, SockMap

LINKS = "links of maps of sockets"


class SockMapLink(Link):
    """A program attached to a map of sockets: it runs for the sockets that are put into the map from then on.

    Sockets keep the programs that they were put in with until they leave the map: those that are in it already do not
    get this one, and `update()` and `detach()` are for those that come later.
    """


class SockMapAttachment(SockMapLink):
    """The same on kernels before 6.10, which have no link for it: the map holds the program.

    The attachment holds the map. It ends with `detach()`, and with the last process that has the map, which may be a
    forked child of this one. Attaching another program of the kind to the map puts it in this one's place.
    """

    def __init__(self, map_fd: int, program: Attachable, attach_type: int, target: str) -> None:
        """Take over `map_fd`."""
        super().__init__(map_fd, program.name, target)
        self._attach_type = attach_type
        self._program: Descriptor | None = Descriptor(os.dup(program.fd))

    @property
    def fd(self) -> int:
        """There is none: NotSupportedError."""
        self._no_link("ask for its file descriptor")

    def detach(self) -> None:
        """Detach the program now; nothing happens if it is detached already."""
        map_ = self._close()
        program, self._program = self._program, None
        if map_ is None or program is None:
            return
        try:
            bpf.prog_detach(target_fd=map_.number, prog_fd=program.number, attach_type=self._attach_type)
        except OSError as error:
            number = error.errno or 0
        else:
            return
        finally:
            del map_, program  # closes them
            end_logs(self)
        if number == errno.ENOENT:  # another one was attached in its place
            return
        from osmia.kernel.errors import kernel_error

        raise kernel_error(number, f"detach {self._what}")

    def update(self, program: Attachable) -> None:
        """Put another program in the place of the attached one, atomically."""
        map_, taken = self._open(), Descriptor(os.dup(program.fd))
        try:
            bpf.prog_attach(target_fd=map_.number, prog_fd=taken.number, attach_type=self._attach_type)
        except OSError as error:
            number = error.errno or 0
        else:
            self._program = taken
            return
        finally:
            del map_, taken
        raise _refusal(number, f"replace {self._what} by '{program.name}'")

    def pin(self, path: str) -> None:
        """There is no link to pin: NotSupportedError. Pin the map instead: it holds the program."""
        self._no_link(f"pin {self._what} to '{os.fspath(path)}'")

    def _no_link(self, asked: str) -> NoReturn:
        from osmia.kernel.errors import not_supported

        raise not_supported(errno.EOPNOTSUPP, asked, LINKS, FEATURES[LINKS])

    def _let_go_in_child(self) -> None:
        super()._let_go_in_child()
        program, self._program = self._program, None
        if program is not None:
            program.close_now()


def attach_to_sock_map(program: Attachable, sockets: SockMap | SockHash[Any], attach_type: int) -> SockMapLink:
    """Attach a program to a live map of sockets, for the sockets that are put into it from then on.

    Where sudo started this process, it is from now on ended (SIGTERM) when sudo is. Raises NotLoadedError for a map
    that is not live, KernelError (EBUSY: there is a program of that sort), PermissionDeniedError.
    """
    target = f"map '{_subject(program, sockets)}'"
    map_fd = sockets.fd
    end_with_sudo()
    with attaching:
        try:
            fd = bpf.link_create(prog_fd=program.fd, target=map_fd, attach_type=attach_type)
        except OSError as error:
            number = error.errno or 0
        else:
            return SockMapLink(fd, program.name, target)
        if number == errno.EINVAL and kernel_version() < FEATURES[LINKS]:
            try:
                bpf.prog_attach(target_fd=map_fd, prog_fd=program.fd, attach_type=attach_type)
            except OSError as error:
                number = error.errno or 0
            else:
                return SockMapAttachment(os.dup(map_fd), program, attach_type, target)
    raise _refusal(number, f"attach program '{program.name}' to {target}")


def _subject(program: Attachable, sockets: Any) -> str:
    from osmia.maps.sockets import RedirectingSockets

    if isinstance(sockets, RedirectingSockets):
        return sockets.subject
    raise TypeError(f"{program.name}: it is attached to a SockMap or a SockHash, not to {shown(sockets)}")


def _refusal(number: int, asked: str) -> KernelError:
    from osmia.kernel.errors import kernel_error

    return kernel_error(
        number,
        asked,
        needed=("CAP_NET_ADMIN", "CAP_BPF"),
        hints={
            errno.EBUSY: "the map has a program of this sort already, and it takes one: detach that first (EBUSY)",
            errno.EOPNOTSUPP: "the map has a program already that does not go together with this one (EOPNOTSUPP)",
        },
    )
