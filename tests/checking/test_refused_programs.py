"""How much of what the verifier refuses is found before: the programs of tests/refused_programs.py, one by one.

The lines are those at which the kernel refuses them, as tests/kernel/refused.txt has them of Linux 6.18. What is said
of each stands in found.txt; `python tests/checking/test_refused_programs.py` writes it anew, to be read before it is
committed.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from checked_objects import NEW, OLD, found_in, shown
from osmia.cli.check import as_text
from osmia.kernel.verifier_catalogue import CATALOGUE
from refused_programs import PROGRAMS

FOUND = Path(__file__).with_name("found.txt")
REFUSED = (Path(__file__).parents[1] / "kernel" / "refused.txt").read_text(encoding="utf-8")

# Programs that are found at the kernel's own line by another name than that of the verifier's words, and why.
BY_ANOTHER_NAME = {
    "call-depth recursion": ("recursion", "the verifier counts the frames of a function that calls itself"),
    "zero-sized": ("bad-map-kind", "a map without keys is named as that, where the verifier sees a key of no bytes"),
    "tail-map call": ("bad-map-kind", "the helper is given a map of another type, whatever the verifier calls it"),
}
# What Linux 6.18 lets pass where the process has CAP_PERFMON: a warning for its sake, an error for older kernels.
PASSED_LATER = {"stack-uninit", "stack-oob argument unset"}
# The verifier stops wherever in the loop its millionth step is.
ANOTHER_LINE = {"too-large"}


def entry_of(name: str) -> str:
    """A program is named after its entry, with a word behind it where there are several."""
    named = {entry.name for entry in CATALOGUE}
    while name not in named:
        name = name.rpartition(" ")[0]
    return name


def kernel_line(name: str) -> int | None:
    """The line at which Linux 6.18 refuses a program; None where its words name none."""
    part = REFUSED.partition(f"=== {name}\n")[2].partition("\n=== ")[0]
    found = re.search(r"^p\.py:(\d+): ", part, re.MULTILINE)
    return int(found[1]) if found else None


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in PASSED_LATER])
def test_found_before_the_kernel_refuses_it(name: str) -> None:
    wanted = BY_ANOTHER_NAME[name][0] if name in BY_ANOTHER_NAME else entry_of(name)
    found = [each for each in shown(found_in(PROGRAMS[name])) if each[1] == "error"]
    assert wanted in {each[0] for each in found}
    line = kernel_line(name)
    assert line is None or name in ANOTHER_LINE or line in {each[2] for each in found}


@pytest.mark.parametrize("name", sorted(PASSED_LATER))
def test_what_later_kernels_let_pass_is_an_error_for_older_ones(name: str) -> None:
    assert [each[:2] for each in shown(found_in(PROGRAMS[name], NEW))] == [("stack-uninit", "warning")]
    assert [each[:2] for each in shown(found_in(PROGRAMS[name], OLD))] == [(entry_of(name), "error")]


def test_the_figure() -> None:
    """Of all the programs, those that are found, and those found by the verifier's own name."""
    found = {name: {each.name for each in found_in(PROGRAMS[name])} for name in PROGRAMS}
    assert len(found) == sum(bool(names) for names in found.values()) == 84
    assert sum(entry_of(name) in names for name, names in found.items()) == 84 - len(BY_ANOTHER_NAME) - 1


def texts() -> str:
    """What is said of each program for Linux 6.18, as the command line shows it."""
    parts = []
    for name, refused in PROGRAMS.items():
        said = "\n".join(as_text(each) for each in found_in(refused))
        parts.append(f"=== {name}\n{said}\n")
    return "\n".join(parts)


def test_what_is_said() -> None:
    assert texts() == FOUND.read_text(encoding="utf-8")


if __name__ == "__main__":
    FOUND.write_text(texts(), encoding="utf-8")
