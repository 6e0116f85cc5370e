"""docs/headers.md is what the classes of `osmia.headers` say."""

from __future__ import annotations

import generate_headers_page
from osmia import headers
from osmia.layout import StructLayout, layout_of


def test_the_page_is_made_of_the_classes() -> None:
    assert generate_headers_page.PAGE.read_text(encoding="utf-8") == generate_headers_page.page()


def test_each_field_and_property_is_there() -> None:
    text = generate_headers_page.page()
    sections = {part.partition("\n")[0]: part for part in text.split("\n## ")[1:]}
    for name, of in vars(headers).items():
        layout = layout_of(of) if isinstance(of, type) and of.__module__ == headers.__name__ else None
        if isinstance(layout, StructLayout):
            rows = sections[name].splitlines()
            named = {row.split("`")[1] for row in rows if "`" in row and row.startswith("|")}
            assert named == {field.name for field in layout.fields} | {
                member for member, value in vars(of).items() if isinstance(value, property)
            }
    assert "| 12 | `src` | `be32` | 0 |" in sections["IPv4"]
    assert "| `SYN` | 0x02 |" in sections["Numbers"]
