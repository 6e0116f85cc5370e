"""Texts and arrays of tracepoints, as values, keys, events and in logs: in the kernel and in a machine."""

from __future__ import annotations

import os
import shutil
import struct as packing
import subprocess
from pathlib import Path

import pytest

import osmia
from osmia import (
    Chars,
    CompileError,
    FixedArray,
    HashMap,
    Machine,
    ObjectError,
    RingBuf,
    TracepointContext,
    array,
    chars,
    i32,
    log,
    setting,
    struct,
    tracepoint,
    u8,
    u32,
    u64,
)
from osmia.compiler import Target, running_kernel
from osmia.compiler.cache import object_for
from osmia.kernel import tracefs
from osmia.loader.load import load_object
from osmia.object_file import read_object
from refusal import refusal
from this_kernel import needs_root

MAGIC = 0x0123_4567
NAME = "osmia-of-tests!"
"""As long as a command's name may be."""

watched = setting(u32, 0)


@struct(frozen=True)
class Path16:
    text: Chars = chars(16)


@struct
class Started:
    pid: i32
    path: Chars = chars(256)


started = RingBuf(Started, size=1 << 16)
short = HashMap(Path16, i32, max_entries=1024)
names = HashMap(Path16, u64, max_entries=16)
arguments = HashMap(u8, u64, max_entries=16)


@struct
class SchedProcessExec(TracepointContext):
    filename: Chars = chars(256)
    pid: i32


@struct
class SchedProcessExecShort(TracepointContext):
    pid: i32
    filename: Chars = chars(16)


@struct
class NewTask(TracepointContext):
    pid: i32
    comm: Chars = chars(16)


@struct
class SysEnter(TracepointContext):
    args: FixedArray[u64] = array(u64, 6)


@tracepoint("sched", "sched_process_exec")
def on_exec(ctx: SchedProcessExec) -> None:
    path = ctx.filename
    with started.reserve() as event:
        if event is None:
            return
        event.pid = ctx.pid
        event.path = path
    log.info(f"{ctx.pid} is {path} now")


@tracepoint("sched", "sched_process_exec")
def on_short_exec(ctx: SchedProcessExecShort) -> None:
    short.update(Path16(text=ctx.filename), ctx.pid)


@tracepoint("task", "task_newtask")
def on_new_task(ctx: NewTask) -> None:
    if ctx.get_current_pid_tgid() >> 32 != watched:
        return
    found = names.lookup_or_init(Path16(text=ctx.comm), 0)
    if found is not None and ctx.comm == NAME and ctx.comm[2] == 109 and ctx.comm[15] == 0:
        found.value += 1


@tracepoint("raw_syscalls", "sys_enter")
def on_system_call(ctx: SysEnter) -> None:
    if ctx.get_current_pid_tgid() >> 32 != watched:
        return
    for place in range(6):
        if ctx.args[place] == MAGIC:
            arguments.update(u8(place), ctx.args[place])


TARGETS = [pytest.param(Target("v1", (5, 10)), id="v1"), pytest.param(None, id="this kernel's")]


@needs_root("loads programs")
@pytest.mark.parametrize("target", TARGETS)
def test_a_text_that_lies_behind_the_fields(tmp_path: Path, target: Target | None) -> None:
    of = shutil.which("true")
    assert of is not None
    path = tmp_path / "a name that is longer than sixteen bytes"
    path.symlink_to(of)
    with (
        osmia.load(on_exec, target=target) as whole,
        osmia.load(on_short_exec, target=target) as cut,
        whole[on_exec].attach(),
        cut[on_short_exec].attach(),
    ):
        with subprocess.Popen([path]) as process:
            pass
        events: dict[int, str] = {}
        whole[started].poll(lambda event: events.update({event.pid: str(event.path)}), timeout=0)
        assert events[process.pid] == str(path)
        assert cut[short][Path16(text=chars(16, str(path)[:15]))] == process.pid


@needs_root("loads programs")
@pytest.mark.parametrize("target", TARGETS)
def test_a_text_of_fixed_length(target: Target | None) -> None:
    with Path("/proc/self/comm").open("r+b", buffering=0) as name:
        before = name.read()
        name.write(NAME.encode())
        try:
            with (
                osmia.load(on_new_task, target=target, settings={"watched": os.getpid()}) as loaded,
                loaded[on_new_task].attach(),
            ):
                subprocess.run(["true"], check=True)
                assert {str(key.text): value for key, value in loaded[names].items()} == {NAME: 1}
        finally:
            name.write(before.rstrip(b"\n"))


@needs_root("loads programs")
@pytest.mark.parametrize("target", TARGETS)
def test_an_array_of_numbers(target: Target | None) -> None:
    with (
        osmia.load(on_system_call, target=target, settings={"watched": os.getpid()}) as loaded,
        loaded[on_system_call].attach(),
    ):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.lseek(1 << 20, MAGIC, os.SEEK_SET)
        assert dict(loaded[arguments]) == {1: MAGIC}


def test_what_a_test_gives() -> None:
    with Machine() as machine:
        assert machine.run(on_exec, filename="/bin/true", pid=3).context == {"filename": "/bin/true", "pid": 3}
        machine.run(on_exec, filename="x" * 300, pid=4)
        for event in ((3, "/bin/true"), (4, "x" * 255)):
            read = started.read(timeout=0)
            assert read is not None
            assert (read.pid, str(read.path)) == event
        assert [each.getMessage() for each in machine.logs] == ["3 is /bin/true now", f"4 is {'x' * 255} now"]
        machine.run(on_short_exec, filename=b"/bin/\xff", pid=5)
        assert short[Path16(text=chars(16, b"/bin/\xff"))] == 5
        assert machine.run(on_exec, filename=b"/bin/\xff").context["filename"] == "/bin/\udcff"
        assert machine.run(on_exec).context == {"filename": "", "pid": 0}
    with Machine() as machine:
        machine.task.pid = 0
        machine.run(on_new_task, comm="sixteen letters!")
        machine.run(on_new_task, comm=NAME)
        assert {str(key.text): value for key, value in names.items()} == {"sixteen letters!": 0, NAME: 1}
    with Machine() as machine:
        machine.task.pid = 0
        done = machine.run(on_system_call, args=[1, 2, MAGIC])
        assert done.context == {"args": (1, 2, MAGIC, 0, 0, 0)}
        assert dict(arguments) == {2: MAGIC}


def test_a_record_as_it_lies_in_memory() -> None:
    """What stood behind a text before makes no other key of it."""
    with Machine() as machine:
        machine.task.pid = 0
        machine.run(on_new_task)
        places = {each.name: each.offset for each in on_new_task.backend.fields}  # type: ignore[attr-defined]
        record = bytearray(64)
        for left in (b"sh\0left over", b"sh\0"):
            packing.pack_into("16s", record, places["comm"], left)
            assert machine.run(on_new_task, record).context["comm"] == "sh"
        assert {str(key.text) for key in names} == {"", "sh"}
        record = bytearray(64)
        machine.run(on_exec)
        places = {each.name: each.offset for each in on_exec.backend.fields}  # type: ignore[attr-defined]
        packing.pack_into("I", record, places["filename"], 4 << 16 | 40)
        record[40:44] = b"/sh\0"
        assert machine.run(on_exec, record).context["filename"] == "/sh"


def test_texts_that_a_test_may_not_give() -> None:
    with Machine() as machine:
        assert refusal(TypeError, lambda: machine.run(on_new_task, comm=3)) == (
            "on_new_task: comm is a text, a str or bytes, not int 3"
        )
        assert refusal(ValueError, lambda: machine.run(on_new_task, comm="a\0b")) == (
            "on_new_task: comm is a text, which ends at its first zero: str 'a\\x00b'"
        )
        assert refusal(OverflowError, lambda: machine.run(on_new_task, comm="seventeen letters")) == (
            "on_new_task: comm has 16 bytes: str 'seventeen letters' does not fit"
        )
        assert refusal(OverflowError, lambda: machine.run(on_exec, filename=b"x" * 65535)) == (
            "on_exec: filename is too long for a record: 65535 bytes"
        )
        assert refusal(TypeError, lambda: machine.run(on_new_task, name="sh")) == (
            "on_new_task: its context has no name; it has pid, comm"
        )


@tracepoint("sched", "sched_process_exec")
def says_it_thrice(ctx: SchedProcessExec) -> None:
    log.info(f"{ctx.filename}, {ctx.filename!r}, {ctx.filename}")


def test_long_texts_that_are_copied_again_and_again() -> None:
    with Machine() as machine, pytest.raises(CompileError) as caught:
        machine.run(says_it_thrice)
    assert caught.value.problem == "says_it_thrice needs more stack than a program has"
    assert caught.value.fix == ("ctx.filename is copied 3 times: copy it once, `filename = ctx.filename`, and use that")


@needs_root("reads tracefs")
def test_what_an_object_says_of_them() -> None:
    data = object_for((on_exec.request, on_new_task.request, on_system_call.request), running_kernel()).data
    spec = read_object(data, "x.o")
    assert spec.context_fields is not None
    said = {each.name: each for fields in spec.context_fields.values() for each in fields}
    assert {name: (each.form, each.size, each.length) for name, each in said.items()} == {
        "filename": ("data_loc", 4, 256),
        "pid": ("", 4, 0),
        "comm": ("chars", 16, 16),
        "args": ("elements", 48, 6),
    }
    begin = "x.o: section '.osmia': 'field on_system_call args 16 48 0 "
    form = "'field <program> <name> <offset> <size> <signed>', and one of elements, chars, data_loc with a length"
    for wrong, problem in (
        ("elements 5", ": 48 bytes are no 5 numbers"),
        ("elements 0", ": 48 bytes are no 0 numbers"),
        ("elephant 6", f", expected {form}"),
    ):
        with pytest.raises(ObjectError) as caught:
            read_object(data.replace(b"48 0 elements 6\n", f"48 0 {wrong}\n".encode()), "x.o")
        assert str(caught.value) == f"{begin}{wrong}'{problem}"


@needs_root("loads programs")
def test_texts_that_lie_otherwise_in_another_kernel() -> None:
    spec = object_for((on_new_task.request, on_system_call.request, on_exec.request), running_kernel()).spec("x.o")
    assert spec.context_fields is not None
    comm = next(each for each in spec.context_fields["on_new_task"] if each.name == "comm")
    comm.size = 32
    begin = "x.o: program 'on_new_task' was compiled for another kernel's task/task_newtask: "
    there = tracefs.read_format(tracefs.format_text("task/task_newtask"))["comm"]
    assert refusal(ObjectError, lambda: load_object(spec)) == (
        f"{begin}the field comm is `{there.declared}` at byte {there.offset} here, and was a text of 32 bytes at byte "
        f"{comm.offset} there: compile it again on this one"
    )
    comm.size = 16
    (args,) = spec.context_fields["on_system_call"]
    args.offset += 8
    assert "and was u64[6] at byte 24 there" in refusal(ObjectError, lambda: load_object(spec))
    args.offset -= 8
    pid = next(each for each in spec.context_fields["on_exec"] if each.name == "pid")
    pid.form, pid.signed = "data_loc", True
    assert "the field pid is `pid_t pid` at byte 12 here, and was the place of a text at byte 12 there" in refusal(
        ObjectError, lambda: load_object(spec)
    )


def test_what_a_format_says_of_them() -> None:
    def field(declared: str, size: int, signed: int = 0) -> tracefs.FormatField:
        (found,) = tracefs.read_format(f"\tfield:{declared};\toffset:8;\tsize:{size};\tsigned:{signed};\n").values()
        return found

    annotated = {
        field("char comm[16]", 16).annotated: "comm: Chars = chars(16)",
        # As Linux 5.17 has it, whose length is a name.
        field("char comm[TASK_COMM_LEN]", 16).annotated: "comm: Chars = chars(16)",
        field("__data_loc char[] filename", 4).annotated: "filename: Chars = chars(64)",
        field("__data_loc u64[] values", 4).annotated: "values: u32",
        field("__rel_loc char[] text", 4).annotated: "text: u32",
        field("unsigned long args[6]", 48).annotated: "args: FixedArray[u64] = array(u64, 6)",
        field("long sysctl_mem[3]", 24, 1).annotated: "sysctl_mem: FixedArray[i64] = array(i64, 3)",
        field("u8 gw[16]", 16).annotated: "gw: FixedArray[u8] = array(u8, 16)",
        field("pid_t pid", 4, 1).annotated: "pid: i32",
    }
    assert list(annotated) == list(annotated.values())
    before_6_2 = field("char comm[16]", 16, 1)
    assert (before_6_2.signed, before_6_2.wanted) == (False, "chars(16)")
    assert field("char status", 1, 1).wanted == "i8"
    for without in (field("char buf[]", 0), field("struct in6_addr a", 16), field("u64 words[COUNT]", 16)):
        assert without.wanted == ""
