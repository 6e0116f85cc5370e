"""Programs that watch the kernel fire: tracepoints, raw ones and typed ones; and what does not fit this kernel."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from compiled import c_object
from osmia import (
    Global,
    HashMap,
    KernelError,
    NotLoadedError,
    ObjectError,
    RawTracepointContext,
    TpBtfContext,
    TracepointContext,
    func,
    i32,
    raw_tracepoint,
    setting,
    struct,
    tp_btf,
    tracepoint,
    u32,
    u64,
)
from osmia.compiler import PORTABLE, Target
from osmia.compiler.build import checked_unit, generate
from osmia.contexts.kernel_structs import task_struct  # noqa: TC001 - the compiler looks it up
from osmia.kernel import tracefs
from osmia.kernel.features import kernel_version
from osmia.links.tracing import attach_lsm
from osmia.loader.load import load_object
from osmia.object_file import read_object
from refusal import refusal
from system_packages import tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from osmia.links.tracing import TracingLink

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

execs = HashMap(i32, i32, max_entries=1024)
clones = HashMap(u32, u64, max_entries=16)
raws = HashMap(u32, u64, max_entries=1024)
exits = HashMap(i32, i32, max_entries=1024)
passes = Global(u64)
watched = setting(u32, 0)


@struct
class SchedProcessExec(TracepointContext):
    old_pid: i32
    pid: i32
    filename: u32


@struct
class SchedProcessExit(TracepointContext):
    prio: i32
    pid: i32


@tracepoint("sched", "sched_process_exec")
def on_exec(ctx: SchedProcessExec) -> None:
    where = ctx.filename & 0xFFFF
    if where >= 20:
        execs[ctx.pid] = ctx.old_pid


@tracepoint("sched", "sched_process_exit")
def on_exit(ctx: SchedProcessExit) -> int:
    if ctx.pid < 0:
        return 1
    exits[ctx.pid] = ctx.prio
    return 0


@tracepoint("sched", "sched_process_fork")
def on_fork(ctx: TracepointContext) -> None:
    if ctx.get_current_pid_tgid() >> 32 == watched:
        passes.value += 1


@tp_btf("task_newtask")
def on_clone(ctx: TpBtfContext, task: task_struct | None, _clone_flags: u64) -> None:
    if ctx.get_current_pid_tgid() >> 32 != watched or task is None:
        return
    _clone_flags += 1
    clones[0] = _clone_flags


@tp_btf("sched_process_exec")
def on_typed_exec(ctx: TpBtfContext, p: task_struct, old_pid: i32) -> int:
    if old_pid == -1:
        return 1
    clones[1] = u32(old_pid)
    return 0


@raw_tracepoint("sched_process_exec")
def on_raw_exec(ctx: RawTracepointContext) -> None:
    raws[u32(ctx.arg(1))] = ctx.arg(0)


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    for program in (on_exec, on_exit, on_fork, on_clone, on_typed_exec, on_raw_exec):
        program.close()
    for held in (execs, clones, raws, exits, passes):
        held.close()


def run() -> int:
    """Run a process; its id."""
    with subprocess.Popen(["true"]) as process:
        pass
    return process.pid


def watch_forks() -> TracingLink:
    """Count the processes that this one starts."""
    on_fork.load(settings={"watched": os.getpid()})
    return on_fork.attach()


def test_a_tracepoint_gives_the_fields_that_its_class_names() -> None:
    with on_exec.attach() as link, on_exit.attach():
        assert (
            repr(link) == f"<PerfEventLink of program 'on_exec' on tracepoint sched/sched_process_exec, fd {link.fd}>"
        )
        process = run()
        assert execs[process] == process
        assert exits[process] == 120 + os.getpriority(os.PRIO_PROCESS, 0)  # its nice value
    assert run() not in execs
    assert refusal(NotLoadedError, lambda: link.fd) == (
        "program 'on_exec' on tracepoint sched/sched_process_exec is detached: attach it again"
    )


def test_a_tracepoint_without_fields() -> None:
    with watch_forks():
        run()
        assert passes.value == 1


def test_typed_arguments() -> None:
    on_clone.load(settings={"watched": os.getpid()})
    with on_clone.attach(), on_typed_exec.attach() as link:
        assert repr(link).startswith("<TracingLink of program 'on_typed_exec' on tp_btf sched_process_exec, fd ")
        process = run()
        assert (clones[0] - 1) & 0x4000  # CLONE_VFORK
        assert clones[1] == process


def test_raw_arguments() -> None:
    with on_raw_exec.attach() as link:
        assert repr(link).startswith("<TracingLink of program 'on_raw_exec' on raw_tracepoint sched_process_exec, fd ")
        process = run()
        assert raws[process] >> 47 == 0x1FFFF  # an address of the kernel


def test_a_link_lives_on_without_its_object_and_goes_with_detach() -> None:
    link = watch_forks()
    held = repr(link)
    del link
    gc.collect()
    run()
    before = passes.value
    assert before >= 1
    found = next(each for each in osmia.links._attached if repr(each) == held)
    found.detach()
    found.detach()
    run()
    assert passes.value == before


def test_a_pinned_link_stays_until_its_file_is_gone(pins: Path) -> None:
    link = watch_forks()
    if kernel_version() < (5, 15):
        assert refusal(KernelError, lambda: link.pin(str(pins / "link"))).startswith("cannot pin program 'on_fork'")
        link.detach()
        return
    link.pin(str(pins / "link"))
    link.detach()
    run()
    before = passes.value
    assert before >= 1
    (pins / "link").unlink()
    for _ in range(100):  # the kernel lets go of it a moment later
        before = passes.value
        run()
        if passes.value == before:
            break
    assert passes.value == before


def test_links_of_this_sort_take_no_other_program() -> None:
    with watch_forks() as link:
        assert refusal(KernelError, lambda: link.update(on_exec)) == (
            "cannot replace program 'on_fork' on tracepoint sched/sched_process_fork by 'on_exec': the kernel does not "
            "do that with tracing programs (EINVAL): attach the new one, then detach this one"
        )


def test_it_goes_with_the_process(tmp_path: Path) -> None:
    file = tmp_path / "watch.py"
    file.write_text(
        "import os, signal\n"
        "from osmia import TpBtfContext, tp_btf\n"
        "@tp_btf('task_newtask')\n"
        "def osmia_test_gone(ctx: TpBtfContext) -> None:\n"
        "    return\n"
        "osmia_test_gone.attach()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, str(file)], check=False).returncode == -9
    bpftool, left = tool("bpftool"), True
    for _ in range(100):  # the kernel lets go of a program a moment after its last link
        left = "osmia_test_gone" in bpftool.run("prog", "list").stdout
        if not left:
            break
        time.sleep(0.05)
    assert not left


# ---- what is not there


def test_a_tracepoint_that_is_not_there() -> None:
    @tracepoint("sched", "sched_proces_exec")
    def wrong(ctx: TracepointContext) -> None:
        return

    assert refusal(KernelError, wrong.attach).startswith(
        "cannot attach program 'wrong': this kernel has no tracepoint sched/sched_proces_exec; did you mean "
        "sched/sched_process_exec"
    )
    wrong.close()


def test_a_raw_tracepoint_that_is_not_there_or_has_fewer_arguments() -> None:
    @raw_tracepoint("sched_process_exe")
    def wrong(ctx: RawTracepointContext) -> None:
        return

    @raw_tracepoint("sched_process_exec")
    def too_many(ctx: RawTracepointContext) -> None:
        raws[0] = ctx.arg(5)

    assert refusal(KernelError, wrong.attach) == (
        "cannot attach program 'wrong' to raw_tracepoint sched_process_exe: this kernel has no tracepoint "
        "sched_process_exe (ENOENT)"
    )
    assert refusal(KernelError, too_many.attach) == (
        "cannot attach program 'too_many' to raw_tracepoint sched_process_exec: the program reads more arguments than "
        "sched_process_exec has (EINVAL)"
    )
    wrong.close()
    too_many.close()


def test_a_typed_tracepoint_that_is_not_there() -> None:
    @tp_btf("task_newtas")
    def wrong(ctx: TpBtfContext) -> None:
        return

    assert refusal(KernelError, wrong.load) == (
        "cannot load program 'wrong' of wrong: this kernel itself has nothing called task_newtas for programs of kind "
        "tp_btf; did you mean task_newtask or task_rename?"
    )


def test_arguments_that_are_others_here() -> None:
    @tp_btf("task_newtask")
    def wrong_type(ctx: TpBtfContext, task: task_struct, clone_flags: u32) -> None:
        return

    @tp_btf("task_newtask")
    def wrong_name(ctx: TpBtfContext, child: task_struct) -> None:
        return

    @tp_btf("task_newtask")
    def too_many(ctx: TpBtfContext, task: task_struct, clone_flags: u64, more: u64) -> None:
        return

    begin = (
        "does not fit tp_btf task_newtask of this kernel, which gives (task: task_struct, clone_flags: u64), and the"
    )
    end = ": write its parameters so, as many as it needs"
    assert refusal(ObjectError, wrong_type.load) == (
        f"wrong_type: program 'wrong_type' {begin} program takes (task: task_struct, clone_flags: u32){end}"
    )
    assert refusal(ObjectError, wrong_name.load) == (
        f"wrong_name: program 'wrong_name' {begin} program takes (child: task_struct){end}"
    )
    assert refusal(ObjectError, too_many.load) == (
        f"too_many: program 'too_many' {begin} program takes (task: task_struct, clone_flags: u64, more: u64){end}"
    )


def test_fields_that_lie_elsewhere_in_another_kernel() -> None:
    from osmia.compiler import running_kernel
    from osmia.compiler.cache import object_for

    spec = object_for((on_exec.request,), running_kernel()).spec("x.o")
    assert spec.context_fields is not None
    fields = {field.name: field for field in spec.context_fields["on_exec"]}
    fields["pid"].offset += 4
    assert refusal(ObjectError, lambda: load_object(spec)) == (
        "x.o: program 'on_exec' was compiled for another kernel's sched/sched_process_exec: the field pid is "
        "`pid_t pid` at byte 12 here, and was i32 at byte 16 there: compile it again on this one"
    )
    fields["pid"].name = "pod"
    assert refusal(ObjectError, lambda: load_object(spec)) == (
        "x.o: program 'on_exec' was compiled for another kernel's sched/sched_process_exec: this one has no field pod: "
        "compile it again on this one"
    )


def test_what_an_object_notes_is_read_again() -> None:
    from osmia.compiler import running_kernel
    from osmia.compiler.cache import object_for

    data = object_for((on_clone.request,), running_kernel()).data
    spec = read_object(data, "x.o")
    assert spec.arguments == {"on_clone": [("task", "task_struct"), ("_clone_flags", "u64")]}
    with pytest.raises(ObjectError) as caught:
        read_object(data.replace(b"argument on_clone task ", b"argument on_clone_task "), "x.o")
    assert str(caught.value) == (
        "x.o: section '.osmia': 'argument on_clone_task task_struct', expected 'argument <program> <name> <type>'"
    )


def test_decorators_that_are_refused() -> None:
    wrong: Any = tp_btf
    assert refusal(TypeError, lambda: wrong(5)) == (
        '@tp_btf takes what the program is attached to, as in @tp_btf("task_newtask"), not int 5'
    )
    assert refusal(TypeError, lambda: wrong(lambda ctx: None)).startswith(
        "@tp_btf takes what the program is attached to"
    )
    assert refusal(ValueError, lambda: tracepoint("sched", "sched/sched_switch")) == (
        '@tracepoint takes a category and a name, as in @tracepoint("sched", "sched_switch"), not '
        "'sched/sched_switch'"
    )
    assert refusal(ValueError, lambda: raw_tracepoint("a b")) == (
        "@raw_tracepoint takes what the program is attached to, as in @raw_tracepoint(\"sched_switch\"), not str 'a b'"
    )
    lsm: Any = osmia.lsm
    assert refusal(ValueError, lambda: lsm("file_open", on_error=1)) == "@lsm: on_error is -4095 to 0, not 1"
    assert refusal(TypeError, lambda: lsm("file_open", on_error="x")) == "@lsm: on_error is an int, not str 'x'"
    with pytest.raises(TypeError, match="on_error"):
        lsm("file_open")


class Passing:
    """A program as links take it."""

    name = "guard"
    fd = -1


def test_a_security_hook_that_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("osmia.links.tracing.read", lambda *_: "lockdown,capability,yama\n")
    assert refusal(KernelError, lambda: attach_lsm(Passing(), "file_open")) == (
        "cannot attach program 'guard' to lsm file_open: this kernel would never ask it: it was started with the "
        "security modules lockdown, capability, yama: start it with `lsm=lockdown,capability,yama,bpf`"
    )


def test_formats_are_read() -> None:
    text = tracefs.format_text("task/task_newtask")
    fields = tracefs.read_format(text)
    assert (fields["comm"].size, fields["comm"].wanted, fields["pid"].wanted) == (16, "chars(16)", "i32")
    assert fields["oom_score_adj"].wanted == "i16"
    assert "task/task_newtask" in tracefs.tracepoints()
    # As Linux 5.10 says it.
    old = tracefs.read_format("\tfield:__data_loc char[] filename;\toffset:8;\tsize:4;\tsigned:1;\n")["filename"]
    assert (old.offset, old.size, old.signed, old.wanted) == (8, 4, False, "chars(64)")
    with pytest.raises(FileNotFoundError):
        tracefs.format_text("../trace")
    with pytest.raises(FileNotFoundError):
        tracefs.format_text("task/..")


def test_sections_of_clang_are_taken_by_all_their_names() -> None:
    source = """
        SEC("tp/sched/sched_process_fork") int a(void *ctx) { return 0; }
        SEC("raw_tp/sched_switch") int b(u64 *ctx) { return ctx[0] != 0; }
        SEC("tp_btf/sched_switch") int c(u64 *ctx) { return 0; }
    """
    with osmia.load(c_object(source)) as loaded:
        kinds = {name: (program.kind.name, program.hook) for name, program in loaded.programs.items()}
        assert kinds == {
            "a": ("tracepoint", "sched/sched_process_fork"),
            "b": ("raw_tracepoint", "sched_switch"),
            "c": ("tp_btf", "sched_switch"),
        }
        for name in kinds:
            with loaded[name].attach():
                run()


# ---- every instruction set, and others' loaders


@pytest.mark.parametrize(
    "cpu", ["v1", "v3", pytest.param("v4", marks=pytest.mark.skipif(kernel_version() < (6, 6), reason="v4"))]
)
def test_every_instruction_set(cpu: str) -> None:
    target = Target(cpu, (5, 10))
    with (
        osmia.load(on_clone, target=target, settings={"watched": os.getpid()}) as clone,
        osmia.load(on_exec, target=target) as execed,
        osmia.load(on_raw_exec, target=target) as raw,
        clone[on_clone].attach(),
        execed[on_exec].attach(),
        raw[on_raw_exec].attach(),
    ):
        process = run()
        assert (clone[clones][0] - 1) & 0x4000
        assert execed[execs][process] == process
        assert process in raw[raws]


@pytest.mark.parametrize("name", ["on_clone", "on_exec", "on_raw_exec"])
def test_bpftool_loads_what_osmia_builds(tmp_path: Path, pins: Path, name: str) -> None:
    program = globals()[name]
    unit, _ = checked_unit((program.request,))
    path = tmp_path / "program.o"
    path.write_bytes(generate(unit, PORTABLE))
    tool("bpftool").run("prog", "load", path, pins / "program")
    shown = tool("bpftool").run("prog", "show", "pinned", pins / "program").stdout
    assert f"name {name}" in shown


@func(inline=False)
def process_of(ctx: TpBtfContext) -> int:
    return ctx.get_current_pid_tgid() >> 32


@tp_btf("task_newtask")
def counts_in_a_function(ctx: TpBtfContext) -> None:
    process = process_of(ctx)
    if process == watched:
        clones[2] = u64(process)


def test_functions_that_are_given_the_context() -> None:
    with osmia.load(counts_in_a_function, settings={"watched": os.getpid()}) as loaded:
        with loaded[counts_in_a_function].attach():
            run()
        assert loaded[clones][2] == os.getpid()
