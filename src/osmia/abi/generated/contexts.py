"""The members of programs' contexts as (name, bits), in their order and without gaps.

Made by tools/generate_abi.py from the BTF of Linux 6.18.44-fc-v782; do not edit.
"""

from __future__ import annotations

CONTEXTS = {
    "xdp_md": (
        ("data", 32),
        ("data_end", 32),
        ("data_meta", 32),
        ("ingress_ifindex", 32),
        ("rx_queue_index", 32),
        ("egress_ifindex", 32),
    ),
}
