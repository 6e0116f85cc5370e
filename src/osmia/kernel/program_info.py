"""What the kernel says of a program."""

from __future__ import annotations

from osmia.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@record
class ProgramInfo:
    """What the kernel says of a program."""

    id: int
    tag: str
    """The hash of its instructions, 16 hex digits."""
    name: str
    """The first 15 characters of its name."""
    instructions: int
    """How many the verifier left, in slots of 8 bytes."""
    jited_bytes: int
    """The size of its machine code; 0 where the kernel interprets it."""
    run_time_ns: int
    """The time it has run, in ns; counted while kernel.bpf_stats_enabled is 1."""
    run_count: int
    """How often it has run; counted like `run_time_ns`."""
    verified_instructions: int
    """How many instructions the verifier went through; 0 before Linux 5.16."""


def read(info: dict[str, Any]) -> ProgramInfo:
    """What struct bpf_prog_info says, by its fields' names."""
    return ProgramInfo(
        id=info["id"],
        tag=info["tag"].hex(),
        name=info["name"].rstrip(b"\0").decode("ascii", "replace"),
        instructions=info["xlated_prog_len"] // 8,
        jited_bytes=info["jited_prog_len"],
        run_time_ns=info["run_time_ns"],
        run_count=info["run_cnt"],
        verified_instructions=info["verified_insns"],
    )
