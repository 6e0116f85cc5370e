"""@sk_reuseport: of two sockets that share a port, one gets the packets that begin with a digit."""

import socket

from osmia import Global, ReusePortSockArray, SkAction, SkReuseportContext, sk_reuseport, u8, u64

takers = ReusePortSockArray(max_entries=2)
digits = Global(u64)


@sk_reuseport
def by_first_byte(ctx: SkReuseportContext) -> SkAction:
    first = ctx.packet.at(u8, 8)  # behind the UDP header
    index = 0
    if first is not None and ord("0") <= first.value <= ord("9"):
        index = 1
        digits.value += 1
    return SkAction.DROP if takers.select(index) else SkAction.PASS


def bound(port: int) -> socket.socket:
    made = socket.socket(type=socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", port))
    return made


if __name__ == "__main__":
    words = bound(0)
    numbers = bound(words.getsockname()[1])
    by_first_byte.load()
    takers.update({0: words, 1: numbers})
    with words, numbers, by_first_byte.attach(words), socket.socket(type=socket.SOCK_DGRAM) as sender:
        for text in (b"one", b"2", b"3"):
            sender.sendto(text, words.getsockname())
        print("words:", words.recv(9), "numbers:", numbers.recv(9), numbers.recv(9), "counted:", digits.value)
