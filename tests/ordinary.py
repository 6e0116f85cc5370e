"""An ordinary user, for tests that root runs, and a Python that one may run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import osmia

SOURCE = str(Path(osmia.__file__).resolve().parents[1])
UID = 65534
NO_CAPABILITY = ("setpriv", "--inh-caps=-all", "--bounding-set=-all")
_NOBODY = (f"--reuid={UID}", f"--regid={UID}", "--clear-groups")
NOBODY = (*NO_CAPABILITY, *_NOBODY)
# That user with the one capability that receiving packets takes, which programs that it starts have too.
NOBODY_WITH_NET_RAW = (
    *("setpriv", "--inh-caps=-all,+net_raw", "--ambient-caps=+net_raw", "--bounding-set=-all,+net_raw"),
    *_NOBODY,
)


def everybodys_python(own: str = sys.executable, *, imports: str = "ctypes") -> str:
    """A Python that will do and that an ordinary user may run, with modules that one can read; empty for none.

    This one may be in a home directory. The system's has no packages.
    """
    program = f"import sys, {imports}; sys.exit(sys.version_info < (3, 11))"
    for python in (own, "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            tried = subprocess.run(
                [python, "-B", "-c", program],
                user=UID,
                group=UID,
                extra_groups=[],
                cwd="/",
                env={**os.environ, "PYTHONPATH": SOURCE},
                capture_output=True,
                check=False,
            )
        except OSError:
            continue
        if tried.returncode == 0:
            return python
    return ""


def readable_python() -> str:
    """One that can read osmia too; empty for none."""
    return everybodys_python(imports="ctypes, osmia.cli.main, osmia.testing")


def nobodys_python() -> tuple[str, ...]:
    """Runs Python as an ordinary user; empty where that user can read none."""
    if os.geteuid() != 0:
        return (sys.executable,)
    python = readable_python()
    return (*NOBODY, python) if python else ()


def python_without_rights() -> tuple[str, ...]:
    """Runs Python as an ordinary user; as root without a capability where that user can read none."""
    return nobodys_python() or (*NO_CAPABILITY, sys.executable)


def open_to_all(directory: Path) -> None:
    """Let an ordinary user read what is in a test's directory, which pytest makes for its own user alone."""
    for each in (directory, *directory.parents):
        if "/pytest-of-" in str(each):
            each.chmod(0o755)
