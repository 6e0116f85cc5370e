"""Programs of cgroups that are given the packets of the cgroup's sockets, as they come in or go out."""

from __future__ import annotations

from osmia.contexts.cgroup import CgroupAction
from osmia.contexts.cgroup_skb import CgroupSkbContext
from osmia.kinds import KINDS
from osmia.programs.cgroup import attach_to_cgroup
from osmia.programs.program import PacketProgram, check_function, check_hook, check_options, check_stated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal

    from osmia.links.cgroup import CgroupLink
    from osmia.maps.cgroup_directory import Cgroup

    CgroupSkbFunction = Callable[[CgroupSkbContext], CgroupAction]


class CgroupSkbProgram(PacketProgram[CgroupSkbContext, CgroupAction]):
    """A program that is given the packets of a cgroup's sockets."""

    def attach(self, cgroup: Cgroup, /) -> CgroupLink:
        """Attach it to a cgroup of version 2 by its directory's path or a file descriptor; since Linux 5.7.

        It is loaded if it is not. It sees the packets of the sockets that processes of the cgroup, and of those below
        it, made. In a `with` statement it is detached at the end; without, it stays attached until `link.detach()`, or
        until the process ends in whatever way; `link.pin()` makes it outlive the process.
        """
        return attach_to_cgroup(self._running(), self.hook, cgroup)


CHOICES = "CgroupAction.ALLOW lets the packet through, CgroupAction.DENY drops it"


def cgroup_skb(
    hook: Literal["ingress", "egress"], /, *, on_error: CgroupAction, name: str = ""
) -> Callable[[CgroupSkbFunction], CgroupSkbProgram]:
    """Declare a program that is given a cgroup's packets: `@cgroup_skb("egress", on_error=CgroupAction.ALLOW)`.

    `hook` says which: those that its sockets receive (`ingress`) or send (`egress`). `on_error` is what it returns
    after an error (what would raise in Python). `name` is the program's name, the function's unless it says.
    """
    kind = KINDS["cgroup_skb"]
    check_hook(kind, hook)
    check_stated(f'@cgroup_skb("{hook}"', on_error, CHOICES)

    def declare(function: Any) -> CgroupSkbProgram:
        plain = check_function(kind.name, function, "(ctx: CgroupSkbContext) -> CgroupAction")
        named = check_options(kind.name, plain, name, on_error, kind.returns)
        return CgroupSkbProgram(kind, named, plain, on_error, hook)

    return declare


# A type checker wants it; at run time check_stated says what is missing, and why.
cgroup_skb.__kwdefaults__ = {"on_error": None, "name": ""}
