"""Reading a log of the verifier: the instructions that it followed, and the words in which it refused the last one.

The log of a refused program holds the one way through it that led to the refusal. Kernels from 7.3 put a report behind
the lines that all kernels write.
"""

from __future__ import annotations

import re

from osmia.record import record


@record
class Step:
    """An instruction that the verifier followed."""

    index: int
    """Counted in slots over the whole program."""
    opcode: int
    text: str
    """As the log has it: `r0 = *(u8 *)(r2 +12)`."""
    depth: int
    """How many calls of functions are around it."""
    source: tuple[str, int, str] | None
    """(file, line, text), where the log says it and the instruction is of one line."""
    state: str
    """What the log says of the registers after it."""


@record
class Log:
    """What a log says."""

    steps: list[Step]
    reason: str
    """The kernel's words on one line; empty where it gives none."""
    report: str
    """The report of kernels from 7.3; empty on others."""
    function: str
    """The global function that was verified by itself; empty where it was the program."""
    cut: bool
    """Whether the steps before the first one are missing: later kernels drop the start of a log that does not fit."""


# What stands between instructions and is no reason: how states were found and compared.
_NOISE = (
    "last_idx ",
    "parent ",
    "regs=",
    "func#",
    "mark_precise:",
    "Func#",
    "caller:",
    "returning from callee:",
    "to caller at ",
    "cur state:",
    "old state:",
    "verification time",
    "stack depth",
)
_REGISTERS = (" R", " frame")
_CALLED = "callee:"
_GAP = "[...]"
_REPORT = "Verification failed:"
_STEP = re.compile(r"(\d+): \(([0-9a-f]{2})\) (.*)")
_STATE = re.compile(r"(?:from \d+ to )?\d+(?: \(speculative execution\))?: ?(?:safe$|(?=R\d|frame|$))")
_NEXT_STATE = re.compile(r" \d+: (?=R\d|frame)")
_RESUMED = re.compile(r"from \d+ to \d+[^:]*: ?(?:frame(\d+))?")
_VALIDATING = re.compile(r"Validating (\w+)\(\) func#")
_EXIT = 0x95
# Some reasons end without a newline, so that this follows on their line.
_SUMMARY = re.compile(r"processed \d+ insns? ?\(limit ")


def read_log(log: str) -> Log:
    """Read a log, whole or cut short."""
    steps: list[Step] = []
    reason: list[str] = []
    source: tuple[str, int, str] | None = None
    function = ""
    depth = 0
    body, report = _parts(log)
    for line in body.splitlines():
        if found := _STEP.match(line):
            text, state = _instruction(found[3])
            steps.append(Step(int(found[1]), int(found[2], 16), text, depth, source, state))
            reason = []
            if steps[-1].opcode == _EXIT and depth:
                depth -= 1
        elif line.startswith("; "):
            # Line 0 is what the compiler made of several lines, or by itself.
            found_place = place(line) or source
            source, reason = found_place if found_place and found_place[1] else None, []
        elif line == _GAP:  # the last steps are missing, so that none of those before is the refused one
            steps, source, reason = [], None, []
        elif line.startswith(_CALLED):
            depth += 1
        elif _STATE.match(line):
            if resumed := _RESUMED.match(line):
                depth = int(resumed[1] or 0)
            if steps:
                steps[-1].state += " " + line
            reason = []
        elif line.startswith(_REGISTERS):
            if steps:
                steps[-1].state += line
        elif validating := _VALIDATING.match(line):
            function = validating[1]
        elif line.strip() and not line.startswith(_NOISE):
            reason.append(line.strip())
    cut = bool(steps) and steps[0].index != 0 and not function
    return Log(steps, "; ".join(reason), report, function, cut)


def _parts(log: str) -> tuple[str, str]:
    """The lines that all kernels write, and the report of later ones."""
    summaries = list(_SUMMARY.finditer(log, max(0, len(log) - _LAST_PART)))
    whole = log[: summaries[-1].start()] if summaries else log
    if whole.startswith(_REPORT):
        return "", whole
    body, found, report = whole.partition("\n" + _REPORT)
    return body, _REPORT + report if found else ""


_LAST_PART = 1 << 12  # the summary is two lines, and a line for each function


def _instruction(rest: str) -> tuple[str, str]:
    """The text of an instruction, and the state behind it."""
    text, _, state = rest.partition(";")
    if found := _NEXT_STATE.search(text):
        return text[: found.start()].rstrip(), text[found.end() :]
    return text.rstrip(), state.strip()


def place(line: str) -> tuple[str, int, str] | None:
    """`; counter.value += 1 @ counter.py:9` in its parts; kernels before 6.9 leave the place out."""
    text, separator, where = line[2:].rpartition(" @ ")
    file, colon, number = where.rpartition(":")
    if not separator or not colon or not number.isdigit():
        return None
    return file, int(number), text


def reported_instruction(report: str) -> int | None:
    """The instruction that a report points at, under `At:`."""
    _, _, rest = report.partition("\nAt:\n")
    _, _, context = rest.partition("\n\n")[0].partition("Instruction context:\n")
    for line in context.splitlines():
        _, arrow, pointed_at = line.partition(">>>")
        number = pointed_at.partition("|")[0].strip()
        if arrow and number.isdigit():
            return int(number)
    return None


def reported_words(report: str, heading: str) -> str:
    """What stands in a report under a heading such as `Reason`; empty where it has none."""
    _, found, rest = report.partition(f"\n{heading}:\n")
    return " ".join(rest.partition("\n\n")[0].split()) if found else ""
