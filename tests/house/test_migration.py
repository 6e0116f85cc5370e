"""docs/migration/ is true of osmia: the right columns pass a type checker, and what is not there is not.

What other tools have is in the left columns, which nothing here can check.
"""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from mypy import api

import osmia
from osmia.cli.main import COMMANDS
from osmia.cli.main import _module as module_of
from osmia.cli.main import _parse as parse
from osmia.kinds import KINDS, Kind
from osmia.maps.table import MAP_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "migration").glob("*.md"))
SPAN = re.compile(r"`([^`]+)`")
ABSENT = re.compile(r"not there: ((?:`[\w.]+`(?:, )?)+)")
KIND_OF: dict[str, Kind] = {kind.module: kind for kind in KINDS.values()}

# What the tables leave out, as docs/migration.md says: where a program's context and other things come from.
BEFORE = f"""\
import socket
from typing import Any

from osmia import {", ".join(name for name in vars(osmia)["__all__"] if name.isidentifier() and name != "__version__")}
from osmia.contexts.kernel_structs import *
from osmia.flags import *
from osmia.headers import *


@struct
class Event:
    length: u32 = 0
    when: u64 = 0


class Context(XdpContext, TcContext, SkLookupContext, TpBtfContext, RawTracepointContext):  # type: ignore[misc]
    pass


@xdp
def program(ctx: XdpContext) -> XdpAction:
    return XdpAction.PASS


@xdp(hook="devmap")
def on_the_way(ctx: XdpContext) -> XdpAction:
    return XdpAction.PASS


@tc("ingress")
def classifier(ctx: TcContext) -> TcAction:
    return TcAction.OK


@cgroup_skb("egress", on_error=CgroupAction.ALLOW)
def in_cgroup(ctx: CgroupSkbContext) -> CgroupAction:
    return CgroupAction.ALLOW


@tracepoint("sched", "sched_switch")
def traced(ctx: TracepointContext) -> None:
    pass


@sk_msg
def on_message(ctx: SkMsgContext) -> SkAction:
    return SkAction.PASS


@sk_lookup
def looks_up(ctx: SkLookupContext) -> SkAction:
    return SkAction.PASS


@sk_reuseport
def chooses(ctx: SkReuseportContext) -> SkAction:
    return SkAction.PASS


def each_time(index: int) -> bool:
    return index > 3


def each_flow(key: int, value: int) -> bool:
    return key > 3


@struct
class Locked:
    lock: SpinLock = spin_lock()
    number: u64 = 0


async def page(ctx: Context, number: Ref[int], value: Locked, sock: socket.socket) -> Any:
"""


class Row(NamedTuple):
    """A row of a table."""

    line: int
    there: str
    here: str


def rows(page: Path) -> Iterator[Row]:
    """The rows of all tables of a page, without their heads."""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.startswith("|") or line.startswith(("|---", f"| {page.stem} |")):
            continue
        cells = [cell.replace("\\|", "|").strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells[1:] == ["osmia"]:
            continue
        assert len(cells) == 2, f"{page.name}:{number}"
        yield Row(number, *cells)


def code(row: Row) -> list[str]:
    """The spans of code of a row's right cell, without the names that are not there."""
    return SPAN.findall(ABSENT.sub("", row.here))


def is_command(span: str) -> bool:
    return span.startswith("osmia ")


def statement(span: str) -> str:
    """A span as a statement."""
    if span.startswith("@struct"):
        return f"{span}\nclass _:\n    number: u32 = 0"
    if span.startswith("@func"):
        return f"{span}\ndef _(number: u32) -> u32:\n    return number"
    if span.startswith("@"):
        kind = KIND_OF[re.match(r"@(\w+)", span)[1]]  # type: ignore[index]
        hook = re.search(r'\("(\w+)"', span)
        returns = kind.returns_at(hook[1] if hook else "")
        result = "None" if kind.may_return_nothing else returns.__name__
        return f"{span}\ndef _(ctx: {kind.context_class}) -> {result}:\n    raise NotImplementedError"
    return f"{span}\n    pass" if span.endswith(":") else span


@pytest.fixture(scope="module", params=PAGES, ids=lambda page: page.stem)
def page(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_every_row_says_something(page: Path) -> None:
    found = list(rows(page))
    assert len(found) > 60
    for row in found:
        assert row.there, row
        assert code(row) or "not there" in row.here or row.here.startswith(("nothing", "a ", "the ")), row


def test_mypy_accepts_the_right_column(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, at = BEFORE.splitlines(), {}
    for row in rows(page):
        for span in code(row):
            if is_command(span):
                continue
            at[len(lines) + 1] = f"{page.name}:{row.line}: {span}"
            # In a branch that may not run, what ends a block or stores leaves what follows reachable.
            lines += ["    " + line for line in statement(span).splitlines()]
    path = tmp_path / "page.py"
    path.write_text("\n".join(lines) + "\n")
    ast.parse(path.read_text())
    monkeypatch.chdir(ROOT)
    options = ["--strict", "--no-error-summary", "--no-pretty", f"--config-file={ROOT / 'pyproject.toml'}"]
    report, problems, _ = api.run(
        [*options, "--disable-error-code=no-redef", f"--cache-dir={ROOT / '.mypy_cache'}", str(path)]
    )
    assert problems == ""
    errors = []
    for error in report.splitlines():
        number = int(error.split(":")[1]) if error.startswith(str(path)) else 0
        start = max((line for line in at if line <= number), default=0)
        errors.append(f"{at.get(start, '')}\n    {error.partition(': ')[2]}")
    assert "\n".join(errors) == ""


def test_what_is_not_there_is_not(page: Path) -> None:
    """A name that is there now: the page is to say what to write."""
    names = [name for row in rows(page) for names in ABSENT.findall(row.here) for name in SPAN.findall(names)]
    assert names
    assert [name for name in names if is_there(name)] == []


def is_there(name: str) -> bool:
    """Whether osmia has a name, or a class of it that method."""
    owner, _, method = name.rpartition(".")
    return hasattr(getattr(osmia, owner), method) if owner else name in vars(osmia)["__all__"]


def test_every_command_is_one(page: Path) -> None:
    commands = [span for row in rows(page) for span in code(row) if is_command(span)]
    assert commands
    for command in commands:
        words = shlex.split(command)[1:]
        assert words[0] in COMMANDS, command
        parse(module_of(words[0]), f"osmia {words[0]}", words[1:])


def test_every_kind_of_program_and_type_of_map_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    declared = {name for row in rows(page) for span in code(row) for name in re.findall(r"^(?:\w+ = |@)(\w+)\(?", span)}
    assert {kind.module for kind in KINDS.values()} - declared == set()
    # Objects of clang have them; nothing of user code's makes or fills one.
    assert set(MAP_KINDS) - declared - {"StructOps", "InsnArray"} == set(), text[:20]


def test_the_index_names_every_page() -> None:
    text = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\(migration/(\w+)\.md\)", text) == [page.stem for page in sorted(PAGES, key=_order)]


def _order(page: Path) -> Any:
    return ["aya", "libbpf", "bcc"].index(page.stem)
