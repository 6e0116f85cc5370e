"""How the command line was started, for what it proposes to run next."""

from __future__ import annotations

import os
import shlex
import shutil
import sys

BY_SCRIPT = "OSMIA_STARTED_AS"
"""The environment variable in which a checkout's script says how it was called itself: `./osmia`."""
_MODULE = "__main__.py"


def osmia_command() -> str:
    """What starts osmia as it was started now: `osmia`, `./osmia`, `.venv/bin/osmia`, `python3 -m osmia`."""
    script = os.environ.get(BY_SCRIPT)
    if script:
        return shlex.quote(script)
    if os.path.basename(sys.argv[0]) == _MODULE:
        return f"{shlex.quote(sys.orig_argv[0])} -m osmia"
    return shlex.quote(_short(sys.argv[0]))


def pytest_command() -> str:
    """What runs pytest with this osmia; in a checkout the script makes the environment that has it."""
    script = os.environ.get(BY_SCRIPT)
    if script:
        python = os.path.join(os.path.dirname(os.path.realpath(script)), ".venv", "bin", "python")
        beside = os.path.relpath(python)
        return f"{shlex.quote(script)} setup test && {shlex.quote(min(beside, python, key=len))} -m pytest"
    if os.path.basename(sys.argv[0]) == _MODULE:
        return f"{shlex.quote(sys.orig_argv[0])} -m pytest"
    beside = os.path.join(os.path.dirname(sys.argv[0]), "python")
    return f"{shlex.quote(beside if _short(sys.argv[0]) != 'osmia' and os.path.exists(beside) else 'python')} -m pytest"


def _short(program: str) -> str:
    """A program as a shell finds it."""
    name = os.path.basename(program)
    found = shutil.which(name)
    return name if found is not None and os.path.realpath(found) == os.path.realpath(program) else program
