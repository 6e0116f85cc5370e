"""The IR as text, for `--emit=ir`: one statement a line, with types, and the source line it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import EnumType, NoneType

if TYPE_CHECKING:
    from collections.abc import Iterator


def unit_text(unit: ir.Unit) -> str:
    """All maps and programs of a unit."""
    lines = [f"license {unit.license!r}"]
    for map_ in unit.maps:
        declaration = map_.declaration
        lines.append(
            f"map {map_.symbol}: {type(declaration).__name__}[{map_.key.name}, {map_.value.name}]"
            f" max_entries={declaration.max_entries}"
        )
    for symbol, variable in unit.globals.items():
        lines.append(f"global {symbol}: {variable.layout.name}")
    for symbol, declared in unit.settings.items():
        lines.append(f"setting {symbol}: {declared.of.__name__} = {declared}")
    for program in unit.programs:
        for function in program.functions:
            lines += ["", *_function(function)]
        lines += ["", *_program(program)]
    return "\n".join(lines) + "\n"


def _function(function: ir.Function) -> Iterator[str]:
    given = ", ".join(
        f"{local.name}: {local.storage.__name__ if local.storage else local.type}" for local in function.parameters
    )
    gives = ", ".join(str(local.type) for local in function.results) or "None"
    what = "global function" if function.global_ else "function"
    yield f"{what} {function.name}({given}) -> {gives}    ; {function.file.relative}:{function.location.line}"
    yield from _statements(function.body, "  ")


def _program(program: ir.Program) -> Iterator[str]:
    yield (
        f"program {program.name} ({program.kind.name}) "
        f"{program.context.name}: {program.context.type} -> {program.returns},"
        f" on error {program.error_value}    ; {program.file.relative}:{program.location.line}"
    )
    for local in program.locals:
        yield f"  local {local.name}: {local.storage.__name__ if local.storage else local.type}"
    yield from _statements(program.body, "  ")


def _statements(  # noqa: C901, PLR0915 - one case for each node
    statements: tuple[ir.Statement, ...], indent: str
) -> Iterator[str]:
    for statement in statements:
        line = f"    ; line {statement.location.line}"
        match statement:
            case ir.Assign(local=local, value=value):
                yield f"{indent}{local.name} = {expression_text(value)}{line}"
            case ir.Store(place=place, value=value):
                yield f"{indent}*{expression_text(place)} = {expression_text(value)}{line}"
            case ir.ContextStore(field=field, value=value):
                yield f"{indent}context.{field} = {expression_text(value)}{line}"
            case ir.Copy(place=place, source=source):
                yield f"{indent}*{expression_text(place)} = copy of {expression_text(source)}{line}"
            case ir.Fill(place=place, image=image):
                what = f"0x{image.hex()}" if any(image) else "zeros"
                yield f"{indent}*{expression_text(place)} = {what}{line}"
            case ir.Inlined(frame=frame, body=body):
                yield f"{indent}{'unrolled' if frame.unrolled else 'inlined'} {frame.name}:{line}"
                yield from _statements(body, indent + "  ")
            case ir.CallFunction(function=function, arguments=arguments, results=results):
                given = ", ".join(expression_text(each) for each in arguments)
                into = "".join(f"{local.name}, " for local in results).rstrip(", ")
                yield f"{indent}{into}{' = ' * bool(into)}call {function.name}({given}){line}"
            case ir.Leave(frame=frame):
                yield f"{indent}leave {frame.name}{line}"
            case ir.Scope(body=body, leave=leave, abort=abort):
                yield f"{indent}scope:{line}"
                yield from _statements(body, indent + "  ")
                for label, block in (("leave", leave), ("abort", abort)):
                    if block:
                        yield f"{indent}{label}:"
                        yield from _statements(block, indent + "  ")
            case ir.Barrier(given=given):
                yield f"{indent}barrier{'' if given is None else f', {expression_text(given)} is given up'}{line}"
            case ir.Breakpoint():
                yield f"{indent}breakpoint{line}"
            case ir.Evaluate(value=value):
                yield f"{indent}{expression_text(value)}{line}"
            case ir.Return(value=value):
                yield f"{indent}return {expression_text(value)}{line}"
            case ir.If(test=test, then=then, otherwise=otherwise):
                yield f"{indent}if {expression_text(test)}:{line}"
                yield from _statements(then, indent + "  ") if then else iter([f"{indent}  pass"])
                if otherwise:
                    yield f"{indent}else:"
                    yield from _statements(otherwise, indent + "  ")
            case ir.ForEach(map=map_, given=given, count=count, body=body):
                names = ", ".join(each.name for each in given)
                yield f"{indent}{count.name} = for each {names} of {map_.symbol}:{line}"
                yield from _statements(body, indent + "  ")
            case ir.Loop(test=test, body=body, step=step, otherwise=otherwise, plan=plan):
                rounds = plan.counted or plan.most
                most = "" if rounds is None else f", at most {rounds} times"
                edge = "" if plan.edge is None else f" or error {plan.edge.problem!r}"
                yield f"{indent}while {expression_text(test)}: [{plan.form}{most}{edge}]{line}"
                yield from _statements(body, indent + "  ")
                for label, block in (("step", step), ("else", otherwise)):
                    if block:
                        yield f"{indent}{label}:"
                        yield from _statements(block, indent + "  ")
            case ir.Break() | ir.Continue():
                yield f"{indent}{type(statement).__name__.lower()}{line}"
            case ir.Abort(edge=edge):
                yield f"{indent}error {edge.problem!r}{line}"
            case ir.CountError(edge=edge):
                yield f"{indent}count {edge.problem!r}{line}"
            case _:
                assert_never(statement)


def expression_text(of: ir.Expression) -> str:  # noqa: C901, PLR0915 - one case for each node
    """One expression, with the types that matter."""
    match of:
        case ir.Constant(type=EnumType(of=enum), value=value):
            return f"{enum.__name__}.{enum(value).name}"
        case ir.Constant(type=NoneType()):
            return "None"
        case ir.Constant(value=value):
            return str(value)
        case ir.LocalRead(local=local):
            return local.name
        case ir.ContextRead(field=field, type=type_, base=base):
            return f"({'context' if base is None else expression_text(base)}.{field}: {type_})"
        case ir.ArgumentRead(name=name, type=type_):
            return f"(argument {name}: {type_})"
        case ir.MapLookup(map=map_, key=key, type=type_):
            return f"(lookup {map_.symbol}[{expression_text(key)}]: {type_})"
        case ir.MapUpdate(map=map_, key=key, value=value, flags=flags):
            place = f"{map_.symbol}[{expression_text(key)}]"
            return f"(update {place} = {expression_text(value)}, flags {expression_text(flags)})"
        case ir.MapDelete(map=map_, key=key):
            return f"(delete {map_.symbol}[{expression_text(key)}])"
        case ir.PacketAt(packet=packet, offset=offset, type=type_):
            return f"({'meta' if packet.meta else 'packet'}[{expression_text(offset)}]: {type_})"
        case ir.ArenaAt(map=map_, offset=offset, type=type_):
            return f"({map_.symbol}[{expression_text(offset)}]: {type_})"
        case ir.PacketLength(packet=packet):
            return f"(length of {'meta' if packet.meta else 'packet'})"
        case ir.Unwrap(operand=operand):
            return f"{expression_text(operand)}!"
        case ir.Assume(operand=operand):
            return f"(assume {expression_text(operand)})"
        case ir.Limited(operand=operand, most=most):
            return f"({expression_text(operand)}, at most {most})"
        case ir.Dynptr():
            return "(dynptr)"
        case ir.Address(operand=operand):
            of_what = operand.symbol if isinstance(operand, ir.MapReference) else expression_text(operand)
            return f"(address of {of_what})"
        case ir.MemoryAt(address=address, offset=offset, type=type_):
            return f"({type_} at {expression_text(address)} + {expression_text(offset)})"
        case ir.RawCall(number=number, arguments=arguments):
            shown = (a.symbol if isinstance(a, ir.MapReference) else expression_text(a) for a in arguments)
            return f"helper {number}({', '.join(shown)})"
        case ir.GlobalPlace(symbol=symbol):
            return f"global {symbol}"
        case ir.SettingRead(symbol=symbol, type=type_):
            return f"(setting {symbol}: {type_})"
        case ir.ConstantText(data=data) if len(data) > 8 and not any(data):
            return f"{len(data)} zeros"
        case ir.ConstantText(data=data):
            return f"text {data!r}"
        case ir.LogNumber(format=log):
            return f"number of the log of line {log.line}"
        case ir.LogSwitch(format=log):
            return f"(the log of line {log.line}, level {log.level}, is on)"
        case ir.HelperCall(helper=helper, arguments=arguments):
            shown = (a.symbol if isinstance(a, ir.MapReference) else expression_text(a) for a in arguments)
            return f"{helper.name}({', '.join(shown)})"
        case ir.Atomic(operation=operation, place=place, operands=operands):
            return f"(atomic {operation} {expression_text(place)}: {', '.join(map(expression_text, operands))})"
        case ir.Require(operand=operand, edge=edge):
            return f"({expression_text(operand)} or error {edge.problem!r})"
        case ir.Field(base=base, field=field):
            return f"{expression_text(base)}.{field.name}"
        case ir.Element(base=base, index=index, edge=edge):
            error = f" or error {edge.problem!r}" if edge else ""
            return f"{expression_text(base)}[{expression_text(index)}{error}]"
        case ir.Construct(type=type_, values=values):
            return f"{type_}({', '.join(f'{field.name}={expression_text(value)}' for field, value in values)})"
        case ir.Load(place=place, type=type_):
            return f"(*{expression_text(place)}: {type_})"
        case ir.Alike(left=left, right=right):
            other = repr(right) if isinstance(right, bytes) else expression_text(right)
            return f"({expression_text(left)} alike {other})"
        case ir.Sequence(before=before, value=value):
            inside = "; ".join(line.partition("    ; line")[0].strip() for line in _statements(before, ""))
            return f"({inside}; {expression_text(value)})"
        case ir.Binary(operator=operator, left=left, right=right, edge=edge, type=type_):
            error = f" or error {edge.problem!r}" if edge else ""
            return f"({expression_text(left)} {operator} {expression_text(right)}: {type_}{error})"
        case ir.Unary(operator=operator, operand=operand, type=type_):
            return f"({operator}{expression_text(operand)}: {type_})"
        case ir.Wrap(operand=operand, storage=storage):
            return f"{storage.__name__}({expression_text(operand)})"
        case ir.ByteSwap(operand=operand, storage=storage):
            return f"bswap{storage.bits}({expression_text(operand)})"
        case ir.Compare(operators=operators, operands=operands):
            rest = "".join(f" {o} {expression_text(e)}" for o, e in zip(operators, operands[1:], strict=True))
            return f"({expression_text(operands[0])}{rest})"
        case ir.IsNone(operand=operand):
            return f"({expression_text(operand)} is None)"
        case ir.Truth(operand=operand):
            return f"({expression_text(operand)} != 0)"
        case ir.Not(operand=operand):
            return f"(not {expression_text(operand)})"
        case ir.Conditional(test=test, then=then, otherwise=otherwise):
            return f"({expression_text(then)} if {expression_text(test)} else {expression_text(otherwise)})"
        case ir.AssignExpression(local=local, value=value):
            return f"({local.name} := {expression_text(value)})"
        case ir.Extreme(operator=operator, operands=operands, type=type_):
            return f"({operator}({', '.join(expression_text(part) for part in operands)}): {type_})"
        case ir.Absolute(operand=operand, type=type_):
            return f"(abs({expression_text(operand)}): {type_})"
        case ir.BitLength(operand=operand):
            return f"(bit length of {expression_text(operand)})"
        case ir.Logical(operator=operator, operands=operands):
            return "(" + f" {operator} ".join(expression_text(part) for part in operands) + ")"
        case _:
            assert_never(of)
