"""The tunnel that a packet came out of, or goes into."""

from __future__ import annotations

from osmia.errors import shown
from osmia.record import record

IPV6 = 1
"""BPF_F_TUNINFO_IPV6."""
KEY_SIZE = 44
"""The bytes of struct bpf_tunnel_key."""


@record
class Tunnel:
    """What the kernel keeps of it."""

    key: bytes
    """struct bpf_tunnel_key, as helpers give it."""
    is_ipv6: bool = False
    options: bytes = b""
    sent: bool = False
    """Whether the program has set it."""
    flags: int = 0
    """What else the kernel knows of it, as it tells programs."""


def tunnel_of(key: object) -> Tunnel | None:
    """The tunnel of a key that a test gives. ValueError for what is none."""
    if key is None:
        return None
    if not isinstance(key, bytes) or len(key) != KEY_SIZE:
        raise ValueError(f"machine.tunnel_key is the {KEY_SIZE} bytes of struct bpf_tunnel_key, not {shown(key)}")
    return Tunnel(key)
