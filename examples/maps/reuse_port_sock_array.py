"""ReusePortSockArray: several sockets share a port, and a program chooses which one a connection goes to."""

import socket

from osmia import Global, ReusePortSockArray, SkAction, SkReuseportContext, sk_reuseport, u32

servers = ReusePortSockArray(max_entries=3)
turn = Global(u32)


@sk_reuseport
def by_turns(ctx: SkReuseportContext) -> SkAction:
    index = turn.value
    turn.value = (index + 1) % 3
    return SkAction.DROP if servers.select(index) else SkAction.PASS


if __name__ == "__main__":
    first = socket.create_server(("127.0.0.1", 0), reuse_port=True)
    listening = [first, *(socket.create_server(first.getsockname(), reuse_port=True) for _ in range(2))]
    by_turns.load()
    servers.update(enumerate(listening))
    with by_turns.attach(first):
        for _ in range(6):
            socket.create_connection(first.getsockname(), timeout=5).close()
    for server in listening:
        server.setblocking(False)
    for index, server in enumerate(listening):
        count = 0
        while True:
            try:
                server.accept()[0].close()
            except BlockingIOError:
                break
            count += 1
        print("server", index, "has", count, "connections")
        server.close()
