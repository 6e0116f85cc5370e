"""The code generator's process, seen from the user's: LLVM never runs where a fault of it could end the program.

The worker is a fresh interpreter in a session of its own, with no inherited file descriptors, and ends on end of file.
It is started when first needed, leaves by itself when nothing comes for a while, and is started anew after a crash.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from osmia.errors import CompilerMissingError, OsmiaError

if TYPE_CHECKING:
    from typing import IO


class WorkerError(OsmiaError):
    """The worker died or refused; `message` is what LLVM said."""


class Worker:
    """One process that turns LLVM IR into objects or assembly. Safe under threads; a forked child gets its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._complaints: IO[bytes] | None = None
        os.register_at_fork(after_in_child=self._forget)
        atexit.register(self.stop)

    def start(self) -> None:
        """Start the process if it does not run, so that it imports LLVM while the frontend works."""
        with self._lock:
            self._running()

    def stop(self) -> None:
        """End the process. The next request starts another."""
        with self._lock:
            self._end()

    def compile(self, text: str, cpu: str, form: str) -> bytes:
        """Compile a module. `form` is `elf`, `asm` (BPF assembly) or `ll` (the optimised module).

        Raises WorkerError where LLVM refuses the module or the process dies on it.
        """
        with self._lock:
            try:
                return self._compile(text, cpu, form)
            except BaseException:
                # Whatever happened, a half-read answer must not be taken for the next one's.
                self._end()
                raise

    def _compile(self, text: str, cpu: str, form: str) -> bytes:
        for attempt in (1, 2):
            process = self._running()
            answer = _exchange(process, f"{cpu} {form}", text.encode())
            if answer is not None:
                status, data = answer
                if status == "ok":
                    return data
                raise WorkerError(data.decode(errors="replace"))
            code = process.wait()
            complaints = self._said()
            self._end()
            # A worker that had been idle may have left just before it was asked: that is no failure.
            if code != 0 or attempt == 2:
                raise WorkerError(complaints or f"the process ended with status {code}")
        raise AssertionError("the loop above returns or raises")

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        directory = llvmlite_directory()
        self._complaints = open(os.memfd_create("what osmia's worker says"), "w+b")  # noqa: SIM115 - it lives as long as the process
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and script
            [sys.executable, "-I", "-S", os.path.join(os.path.dirname(__file__), "worker_main.py"), directory],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            bufsize=0,
            start_new_session=True,
            close_fds=True,
            cwd="/",
        )
        return self._process

    def _said(self) -> str:
        assert self._complaints is not None
        self._complaints.seek(0)
        return self._complaints.read().decode(errors="replace").strip()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._close()

    def _forget(self) -> None:
        """In a forked child: let go of the parent's worker, which is not ours to end."""
        self._lock = threading.Lock()
        if self._process is not None:
            self._process.returncode = 0  # nobody's child here: Popen must not wait for it
            self._close()

    def _close(self) -> None:
        assert self._process is not None
        for file in (self._process.stdin, self._process.stdout, self._complaints):
            assert file is not None
            file.close()
        self._process = self._complaints = None


def _exchange(process: subprocess.Popen[bytes], head: str, body: bytes) -> tuple[str, bytes] | None:
    """Send a request and read the answer; None where the process is gone."""
    assert process.stdin is not None
    assert process.stdout is not None
    unsent = memoryview(f"{head} {len(body)}\n".encode() + body)
    try:
        while unsent:
            unsent = unsent[os.write(process.stdin.fileno(), unsent) :]
    except BrokenPipeError:
        return None
    first = b""
    while not first.endswith(b"\n"):
        byte = os.read(process.stdout.fileno(), 1)
        if not byte:
            return None
        first += byte
    status, length = first.decode().split()
    data = b""
    while len(data) < int(length):
        part = os.read(process.stdout.fileno(), int(length) - len(data))
        if not part:
            return None
        data += part
    return status, data


def llvmlite_directory() -> str:
    """The directory that holds llvmlite. CompilerMissingError where there is none."""
    found = importlib.util.find_spec("llvmlite")
    if found is None or found.origin is None:
        raise CompilerMissingError(
            "compiling kernel code needs llvmlite, which this Python does not have.\n"
            f"found: no module llvmlite for {sys.executable}\n"
            "fix: pip install 'osmia[compile]'; objects that `osmia build` made run without it"
        )
    return os.path.dirname(os.path.dirname(found.origin))


WORKER = Worker()
