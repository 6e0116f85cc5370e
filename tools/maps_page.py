"""Fill in what docs/maps.md takes from elsewhere: the table of map types, the examples' code, and what they print.

    python tools/maps_page.py          # as root: the examples load programs

The prose is written by hand. A section of a type begins with `## CLASS`; its example is `examples/maps/NAME.py`, which
the first line of its block of Python names. The block of text behind that is what the example prints.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from osmia.maps.table import MAP_KINDS, MapKind

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "maps.md"
EXAMPLES = ROOT / "examples" / "maps"
ROWS = re.compile(r"(?<=<!-- rows -->\n).*?(?=<!-- end of rows -->)", re.DOTALL)
# What not every kernel can run: programs at hooks of the security modules. Their output is written by hand.
ELSEWHERE = ("examples/maps/inode_storage.py",)
EXAMPLE = re.compile(r"```python\n# (examples/maps/\w+\.py)\n(.*?)```\n\n```text\n(.*?)```\n", re.DOTALL)


def row(kind: MapKind) -> str:
    """A type's row of the table."""
    kernel = ", ".join(f"`{name}`" for name in kind.kernel_operations) or "-"
    user = ", ".join(f"`{name}`" for name in kind.user_operations) or "-"
    batch = ", ".join(kind.batch) or "-"
    since = ".".join(map(str, kind.since))
    name = f"[{kind.class_name}](#{kind.class_name.lower()})"
    return f"| {name} | {kind.kernel_name} | {since} | {kind.keys} | {kind.values} | {kernel} | {user} | {batch} |"


def rows() -> str:
    """The table, a row for each type, in the order of their kernels."""
    head = (
        "| class | BPF_MAP_TYPE_ | since Linux | keys | values | in kernel code | in user code | batches |",
        "|---|---|---|---|---|---|---|---|",
    )
    return "\n".join([*head, *(row(kind) for kind in MAP_KINDS.values())]) + "\n"


def output_of(path: Path) -> str:
    """What an example prints."""
    done = subprocess.run([sys.executable, "-P", path], capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode != 0:
        raise SystemExit(f"{path} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def filled(page: str) -> str:
    """The page with the table and the examples as they are now."""

    def example(found: re.Match[str]) -> str:
        path = ROOT / found[1]
        printed = found[3] if found[1] in ELSEWHERE else output_of(path)
        return f"```python\n# {found[1]}\n{path.read_text(encoding='utf-8')}```\n\n```text\n{printed}```\n"

    return EXAMPLE.sub(example, ROWS.sub(lambda _: rows(), page))


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
