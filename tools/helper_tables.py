"""The tables in tools/helpers/, read and put together: a row for each helper, and how kernel code calls it.

prototypes.txt    what the kernel's source says of them            (tools/read_kernel_helpers.py)
measured-*.txt    which hooks may call them, on several kernels    (tools/measure_helpers.py)
since.txt         the first kernel that has each
table.txt         what osmia says of each: form, signature, description
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import measure_helpers
from osmia.abi.helper_row import HelperArgument, HelperRow

TABLES = Path(__file__).resolve().parent / "helpers"

# The first kernels that load a kind which the oldest of the measured ones does not.
KIND_SINCE = {"lsm_cgroup": (6, 0), "syscall": (5, 14), "netfilter": (6, 4)}
# What no measured kernel was built to have, from the kernel's source: kind, the option that it needs, its helpers.
UNMEASURED = (
    (
        "lirc_mode2",
        "CONFIG_BPF_LIRC_MODE2",
        "rc_repeat rc_keydown rc_pointer_rel map_lookup_elem map_update_elem map_delete_elem map_push_elem "
        "map_pop_elem map_peek_elem ktime_get_ns ktime_get_boot_ns tail_call get_prandom_u32 trace_printk",
    ),
    ("kprobe", "CONFIG_BPF_KPROBE_OVERRIDE", "override_return"),
)
# What the helpers that choose where a packet goes give, by kind.
ACTIONS = {"xdp": "XdpAction", "sched_cls": "TcAction"}

_INTEGERS = {
    "u32": "u32", "u64": "u64", "s32": "i32", "s64": "i64", "int": "i32", "long": "i64", "size_t": "u64",
    "__be16": "be16", "u16": "u16", "__wsum": "u32",
}  # fmt: skip
_SIZES = {"sizeof(u32)": 4, "sizeof(u64)": 8, "sizeof(s64)": 8}
_KEYWORDS = {"from": "from_"}
_STRUCT = re.compile(r"(?:const )?struct (\w+) \*")

Version = tuple[int, int]


class Entry(NamedTuple):
    """A helper in table.txt."""

    form: str
    method: str
    signatures: tuple[tuple[tuple[str, ...], str], ...]
    """Kinds (none: all others) and what stands behind them."""
    description: str


class Prototype(NamedTuple):
    """A helper in prototypes.txt."""

    number: int
    flags: frozenset[str]
    c_return: str
    returns: str
    arguments: tuple[tuple[str, str, str], ...]
    """C type, name, and what the verifier asks for."""


class Allowed(NamedTuple):
    """What was measured of a helper."""

    kinds: tuple[str, ...]
    later: dict[str, Version]
    until: dict[str, Version]
    not_at: tuple[str, ...]
    at_some: tuple[str, ...]
    gpl_only: bool
    sleepable_only: bool


class Method(NamedTuple):
    """A helper as kernel code calls it, in the same way in all of `kinds`."""

    row: HelperRow
    kinds: tuple[str, ...]
    parameters: str
    """Without self."""
    returns: str

    @property
    def name(self) -> str:
        """What it is called on a context: XDP's own helpers do without their prefix, as the context is XDP's."""
        own = self.row.form == "context" and self.kinds == ("xdp",)
        return self.row.name.removeprefix("xdp_") if own else self.row.name

    @property
    def signature(self) -> str:
        """What a reader sees of it."""
        return f"{self.name}({self.parameters}) -> {self.returns}"


def all_kinds() -> tuple[str, ...]:
    """Every kind of program, in the order of enum bpf_prog_type."""
    return tuple(dict.fromkeys(hook.kind for hook in measure_helpers.HOOKS))


@cache
def measured() -> dict[Version, dict[str, dict[str, str]]]:
    """The measured letters: kernel, hook, helper."""
    return {version: columns for version, _release, columns in sorted(_files(), key=lambda file: file[0])}


def releases() -> list[str]:
    """The releases of the measured kernels, the oldest first."""
    return [release for _version, release, _columns in sorted(_files(), key=lambda file: file[0])]


@cache
def _files() -> list[tuple[Version, str, dict[str, dict[str, str]]]]:
    found = []
    for path in TABLES.glob("measured-*.txt"):
        release, columns = measure_helpers.read(path)
        found.append((_version(".".join(release.split(".")[:2])), release, columns))
    return found


def _version(text: str) -> Version:
    major, minor = text.split(".")
    return int(major), int(minor)


def _lines(name: str) -> list[str]:
    return [line for line in (TABLES / name).read_text().splitlines() if line and not line.startswith("#")]


def _prototypes() -> dict[str, Prototype]:
    found = {}
    for line in _lines("prototypes.txt"):
        head, c_return, returns, *arguments = line.split(" | ")
        number, name, *flags = head.split()
        found[name] = Prototype(
            int(number), frozenset(flags), c_return, returns, tuple(_argument_of(text) for text in arguments)
        )
    return found


def _argument_of(text: str) -> tuple[str, str, str]:
    declaration, _, kind = text.partition(" = ")
    if declaration == "...":
        return "...", "arguments", "..."
    c_type, name = re.fullmatch(r"(.*?)(\w+)", declaration).groups()  # type: ignore[union-attr]
    choices = kind.split("/")
    # What differs between kinds is the first argument, which is a context where that is possible.
    return c_type.strip(), name, next((choice for choice in choices if "PTR_TO_CTX" in choice), choices[0])


@cache
def _entries() -> dict[str, Entry]:
    found = {}
    for block in re.split(r"\n(?=[a-z])", "\n".join(_lines("table.txt"))):
        head, *signatures, description = block.split("\n")
        name, form, method = (*head.split(), "")[:3]
        pairs = (line.strip().partition(": ")[::2] for line in signatures)
        found[name] = Entry(
            form,
            method,
            tuple((() if of == "*" else tuple(of.split()), text) for of, text in pairs),
            description.strip(),
        )
    return found


def _allowed(name: str, since: Version) -> Allowed:
    kernels = measured()
    kinds: list[str] = []
    later: dict[str, Version] = {}
    until: dict[str, Version] = {}
    for kind in all_kinds():
        first, last = _first_and_last(name, kind, since)
        if first is None:
            continue
        kinds.append(kind)
        if first > since:
            later[kind] = first
        if last is not None:
            until[kind] = last
    newest = kernels[max(kernels)]
    exceptions = [
        hook
        for hook in measure_helpers.HOOKS
        if hook.kind in kinds and newest[hook.name][name] == "." and hook.kind not in until
    ]
    not_at = tuple(hook.name for hook in exceptions if hook.btf is None)
    at_some = tuple(dict.fromkeys(hook.kind for hook in exceptions if hook.btf is not None))
    letters = {letter for columns in kernels.values() for column in columns.values() for letter in column[name]}
    newest_letters = {column[name] for column in newest.values()}
    return Allowed(
        kinds=tuple(kinds),
        later=later,
        until=until,
        not_at=not_at,
        at_some=at_some,
        gpl_only="g" in letters and "+" not in newest_letters,
        sleepable_only="s" in newest_letters,
    )


def _first_and_last(name: str, kind: str, since: Version) -> tuple[Version | None, Version | None]:
    """The first kernel that lets a kind call a helper, and the first that does not let it any more."""
    for unmeasured, _option, names in UNMEASURED:
        if kind == unmeasured and name in names.split():
            return since, None
    seen = [(version, _may(columns, kind, name)) for version, columns in sorted(measured().items())]
    seen = [(version, may) for version, may in seen if may is not None]
    yes = [version for version, may in seen if may]
    if not yes:
        return None, None
    refused = [version for version, may in seen if not may and version < yes[0]]
    first = max(since, KIND_SINCE.get(kind, since))
    if refused and refused[-1] >= first:
        first = yes[0]  # somewhere between these two: the later one is sure
    return first, next((version for version, may in seen if not may and version > yes[-1]), None)


def _may(columns: dict[str, dict[str, str]], kind: str, name: str) -> bool | None:
    """Whether any hook of a kind may call a helper; None where the kernel has no such hook."""
    letters = [columns[hook.name][name] for hook in measure_helpers.HOOKS if hook.kind == kind]
    return None if set(letters) == {"?"} else not {"+", "g", "s"}.isdisjoint(letters)


def rows() -> list[HelperRow]:
    """The row of every helper, by number."""
    prototypes, entries = _prototypes(), _entries()
    since = {name: _version(version) for name, version in (line.split() for line in _lines("since.txt"))}
    if not prototypes.keys() == entries.keys() == since.keys() == measure_helpers.HELPERS.keys():
        raise SystemExit(f"the tables in {TABLES} do not name the same helpers")
    return [_row(name, prototypes[name], entries[name], since[name]) for name in prototypes]


def _row(name: str, prototype: Prototype, entry: Entry, since: Version) -> HelperRow:
    allowed = _allowed(name, since)
    arguments = _arguments(name, prototype, entry)
    return HelperRow(
        name=name,
        number=prototype.number,
        form=entry.form,
        method=entry.method,
        description=entry.description,
        returns=_returns(prototype),
        return_type=prototype.c_return if name != "task_pt_regs" else "struct pt_regs *",
        maybe_null="OR_NULL" in prototype.returns or "PTR_MAYBE_NULL" in prototype.returns,
        arguments=arguments,
        given_first=tuple(kind for of, text in entry.signatures for kind in of if _gives_first(entry, text)),
        since=since,
        kinds=allowed.kinds,
        later=allowed.later,
        until=allowed.until,
        not_at=allowed.not_at,
        at_some=allowed.at_some,
        gpl_only="gpl_only" in prototype.flags or allowed.gpl_only,
        sleepable_only=allowed.sleepable_only,
        changes_packet="changes_packet" in prototype.flags,
        takes_packet="pkt_access" in prototype.flags,
    )


def _gives_first(entry: Entry, text: str) -> bool:
    """Whether a signature has one more parameter than the one of all other kinds."""
    return text.count(": ") > next(other for of, other in entry.signatures if not of).count(": ")


def _returns(prototype: Prototype) -> str:
    if prototype.c_return == "void" or prototype.returns == "RET_VOID":
        return "nothing"
    if prototype.returns == "RET_INTEGER":
        return "integer"
    if "MAP_VALUE" in prototype.returns:
        return "map value"
    if "_MEM" in prototype.returns and prototype.returns != "RET_PTR_TO_MEM_OR_BTF_ID":
        return "object" if "BTF_ID" in prototype.returns else "memory"
    return "object"


def _arguments(name: str, prototype: Prototype, entry: Entry) -> tuple[HelperArgument, ...]:
    found = [_argument(*argument) for argument in prototype.arguments]
    given = [argument for argument in found if argument.kind not in {"context", "size"}]
    general = next((text for of, text in entry.signatures if not of), "")
    if not general:
        for argument in given:
            argument.parameter = _KEYWORDS.get(argument.name, argument.name)
            argument.optional = argument is given[-1] and argument.name == "flags" and argument.kind == "integer"
        for argument in reversed(given):
            if not (argument.optional or argument.kind == "callback context"):
                break
            argument.optional = True
    else:
        parameters = _split(general)
        if len(parameters) != len(given):
            raise SystemExit(f"table.txt: {name} takes {len(given)} arguments, not {len(parameters)}")
        for argument, parameter in zip(given, parameters, strict=True):
            argument.parameter = parameter.partition(":")[0].lstrip("*")
            argument.optional = " = " in parameter
    return tuple(found)


def _split(signature: str) -> list[str]:
    inside = signature.partition("(")[2].rpartition(") ->")[0]
    return [part for part in re.split(r", (?![^\[]*\])", inside) if part]


def _argument(c_type: str, name: str, asked: str) -> HelperArgument:
    """What the verifier asks for, from its words."""
    argument = HelperArgument(name=name, kind=_kind(c_type, asked), type=c_type)
    argument.nullable = any(word in asked for word in ("OR_NULL", "MAYBE_NULL", "OR_ZERO"))
    argument.releases = "OBJ_RELEASE" in asked
    if argument.kind in {"memory", "dynptr"}:
        writes = "UNINIT" in asked or ("MEM_WRITE" in asked and "FIXED" in asked)
        argument.access = "read" if "RDONLY" in asked else "write" if writes else "both"
    if argument.kind == "memory":
        size = asked.partition(" of ")[2]
        argument.size = _SIZES.get(size, size.removeprefix("sizeof(struct ").rstrip(")")) if size else 0
    return argument


_KINDS = (
    ("...", "varying"),
    ("ARG_PTR_TO_CTX", "context"),
    ("ARG_CONST_MAP_PTR", "map"),
    ("ARG_PTR_TO_MAP_KEY", "map key"),
    ("ARG_PTR_TO_MAP_VALUE", "map value"),
    ("ARG_PTR_TO_MEM", "memory"),
    ("ARG_PTR_TO_UNINIT_MEM", "memory"),
    ("ARG_PTR_TO_FIXED_SIZE_MEM", "memory"),
    ("ARG_CONST_SIZE", "size"),
    ("ARG_CONST_ALLOC_SIZE", "length"),
    ("ARG_ANYTHING", "integer"),
    ("ARG_SCALAR", "integer"),
    ("?", "integer"),
    ("ARG_PTR_TO_SOCK", "object"),
    ("ARG_PTR_TO_BTF_ID", "object"),
    ("ARG_PTR_TO_PERCPU_BTF_ID", "per-CPU"),
    ("ARG_PTR_TO_SPIN_LOCK", "spin lock"),
    ("ARG_PTR_TO_TIMER", "timer"),
    ("ARG_PTR_TO_FUNC", "callback"),
    ("ARG_PTR_TO_STACK", "callback context"),
    ("ARG_PTR_TO_CONST_STR", "string"),
    ("ARG_PTR_TO_RINGBUF_MEM", "reservation"),
    ("ARG_PTR_TO_DYNPTR", "dynptr"),
    ("ARG_KPTR", "kptr"),
)


def _kind(c_type: str, asked: str) -> str:
    for start, kind in _KINDS:
        if asked.startswith(start):
            return kind
    raise SystemExit(f"prototypes.txt: '{asked}' of {c_type} is not known: add it to generate_helpers.py")


def methods(row: HelperRow) -> list[Method]:
    """How kernel code calls a helper, once for each signature that it has."""
    if row.form not in {"context", "function"}:
        return []
    signatures = _entries()[row.name].signatures
    named = {kind for of, _text in signatures for kind in of}
    pairs = [(of or tuple(kind for kind in row.kinds if kind not in named), text) for of, text in signatures]
    if not pairs:
        pairs = [(row.kinds, "")]
    found = []
    for of, text in pairs:
        kinds = tuple(kind for kind in row.kinds if kind in of)
        parameters = (
            ", ".join(_split(text))
            if text
            else ", ".join(_parameter(given) for given in row.arguments if given.parameter)
        )
        returns = text.rpartition("-> ")[2] if text else _result(row)
        if returns != "action":
            found.append(Method(row, kinds, parameters, returns))
            continue
        plain = tuple(kind for kind in kinds if kind not in ACTIONS)
        found.append(Method(row, plain, parameters, "i64"))
        found += [Method(row, (kind,), parameters, ACTIONS[kind]) for kind in kinds if kind in ACTIONS]
    return [method for method in found if method.kinds]


def _parameter(argument: HelperArgument) -> str:
    kind = _python_type(argument)
    if argument.nullable and argument.kind in {"memory", "object", "map value"}:
        kind += " | None"
    default = "" if not argument.optional else " = 0" if argument.kind == "integer" else " = None"
    return f"{argument.parameter}: {kind}{default}"


def _python_type(argument: HelperArgument) -> str:
    match argument.kind:
        case "integer":
            return "u64" if "*" in argument.type else _INTEGERS[argument.type]
        case "memory" if "char" in argument.type and argument.name == "fmt":
            return "str"
        case "memory" if isinstance(argument.size, int) and argument.size:
            return "Ref[int]"
        case "memory" | "callback context":
            return "object"
        case "object":
            struct = _STRUCT.fullmatch(argument.type)
            return f"kernel.{struct[1] if struct and struct[1] != 'bpf_sock' else 'sock_common'}"
        case "callback":
            return "Callable[..., bool | None]"
        case "dynptr":
            return "kernel.bpf_dynptr"
        case _:
            raise SystemExit(f"table.txt: '{argument.name}' is a {argument.kind}: its helper needs a signature")


def _result(row: HelperRow) -> str:
    match row.returns:
        case "nothing":
            return "None"
        case "integer":
            return _INTEGERS[row.return_type]
        case _:
            struct = _STRUCT.fullmatch(row.return_type)
            if struct is None:
                raise SystemExit(f"table.txt: {row.name} gives a {row.return_type}: it needs a signature")
            return f"kernel.{struct[1]}" + (" | None" if row.maybe_null else "")
