"""What an object asks of the kernel that loads it: helpers, atomic instructions, a licence, the number of maps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from osmia.abi.helpers import called
from osmia.compiler.diagnostics import error
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import PlaceType
from osmia.compiler.ir.walk import program_nodes
from osmia.layout import SpinLockLayout
from osmia.maps.measures import STATS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia.compiler import Target
    from osmia.compiler.location import Location

MOST_MAPS = 64
"""Of one program (MAX_USED_MAPS in linux/bpf_verifier.h)."""
GPL_COMPATIBLE = ("GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL")
"""What the kernel takes for the GPL (license_is_gpl_compatible in linux/license.h)."""
ATOMIC_CPUS = ("v3", "v4")
ATOMIC_SINCE = (5, 12)
"""Atomic instructions other than an addition whose result is not wanted."""
NESTED_LOCK_SINCE = (6, 11)
PREFIX_FLAGS_SINCE = (6, 13)
ANY_FORMAT_SINCE = (5, 13)
OLD_FIELD = re.compile(rb"%(?:ll|l|)[diux]|%(?:pks|pus|p|s)(?![a-zA-Z])")
"""What trace_printk takes in a format before: neither widths nor flags, %X or %%."""
METHODS = {
    "and": "fetch_and",
    "or": "fetch_or",
    "xor": "fetch_xor",
    "exchange": "exchange",
    "compare_exchange": "compare_exchange",
}


def check_limits(unit: ir.Unit) -> None:
    """Raise CompileError for what no kernel takes: a helper that the licence keeps away, too many maps."""
    for program in unit.programs:
        _check_license(program, unit.license)
        _check_maps(program, unit)
        _check_storages(program)


def check_target(unit: ir.Unit, target: Target) -> None:
    """Raise CompileError for what the target's kernel or instruction set does not have."""
    for program in unit.programs:
        for each in program_nodes(program):
            if isinstance(each, ir.HelperCall):
                _check_format(each, target)
            if isinstance(each, ir.HelperCall | ir.ForEach):
                _check_helper(each, program.kind.name, target)
            elif isinstance(each, ir.MapUpdate):
                _check_prefix_flags(each, target)
            elif isinstance(each, ir.Assign):
                _check_lock(each, target)
            elif isinstance(each, ir.Atomic) and (each.fetch or each.operation != "add"):
                _check_atomic(each, target)


def check_breakpoints(unit: ir.Unit, target: Target) -> None:
    """Raise CompileError for a breakpoint() where nobody can stop."""
    for each in () if target.debug else (node for program in unit.programs for node in program_nodes(program)):
        if isinstance(each, ir.Breakpoint):
            raise _stops_nothing(each)


def _stops_nothing(each: ir.Breakpoint) -> Exception:
    return error(
        "nothing can stop at a breakpoint() in the kernel",
        each.location,
        found="breakpoint() in what is not compiled for debugging",
        expected="a machine of the user-space runtime that debugs",
        fix="run it in `with osmia.Machine(debug=True)`, or take breakpoint() out",
    )


def _check_license(program: ir.Program, license_: str) -> None:
    if license_ in GPL_COMPATIBLE:
        return
    for each in program_nodes(program):
        if isinstance(each, ir.HelperCall) and each.helper.gpl_only:
            raise error(
                f"{called(each.helper)} is for programs under the GPL",
                each.location,
                found=f"LICENSE = {license_!r}",
                expected=f"one of {', '.join(GPL_COMPATIBLE)}",
                fix="license the program so, or leave the call out",
            )


def _check_maps(program: ir.Program, unit: ir.Unit) -> None:
    used: dict[str, None] = {}
    for symbol, location in _used(program, unit):
        used.setdefault(symbol)
        if len(used) > MOST_MAPS:
            raise error(
                f"{program.name} uses more maps than a program may",
                location,
                found=f"{symbol} is number {len(used)}; each Global is one, all settings are one, all counts of errors",
                expected=f"at most {MOST_MAPS}",
                fix="put several values into one map or one Global: a struct, an array",
            )


def _check_storages(program: ir.Program) -> None:
    """A program has one storage of cgroups of each type: the kernel finds it without being told which."""
    found: dict[str, str] = {}
    for each in program_nodes(program):
        if not isinstance(each, ir.HelperCall) or each.helper.name != "get_local_storage":
            continue
        for map_ in each.arguments:
            if not isinstance(map_, ir.MapReference):
                continue
            name = map_.declaration.kind.class_name
            first = found.setdefault(name, map_.symbol)
            if first != map_.symbol:
                raise error(
                    f"{program.name} uses two maps of type {name}",
                    each.location,
                    found=f"{map_.symbol} beside {first}",
                    expected=f"one {name}: the kernel takes no more",
                    fix="put both values into one @struct, or look one of them up in a HashMap by the cgroup's id",
                )


def _used(program: ir.Program, unit: ir.Unit) -> Iterator[tuple[str, Location]]:
    """The maps that a program uses, as the kernel counts them, with where."""
    for site in unit.error_sites:
        if site.program == program.name:
            yield "osmia_errors", site.location
            break
    for each in program_nodes(program):
        match each:
            case (
                ir.MapLookup(map=map_)
                | ir.MapUpdate(map=map_)
                | ir.MapDelete(map=map_)
                | ir.ForEach(map=map_)
                | ir.ArenaAt(map=map_)
            ):
                if map_.found is None:
                    yield map_.symbol, each.location
            case ir.Address(operand=ir.MapReference(symbol=symbol, found=None)):
                yield symbol, each.location
            case ir.HelperCall(arguments=arguments) | ir.RawCall(arguments=arguments):
                maps = (each for each in arguments if isinstance(each, ir.MapReference) and each.found is None)
                yield from ((map_.symbol, each.location) for map_ in maps)
            case ir.GlobalPlace(symbol=symbol):
                yield symbol, each.location
            case ir.SettingRead() | ir.ConstantText() | ir.LogSwitch():
                yield ".rodata", each.location


def _check_helper(call: ir.HelperCall | ir.ForEach, kind: str, target: Target) -> None:
    row = call.helper
    since, until = row.since_for(kind), row.until.get(kind)
    if target.kernel < since:
        raise error(
            f"{called(row)} needs a newer kernel than this is compiled for",
            call.location,
            found=f"{called(row)}(), which programs of kind {kind} may call since Linux {_dotted(since)}",
            expected=f"what Linux {_dotted(target.kernel)} has, the oldest kernel that the object is for",
            fix=f"compile it for newer kernels: `osmia build --kernel {_dotted(since)}`",
        )
    if until is not None and target.kernel >= until:
        raise error(
            f"{called(row)} is gone from the kernel that this is compiled for",
            call.location,
            found=f"{called(row)}(), which programs of kind {kind} may call before Linux {_dotted(until)}",
            expected=f"what Linux {_dotted(target.kernel)} has",
            fix="see docs/helpers.md for what each kind may call",
        )


def _check_format(call: ir.HelperCall, target: Target) -> None:
    """The kernel looks at a format when the program runs, and writes nothing where it does not take it."""
    text = call.arguments[0] if call.helper.name == "trace_printk" else None
    if isinstance(text, ir.ConstantText) and target.kernel < ANY_FORMAT_SINCE and b"%" in OLD_FIELD.sub(b"", text.data):
        raise error(
            f"this format is for Linux {_dotted(ANY_FORMAT_SINCE)} and newer",
            text.location,
            found=f"{text.data[:-1].decode()!r}; the object is for Linux {_dotted(target.kernel)}",
            expected="%d, %i, %u, %x, with l or ll for 64 bits, %p, %s",
            fix="leave widths and flags out, or build for a newer kernel",
        )


def _check_prefix_flags(update: ir.MapUpdate, target: Target) -> None:
    """Older kernels write a prefix whatever the flags say of it."""
    plain = isinstance(update.flags, ir.Constant) and update.flags.value == 0
    if update.map.declaration.kind.keys != "prefix" or plain or target.kernel >= PREFIX_FLAGS_SINCE:
        return
    raise error(
        f"flags for a prefix need Linux {_dotted(PREFIX_FLAGS_SINCE)}",
        update.location,
        found=f"flags in an update of {update.map.symbol}, for Linux {_dotted(target.kernel)}, which looks at none",
        expected="no flags: the prefix is written, whether it is there or not",
        fix=f"leave them out, or compile it for newer kernels: `osmia build --kernel {_dotted(PREFIX_FLAGS_SINCE)}`",
    )


def _check_lock(assign: ir.Assign, target: Target) -> None:
    """Older kernels look for a lock among the fields of the map's value, and not into those."""
    match assign.value:
        case ir.Field(base=ir.Field(field=outer), field=field) if isinstance(field.layout, SpinLockLayout):
            if target.kernel >= NESTED_LOCK_SINCE:
                return
            raise error(
                f"a lock inside of another struct needs Linux {_dotted(NESTED_LOCK_SINCE)}",
                assign.location,
                found=f"a lock in the field {outer.name!r}, for Linux {_dotted(target.kernel)}",
                expected="a lock that is a field of the map's value itself",
                fix="move the lock to the struct that is the map's value, or compile for newer kernels:"
                f" `osmia build --kernel {_dotted(NESTED_LOCK_SINCE)}`",
            )


def _check_atomic(atomic: ir.Atomic, target: Target) -> None:
    known = target.cpu in ATOMIC_CPUS
    if known and target.kernel >= ATOMIC_SINCE:
        return
    what = "the result of fetch_add" if atomic.operation == "add" else METHODS[atomic.operation]
    expected = "an addition whose result is not used, which all have"
    if _is_extreme(atomic.place):
        what, expected = (
            "what keeps the smallest and the largest value",
            "a count or a histogram, which all have",
        )
    lacking = f"Linux {_dotted(ATOMIC_SINCE)}" if known else f"instruction set {ATOMIC_CPUS[0]}"
    raise error(
        f"{what} needs {lacking}",
        atomic.location,
        found=f"the target {target}",
        expected=expected,
        fix=f"compile it for newer kernels: `osmia build --kernel {_dotted(ATOMIC_SINCE)}`"
        if known
        else f"compile it for {ATOMIC_CPUS[0]} or later",
    )


def _is_extreme(place: ir.Expression) -> bool:
    """Whether it is the smallest or largest value that a Stats or StatsMap keeps."""
    return (
        isinstance(place, ir.Field) and isinstance(place.base.type, PlaceType) and place.base.type.layout.name == STATS
    )


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
