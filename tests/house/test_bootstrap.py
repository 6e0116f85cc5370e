"""The script `./osmia`: which Python it takes, what it sets up and for whom, and what it becomes.

No network: `uv` and `sudo` on PATH are stand-ins that write down how they were called. tools/try_bootstrap.py tries
the real thing on fresh machines.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ordinary import UID, everybodys_python
from this_kernel import needs_root

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).resolve().parents[2]
PYTHON = Path(sys.executable).resolve()
SUDO = 'echo "sudo $*" >>"$calls"; [ "$1" = -n ] || { while [ "$1" != env ]; do shift; done; exec "$@"; }'
takes_root = needs_root("takes on another user's identity")


class Place:
    """A checkout of its own, with a PATH and a home of its own, in a directory that every user can reach."""

    def __init__(self, directory: Path, owner: int) -> None:
        self.directory = directory
        self.checkout = directory / "checkout"
        self.programs = directory / "programs"
        self.home = directory / "home"
        self.calls = directory / "calls"
        ignored = shutil.ignore_patterns("__pycache__")
        for name in ("src", "tools"):
            shutil.copytree(CHECKOUT / name, self.checkout / name, ignore=ignored)
        for name in ("osmia", "pyproject.toml"):
            shutil.copy(CHECKOUT / name, self.checkout / name)
        for path in (self.programs, self.home):
            path.mkdir()
        self.calls.touch(mode=0o666)
        self.calls.chmod(0o666)
        for path in (directory, self.home, self.checkout, *self.checkout.rglob("*")):
            os.chown(path, owner, owner)
        for name in ("cksum", "dirname", "env", "id", "readlink", "sh", "sleep", "stat"):
            found = shutil.which(name)
            assert found is not None
            (self.programs / name).symlink_to(found)

    def program(self, name: str, text: str) -> None:
        """Put a shell program on PATH; `$calls` is where it may write."""
        file = self.programs / name
        file.write_text(f"#!/bin/sh\ncalls={self.calls}\n{text}\n")
        file.chmod(0o755)

    def python(self, python: Path = PYTHON) -> None:
        """Put a Python on PATH: this one, unless given."""
        self.program("python3", f'exec {python} "$@"')

    def uv(self, what: str = "") -> None:
        """Put a stand-in for uv on PATH that installs nothing."""
        self.program("uv", f'echo "uv $*" >>"$calls"\n{what}')

    def start(
        self, *arguments: str, user: int = 0, stdin: int = subprocess.DEVNULL, **environment: str
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.checkout / "osmia", *arguments],
            env={"PATH": str(self.programs), "HOME": str(self.home), **environment},
            cwd="/",
            user=user if os.geteuid() == 0 else None,
            group=user if os.geteuid() == 0 else None,
            extra_groups=[] if os.geteuid() == 0 else None,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(
        self, *arguments: str, user: int = 0, stdin: int = subprocess.DEVNULL, **environment: str
    ) -> tuple[int, str, str]:
        """Exit status, stdout and stderr of `./osmia`, with this place's directory shown as PLACE."""
        with self.start(*arguments, user=user, stdin=stdin, **environment) as process:
            output, errors = (text.replace(str(self.directory), "PLACE") for text in process.communicate(timeout=60))
            return process.returncode, output, errors

    def called(self) -> list[str]:
        return self.calls.read_text().replace(str(self.directory), "PLACE").splitlines()

    def owners(self) -> set[int]:
        return {path.lstat().st_uid for path in (self.checkout, *self.checkout.rglob("*"))}


def new_place(owner: int) -> tuple[Place, tempfile.TemporaryDirectory[str]]:
    holder = tempfile.TemporaryDirectory(prefix="osmia-test-")
    Path(holder.name).chmod(0o755)
    return Place(Path(holder.name).resolve(), owner), holder


@pytest.fixture
def place() -> Iterator[Place]:
    """A checkout of this process's user."""
    made, holder = new_place(os.geteuid())
    with holder:
        yield made


@pytest.fixture
def nobodys() -> Iterator[Place]:
    """A checkout of another user, in a process of root's, with a Python on PATH that every user may run."""
    made, holder = new_place(UID)
    with holder:
        python = everybodys_python(str(PYTHON))
        if not python:
            pytest.skip("no Python 3.11 or newer here that a user other than root may run")
        made.python(Path(python))
        yield made


UV = "uv pip install --quiet --python PLACE/checkout/.venv/bin/python --editable PLACE/checkout[{}]"


def test_no_python(place: Place) -> None:
    assert place.run("--version") == (
        1,
        "",
        (
            "osmia: needs Python 3.11 or newer with its whole standard library. Found: none\n"
            "  Debian 12, Ubuntu 24.04 or newer: apt install python3\n"
        ),
    )


def test_pythons_that_will_not_do(place: Place) -> None:
    place.program("python3", 'echo "Python 3.9.2" >&2; exit 1')
    place.program("python3.12", 'echo "pyenv: python3.12: command not found" >&2; exit 127')
    place.program("python3.11", 'echo "Python 3.11.2 without ctypes, a part of its standard library" >&2; exit 1')
    assert place.run("--version") == (
        1,
        "",
        (
            "osmia: needs Python 3.11 or newer with its whole standard library. Found:\n"
            "  PLACE/programs/python3: Python 3.9.2\n"
            "  PLACE/programs/python3.11: Python 3.11.2 without ctypes, a part of its standard library\n"
            "  Debian 12, Ubuntu 24.04 or newer: apt install python3\n"
        ),
    )


def test_the_first_python_that_will_do(place: Place) -> None:
    place.program("python3", 'echo "Python 3.9.2" >&2; exit 1')
    place.program("python3.11", f'exec {PYTHON} "$@"')
    status, output, errors = place.run("--version")
    assert (status, output.split()[0], errors) == (0, "osmia", "")


def test_core_commands_set_nothing_up(place: Place) -> None:
    place.python()
    place.uv()
    for arguments in (["--version"], ["--help"], ["run", "counter", "--help"], ["run", "x.o", "-h", "--", "x.py"]):
        assert place.run(*arguments)[0] == 0
    assert place.called() == []
    assert not (place.checkout / ".venv").exists()


def test_it_says_how_it_was_called(place: Place) -> None:
    """What `osmia new` proposes to run next is this script."""
    place.python()
    code, _, said = place.run("new", f"{place.home}/my-counter")
    assert code == 0
    assert "run it (as root): PLACE/checkout/osmia run PLACE/home/my-counter/my_counter.py\n" in said


def test_the_script_becomes_python(place: Place) -> None:
    place.program("python3", f'exec {place.programs}/real "$@"')
    place.program("real", f'case "$1" in -P) echo "$$ $*" ;; *) echo "3.11 {place.programs}/real" ;; esac')
    with place.start("run", "counter", "-i", "a b") as process:
        output, errors = process.communicate(timeout=60)
    assert (output, errors) == (f"{process.pid} -P -m osmia run counter -i a b\n", "")


@pytest.mark.parametrize(
    ("arguments", "extras"),
    [
        (["setup"], "compile"),
        (["setup", "test"], "compile,test"),
        (["run", "-i", "lo", "x.py", "--help"], "compile"),
        (["objdump", "x.py"], "compile"),
        (["check", "x.py"], "compile"),
        (["build", "--help"], "compile"),
        (["test", "--help"], "compile,test"),
    ],
)
def test_what_is_set_up_for_a_command(place: Place, arguments: list[str], extras: str) -> None:
    place.python()
    place.uv()
    there = place.checkout / "x.py"
    there.touch()
    place.run(*[str(there) if argument == "x.py" else argument for argument in arguments])
    assert place.called() == [UV.format(extras)]


def test_nothing_is_set_up_for_a_file_that_is_not_there(place: Place) -> None:
    place.python()
    place.uv()
    assert place.run("run", "x.py", "-i", "lo") == (1, "", "osmia run: x.py: No such file or directory\n")
    assert place.called() == []


def test_set_up_is_done_once_and_again_when_something_changes(place: Place) -> None:
    place.python()
    place.uv()
    environment = "PLACE/checkout/.venv\n"
    assert place.run("setup") == (0, environment, "osmia: setting up PLACE/checkout/.venv (once)\n")
    assert place.run("setup") == (0, environment, "")
    assert place.run("setup", "test") == (0, environment, "osmia: bringing PLACE/checkout/.venv up to date\n")
    assert place.run("setup", "compile") == (0, environment, "")
    assert len(place.called()) == 2
    with (place.checkout / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    assert place.run("setup") == (0, environment, "osmia: bringing PLACE/checkout/.venv up to date\n")
    (place.checkout / ".venv/bin/python").unlink()
    assert place.run("setup") == (0, environment, "osmia: setting up PLACE/checkout/.venv (once)\n")
    assert len(place.called()) == 4


def test_a_failure_says_what_failed_and_is_tried_again(place: Place) -> None:
    place.python()
    place.uv("echo 'no route to host' >&2; exit 2")
    assert place.run("build", "x.py") == (
        1,
        "",
        (
            "osmia: setting up PLACE/checkout/.venv (once)\n"
            "no route to host\n"
            "osmia: set-up failed: `uv pip install --quiet --python PLACE/checkout/.venv/bin/python --editable "
            "PLACE/checkout[compile]` ended with 2; its own messages are above\n"
            "  It needs a package index: the network, or one that PIP_INDEX_URL or pip.conf names.\n"
            "  What needs no set-up works without: ./osmia run counter -i lo\n"
        ),
    )
    place.uv()
    assert place.run("setup") == (0, "PLACE/checkout/.venv\n", "osmia: setting up PLACE/checkout/.venv (once)\n")


def test_an_interrupted_set_up_is_done_again(place: Place) -> None:
    place.python()
    place.uv("kill -9 $PPID; exit 1")  # the parent is tools/environment.py
    assert place.run("setup")[0] == 128 + signal.SIGKILL
    place.uv()
    assert place.run("setup")[0] == 0
    assert len(place.called()) == 2


def test_two_first_runs_at_once_are_one_set_up(place: Place) -> None:
    place.python()
    place.uv("sleep 0.5")
    with place.start("setup") as first, place.start("setup") as second:
        results = [process.communicate(timeout=60) for process in (first, second)]
        assert (first.returncode, second.returncode) == (0, 0)
    assert {output for output, _ in results} == {f"{place.checkout}/.venv\n"}
    assert sorted(errors for _, errors in results) == [
        f"osmia: setting up {place.checkout}/.venv (once)\n",
        "osmia: waiting for another set-up of this checkout to end\n",
    ]
    assert len(place.called()) == 1


def test_a_venv_of_somebody_elses_making_is_left_alone(place: Place) -> None:
    place.python()
    place.uv()
    own = place.checkout / ".venv/pyvenv.cfg"
    own.parent.mkdir()
    own.write_text("mine\n")
    status, output, errors = place.run("setup")
    assert (status, own.read_text()) == (0, "mine\n")
    assert output.startswith("PLACE/home/.cache/osmia/environments/")
    assert errors.startswith("osmia: PLACE/checkout/.venv was not made by ./osmia and is left alone; using PLACE/home/")


@takes_root
def test_without_a_home_nothing_is_set_up(nobodys: Place) -> None:
    """In a checkout of somebody else's, by who has no home and is not known to this system."""
    nobodys.uv()
    for caches, shown in ("", "~/.cache"), ("caches", "caches"):
        assert nobodys.run("setup", user=UID - 1, HOME="~", XDG_CACHE_HOME=caches) == (
            1,
            "",
            f"osmia: set-up failed: there is no cache directory: {shown} is no absolute path\n"
            "  set HOME, or XDG_CACHE_HOME, to a directory that is this user's to write\n",
        )
    assert nobodys.called() == []


def test_usage_of_setup(place: Place) -> None:
    assert place.run("setup", "everything") == (2, "", "usage: ./osmia setup [compile|test]\n")


def test_a_path_that_python_cannot_search(place: Place) -> None:
    moved = place.directory / "a:b"
    place.checkout.rename(moved)
    place.checkout = moved
    assert place.run("--version") == (
        1,
        "",
        "osmia: the checkout's path holds a colon, which Python's search path cannot: PLACE/a:b\n  move it\n",
    )


@takes_root
def test_under_sudo_the_caller_sets_up(nobodys: Place) -> None:
    nobodys.uv('id -u >>"$calls"')
    caller = str(UID)
    result = nobodys.run("setup", SUDO_UID=caller, SUDO_GID=caller)
    assert result == (0, "PLACE/checkout/.venv\n", "osmia: setting up PLACE/checkout/.venv (once)\n")
    nobodys.run("build", "--help", SUDO_UID=caller, SUDO_GID=caller)
    nobodys.run("run", "counter", "--help", SUDO_UID=caller, SUDO_GID=caller)
    assert nobodys.called() == [UV.format("compile"), str(UID)]
    assert nobodys.owners() == {UID}


@takes_root
def test_root_leaves_no_files_in_a_users_checkout(nobodys: Place) -> None:
    nobodys.uv()
    status, output, _ = nobodys.run("setup")
    assert status == 0
    assert output.startswith("PLACE/home/.cache/osmia/environments/")
    nobodys.run("run", "counter", "--help")
    assert nobodys.owners() == {UID}


@takes_root
def test_a_root_shell_in_roots_own_checkout_stays_root(place: Place) -> None:
    place.python()
    place.uv()
    place.checkout.chmod(0o700)
    assert place.run("setup", SUDO_UID=str(UID), SUDO_GID=str(UID))[:2] == (0, "PLACE/checkout/.venv\n")
    assert place.owners() == {0}


@takes_root
def test_only_the_last_step_is_raised(nobodys: Place) -> None:
    nobodys.program("sudo", SUDO)
    status, _, errors = nobodys.run("run", "counter", "-i", "nosuch0", user=UID)
    assert errors.startswith("osmia: loading into the kernel needs root: going on with sudo\n")
    assert status != 127
    assert nobodys.called() == [
        "sudo -n true",
        (
            "sudo -E -H env -u XDG_CACHE_HOME PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=PLACE/checkout/src "
            f"{everybodys_python(str(PYTHON))} -P -m osmia run counter -i nosuch0"
        ),
    ]


@takes_root
@pytest.mark.parametrize(
    "arguments",
    [
        *(["--version"], ["run", "counter", "--help"], ["objdump", "--help"], ["run", "counter", "--demo"]),
        ["run", "counter", "--engine", "vm", "--help"],
    ],
)
def test_what_needs_no_root_is_not_raised(nobodys: Place, arguments: list[str]) -> None:
    nobodys.program("sudo", SUDO)
    assert nobodys.run(*arguments, user=UID)[0] == 0
    assert nobodys.called() == []


@takes_root
@pytest.mark.parametrize("engine", [["--engine", "vm"], ["--engine=vm"]])
def test_the_embedded_runtime_is_not_raised(nobodys: Place, engine: list[str]) -> None:
    nobodys.program("sudo", SUDO)
    status, _, errors = nobodys.run("run", "counter", "-i", "lo", *engine, user=UID)
    assert (status, nobodys.called()) == (3, [])
    assert errors.startswith("osmia run: cannot receive the packets of lo: this process lacks CAP_NET_RAW.")
    nobodys.run("run", "counter", "-i", "nosuch0", "--engine", "auto", user=UID)
    assert nobodys.called()[0] == "sudo -n true"


@takes_root
def test_who_may_not_use_sudo_goes_on_without(nobodys: Place) -> None:
    """At a terminal sudo asks for a password, which this user does not have."""
    nobodys.program("sudo", 'echo "sudo $*" >>"$calls"; exit 1')
    near, far = os.openpty()
    try:
        status, _, errors = nobodys.run("run", "counter", "-i", "lo", user=UID, stdin=far)
    finally:
        os.close(near)
        os.close(far)
    asked, said, *_, offered = errors.splitlines()
    assert (status, nobodys.called()) == (3, ["sudo -n true", "sudo -v"])
    assert asked == "osmia: loading into the kernel needs root, by sudo; --engine vm does without"
    assert said.startswith("osmia run: cannot watch the packets of lo: neither in the kernel, for this process lacks ")
    assert offered == (
        "  replay a capture in place of an interface: --pcap FILE, or --demo for one that the command makes"
    )


@takes_root
def test_sudo_that_would_ask_where_nobody_can_answer_is_not_used(nobodys: Place) -> None:
    nobodys.program("sudo", 'echo "sudo $*" >>"$calls"; exit 1')
    errors = nobodys.run("run", "counter", "-i", "nosuch0", user=UID)[2]
    assert "sudo" not in errors
    assert nobodys.called() == ["sudo -n true"]


def test_a_core_command_costs_little(place: Place) -> None:
    """0.2 s is what a user does not notice; CPU time, because the machine may be busy with other things."""
    (place.programs / "python3").symlink_to(PYTHON)
    place.run("--version")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    place.run("--version")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.2
