"""What holds on every way through a program: locals are assigned before use, looked-up values are checked for None.

The pass walks the structured IR with what is known of each local: whether it may be unassigned, and whether an optional
may be None or may hold something. Tests refine it on each of their two ways; a loop is walked until nothing changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from osmia.compiler.diagnostics import error
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.origins import leading_to, packet_change
from osmia.compiler.ir.types import IntType, NoneType, OptionalType, PlaceType, is_object
from osmia.compiler.ir.walk import assigned, nodes, operands
from osmia.record import frozen_record, record

if TYPE_CHECKING:
    from osmia.compiler.location import Location


@frozen_record
class Part:
    """The bytes of an object that a reference leads to, or more than these where that is not known."""

    start: int = 0
    end: int = 0
    depth: int = 0
    """How many fields and elements deep they are."""

    def within(self, other: Part) -> bool:
        """Whether what is stored there takes the place of this."""
        return other.start <= self.start and self.end <= other.end and self.depth >= other.depth


@frozen_record
class Known:
    """What is known of a local at one point. An optional that may be neither stands for a way that cannot be taken."""

    unassigned: bool
    """Whether it may not have been assigned yet."""
    may_be_none: bool
    may_be_there: bool
    origin: Location | None = None
    """Where the value that may be None came from."""
    objects: frozenset[int] = frozenset()
    """The objects that it may refer to: the nodes that make them, by identity."""
    stale: str = ""
    """Why what it refers to is no longer there, if so."""
    part: Part = Part()
    """Which part of them it refers to."""


ASSIGNED = Known(unassigned=False, may_be_none=False, may_be_there=True)

# What is known of all locals; None where control cannot come.
Facts = dict[ir.Local, Known] | None
# What became of an event of a ring.
EVENT = {
    "ringbuf_submit": "submitted when its block ended",
    "ringbuf_discard": "discarded",
    "ringbuf_submit_dynptr": "submitted when its block ended",
    "ringbuf_discard_dynptr": "discarded",
}
DRAINED = "a record of a ring, which was taken out when its round ended"
# Stands among objects for all that lies in the packet: no node has this identity.
PACKET = frozenset((-1,))
VIEW = Known(unassigned=False, may_be_none=False, may_be_there=True, objects=PACKET)
NEVER_ASSIGNED = Known(unassigned=True, may_be_none=False, may_be_there=False)


@record
class LoopWays:
    """What is known on the ways that leave the innermost loop's body early."""

    broken: Facts = None
    continued: Facts = None
    left: bool = False
    """Whether a way leaves the function from inside."""
    depth: int = 0
    """How many scopes the loop stands in."""


@record
class Around:
    """What stands around a statement."""

    loop: LoopWays | None
    left: dict[ir.Frame, Facts]
    """By the calls that are written out: what is known on the ways that leave them."""
    scopes: tuple[ir.Scope, ...] = ()
    """The `with` blocks, the innermost last."""
    frames: tuple[tuple[ir.Frame, int], ...] = ()
    """The calls that are written out, with how many scopes each stands in."""

    def inside(self, loop: LoopWays | None) -> Around:
        """The same, in another loop."""
        if loop is not None:
            loop.depth = len(self.scopes)
        return Around(loop, self.left, self.scopes, self.frames)

    def called(self, frame: ir.Frame, ways: LoopWays | None) -> Around:
        """The same, in a call that is written out: its loops are its own, but for those of a round of a loop."""
        if ways is not None and ways is not self.loop:
            ways.depth = len(self.scopes)
        return Around(ways, self.left, self.scopes, (*self.frames, (frame, len(self.scopes))))

    def within(self, scopes: tuple[ir.Scope, ...]) -> Around:
        """The same, in other scopes."""
        return Around(self.loop, self.left, scopes, self.frames)


def check_flow(program: ir.Program) -> None:
    """Raise CompileError for a use before assignment, an unchecked None, or a way without a return."""
    end = _statements(program.body, dict.fromkeys(program.locals, NEVER_ASSIGNED), Around(None, {}))
    bodies = (*program.body, *(each for function in program.functions for each in function.body))
    views = leading_to(bodies, ir.PacketAt) if program.functions else frozenset()
    for function in program.functions:
        facts = dict.fromkeys(function.locals, NEVER_ASSIGNED)
        given = {each: VIEW if each in views else ASSIGNED for each in function.parameters}
        _statements(function.body, facts | given, Around(None, {}))
    if end is not None:
        raise error(
            f"{program.name} can end without returning",
            program.end,
            found="a way to the end of the function without a return",
            expected=f"{program.returns} on every way",
            fix=f"add a return of {program.returns} at the end",
        )


def _statements(statements: tuple[ir.Statement, ...], facts: Facts, around: Around) -> Facts:
    for statement in statements:
        if facts is None:
            return None
        facts = _statement(statement, facts, around)
    return facts


def _statement(statement: ir.Statement, facts: dict[ir.Local, Known], around: Around) -> Facts:
    match statement:
        case ir.Assign(local=local, value=value):
            return _assigned(local, value, _value(value, facts, around))
        case ir.Store(place=place, value=value) | ir.Copy(place=place, source=value):
            # Python evaluates the value first, then the place.
            after = _value(value, facts, around)
            after = None if after is None else _value(place, after, around)
            return _replaced(statement, after) if isinstance(statement, ir.Copy) and after is not None else after
        case ir.Fill(place=place):
            return _value(place, facts, around)
        case ir.Breakpoint():
            return facts
        case ir.Barrier(given=given):
            return facts if given is None else _given_up(given, _value(given, facts, around))
        case ir.Evaluate(value=value) | ir.ContextStore(value=value):
            return _value(value, facts, around)
        case ir.If(test=test, then=then, otherwise=otherwise):
            when_true, when_false = _condition(test, facts, around)
            return _merge(_statements(then, when_true, around), _statements(otherwise, when_false, around))
        case ir.Loop():
            return _loop(statement, facts, around)
        case ir.ForEach():
            return _for_each(statement, facts, around)
        case ir.Break():
            assert around.loop is not None
            around.loop.broken = _merge(around.loop.broken, _out_of(around, around.loop.depth, facts))
            return None
        case ir.Continue():
            assert around.loop is not None
            around.loop.continued = _merge(around.loop.continued, _out_of(around, around.loop.depth, facts))
            return None
        case ir.Return(value=value):
            _value(value, facts, around)
            _left(around)
            return None
        case ir.Abort():
            _left(around)
            return None
        case ir.CountError():
            return facts
        case ir.Inlined():
            return _inlined(statement, facts, around)
        case ir.CallFunction(function=function, arguments=arguments, results=results):
            going: Facts = facts
            for argument in arguments:
                going = None if going is None else _value(argument, going, around)
            helper = packet_change(function.body)
            if helper is not None:
                going = _moved(statement.location, helper, going)
            if going is None:
                return None
            going = _changed_by(statement, going)
            return {**going, **dict.fromkeys(results, ASSIGNED)}
        case ir.Leave(frame=frame):
            depth = next(depth for known, depth in around.frames if known is frame)
            around.left[frame] = _merge(around.left.get(frame), _out_of(around, depth, facts))
            if not frame.unrolled:
                _left(around)
            return None
        case ir.Scope(body=body, leave=leave):
            inside = around.within((*around.scopes, statement))
            return _statements(leave, _statements(body, facts, inside), around)
        case _:
            assert_never(statement)


def _out_of(around: Around, depth: int, facts: Facts) -> Facts:
    """What is known after all scopes but the outermost `depth` have been left."""
    for index in range(len(around.scopes) - 1, depth - 1, -1):
        facts = _statements(around.scopes[index].leave, facts, around.within(around.scopes[:index]))
    return facts


def _left(around: Around) -> None:
    if around.loop is not None:
        around.loop.left = True


def _inlined(statement: ir.Inlined, facts: dict[ir.Local, Known], around: Around) -> Facts:
    """A call that is written out: its locals are new each time, its loops are its own."""
    around.left[statement.frame] = None
    inside = {**facts, **dict.fromkeys(statement.locals, NEVER_ASSIGNED)}
    if statement.frame.unrolled:
        body = _statements(statement.body, inside, around.called(statement.frame, around.loop))
        return _merge(body, around.left[statement.frame])
    ways = LoopWays()
    end = _statements(statement.body, inside, around.called(statement.frame, ways))
    after = _merge(end, around.left[statement.frame])
    if after is None and ways.left:
        _left(around)  # every way through it takes the error edge
    return after


def _loop(statement: ir.Loop, facts: dict[ir.Local, Known], around: Around) -> Facts:
    before: Facts = facts
    while True:
        assert before is not None
        ways = LoopWays()
        when_true, when_false = _condition(statement.test, before, around.inside(ways))
        end = _merge(_statements(statement.body, when_true, around.inside(ways)), ways.continued)
        again = _merge(before, _statements(statement.step, end, around))
        assert again is not None
        if _alike(again, before):
            if when_false is None and ways.broken is None and not ways.left:
                raise error(
                    "this loop never ends",
                    statement.location,
                    found="a test that is always true, and no way out of the body",
                    expected="a break or a return on some way, or a test that becomes false",
                    fix="count with `for _ in range(...)`, or break",
                )
            if ways.broken is None and not ways.left and _never_changes(statement):
                raise error(
                    "this loop never ends once it has begun",
                    statement.location,
                    found="a test of what the loop does not change, and no way out of the body",
                    expected="a body that changes what is tested, or a break or a return on some way",
                    fix="change it in the loop, or count with `for _ in range(...)`",
                )
            if around.loop is not None:
                around.loop.left = around.loop.left or ways.left
            return _merge(_statements(statement.otherwise, when_false, around), ways.broken)
        before = again


# What a test may be made of that only locals can change.
LOCAL_ALONE = (
    ir.Constant
    | ir.LocalRead
    | ir.Compare
    | ir.Truth
    | ir.Not
    | ir.Logical
    | ir.Binary
    | ir.Unary
    | ir.Wrap
    | ir.IsNone
)


def _never_changes(statement: ir.Loop) -> bool:
    """Whether a loop leaves all that its test looks at as it is, and nothing in it can take the error edge."""
    *looked_at, _ = nodes((ir.Evaluate(statement.location, statement.test),))
    reads = [each.local for each in looked_at if isinstance(each, ir.LocalRead)]
    if not reads or not all(isinstance(each, LOCAL_ALONE) for each in looked_at):
        return False
    inside = (*statement.body, *statement.step)
    if any(getattr(each, "edge", None) is not None for each in (*nodes(inside), *looked_at)):
        return False
    return set(reads).isdisjoint(assigned(inside))


def _for_each(statement: ir.ForEach, facts: dict[ir.Local, Known], around: Around) -> Facts:
    """How often the body runs is up to the map."""
    there = facts if statement.map.found is None else _value(statement.map.found, facts, around)
    there = None if there is None else _value(statement.flags, there, around)
    if there is None:
        return None
    given = dict.fromkeys(statement.given, ASSIGNED)
    records = _records(statement)
    before: Facts = {**there, **given}
    while True:
        assert before is not None
        ways = LoopWays()
        end = _merge(_statements(statement.body, before, around.inside(ways)), ways.continued)
        end = _ended(records, DRAINED, end)
        again = None if end is None else {**end, **given}
        after = _merge(before, again)
        assert after is not None
        if _alike(after, before):
            if around.loop is not None:
                around.loop.left = around.loop.left or ways.left
            left = _merge(before, _ended(records, DRAINED, ways.broken))
            return None if left is None else {**left, statement.count: ASSIGNED}
        before = after


def _records(statement: ir.ForEach) -> frozenset[int]:
    """What lies in the record that a round is given, and is gone behind it."""
    if statement.helper.name != "user_ringbuf_drain":
        return frozenset()
    data = [each for each in nodes(statement.body) if isinstance(each, ir.HelperCall)]
    return frozenset(
        id(each)
        for each in data
        if each.helper.name == "dynptr_data"
        and any(isinstance(part, ir.LocalRead) and part.local in statement.given for part in each.arguments)
    )


def _alike(one: dict[ir.Local, Known], other: dict[ir.Local, Known]) -> bool:
    """Whether the same is known; where a value came from does not matter."""
    return all(_substance(known) == _substance(other[local]) for local, known in one.items())


def _substance(known: Known) -> tuple[object, ...]:
    return known.unassigned, known.may_be_none, known.may_be_there, known.objects, bool(known.stale), known.part


def _assigned(local: ir.Local, value: ir.Expression, facts: Facts) -> Facts:
    return None if facts is None else {**facts, local: _known(value, facts)}


def _known(value: ir.Expression, facts: dict[ir.Local, Known]) -> Known:
    match value:
        case ir.LocalRead(local=local) | ir.AssignExpression(local=local) if local in facts:
            # That it was assigned where it was read has been checked: what is known now may be of several ways.
            return _with(facts[local], unassigned=False)
        case ir.Sequence(value=result):
            return _known(result, facts)
        case ir.Conditional(then=then, otherwise=otherwise):
            return _either(_known(then, facts), _known(otherwise, facts))
    none, optional = isinstance(value.type, NoneType), isinstance(value.type, OptionalType)
    return Known(
        unassigned=False,
        may_be_none=none or optional,
        may_be_there=not none,
        origin=value.location if none or optional else None,
        objects=_objects(value, facts),
        part=_part(value, facts),
    )


def _objects(value: ir.Expression, facts: dict[ir.Local, Known]) -> frozenset[int]:
    """The objects that a reference may lead into."""
    match value:
        case ir.Construct() | ir.Dynptr():
            return frozenset((id(value),))
        case ir.HelperCall(helper=helper, arguments=arguments) if helper.returns == "memory" or is_object(value.type):
            # What is made of another object is there as long as that is.
            objects = (each for each in arguments if not isinstance(each, ir.MapReference) and is_object(each.type))
            return frozenset((id(value),)).union(*(_objects(each, facts) for each in objects))
        case ir.MapLookup(map=map_) if map_.scratch:
            return frozenset((id(value),))
        case ir.Element(apart=True):
            return frozenset((id(value),))
        case ir.PacketAt():
            return PACKET
        case ir.Field(base=base) | ir.Element(base=base):
            return _objects(base, facts)
        case ir.Unwrap(operand=base) | ir.Require(operand=base) | ir.Assume(operand=base):
            return _objects(base, facts)
        case ir.LocalRead(local=local) | ir.AssignExpression(local=local) if local in facts:
            return facts[local].objects
        case ir.Sequence(value=result):
            return _objects(result, facts)
        case ir.Conditional(then=then, otherwise=otherwise):
            return _objects(then, facts) | _objects(otherwise, facts)
        case _:
            return frozenset()


def _part(value: ir.Expression, facts: dict[ir.Local, Known]) -> Part:
    """Which part of an object a reference leads to."""
    match value:
        case ir.LocalRead(local=local) | ir.AssignExpression(local=local) if local in facts:
            return facts[local].part
        case ir.Field(base=base, field=field):
            return _inside(base, _part(base, facts), field.offset, field.layout.size)
        case ir.Element(base=base, index=ir.Constant(value=index), length=length, type=of):
            return _inside(base, _part(base, facts), index % length * of.layout.size, of.layout.size)
        case ir.Element(base=base):
            around = _part(base, facts)
            return Part(around.start, around.end, around.depth + 1)
        case ir.Unwrap(operand=inside) | ir.Assume(operand=inside) | ir.Require(operand=inside):
            return _part(inside, facts)
        case ir.Sequence(value=inside):
            return _part(inside, facts)
        case ir.Conditional(then=then, otherwise=otherwise):
            return _around(_part(then, facts), _part(otherwise, facts))
        case _:
            return Part(0, value.type.layout.size) if isinstance(value.type, PlaceType) else Part()


def _inside(base: ir.Expression, around: Part, offset: int, size: int) -> Part:
    """A part of a part; all of it where it is not known exactly."""
    of = base.type.of if isinstance(base.type, OptionalType) else base.type
    if not isinstance(of, PlaceType) or around.end - around.start != of.layout.size:
        return Part(around.start, around.end, around.depth + 1)
    return Part(around.start + offset, around.start + offset + size, around.depth + 1)


def _around(one: Part, other: Part) -> Part:
    if one.end == 0 or other.end == 0:
        return other if one.end == 0 else one
    return Part(min(one.start, other.start), max(one.end, other.end), max(one.depth, other.depth))


def _changed_by(call: ir.CallFunction, facts: dict[ir.Local, Known]) -> dict[ir.Local, Known]:
    """A function that copies into what it is given may put something else in the place of any part of it."""
    if not _copies(call.function):
        return facts
    given = [(_objects(each, facts), _part(each, facts)) for each in call.arguments if isinstance(each.type, PlaceType)]
    reason = f"what {call.function.name}() may store in its place"
    return {
        local: _with(k, stale=k.stale or reason)
        if k.part.end
        and any(k.objects & objects and k.part.depth > part.depth and k.part.within(part) for objects, part in given)
        else k
        for local, k in facts.items()
    }


def _copies(function: ir.Function) -> bool:
    """Whether it stores a struct or an array, or calls what does."""
    return any(
        isinstance(each, ir.Copy) or (isinstance(each, ir.CallFunction) and _copies(each.function))
        for each in nodes(function.body)
    )


def _replaced(copy: ir.Copy, facts: dict[ir.Local, Known]) -> Facts:
    """A copy into an object takes the place of what was there; Python would have kept that for who refers to it."""
    objects, part = _objects(copy.place, facts), _part(copy.place, facts)
    if not part.end:
        return facts  # in a packet or a map, where there is no old object that Python would have kept
    reason = f"what line {copy.location.line} stores in its place"
    return {
        local: _with(k, stale=k.stale or reason) if k.objects & objects and k.part.depth and k.part.within(part) else k
        for local, k in facts.items()
    }


def _with(known: Known, **changed: object) -> Known:
    """The same, but for what is named."""
    return Known(**{**vars(known), **changed})


def _merge(one: Facts, other: Facts) -> Facts:
    if one is None or other is None:
        return other if one is None else one
    return {local: _either(one[local], other[local]) for local in one}


def _either(one: Known, other: Known) -> Known:
    return Known(
        one.unassigned or other.unassigned,
        one.may_be_none or other.may_be_none,
        one.may_be_there or other.may_be_there,
        one.origin or other.origin,
        one.objects | other.objects,
        one.stale or other.stale,
        _around(one.part, other.part),
    )


def _condition(test: ir.Expression, facts: dict[ir.Local, Known], around: Around) -> tuple[Facts, Facts]:
    """What is known where the test is true, and where it is false."""
    match test:
        case ir.Constant(value=value):
            return (facts, None) if value else (None, facts)
        case ir.Sequence(before=before, value=value):
            done = _statements(before, facts, around)
            return (None, None) if done is None else _condition(value, done, around)
        case ir.Not(operand=operand):
            when_true, when_false = _condition(operand, facts, around)
            return when_false, when_true
        case ir.IsNone(operand=ir.LocalRead(local=local) | ir.AssignExpression(local=local) as operand) if (
            local in facts
        ):
            after = _value(operand, facts, around)
            return _refined(after, local, none=True), _refined(after, local, none=False)
        case ir.Logical(operator=operator, operands=parts):
            return _logical(operator, parts, facts, around)
        case ir.Compare(operands=parts):
            return _comparison(parts, facts, around)
        case _:
            after = _value(test, facts, around)
            return after, after


def _refined(facts: Facts, local: ir.Local, *, none: bool) -> Facts:
    if facts is None:
        return None
    known = facts[local]
    possible = known.may_be_none if none else known.may_be_there
    if not possible:
        return None
    return {**facts, local: _with(known, may_be_none=none, may_be_there=not none)}


def _logical(
    operator: str, parts: tuple[ir.Expression, ...], facts: dict[ir.Local, Known], around: Around
) -> tuple[Facts, Facts]:
    going: Facts = facts
    left: Facts = None  # what is known on the ways that leave before the last operand
    for part in parts:
        if going is None:
            break
        when_true, when_false = _condition(part, going, around)
        going, leaving = (when_true, when_false) if operator == "and" else (when_false, when_true)
        left = _merge(left, leaving)
    return (going, left) if operator == "and" else (left, going)


def _comparison(parts: tuple[ir.Expression, ...], facts: dict[ir.Local, Known], around: Around) -> tuple[Facts, Facts]:
    """A chain leaves after the first comparison that is false: later operands may not have been evaluated."""
    going: Facts = facts
    left: Facts = None
    for index, part in enumerate(parts):
        if going is None:
            break
        going = _value(part, going, around)
        if index:
            left = _merge(left, going)
    return going, left


def _value(of: ir.Expression, facts: dict[ir.Local, Known], around: Around) -> Facts:
    """What is known after an expression has been evaluated."""
    match of:
        case ir.LocalRead(local=local):
            if local in facts and facts[local].unassigned:
                raise _unassigned(of, facts[local])
            if local in facts and facts[local].stale:
                raise _stale(of, facts[local])
            return facts
        case ir.Unwrap(operand=operand):
            after = _value(operand, facts, around)
            if after is not None:
                _check_there(operand, after)
            return after
        case ir.AssignExpression(local=local, value=value):
            return _assigned(local, value, _value(value, facts, around))
        case ir.Conditional(test=test, then=then, otherwise=otherwise):
            when_true, when_false = _condition(test, facts, around)
            return _merge(
                None if when_true is None else _value(then, when_true, around),
                None if when_false is None else _value(otherwise, when_false, around),
            )
        case ir.Not() | ir.Logical() | ir.Compare():
            return _merge(*_condition(of, facts, around))
        case ir.Sequence(before=before, value=value):
            done = _statements(before, facts, around)
            return None if done is None else _value(value, done, around)
        case ir.Construct():
            return _made(of, _operands(of, facts, around))
        case ir.HelperCall(helper=helper):
            after = _called(of, _operands(of, facts, around))
            return _moved(of.location, helper.name, after) if helper.changes_packet else after
        case ir.RawCall(number=number, changes_packet=changes):
            after = _operands(of, facts, around)
            return _moved(of.location, f"helper {number}", after) if changes else after
        case ir.MapLookup(map=map_) if map_.scratch:
            return _made(of, _operands(of, facts, around))
        case (
            ir.Constant()
            | ir.ContextRead()
            | ir.ArgumentRead()
            | ir.MapLookup()
            | ir.MapUpdate()
            | ir.MapDelete()
            | ir.PacketAt()
            | ir.ArenaAt()
            | ir.PacketLength()
            | ir.Assume()
            | ir.Address()
            | ir.MemoryAt()
            | ir.GlobalPlace()
            | ir.SettingRead()
            | ir.ConstantText()
            | ir.LogNumber()
            | ir.LogSwitch()
            | ir.Atomic()
            | ir.Require()
            | ir.Field()
            | ir.Element()
            | ir.Load()
            | ir.Alike()
            | ir.Binary()
            | ir.Unary()
            | ir.Wrap()
            | ir.ByteSwap()
            | ir.IsNone()
            | ir.Truth()
            | ir.Extreme()
            | ir.Limited()
            | ir.Dynptr()
            | ir.Absolute()
            | ir.BitLength()
        ):
            return _operands(of, facts, around)
        case _:
            assert_never(of)


def _operands(of: ir.Expression, facts: dict[ir.Local, Known], around: Around) -> Facts:
    going: Facts = facts
    held: list[ir.Expression] = []
    for part in operands(of):
        going = None if going is None else _value(part, going, around)
        if going is None:
            continue
        if held and packet_change((ir.Evaluate(part.location, part),)) is not None:
            raise _changed_between(held[0])
        if not isinstance(part.type, IntType) and _objects(part, going) & PACKET:
            held.append(part)
    return going


def _changed_between(view: ir.Expression) -> Exception:
    return error(
        "this refers to what is no longer there when it is used",
        view.location,
        found="a view of the packet, and before its use a call that moves or resizes the packet",
        expected="something that is still there",
        fix="change the packet first, in a statement of its own",
    )


def _made(new: ir.Construct | ir.MapLookup, facts: Facts) -> Facts:
    """A loop makes its objects in the same memory each time: what referred to the last one is stale."""
    reason = f"the object that line {new.location.line} made before, in whose place there is a new one now"
    return _ended(frozenset((id(new),)), reason, facts)


def _called(call: ir.HelperCall, facts: Facts) -> Facts:
    """What a helper does to references: what it releases is no longer the program's."""
    for argument, given in zip(call.helper.arguments, call.arguments, strict=False):
        if facts is None or isinstance(given, ir.MapReference):
            continue
        objects = _objects(given, facts)
        if argument.kind == "spin lock" and objects:
            raise _not_in_a_map(given)
        if argument.releases:
            event = EVENT.get(call.helper.name)
            reason = f"the event of a ring, which was {event}" if event else f"what {call.helper.name} released"
            facts = _ended(objects, reason if event else f"{reason} in line {call.location.line}", facts)
    return facts


def _given_up(event: ir.Expression, facts: Facts) -> Facts:
    """An event that lies in memory, and is submitted or discarded now."""
    reason = "the event of a ring, which was submitted or discarded"
    return None if facts is None else _ended(_objects(event, facts), reason, facts)


def _ended(objects: frozenset[int], reason: str, facts: Facts) -> Facts:
    """What referred to objects that are no longer there is stale."""
    if facts is None or not any(objects & known.objects for known in facts.values()):
        return facts
    return {
        local: _with(k, objects=frozenset(), stale=reason) if objects & k.objects else k for local, k in facts.items()
    }


def _not_in_a_map(lock: ir.Expression) -> Exception:
    return error(
        "this lock is in the program's own memory",
        lock.location,
        found="a lock of an object that the program made",
        expected="a lock in the value of a map, which other CPUs see",
        fix="look the value up: `value = m.lookup(key)`, then `with value.lock:`",
    )


def _moved(location: Location, helper: str, facts: Facts) -> Facts:
    """What referred into the packet leads nowhere now."""
    if facts is None:
        return None
    reason = f"a view of the packet that ended at line {location.line}, with {helper}"
    return {local: _with(k, stale=reason) if k.objects & PACKET else k for local, k in facts.items()}


def _stale(read: ir.LocalRead, known: Known) -> Exception:
    name = read.local.name
    what = "what the call gives" if name.startswith(".") else repr(name)
    return error(
        f"{what} refers to what is no longer there",
        read.location,
        found=known.stale,
        expected="something that is still there",
        fix="take it again after that line, or keep what is needed of it in locals"
        if known.objects & PACKET
        else "keep a copy of its fields, or look it up again",
    )


def _unassigned(read: ir.LocalRead, known: Known) -> Exception:
    name = read.local.name
    sometimes = known != NEVER_ASSIGNED
    return error(
        f"{name!r} may have no value here" if sometimes else f"{name!r} has no value here",
        read.location,
        found=f"the local {name!r}, "
        + ("which some way to this line does not assign" if sometimes else "not assigned yet"),
        expected="an assignment on every way to this line",
        fix=f"assign {name!r} before the branch or the loop",
    )


def _check_there(operand: ir.Expression, facts: dict[ir.Local, Known]) -> None:
    assert isinstance(operand, ir.LocalRead)
    known = facts[operand.local]
    if not known.may_be_none:
        return
    name, from_line = operand.local.name, f" from line {known.origin.line}" if known.origin else ""
    raise error(
        f"{name!r} may be None here" if known.may_be_there else f"{name!r} is None here",
        operand.location,
        found=f"{operand.type}{from_line}, used without a check",
        expected=f"a check of {name!r} for None on every way to this line",
        fix=f"write `if {name} is None: return ...` before it",
    )
