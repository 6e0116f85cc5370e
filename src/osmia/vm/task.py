"""The thread that programs of a machine run in, as helpers tell of it: plain data that a test sets."""

from __future__ import annotations

from osmia.record import record

LONGEST_NAME = 15
"""TASK_COMM_LEN, without the zero behind it."""


@record
class Task:
    """A thread. All of it may be set at any time."""

    pid: int = 1000
    """Its process (the kernel's tgid)."""
    tid: int = 1000
    """The thread itself (the kernel's pid)."""
    uid: int = 1000
    gid: int = 1000
    comm: str = "osmia"
    """Its name; the kernel keeps the first 15 bytes."""
    cgroup_ids: tuple[int, ...] = (1,)
    """The ids of its cgroups (version 2), the root's first, its own last."""
    cgroup_classid: int = 0
    """Its class (version 1's net_cls)."""

    @property
    def cgroup_id(self) -> int:
        """The id of its own cgroup."""
        return self.cgroup_ids[-1] if self.cgroup_ids else 0

    def pair(self, upper: str, lower: str) -> int:
        """Two of its numbers in one of 64 bits. OverflowError for one that has more than 32."""
        found = 0
        for name in (upper, lower):
            number = getattr(self, name)
            if not 0 <= number < 1 << 32:
                raise OverflowError(f"machine.task.{name} has 32 bits: {number} does not fit")
            found = found << 32 | number
        return found

    def ancestor(self, level: int) -> int:
        """The id of the cgroup at a level, 0 for the root's; 0 where there is none."""
        return self.cgroup_ids[level] if 0 <= level < len(self.cgroup_ids) else 0

    @property
    def name(self) -> bytes:
        """What the kernel keeps of its name."""
        return self.comm.encode()[:LONGEST_NAME]
