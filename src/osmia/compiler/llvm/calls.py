"""Calls as LLVM IR: of helpers, with what maps take, and of the program's own functions."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from osmia.abi.generated import helper_ids as ids
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.origins import packet_change
from osmia.compiler.ir.types import is_object, is_pointer
from osmia.compiler.llvm.debug_info import quoted
from osmia.compiler.llvm.objects import key_address, value_address
from osmia.compiler.llvm.passing import Passing

if TYPE_CHECKING:
    from osmia.compiler.llvm.function import FunctionWriter
    from osmia.compiler.location import Location

# These the verifier replaces by calls of the map's own functions. Before 6.4 those gave an int, and what is in the
# upper half of the register is anything.
HALF_RESULTS = frozenset(
    {
        *(ids.BPF_FUNC_map_update_elem, ids.BPF_FUNC_map_delete_elem, ids.BPF_FUNC_redirect_map),
        *(ids.BPF_FUNC_map_push_elem, ids.BPF_FUNC_map_pop_elem, ids.BPF_FUNC_map_peek_elem),
        ids.BPF_FUNC_for_each_map_elem,
    }
)
WHOLE_RESULTS_SINCE = (6, 4)


def call_function(writer: FunctionWriter, statement: ir.CallFunction) -> None:
    """A call: status and value are kept apart where the function may fail."""
    passing, out = Passing(statement.function), writer.out
    arguments = [
        writer.pointer(each) if is_pointer(each.type) else writer.integer(each) for each in statement.arguments
    ]
    out.at(statement.location)
    status, frame = passing.call(out, arguments)
    if packet_change(statement.function.body) is not None:
        writer.packet.renew()
    if passing.may_fail:
        failed, going_on = out.label("failed"), out.label("next")
        out.branch(out.value(f"icmp ne i64 {status}, 0"), failed, going_on)
        out.start(failed)
        writer.leave_scopes(0, aborting=True)
        writer.give_up()
        out.start(going_on)
    for local, value in zip(statement.results, passing.results(out, status, frame), strict=True):
        out.line(f"store i64 {value}, ptr {writer.locals[local]}, align 8")
        writer.mark_local(local, f"i64 {value}")


def map_address(writer: FunctionWriter, of: ir.MapReference) -> str:
    """A map's address."""
    return f"@{quoted(of.symbol)}" if of.found is None else writer.pointer(of.found)


def map_lookup(writer: FunctionWriter, of: ir.MapLookup) -> str:
    """Where a value lies; null where the map has none."""
    symbol, key = map_address(writer, of.map), key_address(writer, of.key, of.map.key)
    writer.out.at(of.location)
    return writer.out.value(f"call ptr inttoptr (i64 {ids.BPF_FUNC_map_lookup_elem} to ptr)(ptr {symbol}, ptr {key})")


def map_delete(writer: FunctionWriter, of: ir.MapDelete) -> str:
    """Delete a key; the number of an error, or 0."""
    symbol, key = map_address(writer, of.map), key_address(writer, of.key, of.map.key)
    writer.out.at(of.location)
    status = writer.out.call(ids.BPF_FUNC_map_delete_elem, f"ptr {symbol}", f"ptr {key}")
    return call_status(writer, ids.BPF_FUNC_map_delete_elem, status)


def map_update(writer: FunctionWriter, of: ir.MapUpdate) -> str:
    """Write a value; the number of an error, or 0."""
    place, key = map_address(writer, of.map), key_address(writer, of.key, of.map.key)
    value = value_address(writer, of.value, of.map.value)
    flags = writer.integer(of.flags)
    writer.out.at(of.location)
    status = writer.out.call(ids.BPF_FUNC_map_update_elem, f"ptr {place}", f"ptr {key}", f"ptr {value}", f"i64 {flags}")
    return call_status(writer, ids.BPF_FUNC_map_update_elem, status)


def call_status(writer: FunctionWriter, helper: int, result: str) -> str:
    """What a helper gives, where older kernels may leave the upper half of the register as it was."""
    if writer.kernel >= WHOLE_RESULTS_SINCE or helper not in HALF_RESULTS:
        return result
    return writer.out.extended(writer.out.narrowed(result, 32), 32, signed=True)


def helper_call(writer: FunctionWriter, of: ir.HelperCall) -> str:
    """What a helper gives: a pointer, or a number as an i64."""
    arguments = _helper_arguments(writer, of)
    writer.out.at(of.location)
    pointer = is_pointer(of.type) and of.type != ir.NONE
    # What says which memory a call may touch lets LLVM drop the zeros of a new event whose fields are all assigned.
    result_type = "ptr" if pointer else "i64"
    if of.helper.name == "ringbuf_reserve":
        result_type = "noalias ptr"
    effects = "" if of.helper.arguments or pointer else " nounwind memory(inaccessiblemem: readwrite)"
    result = writer.out.call(of.helper.number, *arguments, of=result_type, effects=effects)
    if of.helper.changes_packet:
        writer.packet.renew()
    return result if pointer else call_status(writer, of.helper.number, result)


def _helper_arguments(writer: FunctionWriter, of: ir.HelperCall) -> list[str]:
    """Arguments in their order: keys and values of a map by their addresses."""
    map_ = next((each for each in of.arguments if isinstance(each, ir.MapReference)), None)
    arguments = []
    for row, given in zip_longest(of.helper.arguments[: len(of.arguments)], of.arguments):
        role = row.kind if row is not None and map_ is not None else ""
        if map_ is None or isinstance(given, ir.MapReference) or given.type == ir.NONE:
            arguments += _call_arguments(writer, (given,))
        elif role in ("map key", "map value") and is_pointer(given.type):
            layout = map_.key if role == "map key" else map_.value
            arguments.append(
                f"ptr {key_address(writer, given, layout) if role == 'map key' else writer.pointer(given)}"
            )
        elif role == "map key":
            arguments.append(f"ptr {key_address(writer, given, map_.key)}")
        elif role == "map value" and not is_object(given.type):
            arguments.append(f"ptr {value_address(writer, given, map_.value)}")
        else:
            arguments += _call_arguments(writer, (given,))
    return arguments


def raw_call(writer: FunctionWriter, of: ir.RawCall) -> str:
    """A call by number alone; what the helper gives as an i64."""
    arguments = _call_arguments(writer, of.arguments)
    writer.out.at(of.location)
    result = writer.out.call(of.number, *arguments)
    if of.changes_packet:
        writer.packet.renew()
    return call_status(writer, of.number, result)


def _call_arguments(writer: FunctionWriter, given: tuple[ir.Expression | ir.MapReference, ...]) -> list[str]:
    """Arguments in their order; all numbers are i64, as the verifier sees registers whole."""
    arguments = []
    for argument in given:
        if isinstance(argument, ir.MapReference):
            arguments.append(f"ptr {map_address(writer, argument)}")
        elif is_pointer(argument.type):
            arguments.append(f"ptr {writer.pointer(argument)}")
        else:
            arguments.append(f"i64 {writer.integer(argument)}")
    return arguments


# What the program's author vouches for: LLVM, which trusts what it knows of memory, is to know nothing of it.


def address_number(writer: FunctionWriter, operand: ir.Expression | ir.MapReference, location: Location) -> str:
    """An address as a number."""
    symbol = map_address(writer, operand) if isinstance(operand, ir.MapReference) else writer.pointer(operand)
    writer.out.at(location)
    return writer.out.opaque(writer.out.value(f"ptrtoint ptr {symbol} to i64"))


def memory_at(writer: FunctionWriter, of: ir.MemoryAt) -> str:
    """A number as an address."""
    address, distance = writer.integer(of.address), writer.integer(of.offset)
    writer.out.at(of.location)
    pointer = writer.out.value(f"inttoptr i64 {address} to ptr")
    return writer.out.value(f"getelementptr i8, ptr {pointer}, i64 {distance}")
