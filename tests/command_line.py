"""The command line for tests: run to its end, left running, or called in a forked child that may do less."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import children
import osmia
from osmia.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from namespaces import Namespace

SOURCE = str(Path(osmia.__file__).resolve().parents[1])
PROGRAM = [sys.executable, "-P", "-m", "osmia"]
# Nothing that a test starts runs longer, in seconds.
LONGEST = 30


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": SOURCE, **more}


def run(
    *words: str,
    netns: Namespace | None = None,
    cwd: Path | None = None,
    program: list[str] = PROGRAM,
    environment: Mapping[str, str] | None = None,
    stdout: int = subprocess.PIPE,
) -> Ended:
    """Run a command to its end."""
    with netns.entered() if netns else nullcontext():
        done = subprocess.run(
            [*program, *words],
            cwd=cwd,
            env=_environment(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=LONGEST,
            check=False,
        )
    return Ended(done.returncode, done.stdout or "", done.stderr)


@contextmanager
def running(
    *words: str,
    netns: Namespace | None,
    cwd: Path | None = None,
    stdout: int = subprocess.PIPE,
    program: list[str] = PROGRAM,
) -> Iterator[subprocess.Popen[str]]:
    """A command that runs while the block lasts. Its notes are on stderr, its data on stdout."""
    with netns.entered() if netns else nullcontext():
        process = subprocess.Popen(
            [*program, *words],
            cwd=cwd,
            env=_environment({}),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(LONGEST)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def line(pipe: IO[str] | None) -> str:
    """The next line that a running command writes; all else stays in the pipe, which `ended` reads."""
    assert pipe is not None
    found = b""
    while not found.endswith(b"\n") and (byte := os.read(pipe.fileno(), 1)):
        found += byte
    return found.decode()


def ended(process: subprocess.Popen[str]) -> Ended:
    """Wait for a running command to end, and say how it did; `out` and `err` are what was not read before."""
    out, err = process.communicate(timeout=LONGEST)
    return Ended(process.returncode, out, err)


def called(*words: str, before: Callable[[], None], netns: Namespace | None = None) -> Ended:
    """Run a command in a forked child of this process, after `before`."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:

        def child() -> int:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            return main(list(words))

        with netns.entered() if netns else nullcontext():
            result = children.outcome(child, before)
        assert not result.error, result
        texts = [os.pread(file.fileno(), 1 << 16, 0).decode() for file in (out, err)]
    return Ended(result.value, *texts)
