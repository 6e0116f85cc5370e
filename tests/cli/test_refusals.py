"""Bad input at the command line: the whole text, the exit code, and nothing left attached."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

import pytest

import children
import command_line
from command_line import called, run
from refusal import without_marks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from namespaces import Namespace

COUNTER = ("run", "counter", "-i", "lo", "0.01", "1")
RELEASE = os.uname().release


def test_no_such_interface(netns: Namespace) -> None:
    assert run("run", "counter", "-i", "far1", netns=netns) == (
        1,
        "",
        "osmia run: there is no interface 'far1'; did you mean 'far0'? Interfaces here: lo (1), far0 (2), near0 (3)\n",
    )
    assert run("run", "counter", "-i", "99", netns=netns) == (
        1,
        "",
        "osmia run: there is no interface with index 99. Interfaces here: lo (1), far0 (2), near0 (3)\n",
    )


def test_native_mode_on_lo(netns: Namespace) -> None:
    code, out, err = run("run", "counter", "-i", "lo", "--mode", "native", netns=netns)
    assert (code, out) == (1, "")
    assert err == (
        "osmia run: cannot attach program 'xdp_map_counter' to interface 'lo' in native mode: its driver has no XDP "
        "(Operation not supported (EOPNOTSUPP)). Generic mode works on every interface: `--mode skb`, or XdpMode.SKB\n"
    )
    assert netns.xdp("lo") == ""


def test_offload_on_a_card_that_cannot(netns: Namespace) -> None:
    code, out, err = run("run", "counter", "-i", netns.far, "--mode", "offload", netns=netns)
    assert (code, out) == (1, "")
    assert err.startswith(
        "osmia run: cannot attach program 'xdp_map_counter' to interface 'far0' in offload mode: its network card does "
        "not run programs ("
    )


def test_an_interface_that_is_taken(netns: Namespace) -> None:
    with command_line.running("run", "counter", "-i", "lo", netns=netns) as process:
        command_line.line(process.stderr)
        code, out, err = run(*COUNTER, netns=netns)
    assert (code, out) == (1, "")
    assert err.startswith(
        "osmia run: cannot attach program 'xdp_map_counter' to interface 'lo': the interface has an XDP program already"
    )


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (
            children.drop("CAP_BPF"),
            (
                "cannot create map 'PKT_CNT_ARRAY' (PERCPU_ARRAY): this process is root but lacks CAP_BPF: "
                "what started it, such as a container, took that away"
            ),
        ),
        (
            children.drop("CAP_NET_ADMIN"),
            (
                "cannot load program 'xdp_map_counter' (xdp, 14 instructions): this process is root but lacks "
                "CAP_NET_ADMIN: what started it, such as a container, took that away"
            ),
        ),
    ],
)
def test_no_permission(netns: Namespace, before: Callable[[], None], text: str) -> None:
    assert called(*COUNTER, "--engine", "kernel", before=before, netns=netns) == (3, "", f"osmia run: {text}\n")
    assert netns.xdp("lo") == ""


def test_a_kernel_without_bpf(netns: Namespace) -> None:
    code, out, err = called(*COUNTER, "--engine", "kernel", before=children.without_bpf(errno.ENOSYS), netns=netns)
    assert (code, out) == (5, "")
    assert err == (
        "osmia run: cannot create map 'PKT_CNT_ARRAY' (PERCPU_ARRAY): there is no bpf(2) here: "
        f"the kernel ({RELEASE}) was built without CONFIG_BPF_SYSCALL, or a seccomp filter hides it\n"
    )


def test_the_verifier_refuses(netns: Namespace, tmp_path: Path) -> None:
    from compiled import c_object

    source = """
SEC("xdp") int careless(struct xdp_md *ctx) { return *(u8 *)(long)ctx->data; }
"""
    (tmp_path / "careless.o").write_bytes(c_object(source))
    code, out, err = run("run", "careless.o", "-i", "lo", netns=netns, cwd=tmp_path)
    assert (code, out) == (4, "")
    assert err.startswith("osmia run: ")
    assert "the kernel's verifier refuses program 'careless': " in err
    assert err.endswith("\n  the verifier's whole log: again with -v\n")
    verbose = run("run", "careless.o", "-i", "lo", "-v", netns=netns, cwd=tmp_path)
    assert verbose.code == 4
    assert "\nthe verifier's log:\n" in verbose.err
    assert "invalid access to packet" in verbose.err.partition("\nthe verifier's log:\n")[2]


def test_the_verifier_refuses_python(netns: Namespace, tmp_path: Path) -> None:
    """The user's file by its path, and no frame of osmia's; the kernel's own words on request."""
    source = """\
from osmia import *
from osmia.unchecked import memory_at

@xdp
def careless(ctx: XdpContext) -> XdpAction:
    return XdpAction.PASS if memory_at(memory_at(ctx, u32).value, u8, 14).value == 4 else XdpAction.DROP
"""
    path = tmp_path / "careless.py"
    path.write_text(source)
    said = (
        f"osmia run: {path}:6: the kernel's verifier refuses program 'careless': packet bytes are used that no check "
        "has shown to be there: 1 at offset 14, where 0 are known to be in the packet\n"
        f"      {source.splitlines()[-1].strip()}\n"
        f"      {' ' * 25}^\n"
        "    fix: take a view, `header = ctx.packet.at(Header, offset)`, and test it for None before it is used\n"
        "    kernel: invalid access to packet, off=14 size=1, R1(id=0,off=14,r=0); R1 offset is outside of the packet\n"
    )
    found = run("run", str(path), "-i", "lo", netns=netns, cwd=tmp_path)
    assert found == (4, "", said + "  the verifier's whole log: again with -v\n")
    verbose = run("run", str(path), "-i", "lo", "-v", netns=netns, cwd=tmp_path)
    assert verbose.err.startswith(said + "the verifier's log:\n0: ")
    assert "\nR1 offset is outside of the packet\n" in verbose.err
    assert netns.xdp("lo") == ""


FILES = {
    "text.o": "no object at all\n",
    "plain": "neither\n",
    "no_program.py": "answer = 42\n",
    "syntax.py": "from osmia import xdp\nanswer = 6 *\n",
    "indent.py": "if True:\nx = 1\n",
    "raises.py": "from os import path\n\ndef look_up(name):\n    raise KeyError(name)\n\nlook_up('speed')\n",
    "stops.py": "import sys\nsys.exit('not today')\n",
    "nul.py": "x = 1\0\n",
    "undecorated.py": "from osmia import *\n@xdp\nasync def p(ctx: XdpContext) -> XdpAction: ...\n",
    "unknown_name.py": (
        "from osmia import *\nlimits = Array(u32, max_entries=1)\n@xdp\n"
        "def p(ctx: XdpContext) -> XdpAction:\n\tfound = limit.lookup(0)\n\treturn XdpAction.PASS\n"
    ),
}


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["missing.py"], "osmia run: missing.py: No such file or directory"),
        (["missing.o"], "osmia run: missing.o: No such file or directory"),
        (["."], "osmia run: .: Is a directory"),
        (["plain"], "osmia run: plain: no program: expected a .py file or an ELF object"),
        (["text.o"], "osmia run: text.o: no program: expected a .py file or an ELF object"),
        (["no_program.py"], "osmia run: no_program.py: no program: expected a function with a decorator such as @xdp"),
        (["syntax.py"], "syntax.py:2:13: error: invalid syntax\n    answer = 6 *\n                ^"),
        (
            ["indent.py"],
            "indent.py:2:1: error: expected an indented block after 'if' statement on line 1\n    x = 1\n    ^",
        ),
        (
            ["raises.py"],
            (
                "Traceback (most recent call last):\n"
                "  File \"raises.py\", line 6, in <module>\n    look_up('speed')\n"
                '  File "raises.py", line 4, in look_up\n    raise KeyError(name)\n'
                "KeyError: 'speed'"
            ),
        ),
        (["stops.py"], "not today"),
        (["nul.py"], "osmia run: nul.py: no Python source: it holds a NUL byte"),
        (
            ["undecorated.py"],
            (
                "Traceback (most recent call last):\n"
                '  File "undecorated.py", line 2, in <module>\n    @xdp\n'
                "TypeError: @xdp: p (undecorated.py:2) is async; a program is a plain function"
            ),
        ),
        (
            ["unknown_name.py"],
            (
                "unknown_name.py:5:10: error: the name 'limit' is not defined\n"
                "    found = limit.lookup(0)\n"
                "            ^~~~~\n"
                "  found: 'limit', which is no local, no global of unknown_name.py and no builtin\n"
                "  expected: a name that the function can see\n"
                "  fix: did you mean 'limits'?"
            ),
        ),
    ],
)
def test_files_that_are_no_programs(netns: Namespace, tmp_path: Path, words: list[str], text: str) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    code, out, err = run("run", *words, "-i", "lo", netns=netns, cwd=tmp_path)
    assert (code, out, without_marks(err)) == (1, "", f"{text}\n")


def test_a_file_that_is_no_utf8(netns: Namespace, tmp_path: Path) -> None:
    (tmp_path / "latin.py").write_bytes(b'name = "caf\xe9"\n')
    code, out, err = run("run", "latin.py", "-i", "lo", netns=netns, cwd=tmp_path)
    assert (code, out) == (1, "")
    assert err.startswith("latin.py:1:")
    decoding = ": error: (unicode error) 'utf-8' codec can't decode byte 0xe9 in position 3"
    assert decoding in err or ": error: Non-UTF-8 code starting with '\\xe9' on line 1" in err


@pytest.mark.parametrize("words", [("run", "p.py", "-i", "lo"), ("build", "p.py"), ("objdump", "p.py")])
def test_llvmlite_is_missing(netns: Namespace, tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "p.py").write_text(
        "from osmia import *\n@xdp\ndef p(ctx: XdpContext) -> XdpAction:\n    return XdpAction.PASS\n"
    )
    program = [sys.executable, "-P", "-s", "-S", "-m", "osmia"]
    assert run(*words, netns=netns, cwd=tmp_path, program=program, environment={"OSMIA_CACHE_DIR": ""}) == (
        1,
        "",
        (
            f"osmia {words[0]}: compiling kernel code needs llvmlite, which this Python does not have.\n"
            f"  found: no module llvmlite for {sys.executable}\n"
            "  fix: pip install 'osmia[compile]'; objects that `osmia build` made run without it\n"
        ),
    )


def test_interrupted_before_anything_is_attached(tmp_path: Path, netns: Namespace) -> None:
    (tmp_path / "slow.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nimport time\n")
    assert run("run", "slow.py", "-i", "lo", netns=netns, cwd=tmp_path) == (130, "", "")
