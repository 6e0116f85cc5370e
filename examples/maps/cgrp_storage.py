"""CgrpStorage: keep for each new cgroup what its creator was, and a limit that user code sets."""

import os
from pathlib import Path

from osmia import CgrpStorage, TpBtfContext, struct, tp_btf, u32
from osmia.contexts.kernel_structs import cgroup


@struct
class Group:
    creator: u32 = 0
    limit: u32 = 0


groups = CgrpStorage(Group)


@tp_btf("cgroup_mkdir")
def made(ctx: TpBtfContext, cgrp: cgroup) -> None:
    creator = ctx.get_current_pid_tgid() >> 32
    groups.get(cgrp, Group(creator=u32(creator), limit=10))


def cgroup2() -> Path:
    """Where the second version of cgroups is mounted."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    return next(Path(path) for _, path, kind, *_ in mounts if kind == "cgroup2")


if __name__ == "__main__":
    path = cgroup2() / f"osmia-example-{os.getpid()}"
    with made.attach():
        path.mkdir()
    try:
        print("made by us:", groups[path].creator == os.getpid(), "limit:", groups[path].limit)
        groups[path] = Group(limit=20)
        print("now:", groups.get(path))
        del groups[path]
        print("still there:", path in groups)
    finally:
        path.rmdir()
