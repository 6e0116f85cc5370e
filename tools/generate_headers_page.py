"""Make docs/headers.md from the classes of `osmia.headers`.

    python tools/generate_headers_page.py [--output FILE]

The same classes give the same bytes.
"""

from __future__ import annotations

import argparse
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from osmia import headers
from osmia.enumeration import is_int_enumeration
from osmia.layout import StructLayout, layout_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia.layout import Field

PAGE = Path(__file__).resolve().parent.parent / "docs" / "headers.md"
# Fields that hold several things in one number, and enums of such numbers.
OF_PARTS = ("version_ihl", "version_class_label", "offset_flags", "flags", "protocol_type")
HEXADECIMAL = (headers.EtherType, headers.TcpFlags)
HEAD = """\
# Headers of packets

<!-- Made by tools/generate_headers_page.py; do not edit. -->

What `osmia.headers` has, for kernel code (`ctx.packet.at(IPv4, 14)`) and for user code (`IPv4(src=..., dst=...)`,
`from_bytes`, `to_bytes`). Fields of more than a byte are big-endian in the packet and plain numbers in Python:
nothing is to be turned. Offsets and sizes are in bytes; so are lengths and offsets that properties give. A field that
is left out when a header is made has the default. [language.md](language.md#packets) says how packets are read and
written. Headers that are not here are classes of your own, whose numbers are `be16` and not `u16`:
[language.md](language.md#headers-of-your-own) shows what goes wrong otherwise.
"""


def main() -> None:
    """Read the arguments and write the page."""
    parser = argparse.ArgumentParser(description="Make the page of headers.")
    parser.add_argument("--output", type=Path, default=PAGE, help="the file to write")
    parser.parse_args().output.write_text(page(), encoding="utf-8")


def page() -> str:
    """The page's text."""
    classes = [
        each for each in vars(headers).values() if isinstance(each, type) and each.__module__ == headers.__name__
    ]
    structs = [each for each in classes if isinstance(layout_of(each), StructLayout)]
    numbers = [each for each in classes if is_int_enumeration(each)]
    assert len(structs) + len(numbers) == len(classes)
    parts = [HEAD, *map(_struct, structs), "## Numbers\n", *map(_enumeration, numbers)]
    return "\n".join(parts)


def _struct(of: type) -> str:
    layout = layout_of(of)
    assert isinstance(layout, StructLayout)
    lines = [f"## {of.__name__}", "", inspect.getdoc(of) or "", "", f"{layout.size} bytes.", ""]
    lines += ["| offset | field | type | default |", "|---|---|---|---|"]
    lines += [f"| {each.offset} | `{each.name}` | `{each.layout.name}` | {_default(each)} |" for each in layout.fields]
    properties = list(_properties(of))
    if properties:
        lines += ["", "| property | type | |", "|---|---|---|", *properties]
    return "\n".join(lines) + "\n"


def _default(field: Field) -> str:
    """Numbers of several parts are read in hexadecimal."""
    if not isinstance(field.default, int):
        return "zeros"
    return f"`{field.default:#x}`" if field.name in OF_PARTS else f"{field.default}"


def _properties(of: type) -> Iterator[str]:
    for name, member in vars(of).items():
        if isinstance(member, property):
            yield f"| `{name}` | `{member.fget.__annotations__['return']}` | {inspect.getdoc(member)} |"


def _enumeration(of: Any) -> str:
    lines = [f"### {of.__name__}", "", inspect.getdoc(of) or "", "", "| name | value |", "|---|---|"]
    width = max(2, *(len(f"{member.value:x}") for member in of))
    lines += [
        f"| `{member.name}` | {f'0x{member.value:0{width}x}' if of in HEXADECIMAL else int(member.value)} |"
        for member in of
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
