"""Make src/osmia/abi/generated/ from a kernel's BTF.

    python tools/generate_abi.py [--btf FILE] [--release RELEASE] [--output DIRECTORY]

The files say which kernel they are from; the same kernel gives the same bytes.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from osmia.abi.context_member import ContextMember
from osmia.btf import kinds
from osmia.btf.read import Btf, BtfType

OUTPUT = Path(__file__).resolve().parent.parent / "src" / "osmia" / "abi" / "generated"

# Enums of linux/bpf.h and linux/if_link.h by name or, where they have none, by their first member.
ENUMS = (
    ("bpf_cmd", "Commands of bpf(2)"),
    ("bpf_map_type", "Types of maps"),
    ("bpf_prog_type", "Types of programs"),
    ("bpf_attach_type", "What a program is attached to"),
    ("bpf_link_type", "Types of links"),
    ("BPF_ANY", "Flags of BPF_MAP_UPDATE_ELEM"),
    ("BPF_F_NO_PREALLOC", "Flags of BPF_MAP_CREATE"),
    ("IFLA_XDP_UNSPEC", "Attributes inside IFLA_XDP"),
    ("XDP_ATTACHED_NONE", "Values of IFLA_XDP_ATTACHED"),
)

# By themselves: there are many, and who loads and attaches a program needs none.
HELPERS = (("bpf_func_id", "Helpers"),)

# Those that kernel code gives to helpers and to maps: user code imports them from osmia.flags.
FLAGS = (
    ("BPF_F_INGRESS", "Flags of redirections"),
    ("BPF_F_NEIGH", "More flags of redirections"),
    ("BPF_F_INDEX_MASK", "Flags of perf events"),
    ("BPF_RB_NO_WAKEUP", "Flags of ring buffers"),
    ("BPF_RB_AVAIL_DATA", "What ring buffers are asked for"),
    ("BPF_LOCAL_STORAGE_GET_F_CREATE", "Flags of storage"),
    ("BPF_F_SKIP_FIELD_MASK", "Flags of stack traces"),
    ("BPF_SK_LOOKUP_F_REPLACE", "Flags of sk_assign"),
    ("BPF_F_CURRENT_NETNS", "Network namespaces of socket look-ups"),
    ("BPF_F_RECOMPUTE_CSUM", "Flags of skb_store_bytes"),
    ("BPF_F_HDR_FIELD_MASK", "Flags of checksum helpers"),
    ("BPF_F_PSEUDO_HDR", "Flags of l4_csum_replace"),
    ("BPF_F_ADJ_ROOM_FIXED_GSO", "Flags of skb_adjust_room"),
    ("BPF_SOCK_OPS_VOID", "What sock_ops programs are called for"),
    ("BPF_SOCK_OPS_RTO_CB_FLAG", "Flags of sock_ops_cb_flags_set"),
)

# Contexts of programs, and the sockets that their fields and helpers give, which are read like contexts.
CONTEXTS = (
    "xdp_md",
    "__sk_buff",
    "bpf_sock",
    "bpf_sock_ops",
    "sk_msg_md",
    "bpf_sk_lookup",
    "sk_reuseport_md",
    "bpf_sock_addr",
    "bpf_tcp_sock",
    "bpf_xdp_sock",
)


def main() -> None:
    """Read the arguments and write the files."""
    parser = argparse.ArgumentParser(description="Make the generated part of osmia.abi from a kernel's BTF.")
    parser.add_argument("--btf", type=Path, default=Path("/sys/kernel/btf/vmlinux"), help="a kernel's raw BTF")
    parser.add_argument("--release", default=os.uname().release, help="the release of that kernel")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the directory to write to")
    arguments = parser.parse_args()
    btf = Btf(arguments.btf.read_bytes(), str(arguments.btf))
    for name, text in generate(btf, arguments.release).items():
        (arguments.output / name).write_text(text)


def generate(btf: Btf, release: str) -> dict[str, str]:
    """Give the text of every generated file, by the file's name."""
    return {
        "__init__.py": _constants(btf, release, "The constants of bpf(2)", ENUMS),
        "helper_ids.py": _constants(btf, release, "The numbers of the helpers", HELPERS),
        "flags.py": _constants(btf, release, "Flags and codes of helpers", FLAGS),
        "contexts.py": _contexts(btf, release),
    }


def _head(what: str, release: str) -> list[str]:
    return [
        f'"""{what}.',
        "",
        f"Made by tools/generate_abi.py from the BTF of Linux {release}; do not edit.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
    ]


def _constants(btf: Btf, release: str, title: str, chosen: tuple[tuple[str, str], ...]) -> str:
    lines = _head(title, release)
    every = [*btf.of_kind(kinds.ENUM), *btf.of_kind(kinds.ENUM64)]
    enums = {of.name: of for of in reversed(every) if of.name}
    nameless = {}
    for of in reversed(every):
        if not of.name and of.vlen:
            nameless[btf.values(of)[0][0]] = of
    for name, what in chosen:
        found = enums.get(name) or nameless.get(name)
        if found is None:
            raise SystemExit(f"{btf.name}: no enum '{name}': it is no BTF of a kernel with BPF")
        lines.append(f"# {what} (enum {name}).")
        # Bounds such as __MAX_BPF_CMD change with every release, so nothing may rely on them.
        lines += [f"{member} = {value}" for member, value in btf.values(found) if not member.startswith("__")]
        lines.append("")
    return "\n".join(lines)


def _contexts(btf: Btf, release: str) -> str:
    lines = _head("The members of the structs that programs are called with, in their order", release)
    lines[-1:] = ["", "from osmia.abi.context_member import ContextMember as M", "", "CONTEXTS = {"]
    for name in CONTEXTS:
        found = btf.find(name, kinds.STRUCT)
        if found is None:
            raise SystemExit(f"{btf.name}: no struct '{name}'")
        members = [_member(each) for each in context_members(btf, found)]
        if len(members) == 1:  # as the formatter has it
            lines.append(f'    "{name}": ({members[0]},),')
            continue
        lines.append(f'    "{name}": (')
        lines += [f"        {each}," for each in members]
        lines.append("    ),")
    return "\n".join([*lines, "}", ""])


def _member(of: ContextMember) -> str:
    parts = [f'"{of.name}"', str(of.offset), str(of.bits)]
    parts += ["signed=True"] * of.signed
    parts += [f"length={of.length}"] * (of.length > 0)
    parts += [f'pointer="{of.pointer}"'] * (of.pointer != "")
    return f"M({', '.join(parts)})"


def context_members(btf: Btf, of: BtfType, start: int = 0) -> list[ContextMember]:
    """The members of a struct, those of unions without a name among them."""
    members: list[ContextMember] = []
    for member in btf.members(of):
        inside, offset = btf.resolve(member.type), start + member.offset // 8
        if inside.kind == kinds.UNION and not member.name:
            members += context_members(btf, inside, offset)
            continue
        length = 0
        if inside.kind == kinds.ARRAY:
            element, _, length = btf.array(inside)
            inside = btf.resolve(element)
        if inside.kind == kinds.PTR:
            members.append(ContextMember(member.name, offset, 64, length=length, pointer=_pointed(btf, inside)))
            continue
        if inside.kind != kinds.INT or member.offset % 8 or not member.name:
            raise SystemExit(f"{btf.name}: '{member.name}' of struct {of.name} is neither a number nor a pointer")
        encoding, _, bits = btf.integer(inside)
        members.append(ContextMember(member.name, offset, bits, signed=bool(encoding & kinds.SIGNED), length=length))
    return members


def _pointed(btf: Btf, pointer: BtfType) -> str:
    return btf.resolve(pointer.size_or_type).name if pointer.size_or_type else "void"


if __name__ == "__main__":
    main()
