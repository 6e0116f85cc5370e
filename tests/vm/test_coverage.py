"""Lines of programs that ran, as tools for coverage see them: by `sys.settrace`, and by coverage.py where it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import debugged_helper
import debugged_programs
from osmia import Machine

if TYPE_CHECKING:
    from types import FrameType

FILES = {debugged_programs.__file__, debugged_helper.__file__}


def marked(path: str) -> dict[int, str]:
    """The lines that have a mark behind them."""
    lines = Path(path).read_text().splitlines()
    return {
        number: line.rpartition("# ")[2]
        for number, line in enumerate(lines, 1)
        if "  # " in line and "noqa" not in line
    }


def lines_run(*packets: bytes, debug: bool = True) -> set[str]:
    """The marks of the lines that `sized` runs for packets."""
    found: set[tuple[str, int]] = set()

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        if frame.f_code.co_filename in FILES and event == "line":
            found.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    with Machine(debug=debug, engine="python") as machine:
        debugged_programs.sized.load()
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            for each in packets:
                machine.run(debugged_programs.sized, each)
        finally:
            sys.settrace(before)
    marks = {path: marked(path) for path in FILES}
    return {marks[path][line] for path, line in found if line in marks[path]}


ALWAYS = {"sized: in the loop", "sized: limited", "sized: clamped", "sized: end"}


def test_a_branch_that_was_not_taken_is_missing() -> None:
    large = ALWAYS | {"sized: large", "limited: most", "clamped: high"}
    small = ALWAYS | {"sized: small", "limited: n", "clamped: low"}
    assert lines_run(bytes(90)) == large
    assert lines_run(bytes(9)) == small
    assert lines_run(bytes(90), bytes(9)) == large | small


def test_without_debugging_lines_are_those_that_the_compiler_left() -> None:
    """All that it shows did run; some that ran are not shown."""
    assert lines_run(bytes(90), debug=False) <= ALWAYS | {"sized: large", "limited: most", "clamped: high"}


SCRIPT = """\
import debugged_programs
from osmia import Machine
with Machine(debug=True) as machine:
    machine.run(debugged_programs.sized, bytes(90))
"""


@pytest.mark.parametrize("core", ["ctrace", "pytrace", "sysmon"])
def test_coverage_py(tmp_path: Path, core: str) -> None:
    if core == "sysmon" and sys.version_info < (3, 12):
        pytest.skip("sys.monitoring, which this core of coverage.py uses, came with Python 3.12")
    (tmp_path / "script.py").write_text(SCRIPT)
    search = (
        f"{Path(debugged_programs.__file__).parent}{os.pathsep}{Path(sys.modules['osmia'].__file__ or '').parents[1]}"
    )
    environment = os.environ | {
        "COVERAGE_CORE": core,
        "PYTHONPATH": f"{search}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
    }
    for command in (("run", "--include=*/debugged_*", "script.py"), ("json", "-q", "-o", "report.json")):
        subprocess.run([sys.executable, "-m", "coverage", *command], check=True, cwd=tmp_path, env=environment)
    report = json.loads((tmp_path / "report.json").read_text())["files"]
    missing = {Path(path).name: set(found["missing_lines"]) for path, found in report.items()}
    names = {Path(path).name: marked(path) for path in FILES}
    said = {names[file].get(line, "") for file, lines in missing.items() for line in lines}
    assert {each for each in said if each.startswith(("sized", "limited", "clamped"))} == {
        *("sized: small", "sized: no flow", "limited: n", "clamped: low", "clamped: size"),
    }
