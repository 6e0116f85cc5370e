"""Which logs are on, and that those which are off leave nothing behind: no test, no load, no map."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from logs.reading import messages
from memory_programs import results, running
from osmia import log
from osmia.kernel import attributes, bpf
from osmia.logs import LEVELS
from program_files import module_from
from refusal import refusal
from this_kernel import require

if TYPE_CHECKING:
    from pathlib import Path

EACH = "\n".join(f'    log.{name}("{name}")' for name in LEVELS)
FIVE = f"""
from osmia import XdpAction, XdpContext, log, xdp

@xdp
def program(ctx: XdpContext) -> XdpAction:
{EACH}
    return XdpAction.PASS
"""


@pytest.fixture(autouse=True)
def no_level(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests begin and end with the level that there is without a word."""
    monkeypatch.setattr(log, "_level", None, raising=False)
    monkeypatch.delenv("OSMIA_LOG_LEVEL", raising=False)


def logged(module: Any, **options: Any) -> list[str]:
    """What one run of a module's program logs."""
    with log.records() as reader, osmia.load(module, **options) as loaded:
        loaded["program"].test_run(bytes(64))
        # Nothing is to be read where nothing logs.
        return messages(reader) if loaded["program"]._logs.source else []


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("trace", "trace debug info warn error"),
        ("DEBUG", "debug info warn error"),
        (11, "info warn error"),
        ("info", "info warn error"),
        ("warning", "warn error"),
        (40, "error"),
        (41, ""),
        ("off", ""),
    ],
)
def test_what_is_below_the_level_is_off(tmp_path: Path, level: int | str, shown: str) -> None:
    module = module_from(tmp_path, FIVE)
    assert logged(module, log_level=level) == shown.split()
    log.level = level
    assert logged(module) == shown.split()


def test_info_is_on_unless_something_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = module_from(tmp_path, FIVE)
    assert log.level == 20
    assert logged(module) == ["info", "warn", "error"]
    monkeypatch.setenv("OSMIA_LOG_LEVEL", "error")
    assert logged(module) == ["error"]
    monkeypatch.setenv("OSMIA_LOG_LEVEL", "5")
    assert logged(module) == [*LEVELS]
    log.level = "warn"
    assert logged(module) == ["warn", "error"]
    monkeypatch.setattr(log, "_from_command_line", 10, raising=False)
    assert logged(module, log_level="off") == ["debug", "info", "warn", "error"]


def test_a_declared_program_is_loaded_at_a_level_too(tmp_path: Path) -> None:
    program = module_from(tmp_path, FIVE).program
    with log.records() as reader:
        program.load(log_level="error")
        program.test_run(bytes(64))
        assert messages(reader) == ["error"]
        program.load()
        assert refusal(RuntimeError, lambda: program.load(log_level="debug")) == (
            "program is loaded already, and log_level cannot be set any more: close it and load it again, or take "
            "another one with osmia.load(program, log_level=...)"
        )
        program.close()


def test_what_is_no_level_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = module_from(tmp_path, FIVE)
    known = "is one of trace, debug, info, warn, error, warning, off, or a number from 0 to 255"
    assert refusal(ValueError, lambda: osmia.load(module, log_level="loud")) == f"log_level {known}, not 'loud'"
    assert refusal(ValueError, lambda: setattr(log, "level", 256)) == f"log.level {known}, not 256"
    text = "log.level is the name of a level or a number, not a bool"
    assert refusal(TypeError, lambda: setattr(log, "level", True)).startswith(text[:45])
    monkeypatch.setenv("OSMIA_LOG_LEVEL", "verbose")
    assert refusal(ValueError, lambda: osmia.load(module)) == f"OSMIA_LOG_LEVEL {known}, not 'verbose'"


def test_an_object_file_has_its_levels_too(tmp_path: Path) -> None:
    module = module_from(tmp_path, FIVE)
    path = tmp_path / "five.o"
    build = [sys.executable, "-m", "osmia", "build", str(module.__file__), "-o", str(path)]
    subprocess.run(build, check=True, capture_output=True)
    with log.records() as reader, osmia.load(path, log_level="debug") as loaded:
        assert [*loaded.settings] == []
        loaded["program"].test_run(bytes(64))
        assert messages(reader) == ["debug", "info", "warn", "error"]


def test_a_setting_beside_logs(tmp_path: Path) -> None:
    """Settings and the switches of logs lie in one section."""
    text = FIVE.replace("import XdpAction", "import setting, u16, XdpAction") + "\n"
    text = text.replace("\n@xdp", '\nPORT = setting(u16, 53, name="PORT")\n\n@xdp')
    text = text.replace("    return", '    log.info(f"port {PORT}")\n    return')
    module = module_from(tmp_path, text)
    with log.records() as reader, osmia.load(module, settings={"PORT": 80}, log_level="info") as loaded:
        assert dict(loaded.settings) == {"PORT": 80}
        loaded["program"].test_run(bytes(64))
        assert messages(reader) == ["info", "warn", "error", "port 80"]


SIZED = """
from osmia import Global, XdpAction, XdpContext, log, u64, xdp
seen = Global(u64)

@xdp
def program(ctx: XdpContext) -> XdpAction:
    before = seen.value
    {line}
    seen.value = before + len(ctx.packet)
    return XdpAction.PASS
"""


def info_of(directory: Path, line: str, level: str) -> tuple[int, int]:
    """How many instructions the verifier leaves of a program with a line in it, and how many maps it has."""
    with osmia.load(module_from(directory, SIZED.format(line=line)), log_level=level) as loaded:
        info = bpf.obj_get_info(loaded["program"].fd, attributes.PROG_INFO)
        return info["xlated_prog_len"] // 8, info["nr_map_ids"]


def test_a_log_that_is_off_costs_no_instruction_and_no_map(tmp_path: Path) -> None:
    without = info_of(tmp_path, "pass", "info")
    line = 'log.debug(f"{before} {len(ctx.packet):>8} bytes")'
    assert info_of(tmp_path, line, "info") == without
    on = info_of(tmp_path, line, "debug")
    assert on[0] > without[0] + 20
    assert on[1] == without[1] + 3  # the ring, what counts its losses, and .rodata


# Logs in every place where control can be: their switches are found by what registers hold there.
PLACES = """
from osmia import HashMap, func, log, loop, u32, u64
table = HashMap(u32, u32, max_entries=8)

@func(inline=False)
def own(n: u32) -> u32:
    log.debug(f"own {n}")
    if n > 4:
        log.error(f"own above {n}")
    return n + 1

def inlined(n: u32) -> u32:
    log.info(f"inlined {n}")
    return n * 2
"""
BODY = """
log.trace(f"start {x}")
total = u32(0)
for i in range(3):
    log.debug(f"round {i}")
    total += i
    if i == x:
        log.warn(f"met {i}")
        continue
    log.info(f"end {i}")
for j in range(x * 40):
    if j % 50 == 49:
        log.debug(f"long {j}")
    total += 1
for word in (7, 8):
    log.info(f"word {word}")
    log.trace(f"word {word}")
table.update(1, x)
table.update(2, x + 1)

def each(key: u32, value: u32) -> None:
    log.debug(f"entry {value}")

table.for_each(each)
total += own(x)
total += inlined(x)
if x > 1:
    log.trace("end")
else:
    log.debug("other end")
out.value = total
"""


def expected(x: int) -> tuple[int, list[tuple[str, str]]]:
    """The same in Python."""
    said: list[tuple[str, str]] = [("trace", f"start {x}")]
    total = 0
    for i in range(3):
        said.append(("debug", f"round {i}"))
        total += i
        said.append(("warn", f"met {i}") if i == x else ("info", f"end {i}"))
    for j in range(x * 40):
        if j % 50 == 49:
            said.append(("debug", f"long {j}"))
        total += 1
    for word in (7, 8):
        said += [("info", f"word {word}"), ("trace", f"word {word}")]
    said += [("debug", f"entry {x}"), ("debug", f"entry {x + 1}"), ("debug", f"own {x}")]
    if x > 4:
        said.append(("error", f"own above {x}"))
    said.append(("info", f"inlined {x}"))
    said.append(("trace", "end") if x > 1 else ("debug", "other end"))
    return total + x + 1 + 2 * x, said


@pytest.mark.parametrize("cpu", ["v1", "v3", "v4"])
@pytest.mark.parametrize("level", [*LEVELS, "off"])
def test_programs_do_the_same_at_every_level(tmp_path: Path, cpu: str, level: str) -> None:
    require("for_each")
    if cpu == "v4":
        require(cpu)
    least = LEVELS.get(level, 255)
    with log.records() as reader, running(tmp_path, PLACES, BODY, cpu, log_level=level) as loaded:
        for x in (0, 1, 2, 5):
            total, said = expected(x)
            assert results(loaded, x) == [total]
            wanted = [text for name, text in said if LEVELS[name] >= least]
            found = messages(reader) if least < 255 else []
            # In which order for_each walks is the kernel's.
            entries = [text for text in found if text.startswith("entry")]
            assert sorted(found) == sorted(wanted)
            assert [each for each in found if each not in entries] == [
                each for each in wanted if not each.startswith("entry")
            ]
