"""Keys of tries in kernel code: an address is looked up, and a prefix is a pair, `(24, address)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.function import Bound, Static, TupleValue
from osmia.compiler.frontend.operators import constant, integer, value_of
from osmia.compiler.frontend.stores import aggregate, check_scalar, described, scalar
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import PlaceType, is_scalar
from osmia.layout import StructLayout

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState, Operand
    from osmia.compiler.location import Location


def address_key(state: FunctionState, map_: ir.MapReference, value: Operand, location: Location) -> ir.Expression:
    """The key that looks an address up: all of its bits count."""
    name = map_.symbol
    if isinstance(value, TupleValue) or (isinstance(value, Static) and isinstance(value.value, tuple)):
        raise error(
            f"what is looked up in {name} is an address",
            value.location,
            found="a pair",
            expected=f"{name}.lookup(address): it finds the longest prefix that holds the address",
            fix="leave the prefix length out",
        )
    return _key(map_, constant(8 * _data(map_).layout.size, location), _address(state, map_, value, location), location)


def prefix_key(state: FunctionState, map_: ir.MapReference, value: Operand, location: Location) -> ir.Expression:
    """The key of a prefix: a pair of how many bits count and an address."""
    match value:
        case TupleValue(before=(), items=(length, address)):
            pass
        case Static(value=(int() as bits, other), path=path, location=at):
            state.read(value)
            length, address = constant(bits, at), Static(other, ("element", path, 1), at)
        case _:
            raise error(
                f"a key of {map_.symbol} is a pair of a prefix length and an address",
                location if isinstance(value, Bound) else value.location,
                found=described(value),
                expected="a pair, `(24, address)`",
                fix="say how many bits of the address count",
            )
    most = 8 * _data(map_).layout.size
    if isinstance(length, Static):
        length = value_of(length)
    if not isinstance(length, ir.Expression):
        raise _no_length(map_, location, described(length), most)
    of = integer(length, f"the prefix length of a key of {map_.symbol}")
    if of.low < 0 or of.high > most:
        raise _no_length(map_, length.location, str(of), most)
    return _key(map_, length, _address(state, map_, address, location), location)


def _address(state: FunctionState, map_: ir.MapReference, value: Operand, location: Location) -> ir.Expression:
    layout, role = _data(map_).layout, f"an address of {map_.symbol}"
    if not is_scalar(layout):
        return aggregate(state, value, layout, role, location)
    number = scalar(value, role, layout)
    check_scalar(number, layout, role)
    of = integer(number, role)
    if not 0 <= of.low <= of.high <= 0xFFFF_FFFF:
        raise error(
            f"this may be no address of {map_.symbol}",
            number.location,
            found=f"a value of type {of}",
            expected="0 to 4294967295 (be32)",
            fix="cast it: u32(...)",
        )
    return number


def _data(map_: ir.MapReference) -> PlaceType:
    """What is looked up, as it lies in the key."""
    assert isinstance(map_.key, StructLayout)
    return PlaceType(map_.key.fields[1].layout)


def _key(map_: ir.MapReference, length: ir.Expression, address: ir.Expression, location: Location) -> ir.Expression:
    assert isinstance(map_.key, StructLayout)
    bits, data = map_.key.fields
    image = bytearray(map_.key.size)
    values = [(data, address)]
    if isinstance(length, ir.Constant):
        image[:4] = length.value.to_bytes(4, "little")
    else:
        values.insert(0, (bits, length))
    return ir.Construct(PlaceType(map_.key), location, bytes(image), tuple(values))


def _no_length(map_: ir.MapReference, location: Location, found: str, most: int) -> Exception:
    return error(
        f"this may be no prefix length of {map_.symbol}",
        location,
        found=found,
        expected=f"0 to {most}",
        fix="limit it before: `if length <= ...`",
    )
