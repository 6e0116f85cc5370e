"""The code generator's process: what kills LLVM is an error with a Python place, and the next program compiles."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import osmia
from osmia.compiler import PORTABLE, build, worker
from osmia.compiler.llvm import module as llvm_module
from program_files import body_of, module_from

HEAD = 'target datalayout = "e-m:e-p:64:64-i64:64-i128:128-n32:64-S128"\ntarget triple = "bpfel"\n'
GOOD = HEAD + 'define i32 @f() section "xdp" {\n  ret i32 2\n}\n'
# LLVM ends the process on these: a return of two values, and six arguments.
DEADLY = {
    "arguments": HEAD + "define i64 @f(i64 %a, i64 %b, i64 %c, i64 %d, i64 %e, i64 %g) noinline {\n  ret i64 %g\n}\n",
    "aggregate": HEAD + 'define { i64, i64 } @f() section "xdp" {\n  ret { i64, i64 } { i64 1, i64 2 }\n}\n',
}


@pytest.mark.parametrize("name", DEADLY)
def test_a_module_that_kills_llvm_is_an_error_and_the_next_one_compiles(name: str) -> None:
    with pytest.raises(worker.WorkerError):
        worker.WORKER.compile(DEADLY[name], "v3", "elf")
    assert worker.WORKER.compile(GOOD, "v3", "elf").startswith(b"\x7fELF")


def test_a_module_that_llvm_refuses_is_an_error_with_its_words() -> None:
    with pytest.raises(worker.WorkerError, match="expected type"):
        worker.WORKER.compile("define nonsense", "v3", "elf")
    assert worker.WORKER.compile(GOOD, "v3", "elf").startswith(b"\x7fELF")


def test_a_crash_is_reported_at_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = module_from(tmp_path, body_of("return XdpAction.PASS"))
    monkeypatch.setattr(build, "module_text", lambda _unit, _target: DEADLY["aggregate"])
    unit, _ = build.checked_unit((module.program.request,))
    with pytest.raises(osmia.CompileError) as caught:
        build.generate(unit, PORTABLE)
    error = caught.value
    assert (error.filename, error.lineno, error.offset, error.text) == (
        module.__file__,
        4,
        5,
        "def program(ctx: XdpContext) -> XdpAction:",
    )
    assert error.problem == "the code generator failed on program"
    assert error.found.startswith("LLVM said: ")
    assert "aggregate returns are not supported" in error.found
    assert error.fix == (
        "this is a fault of osmia: please report it with the output of `osmia build FILE.py --emit=ir`"
    )


def test_a_worker_that_was_killed_between_requests_is_replaced() -> None:
    worker.WORKER.start()
    process = worker.WORKER._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert worker.WORKER.compile(GOOD, "v3", "elf").startswith(b"\x7fELF")


def test_a_worker_that_is_killed_at_work_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    worker.WORKER.start()
    process = worker.WORKER._process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)  # it takes the request and never answers
    timer = threading.Timer(2, lambda: os.kill(process.pid, signal.SIGKILL))  # not before the request
    timer.start()
    with pytest.raises(worker.WorkerError, match=r"^the process ended with status -9$"):
        worker.WORKER.compile(GOOD, "v3", "elf")
    timer.join()


def test_an_idle_worker_that_left_is_no_error() -> None:
    worker.WORKER.start()
    process = worker.WORKER._process
    assert process is not None
    assert process.stdin is not None
    # What leaving looks like from here: end of file on its side, status 0, and we do not know yet.
    process.stdin.close()
    assert process.wait(10) == 0
    process.stdin = open(os.devnull, "wb", buffering=0)  # noqa: SIM115, PTH123 - closed with the worker
    process.returncode = None
    assert worker.WORKER.compile(GOOD, "v3", "elf").startswith(b"\x7fELF")


def test_threads_share_the_worker() -> None:
    results: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: results.append(worker.WORKER.compile(GOOD, "v3", "elf"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert len(set(results)) == 1


def test_the_worker_has_a_session_of_its_own_and_no_file_of_ours(tmp_path: Path) -> None:
    worker.WORKER.stop()
    with (tmp_path / "ours").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)
        worker.WORKER.start()
        process = worker.WORKER._process
        assert process is not None
        assert os.getsid(process.pid) == process.pid
        assert worker.WORKER.compile(GOOD, "v3", "elf")
        files = [entry.readlink() for entry in Path(f"/proc/{process.pid}/fd").iterdir()]
        assert tmp_path / "ours" not in files


def test_the_worker_ends_with_its_user() -> None:
    """SIGKILL leaves no code generator behind: it reads end of file."""
    script = (
        "from osmia.compiler import worker\n"
        f"worker.WORKER.compile({GOOD!r}, 'v3', 'elf')\n"
        "print(worker.WORKER._process.pid, flush=True)\n"
        "import time; time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as user:
        assert user.stdout is not None
        pid = int(user.stdout.readline())
        user.kill()
    for _ in range(200):
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return
        if state == "Z":
            return
        threading.Event().wait(0.05)
    pytest.fail("the worker still runs")


def test_a_forked_child_compiles_with_a_worker_of_its_own() -> None:
    worker.WORKER.start()
    process = worker.WORKER._process
    assert process is not None
    child = os.fork()
    if child == 0:
        good = worker.WORKER.compile(GOOD, "v3", "elf").startswith(b"\x7fELF")
        mine = worker.WORKER._process
        worker.WORKER.stop()
        os._exit(0 if good and mine is not None and mine.pid != process.pid else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert process.poll() is None
    assert worker.WORKER.compile(GOOD, "v3", "elf").startswith(b"\x7fELF")


def test_llvmlite_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker.WORKER.stop()
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    module = module_from(tmp_path, body_of("return XdpAction.DROP"))
    with pytest.raises(osmia.CompilerMissingError) as caught:
        module.program.test_run(bytes(14))
    assert str(caught.value) == (
        "compiling kernel code needs llvmlite, which this Python does not have.\n"
        f"found: no module llvmlite for {sys.executable}\n"
        "fix: pip install 'osmia[compile]'; objects that `osmia build` made run without it"
    )


def test_emission_is_deterministic(tmp_path: Path) -> None:
    module = module_from(tmp_path, body_of("return XdpAction.PASS"))
    unit, _ = build.checked_unit((module.program.request,))
    text = llvm_module.module_text(unit, PORTABLE)
    first = worker.WORKER.compile(text, "v3", "elf")
    worker.WORKER.stop()
    assert worker.WORKER.compile(text, "v3", "elf") == first
