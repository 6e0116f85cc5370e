"""What `python file.py` shows of an error of osmia's that nobody catches: the user's lines and none of osmia's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import osmia
from this_kernel import needs_root

PRELUDE = """\
import osmia
from osmia import XdpAction, XdpContext, xdp

@xdp
def program(ctx: XdpContext) -> XdpAction:
    {body}

def main():
    {use}

main()
"""
REFUSED, GOOD = "return ctx.nothing", "return XdpAction.PASS"
SOURCE = str(Path(osmia.__file__).resolve().parents[1])


def shown(directory: Path, body: str, use: str, *options: str) -> list[str]:
    """The lines that Python shows of it."""
    path = directory / "program.py"
    path.write_text(PRELUDE.format(body=body, use=use))
    done = subprocess.run(
        [sys.executable, *options, str(path)], cwd=directory, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    return done.stderr.splitlines()


@pytest.mark.parametrize(
    "use", ["program.load()", "program.test_run(bytes(14))", "program.attach('lo')", "osmia.load(program)"]
)
def test_a_compile_error(tmp_path: Path, use: str) -> None:
    lines = shown(tmp_path, REFUSED, use)
    path = tmp_path / "program.py"
    assert lines[:3] == ["Traceback (most recent call last):", f'  File "{path}", line 11, in <module>', "    main()"]
    assert [line for line in lines if line.startswith("  File ")] == [
        f'  File "{path}", line 11, in <module>',
        f'  File "{path}", line 9, in main',
        f'  File "{path}", line 6',
    ]
    assert SOURCE not in "\n".join(lines)


@pytest.mark.parametrize("use", ["program.attach('nowhere')", "osmia.load(b'')", "osmia.load(osmia)"])
def test_other_errors(tmp_path: Path, use: str) -> None:
    lines = shown(tmp_path, GOOD, use)
    path = tmp_path / "program.py"
    assert [line for line in lines if line.startswith("  File ")] == [
        f'  File "{path}", line 11, in <module>',
        f'  File "{path}", line 9, in main',
    ]
    assert lines[-1].startswith("osmia.errors.")


@needs_root("loads programs")
@pytest.mark.parametrize(
    ("use", "last"),
    [
        ("program.attach(1.5)", "TypeError: an interface is a name or an index, not float: 1.5"),
        ("osmia.Array(int, max_entries=1)", None),
        (
            "osmia.load(None)",
            "TypeError: load() takes a module, a program, a path or the bytes of an object, not NoneType None",
        ),
        ("osmia.xdp(lambda ctx: 1)", None),
        ("osmia.nothing", "AttributeError: module 'osmia' has no attribute 'nothing'"),
    ],
)
def test_what_osmia_does_not_take(tmp_path: Path, use: str, last: str | None) -> None:
    lines = shown(tmp_path, GOOD, use)
    path = tmp_path / "program.py"
    assert [line for line in lines if line.startswith("  File ")] == [
        f'  File "{path}", line 11, in <module>',
        f'  File "{path}", line 9, in main',
    ]
    if last is not None:
        assert lines[-1] == last


@pytest.mark.parametrize("fault", ["{}['x']", "int('x')", "None + 1", "assert_(1)"])
def test_a_fault_of_osmia_is_shown_whole(tmp_path: Path, fault: str) -> None:
    """What no `raise` of osmia's made may be a fault, which its frames tell about."""
    use = f"""source = "def assert_(x):\\n assert x == 2\\ndef f():\\n return {fault}"
    exec(compile(source, osmia.__file__, "exec"), globals())
    f()"""
    lines = shown(tmp_path, GOOD, use)
    assert sum(line.startswith(f'  File "{osmia.__file__}') for line in lines) == 1 + ("assert" in fault)


def test_development_mode_shows_osmia(tmp_path: Path) -> None:
    lines = shown(tmp_path, GOOD, "osmia.load(None)", "-X", "dev")
    assert any(line.startswith(f'  File "{SOURCE}') for line in lines)


def test_causes_are_shown_so_too(tmp_path: Path) -> None:
    use = """try:
        osmia.load(None)
    except TypeError as error:
        raise ValueError("mine") from error"""
    lines = shown(tmp_path, GOOD, use)
    assert SOURCE not in "\n".join(lines)
    assert sum(line.startswith("TypeError: load()") for line in lines) == 1


def test_a_hook_that_is_set_stays(tmp_path: Path) -> None:
    use = """sys.excepthook = lambda kind, error, traceback: print("mine", kind.__name__, file=sys.stderr)
    program.load()"""
    assert shown(tmp_path, REFUSED, "import sys; " + use) == ["mine CompileError"]
