"""StackTraceMap: programs keep stacks of the kernel and of processes, and user code reads them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection

import osmia
from compiled import c_object
from osmia import HashMap, StackFrame, StackTraceMap, TpBtfContext, i64, setting, tp_btf, u32, u64
from osmia.contexts.kernel_structs import task_struct  # noqa: TC001 - the compiler looks it up
from osmia.flags import BPF_F_USER_STACK
from refusal import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

kernel_stacks = StackTraceMap(max_entries=64)
short_stacks = StackTraceMap(max_entries=64, depth=2)
user_stacks = StackTraceMap(max_entries=64, build_id=True)
numbers = HashMap(u32, i64, max_entries=8)
watched = setting(u32, 0)


@tp_btf("task_newtask")
def trace(ctx: TpBtfContext, task: task_struct, clone_flags: u64) -> None:
    if ctx.get_current_pid_tgid() >> 32 != watched:
        return
    numbers[0] = kernel_stacks.stackid()
    numbers[1] = short_stacks.stackid(0)
    numbers[2] = user_stacks.stackid(BPF_F_USER_STACK)
    numbers[3] = kernel_stacks.stackid(1 << 40)


@pytest.fixture(autouse=True)
def traced() -> Iterator[None]:
    trace.load(settings={"watched": os.getpid()})
    with trace.attach():
        subprocess.run(["true"], check=True)
    yield
    trace.close()
    for held in (kernel_stacks, short_stacks, user_stacks, numbers):
        held.close()


def test_a_stack_of_the_kernel_is_its_functions() -> None:
    frames = kernel_stacks[numbers[0]]
    symbols = [line.split() for line in Path("/proc/kallsyms").read_text().splitlines()]
    starts = sorted((int(address, 16), name) for address, kind, name, *_ in symbols if kind in "tT")
    if starts[-1][0] == 0:
        pytest.skip("/proc/kallsyms hides addresses here")
    functions = [max(each for each in starts if each[0] <= address)[1] for address in frames]
    assert any("clone" in name for name in functions), functions


def test_what_is_deeper_is_cut_off() -> None:
    assert len(short_stacks[numbers[1]]) == 2
    assert len(kernel_stacks[numbers[0]]) > 2


def test_frames_of_a_process_are_places_in_files() -> None:
    frames = user_stacks[numbers[2]]
    assert all(isinstance(frame, StackFrame) for frame in frames)
    files = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "r-xp" in line}
    libc = next(file for file in files if "/libc.so" in file or "/libc-" in file)
    with Path(libc).open("rb") as file:
        notes = ELFFile(file).get_section_by_name(".note.gnu.build-id")
        assert isinstance(notes, NoteSection)
        wanted = next(note["n_desc"] for note in notes.iter_notes())
    assert wanted in {frame.build_id.hex() for frame in frames}


def test_flags_that_the_kernel_does_not_take_give_a_negative_number() -> None:
    assert numbers[3] == -22


def test_user_code_reads_walks_and_deletes() -> None:
    number = numbers[0]
    assert list(kernel_stacks) == [number] == list(kernel_stacks.keys())
    assert (len(kernel_stacks), number in kernel_stacks, number + 1 in kernel_stacks) == (1, True, False)
    frames = kernel_stacks[number]
    assert list(kernel_stacks.items()) == [(number, frames)]
    assert list(kernel_stacks.values()) == [frames]
    assert (kernel_stacks.get(number), kernel_stacks.get(number + 1)) == (frames, None)
    assert kernel_stacks.pop(number) == frames
    assert kernel_stacks.pop(number, None) is None
    assert refusal(KeyError, lambda: kernel_stacks[number]) == f"kernel_stacks: no key {number}"
    assert refusal(KeyError, lambda: kernel_stacks.pop(number)) == f"kernel_stacks: no key {number}"
    with pytest.raises(KeyError):
        del kernel_stacks[number]
    user_stacks.clear()
    assert len(user_stacks) == 0


def test_what_is_refused() -> None:
    wrong: Any = kernel_stacks
    declare: Any = StackTraceMap
    assert refusal(TypeError, lambda: wrong.__setitem__(1, ())) == (
        "kernel_stacks: user code does not write stacks: kernel code takes them with stackid()"
    )
    assert refusal(TypeError, lambda: wrong["1"]) == "kernel_stacks: a key is an int (u32), not str '1'"
    assert (
        refusal(TypeError, wrong.stackid) == "kernel_stacks: stackid() is for kernel code; in user code read m[number]"
    )
    assert refusal(ValueError, lambda: declare(max_entries=1, depth=128, name="S")) == (
        "S: depth is 1 to 127 frames, not 128"
    )
    assert refusal(TypeError, lambda: declare(max_entries=1, depth="2", name="S")) == "S: depth is an int, not str '2'"
    assert refusal(ValueError, lambda: declare(max_entries=0, name="S")) == "S: max_entries is 1 to 4294967295, not 0"
    assert refusal(ValueError, lambda: declare(max_entries=1, flags=1, name="S")) == (
        "S: the flag BPF_F_NO_PREALLOC is for HashMap, PerCpuHashMap, LpmTrie, HashOfMaps, SkStorage, InodeStorage, "
        "TaskStorage, CgrpStorage; a StackTraceMap takes BPF_F_RDONLY, BPF_F_WRONLY, BPF_F_STACK_BUILD_ID"
    )


def test_what_is_declared() -> None:
    assert (kernel_stacks.depth, kernel_stacks.value_size, kernel_stacks.build_id) == (127, 1016, False)
    assert (user_stacks.depth, user_stacks.value_size, user_stacks.build_id) == (127, 4064, True)
    assert repr(short_stacks) == "<StackTraceMap(max_entries=64) short_stacks, live>"


C = r"""
struct { __uint(type, 7); __uint(max_entries, 16); __uint(key_size, 4); __uint(value_size, 64); } stacks SEC(".maps");
static long (*bpf_get_stackid)(void *, void *, u64) = (void *)27;
SEC("tp_btf/task_newtask") int take(u64 *ctx) { bpf_get_stackid(ctx, &stacks, 1 << 10); return 0; }
"""


def test_what_clang_made_is_loaded_and_used() -> None:
    with osmia.load(c_object(C)) as loaded:
        stacks = loaded["stacks"]
        assert (type(stacks), stacks.depth) == (StackTraceMap, 8)
        with loaded["take"].attach():
            subprocess.run(["true"], check=True)
        assert all(1 <= len(frames) <= 8 for frames in stacks.values())
        assert len(stacks) >= 1
