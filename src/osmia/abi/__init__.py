"""The kernel's ABI as data. Here: constants that its headers define as macros, so that its BTF does not have them.

Each group says which header it is from; all are of Linux 6.18.
"""

from __future__ import annotations

# linux/bpf.h: flags of BPF_PROG_LOAD.
BPF_F_STRICT_ALIGNMENT = 1 << 0
BPF_F_ANY_ALIGNMENT = 1 << 1
BPF_F_SLEEPABLE = 1 << 4
BPF_F_XDP_HAS_FRAGS = 1 << 5

# linux/bpf.h: flags of BPF_PROG_TEST_RUN.
BPF_F_TEST_RUN_ON_CPU = 1 << 0
BPF_F_TEST_XDP_LIVE_FRAMES = 1 << 1

# linux/bpf.h: what the source register of a 64-bit immediate load says about the immediate.
BPF_PSEUDO_MAP_FD = 1
BPF_PSEUDO_MAP_VALUE = 2
BPF_PSEUDO_BTF_ID = 3
BPF_PSEUDO_FUNC = 4
BPF_PSEUDO_MAP_IDX = 5
BPF_PSEUDO_MAP_IDX_VALUE = 6

# linux/bpf.h: what the source register of a call says about the immediate; 0 is a helper.
BPF_PSEUDO_CALL = 1
BPF_PSEUDO_KFUNC_CALL = 2

# linux/bpf.h: sizes, in bytes; the name's includes its NUL.
BPF_OBJ_NAME_LEN = 16
BPF_TAG_SIZE = 8

# linux/if_link.h: how an XDP program is attached.
XDP_FLAGS_UPDATE_IF_NOEXIST = 1 << 0
XDP_FLAGS_SKB_MODE = 1 << 1
XDP_FLAGS_DRV_MODE = 1 << 2
XDP_FLAGS_HW_MODE = 1 << 3
XDP_FLAGS_REPLACE = 1 << 4

# asm-generic/socket.h: what x86, Arm and RISC-V have.
SOL_SOCKET = 1
SO_ATTACH_REUSEPORT_EBPF = 52
SO_DETACH_REUSEPORT_BPF = 68
