"""Global variables and settings of what is loaded: from objects of clang, and from declarations."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

import pytest

import osmia
from compiled import c_object
from osmia import Array, Global, NotLoadedError, setting, u8, u16, u32, u64, xdp
from osmia.compiler import cache
from osmia.compiler.cache import CompiledObject
from osmia.contexts.xdp import XdpAction, XdpContext
from osmia.kernel import attributes, bpf
from osmia.object_file import read_object
from osmia.programs.global_data import SettingText
from osmia.spec import store
from osmia.structs import array, struct
from refusal import refusal
from system_packages import tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACKET = bytes(64)

FOREIGN = """
struct pair { u32 a, b; };
enum color { RED, GREEN };
u64 total; s32 level = -5; _Bool on = 1; u16 ports[3] = {1, 2, 3}; char text[8] = "abc"; struct pair pair = {4, 5};
enum color color = GREEN; u8 idle = 1; static volatile u32 hidden = 9;
u32 apart SEC(".data.apart") = 3;
const volatile u16 PORT = 53; const volatile _Bool DEBUG; const volatile s8 OFFSET = -1; const u32 FOLDED = 7;
const volatile u32 TABLE[2] = {1, 2};

SEC("xdp") int first(struct xdp_md *ctx) {
    total += 1; level -= 1; on = !on; ports[2] += PORT; text[0] = 'A'; pair.b += OFFSET; color = RED; apart *= 2;
    hidden += 1; pair.a += TABLE[ctx->rx_queue_index & 1] + ((volatile const u32 *)&FOLDED)[0];
    return DEBUG ? 1 : 2;
}
SEC("xdp") int second(struct xdp_md *ctx) { total += 100; return 2; }
SEC("xdp/third") int third(struct xdp_md *ctx) { return 2; }
"""


# Objects from elsewhere


def test_variables_of_an_object_from_clang() -> None:
    with osmia.load(c_object(FOREIGN)) as loaded:
        held = loaded.globals
        assert sorted(held) == ["apart", "color", "hidden", "idle", "level", "on", "pair", "ports", "text", "total"]
        assert (held["total"].value, held["level"].value, held["on"].value, held["color"].value) == (0, -5, True, 1)
        assert (held["ports"].value, str(held["text"].value), held["apart"].value) == ([1, 2, 3], "abc", 3)
        assert held["pair"].value == bytes((4, 0, 0, 0, 5, 0, 0, 0))
        held["total"].value = 40
        held["ports"].value[0] = 9
        loaded["first"].test_run(PACKET)
        loaded["second"].test_run(PACKET)
        assert (held["total"].value, held["level"].value, held["on"].value, held["color"].value) == (141, -6, False, 0)
        assert (held["ports"].value, str(held["text"].value), held["apart"].value) == ([9, 2, 56], "Abc", 6)
        assert held["pair"].value == bytes((12, 0, 0, 0, 4, 0, 0, 0))
        assert held["hidden"].value == 10
        assert loaded["total"] is held["total"]
        assert loaded.maps[".data.apart"][0] == (6).to_bytes(4, "little")
    assert refusal(NotLoadedError, lambda: held["total"].value) == "total is closed: load() a program that uses it"


def test_a_declaration_finds_a_variable_of_an_object() -> None:
    total: Any = Global(u64, name="total")
    other: Any = Global(u32, name="total")
    numbers: Any = Global(array(u16, 3), name="ports")
    with osmia.load(c_object(FOREIGN)) as loaded:
        loaded["second"].test_run(PACKET)
        assert loaded[total].value == 100
        assert not total.live
        assert loaded[numbers].value == [1, 2, 3]
        text = "the object: total is a u64 (8 bytes) there, expected a u32 (4 bytes)"
        assert refusal(TypeError, lambda: loaded[other]) == text
        wrong: Any = Array(u64, max_entries=1, name="total")
        assert refusal(TypeError, lambda: loaded[wrong]) == "the object: total is a Global there, expected an Array"


def test_names_that_are_no_variable() -> None:
    with osmia.load(c_object(FOREIGN)) as loaded:
        text = "the object: no program, map or global totl; did you mean total?"
        assert refusal(KeyError, lambda: loaded["totl"]) == text
        text = "the object: PORT is no global but a constant: its settings are in .settings"
        assert refusal(KeyError, lambda: loaded["PORT"]) == text


def test_a_variable_that_no_program_uses() -> None:
    source = 'u32 alone SEC(".data.alone") = 3; SEC("xdp") int first(struct xdp_md *ctx) { return 2; }'
    with osmia.load(c_object(source)) as loaded:
        assert loaded.globals == {}
        text = "the object: no program uses the global alone, so it is not loaded"
        assert refusal(KeyError, lambda: loaded["alone"]) == text


def test_variables_without_type_information() -> None:
    with osmia.load(c_object(FOREIGN, "-g0")) as loaded:
        loaded["second"].test_run(PACKET)
        assert loaded.globals["total"].value == (100).to_bytes(8, "little")
        assert loaded.settings == {}


def test_settings_of_an_object_from_clang() -> None:
    data = c_object(FOREIGN)
    with osmia.load(data) as loaded:
        assert dict(loaded.settings) == {
            "PORT": 53,
            "DEBUG": False,
            "OFFSET": -1,
            "TABLE": bytes((1, 0, 0, 0, 2, 0, 0, 0)),
        }
        assert loaded["first"].test_run(PACKET).return_value == 2
        assert loaded["first"].settings["PORT"] == 53
    given = {"PORT": 443, "DEBUG": True, "OFFSET": -128}
    with osmia.load(data, settings=given) as loaded:
        assert {name: loaded.settings[name] for name in given} == given
        assert loaded["first"].test_run(PACKET).return_value == 1
        assert loaded.globals["ports"].value[2] == 3 + 443


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"PRT": 1}, KeyError, "the object: no setting PRT; did you mean PORT?"),
        ({"x": 1}, KeyError, "the object: no setting x; there are PORT, OFFSET, TABLE, DEBUG"),
        ({"PORT": 65536}, OverflowError, "PORT: a value is a u16, 0 to 65535, not 65536"),
        ({"PORT": "443"}, TypeError, "PORT: a value is an int (u16), not str '443'"),
        ({"DEBUG": 1}, TypeError, "DEBUG: a value is a bool, not int 1"),
        (
            {"total": 1},
            KeyError,
            "the object: total is a global, not a setting: write its .value once the program is loaded",
        ),
        (
            {"FOLDED": 1},
            KeyError,
            "the object: FOLDED is a constant that the compiler may have used already: "
            "declare it `const volatile`, and compile with -g",
        ),
        ({5: 1}, TypeError, "the object: the name of a setting is a str, not int 5"),
    ],
)
def test_settings_that_are_refused(given: Any, error: type[Exception], text: str) -> None:
    assert refusal(error, lambda: osmia.load(c_object(FOREIGN), settings=given)) == text


def test_an_object_without_settings() -> None:
    data = c_object('SEC("xdp") int first(struct xdp_md *ctx) { return 2; }')
    text = "the object: no setting PORT; it has none"
    assert refusal(KeyError, lambda: osmia.load(data, settings={"PORT": 1})) == text
    with osmia.load(data) as loaded:
        assert dict(loaded.settings) == {}
        assert refusal(KeyError, lambda: loaded.settings["PORT"]) == text


def test_settings_of_what_is_loaded_stay() -> None:
    with osmia.load(c_object(FOREIGN)) as loaded:
        wrong: Any = loaded.settings
        with pytest.raises(TypeError) as caught:
            wrong["PORT"] = 80
        assert str(caught.value) == (
            "the object: PORT cannot be set any more: settings are given when a program is loaded, "
            "load(settings=...); what changes later is a Global"
        )
        assert refusal(KeyError, lambda: loaded.settings["PRT"]) == "the object: no setting PRT; did you mean PORT?"


@pytest.mark.parametrize(("text", "value"), [("443", 443), ("0x1bb", 443), ("0", 0)])
def test_settings_as_text(text: str, value: int) -> None:
    with osmia.load(c_object(FOREIGN), settings={"PORT": SettingText(text), "DEBUG": SettingText("Yes")}) as loaded:
        assert (loaded.settings["PORT"], loaded.settings["DEBUG"]) == (value, True)


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"PORT": "http"}, ValueError, "PORT: 'http' is no number, such as 443 or 0x1bb"),
        ({"PORT": "-1"}, OverflowError, "PORT: a value is a u16, 0 to 65535, not -1"),
        ({"DEBUG": "maybe"}, ValueError, "DEBUG: 'maybe' is no truth value: write true or false"),
    ],
)
def test_text_that_is_no_value(given: dict[str, str], error: type[Exception], text: str) -> None:
    settings = {name: SettingText(value) for name, value in given.items()}
    assert refusal(error, lambda: osmia.load(c_object(FOREIGN), settings=settings)) == text


# Declarations: what the compiler makes of them stands in for it here, made by clang.


class Mode(IntEnum):
    COUNT = 0
    DROP = 1


@struct
class Stats:
    seen: u64 = 0
    last: u32 = 3


PORT: Final = setting(u16, 53)
DEBUG: Final = setting(bool, False)
MODE: Final = setting(Mode, Mode.COUNT)
total = Global(u64, 5)
stats = Global(Stats)
unused = Global(u8)

OBJECT = """
struct stats { u64 seen; u32 last; };
u64 total SEC(".data.total") = 5; struct stats stats SEC(".data.stats") = {0, 3};
const volatile u16 PORT = 53; const volatile _Bool DEBUG; const volatile u32 MODE;
"""
COUNTS = (
    OBJECT
    + """
SEC("xdp") int counts(struct xdp_md *ctx) {
    total += 1; stats.seen += 2; stats.last = PORT;
    return MODE ? 1 : DEBUG ? 0 : 2;
}
"""
)
DOUBLES = OBJECT + 'SEC("xdp") int doubles(struct xdp_md *ctx) { total *= 2; return 2; }'


@xdp
def counts(ctx: XdpContext) -> XdpAction:
    return XdpAction.PASS


@xdp
def doubles(ctx: XdpContext) -> XdpAction:
    return XdpAction.PASS


@pytest.fixture(autouse=True)
def compiler(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the compiler would give for the two programs."""
    sources: dict[str, str] = {"counts": COUNTS, "doubles": DOUBLES}

    def here(*names: str) -> dict[str, Any]:
        return {name: globals()[name] for name in names}

    def object_for(requests: Any, target: object) -> CompiledObject:
        (request,) = requests
        data = c_object(sources[request.name])
        of = store(read_object(data, "the object"))
        if request.name == "doubles":
            return CompiledObject(data, {}, here("total"), {}, of)
        return CompiledObject(data, {}, here("total", "stats"), here("PORT", "DEBUG", "MODE"), of)

    monkeypatch.setattr(cache, "object_for", object_for)
    yield
    for each in (counts, doubles, total, stats):
        each.close()


def test_a_variable_is_shared_by_programs_that_are_loaded_apart() -> None:
    counts.load()
    assert (total.live, stats.live) == (True, True)
    counts.test_run(PACKET)
    assert total.value == 6
    doubles.test_run(PACKET)
    assert total.value == 12
    counts.test_run(PACKET)
    assert total.value == 13
    total.value = 0
    doubles.test_run(PACKET)
    counts.test_run(PACKET)
    assert total.value == 1
    assert (stats.value.seen, stats.value.last) == (6, 53)
    stats.value.seen += 1
    assert stats.value == Stats(seen=7, last=53)
    doubles.close()
    counts.close()
    assert total.value == 1
    counts.test_run(PACKET)
    assert total.value == 2


def test_a_variable_that_was_closed_while_a_program_uses_it() -> None:
    counts.load()
    total.close()
    assert refusal(NotLoadedError, doubles.load) == (
        "total is closed, but counts still uses it: close counts before doubles is loaded"
    )
    assert refusal(NotLoadedError, lambda: total.value) == (
        "total is closed, but counts still uses it: close() counts too, and load() it again"
    )


def test_an_independent_load_has_variables_of_its_own() -> None:
    with osmia.load(counts) as loaded:
        loaded[counts].test_run(PACKET)
        assert (loaded[total].value, loaded.globals["total"].value, total.live) == (6, 6, False)
        assert loaded[stats].value.seen == 2
        counts.test_run(PACKET)
        counts.test_run(PACKET)
        assert (loaded[total].value, total.value) == (6, 7)
        assert loaded[total] is loaded.globals["total"]


def test_settings_of_a_declared_program() -> None:
    counts.load(settings={"PORT": 443, "MODE": Mode.DROP})
    assert dict(counts.settings) == {"PORT": 443, "DEBUG": False, "MODE": Mode.DROP}
    assert counts.settings["MODE"] is Mode.DROP
    assert counts.test_run(PACKET).action is XdpAction.DROP
    assert stats.value.last == 443
    counts.load()
    assert refusal(RuntimeError, lambda: counts.load(settings={"PORT": 80})) == (
        "counts is loaded already, and PORT cannot be set any more: close it and load it again, "
        "or take another one with osmia.load(counts, settings=...)"
    )
    counts.close()
    assert refusal(NotLoadedError, lambda: counts.settings).startswith("counts is not loaded")
    assert counts.test_run(PACKET).action is XdpAction.PASS
    assert dict(counts.settings) == {"PORT": 53, "DEBUG": False, "MODE": Mode.COUNT}
    doubles.load()
    assert dict(doubles.settings) == {}


def test_settings_of_a_declared_program_that_are_refused() -> None:
    text = "counts: no setting PORTS; did you mean PORT?"
    assert refusal(KeyError, lambda: counts.load(settings={"PORTS": 1})) == text
    text = "MODE: a value is a Mode, not int 1"
    assert refusal(TypeError, lambda: counts.load(settings={"MODE": 1})) == text
    assert not counts.loaded
    text = "PORT: a value is a u16, 0 to 65535, not 70000"
    assert refusal(OverflowError, lambda: osmia.load(counts, settings={"PORT": 70000})) == text
    assert refusal(KeyError, lambda: doubles.load(settings={"port": 1})) == "doubles: no setting port; it has none"


def test_members_as_text() -> None:
    with osmia.load(counts, settings={"MODE": SettingText("DROP")}) as loaded:
        assert loaded.settings["MODE"] is Mode.DROP
    text = "MODE: 'drop' is no Mode, which is one of COUNT, DROP"
    assert refusal(ValueError, lambda: osmia.load(counts, settings={"MODE": SettingText("drop")})) == text


def test_bpftool_loads_variables_that_are_alone_in_their_sections(tmp_path: Path, pins: Path) -> None:
    path, pin = tmp_path / "counts.o", pins / "counts"
    path.write_bytes(c_object(COUNTS))
    tool("bpftool").run("prog", "load", path, pin)
    shown = tool("bpftool").run("prog", "show", "pinned", pin).stdout
    assert "name counts" in shown


def test_what_a_setting_switches_off_is_not_there() -> None:
    """The verifier takes settings for constants, and removes what they make unreachable."""
    source = """
    u64 total; const volatile _Bool DEBUG;
    SEC("xdp") int counts(struct xdp_md *ctx) {
        if (DEBUG) { total += bpf_ktime_get_ns(); total *= 3; total ^= bpf_ktime_get_ns(); }
        return 2;
    }
    """
    lengths = []
    for debug in (False, True):
        with osmia.load(c_object(source), settings={"DEBUG": debug}) as loaded:
            lengths.append(bpf.obj_get_info(loaded["counts"].fd, attributes.PROG_INFO)["xlated_prog_len"] // 8)
    off, on = lengths
    assert off < 8
    assert on > 15
