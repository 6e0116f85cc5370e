"""Fill in what docs/maps.md and docs/programs.md take from elsewhere: a table, the examples' code, and what they print.

    python tools/example_pages.py          # as root: the examples load programs

The prose is written by hand. A section of a type of maps begins with `## CLASS`, one of a kind of programs with
`## @DECORATOR`; its example is the file that the first line of its block of Python names. The block of text behind that
is what the example prints.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from osmia.kinds import KINDS, Kind
from osmia.maps.table import MAP_KINDS, MapKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia.contexts.fields import ContextField

ROOT = Path(__file__).resolve().parents[1]
ROWS = re.compile(r"(?<=<!-- rows -->\n).*?(?=<!-- end of rows -->)", re.DOTALL)
EXAMPLE = re.compile(r"```python\n# (examples/\w+/\w+\.py)\n(.*?)```\n\n```text\n(.*?)```\n", re.DOTALL)
FIELDS = re.compile(r"(?<=<!-- fields of )(\w+) -->\n(.*?)(?=<!-- end of fields -->)", re.DOTALL)
# What not every kernel can run: programs at hooks of the security modules. Their output is written by hand.
ELSEWHERE = ("examples/maps/inode_storage.py", "examples/programs/lsm.py")


@dataclass(frozen=True)
class Page:
    """A page, the folder of its examples, and what makes its table."""

    path: Path
    examples: Path
    rows: Callable[[], str]

    def read(self) -> str:
        """The page as it is."""
        return self.path.read_text(encoding="utf-8")


def map_row(kind: MapKind) -> str:
    """A row of the table of types of maps."""
    kernel = ", ".join(f"`{name}`" for name in kind.kernel_operations) or "-"
    user = ", ".join(f"`{name}`" for name in kind.user_operations) or "-"
    batch = ", ".join(kind.batch) or "-"
    since = ".".join(map(str, kind.since))
    name = f"[{kind.class_name}](#{kind.class_name.lower()})"
    return f"| {name} | {kind.kernel_name} | {since} | {kind.keys} | {kind.values} | {kernel} | {user} | {batch} |"


def map_rows() -> str:
    """The table of types of maps, in the order of their kernels."""
    head = (
        "| class | BPF_MAP_TYPE_ | since Linux | keys | values | in kernel code | in user code | batches |",
        "|---|---|---|---|---|---|---|---|",
    )
    return "\n".join([*head, *(map_row(kind) for kind in MAP_KINDS.values())]) + "\n"


def program_row(kind: Kind) -> str:
    """A row of the table of kinds of programs."""
    decorator = kind.module
    hooks = ", ".join(f"`{hook}`" for hook in kind.attach_types if hook not in ("", "*")) or "-"
    target = "what the decorator says" if kind.attach == "hook" else kind.attach
    returns = kind.action_class or "int"
    if kind.may_return_nothing:
        returns = "nothing, or int"
    since = ".".join(map(str, kind.since))
    needed = ", ".join(kind.capabilities)
    return (
        f"| [@{decorator}](#{decorator}) | {hooks} | {target} | `{kind.context_class}` | {returns} "
        f"| {after_an_error(kind)} | {since} | {needed} |"
    )


def after_an_error(kind: Kind) -> str:
    """What a program of a kind returns after an error, where it does not say."""
    if kind.error_value is None:
        return "must be said"
    return f"{kind.returns(kind.error_value).name}" if kind.action_class else str(kind.error_value)


def program_rows() -> str:
    """The table of kinds of programs, in the order of their rows in osmia."""
    head = (
        "| declared with | hooks | attached to | context | returns | after an error | since Linux | needs |",
        "|---|---|---|---|---|---|---|---|",
    )
    return "\n".join([*head, *(program_row(kind) for kind in KINDS.values())]) + "\n"


def fields_of(kind: Kind) -> str:
    """The fields of a kind's context, for its section."""
    named = ", ".join(_field(name, field) for name, field in kind.fields.items())
    return f"The fields of `{kind.context_class}`: {named}.\n"


def _field(name: str, field: ContextField) -> str:
    of = f"`{name}`"
    notes = [*(["written too"] if field.writable else []), *([" and ".join(field.hooks)] if field.hooks else [])]
    return f"{of} ({', '.join(notes)})" if notes else of


MAPS = Page(ROOT / "docs" / "maps.md", ROOT / "examples" / "maps", map_rows)
PROGRAMS = Page(ROOT / "docs" / "programs.md", ROOT / "examples" / "programs", program_rows)
PAGES = (MAPS, PROGRAMS)


def output_of(path: Path) -> str:
    """What an example prints."""
    done = subprocess.run([sys.executable, "-P", path], capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode != 0:
        raise SystemExit(f"{path} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def filled(page: Page) -> str:
    """A page with its table and its examples as they are now."""

    def example(found: re.Match[str]) -> str:
        path = ROOT / found[1]
        printed = found[3] if found[1] in ELSEWHERE else output_of(path)
        return f"```python\n# {found[1]}\n{path.read_text(encoding='utf-8')}```\n\n```text\n{printed}```\n"

    def fields(found: re.Match[str]) -> str:
        return f"{found[1]} -->\n{fields_of(KINDS[found[1]])}"

    return EXAMPLE.sub(example, FIELDS.sub(fields, ROWS.sub(lambda _: page.rows(), page.read())))


if __name__ == "__main__":
    for each in PAGES:
        each.path.write_text(filled(each), encoding="utf-8")
