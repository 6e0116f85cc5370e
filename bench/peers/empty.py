"""A program that does nothing: what is left is the cost of running any program."""

from osmia import XdpAction, XdpContext, xdp


@xdp
def empty(ctx: XdpContext) -> XdpAction:
    """Let the packet pass."""
    return XdpAction.PASS
