"""BTF as text, one type a line, the way `bpftool btf dump` writes it."""

from __future__ import annotations

from osmia.btf import kinds
from osmia.btf.read import Btf, BtfType

_LINKAGE = ("static", "global", "extern")
_ENCODINGS = {0: "(none)", kinds.SIGNED: "SIGNED", kinds.CHAR: "CHAR", kinds.BOOL: "BOOL"}


def dump_btf(data: bytes, name: str = "BTF") -> str:
    """Write raw BTF as text. `name` is for messages. ObjectError where it is damaged."""
    btf = Btf(data, name)
    lines: list[str] = []
    for number in range(1, len(btf)):
        of = btf.type(number)
        head = f"[{number}] {kinds.NAMES[of.kind]} '{of.name or '(anon)'}'"
        rest = _HEADS[of.kind](btf, of)
        lines.append(f"{head} {rest}")
        lines.extend("\t" + line for line in _body(btf, of))
    return "".join(line + "\n" for line in lines)


def _integer(btf: Btf, of: BtfType) -> str:
    encoding, offset, bits = btf.integer(of)
    return f"size={of.size_or_type} bits_offset={offset} nr_bits={bits} encoding={_ENCODINGS.get(encoding, 'UNKN')}"


def _reference(_: Btf, of: BtfType) -> str:
    return f"type_id={of.size_or_type}"


def _array(btf: Btf, of: BtfType) -> str:
    element, index, count = btf.array(of)
    return f"type_id={element} index_type_id={index} nr_elems={count}"


def _sized(_: Btf, of: BtfType) -> str:
    return f"size={of.size_or_type} vlen={of.vlen}"


def _enum(_: Btf, of: BtfType) -> str:
    return f"encoding={'SIGNED' if of.kind_flag else 'UNSIGNED'} size={of.size_or_type} vlen={of.vlen}"


def _forward(_: Btf, of: BtfType) -> str:
    return f"fwd_kind={'union' if of.kind_flag else 'struct'}"


def _function(btf: Btf, of: BtfType) -> str:
    return f"type_id={of.size_or_type} linkage={_linkage(btf, of)}"


def _prototype(_: Btf, of: BtfType) -> str:
    return f"ret_type_id={of.size_or_type} vlen={of.vlen}"


def _variable(btf: Btf, of: BtfType) -> str:
    return f"type_id={of.size_or_type}, linkage={_linkage(btf, of)}"


def _float(_: Btf, of: BtfType) -> str:
    return f"size={of.size_or_type}"


def _decl_tag(btf: Btf, of: BtfType) -> str:
    return f"type_id={of.size_or_type} component_idx={btf.component(of)}"


def _linkage(btf: Btf, of: BtfType) -> str:
    linkage = btf.linkage(of)
    return _LINKAGE[linkage] if linkage < len(_LINKAGE) else "(unknown)"


def _body(btf: Btf, of: BtfType) -> list[str]:
    if of.kind in {kinds.STRUCT, kinds.UNION}:
        return [
            f"'{member.name or '(anon)'}' type_id={member.type} bits_offset={member.offset}"
            + (f" bitfield_size={member.bits}" if member.bits else "")
            for member in btf.members(of)
        ]
    if of.kind == kinds.ENUM:
        return [f"'{name}' val={value}" for name, value in btf.values(of)]
    if of.kind == kinds.ENUM64:
        suffix = "LL" if of.kind_flag else "ULL"
        return [f"'{name}' val={value}{suffix}" for name, value in btf.values(of)]
    if of.kind == kinds.FUNC_PROTO:
        return [f"'{name or '(anon)'}' type_id={number}" for name, number in btf.parameters(of)]
    if of.kind == kinds.DATASEC:
        return [_section_entry(btf, entry) for entry in btf.variables(of)]
    return []


def _section_entry(btf: Btf, entry: tuple[int, int, int]) -> str:
    number, offset, size = entry
    of = btf.type(number)
    return f"type_id={number} offset={offset} size={size} ({kinds.NAMES[of.kind]} '{of.name}')"


_HEADS = {
    kinds.INT: _integer,
    kinds.PTR: _reference,
    kinds.ARRAY: _array,
    kinds.STRUCT: _sized,
    kinds.UNION: _sized,
    kinds.ENUM: _enum,
    kinds.FWD: _forward,
    kinds.TYPEDEF: _reference,
    kinds.VOLATILE: _reference,
    kinds.CONST: _reference,
    kinds.RESTRICT: _reference,
    kinds.FUNC: _function,
    kinds.FUNC_PROTO: _prototype,
    kinds.VAR: _variable,
    kinds.DATASEC: _sized,
    kinds.FLOAT: _float,
    kinds.DECL_TAG: _decl_tag,
    kinds.TYPE_TAG: _reference,
    kinds.ENUM64: _enum,
}
