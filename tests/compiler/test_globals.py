"""Globals and settings in kernel code: of every type, on both sides at once, and folded where they are constants."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from memory_programs import CPUS, results, run, running, source
from osmia import XdpAction
from osmia.kernel import attributes, bpf
from program_files import module_from

if TYPE_CHECKING:
    from pathlib import Path

TYPES = """
class Mode(IntEnum):
    SLOW = 1
    FAST = 2
@struct
class Inner:
    small: u16 = 3
    port: be16 = 80
@struct
class Stats:
    seen: u64 = 1
    inner: Inner = Inner()
    several: FixedArray[u32] = array(u32, 4)
    text: Chars = chars(8)
byte = Global(u8, 255)
flag = Global(bool, True)
mode = Global(Mode, Mode.SLOW)
port = Global(be16, 80)
numbers = Global(array(u32, 4))
stats = Global(Stats)
signed = Global(i64, -1)
"""


@pytest.mark.parametrize("cpu", CPUS)
def test_every_type_on_both_sides(tmp_path: Path, cpu: str) -> None:
    body = (
        "out.value = byte.value + signed.value + port.value * 1000 + flag.value * 10000000\n"
        "if mode.value == Mode.SLOW:\n    mode.value = Mode.FAST\n"
        "byte.value += 1\nflag.value = not flag.value\nport.value += 1\nsigned.value -= 1\n"
        "numbers.value[x & 3] += 1\n"
        "s = stats.value\n"
        "s.seen += 1\ns.inner.small += 1\ns.several[1] = x\ns.text = 'hi'\n"
        "if x == 2:\n    stats.value.inner = Inner(small=9)\n"
        "if x == 3:\n    stats.value = Stats(seen=50)\n    numbers.value = (1, 2, 3, 4)\n"
    )
    with running(tmp_path, TYPES, body, cpu) as loaded:
        get = {name: loaded[getattr(loaded.module, name)] for name in ("byte", "flag", "mode", "port", "signed")}
        stats, numbers = loaded[loaded.module.stats], loaded[loaded.module.numbers]
        assert results(loaded, 1) == [255 - 1 + 80000 + 10**7]
        assert {name: each.value for name, each in get.items()} == {
            "byte": 0,
            "flag": False,
            "mode": loaded.module.Mode.FAST,
            "port": 81,
            "signed": -2,
        }
        held = stats.value
        assert (held.seen, held.inner.small, held.inner.port, held.text) == (2, 4, 80, "hi")
        assert list(held.several) == [0, 1, 0, 0]
        assert list(numbers.value) == [0, 1, 0, 0]
        get["byte"].value, get["flag"].value, get["port"].value, get["signed"].value = 7, True, 5, 10
        stats.value.inner.small = 100
        numbers.value[2] = 70
        assert results(loaded, 2) == [7 + 10 + 5000 + 10**7]
        assert (stats.value.inner.small, stats.value.inner.port, numbers.value[2]) == (9, 80, 71)
        results(loaded, 3)
        assert (stats.value.seen, stats.value.text, list(numbers.value)) == (50, "", [1, 2, 3, 4])


def test_both_sides_write_while_the_program_runs(tmp_path: Path) -> None:
    """The program waits for what user code writes, and user code sees how far it is."""
    module = "go = Global(u32)\nsteps = Global(u64)\n"
    body = "if go.value == 0:\n    ref(steps.value).fetch_add(1)\nelse:\n    out.value = 1"
    with running(tmp_path, module, body) as loaded:
        go, steps = loaded[loaded.module.go], loaded[loaded.module.steps]
        ended = threading.Event()

        def work() -> None:
            while loaded["result"][0] == 0:
                loaded["program"].test_run(bytes(64), repeat=100)
            ended.set()

        loaded["given"][0] = 0
        loaded["result"][0] = 0
        thread = threading.Thread(target=work)
        thread.start()
        while steps.value < 1000:
            assert thread.is_alive()
        go.value = 1
        thread.join()
        assert ended.is_set()
        before = steps.value
        assert results(loaded, 0) == [1]
        assert steps.value == before


def test_programs_that_are_loaded_apart_share_a_global(tmp_path: Path) -> None:
    text = source(
        "total = Global(u64, 5)\n@xdp\ndef other(ctx: XdpContext) -> XdpAction:\n    total.value += 10\n"
        "    return XdpAction.PASS\n",
        "total.value += 1\nout.value = i64(total.value)",
    )
    module = module_from(tmp_path, text)
    try:
        module.program.load()
        module.other.load()
        module.program.test_run(bytes(64))
        module.other.test_run(bytes(64))
        assert module.total.value == 16
        module.total.value = 100
        module.program.test_run(bytes(64))
        assert (module.total.value, module.result[0]) == (101, 101)
    finally:
        for each in (module.program, module.other, module.total, module.given, module.result):
            each.close()


SETTINGS = """
class Mode(IntEnum):
    SLOW = 1
    FAST = 2
PORT = setting(u16, 53)
LOW = setting(i8, -3)
BIG = setting(u64, 1 << 63)
NET = setting(be16, 80)
LOUD = setting(bool, False)
MODE = setting(Mode, Mode.SLOW)
"""


@pytest.mark.parametrize("cpu", CPUS)
def test_settings_have_what_is_given_when_it_is_loaded(tmp_path: Path, cpu: str) -> None:
    body = (
        "out.value = PORT + LOW * 1000 + NET * 1000000 + (BIG >> 60) * 10**9\n"
        "if LOUD:\n    out.value += 10**11\n"
        "match MODE:\n    case Mode.FAST:\n        out.value += 10**12"
    )
    with running(tmp_path, SETTINGS, body, cpu) as loaded:
        assert results(loaded, 0) == [53 - 3000 + 80 * 10**6 + 8 * 10**9]
    given = {"PORT": 443, "LOW": -128, "BIG": 5 << 60, "NET": 8080, "LOUD": True}
    with running(tmp_path, SETTINGS, body, cpu, settings=given) as loaded:
        assert results(loaded, 0) == [443 - 128000 + 8080 * 10**6 + 5 * 10**9 + 10**11]
    module = module_from(tmp_path, source(SETTINGS, body))
    with osmia.load(module, settings={"MODE": module.Mode.FAST}) as loaded:
        assert results(loaded, 0) == [53 - 3000 + 80 * 10**6 + 8 * 10**9 + 10**12]


def instructions(loaded: Any) -> int:
    """How many the kernel runs of the program, after it has taken out what it can never come to."""
    return int(bpf.obj_get_info(loaded["program"].fd, attributes.PROG_INFO)["xlated_prog_len"]) // 8


def test_what_a_setting_switches_off_costs_nothing(tmp_path: Path) -> None:
    module = "LOUD = setting(bool, False)\nLIMIT = setting(u32, 0)\n"
    body = (
        "if LOUD:\n    out.value = ctx.ktime_get_ns() > 0\nif LIMIT > 5:\n    out.value += ctx.get_prandom_u32() >= 0"
    )
    with running(tmp_path, module, body) as loaded:
        quiet = instructions(loaded)
        assert results(loaded, 0) == [0]
    with running(tmp_path, "", "") as loaded:
        # The loads of the settings stay, and jumps over what was switched off.
        assert quiet <= instructions(loaded) + 10
    with running(tmp_path, module, body, settings={"LOUD": True, "LIMIT": 9}) as loaded:
        assert instructions(loaded) > quiet
        assert results(loaded, 0) == [2]


def test_64_maps_and_no_more(tmp_path: Path) -> None:
    def text(count: int) -> tuple[str, str]:
        return (
            "\n".join(f"g{n} = Global(u32)" for n in range(count)),
            "\n".join(f"g{n}.value += 1" for n in range(count)) + "\nout.value = g7.value",
        )

    with running(tmp_path, *text(62)) as loaded:
        assert results(loaded, 0, 0) == [1, 2]
    with pytest.raises(osmia.CompileError) as caught, running(tmp_path, *text(63)):
        pass
    assert "\n".join([caught.value.problem, *caught.value.__notes__]) == (
        "program uses more maps than a program may\n"
        "found: g62 is number 65; each Global is one, all settings are one, all counts of errors\n"
        "expected: at most 64\n"
        "fix: put several values into one map or one Global: a struct, an array"
    )


def test_maps_of_errors_count_too(tmp_path: Path) -> None:
    module = "\n".join(f"g{n} = Global(u32)" for n in range(61)) + "\nS = setting(u8, 1)"
    body = "\n".join(f"g{n}.value += 1" for n in range(61)) + "\nout.value = S"
    with running(tmp_path, module, body) as loaded:
        assert results(loaded, 0) == [1]
    with pytest.raises(osmia.CompileError, match="more maps"), running(tmp_path, module, body + " // x"):
        pass


def test_the_error_edge_of_a_global_index(tmp_path: Path) -> None:
    with running(tmp_path, "numbers = Global(array(u32, 4))\n", "numbers.value[x] += 1\nout.value = 1") as loaded:
        assert run(loaded, 3) == (XdpAction.PASS, 1)
        assert run(loaded, 4) == (XdpAction.TX, 0)
        assert list(loaded[loaded.module.numbers].value) == [0, 0, 0, 1]
