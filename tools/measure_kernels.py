"""Ask other kernels which helpers each hook may call, in virtual machines, and write tools/helpers/measured-*.txt.

`measure_kernels.py [KERNEL ...]`, as root on Debian, like try_kernel.py; all of its kernels unless given.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import measure_helpers
import try_kernel
from vm import kernels, machine

TABLES = Path(__file__).resolve().parent / "helpers"
SECONDS = 600
_LINE = re.compile(r"# .*|hooks .*|\w+ [+gs.?]+")


def main() -> int:
    """Measure the kernels one after the other; the exit status."""
    if sys.argv[1:2] == ["--in-machine"]:
        return _in_machine(sys.argv[2])
    for version in sys.argv[1:] or kernels.SUITES:
        command = [sys.executable, __file__, "--in-machine", version]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        # What the machine's console says stands between the lines of the file.
        lines = [line for line in done.stdout.splitlines() if _LINE.fullmatch(line)]
        if done.returncode or len(lines) != len(measure_helpers.HELPERS) + 3:
            print(f"measure_kernels.py: kernel {version} gave no table:\n{done.stdout}", file=sys.stderr)
            return 1
        (TABLES / f"measured-{version}.txt").write_text("\n".join([*lines, ""]))
    return 0


def _in_machine(version: str) -> int:
    kernel = kernels.fetch(version)
    arguments = [sys.executable, "-P", str(Path(measure_helpers.__file__))]
    command = machine.Command(arguments, try_kernel.CHECKOUT, try_kernel.environment([]))
    return machine.run(kernel, command, seconds=SECONDS)


if __name__ == "__main__":
    sys.exit(main())
