"""The fields of contexts: what kernel code may read of them."""

from __future__ import annotations

from osmia.record import record


@record
class ContextField:
    """A field of the kernel's context that kernel code may read."""

    offset: int
    """In bytes."""
    bits: int
    """Of one element, where it is an array."""
    signed: bool = False
    writable: bool = False
    length: int = 0
    """How many elements it has; 0 where it is no array."""
    network_bits: int = 0
    """How many of its lowest bits are a number in network byte order, which kernel code reads in the machine's."""
    object: str = ""
    """The struct of the kernel's that it points to, as the verifier knows it; empty where it is a number."""
    nullable: bool = False
    """Whether that pointer may be None."""
    hooks: tuple[str, ...] = ()
    """The hooks whose programs may read it; empty where those of every hook may."""
    form: str = ""
    """Of a tracepoint's field that programs read as one value: as in ContextFieldSpec; empty of others."""

    @property
    def size(self) -> int:
        """In bytes, where it lies: of a text that lies elsewhere, what says where."""
        return 4 if self.form == "data_loc" else self.bits // 8 * max(self.length, 1)


def fields_of(
    struct: str,
    readable: tuple[str, ...],
    *,
    writable: tuple[str, ...] = (),
    network: dict[str, int] | None = None,
    objects: dict[str, str] | None = None,
    hooks: dict[str, tuple[str, ...]] | None = None,
) -> dict[str, ContextField]:
    """The fields of a struct that programs of a kind may read, by name; its members are in abi.generated.contexts.

    `network` has those in network byte order, with the bits of the number; `objects` has pointers with what the
    verifier takes them for, `bpf_sock | None`; `hooks` has those that only programs of some hooks may read.
    """
    from osmia.abi.generated.contexts import CONTEXTS  # noqa: PLC0415 - start-up time is a contract

    members = {member.name: member for member in CONTEXTS[struct]}
    found = {}
    for name in readable:
        member = members[name]
        to, _, none = (objects or {}).get(name, "").partition(" | ")
        found[name] = ContextField(
            member.offset,
            member.bits,
            signed=member.signed,
            writable=name in writable,
            length=member.length,
            network_bits=(network or {}).get(name, 0),
            object=to,
            nullable=none == "None",
            hooks=(hooks or {}).get(name, ()),
        )
    return found
