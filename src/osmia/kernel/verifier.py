"""What the verifier's log says: why it refused a program, and at which line of the source."""

from __future__ import annotations

from osmia.errors import VerifierError
from osmia.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia.spec import LineInfo


@record
class Rejection:
    """What a log says of a program that the verifier refused."""

    reason: str
    """The kernel's own words, on one line."""
    file: str | None
    line: int | None
    text: str
    """The source line, where the log or the object has it."""
    instruction: int | None
    """The instruction that was refused, counted in slots over the whole program."""


def verifier_error(number: int, program: str, log: str, lines: Sequence[LineInfo]) -> VerifierError:
    """The error for a log; `lines` are the program's, with offsets over the whole of it, ascending."""
    found = read_log(log, lines)
    where = f"{found.file}:{found.line}: " if found.file else ""
    said = f"the kernel's verifier refuses program '{program}': {plain_words(found.reason)}"
    at = f"\n    {found.text.strip()}" if found.text.strip() else ""
    if not where and found.instruction is not None:
        said += f" (at instruction {found.instruction})"
    error = VerifierError(number, f"{where}{said}{at}")
    error.log = log
    return error


def read_log(log: str, lines: Sequence[LineInfo]) -> Rejection:
    """Find the reason and its place. Both forms of log are read: the plain one, and that of kernels from 7.3."""
    reason: list[str] = []
    source: tuple[str, int, str] | None = None
    instruction: int | None = None
    report: str | None = None
    for line in log.splitlines():
        if line.startswith(_SUMMARIES):
            break
        if line.startswith(_REPORT):
            report = ""
        if report is not None:
            report += line + "\n"
            continue
        if line.startswith("; "):
            source, reason = _source(line) or source, []
        elif (index := _instruction_index(line)) is not None:
            instruction, reason = index, []
        elif line.strip() and not line.startswith(_NOISE):
            reason.append(line.strip())
    said = _reported_reason(report) if report is not None else ""
    said = said or "; ".join(reason) or "it gives no reason"
    if (named := _named_instruction(said)) is not None:
        instruction, source = named, None
    if source is None and instruction is not None:
        source = _look_up(instruction, lines)
    file, number, text = source or (None, None, "")
    return Rejection(said, file, number, text, instruction)


_SUMMARIES = ("processed ",)
# What stands between instructions: the registers' state, and how it was found out.
_NOISE = (
    " R",
    " frame",
    "last_idx ",
    "parent ",
    "regs=",
    "func#",
    "verification time",
    "stack depth",
    "mark_precise:",
    "from ",
    "Validating ",
    "Func#",
    "caller:",
    "callee:",
)
_REPORT = "Verification failed:"


def _source(line: str) -> tuple[str, int, str] | None:
    """`; counter.value += 1 @ counter.py:9` in its parts; kernels before 6.9 leave the place out."""
    text, separator, place = line[2:].rpartition(" @ ")
    file, colon, number = place.rpartition(":")
    if not separator or not colon or not number.isdigit():
        return None
    return file, int(number), text


def _instruction_index(line: str) -> int | None:
    """The index in `12: (85) call ...` or in the state line `12: R0=...`."""
    index, colon, rest = line.partition(":")
    return int(index) if colon and index.isdigit() and rest.startswith((" (", " R", " frame")) else None


def _named_instruction(reason: str) -> int | None:
    """The instruction in a reason that comes before the simulation: `unreachable insn 2`."""
    for before in (
        "unreachable insn ",
        "jump out of range from insn ",
        "back-edge from insn ",
        "infinite loop detected at insn ",
    ):
        _, found, rest = reason.partition(before)
        digits = rest.split(" ")[0].rstrip(";.")
        if found and digits.isdigit():
            return int(digits)
    return None


def _look_up(instruction: int, lines: Sequence[LineInfo]) -> tuple[str, int, str] | None:
    covering = None
    for line in lines:
        if line.offset > instruction:
            break
        covering = line
    return (covering.file, covering.line, covering.text) if covering else None


def _reported_reason(report: str) -> str:
    """What stands under `Reason:` in a log of a kernel from 7.3."""
    _, found, rest = report.partition("\nReason:\n")
    words = rest.partition("\n\n")[0] if found else report.partition(":")[2].partition("\n")[0]
    return " ".join(words.split())


def plain_words(reason: str) -> str:
    """The reason in plain words where it is a known one, with the kernel's own behind it."""
    for sign, words in _PLAIN:
        if sign in reason:
            return f"{words} (`{reason}`)"
    return reason


# The first sign that a reason holds says what it means.
_PLAIN: tuple[tuple[str, str], ...] = (
    ("_or_null'", "a value that may be missing is used without a check for None"),
    ("_or_null prohibited, null-check it first", "a value that may be missing is used without a check for None"),
    ("invalid access to packet", "packet bytes are used that no check has shown to be there"),
    ("invalid mem access 'scalar'", "a plain number is used as an address"),
    ("invalid mem access 'inv'", "a plain number is used as an address"),
    ("invalid access to map value", "an access outside a map's value"),
    ("invalid access to memory", "an access outside the memory that belongs to the program"),
    ("unbounded memory access", "an index without an upper bound"),
    ("!read_ok", "a value is read that is not set on every path"),
    ("stack size of", "the locals of all functions on one path of calls take more than 512 bytes"),
    ("call stack of", "more than 8 nested calls of functions"),
    ("infinite loop detected", "a loop that may never end"),
    ("back-edge from insn", "a loop, which kernels before 5.3 do not run"),
    ("BPF program is too large", "the program takes the verifier more than a million steps"),
    ("jumps is too complex", "too many branches for the verifier"),
    ("cannot use helper", "a helper that programs of this kind may not call"),
    ("unknown func", "a helper that this kernel, or this kind of program, does not have"),
    ("invalid func unknown", "a helper that this kernel does not have"),
    ("GPL-restricted function", 'a helper for programs under the GPL only: say LICENSE = "GPL"'),
    ("invalid bpf_context access", "a field of the context that is not there, or may not be used this way"),
    ("should have been in", "a return value that this hook does not allow"),
    ("write into map forbidden", "a write to a read-only map"),
    ("unknown opcode", "an instruction that this kernel does not know: build for an older target"),
    ("unreachable insn", "code that can never run"),
)
