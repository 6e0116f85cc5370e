"""Run the tests on other kernels, each in a virtual machine of its own: `./osmia test --kernel` is this.

As root on Debian. qemu and the kernels are Debian packages, unpacked in the user's cache directory. The machines run
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
NO_MACHINES = {"OSMIA_TEST_NO_MACHINES": "1"}
"""The user-space runtime is the same on every kernel: its half of tests that run in both is left out."""
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
        **NO_MACHINES,
        **{name: value for name, value in os.environ.items() if name == "CI"},
    }


def pytest_command(arguments: list[str]) -> list[str]:
    """The command that runs the tests, the same here and there: modules are compiled for their paths."""
    modules = f"--basetemp={initramfs.WRITABLE}/osmia-tests-{os.getpid()}"
    return [sys.executable, "-P", "-m", "pytest", modules, *arguments]


def compile_here(arguments: list[str], compiled: Path) -> None:
    """Run the tests on this machine's kernel, for what they compile; how they end does not matter."""
    print(f"== here, Linux {os.uname().release}", flush=True)
    given = os.environ | {"PYTHONPATH": str(CHECKOUT / "src"), "OSMIA_TEST_CACHE_DIR": str(compiled)} | NO_MACHINES
    try:
        subprocess.run(pytest_command(arguments), cwd=CHECKOUT, env=given, check=False)
    finally:
        shutil.rmtree(f"{initramfs.WRITABLE}/osmia-tests-{os.getpid()}", ignore_errors=True)


def try_kernel(kernel: kernels.Kernel, arguments: list[str], seconds: float, compiled: Path) -> int:
    """Run pytest on one kernel; its exit status."""
    print(f"== Linux {kernel.release}", flush=True)
    started = time.monotonic()
    given = environment(arguments) | {"OSMIA_TEST_CACHE_DIR": str(compiled)}
    command = machine.Command(pytest_command(arguments), CHECKOUT, given)
    try:
        status = machine.run(kernel, command, seconds=seconds)
    except machine.MachineError as error:
        print(f"osmia: {error}", file=sys.stderr)
        status = 1
    print(f"== Linux {kernel.release}: exit status {status}, {time.monotonic() - started:.0f} s", flush=True)
    return status


def known(version: str) -> str:
    """The version, if there is such a kernel."""
    try:
        kernels.suite_of(version)
    except PackagesError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return version


def parse(given: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """The options, and the arguments that are pytest's."""
    parser = argparse.ArgumentParser(
        prog="./osmia test",
        usage="%(prog)s --kernel VERSION [--kernel VERSION ...] [arguments of pytest]",
        description="Run the tests on other kernels, in virtual machines. This takes root, on Debian.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--kernel",
        dest="versions",
        action="append",
        required=True,
        type=known,
        metavar="VERSION",
        help=f"{', '.join(kernels.SUITES)}; again for another one",
    )
    parser.add_argument(
        "--kernel-timeout",
        type=float,
        default=SECONDS,
        metavar="SECONDS",
        help=f"for each kernel; {SECONDS} unless given",
    )
    parser.add_argument(
        "--no-compile-here",
        dest="compile_here",
        action="store_false",
        help="leave out the run on this kernel, so that the machines compile everything",
    )
    return parser.parse_known_args(given)


def fetch(versions: list[str]) -> list[kernels.Kernel]:
    """The kernels, and whatever else a machine takes: what cannot be had is known before anything runs."""
    machine.emulator()
    return [kernels.fetch(version) for version in versions]


def main() -> int:
    """Try the kernels one after the other; the first exit status that is not 0, else 0."""
    options, arguments = parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        tried = fetch(options.versions)
    except PackagesError as error:
        print(f"osmia: cannot test on another kernel: {error}", file=sys.stderr)
        return CANNOT
    with tempfile.TemporaryDirectory(prefix="osmia-compiled-") as directory:
        compiled = Path(directory)
        if options.compile_here:
            compile_here(arguments, compiled)
        statuses = [try_kernel(kernel, arguments, options.kernel_timeout, compiled) for kernel in tried]
    return next(filter(None, statuses), 0)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
