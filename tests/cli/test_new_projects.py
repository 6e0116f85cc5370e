"""What `osmia new` makes, for each kind: it passes the checkers and its own tests, and counts what really happens."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import cgroups
from command_line import LONGEST, SOURCE, ended, line, run, running
from ordinary import python_without_rights
from osmia.cli.templates import TEMPLATES
from osmia.kinds import KINDS
from this_kernel import needs_root, require_kernel, why_no_lsm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cgroups import Cgroup
    from namespaces import Namespace

ROOT = Path(__file__).resolve().parents[2]
NEEDS_CGROUP = [kind.module for kind in KINDS.values() if kind.attach in {"cgroup", "map of sockets"}]
# A hook that is not the default one, and that nothing comes to while a test runs.
RARE = {
    "tracepoint": "oom/mark_victim",
    "raw_tracepoint": "mark_victim",
    "tp_btf": "mark_victim",
    "lsm": "quota_on",
}
COMES = b"hello"
# What a project's own tests may take, in seconds: a virtual machine compiles a hundred times slower.
LONGEST_ELSEWHERE = 900
ALONE = {"PYTHONPATH": ""}


def project(kind: str, made: Path, *words: str) -> Path:
    """A project of a kind, made."""
    assert run("new", "-q", str(made), "--type", kind, *words) == (0, "", "")
    return made


def program(made: Path) -> Path:
    """The program of a project."""
    return made / f"{made.name.replace('-', '_')}.py"


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A project of each kind, as the command makes it where nobody says more than it takes."""
    directory = tmp_path_factory.mktemp("projects")
    return {
        kind: project(kind, directory / f"my-{kind}", *(("--cgroup", "/none") if kind in NEEDS_CGROUP else ()))
        for kind in TEMPLATES
    }


@pytest.fixture(scope="module")
def rare(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same for hooks that are not the default."""
    directory = tmp_path_factory.mktemp("rare")
    return {kind: project(kind, directory / f"rare-{kind}", "--attach", hook) for kind, hook in RARE.items()}


@pytest.fixture
def own() -> Iterator[Cgroup]:
    """A cgroup of the test's own."""
    with cgroups.cgroup() as made:
        yield made


def require(kind: str) -> None:
    """Skip the test where this kernel cannot attach the kind."""
    if kind == "tc":
        require_kernel((6, 6), "tcx")
    if kind == "lsm" and (why := why_no_lsm()):
        pytest.skip(why)


def test_mypy_accepts_all_of_them(projects: dict[str, Path], rare: dict[str, Path]) -> None:
    """By osmia's own configuration, which is stricter than theirs and shares what mypy knows of osmia already."""
    made = [*projects.values(), *rare.values()]
    files = [str(file) for each in made for file in sorted(each.glob("*.py"))]
    words = [f"--config-file={ROOT / 'pyproject.toml'}", f"--cache-dir={ROOT / '.mypy_cache'}", "--strict", *files]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *words],
        env={**os.environ, "MYPYPATH": os.pathsep.join(map(str, made))},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"Success: no issues found in {len(files)} source files\n"
    assert len(files) == 2 * (len(KINDS) + len(RARE))


def test_ruff_finds_nothing(projects: dict[str, Path], rare: dict[str, Path]) -> None:
    for made in (*projects.values(), *rare.values()):
        for command in (["check"], ["format", "--check"]):
            words = [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", "--quiet", "."]
            done = subprocess.run(words, cwd=made, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stdout) == (0, ""), made.name


@pytest.mark.parametrize("kind", TEMPLATES)
def test_the_files(projects: dict[str, Path], kind: str) -> None:
    made = projects[kind]
    module = program(made).stem
    assert sorted(file.name for file in made.iterdir()) == sorted(
        [f"{module}.py", f"test_{module}.py", "pyproject.toml", "README.md"]
    )
    for file in made.iterdir():
        text = file.read_text()
        assert "$" not in text
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
        assert not re.search(r"[ \t]\n|\n{4}", text)
    summary = program(made).read_text().splitlines()[0].strip('"')
    assert f'description = "{summary}"\n' in (made / "pyproject.toml").read_text()
    assert (made / "README.md").read_text().startswith(f"# my-{kind}\n\n{summary}\n")


def own_tests(
    made: Path, *words: str, python: tuple[str, ...] = (sys.executable,), path: str = SOURCE
) -> tuple[int, str]:
    """Run a project's own tests, as with an osmia that is installed: the exit code, and what was said."""
    done = subprocess.run(
        [*python, "-m", "pytest", "-p", "osmia.testing.plugin", "-p", "no:cacheprovider", *words],
        cwd=made,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=LONGEST_ELSEWHERE,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("kind", TEMPLATES)
def test_its_own_tests_pass(projects: dict[str, Path], netns: Namespace, kind: str) -> None:
    with netns.entered():
        code, said = own_tests(projects[kind])
    why = why_no_lsm() if kind == "lsm" else ""
    if why:
        assert re.search(r"^SKIPPED \[1\] test_my_lsm.py:\d+: .+\n=+ 1 skipped in ", said, re.MULTILINE), said
        pytest.skip(why)
    require(kind)
    assert code == 0, said
    assert re.search(r"\n=+ [12] passed in ", said), said


@needs_root("loads programs")
@pytest.mark.parametrize("kind", RARE)
def test_what_did_not_happen_is_said(rare: dict[str, Path], kind: str) -> None:
    require(kind)
    code, said = own_tests(rare[kind])
    assert code == 0, said
    assert f"nothing has come to {RARE[kind].rpartition('/')[2]}\n" in said


@pytest.mark.parametrize("kind", ["tp_btf", "sock_ops"])
def test_an_ordinary_user_is_told_what_is_missing(projects: dict[str, Path], kind: str) -> None:
    """In a user namespace without a mapping nobody is root, and nobody has a capability that counts."""
    code, said = own_tests(projects[kind], python=("unshare", "--user", sys.executable))
    reason = (
        "cannot create map 'times' .* lacks CAP_BPF"
        if kind == "tp_btf"
        else "loading programs into the kernel needs root"
    )
    assert re.search(rf"^SKIPPED \[1\] test_my_{kind}.py:\d+: {reason}", said, re.MULTILINE), said
    assert code == 0


def send(taker: tuple[str, int] = ("127.0.0.1", 0)) -> int:
    """Send three packets over lo, and wait until they came; the port that they were sent to."""
    with socket.socket(type=socket.SOCK_DGRAM) as comes, socket.socket(type=socket.SOCK_DGRAM) as sender:
        comes.bind(taker)
        comes.settimeout(5)
        for _ in range(3):
            sender.sendto(COMES, comes.getsockname())
            assert comes.recv(100) == COMES
        port: int = comes.getsockname()[1]
    return port


WITHOUT_ROOT = [kind for kind, template in TEMPLATES.items() if not template.needs_root]
PYTEST_ALONE = ("pytest", "_pytest", "py.py", "pluggy", "pluggy-*", "iniconfig", "packaging", "pygments")


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that every user can reach: pytest's own are closed again by any other run of it."""
    with tempfile.TemporaryDirectory(prefix="osmia-test-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.mark.parametrize("kind", WITHOUT_ROOT)
def test_its_own_tests_need_neither_root_nor_the_compiler(
    projects: dict[str, Path], place: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = Path(pytest.__file__).parents[1]
    for part, names in ("tests", PYTEST_ALONE), ("compiler", ("llvmlite",)):
        (place / part).mkdir()
        for each in (each for name in names for each in packages.glob(name)):
            (place / part / each.name).symlink_to(each)
    (place / "cache").mkdir()
    (place / "cache").chmod(0o777)
    monkeypatch.setenv("OSMIA_CACHE_DIR", str(place / "cache"))
    made = shutil.copytree(projects[kind], place / projects[kind].name)
    python = (*python_without_rights(), "-S")  # no site-packages, and so no llvmlite
    path = os.pathsep.join((SOURCE, str(place / "tests")))
    # The program is compiled, by the same Python: what another one compiled is not taken.
    code, said = own_tests(made, python=python, path=os.pathsep.join((path, str(place / "compiler"))))
    assert code == 0, said
    without = subprocess.run([*python, "-c", "import llvmlite"], capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError" in without.stderr
    code, said = own_tests(made, "-v", python=python, path=path)
    assert code == 0, said
    assert re.search(r"\n=+ [12] passed in ", said), said
    assert "[vm] PASSED" in said
    # What would be run in the kernel is not left out without a word.
    code, said = own_tests(made, "--osmia=both", python=python, path=path)
    assert code == 0, said
    assert re.search(r"\n=+ [12] passed, [12] skipped in ", said), said
    assert re.search(r"\n(\d tests|test_\S+): skipped, for want of the kernel: this process .* CAP_BPF", said), said


@pytest.mark.parametrize("kind", WITHOUT_ROOT)
def test_its_own_tests_pass_in_the_kernel_too(projects: dict[str, Path], kind: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("the kernel needs root")
    require(kind)
    code, said = own_tests(projects[kind], "--osmia=kernel", "-v")
    assert code == 0, said
    assert "[kernel] PASSED" in said


def connect() -> None:
    """Make a TCP connection over lo, by which something comes."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), 5) as client,
        server.accept()[0] as peer,
    ):
        client.send(COMES)
        assert peer.recv(100) == COMES


def ask_workers() -> None:
    """Ask the workers of sk_reuseport, who answer."""
    with socket.socket(type=socket.SOCK_DGRAM) as asks:
        asks.settimeout(5)
        answers = set()
        for _ in range(3):
            asks.sendto(COMES, ("127.0.0.1", 7000))
            answers.add(asks.recv(100))
        assert {answer[1:] for answer in answers} == {b": " + COMES}
        assert len(answers) == 1


class Scene:
    """Where a program runs, and what happens there."""

    def __init__(self, netns: Namespace, own: Cgroup, directory: Path) -> None:
        self.netns, self.own, self.directory = netns, own, directory

    def arguments(self, kind: str) -> list[str]:
        """What the program is told."""
        if kind == "xdp":
            return [self.netns.far]
        return [str(self.own.path)] if kind in NEEDS_CGROUP else []

    def packets(self) -> str:
        self.netns.send(3)
        return r"[\d ]+ total: 3"

    def here(self) -> str:
        with self.netns.entered():
            send()
        return rf"127\.0\.0\.1: 3 packets, {3 * (14 + 20 + 8 + len(COMES))} bytes"

    def in_cgroup(self) -> str:
        with self.netns.entered():
            self.own.run(send)
        octets = 3 * (20 + 8 + len(COMES))
        return f"received: {octets} sent: {octets}"

    def connection(self, shown: str) -> str:
        with self.netns.entered():
            self.own.run(connect)
        return shown

    def look_up(self) -> str:
        with self.netns.entered():
            port = send()
        return f"port {port}: 3  --"

    def workers(self) -> str:
        with self.netns.entered():
            ask_workers()
        return r"(0 )*3( 0)*"

    def command(self) -> str:
        """Run something by a name that nothing else has, so often that it is among the ten that are shown."""
        name = self.directory / "osmia-was-here"
        name.symlink_to("/bin/true")
        subprocess.run(["sh", "-c", f"for i in $(seq 300); do {name}; done"], check=True)
        return r"(.* )?osmia-was-here: \d+  .*--"


EVENTS: dict[str, Callable[[Scene], str]] = {
    "xdp": Scene.packets,
    "tc": Scene.here,
    "cgroup_skb": Scene.in_cgroup,
    "cgroup_sock": lambda scene: scene.connection("IPv4 stream: 2  --"),
    "sock_ops": lambda scene: scene.connection("made: 1 taken: 1"),
    "sk_msg": lambda scene: scene.connection("0 connections, 5 bytes"),
    "sk_skb": lambda scene: scene.connection("0 connections, 5 bytes"),
    "sk_lookup": Scene.look_up,
    "sk_reuseport": Scene.workers,
    **dict.fromkeys(RARE, Scene.command),
}
"""What makes something happen for a kind of program, and the line that says so."""


def attached(process: subprocess.Popen[str]) -> str:
    """What a program says once it is attached."""
    said = line(process.stdout)
    assert said.startswith("attached to "), said + str(process.stderr and process.stderr.read())
    return said


def shows(process: subprocess.Popen[str], pattern: str) -> None:
    """Wait until a program prints a line; one that never does is ended."""
    given_up = threading.Timer(LONGEST, process.kill)
    given_up.start()
    try:
        last = ""
        while not re.fullmatch(f"{pattern}\n", shown := line(process.stdout)):
            assert shown, f"{pattern!r} did not come; the last line was {last!r}"
            last = shown
    finally:
        given_up.cancel()


def stop(process: subprocess.Popen[str]) -> Any:
    """End a program as Ctrl-C does."""
    process.send_signal(signal.SIGINT)
    done = ended(process)
    return done.code, done.err


@pytest.mark.parametrize("kind", TEMPLATES)
def test_it_counts_what_happens(
    projects: dict[str, Path], netns: Namespace, own: Cgroup, tmp_path: Path, kind: str
) -> None:
    require(kind)
    scene, file = Scene(netns, own, tmp_path), program(projects[kind])
    words = scene.arguments(kind)
    with running(str(file), *words, netns=netns, program=[sys.executable]) as process:
        attached(process)
        shows(process, EVENTS[kind](scene))
        assert stop(process) == (0, "")
    with running("run", str(file), "--", *words, netns=netns) as process:
        attached(process)
        assert stop(process) == (0, "")


def test_it_compiles_where_the_kernel_does_not_take_it(projects: dict[str, Path]) -> None:
    file = program(projects["lsm"])
    assert run("build", "-q", str(file)) == (0, "", "")
    assert file.with_suffix(".o").read_bytes().startswith(b"\x7fELF")
    file.with_suffix(".o").unlink()


def shown_commands(made: Path) -> list[list[str]]:
    """The command lines of a project's README."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", (made / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    return [shlex.split(shown) for block in blocks for shown in block.splitlines()]


def test_the_two_commands_stand_first(projects: dict[str, Path]) -> None:
    for kind, template in TEMPLATES.items():
        assert shown_commands(projects[kind])[:2] == [
            ["sudo", ".venv/bin/python", program(projects[kind]).name],
            [*(["sudo"] if template.needs_root else []), ".venv/bin/python", "-m", "pytest"],
        ]


@pytest.mark.full
def test_in_an_environment_that_has_the_wheel_alone(
    netns: Namespace, own: Cgroup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a README says, word for word; osmia itself comes from its wheel. It needs a package index."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "first"], check=True)
    subprocess.run([tmp_path / "first/bin/python", "-m", "pip", "install", "-q", "--no-deps", wheel], check=True)
    osmia = [str(tmp_path / "first/bin/osmia")]
    for kind in TEMPLATES:
        said = ("--cgroup", str(own.path)) if kind in NEEDS_CGROUP else ()
        done = run("new", f"my-{kind}", "--type", kind, *said, cwd=tmp_path, program=osmia, environment=ALONE)
        assert done.code == 0, done.err
    made = tmp_path / "my-xdp"
    (runs, tests, *installs) = shown_commands(made)
    assert [words[:4] for words in installs[:1]] == [["python3", "-m", "venv", ".venv"]]
    subprocess.run([sys.executable, *installs[0][1:]], cwd=made, check=True)
    python = str(made / ".venv/bin/python")
    subprocess.run([python, "-m", "pip", "install", "-q", wheel], check=True)
    for words in installs[1:]:
        subprocess.run([made / words[0], *words[1:]], cwd=made, check=True, capture_output=True)
    assert (runs[1], tests[0]) == (".venv/bin/python", ".venv/bin/python")
    for kind in TEMPLATES:
        if kind == "lsm" and why_no_lsm():
            continue
        scene, there = Scene(netns, own, tmp_path), tmp_path / f"my-{kind}"
        (tmp_path / "osmia-was-here").unlink(missing_ok=True)
        with running(program(there).name, *scene.arguments(kind), netns=netns, cwd=there, program=[python]) as process:
            attached(process)
            shows(process, EVENTS[kind](scene))
            assert stop(process) == (0, "")
        with netns.entered():
            done_tests = subprocess.run(
                [python, *tests[1:]],
                cwd=there,
                env={**os.environ, **ALONE},
                capture_output=True,
                text=True,
                check=False,
            )
        assert done_tests.returncode == 0, done_tests.stdout
        assert " passed in " in done_tests.stdout
        checked = subprocess.run(
            [python, "-m", "mypy", "."],
            cwd=there,
            env={**os.environ, **ALONE, "MYPY_CACHE_DIR": str(tmp_path / "mypy")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert checked.stdout == "Success: no issues found in 2 source files\n"
    script = subprocess.run([made / ".venv/bin/my-xdp", "none"], capture_output=True, text=True, check=False)
    assert "there is no interface 'none'" in script.stderr
