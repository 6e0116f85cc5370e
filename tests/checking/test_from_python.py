"""What the verifier refuses of programs in Python, found before at the same line: verifier_refusals.txt, one by one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from checked_objects import NEW, shown
from osmia.checking import check
from osmia.compiler import Target
from osmia.compiler.cache import object_for
from osmia.kernel.verifier_catalogue import CATALOGUE
from osmia.object_file import read_object
from program_files import module_from

CASES = (Path(__file__).parents[1] / "compiler" / "verifier_refusals.txt").read_text(encoding="utf-8")
PRELUDE = "from escaping import *\n"

# Found by another name than the verifier's words have, at the same line.
BY_ANOTHER_NAME = {
    "zero-sized": "bad-map-kind",
    "tail-map": "bad-map-kind",
    "stack-oob argument unset": "stack-uninit",  # the kernel that it is for lets it pass: a warning
}
NOT_FOUND = {
    "too-complex": "1,200 rounds of a loop are not followed one by one, so the branches left behind are not counted",
}


def cases() -> dict[str, tuple[str, str]]:
    """By name: the program, and what the kernel's refusal says."""
    found = {}
    for part in CASES.split("=== ")[1:]:
        name, _, rest = part.partition("\n")
        program, _, expected = rest.partition("--- expected\n")
        found[name] = (program, expected)
    return found


@pytest.mark.parametrize("name", cases())
def test_found_at_the_line_that_the_kernel_refuses(tmp_path: Path, name: str) -> None:
    program, expected = cases()[name]
    module = module_from(tmp_path, PRELUDE + program)
    data = object_for((module.program.request,), Target("v4", NEW)).data
    found = shown(check(read_object(data, "program.o")).findings)
    if name in NOT_FOUND:
        assert found == []
        return
    line = re.match(r"program\.py:(\d+): ", expected)
    assert line is not None
    entry = BY_ANOTHER_NAME.get(name) or next(
        each.name
        for each in sorted(CATALOGUE, key=lambda each: -len(each.name))
        if f"{name} ".startswith(each.name + " ")
    )
    severity = "warning" if entry in ("stack-uninit", "too-large") else "error"
    # What is said of a loop is said where its rounds are counted; the verifier ends somewhere in it.
    at = re.search(r"loop: program\.py:(\d+): ", expected) if entry == "too-large" else line
    assert at is not None
    assert (entry, severity, int(at[1])) in found
