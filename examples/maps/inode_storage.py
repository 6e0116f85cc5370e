"""InodeStorage: count how often files are opened that user code marked; on a kernel that runs lsm programs."""

import tempfile
from pathlib import Path

from osmia import InodeStorage, LsmContext, i32, lsm, u64
from osmia.contexts.kernel_structs import inode

opened = InodeStorage(u64)


@lsm("inode_permission", on_error=0)
def count(ctx: LsmContext, inode_: inode, mask: i32) -> int:
    times = opened.get(inode_)
    if times is not None:
        times.value += 1
    return 0


if __name__ == "__main__":
    with count.attach(), tempfile.NamedTemporaryFile() as marked, tempfile.NamedTemporaryFile() as other:
        opened[marked.name] = 0
        for _ in range(3):
            Path(marked.name).read_bytes()
            Path(other.name).read_bytes()
        print("marked:", opened[marked.name], "the other one:", opened.get(other.name))
        print("the same by its descriptor:", opened[marked.fileno()])
