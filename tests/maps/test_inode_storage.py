"""InodeStorage and programs at hooks of the security modules: on kernels that run these, in a virtual machine."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from osmia import Global, InodeStorage, KernelError, LsmContext, i32, lsm, struct, u64
from osmia.contexts.kernel_structs import dentry, file, inode  # noqa: TC001 - the compiler looks it up
from this_kernel import why_no_lsm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EPERM = 1
ENOTDIR = 20


@struct
class Kept:
    removals: u64 = 0
    limit: u64 = 0


opened = InodeStorage(u64)
kept = InodeStorage(Kept)
files = Global(u64)


@lsm("inode_permission", on_error=0)
def count(ctx: LsmContext, inode_: inode, mask: i32) -> int:
    times = opened.get(inode_)
    if times is not None:
        times.value += 1
    return 0


@lsm("inode_unlink", on_error=-1)
def keep(ctx: LsmContext, dir_: inode, dentry_: dentry) -> int:
    held = kept.get(dir_)
    if held is None:
        return 0
    held.removals += 1
    return 0 if held.removals > held.limit else -EPERM


@lsm("inode_mkdir", on_error=0)
def start(ctx: LsmContext, dir_: inode, _dentry: dentry, mode: i32) -> int:
    return 0


@lsm("inode_rmdir", on_error=0)
def forget(ctx: LsmContext, dir_: inode) -> int:
    if kept.delete(dir_) == 0:
        kept.get(dir_, Kept(limit=99))
    return 0


@lsm("file_open", on_error=-ENOTDIR)
def fails(ctx: LsmContext, file_: file) -> int:
    of = files.value
    if of == 0:
        return 0
    return -(100 // (of - 1)) if of < 50 else 0


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    if why := why_no_lsm():
        pytest.skip(why)
    yield
    for program in (count, keep, start, forget, fails):
        program.close()
    for held in (opened, kept, files):
        held.close()


def test_kernel_code_counts_what_user_code_marked(tmp_path: Path) -> None:
    marked, other = tmp_path / "marked", tmp_path / "other"
    marked.write_text("1")
    other.write_text("2")
    with count.attach() as link:
        assert repr(link).startswith("<TracingLink of program 'count' on lsm inode_permission, fd ")
        opened[marked] = 0
        for _ in range(3):
            marked.read_text()
            other.read_text()
        assert (opened[marked], opened[str(marked)], opened.get(other)) == (3, 3, None)
        with marked.open() as held:
            assert opened[held] == opened[held.fileno()] == 4
    marked.read_text()
    assert opened.pop(marked) == 4
    assert marked not in opened


def test_a_program_refuses(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("")
    with keep.attach():
        kept[tmp_path] = Kept(limit=1)
        with pytest.raises(PermissionError):
            (tmp_path / "a").unlink()
        (tmp_path / "a").unlink()
        assert kept[tmp_path] == Kept(removals=2, limit=1)
        del kept[tmp_path]
        (tmp_path / "b").unlink()


def test_kernel_code_deletes_and_makes(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    with forget.attach():
        kept[tmp_path] = Kept(limit=1)
        (tmp_path / "d").rmdir()
        assert kept[tmp_path] == Kept(limit=99)


def test_the_error_edge_gives_the_value_that_was_stated(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    with fails.attach():
        files.value = 1
        with pytest.raises(NotADirectoryError):
            (tmp_path / "f").read_text()
        files.value = 26
        with pytest.raises(InterruptedError):
            (tmp_path / "f").read_text()
        files.value = 0
    assert [(count_.problem, count_.count) for count_ in fails.errors()] == [("integer division or modulo by zero", 1)]


def test_the_arguments_are_compared_with_the_kernel_s() -> None:
    from osmia import ObjectError

    with pytest.raises(ObjectError) as caught:
        start.load()
    assert str(caught.value).startswith(
        "start: program 'start' does not fit lsm inode_mkdir of this kernel, which gives"
    )


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    count.load()
    with pytest.raises(KernelError) as caught:
        opened[tmp_path / "none"]
    assert caught.value.errno == errno.ENOENT
