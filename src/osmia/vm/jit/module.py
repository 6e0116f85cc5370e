"""Code as a module of LLVM IR: its functions, and what all modules have."""

from __future__ import annotations

from osmia.vm.jit.flow import function_at
from osmia.vm.jit.function import Writer
from osmia.vm.jit.inlined import tables
from osmia.vm.jit.state import Status, Word
from osmia.vm.registers import ARGUMENTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from osmia.vm.code import Code
    from osmia.vm.jit.inlined import Inlined

HEAD = """\
declare i16 @llvm.bswap.i16(i16)
declare i32 @llvm.bswap.i32(i32)
declare i64 @llvm.bswap.i64(i64)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
"""
TAIL = """
attributes #0 = { nounwind "no-jump-tables"="true" }
attributes #1 = { nounwind alwaysinline }
!3 = !{!"branch_weights", i32 2000, i32 1}
!4 = !{!"branch_weights", i32 1, i32 2000}
!20 = !{!"osmia"}
!21 = !{!"arena", !20}
!22 = !{!"shadow", !20}
!23 = !{!"state", !20}
!10 = !{!21, !21, i64 0}
!11 = !{!22, !22, i64 0}
!12 = !{!23, !23, i64 0}
"""


def module(code: Code, entries: Iterable[int], inlined: Inlined, size: int) -> str:
    """The whole text; `size` is the arena's."""
    functions = [Writer(code, function_at(code, entry), inlined, size).text() for entry in sorted(entries)]
    ways_in = [_way_in(entry) for entry in sorted(entries)]
    return "\n".join([HEAD, *tables(inlined), _enter(), *functions, *ways_in, TAIL])


def _load(word: int, name: str, to: str = "i64") -> str:
    return (
        f"  %{name}.p = getelementptr i64, ptr %s, i64 {int(word)}\n"
        f"  %{name} = load {to}, ptr %{name}.p, align 8, !tbaa !12"
    )


def _way_in(entry: int) -> str:
    """What Python calls: the function, with what the state says."""
    loads = [_load(Word.REGISTERS + register, f"a{register}") for register in ARGUMENTS]
    given = ", ".join(f"i64 %a{register}" for register in ARGUMENTS)
    return "\n".join(
        [
            f"define i64 @enter_{entry}(ptr %s) #0 {{",
            *(_load(word, name, "ptr") for word, name in ((Word.ARENA, "arena"), (Word.SHADOW, "shadow"))),
            *loads,
            _load(Word.WRITTEN, "written"),
            f"  %r = call i64 @f{entry}(ptr %s, ptr %arena, ptr %shadow, {given}, i64 %written)",
            "  ret i64 %r",
            "}",
        ]
    )


def _enter() -> str:
    """The beginning of every function: gives the address of its frame, 0 where there are too many of them."""
    return f"""\
define internal i64 @enter(ptr %s, i64 %entry) #1 {{
{_load(Word.DEPTH, "depth")}
{_load(Word.DEEPEST, "deepest")}
  %status.p = getelementptr i64, ptr %s, i64 {int(Word.STATUS)}
  %room = icmp slt i64 %depth, %deepest
  br i1 %room, label %find, label %full, !prof !3
full:
  store i64 {int(Status.TOO_DEEP)}, ptr %status.p, align 8, !tbaa !12
  ret i64 0
find:
{_load(Word.FRAMES, "frames", "ptr")}
  %frame.p = getelementptr i64, ptr %frames, i64 %depth
  %found = load i64, ptr %frame.p, align 8, !tbaa !12
  %there = icmp ne i64 %found, 0
  br i1 %there, label %take, label %make, !prof !3
make:
  store i64 {int(Status.RAISED)}, ptr %status.p, align 8, !tbaa !12
{_load(Word.FRAME, "maker", "ptr")}
  %made = call i64 %maker(i64 %depth)
  %status = load i64, ptr %status.p, align 8, !tbaa !12
  %well = icmp eq i64 %status, 0
  br i1 %well, label %take, label %failed
failed:
  ret i64 0
take:
  %base = phi i64 [%found, %find], [%made, %make]
{_load(Word.NAMES, "names", "ptr")}
{_load(Word.CODE, "code")}
  %name.p = getelementptr i64, ptr %names, i64 %depth
  %code.high = shl i64 %code, 32
  %name = or i64 %code.high, %entry
  store i64 %name, ptr %name.p, align 8, !tbaa !12
  %deeper = add i64 %depth, 1
  store i64 %deeper, ptr %depth.p, align 8, !tbaa !12
  ret i64 %base
}}
"""
