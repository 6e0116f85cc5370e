"""@tc: drop what sockets with a certain mark send, as it leaves by an interface."""

import ctypes
import fcntl
import socket

from osmia import Global, TcAction, TcContext, setting, tc, u32, u64

stopped = setting(u32, 7)
octets = Global(u64)


@tc("egress")
def stop(ctx: TcContext) -> TcAction:
    if ctx.mark != stopped:
        return TcAction.UNSPEC  # the next program's turn
    octets.value += ctx.len
    return TcAction.SHOT


if __name__ == "__main__":
    ctypes.CDLL(None).unshare(0x40000000)  # a network namespace of its own, with an `lo` that is down
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        fcntl.ioctl(sender, 0x8914, b"lo".ljust(16, b"\0") + b"\1".ljust(16, b"\0"))  # SIOCSIFFLAGS: up
        with stop.attach("lo") as link:
            for mark in (0, 7):
                sender.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
                sender.sendto(bytes(58), ("127.0.0.1", 9))
            print(link.interface, link.hook, "dropped octets:", octets.value)
