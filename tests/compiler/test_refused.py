"""Every program of refused.txt and its neighbours is refused with exactly the text that stands below it there.

Line 1 of each program is the import of osmia's names, which the file leaves out.
`python tests/compiler/test_refused.py` writes the texts anew, to be read before they are committed.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import pytest

import osmia
from osmia.compiler.build import checked_unit
from osmia.programs.program import Program
from program_files import PRELUDE, module_from, text_of

CASES = sorted(Path(__file__).parent.glob("refused*.txt"))


def cases(*files: Path) -> dict[str, tuple[str, str]]:
    """By name: the program and the expected text."""
    found = {}
    for part in "\n".join(file.read_text(encoding="utf-8") for file in files or CASES).split("=== ")[1:]:
        name, _, rest = part.partition("\n")
        program, _, expected = rest.partition("--- expected\n")
        found[name] = (program, expected.strip() + "\n")
    return found


def refusal(directory: Path, program: str) -> str:
    """What the compiler says of a program: the place, the source line, a caret, and every note."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # `x is 1`, `1(2)`: Python warns, osmia refuses
        module = module_from(directory, PRELUDE + program)
    programs = [value for value in vars(module).values() if isinstance(value, Program)]
    try:
        checked_unit(tuple(program.request for program in programs))
    except osmia.CompileError as error:
        return text_of(error, str(module.__file__))
    return "not refused\n"


@pytest.mark.parametrize("name", cases())
def test_refused_with_its_own_text(tmp_path: Path, name: str) -> None:
    program, expected = cases()[name]
    assert refusal(tmp_path, program) == expected


def write() -> None:
    """Write the texts that the compiler gives now."""
    for file in CASES:
        with tempfile.TemporaryDirectory() as directory:
            parts = [
                f"=== {name}\n{program.strip()}\n--- expected\n{refusal(Path(directory), program)}"
                for name, (program, _) in cases(file).items()
            ]
        file.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    write()
