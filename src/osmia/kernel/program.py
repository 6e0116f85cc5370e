"""A program in the kernel, over its file descriptor."""

from __future__ import annotations

import errno
import os

from osmia.errors import KernelError, NotLoadedError
from osmia.kernel import THE_KERNEL, Descriptor, attributes, bpf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.kernel.program_info import ProgramInfo
    from osmia.kinds import Kind

_ETHERNET_HEADER = 14
_MAX_REPEAT = 0xFFFF_FFFF
_MAX_DATA = 0x7FFF_FFFF
_TEST_RUN_HINTS = dict.fromkeys(
    (errno.EINVAL, errno.ENOMEM, errno.E2BIG, errno.EMSGSIZE),
    "the packet is longer than this kernel takes in a test run",
)

# EtherType: (the protocol, the bytes of its header), of which kernels want a whole one for programs that see an skb.
_HEADERS = {0x0800: ("IPv4", 20), 0x86DD: ("IPv6", 40)}


def _too_short(data: bytes) -> dict[int, str]:
    """What it means that the kernel does not take a packet which ends in its IP header; nothing for all others."""
    protocol, size = _HEADERS.get(int.from_bytes(data[12:14], "big"), ("", 0))
    if len(data) >= _ETHERNET_HEADER + size:
        return {}
    hint = (
        f"its EtherType says {protocol}, and this kernel wants the whole {protocol} header: "
        f"{_ETHERNET_HEADER + size} bytes or more"
    )
    return {errno.EINVAL: hint}


class KernelProgram:
    """A loaded program."""

    def __init__(self, fd: int, name: str, kind: Kind) -> None:
        """Take over `fd`."""
        self._descriptor: Descriptor | None = Descriptor(fd)
        self.name = name
        self.kind = kind

    def __repr__(self) -> str:
        state = "closed" if self._descriptor is None else f"fd {self._descriptor.number}"
        return f"<KernelProgram {self.name!r} ({self.kind.name}), {state}>"

    @property
    def fd(self) -> int:
        """The program's file descriptor."""
        return self.descriptor().number

    @property
    def place(self) -> object:
        """Where it is."""
        return THE_KERNEL

    @property
    def entry(self) -> int:
        """What stands for it in the entries of maps: its file descriptor."""
        return self.fd

    def test_run(self, data: bytes, repeat: int = 1) -> tuple[int, bytes, int]:
        """Run the program on `data` without any interface: (return value, data after the run, ns a run).

        With `repeat` above 1 it runs that often on the same data and the time is the average; for XDP the kernel
        then takes at least about 16 ms.
        """
        if not self.kind.test_run:
            raise KernelError(
                errno.EOPNOTSUPP,
                f"cannot test-run program '{self.name}': the kernel has no test runs for {self.kind.name} programs",
            )
        data = bytes(data)
        if not 1 <= repeat <= _MAX_REPEAT:
            raise ValueError(f"cannot test-run program '{self.name}' {repeat} times: it takes 1 to {_MAX_REPEAT}")
        if len(data) < _ETHERNET_HEADER:
            raise ValueError(
                f"cannot test-run program '{self.name}' on {len(data)} bytes: the kernel takes packets of at least "
                f"{_ETHERNET_HEADER} bytes, an Ethernet header"
            )
        if len(data) > _MAX_DATA:
            raise ValueError(f"cannot test-run program '{self.name}' on {len(data)} bytes: no packet is that long")
        descriptor = self.descriptor()
        try:
            # A program can make a packet longer, but never by more than a page.
            return bpf.prog_test_run(descriptor.number, data, len(data) + os.sysconf("SC_PAGE_SIZE"), repeat)
        except OSError as error:
            number = error.errno or 0
        finally:
            del descriptor
        from osmia.kernel.errors import kernel_error

        raise kernel_error(
            number,
            f"test-run program '{self.name}' on {len(data)} bytes",
            needed=self.kind.capabilities,
            feature="test runs",
            hints=_too_short(data) or _TEST_RUN_HINTS,
        )

    def info(self) -> ProgramInfo:
        """What the kernel says of the program now."""
        descriptor = self.descriptor()
        try:
            info = bpf.obj_get_info(descriptor.number, attributes.PROG_INFO)
        except OSError as error:
            number = error.errno or 0
        else:
            from osmia.kernel.program_info import read

            return read(info)
        finally:
            del descriptor
        from osmia.kernel.errors import kernel_error

        raise kernel_error(number, f"ask the kernel about program '{self.name}'")

    def close(self) -> None:
        """Let go of the program. What it is attached to keeps it."""
        self._descriptor = None

    def descriptor(self) -> Descriptor:
        """The open descriptor; hold it for as long as its number is used."""
        descriptor = self._descriptor
        if descriptor is None:
            raise NotLoadedError(f"program '{self.name}' is closed: load it again")
        return descriptor
