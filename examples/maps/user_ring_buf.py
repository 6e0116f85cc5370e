"""UserRingBuf: records for kernel code. It can be declared; draining and filling it come with events."""

from osmia import UserRingBuf, struct, u32


@struct
class Order:
    port: u32


orders = UserRingBuf(Order, size=4096)

if __name__ == "__main__":
    print(orders)
