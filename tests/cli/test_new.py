"""`osmia new`: names, options, questions, and what is there already."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import osmia
from children import become_nobody
from command_line import LONGEST, PROGRAM, SOURCE, called, run
from osmia.cli.new import kinds
from osmia.cli.started import osmia_command, pytest_command
from osmia.cli.templates import TARGETS, TEMPLATES
from osmia.kinds import KINDS

if TYPE_CHECKING:
    from pathlib import Path

FILES = ["README.md", "my_counter.py", "pyproject.toml", "test_my_counter.py"]


def tree(path: Path) -> dict[str, str]:
    """The files below a directory, and what is in them."""
    return {str(file.relative_to(path)): file.read_text() for file in path.rglob("*") if file.is_file()}


def test_every_kind_has_a_template() -> None:
    """A kind that is new is to get one: a row in `TEMPLATES`, and its attach in `TARGETS`."""
    assert list(TEMPLATES) == [kind.module for kind in KINDS.values()] == list(kinds())
    assert set(TARGETS) == {kind.attach for kind in KINDS.values()}
    assert all(callable(getattr(osmia, name)) for name in TEMPLATES)


def test_the_help_lists_every_kind() -> None:
    code, out, err = run("new", "--help")
    assert (code, err) == (0, "")
    assert out.startswith("usage: osmia new ")
    shown = out.partition("\nkinds:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in shown] == list(TEMPLATES)
    assert shown[0] == "  xdp             Count the packets that an interface receives, on each CPU."


def test_a_project_is_made(tmp_path: Path) -> None:
    done = run("new", "my-counter", cwd=tmp_path)
    assert done == (
        0,
        "",
        "osmia new: made my-counter: my_counter.py, test_my_counter.py, pyproject.toml, README.md\n"
        f"  run it (as root): {sys.executable} -m osmia run my-counter/my_counter.py\n"
        f"  test it:          {sys.executable} -m pytest my-counter\n",
    )
    assert sorted(tree(tmp_path / "my-counter")) == FILES
    assert run("new", "-q", "other/", cwd=tmp_path) == (0, "", "")


def test_in_this_directory_and_elsewhere(tmp_path: Path) -> None:
    here = tmp_path / "my-counter"
    here.mkdir()
    assert run("new", "-q", ".", cwd=here) == (0, "", "")
    assert run("new", "-q", "a b/my-counter", cwd=tmp_path) == (
        *(1, ""),
        "osmia new: there is no directory a b to make a b/my-counter in\n",
    )
    (tmp_path / "a b").mkdir()
    code, out, err = run("new", "a b/my-counter", cwd=tmp_path)
    assert (code, out) == (0, "")
    assert err.endswith(
        f"run it (as root): {sys.executable} -m osmia run 'a b/my-counter/my_counter.py'\n"
        f"  test it:          {sys.executable} -m pytest 'a b/my-counter'\n"
    )
    assert tree(here) == tree(tmp_path / "a b" / "my-counter")


def test_what_is_to_run_next_is_started_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the installed command, on PATH or not, and as the script of a checkout."""
    bin_directory = tmp_path / "bin"
    bin_directory.mkdir()
    for name in ("osmia", "python"):
        (bin_directory / name).touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bin/osmia"])
    assert (osmia_command(), pytest_command()) == ("bin/osmia", "bin/python -m pytest")
    monkeypatch.setenv("PATH", str(bin_directory))
    assert (osmia_command(), pytest_command()) == ("osmia", "python -m pytest")
    monkeypatch.setenv("OSMIA_STARTED_AS", "./osmia")
    assert (osmia_command(), pytest_command()) == ("./osmia", "./osmia setup test && .venv/bin/python -m pytest")
    monkeypatch.setenv("OSMIA_STARTED_AS", "../my checkout/osmia")
    assert (osmia_command(), pytest_command()) == (
        "'../my checkout/osmia'",
        "'../my checkout/osmia' setup test && '../my checkout/.venv/bin/python' -m pytest",
    )


@pytest.mark.parametrize(
    ("name", "module"),
    [("counter", "counter"), ("My.Counter-2", "my_counter_2"), ("a--b_c", "a_b_c"), ("match", "match")],
)
def test_names_that_are_taken(tmp_path: Path, name: str, module: str) -> None:
    assert run("new", "-q", name, cwd=tmp_path) == (0, "", "")
    assert f"{module}.py" in tree(tmp_path / name)


NO_NAME = (
    "is no name of a project: it begins with a letter, has letters, digits, `-`, `_` and `.`, and ends with a letter "
    "or a digit"
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *((name, f"{name!r} {NO_NAME}") for name in ("2fast", "a b", "_a", "a-", "größe", "a$b", "a\nb")),
        ("/", f"'' {NO_NAME}"),
        ("class", "'class': the module class is a keyword of Python; take another name, such as my-class"),
        (
            "Random",
            "'Random': the module random would hide the module of Python's standard library; take another name, such "
            "as my-Random",
        ),
        *(
            (
                name,
                f"'{name}': the module {name} would hide what the project itself needs by that name; take another "
                f"name, such as my-{name}",
            )
            for name in ("osmia", "pytest", "conftest")
        ),
    ],
)
def test_names_that_are_refused(tmp_path: Path, name: str, text: str) -> None:
    assert run("new", name, cwd=tmp_path) == (2, "", f"osmia new: {text}\n  see osmia new --help\n")
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("", "the following arguments are required: NAME"),
        (
            "a --type xpd",
            "argument --type: there is no kind 'xpd'; did you mean 'xdp'?",
        ),
        (
            "a --type kprobe",
            (
                "argument --type: there is no kind 'kprobe'; there are xdp, tracepoint, raw_tracepoint, tp_btf, lsm, "
                "tc, cgroup_skb, cgroup_sock, sk_msg, sk_skb, sock_ops, sk_lookup, sk_reuseport"
            ),
        ),
        ("a -- b", "there is nothing that arguments after -- could be for"),
        ("a --cgroup /x", "--cgroup PATH is not for xdp, which takes -i IFACE"),
        ("a --type tracepoint -i lo", "-i IFACE is not for tracepoint, which takes --attach HOOK"),
        ("a --type sk_msg --netns x", "--netns NETNS is not for sk_msg, which takes --cgroup PATH"),
        ("a --type sk_lookup --port 1", "--port PORT is not for sk_lookup, which takes --netns NETNS"),
        ("a --attach x", "--attach HOOK is not for xdp, which takes -i IFACE"),
        *(
            (f"a -i {name}", f"-i IFACE: '{name}' is no name of an interface, such as eth0")
            for name in ("a/b", "..", "a234567890123456")
        ),
        *(
            (
                f"a --type tracepoint --attach {hook}",
                f"--attach HOOK: '{hook}' is no tracepoint, which is CATEGORY/NAME, such as sched/sched_process_exec",
            )
            for hook in ("exec", "a/b/c", "sched/", "a/b-c")
        ),
        *(
            (
                f"a --type {kind} --attach a/b",
                "--attach HOOK: 'a/b' is no name of what the kernel has there: a letter, letters, digits and _",
            )
            for kind in ("raw_tracepoint", "tp_btf", "lsm")
        ),
        *(
            (
                f"a --type {kind}",
                f"--cgroup PATH is missing: {what}, such as --cgroup /sys/fs/cgroup/user.slice",
            )
            for kind, what in (
                ("cgroup_skb", "the cgroup to attach to"),
                ("sk_skb", "the cgroup whose sockets it is for"),
            )
        ),
        (
            "a --type sock_ops --cgroup user.slice",
            "--cgroup PATH: 'user.slice' is no path of a cgroup from / on, such as /sys/fs/cgroup/user.slice",
        ),
        (
            "a --type sk_lookup --netns a/b",
            "--netns NETNS: 'a/b' is no name of a network namespace, and no path of one from / on",
        ),
        *(
            (f"a --type sk_reuseport --port {port}", f"--port PORT: '{port}' is no port: 1 to 65535")
            for port in ("0", "65536", "http", "²", "9" * 5000)
        ),
    ],
)
def test_usage(tmp_path: Path, words: str, text: str) -> None:
    assert run("new", *words.split(), cwd=tmp_path) == (2, "", f"osmia new: {text}\n  see osmia new --help\n")
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("-i eth0", '    interface = sys.argv[1] if len(sys.argv) > 1 else "eth0"\n'),
        ("--type sk_lookup --netns blue", '    netns = sys.argv[1] if len(sys.argv) > 1 else "/run/netns/blue"\n'),
        ("--type sk_lookup", '    netns = sys.argv[1] if len(sys.argv) > 1 else "/proc/self/ns/net"\n'),
        ("--type sk_reuseport --port 0053", "    port = int(sys.argv[1]) if len(sys.argv) > 1 else 53\n"),
        ("--type cgroup_sock --cgroup /a'b", '    cgroup = sys.argv[1] if len(sys.argv) > 1 else "/a\'b"\n'),
        ("--type sock_ops --cgroup /\"a'\\n", "    cgroup = sys.argv[1] if len(sys.argv) > 1 else '/\"a\\'\\\\n'\n"),
        ("--type tracepoint --attach syscalls/sys_enter_openat", '@tracepoint("syscalls", "sys_enter_openat")\n'),
        ("--type lsm --attach bprm_check_security", '@lsm("bprm_check_security", on_error=0)\n'),
    ],
)
def test_what_is_said_stands_in_the_program(tmp_path: Path, words: str, line: str) -> None:
    assert run("new", "-q", "a", *words.split(), cwd=tmp_path) == (0, "", "")
    program = (tmp_path / "a" / "a.py").read_text()
    assert line in program
    compile(program, "a.py", "exec")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    before = tree(tmp_path)
    for name, text in (
        ("file", "file is there already, and no directory: take another name"),
        ("full", "full is there already, and not empty: take another name, or an empty directory"),
        ("link", "link: File exists"),
    ):
        assert run("new", name, cwd=tmp_path) == (1, "", f"osmia new: {text}\n")
    assert tree(tmp_path) == before


def test_a_directory_that_cannot_be_written_to(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody who may not write")
    locked = tmp_path / "locked"
    locked.mkdir()

    def before() -> None:
        os.chdir(tmp_path)
        become_nobody()

    assert called("new", "locked/my-counter", before=before) == (
        *(1, ""),
        "osmia new: locked/my-counter: Permission denied\n",
    )
    assert list(locked.iterdir()) == []


def test_what_cannot_be_written_whole_leaves_nothing(tmp_path: Path) -> None:
    """Somebody else makes a file of the same name meanwhile: it stays, and what osmia made goes."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "pyproject.toml").write_text("mine")

    def before() -> None:
        os.chdir(tmp_path)
        os.listdir = lambda _path=".": []

    assert called("new", "there", before=before) == (1, "", "osmia new: there/pyproject.toml: File exists\n")
    assert tree(tmp_path) == {"there/pyproject.toml": "mine"}


def asked(tmp_path: Path, answer: bytes, *words: str) -> tuple[int, str]:
    """The command with a terminal in which somebody types an answer: the exit code, and what it says."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [*PROGRAM, "new", "-q", "a", *words],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": SOURCE},
        )
        os.write(ours, answer)
        out, err = process.communicate(timeout=LONGEST)
    finally:
        os.close(ours)
        os.close(theirs)
    assert out == ""
    return process.returncode, err


INTERFACE = "the interface to attach to [lo]: "
CGROUP = "the cgroup to attach to, such as /sys/fs/cgroup/user.slice: "
HOOK = "what to attach to [file_open]: "


@pytest.mark.parametrize(
    ("words", "answer", "said", "line"),
    [
        ("", "eth1\n", INTERFACE, 'else "eth1"\n'),
        ("", "\n", INTERFACE, 'else "lo"\n'),
        ("", "\4", INTERFACE, 'else "lo"\n'),  # Ctrl-D
        ("-i eth2", "", "", 'else "eth2"\n'),
        ("--type cgroup_skb", "/sys/fs/cgroup/a b\n", CGROUP, 'else "/sys/fs/cgroup/a b"\n'),
        ("--type lsm", "inode_unlink\n", HOOK, '@lsm("inode_unlink", on_error=0)\n'),
        ("--type lsm", "\n", HOOK, '@lsm("file_open", on_error=0)\n'),
        ("--type sk_reuseport", "", "", "else 7000\n"),
    ],
)
def test_a_terminal_is_asked(tmp_path: Path, words: str, answer: str, said: str, line: str) -> None:
    assert asked(tmp_path, answer.encode(), *words.split()) == (0, said)
    assert line in (tmp_path / "a" / "a.py").read_text()


def test_answers_that_are_none(tmp_path: Path) -> None:
    assert asked(tmp_path, b"\xff\n") == (
        2,
        f"{INTERFACE}osmia new: -i IFACE: '\\udcff' is no name of an interface, such as eth0\n  see osmia new --help\n",
    )
    assert asked(tmp_path, b"a b\n") == (
        2,
        f"{INTERFACE}osmia new: -i IFACE: 'a b' is no name of an interface, such as eth0\n  see osmia new --help\n",
    )
    assert asked(tmp_path, b"\n", "--type", "cgroup_skb") == (
        2,
        f"{CGROUP}osmia new: --cgroup PATH is missing: the cgroup to attach to, such as --cgroup "
        "/sys/fs/cgroup/user.slice\n  see osmia new --help\n",
    )
    assert tree(tmp_path) == {}


def test_ctrl_c_at_a_question(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*PROGRAM, "new", "a"],
        stdin=theirs,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": SOURCE},
    ) as process:
        assert process.stderr is not None
        process.stderr.read(len(INTERFACE))
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=LONGEST)[1] == b""
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 130
    assert tree(tmp_path) == {}
