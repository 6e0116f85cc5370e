"""The verifier's catalogue reached from Python: what it says of programs that osmia.unchecked takes past the compiler.

Every program of refused_by_verifier.txt is refused with exactly the text that stands below it there. Line 1 of each is
the import of the names in escaping.py, which the file leaves out. `python tests/compiler/test_verifier_from_python.py` writes the
texts anew from Linux 6.18, to be read before they are committed.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

import children
import osmia
from osmia.programs.program import Program
from program_files import module_from

CASES = Path(__file__).with_name("refused_by_verifier.txt")
PRELUDE = "from escaping import *\n"


def cases() -> dict[str, tuple[str, str]]:
    """By name: the program and the expected text."""
    found = {}
    for part in CASES.read_text(encoding="utf-8").split("=== ")[1:]:
        name, _, rest = part.partition("\n")
        program, _, expected = rest.partition("--- expected\n")
        found[name] = (program, expected.strip() + "\n")
    return found


def refusal(directory: Path, program: str) -> str:
    """What is said of the program `program` when it is loaded."""
    module = module_from(directory, PRELUDE + program)
    declared = module.program
    assert isinstance(declared, Program)
    try:
        declared.load()
    except osmia.VerifierError as error:
        return str(error).replace(str(module.__file__), "program.py") + "\n"
    declared.close()
    return "not refused\n"


def write() -> None:
    """Write the texts that are said now."""
    with tempfile.TemporaryDirectory() as directory:
        parts = []
        for name, (program, _) in cases().items():
            try:
                text = refusal(Path(directory), program)
            except Exception as e:
                text = f"{type(e)} {e} {getattr(e, '__notes__', '')}\n"
            parts.append(f"=== {name}\n{program.strip()}\n--- expected\n{text}")
    CASES.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    write()
