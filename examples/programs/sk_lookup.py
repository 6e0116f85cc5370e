"""@sk_lookup: one socket takes connections to a hundred ports that it is not bound to."""

import ctypes
import fcntl
import socket

from osmia import Global, SkAction, SkLookupContext, SockMap, sk_lookup, u64

servers = SockMap(max_entries=1)
steered = Global(u64)


@sk_lookup(on_error=SkAction.PASS)
def steer(ctx: SkLookupContext) -> SkAction:
    if ctx.local_port < 7000 or ctx.local_port >= 7100:
        return SkAction.PASS  # as if there were no program
    server = servers.lookup(0)
    if server is None:
        return SkAction.DROP
    failed = ctx.sk_assign(server)
    ctx.sk_release(server)
    steered.value += 1
    return SkAction.DROP if failed else SkAction.PASS


if __name__ == "__main__":
    ctypes.CDLL(None).unshare(0x40000000)  # a network namespace of its own, with an `lo` that is down
    with socket.create_server(("127.0.0.1", 6000)) as server:
        fcntl.ioctl(server, 0x8914, b"lo".ljust(16, b"\0") + b"\1".ljust(16, b"\0"))  # SIOCSIFFLAGS: up
        steer.load()
        servers[0] = server
        with steer.attach():
            for port in (7000, 7042):
                with socket.create_connection(("127.0.0.1", port), timeout=5):
                    print("connected to port", server.accept()[0].getsockname()[1])
        print("steered:", steered.value)
