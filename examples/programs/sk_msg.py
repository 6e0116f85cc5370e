"""@sk_msg: look at what a TCP socket sends, and refuse what begins with a `!`."""

import socket

from osmia import Global, SkAction, SkMsgContext, SockMap, sk_msg, u8, u64

senders = SockMap(max_entries=1)
octets = Global(u64)


@sk_msg
def check(ctx: SkMsgContext) -> SkAction:
    first = ctx.packet.at(u8, 0)
    if first is None or first.value == ord("!"):
        return SkAction.DROP
    octets.value += ctx.size
    return SkAction.PASS


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0)) as server:
        client, peer = socket.create_connection(server.getsockname()), server.accept()[0]
    senders.create()  # the program does not name it: nothing else makes it
    with client, peer, check.attach(senders):
        senders[0] = client
        client.send(b"good morning")
        try:
            client.send(b"!shutdown")
        except PermissionError as error:
            print("refused:", error)
        print("received:", peer.recv(100).decode(), octets.value)
