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
    i32,
    raw_tracepoint,
    setting,
    struct,
    tp_btf,
    tracepoint,
    u32,
    u64,
)
from osmia.contexts.kernel_structs import task_struct  # noqa: TC001 - the compiler looks it up
from osmia.kernel import tracefs
from osmia.kernel.features import kernel_version
from osmia.loader.load import load_object
from osmia.object_file import read_object
from system_packages import tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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


@tracepoint("sched/sched_process_exec")
def on_exec(ctx: SchedProcessExec) -> None:
    where = ctx.filename & 0xFFFF
    if where >= 20:
        execs[ctx.pid] = ctx.old_pid


@tracepoint("sched/sched_process_exit")
def on_exit(ctx: SchedProcessExit) -> int:
    if ctx.pid < 0:
        return 1
    exits[ctx.pid] = ctx.prio
    return 0


@tracepoint("sched/sched_process_fork")
def on_fork(ctx: TracepointContext) -> None:
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


def text_of(error: type[Exception], use: Any) -> str:
    with pytest.raises(error) as caught:
        use()
    return str(caught.value)


def test_a_tracepoint_gives_the_fields_that_its_class_names() -> None:
    with on_exec.attach() as link, on_exit.attach():
        assert (
            repr(link) == f"<PerfEventLink of program 'on_exec' on tracepoint sched/sched_process_exec, fd {link.fd}>"
        )
        process = run()
        assert execs[process] == process
        assert exits[process] == 120
    assert run() not in execs
    assert text_of(NotLoadedError, lambda: link.fd) == (
        "program 'on_exec' on tracepoint sched/sched_process_exec is detached: attach it again"
    )


def test_a_tracepoint_without_fields() -> None:
    with on_fork.attach():
        run()
        assert passes.value >= 1


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
    link = on_fork.attach()
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
    link = on_fork.attach()
    if kernel_version() < (5, 15):
        assert text_of(KernelError, lambda: link.pin(str(pins / "link"))).startswith("cannot pin program 'on_fork'")
        link.detach()
        return
    link.pin(str(pins / "link"))
    link.detach()
    run()
    before = passes.value
    assert before >= 1
    (pins / "link").unlink()
    run()
    run()
    assert passes.value <= before + 1  # the kernel lets go of it a moment later


def test_links_of_this_sort_take_no_other_program() -> None:
    with on_fork.attach() as link:
        assert text_of(KernelError, lambda: link.update(on_exec)) == (
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
    @tracepoint("sched/sched_proces_exec")
    def wrong(ctx: TracepointContext) -> None:
        return

    assert text_of(KernelError, wrong.attach).startswith(
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

    assert text_of(KernelError, wrong.attach) == (
        "cannot attach program 'wrong' to raw_tracepoint sched_process_exe: this kernel has no tracepoint "
        "sched_process_exe (ENOENT)"
    )
    assert text_of(KernelError, too_many.attach) == (
        "cannot attach program 'too_many' to raw_tracepoint sched_process_exec: the program reads more arguments than "
        "sched_process_exec has (EINVAL)"
    )
    wrong.close()
    too_many.close()


def test_a_typed_tracepoint_that_is_not_there() -> None:
    @tp_btf("task_newtas")
    def wrong(ctx: TpBtfContext) -> None:
        return

    assert text_of(KernelError, wrong.load) == (
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
    assert text_of(ObjectError, wrong_type.load) == (
        f"wrong_type: program 'wrong_type' {begin} program takes (task: task_struct, clone_flags: u32){end}"
    )
    assert text_of(ObjectError, wrong_name.load) == (
        f"wrong_name: program 'wrong_name' {begin} program takes (child: task_struct){end}"
    )
    assert text_of(ObjectError, too_many.load) == (
        f"too_many: program 'too_many' {begin} program takes (task: task_struct, clone_flags: u64, more: u64){end}"
    )


def test_fields_that_lie_elsewhere_in_another_kernel() -> None:
    from osmia.compiler import running_kernel
    from osmia.compiler.cache import object_for

    spec = object_for((on_exec.request,), running_kernel()).spec("x.o")
    assert spec.context_fields is not None
    fields = {field.name: field for field in spec.context_fields["on_exec"]}
    fields["pid"].offset += 4
    assert text_of(ObjectError, lambda: load_object(spec)) == (
        "x.o: program 'on_exec' was compiled for another kernel's sched/sched_process_exec: the field pid is "
        "`pid_t pid` at byte 12 here, and was i32 at byte 16 there: compile it again on this one"
    )
    fields["pid"].name = "pod"
    assert text_of(ObjectError, lambda: load_object(spec)) == (
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
    assert text_of(TypeError, lambda: wrong(5)) == (
        '@tp_btf takes what the program is attached to, as in @tp_btf("task_newtask"), not int 5'
    )
    assert text_of(TypeError, lambda: wrong(lambda ctx: None)).startswith(
        "@tp_btf takes what the program is attached to"
    )
    assert text_of(ValueError, lambda: tracepoint("sched_switch")) == (
        "@tracepoint takes `category/name`, as in sched/sched_switch, not 'sched_switch'"
    )
    assert text_of(ValueError, lambda: raw_tracepoint("a b")) == (
        "@raw_tracepoint takes what the program is attached to, as in @raw_tracepoint(\"sched_switch\"), not str 'a b'"
    )
    lsm: Any = osmia.lsm
    assert text_of(ValueError, lambda: lsm("file_open", on_error=1)) == "@lsm: on_error is -4095 to 0, not 1"
    assert text_of(TypeError, lambda: lsm("file_open", on_error="x")) == "@lsm: on_error is an int, not str 'x'"
    with pytest.raises(TypeError, match="on_error"):
        lsm("file_open")


def test_formats_are_read() -> None:
    text = tracefs.format_text("task/task_newtask")
    fields = tracefs.read_format(text)
    assert (fields["comm"].size, fields["comm"].wanted, fields["pid"].wanted) == (16, "", "i32")
    assert fields["oom_score_adj"].wanted == "i16"
    assert "task/task_newtask" in tracefs.tracepoints()
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
