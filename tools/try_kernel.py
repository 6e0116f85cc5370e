"""Run the tests on other kernels, each in a virtual machine of its own.

`try_kernel.py [KERNEL ...] [-- ARGUMENTS OF PYTEST]`, as root on Debian; kernels are 5.10, 6.1, 6.12, 6.18 and 7.3, all
of them unless given. qemu and the kernels are Debian packages, unpacked in the user's cache directory. The machines run
this Python, and see this machine's files read-only. The exit status is 0 if every run's was, else the first other one.

A virtual machine compiles a hundred times slower than this one. So the tests run here first, where their modules have
the paths that they will have there, and the other kernels find what was compiled in the cache. What they compile for
the running kernel, or without the cache, they compile themselves.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from debian_packages import PackagesError
from vm import initramfs, kernels, machine

CHECKOUT = Path(__file__).resolve().parents[1]
SECONDS = 3600
CANNOT = 2
"""The exit status where there is no virtual machine to be had."""


def environment(arguments: list[str]) -> dict[str, str]:
    """What is in the tests' environment there: every cache is in the directory that can be written to."""
    writable = initramfs.WRITABLE
    caches = f"{writable}/caches"
    # An option of the plugin that keeps the cache: pytest refuses it where the plugin is switched off.
    keeps_cache = "no:cacheprovider" not in "".join(arguments)
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": os.environ.get("HOME", "/root"),
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
        "COLUMNS": "120",
        "TMPDIR": writable,
        "XDG_CACHE_HOME": caches,
        "OSMIA_CACHE_DIR": f"{caches}/osmia",
        "MYPY_CACHE_DIR": f"{caches}/mypy",
        "RUFF_CACHE_DIR": f"{caches}/ruff",
        "HYPOTHESIS_STORAGE_DIRECTORY": f"{caches}/hypothesis",
        "PYTEST_ADDOPTS": f"-o cache_dir={caches}/pytest" if keeps_cache else "",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(CHECKOUT / "src"),
    }


def pytest_command(arguments: list[str]) -> list[str]:
    """The command that runs the tests, the same here and there: modules are compiled for their paths."""
    modules = f"--basetemp={initramfs.WRITABLE}/osmia-tests-{os.getpid()}"
    return [sys.executable, "-P", "-m", "pytest", modules, *arguments]


def compile_here(arguments: list[str], compiled: Path) -> None:
    """Run the tests on this machine's kernel, for what they compile; how they end does not matter."""
    print(f"== here, Linux {os.uname().release}", flush=True)
    given = os.environ | {"PYTHONPATH": str(CHECKOUT / "src"), "OSMIA_TEST_CACHE_DIR": str(compiled)}
    try:
        subprocess.run(pytest_command(arguments), cwd=CHECKOUT, env=given, check=False)
    finally:
        shutil.rmtree(f"{initramfs.WRITABLE}/osmia-tests-{os.getpid()}", ignore_errors=True)


def try_kernel(version: str, arguments: list[str], seconds: float, compiled: Path) -> int:
    """Run pytest on one kernel; its exit status."""
    kernel = kernels.fetch(version)
    print(f"== Linux {kernel.release}", flush=True)
    started = time.monotonic()
    given = environment(arguments) | {"OSMIA_TEST_CACHE_DIR": str(compiled)}
    command = machine.Command(pytest_command(arguments), CHECKOUT, given)
    status = machine.run(kernel, command, seconds=seconds)
    print(f"== Linux {kernel.release}: exit status {status}, {time.monotonic() - started:.0f} s", flush=True)
    return status


def main() -> int:
    """Try the kernels one after the other; gives the exit status."""
    parser = argparse.ArgumentParser(description="Run the tests on other kernels, in virtual machines.")
    parser.add_argument("kernels", metavar="KERNEL", nargs="*", help=f"{', '.join(kernels.SUITES)}; all unless given")
    parser.add_argument("--timeout", type=float, default=SECONDS, metavar="SECONDS", help="for each kernel")
    parser.add_argument(
        "--no-compile-here", dest="compile_here", action="store_false", help="the machines compile everything"
    )
    given = sys.argv[1:]
    ours = given.index("--") if "--" in given else len(given)
    options, arguments = parser.parse_args(given[:ours]), given[ours + 1 :]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="osmia-compiled-") as directory:
        compiled = Path(directory)
        if options.compile_here:
            compile_here(arguments, compiled)
        return try_kernels(options.kernels or list(kernels.SUITES), arguments, options.timeout, compiled)


def try_kernels(versions: list[str], arguments: list[str], seconds: float, compiled: Path) -> int:
    """Try them one after the other; gives the first exit status that is not 0."""
    result = 0
    for version in versions:
        try:
            status = try_kernel(version, arguments, seconds, compiled)
        except PackagesError as error:
            print(f"try_kernel.py: cannot try kernel {version}: {error}", file=sys.stderr)
            status = CANNOT
        except machine.MachineError as error:
            print(f"try_kernel.py: {error}", file=sys.stderr)
            status = 1
        result = result or status
    return result


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
