"""What the table of helpers says of each: plain data."""

from __future__ import annotations

from osmia.record import record


@record
class HelperArgument:
    """One of the up to five values that a helper is called with, in their order."""

    name: str
    """The kernel's name of it."""
    kind: str
    """What the verifier asks for.

    `integer`; `context`; `map`; `map key` and `map value`, a pointer to one; `memory`; `size`, of the memory before it;
    `object`, a pointer to a struct of the kernel; `callback`; `callback context`, a pointer into the stack; `string`, a
    constant one; `dynptr`, `spin lock`, `timer`, `kptr`, pointers to one; `reservation`, what a ring buffer gave;
    `per-CPU`, a variable of the kernel; `length`, how much memory the result is a pointer to; `varying`, more integers.
    """
    type: str
    """Its type in C: `u32`, `struct bpf_map *`."""
    access: str = ""
    """Of memory and dynptrs: `read`, `write` (it need not be initialised), `both` (initialised and writable)."""
    size: int | str = 0
    """Of memory without a size behind it: its bytes, or the struct that it holds."""
    parameter: str = ""
    """What kernel code gives it by; empty where the compiler knows it: the context, sizes."""
    nullable: bool = False
    """Whether it may be NULL, or of a size, 0."""
    optional: bool = False
    """Whether kernel code may leave it out: it is 0 or NULL then."""
    releases: bool = False
    """Whether the pointer ends with the call."""


@record
class HelperRow:
    """A helper of the kernel."""

    name: str
    """The kernel's, without `bpf_`."""
    number: int
    """Its number in enum bpf_func_id, which a call instruction holds."""
    form: str
    """How kernel code calls it: `context` and `function` (both are methods of contexts), or another thing's method."""
    method: str
    """The name of that method; empty where it is the helper's own or there is none."""
    description: str
    returns: str
    """`integer`, `nothing`, or a pointer: `map value`, `memory`, `object`."""
    return_type: str
    """Its type in C."""
    maybe_null: bool
    """Whether the pointer may be NULL."""
    arguments: tuple[HelperArgument, ...]
    given_first: tuple[str, ...]
    """The kinds whose programs give the first argument, an object, where those of other kinds give their context."""
    since: tuple[int, int]
    """The first kernel that has it."""
    kinds: tuple[str, ...]
    """The kinds of programs that may call it, on the newest kernel that was asked or on an older one."""
    later: dict[str, tuple[int, int]]
    """The first kernel where a kind may call it, where it is not `since`; as exact as the kernels that were asked."""
    until: dict[str, tuple[int, int]]
    """The first kernel that takes it away from a kind again."""
    not_at: tuple[str, ...]
    """Hooks of its kinds that are exceptions on the newest kernel that was asked: `cgroup_sockopt/getsockopt`."""
    at_some: tuple[str, ...]
    """Kinds whose programs may call it at some of the functions alone that they can be attached to."""
    gpl_only: bool
    sleepable_only: bool
    """Whether only programs that may sleep can call it."""
    changes_packet: bool
    """Whether what a program knew of the packet, its views among it, ends with the call."""
    takes_packet: bool
    """Whether its memory may be a part of the packet."""

    def since_for(self, kind: str) -> tuple[int, int]:
        """The first kernel where programs of a kind that may call it can."""
        return self.later.get(kind, self.since)
