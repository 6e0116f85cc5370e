"""The code generator's process, seen from the user's: LLVM never runs where a fault of it could end the program.

The worker is a fresh interpreter in a session of its own, with no inherited file descriptors, and ends on end of file.
It is started when first needed, leaves by itself when nothing comes for a while, and is started anew after a crash.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO

from osmia.errors import OsmiaError


class WorkerError(OsmiaError):
    """The worker died or refused; `message` is what LLVM said."""


class CompilerMissingError(OsmiaError, ImportError):
    """llvmlite is not installed."""


class Worker:
    """One process that turns LLVM IR into objects or assembly. Safe under threads; a forked child gets its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._complaints: IO[bytes] | None = None
        self._owner = 0

    def start(self) -> None:
        """Start the process if it does not run, so that it imports LLVM while the frontend works."""
        with self._lock:
            self._ensure()

    def compile(self, text: str, cpu: str, form: str) -> bytes:
        """Compile a module. `form` is `elf`, `asm` (BPF assembly) or `ll` (the optimised module).

        Raises WorkerError where LLVM refuses the module or the process dies on it.
        """
        with self._lock:
            try:
                return self._compile(text, cpu, form)
            except BaseException:
                # Whatever happened, a half-read answer must not be taken for the next one's.
                self._stop()
                raise

    def _compile(self, text: str, cpu: str, form: str) -> bytes:
        for attempt in (1, 2):
            process = self._ensure()
            answer = _exchange(process, f"{cpu} {form}", text.encode())
            if answer is not None:
                status, data = answer
                if status == "ok":
                    return data
                raise WorkerError(data.decode(errors="replace"))
            code = process.wait()
            complaints = self._said()
            self._stop()
            # A worker that had been idle may have left just before it was asked: that is no failure.
            if code != 0 or attempt == 2:
                raise WorkerError(complaints or f"the process ended with status {code}")
        raise AssertionError("the loop above returns or raises")

    def _ensure(self) -> subprocess.Popen[bytes]:
        if self._owner != os.getpid():
            self._forget()
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._stop()
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and script
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("worker_main.py")), llvmlite_directory()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            start_new_session=True,
            close_fds=True,
            cwd="/",
        )
        self._owner = os.getpid()
        return self._process

    def _said(self) -> str:
        assert self._complaints is not None
        self._complaints.seek(0)
        return self._complaints.read().decode(errors="replace").strip()

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                try:
                    pipe.close()
                except BrokenPipeError:
                    # Closing flushes; the worker is gone and wants nothing more.
                    continue
            self._process.wait()
        if self._complaints is not None:
            self._complaints.close()
        self._process = self._complaints = None

    def _forget(self) -> None:
        """Let go of a parent's worker in a forked child: it is not ours to stop."""
        if self._process is not None:
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                os.close(pipe.fileno())
                pipe.detach() if hasattr(pipe, "detach") else None
            self._process.returncode = 0
        self._process = self._complaints = None


def _exchange(process: subprocess.Popen[bytes], head: str, body: bytes) -> tuple[str, bytes] | None:
    """Send a request and read the answer; None where the process is gone."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(f"{head} {len(body)}\n".encode() + body)
        process.stdin.flush()
    except BrokenPipeError:
        return None
    first = process.stdout.readline()
    if not first.endswith(b"\n"):
        return None
    status, length = first.decode().split()
    data = process.stdout.read(int(length))
    return (status, data) if len(data) == int(length) else None


def llvmlite_directory() -> str:
    """The directory that holds llvmlite. CompilerMissingError where there is none."""
    found = importlib.util.find_spec("llvmlite")
    if found is None or found.origin is None:
        raise CompilerMissingError(
            "compiling kernel code needs llvmlite, which this Python does not have.\n"
            f"found: no module llvmlite for {sys.executable}\n"
            "fix: pip install 'osmia[compile]'; objects that `osmia build` made run without it"
        )
    return str(Path(found.origin).parent.parent)


WORKER = Worker()
