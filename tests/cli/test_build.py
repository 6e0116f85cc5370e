"""`osmia build` and `osmia objdump`: what they write, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

import system_packages
from command_line import run
from osmia.object_file import read_object

EXAMPLE = Path(__file__).parents[2] / "examples" / "xdp_map_counter.py"

TWO = """
from osmia import *
hits = Array(u64, max_entries=1)

@xdp
def first(ctx: XdpContext) -> XdpAction:
    hit = hits.lookup(0)
    if hit is None:
        return XdpAction.ABORTED
    hit.value += 1
    return XdpAction.PASS

@xdp
def second(ctx: XdpContext) -> XdpAction:
    return XdpAction.DROP
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A directory with the example and a file of two programs."""
    (tmp_path / "two.py").write_text(TWO)
    (tmp_path / "counter.py").write_bytes(EXAMPLE.read_bytes())
    return tmp_path


def test_all_programs_are_in_one_object(here: Path) -> None:
    code, out, err = run("build", "two.py", cwd=here)
    size = (here / "two.o").stat().st_size
    said = f"osmia build: two.o: {size} bytes, for v3, kernel 5.10 and newer: programs first, second; maps hits\n"
    assert (code, out, err) == (0, "", said)
    spec = read_object((here / "two.o").read_bytes(), "two.o")
    assert (list(spec.programs), list(spec.maps), spec.target) == (["first", "second"], ["hits"], "v3 5.10")


@pytest.mark.parametrize(
    ("options", "target"),
    [
        ([], "v3 5.10"),
        (["--cpu", "v1"], "v1 5.10"),
        (["--cpu", "v4"], "v4 6.6"),
        (["--cpu", "v4", "--kernel", "6.12"], "v4 6.12"),
        (["--kernel", "6.1"], "v3 6.1"),
    ],
)
def test_targets(here: Path, options: list[str], target: str) -> None:
    assert run("build", "-q", "counter.py", "-o", "made.o", *options, cwd=here) == (0, "", "")
    assert read_object((here / "made.o").read_bytes(), "made.o").target == target
    assert not (here / "counter.o").exists()


def test_stdout_holds_the_same_object(here: Path) -> None:
    assert run("build", "counter.py", cwd=here).code == 0
    (here / "piped").touch()
    with (here / "piped").open("wb") as piped:
        assert run("build", "counter.py", "-o", "-", cwd=here, stdout=piped.fileno()).code == 0
    assert (here / "piped").read_bytes() == (here / "counter.o").read_bytes()


@pytest.mark.parametrize(
    ("stage", "part"),
    [
        ("ir", "program xdp_map_counter (xdp) ctx: "),
        ("ll", 'define dso_local i32 @"xdp_map_counter"('),
        ("asm", "xdp_map_counter:"),
        ("btf", "FUNC 'xdp_map_counter' type_id="),
    ],
)
def test_stages_are_text_on_stdout(here: Path, stage: str, part: str) -> None:
    code, out, err = run("build", "counter.py", "--emit", stage, cwd=here)
    assert (code, err) == (0, "")
    assert part in out
    assert not (here / "counter.o").exists()
    said = "osmia build: stage: for v3, kernel 5.10 and newer\n"
    assert run("build", f"--emit={stage}", "-o", "stage", "counter.py", cwd=here) == (0, "", said)
    assert (here / "stage").read_text() == out


def test_what_is_built_loads_elsewhere(here: Path) -> None:
    """bpftool, which is libbpf, reads the maps and types of the object."""
    assert run("build", "two.py", cwd=here).code == 0
    said = system_packages.tool("bpftool").run("btf", "dump", "file", str(here / "two.o")).stdout
    assert "FUNC 'first'" in said
    assert run("build", "two.py", "--emit", "btf", cwd=here).out.splitlines() == said.splitlines()


@pytest.mark.parametrize("cpu", ["v1", "v2", "v3", "v4"])
def test_objdump_of_source_and_of_the_object(here: Path, cpu: str) -> None:
    code, out, err = run("objdump", "counter.py", cwd=here)
    assert (code, err) == (0, "")
    assert "0000000000000000 <xdp_map_counter>:" in out
    assert ";     counter.value += 1\n" in out
    assert run("build", "counter.py", cwd=here).code == 0
    assert run("objdump", "counter.o", cwd=here).out == out.replace("counter.py:", "counter.o:", 1)
    assert run("build", "counter.py", "--cpu", cpu, cwd=here).code == 0
    assert "<xdp_map_counter>:" in run("objdump", "counter.o", "--section", "xdp", cwd=here).out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("objdump missing.o", "osmia objdump: missing.o: No such file or directory"),
        ("build missing.py", "osmia build: missing.py: No such file or directory"),
        ("build empty.py", "osmia build: empty.py: no program: expected a function with a decorator such as @xdp"),
        ("build counter.py -o no/where.o", "osmia build: no/where.o: No such file or directory"),
        ("build counter.py -o .", "osmia build: .: Is a directory"),
        ("build twice.py", "osmia build: twice.py: two programs are called first: give one of them another name="),
        (
            "build wide.py",
            ("wide.py:4:19: error: the name 'xyzzyx' is not defined\n"
            '    "包裹";\tx = 1 + xyzzyx\n'
            '           \t        ^~~~~~\n'
            "  found: 'xyzzyx', which is no local, no global of wide.py and no builtin\n"
            "  expected: a name that the function can see\n"
            "  fix: define or import 'xyzzyx'"),
        ),
    ],
)  # fmt: skip
def test_refusals(here: Path, words: str, text: str) -> None:
    (here / "empty.py").write_text("import osmia\n")
    (here / "twice.py").write_text(TWO.replace("def second", "def other") + "\nfrom two import first as another\n")
    (here / "wide.py").write_text(
        'from osmia import *\n@xdp\ndef p(ctx: XdpContext) -> XdpAction:\n    "包裹";\tx = 1 + xyzzyx\n'
        "    return XdpAction.PASS\n"
    )
    assert run(*words.split(), cwd=here) == (1, "", f"{text}\n")
    assert not (here / "wide.o").exists()
