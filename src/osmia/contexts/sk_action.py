"""What programs that decide over sockets' data, or choose sockets, return."""

from __future__ import annotations

from osmia.enumeration import IntEnum


class SkAction(IntEnum):
    """What a program of kind sk_msg, sk_skb, sk_lookup or sk_reuseport tells the kernel (enum sk_action)."""

    DROP = 0
    """Drop the message, the packet or the connection."""
    PASS = 1
    """Let it go on, to where a helper said if one did."""
