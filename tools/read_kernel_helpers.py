"""Read what the kernel's source says of its helpers: their C prototypes, and what the verifier checks of arguments.

    read_kernel_helpers.py SOURCE > tools/helpers/prototypes.txt

SOURCE is an unpacked source tree of Linux. A helper may have several prototypes in it, one for each kind of program:
what they differ in is put together.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import NamedTuple

# A prototype's line in the long comment of linux/bpf.h; what it describes is indented further.
_C_PROTOTYPE = re.compile(r"^ \* (\w[\w ]*?[ *]+)bpf_(\w+)\(([^)]*)\)$", re.MULTILINE)
_NUMBER = re.compile(r"\tFN\((\w+), (\d+), ##ctx\)")
_CASE = re.compile(r"((?:case BPF_FUNC_\w+:\s*)+)return ([^;]*;)")
_PROTO = re.compile(r"struct bpf_func_proto (\w+_proto\w*)(?: __weak)? = \{(.*?)\n\};", re.DOTALL)
_MEMBER = re.compile(r"\.(\w+)\s*= ([^,]+),")
_WHERE = ("kernel/bpf", "kernel/trace", "net", "drivers/media/rc", "security")
_FLAGS = ("gpl_only", "might_sleep", "pkt_access", "allow_fastcall")
# Prototypes that no `case` names: they are given by another function than the programs' own.
_ELSEWHERE = {"bpf_unlocked_sk_setsockopt_proto": "setsockopt", "bpf_unlocked_sk_getsockopt_proto": "getsockopt"}


class Prototype(NamedTuple):
    """A helper as the verifier knows it."""

    returns: str
    arguments: tuple[str, ...]
    flags: tuple[str, ...]


def main() -> None:
    """Read the tree and print what was found."""
    source = Path(sys.argv[1])
    sys.stdout.write(text(source))


def text(source: Path) -> str:
    """A line for each helper: number, name, flags, what C gives back, the verifier's return type, the arguments."""
    header = (source / "include/uapi/linux/bpf.h").read_text()
    declared = {name: (returns.strip(), parameters) for returns, name, parameters in _C_PROTOTYPE.findall(header)}
    checked = _checked(source)
    changing = _changing(source)
    lines = [
        f"# The helpers of Linux {_version(source)}; made by tools/read_kernel_helpers.py.",
        "# number name flags | C return | return type | C parameter = argument type | ...",
    ]
    for name, number in _NUMBER.findall(header):
        if name == "unspec":
            continue
        returns, parameters = declared[name]
        prototype = checked.get(name, Prototype("?", (), ()))
        flags = [*prototype.flags, *(["changes_packet"] if name in changing else [])]
        fields = [" ".join((number, name, *flags)), returns, prototype.returns]
        declarations = [] if parameters == "void" else [part.strip() for part in parameters.split(",")]
        for at, declaration in enumerate(declarations):
            kind = prototype.arguments[at] if at < len(prototype.arguments) else "?"
            fields.append(f"{declaration} = {kind}")
        lines.append(" | ".join(fields))
    return "\n".join(lines) + "\n"


def _changing(source: Path) -> set[str]:
    """The helpers that may move the packet, so that the verifier forgets what a program knew of it."""
    content = (source / "net/core/filter.c").read_text()
    body = content.partition("bool bpf_helper_changes_pkt_data(")[2].partition("return true;")[0]
    return set(re.findall(r"case BPF_FUNC_(\w+):", body))


def _version(source: Path) -> str:
    return source.name.rpartition("-")[2]


def _checked(source: Path) -> dict[str, Prototype]:
    protos: dict[str, Prototype] = {}
    named: dict[str, list[str]] = {}
    for path in sorted(path for where in _WHERE for path in (source / where).rglob("*.c")):
        content = path.read_text(errors="replace")
        for name, body in _PROTO.findall(content):
            protos[name] = _prototype(body)
        for cases, body in _CASE.findall(content):
            found = re.findall(r"&(\w+_proto\w*)\b", body)
            for helper in re.findall(r"BPF_FUNC_(\w+)", cases):
                named.setdefault(helper, []).extend(found)
    for proto in protos:
        helper = _ELSEWHERE.get(proto, proto.removeprefix("bpf_").partition("_proto")[0])
        named.setdefault(helper, []).append(proto)
    known = {helper: [name for name in dict.fromkeys(names) if name in protos] for helper, names in named.items()}
    return {helper: _merged([protos[name] for name in names]) for helper, names in known.items() if names}


def _prototype(body: str) -> Prototype:
    members = {name: " ".join(value.split()).replace(" | ", "+") for name, value in _MEMBER.findall(body + ",")}
    arguments = [members[f"arg{at}_type"] + _of(members, at) for at in range(1, 6) if f"arg{at}_type" in members]
    flags = [flag for flag in _FLAGS if members.get(flag) == "true"]
    if "allowed" in members:
        flags.append("allowed")
    # RET_INTEGER is 0, so some prototypes leave it out.
    return Prototype(members.get("ret_type", "RET_INTEGER") + _of(members, 0), tuple(arguments), tuple(flags))


def _of(members: dict[str, str], at: int) -> str:
    which = f"arg{at}" if at else "ret"
    for member in (f"{which}_btf_id", f"{which}_size"):
        if member in members:
            return f" of {members[member]}"
    return ""


def _merged(found: list[Prototype]) -> Prototype:
    returns = "/".join(dict.fromkeys(one.returns for one in found))
    longest = max(len(one.arguments) for one in found)
    arguments = tuple(
        "/".join(dict.fromkeys(one.arguments[at] for one in found if at < len(one.arguments))) for at in range(longest)
    )
    return Prototype(returns, arguments, tuple(dict.fromkeys(flag for one in found for flag in one.flags)))


if __name__ == "__main__":
    main()
