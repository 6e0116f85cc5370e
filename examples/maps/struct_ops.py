"""StructOps: a table of functions for the kernel's congestion control, created and empty."""

from osmia import StructOps

control = StructOps("tcp_congestion_ops")

if __name__ == "__main__":
    control.create()
    print(control)
    print(control.info().type, "with one entry:", control.info().max_entries == 1)
