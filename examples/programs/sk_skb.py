"""@sk_skb: the kernel sends back what a TCP socket receives; the process that has it reads nothing."""

import socket

from osmia import Global, SkAction, SkSkbContext, SockMap, sk_skb, u64

echoing = SockMap(max_entries=1)
octets = Global(u64)


@sk_skb("stream_verdict")
def echo(ctx: SkSkbContext) -> SkAction:
    octets.value += ctx.len
    return echoing.sk_redirect(0)


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0)) as server:
        client, peer = socket.create_connection(server.getsockname(), timeout=5), server.accept()[0]
    echo.load()
    with client, peer, echo.attach(echoing):
        echoing[0] = peer
        client.send(b"is there anybody?")
        print("came back:", client.recv(100).decode(), octets.value)
