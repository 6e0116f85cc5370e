"""SockMap: what one TCP connection sends comes out of another one, and user space sees none of it."""

import socket

from osmia import Global, SkAction, SkMsgContext, SockMap, sk_msg, u64

sockets = SockMap(max_entries=2)
redirected = Global(u64)


@sk_msg
def splice(ctx: SkMsgContext) -> SkAction:
    redirected.value += ctx.size
    return sockets.msg_redirect(1, 1)  # BPF_F_INGRESS: to what the socket at index 1 receives


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0)) as server:
        client, peer = socket.create_connection(server.getsockname()), server.accept()[0]
        other, other_peer = socket.create_connection(server.getsockname()), server.accept()[0]
    with client, peer, other, other_peer:
        splice.load()
        with splice.attach(sockets):  # before the sockets are put in: they take the programs that are there then
            sockets.update({0: client, 1: other_peer})
            print("sockets at", list(sockets))
            client.send(b"to whom it may concern")
            print("received:", other_peer.recv(100).decode())
            print(redirected.value, "bytes redirected")
