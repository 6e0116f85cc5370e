"""@lsm: nobody removes files from directories that user code marked; on a kernel that runs lsm programs."""

import tempfile
from pathlib import Path

from osmia import InodeStorage, LsmContext, lsm, u64
from osmia.contexts.kernel_structs import inode

kept = InodeStorage(u64)  # how often somebody tried


@lsm("inode_unlink", on_error=0)
def keep(ctx: LsmContext, dir_: inode) -> int:
    tries = kept.get(dir_)
    if tries is None:
        return 0  # not one of those
    tries.value += 1
    return -1  # EPERM


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "file"
        file.touch()
        with keep.attach():
            kept[directory] = 0
            try:
                file.unlink()
            except PermissionError as error:
                print(error.strerror, "- tries:", kept[directory])
