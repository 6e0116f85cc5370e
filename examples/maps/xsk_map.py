"""XskMap: hand packets to a socket of user code, past the network stack."""

import socket

from osmia import XdpAction, XdpContext, XskMap, xdp

AF_XDP = 44
sockets = XskMap(max_entries=4)


@xdp
def take(ctx: XdpContext) -> XdpAction:
    return sockets.redirect(ctx.rx_queue_index, XdpAction.PASS)


if __name__ == "__main__":
    print("before:", take.test_run(bytes(64)).action.name)
    # A library for AF_XDP binds it to a queue of an interface, and gives it memory for packets.
    with socket.socket(AF_XDP, socket.SOCK_RAW) as raw:
        sockets[0] = raw
        print("set:", take.test_run(bytes(64)).action.name)
        del sockets[0]
    print("after:", take.test_run(bytes(64)).action.name)
