"""Attaching programs to cgroups (version 2), by BPF link (kernels from 5.7)."""

from __future__ import annotations

import errno

from osmia.kernel import attributes, bpf
from osmia.kernel.parent import end_with_sudo
from osmia.links import Link, attaching
from osmia.maps.cgroup_directory import OpenCgroup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.links import Attachable
    from osmia.maps.cgroup_directory import Cgroup


class CgroupLink(Link):
    """A program attached to a cgroup: it sees what the processes of that cgroup and of those below it do."""

    def __init__(self, fd: int, program: str, cgroup: str, attach_type: int) -> None:
        super().__init__(fd, program, f"cgroup '{cgroup}'")
        self._attach_type = attach_type
        self.cgroup = cgroup
        """The path that it was attached by; `fd 5` where it was attached by a file descriptor."""

    @property
    def cgroup_id(self) -> int:
        """The cgroup's id, as `get_current_cgroup_id` gives it; 0 once the cgroup is gone."""
        return self._info(attributes.CGROUP_LINK_INFO)["cgroup_id"]  # type: ignore[no-any-return]

    @property
    def gone(self) -> bool:
        """Whether the cgroup does not exist any more; the program has ended with it."""
        return self.cgroup_id == 0

    def update(self, program: Attachable) -> None:
        """Put another program in the place of the attached one, atomically: no packet sees neither or both.

        TypeError for a program of another hook, KernelError if it is of another kind, or if the cgroup is gone.
        """
        kind, hook = getattr(program, "kind", None), getattr(program, "hook", None)
        if kind is not None and hook is not None and kind.attach_type(hook) != self._attach_type:
            raise TypeError(
                f"cannot replace {self._what} by '{program.name}': that is for the hook '{kind.section(hook)}', and "
                "this link is at another one"
            )
        super().update(program)


def attach_cgroup(program: Attachable, cgroup: Cgroup, attach_type: int) -> CgroupLink:
    """Attach a program to a cgroup, by its directory or a file descriptor of it, and return the link.

    Programs that others attached to the cgroup, or to one above it, run too. Where sudo started this process, it is
    from now on ended (SIGTERM) when sudo is.

    Raises KernelError: no such directory (ENOENT), no cgroup of version 2 (EBADF); NotSupportedError before Linux 5.7;
    PermissionDeniedError.
    """
    with OpenCgroup(cgroup, f"attach program '{program.name}' to cgroup") as held:
        end_with_sudo()
        with attaching:
            try:
                fd = bpf.link_create(prog_fd=program.fd, target=held.number, attach_type=attach_type)
            except OSError as error:
                number = error.errno or 0
            else:
                return CgroupLink(fd, program.name, held.name, attach_type)
        from osmia.kernel.errors import kernel_error

        raise kernel_error(
            number,
            f"attach program '{program.name}' to cgroup '{held.name}'",
            needed=("CAP_NET_ADMIN", "CAP_BPF"),
            feature="BPF links",
            hints={
                errno.EBADF: held.why_none() if number == errno.EBADF else "",
                errno.E2BIG: "the cgroup has 64 programs at this hook already (E2BIG)",
                errno.ENODEV: "the cgroup is gone (ENODEV)",
            },
        )
