"""What `for` goes over: ranges, arrays, constants, and `enumerate`, `zip` and `reversed` of these."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.calls import elements_of, kept_tuple
from osmia.compiler.frontend.function import Static, TupleValue
from osmia.compiler.frontend.operators import binary, constant, integer
from osmia.compiler.frontend.places import element_layout, loaded
from osmia.compiler.frontend.stores import unwrapped
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import PlaceType
from osmia.maps.declaration import Map
from osmia.record import record

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState, Operand
    from osmia.compiler.location import Location
    from osmia.layout import Layout

# A loop over constants is written out round by round.
MOST_CONSTANTS = 256


@record
class Numbers:
    """A range. The step is never a constant 0."""

    first: ir.Expression
    last: ir.Expression
    """The first number that is not in it."""
    step: ir.Expression


@record
class Elements:
    """An array, or chars."""

    array: ir.Expression
    element: Layout
    length: int


@record
class Constants:
    """Values that are known now, or a tuple of values: there is a round of its own for each."""

    items: list[Operand]


@record
class Backwards:
    """An array from its end."""

    of: Elements


@record
class Together:
    """Several at once, as long as the shortest."""

    parts: list[Iteration]


Iteration = Numbers | Elements | Constants | Backwards | Together
Found = tuple[list[ir.Statement], Iteration]


def iteration(state: FunctionState, node: ast.expr) -> Found:
    """What the expression behind `in` goes over, and what is done before the first round."""
    if isinstance(node, ast.List):
        node = ast.copy_location(ast.Tuple(node.elts, ast.Load()), node)
    if isinstance(node, ast.Call):
        called = state.translate.operand(state, node.func)
        made = _made_by_call(state, node, called.value) if isinstance(called, Static) else None
        if made is not None:
            return made
    found = state.translate.operand(state, node)
    location = state.at(node)
    if isinstance(found, TupleValue):
        before, kept = kept_tuple(state, found)
        return list(before), Constants(list(kept.items))
    if isinstance(found, Static) and isinstance(found.value, range):
        return [], _constant_range(found.value, location)
    if isinstance(found, Static) and isinstance(found.value, tuple | list | bytes):
        return [], Constants(elements_of(found, location))
    array = element_layout(found.type) if isinstance(found, ir.Expression) else None
    if array is None:
        raise _no_iteration(state, node, found if isinstance(found, Static) else None)
    assert isinstance(found, ir.Expression)
    assign, here = state.kept(unwrapped(found), location)
    return [assign], Elements(here, *array)


def _no_iteration(state: FunctionState, node: ast.expr, found: Static | None = None) -> Exception:
    return error(
        "kernel code cannot loop over this",
        state.at(node),
        found=ast.unparse(node),
        expected="a range, a fixed array, a tuple or list of constants, or enumerate, zip or reversed of these",
        fix=f"call a function with each key and value: `{ast.unparse(node)}.for_each(function)`"
        if found is not None and isinstance(found.value, Map) and "for_each" in found.value.kind.kernel_operations
        else "count with `for index in range(...)`",
    )


def _made_by_call(state: FunctionState, node: ast.Call, function: object) -> Found | None:
    if function is range:
        return _range(state, node)
    if function is enumerate:
        return _enumerated(state, node)
    if function is zip:
        _check_call(node, state, "zip(a, b, ...)", 1, 16)
        before: list[ir.Statement] = []
        parts = []
        for argument in node.args:
            done, part = iteration(state, argument)
            before += done
            parts.append(_of_known_length(state, part, argument))
        return before, Together(parts)
    if function is reversed:
        _check_call(node, state, "reversed(a)", 1, 1)
        done, part = iteration(state, node.args[0])
        return _backwards(state, done, part, node)
    return None


def _check_call(node: ast.Call, state: FunctionState, form: str, least: int, most: int) -> None:
    if not node.keywords and least <= len(node.args) <= most and not any(isinstance(a, ast.Starred) for a in node.args):
        return
    name = form.partition("(")[0]
    raise error(
        f"kernel code calls {form}",
        state.at(node),
        found=ast.unparse(node),
        expected=form,
        fix=f"give {name} these arguments, by position",
    )


def _range(state: FunctionState, node: ast.Call) -> Found:
    location = state.at(node)
    if node.keywords or not 1 <= len(node.args) <= 3 or any(isinstance(each, ast.Starred) for each in node.args):
        raise error(
            "range takes one to three numbers",
            location,
            found=ast.unparse(node),
            expected="range(stop), range(start, stop) or range(start, stop, step)",
            fix="give it these",
        )
    bounds = [state.translate.expression(state, argument) for argument in node.args]
    for bound in bounds:
        integer(bound, "a bound of the range")
    if len(bounds) == 1:
        bounds.insert(0, constant(0, location))
    if len(bounds) == 2:
        bounds.append(constant(1, location))
    step = bounds[2]
    if isinstance(step, ir.Constant) and step.value == 0:
        raise error(
            "the step of a range is a number other than 0",
            step.location,
            found="0",
            expected="a number, such as 1 or -1",
            fix="write another number",
        )
    before, (first, last, step) = evaluated_once(state, bounds)
    return before, Numbers(first, last, step)


def evaluated_once(state: FunctionState, values: list[ir.Expression]) -> tuple[list[ir.Statement], list[ir.Expression]]:
    """What is no constant gets a local of its own, in order: the body may change what it was made of."""
    before: list[ir.Statement] = []
    kept: list[ir.Expression] = []
    for value in values:
        if isinstance(value, ir.Constant):
            kept.append(value)
            continue
        of = integer(value, "a bound of the range")
        local = state.hidden(of)
        before.append(ir.Assign(value.location, local, value))
        kept.append(ir.LocalRead(of, value.location, local))
    return before, kept


def _constant_range(numbers: range, location: Location) -> Numbers:
    start, stop, step = (constant(each, location) for each in (numbers.start, numbers.stop, numbers.step))
    return Numbers(start, stop, step)


def _enumerated(state: FunctionState, node: ast.Call) -> Found:
    start: ast.expr | None = node.args[1] if len(node.args) == 2 else None
    given = [each.value for each in node.keywords if each.arg == "start"]
    if start is None and len(given) == 1 and len(node.keywords) == 1:
        start = given[0]
        node = ast.copy_location(ast.Call(node.func, node.args, []), node)
    _check_call(node, state, "enumerate(a, start)", 1, 2)
    before, part = iteration(state, node.args[0])
    part = _of_known_length(state, part, node.args[0])
    location = state.at(node)
    first: ir.Expression = constant(0, location)
    if start is not None:
        first = state.translate.expression(state, start)
        integer(first, "the start of enumerate")
    done, (first,) = evaluated_once(state, [first])
    count = known_length(part)
    assert count is not None
    numbers = Numbers(first, binary("+", first, constant(count, location), location), constant(1, location))
    return [*before, *done], Together([numbers, part])


def _of_known_length(state: FunctionState, part: Iteration, node: ast.expr) -> Iteration:
    if known_length(part) is not None:
        return part
    raise error(
        "the length of this range is not known when the program is compiled",
        state.at(node),
        found=ast.unparse(node),
        expected="a range of constants, an array, or a tuple of constants",
        fix="loop over the range alone, and count in the body",
    )


def _backwards(state: FunctionState, before: list[ir.Statement], part: Iteration, node: ast.Call) -> Found:
    match part:
        case Constants(items=items):
            return before, Constants(items[::-1])
        case Elements():
            return before, Backwards(part)
        case Numbers():
            done, numbers = _reversed_range(state, part, state.at(node))
            return [*before, *done], numbers
        case _:
            raise error(
                "only a range, an array or a tuple is reversed",
                state.at(node),
                found=ast.unparse(node),
                expected="reversed(range(...)), or reversed(array)",
                fix="reverse what goes into zip or enumerate",
            )


def _reversed_range(state: FunctionState, numbers: Numbers, location: Location) -> tuple[list[ir.Statement], Numbers]:
    first, last, step = numbers.first, numbers.last, numbers.step
    if not isinstance(step, ir.Constant):
        raise error(
            "the step of a reversed range is a constant",
            step.location,
            found=f"a step of type {step.type}",
            expected="a number, such as 1 or -1",
            fix="write the range the other way round",
        )
    if isinstance(first, ir.Constant) and isinstance(last, ir.Constant):
        return [], _constant_range(range(first.value, last.value, step.value)[::-1], location)
    if abs(step.value) == 1:
        start: ir.Expression = binary("-", last, step, location)
    else:
        # The last number: as many whole steps from the first as fit before the end. Where the range is empty that is
        # before the first, and so the range from there is empty as well.
        near = constant(1 if step.value > 0 else -1, location)
        distance = binary("-", binary("-", last, near, location), first, location)
        count = binary("//", distance, step, location)
        start = binary("+", first, binary("*", count, step, location), location)
    stop = binary("-", first, step, location)
    done, (start, stop) = evaluated_once(state, [start, stop])
    return done, Numbers(start, stop, constant(-step.value, location))


def known_length(of: Iteration) -> int | None:
    """How many rounds there are; None where that is not known yet."""
    match of:
        case Numbers(first=ir.Constant(value=first), last=ir.Constant(value=last), step=ir.Constant(value=step)):
            return len(range(first, last, step))
        case Numbers(first=first_, last=ir.Binary(operator="+", left=left, right=ir.Constant(value=count))) if (
            left is first_
        ):
            return count
        case Numbers():
            return None
        case Elements(length=length) | Backwards(of=Elements(length=length)):
            return length
        case Constants(items=items):
            return len(items)
        case Together(parts=parts):
            lengths = [known_length(part) for part in parts]
            return min(length for length in lengths if length is not None)


def is_written_out(of: Iteration) -> bool:
    """Whether each round is translated on its own."""
    return isinstance(of, Constants) or (isinstance(of, Together) and any(map(is_written_out, of.parts)))


def item(of: Iteration, index: ir.Expression, location: Location) -> Operand:
    """What a round gives; the index is a constant where rounds are written out."""
    match of:
        case Numbers(first=first, step=step):
            return binary("+", first, binary("*", index, step, location), location)
        case Elements(array=array, element=element, length=length):
            # The index is inside: the loop's own test says so.
            return loaded(ir.Element(PlaceType(element), location, array, index, length, None), location)
        case Backwards(of=inner):
            return item(inner, binary("-", constant(inner.length - 1, location), index, location), location)
        case Constants(items=items):
            assert isinstance(index, ir.Constant)
            return items[index.value]
        case Together(parts=parts):
            return TupleValue(location, (), tuple(item(part, index, location) for part in parts))
