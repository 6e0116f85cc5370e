"""The verifier's catalogue reached from Python: what it says of programs that osmia.unchecked takes past the compiler.

Every program of verifier_refusals.txt is refused with exactly the text that stands below it there. Line 1 of each is
the import of the names in escaping.py, which the file leaves out.
`python tests/compiler/test_verifier_from_python.py` writes the texts anew, to be read before they are committed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import children
import osmia
from osmia.kernel.features import kernel_version
from osmia.kernel.verifier_catalogue import CATALOGUE, explain
from osmia.programs.program import Program
from program_files import module_from
from refusal import without_marks

CASES = Path(__file__).with_name("verifier_refusals.txt")
PRELUDE = "from escaping import *\n"
EXACT = (6, 18)
# Only processes without CAP_PERFMON are refused these.
WITHOUT_PERFMON = {"stack-uninit", "stack-oob argument unset"}

COMPILER_REFUSES = "the compiler refuses it, and no escape leads past that: "
NEVER_MADE = "osmia and LLVM never make such code: "
# Why no XDP program in Python comes to these entries.
NOT_REACHED = {
    "stack-oob": COMPILER_REFUSES + "what lies more than 512 bytes below the frame's end is counted as its stack",
    "stack-depth": COMPILER_REFUSES + "it adds up the stack of a program and all that it calls",
    "recursion": COMPILER_REFUSES + "recursion is named with its way",
    "ptr-32": NEVER_MADE + "what is cut to 32 bits is copied before, and is a number then",
    "div0": COMPILER_REFUSES + "a division by the constant 0; a divisor that varies is tested",
    "shift": NEVER_MADE + "shifts beyond the width are made of others",
    "unreachable": NEVER_MADE + "blocks that nothing leads to are dropped",
    "no-exit": NEVER_MADE + "a function without a return on some way is refused",
    "jump-oob": NEVER_MADE + "jumps stay in their function",
    "fp-ro": NEVER_MADE + "nothing writes r10",
    "opcode": NEVER_MADE + "the target says which instructions there are",
    "ld-abs": NEVER_MADE + "the old loads from packets",
    "back-edge": "Linux before 5.3 alone, which osmia does not run on, and functions that call themselves",
    "lock-btf": "the maps that osmia makes always have type information",
    "infinite-loop": NEVER_MADE + "a loop is given an end where none is to be seen",
    "ret-range": "XDP programs may return any number; it takes a kind of which the kernel checks that",
    "ro-pkt": "XDP programs may write packets; it takes a kind that may not",
    "kfunc": "the kernel's own functions cannot be called yet",
}


def cases() -> dict[str, tuple[str, str]]:
    """By name: the program and the expected text."""
    found = {}
    for part in CASES.read_text(encoding="utf-8").split("=== ")[1:]:
        name, _, rest = part.partition("\n")
        program, _, expected = rest.partition("--- expected\n")
        found[name] = (program, expected.strip() + "\n")
    return found


def entry_of(name: str) -> str:
    """A program is named after its entry, with a word behind it where there are several."""
    named = {entry.name for entry in CATALOGUE}
    while name not in named:
        name = name.rpartition(" ")[0]
    return name


def refusal(directory: Path, name: str, program: str) -> str:
    """What is said of the program `program` when it is loaded."""
    module = module_from(directory, PRELUDE + program)
    declared = module.program
    assert isinstance(declared, Program)
    try:
        declared.load()
        declared.close()
        text = "not refused"
    except osmia.VerifierError as error:
        text = str(error)
    if name in WITHOUT_PERFMON:
        assert text == "not refused"
        text = children.outcome(declared.load, children.drop("CAP_PERFMON")).text
    return text.replace(str(module.__file__), "program.py") + "\n"


@pytest.mark.parametrize("name", cases())
def test_refused_with_its_own_text(tmp_path: Path, name: str) -> None:
    if kernel_version() != EXACT:
        pytest.skip(f"the texts are those of Linux {EXACT[0]}.{EXACT[1]}; tests/kernel compares other kernels")
    program, expected = cases()[name]
    text = refusal(tmp_path, name, program)
    assert text == expected
    entry = explain(text.rpartition("\n  kernel: ")[2])
    assert entry is not None
    assert entry.entry.name == entry_of(name)


def test_every_entry_is_reached_or_there_is_a_reason() -> None:
    reached = {entry_of(name) for name in cases()}
    assert reached | NOT_REACHED.keys() == {entry.name for entry in CATALOGUE}
    assert reached & NOT_REACHED.keys() == set()


PLAIN = """\
from osmia import HashMap, XdpAction, XdpContext, u32, u64, xdp
from osmia.unchecked import assume

table = HashMap(u32, u64, max_entries=4)


@xdp
def count(ctx: XdpContext) -> XdpAction:
    if ctx.rx_queue_index == 3:
        return XdpAction.DROP
    total = 1 + assume(table.lookup(1)).value
    return XdpAction.PASS if total > 1 else XdpAction.DROP


count.load()
"""
SHOWN = """\
Traceback (most recent call last):
  File "{path}", line 15, in <module>
    count.load()
osmia.errors.VerifierError: {path}:11: the kernel's verifier refuses program 'count': a value that may be missing is \
used without a check for None
    total = 1 + assume(table.lookup(1)).value
                ^
  path: line 9: false
  fix: test it right behind the call, `if value is None: return ...`, on every path that uses it
  kernel: R0 invalid mem access 'map_value_or_null'
"""


def test_what_a_user_sees(tmp_path: Path) -> None:
    """`python count.py`, from another directory: the user's lines alone, by the path that Python knows."""
    path = tmp_path / "count.py"
    path.write_text(PLAIN, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(path)], cwd="/", env={**os.environ}, capture_output=True, text=True, check=False
    )
    assert done.stdout == ""
    assert without_marks(done.stderr) == SHOWN.format(path=path)
    assert done.returncode == 1


def write() -> None:
    """Write the texts that are said now."""
    with tempfile.TemporaryDirectory() as directory:
        parts = [
            f"=== {name}\n{program.strip()}\n--- expected\n{refusal(Path(directory), name, program)}"
            for name, (program, _) in cases().items()
        ]
    CASES.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    write()
