"""Programs of cgroups that are asked as the cgroup's processes make, bind and close sockets."""

from __future__ import annotations

from osmia.contexts.cgroup import CgroupAction
from osmia.contexts.cgroup_sock import CgroupSockContext
from osmia.kinds import KINDS
from osmia.programs.cgroup import attach_to_cgroup
from osmia.programs.program import Program, check_function, check_hook, check_options, check_stated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal

    from osmia.links.cgroup import CgroupLink
    from osmia.maps.cgroup_directory import Cgroup

    CgroupSockFunction = Callable[[CgroupSockContext], CgroupAction]


class CgroupSockProgram(Program[CgroupSockContext, CgroupAction]):
    """A program that is asked about the sockets of a cgroup's processes."""

    def attach(self, cgroup: Cgroup, /) -> CgroupLink:
        """Attach it to a cgroup of version 2 by its directory's path or a file descriptor; since Linux 5.7.

        It is loaded if it is not. In a `with` statement it is detached at the end; without, it stays attached until
        `link.detach()`, or until the process ends in whatever way; `link.pin()` makes it outlive the process.
        """
        return attach_to_cgroup(self._running(), self.hook, cgroup)


CHOICES = "CgroupAction.ALLOW lets the process have its socket, CgroupAction.DENY refuses it"


def cgroup_sock(
    hook: Literal["sock_create", "sock_release", "post_bind4", "post_bind6"],
    /,
    *,
    on_error: CgroupAction,
    name: str = "",
) -> Callable[[CgroupSockFunction], CgroupSockProgram]:
    """Declare a program about a cgroup's sockets: `@cgroup_sock("sock_create", on_error=CgroupAction.DENY)`.

    `hook` says when it is asked: as a process makes a socket (`sock_create`), after it bound one to an IPv4 or IPv6
    address (`post_bind4`, `post_bind6`), and as the socket goes (`sock_release`, since Linux 5.9; what it returns means
    nothing). `on_error` is what it returns after an error (what would raise in Python). `name` is the program's name,
    the function's unless it says.
    """
    kind = KINDS["cgroup_sock"]
    check_hook(kind, hook)
    check_stated(f'@cgroup_sock("{hook}"', on_error, CHOICES)

    def declare(function: Any) -> CgroupSockProgram:
        plain = check_function(kind.name, function, "(ctx: CgroupSockContext) -> CgroupAction")
        named = check_options(kind.name, plain, name, on_error, kind.returns)
        return CgroupSockProgram(kind, named, plain, on_error, hook)

    return declare


# A type checker wants it; at run time check_stated says what is missing, and why.
cgroup_sock.__kwdefaults__ = {"on_error": None, "name": ""}
