"""System tools for tests: from PATH, else from a Debian package unpacked privately, else the test is skipped.

In CI, where `.ci/run` installs them, a missing tool fails the test instead.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from typing import NamedTuple, NoReturn

import pytest

from debian_packages import PackagesError, library_path, unpack

# Tool -> its Debian package. Those in NEEDS_INSTALLATION do not work from a private directory.
PACKAGES = {
    "bpftool": "bpftool",
    "clang": "clang",
    "ip": "iproute2",
    "llvm-objdump": "llvm",
    "llvm-readelf": "llvm",
    "ping": "iputils-ping",
    "sudo": "sudo",
    "tcpdump": "tcpdump",
}
NEEDS_INSTALLATION = {"sudo": "it has to be setuid root and to find its files under /etc"}


class Tool(NamedTuple):
    """A system tool: its path, and what has to be in the environment for it to run."""

    path: str
    environment: dict[str, str]

    def run(self, *arguments: str | os.PathLike[str], check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run it to its end; with `check`, an exit status other than 0 raises and shows what it printed."""
        done = subprocess.run(
            [self.path, *arguments],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode != 0:
            pytest.fail(f"{done.args} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done


@functools.cache
def find(name: str) -> Tool | str:
    """The tool, or the reason why it cannot be had."""
    package = PACKAGES[name]
    directories = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    # Debian also installs LLVM's tools under names with a version alone: clang-14.
    names = [name, *(f"{name}-{version}" for version in range(30, 13, -1))]
    path = next(filter(None, (shutil.which(candidate, path=directories) for candidate in names)), None)
    if path is not None:
        return Tool(path, {})
    if name in NEEDS_INSTALLATION:
        return f"{name} is not installed, and {NEEDS_INSTALLATION[name]}: apt install {package}"
    try:
        unpacked = unpack(package)
    except PackagesError as error:
        return f"{name} is not installed (apt install {package}), and its package cannot be fetched: {error}"
    for directory in ("usr/sbin", "usr/bin", "sbin", "bin"):
        if (unpacked / directory / name).exists():
            return Tool(str(unpacked / directory / name), {"LD_LIBRARY_PATH": library_path(unpacked)})
    return f"the package {package} holds no {name}"


def give_up(reason: str) -> NoReturn:
    """Skip the test that needs what is missing; in CI, fail it."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason} (.ci/run has to install it)")
    pytest.skip(reason)


def tool(name: str) -> Tool:
    """The system tool of that name, for a test that cannot do without."""
    found = find(name)
    if isinstance(found, str):
        give_up(found)
    return found
