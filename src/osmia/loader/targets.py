"""What programs are loaded for, as this kernel's own type information has it: a function, and its arguments."""

from __future__ import annotations

import errno

from osmia.btf import kinds
from osmia.btf.read import Btf
from osmia.errors import KernelError, ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from osmia.spec import FunctionSpec, ObjectSpec

VMLINUX = "/sys/kernel/btf/vmlinux"
_SIGNED, _BOOL = 1, 4  # BTF_INT_*: the encoding of an INT
_FEW_NAMES = 3


def attach_ids(spec: ObjectSpec, names: Iterable[str]) -> dict[str, int]:
    """By program: the BTF type that it is attached to, for those of kinds that are attached to a function.

    ObjectError where this kernel's function takes other arguments than the program was written for; KernelError where
    there is no such function, or no type information.
    """
    found = {}
    btf = _kernel_btf(spec)
    for name in names:
        program = spec.programs[name]
        if program.kind is not None and program.kind.function_prefix:
            found[name] = _attach_id(spec, program, btf)
    return found


def _kernel_btf(spec: ObjectSpec) -> Btf:
    try:
        with open(VMLINUX, "rb") as file:
            return Btf(file.read(), "this kernel's type information")
    except OSError as error:
        raise KernelError(
            error.errno or errno.ENOENT,
            f"cannot load {spec.name}: its programs are attached by the kernel's own type information, and {VMLINUX} "
            f"cannot be read: {error.strerror}: the kernel was built without CONFIG_DEBUG_INFO_BTF",
        ) from None


def _attach_id(spec: ObjectSpec, program: FunctionSpec, btf: Btf) -> int:
    kind = program.kind
    assert kind is not None
    hook = kind.hook(program.section) or ""
    wanted = kind.function_prefix + hook
    of = btf.find(wanted, kinds.TYPEDEF if kind.name == "tp_btf" else kinds.FUNC)
    if of is None:
        raise _no_such_hook(spec, program, hook, btf)
    there = _arguments(btf, hook, of.size_or_type, kind.name)
    _check(spec, program, f"{kind.name} {hook}", there)
    return of.id


def _no_such_hook(spec: ObjectSpec, program: FunctionSpec, hook: str, btf: Btf) -> KernelError:
    from difflib import get_close_matches

    kind = program.kind
    assert kind is not None
    prefix = kind.function_prefix
    of = kinds.TYPEDEF if kind.name == "tp_btf" else kinds.FUNC
    names = [each.name.removeprefix(prefix) for each in btf.of_kind(of) if each.name.startswith(prefix)]
    close = get_close_matches(hook, names, _FEW_NAMES)
    hint = f"; did you mean {' or '.join(close)}?" if close else f"; it has {len(names)} others"
    return KernelError(
        errno.ENOENT,
        f"cannot load program '{program.name}' of {spec.name}: this kernel itself has nothing called {hook} for "
        f"programs of kind {kind.name}{hint}",
    )


def _arguments(btf: Btf, hook: str, number: int, kind: str) -> list[tuple[str, str]]:
    """The arguments of a function: name, empty where the kernel does not say, and type."""
    prototype = btf.resolve(number)
    if prototype.kind == kinds.PTR:  # of a tracepoint
        prototype = btf.resolve(prototype.size_or_type)
    given = [(name, _described(btf, of)) for name, of in btf.parameters(prototype)]
    if kind != "tp_btf":
        return given
    # The first one is the tracepoint's own; what passes it on says how the others are called.
    named = btf.find(f"__traceiter_{hook}", kinds.FUNC)
    names = [name for name, _ in btf.parameters(btf.resolve(named.size_or_type))] if named else []
    given = given[1:]
    return [(name, of) for name, (_, of) in zip(names[1:], given, strict=True)] if names else given


def _described(btf: Btf, number: int) -> str:
    """A type as programs name it: `task_struct`, `u64`, `bool`; `pointer` for one to no struct."""
    of = btf.resolve(number)
    if of.kind == kinds.PTR:
        pointed = btf.resolve(of.size_or_type)
        return pointed.name if pointed.kind == kinds.STRUCT and pointed.name else "pointer"
    if of.kind in {kinds.ENUM, kinds.ENUM64}:
        return f"{'i' if of.kind_flag else 'u'}{8 * of.size_or_type}"
    if of.kind != kinds.INT:
        return f"{kinds.NAMES[of.kind].lower()} {of.name}".rstrip()
    encoding, _, bits = btf.integer(of)
    return "bool" if encoding & _BOOL else f"{'i' if encoding & _SIGNED else 'u'}{bits}"


def _check(spec: ObjectSpec, program: FunctionSpec, target: str, there: list[tuple[str, str]]) -> None:
    """Refuse a program that takes its arguments for others than they are."""
    given = (spec.arguments or {}).get(program.name, [])
    differ = len(given) > len(there) or any(not _fits(own, kernel) for own, kernel in zip(given, there, strict=False))
    if differ:
        raise ObjectError(
            f"{spec.name}: program '{program.name}' does not fit {target} of this kernel, which gives "
            f"({_text(there)}), and the program takes ({_text(given)}): write its parameters so, as many as it needs"
        )


def _fits(own: tuple[str, str], kernel: tuple[str, str]) -> bool:
    name, of = own
    kernel_name, kernel_type = kernel
    # An underscore says that it is not used, or keeps the name apart from a type's or a builtin's.
    if kernel_name and kernel_name.strip("_") != name.strip("_"):
        return False
    return of == kernel_type or (kernel_type == "pointer" and of == "u64")


def _text(arguments: list[tuple[str, str]]) -> str:
    shown = (f"{name or '_'}: {'u64' if of == 'pointer' else of}" for name, of in arguments)
    return ", ".join(shown)
