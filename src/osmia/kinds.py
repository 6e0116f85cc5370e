"""The table of program kinds: one row says everything that depends on the kind.

The decorator, the section parser, the context, the tests and the documentation all read this table.
"""

from __future__ import annotations

from osmia.abi import generated as bpf
from osmia.contexts.xdp import XdpAction, XdpContext
from osmia.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enum import IntEnum


@record
class ContextField:
    """A field of the kernel's context that kernel code may read."""

    offset: int
    """In bytes."""
    bits: int
    signed: bool = False
    writable: bool = False


@record
class PacketAccess:
    """Where the context says that a packet lies, as offsets of its fields, and what programs may do with it."""

    data: int
    data_end: int
    data_meta: int | None
    """Where the metadata before the packet begins; None where there is none."""
    writable: bool


@record
class Kind:
    """A kind of program."""

    name: str
    """The kernel's name: the decorator, the tests and the page are called the same."""
    section: str
    """The ELF section it is put in, which libbpf reads the kind from."""
    program_type: int
    """BPF_PROG_TYPE_*."""
    attach_type: int
    """BPF_* of enum bpf_attach_type, given when the program is loaded and attached."""
    context: type
    """What the program's one parameter is annotated with."""
    context_struct: str
    """The kernel's name of the context, in BTF."""
    fields: dict[str, ContextField]
    """What kernel code may read of it."""
    returns: type[IntEnum]
    """What the program returns."""
    error_value: int | None
    """What it returns after an error unless it says; None where a program must say (`on_error=`)."""
    attach: str
    """How it is attached: `interface`."""
    test_run: bool
    """Whether BPF_PROG_TEST_RUN takes it."""
    since: tuple[int, int]
    """The first kernel that loads and attaches it the way osmia does."""
    capabilities: tuple[str, ...]
    """What a process needs to load and attach it."""
    packet: PacketAccess | None = None
    """How its programs reach a packet; None where there is none."""

    @property
    def context_members(self) -> tuple[tuple[str, int], ...]:
        """Every member of the context's struct as (name, bits), for the object's BTF."""
        from osmia.abi.generated.contexts import CONTEXTS

        return CONTEXTS[self.context_struct]


KINDS: dict[str, Kind] = {
    "xdp": Kind(
        name="xdp",
        section="xdp",
        program_type=bpf.BPF_PROG_TYPE_XDP,
        attach_type=bpf.BPF_XDP,
        context=XdpContext,
        context_struct="xdp_md",
        fields={"ingress_ifindex": ContextField(12, 32), "rx_queue_index": ContextField(16, 32)},
        returns=XdpAction,
        error_value=XdpAction.ABORTED,
        attach="interface",
        test_run=True,
        since=(5, 9),
        capabilities=("CAP_BPF", "CAP_NET_ADMIN"),
        packet=PacketAccess(data=0, data_end=4, data_meta=8, writable=True),
    ),
}


# Sections whose programs have an attach type of their own, which osmia does not have.
_OTHER_SECTIONS = frozenset(("xdp/devmap", "xdp/cpumap"))


def kind_of_section(section: str) -> Kind | None:
    """The kind that libbpf reads from a section's name: `xdp` and `xdp/anything` are XDP."""
    if section in _OTHER_SECTIONS:
        return None
    for kind in KINDS.values():
        if section == kind.section or section.startswith(kind.section + "/"):
            return kind
    return None
