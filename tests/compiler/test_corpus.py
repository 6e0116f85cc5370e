"""The corpus: small programs, one intent each, that do what they say for v1, v3 and v4 and that type checkers accept.

`tests/corpus/*.txt` holds them. A program is a module, and its runs are calls of `run(...)`; or, where `--- body`
stands in it, the body of a program that is given `x` (a u32 that it cannot know) and leaves a result in `out.value`
(an i64): then a run is `x -> result`, where `TX` is the program's error value.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from mypy import api

import osmia
import packets
from osmia import XdpAction
from osmia.compiler import DEBUG, Target
from osmia.errors import CompilerCrashError
from osmia.vm.engine import ENGINES
from program_files import module_from
from this_kernel import require_kernel

if TYPE_CHECKING:
    from types import ModuleType

    from osmia import Loaded

ROOT = Path(__file__).parents[2]
CPUS = ("v1", "v3", "v4")
# Names that programs may use without importing them: the import is written for them.
HOMES = {
    "osmia": (
        "Array ArrayOfMaps BloomFilter Chars FixedArray Global HashMap HashOfMaps LpmTrie LruHashMap LruPerCpuHashMap "
        "Packet PerCpuArray PerCpuHashMap ProgramArray Queue Ref RingBuf SpinLock Stack XdpAction XdpContext "
        "XdpProgram array be16 be32 be64 bits chars func htonl htons i16 i32 i64 "
        "i8 loop ntohl ntohs ref setting sizeof spin_lock struct u16 u32 u64 u8 union xdp zeroed"
    ),
    "osmia.headers": "Arp EtherType Ethernet IPv4 IPv6 IPv6Extension IpProto Tcp TcpFlags Udp Vlan",
    "typing": "Final",
}
FRAME = """\
given = Array(u32, max_entries=1)
result = Array(i64, max_entries=1)

{module}

@xdp(on_error=XdpAction.TX)
def program(ctx: XdpContext) -> XdpAction:
    taken = given.lookup(0)
    out = result.lookup(0)
    if taken is None or out is None:
        return XdpAction.ABORTED
    x = taken.value
{body}
    return XdpAction.PASS
"""

# What the language is to have and has not: each of these is refused, or names what is not there. One that works, or
# that gives a wrong result, fails its test: it is to be taken off this list, or to be mended.
NOT_YET: dict[str, set[str]] = {
    "callbacks": {
        "over the elements of a map",
    },
}

# What the compiler takes and type checkers refuse, and why that is so.
TYPES_DIFFER = {"a lambda": "a lambda that is assigned cannot say its parameters' types: the call does"}


@dataclass(frozen=True)
class Case:
    """One program."""

    name: str
    cpus: tuple[str, ...]
    kernel: tuple[int, int]
    """The oldest that it is for."""
    text: str
    """The module."""
    subject: str
    """The file that it is in."""
    runs: tuple[str, ...]

    @property
    def not_yet(self) -> bool:
        """Whether the language is to have what it needs."""
        return self.name in NOT_YET.get(self.subject, ())

    @property
    def body(self) -> bool:
        """Whether its runs are `x -> result`."""
        return self.text.startswith("given = ") or "\ngiven = " in self.text


def cases() -> dict[str, Case]:
    found = {}
    for path in sorted((ROOT / "tests" / "corpus").glob("*.txt")):
        for part in re.split(r"(?m)^=== ", path.read_text(encoding="utf-8"))[1:]:
            title, _, rest = part.partition("\n")
            source, _, runs = rest.partition("--- runs\n")
            named = re.fullmatch(r"(.*?)(?: \(([v0-9 ]+)(?:, Linux (5)\.([0-9]+))?\))?", title)
            assert named is not None
            assert named[1] not in found, f"two programs are called {named[1]}"
            cpus = tuple(named[2].split()) if named[2] else CPUS
            kernel = (int(named[3]), int(named[4])) if named[3] else (5, 10)
            lines = tuple(line for line in runs.splitlines() if line)
            found[named[1]] = Case(named[1], cpus, kernel, _module(source), path.stem, lines)
    return found


def _module(source: str) -> str:
    """The whole text of a module: its imports, and the frame where it needs one."""
    if source.startswith("--- body\n") or "\n--- body\n" in source:
        module, _, body = source.rpartition("--- body\n")
        source = FRAME.format(module=module, body=textwrap.indent(body, "    "))
    used = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    used |= {"XdpContext"}
    imports = [
        f"from {home} import {', '.join(sorted(used & set(names.split())))}\n"
        for home, names in HOMES.items()
        if used & set(names.split())
    ]
    return "".join(imports) + "\n" + source


CASES = cases()
PROGRAMS = [(name, cpu) for name, case in CASES.items() if not case.not_yet for cpu in case.cpus]


class Runs:
    """The runs of one program, in the kernel or in a machine."""

    def __init__(
        self, module: ModuleType, cpu: str, kernel: tuple[int, int], machine: osmia.Machine | None = None
    ) -> None:
        self.module = module
        self.machine = machine
        self.target = Target(cpu, kernel)
        self.loaded: Loaded | None = None
        self.names = vars(packets) | vars(module) | {"run": self.run}

    def all(self, case: Case) -> None:
        try:
            for line in case.runs:
                if case.body:
                    given, _, expected = line.partition("->")
                    self.given(int(given, 0), expected.strip())
                else:
                    eval(line, self.names)
        finally:
            if self.loaded is not None:
                self.loaded.close()

    def given(self, x: int, expected: str) -> None:
        loaded = self.ready({})
        loaded["given"][0] = x
        loaded["result"][0] = 0
        action = self.program.test_run(bytes(14)).action
        if expected == "TX":
            assert action is XdpAction.TX, f"x = {x}"
        else:
            assert (action, loaded["result"][0]) == (XdpAction.PASS, eval(expected, {})), f"x = {x}"

    def run(
        self,
        *,
        packet: bytes = bytes(14),
        maps: dict[str, Any] | None = None,
        settings: dict[str, int] | None = None,
        action: str = "PASS",
        after: dict[str, Any] | None = None,
        data: bytes | None = None,
    ) -> None:
        """Fill maps and globals, run the program on a packet, and compare what it gives and leaves."""
        loaded: Any = self.ready(settings or {})
        for name, values in (maps or {}).items():
            if isinstance(values, dict):
                for key, value in values.items():
                    loaded[name][key] = loaded[value.name] if isinstance(value, osmia.Program) else value
            else:
                loaded.globals[name].value = values
        result = self.program.test_run(packet)
        assert result.action.name == action
        for name, values in (after or {}).items():
            if isinstance(values, dict):
                assert dict(loaded[name].items()) == values, name
            else:
                assert loaded.globals[name].value == values, name
        assert data is None or result.data == data

    def ready(self, settings: dict[str, int]) -> Loaded:
        """The program, loaded: anew where it is given settings."""
        if settings and self.loaded is not None:
            self.loaded.close()
            self.loaded = None
        if self.loaded is None:
            options: dict[str, Any] = {"settings": settings} if settings else {}
            self.loaded = osmia.load(self.module, target=self.target, engine=self.machine, **options)
        return self.loaded

    @property
    def program(self) -> Any:
        assert self.loaded is not None
        return self.loaded[self.module.program.name]


def test_the_corpus_is_large() -> None:
    assert len(CASES) >= 160
    assert {name for names in NOT_YET.values() for name in names} == {
        case.name for case in CASES.values() if case.not_yet
    }
    assert all(case.runs for case in CASES.values())


@pytest.mark.parametrize(("name", "cpu"), PROGRAMS)
def test_program(tmp_path: Path, name: str, cpu: str) -> None:
    case = CASES[name]
    require_kernel(case.kernel, f"all that {name!r} asks for")
    Runs(module_from(tmp_path, case.text), cpu, case.kernel).all(case)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", sorted({name for name, _ in PROGRAMS}))
def test_program_in_a_machine(tmp_path: Path, name: str, engine: str) -> None:
    """The object for the newest instructions that it is for does the same without a kernel."""
    case = CASES[name]
    machine = osmia.Machine(engine=engine)
    Runs(module_from(tmp_path, case.text), case.cpus[-1], case.kernel, machine).all(case)
    machine.close()


@pytest.mark.parametrize(
    "name",
    [name for name, case in CASES.items() if case.not_yet],
)
def test_what_is_not_there_yet_is_refused(tmp_path: Path, name: str) -> None:
    """By osmia or by the verifier, or it names what is not there. Nothing else may happen: wrong results, crashes."""
    try:
        Runs(module_from(tmp_path, CASES[name].text), "v3", CASES[name].kernel).all(CASES[name])
    except CompilerCrashError:
        raise
    except (ImportError, TypeError, osmia.CompileError, osmia.VerifierError):
        return
    pytest.fail(f"{name!r} works: take it off NOT_YET")


def _written(directory: Path) -> list[str]:
    """The programs that compile, each as a file."""
    files = []
    for name, case in CASES.items():
        if not case.not_yet and name not in TYPES_DIFFER:
            path = directory / f"{re.sub(r'[^a-z0-9]', '_', name.lower())}.py"
            path.write_text(case.text, encoding="utf-8")
            files.append(str(path))
    return files


def test_mypy_accepts_the_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # mypy's configuration names paths from there
    options = ["--strict", "--no-error-summary", f"--config-file={ROOT / 'pyproject.toml'}"]
    report, problems, _ = api.run([*options, f"--cache-dir={ROOT / '.mypy_cache'}", *_written(tmp_path)])
    assert (report, problems) == ("", "")


@pytest.mark.full
def test_pyright_accepts_the_corpus(tmp_path: Path) -> None:
    pyright = Path(sys.executable).with_name("pyright")
    if not pyright.exists():
        pytest.skip("pyright is not installed beside this Python: the corpus is not checked with it")
    _written(tmp_path)
    (tmp_path / "pyrightconfig.json").write_text(
        f'{{"extraPaths": ["{ROOT / "src"}", "{ROOT / "tests"}"], "typeCheckingMode": "standard"}}', encoding="utf-8"
    )
    done = subprocess.run([str(pyright), "-p", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", sorted({name for name, _ in PROGRAMS}))
def test_program_that_is_debugged(tmp_path: Path, name: str) -> None:
    """What tells of its lines and locals does the same."""
    case = CASES[name]
    with osmia.Machine(debug=True) as machine:
        runs = Runs(module_from(tmp_path, case.text), "v4", DEBUG.kernel, machine)
        runs.target = DEBUG
        runs.all(case)
