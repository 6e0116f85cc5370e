"""The way out where Python would raise, as LLVM IR: the place is counted, and the program returns its error value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.abi.generated import helper_ids as ids
from osmia.compiler.llvm.debug_info import quoted

if TYPE_CHECKING:
    from osmia.compiler.llvm.function import FunctionWriter
    from osmia.compiler.location import Location


def error_edge_if(writer: FunctionWriter, test: str, location: Location) -> None:
    """Where Python would raise for some operands."""
    failed = writer.out.value(test)
    error, going_on = writer.out.label("error"), writer.out.label("next")
    writer.out.line(f"br i1 {failed}, label %{error}, label %{going_on}")
    writer.out.start(error)
    error_edge(writer, location)
    writer.out.start(going_on)


def error_edge(writer: FunctionWriter, location: Location) -> None:
    """Leave all scopes, count the place and return the program's error value."""
    writer.leave_scopes(0, aborting=True)
    count_error(writer, location)
    writer.give_up()


def count_error(writer: FunctionWriter, location: Location) -> None:
    """Count one error more at a place."""
    writer.out.at(location)
    slot = writer.out.slot("i32")
    writer.out.line(f"store i32 {writer.sites[location]}, ptr {slot}, align 4")
    counter = writer.out.value(
        f"call ptr inttoptr (i64 {ids.BPF_FUNC_map_lookup_elem} to ptr)(ptr @{quoted(writer.error_map)}, ptr {slot})"
    )
    there, leave = writer.out.label("count"), writer.out.label("leave")
    missing = writer.out.value(f"icmp eq ptr {counter}, null")
    writer.out.line(f"br i1 {missing}, label %{leave}, label %{there}")
    writer.out.start(there)
    before = writer.out.value(f"load i64, ptr {counter}, align 8")
    after = writer.out.value(f"add i64 {before}, 1")
    writer.out.line(f"store i64 {after}, ptr {counter}, align 8")
    writer.out.line(f"br label %{leave}")
    writer.out.start(leave)
