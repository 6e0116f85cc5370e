"""Modules made from text, for tests that compile many small programs."""

from __future__ import annotations

import importlib.util
import itertools
import textwrap
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import osmia

if TYPE_CHECKING:
    from types import ModuleType

PRELUDE = (
    "from osmia import Array, HashMap, PerCpuArray, XdpAction, XdpContext, i8, i16, i32, i64, u8, u16, u32, u64, xdp\n"
)
# Counted for each directory, so that a module's path is the same whichever other tests run.
_numbers: defaultdict[Path, itertools.count[int]] = defaultdict(itertools.count)


def module_from(
    directory: Path, text: str, *, name: str = "program", names: dict[str, object] | None = None
) -> ModuleType:
    """Write `text` to a file of its own and import it. `names` are in it from the start."""
    folder = directory / str(next(_numbers[directory]))
    folder.mkdir()
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    found = importlib.util.spec_from_file_location(name, path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    vars(module).update({key: value for key, value in (names or {}).items() if not key.startswith("__")})
    found.loader.exec_module(module)
    return module


def body_of(text: str) -> str:
    """A module with one program, `program`, whose body is `text`."""
    return (
        f"{PRELUDE}\n@xdp\ndef program(ctx: XdpContext) -> XdpAction:\n{textwrap.indent(textwrap.dedent(text), '    ')}"
    )


def text_of(error: osmia.CompileError, path: str) -> str:
    """What the compiler says of a program in the file `path`: the place, the source line, a caret, and every note."""
    lines = (error.text or "").splitlines()
    assert error.offset is not None
    assert error.end_offset is not None
    end = error.end_offset if error.end_lineno == error.lineno else len(error.text or "") + 1
    caret = " " * (error.offset - 1) + "^" * max(1, end - error.offset)
    parts = [f"{error.lineno}:{error.offset}: {error.problem}", *lines, caret, *error.__notes__]
    own = str(Path(osmia.__file__).parent)
    return "\n".join(parts).replace(path, "program.py").replace(own, "osmia") + "\n"
