"""Opening maps by the ids that the kernel gives them."""

from __future__ import annotations

import errno

from osmia.kernel import attributes, bpf
from osmia.kernel.map import KernelMap
from osmia.maps.table import kind_of_type


def open_id(number: int) -> KernelMap | None:
    """The map of that id, as the kernel describes it; None if there is none. Takes CAP_SYS_ADMIN."""
    try:
        fd = bpf.map_get_fd_by_id(number)
    except OSError as error:
        refused = error.errno or 0
    else:
        info = bpf.obj_get_info(fd, attributes.MAP_INFO)
        kind = kind_of_type(info["type"])
        name = info["name"].rstrip(b"\0").decode("ascii", "replace")
        per_cpu = kind is not None and kind.per_cpu
        return KernelMap(fd, info["key_size"], info["value_size"], per_cpu, info["max_entries"], name)
    if refused == errno.ENOENT:
        return None
    from osmia.kernel.errors import kernel_error

    raise kernel_error(refused, f"open the map of id {number}", needed=("CAP_SYS_ADMIN",))
