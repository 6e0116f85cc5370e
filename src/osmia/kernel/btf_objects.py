"""Type information that the kernel holds, by its id."""

from __future__ import annotations

import os

from osmia.abi import generated as abi
from osmia.kernel import attributes, bpf


def btf_of(number: int) -> bytes | None:
    """The BTF with that id; None where this process may not read it, which takes CAP_SYS_ADMIN."""
    try:
        fd = bpf.call(abi.BPF_BTF_GET_FD_BY_ID, attributes.GET_ID.pack(map_id=number))
    except PermissionError:
        return None
    try:
        size: int = bpf.obj_get_info(fd, attributes.BTF_INFO)["btf_size"]
        data = bytearray(size)
        info = bytearray(attributes.BTF_INFO.pack(btf=bpf.address(data), btf_size=size))
        bpf.call(
            abi.BPF_OBJ_GET_INFO_BY_FD, attributes.INFO.pack(bpf_fd=fd, info_len=len(info), info=bpf.address(info))
        )
        return bytes(data)
    finally:
        os.close(fd)
