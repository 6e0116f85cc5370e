"""Debugging of programs by Python's own means: lines, locals by name, pdb, breakpoint()."""

from __future__ import annotations

import io
import pdb  # noqa: T100 - what is tested
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import debugged_helper
import debugged_programs
from compiled import c_object
from osmia import Machine, Program, XdpAction, load
from osmia.compiler import DEBUG
from osmia.compiler.cache import object_for
from osmia.errors import CompileError, ObjectError
from osmia.testing.packets import Packet, arp, ethernet, ipv4, udp
from program_files import module_from
from refusal import refusal

if TYPE_CHECKING:
    from types import FrameType

FILE, HELPER = debugged_programs.__file__, debugged_helper.__file__
LINES = {path: Path(path).read_text().splitlines() for path in (FILE, HELPER)}


def line_of(mark: str, path: str = FILE) -> int:
    """The line that has a mark behind it."""
    (found,) = (number for number, line in enumerate(LINES[path], 1) if line.endswith(f"# {mark}"))
    return found


class Tracer:
    """What `sys.settrace` is told of the files of the programs."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, int | None]] = []
        self.locals: dict[int, str] = {}
        """By line of the programs' file: the locals there, the last time."""

    def __call__(self, frame: FrameType, event: str, _argument: object) -> Tracer | None:
        if frame.f_code.co_filename not in LINES:
            return None
        if event in ("line", "return"):
            shown = {name: value for name, value in frame.f_locals.items() if name[0] != "."}
            self.locals[frame.f_lineno] = repr(dict(sorted(shown.items())))
        if event == "line":
            self.lines.append((Path(frame.f_code.co_filename).name, frame.f_code.co_name, frame.f_lineno))
        assert frame.f_lineno is not None
        return self


def run_traced(program: Program[Any, Any], packet: bytes, trace: Any) -> Any:
    """What a run returns that `sys.settrace` tells `trace` of."""
    with Machine(debug=True) as machine:
        program.load()
        sys.settrace(trace)
        try:
            return machine.run(program, packet)
        finally:
            sys.settrace(None)


def traced(program: Program[Any, Any], packet: bytes) -> Tracer:
    tracer = Tracer()
    run_traced(program, packet, tracer)
    return tracer


def source(lines: list[tuple[str, str, int | None]]) -> list[str]:
    """The source of lines, without the marks."""
    return [LINES[FILE if name == Path(FILE).name else HELPER][(n or 0) - 1].partition("#")[0].strip()
            for name, _, n in lines]  # fmt: skip


def test_lines_run_one_after_the_other() -> None:
    assert source(traced(debugged_programs.sized, bytes(90)).lines) == [
        *("size = len(ctx.packet)", "small = size < 64", "total: i32 = -1"),
        *("for n in range(3):", "total += n * 2") * 3,
        *("for n in range(3):", "if small:", "action = XdpAction.PASS"),
        *("size = limited(size, 80)", "if n > most:", "return most", "size = limited(size, 80)"),
        *("size = clamped(size)", "low = LOWEST", "if size < low:", "if size > 70:", "return 70"),
        "size = clamped(size)",
        *("flow = flows.lookup_or_init(7, Flow())", "if flow is None:", "flow.packets += 1", "flow.size = u32(size)"),
        "return action",
    ]


@pytest.mark.parametrize(
    ("packet", "end"),
    [
        (ethernet() / arp(), "no IPv4"),
        (ethernet() / ipv4(), "no UDP"),
        (ethernet() / ipv4() / udp(dst=4), "no flow"),
        (ethernet() / ipv4() / udp(dst=3), "end"),
    ],
)
def test_a_return_is_on_its_own_line_alone(packet: Packet, end: str) -> None:
    """Where the compiler makes one end of several returns, the line of no other one runs."""
    tracer = Tracer()
    with Machine(debug=True) as machine:
        debugged_programs.early.load()
        debugged_programs.flows[3] = debugged_programs.Flow()
        sys.settrace(tracer)
        try:
            machine.run(debugged_programs.early, bytes(packet))
        finally:
            sys.settrace(None)
    ends = {line_of(f"early: {each}") for each in ("no IPv4", "no UDP", "no flow", "end")}
    assert [line for name, _, line in tracer.lines if name == Path(FILE).name and line in ends] == [
        line_of(f"early: {end}")
    ]


def test_locals_have_their_names_and_values() -> None:
    shown = traced(debugged_programs.sized, bytes(90)).locals
    context = "'ctx': XdpContext(ingress_ifindex=1, rx_queue_index=0, egress_ifindex=0)"
    assert shown[line_of("sized: large")] == f"{{{context}, 'n': 2, 'size': 90, 'small': False, 'total': 5}}"
    assert shown[line_of("sized: end")] == (
        f"{{'action': <XdpAction.PASS: 2>, {context}, 'flow': Flow(packets=1, size=70), 'most': 80, 'n': 2, "
        "'size': 70, 'small': False, 'total': 5}"
    )


def test_a_name_of_two_functions_is_that_of_the_line() -> None:
    """`n` counts in the program, and is a parameter of the function that it calls."""
    shown = traced(debugged_programs.sized, bytes(90)).locals
    assert "'n': 90" in shown[line_of("limited: most")]
    assert "'n': 2" in shown[line_of("sized: clamped")]


def test_a_function_in_another_file_has_its_own_names() -> None:
    tracer = traced(debugged_programs.sized, bytes(60))
    assert ("debugged_helper.py", "clamped", line_of("clamped: size", HELPER)) in tracer.lines
    stopped: list[str] = []

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        if frame.f_code.co_filename == HELPER and event == "line":
            stopped.append(repr(frame.f_locals))
        return trace

    run_traced(debugged_programs.sized, bytes(60), trace)
    assert stopped[-1] == "{'size': 60, 'low': 10}"


def test_a_frame_has_the_names_of_its_module() -> None:
    """Of the file that its line is in; a map is the machine's, which holds what the program has written by then."""
    seen: dict[str, list[object]] = {}

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        path, names = frame.f_code.co_filename, frame.f_globals
        if event == "line" and path in LINES:
            kept = dict(names["flows"]) if "flows" in names else None
            seen.setdefault(Path(path).name, []).append((names.get("LOWEST"), names.get("XdpAction"), kept))
        return trace

    run_traced(debugged_programs.sized, bytes(60), trace)
    assert seen["debugged_programs.py"][0] == (None, XdpAction, {})
    assert seen["debugged_programs.py"][-1] == (None, XdpAction, {7: debugged_programs.Flow(packets=1, size=60)})
    assert set(seen["debugged_helper.py"]) == {(10, None, None)}


def test_a_function_of_its_own_is_a_frame() -> None:
    stacks: list[list[str]] = []

    def trace(frame: FrameType, _event: str, _argument: object) -> Any:
        if frame.f_code.co_name == "doubled" and frame.f_lineno == line_of("doubled: end"):
            each: FrameType | None = frame
            names = []
            while each is not None:
                names += [each.f_code.co_name] if each.f_code.co_filename == FILE else []
                each = each.f_back
            stacks.append([*names, repr({k: v for k, v in frame.f_locals.items() if k[0] != "."})])
        return trace

    assert run_traced(debugged_programs.calling, bytes(60), trace).action is XdpAction.DROP
    assert stacks[-1] == ["doubled", "calling", "{'n': 60, 'twice': 120}"]


def test_what_a_helper_calls_back_is_a_frame_and_its_locals_come_back() -> None:
    tracer = Tracer()
    with Machine(debug=True) as machine:
        debugged_programs.walking.load()
        for key in (3, 4):
            debugged_programs.flows[key] = debugged_programs.Flow(size=key * 10)
        sys.settrace(tracer)
        try:
            assert machine.run(debugged_programs.walking, bytes(60)).action is XdpAction.PASS
        finally:
            sys.settrace(None)
    each, end = line_of("walking: each"), line_of("walking: end")
    called = [end - 1, *range(each - 2, each + 1), end - 1]
    assert [line for _, _, line in tracer.lines] == [each - 7, each - 6, end - 1, *called, *called, end]
    assert tracer.locals[end].endswith("'total': 140}")
    assert "'last': 4, " in tracer.locals[end]


def session(program: Program[Any, Any], packet: bytes, stops: list[int], commands: str) -> list[str]:
    """What pdb writes, for commands that stand one behind the other."""
    out = io.StringIO()
    debugger = pdb.Pdb(stdin=io.StringIO(commands.replace(" ; ", "\n") + "\n"), stdout=out, nosigint=True, readrc=False)
    debugger.use_rawinput = False
    with Machine(debug=True) as machine:
        program.load()
        for line in stops:
            assert debugger.set_break(FILE, line) is None
        try:
            debugger.runcall(machine.run, program, packet)
        finally:
            debugger.clear_all_breaks()
    return out.getvalue().replace(FILE, "FILE").splitlines()


def test_pdb() -> None:
    stop = line_of("sized: large")
    said = session(debugged_programs.sized, bytes(90), [stop], "c ; p size, total ; n ; p action ; p ctx ; s ; s ; c")
    assert said[2:] == [
        f"(Pdb) > FILE({stop})sized()",
        "-> action = XdpAction.PASS  # sized: large",
        "(Pdb) (90, 5)",
        f"(Pdb) > FILE({stop + 1})sized()",
        "-> size = limited(size, 80)  # sized: limited",
        "(Pdb) <XdpAction.PASS: 2>",
        "(Pdb) XdpContext(ingress_ifindex=1, rx_queue_index=0, egress_ifindex=0)",
        f"(Pdb) > FILE({line_of('limited: most') - 1})sized()",
        "-> if n > most:",
        f"(Pdb) > FILE({line_of('limited: most')})sized()",
        "-> return most  # limited: most",
        "(Pdb) ",
    ]


CONTEXTS = """
from osmia import SkAction, SkLookupContext, TcAction, TcContext, TracepointContext
from osmia import i32, sk_lookup, struct, tc, tracepoint

@tc("ingress")
def packets(ctx: TcContext) -> TcAction:
    protocol = ctx.protocol
    return TcAction.OK

@sk_lookup(on_error=SkAction.DROP)
def sockets(ctx: SkLookupContext) -> SkAction:
    found = ctx.remote_port + 1
    return SkAction.PASS

@struct
class Switch(TracepointContext):
    prev_prio: i32

@tracepoint("sched", "sched_switch")
def switches(ctx: Switch) -> None:
    priority = ctx.prev_prio
"""


def test_contexts_show_what_programs_read(tmp_path: Path) -> None:
    """Numbers in network byte order, signed ones, and objects."""
    module = module_from(tmp_path, CONTEXTS)
    shown: dict[str, dict[str, Any]] = {}

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        if frame.f_code.co_filename != module.__file__:
            return None
        if event == "return" and frame.f_code.co_name in vars(module):
            ctx = frame.f_locals["ctx"]
            fields = ("protocol", "remote_port", "remote_ip4", "remote_ip6", "prev_prio", "sk", "cb")
            shown[frame.f_code.co_name] = {name: getattr(ctx, name) for name in fields if name in dir(ctx)}
            shown[frame.f_code.co_name] |= {
                name: value for name, value in frame.f_locals.items() if name in ("protocol", "found", "priority")
            }
        return trace

    with Machine(debug=True) as machine:
        programs = module.packets, module.sockets, module.switches
        for program in programs:
            program.load()
        sys.settrace(trace)
        try:
            machine.run(module.packets, ethernet() / ipv4(), cb=[1, 2])
            machine.run(module.sockets, remote_ip4="10.1.2.3", remote_port=80, remote_ip6="2001:db8::5")
            machine.run(module.switches, prev_prio=-20)
        finally:
            sys.settrace(None)
    of_packets = shown["packets"]
    assert re.fullmatch(r"<sock_common at 0x[0-9a-f]+>", repr(of_packets.pop("sk")))
    assert of_packets == {"protocol": 0x0800, "cb": [1, 2, 0, 0, 0]}
    assert shown["sockets"] == {
        "sk": None,
        "protocol": 6,
        "remote_ip4": 0x0A010203,
        "remote_ip6": [0x20010DB8, 0, 0, 5],
        "remote_port": 80,
        "found": 81,
    }
    assert shown["switches"] == {"prev_prio": -20, "priority": -20}


def test_pdb_does_not_step_into_osmia() -> None:
    """Not even where a line looks a value up, or returns."""
    stop = line_of("sized: clamped") + 1
    said = session(debugged_programs.sized, bytes(90), [stop], "c ; s ; s ; s ; s ; p flow ; c")
    assert said[2:] == [
        f"(Pdb) > FILE({stop})sized()",
        "-> flow = flows.lookup_or_init(7, Flow())",
        f"(Pdb) > FILE({stop + 1})sized()",
        "-> if flow is None:",
        f"(Pdb) > FILE({stop + 3})sized()",
        "-> flow.packets += 1",
        f"(Pdb) > FILE({stop + 4})sized()",
        "-> flow.size = u32(size)",
        f"(Pdb) > FILE({stop + 5})sized()",
        "-> return action  # sized: end",
        "(Pdb) Flow(packets=1, size=70)",
        "(Pdb) ",
    ]


def test_breakpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[tuple[str, int, object]] = []

    def hook() -> None:
        frame = sys._getframe(1)
        stopped.append((frame.f_code.co_filename, frame.f_lineno, frame.f_locals["size"]))

    monkeypatch.setattr(sys, "breakpointhook", hook)
    with Machine(debug=True) as machine:
        assert machine.run(debugged_programs.stopping, bytes(61)).action is XdpAction.PASS
        machine.run(debugged_programs.stopping, bytes(3))
    before = line_of("stopping: behind") - 1
    assert stopped == [(FILE, before, 61), (FILE, before, 3)]


def test_breakpoint_where_nothing_debugs() -> None:
    with Machine() as machine:
        said = refusal(CompileError, lambda: machine.run(debugged_programs.stopping, bytes(64)))
    where = f"(debugged_programs.py, line {line_of('stopping: behind') - 1})"
    assert said.startswith(f"nothing can stop at a breakpoint() in the kernel {where}")


def test_other_engines_do_not_debug() -> None:
    assert refusal(ValueError, lambda: Machine(engine="interpreter", debug=True)) == (
        "a machine that debugs has the engine 'python', not 'interpreter'"
    )


def test_what_is_not_debugged_has_no_marks() -> None:
    """The cache keeps the two apart."""
    with Machine(debug=True), load(debugged_programs.sized, engine=Machine(debug=True)) as loaded:
        assert loaded[debugged_programs.sized].test_run(bytes(90)).action is XdpAction.PASS
    with Machine(engine="python") as machine:
        machine.run(debugged_programs.sized, bytes(90))
        code = machine.programs[max(machine.programs)].code
        assert not code.marks
        assert debugged_programs.sized.test_run(bytes(20)).action is XdpAction.DROP


def test_the_kernel_cannot_run_it() -> None:
    data = object_for((debugged_programs.sized.request,), DEBUG).data
    assert refusal(ObjectError, lambda: load(data)) == (
        "the object: it was compiled for debugging, which only a machine of the user-space runtime can run: "
        "osmia.load(..., engine=osmia.Machine(debug=True))"
    )


C = """
struct { __uint(type, 2); __type(key, u32); __type(value, u64); __uint(max_entries, 1); } counts SEC(".maps");
SEC("xdp") int program(struct xdp_md *ctx)
{
    u32 key = 0;
    u64 *count = bpf_map_lookup_elem(&counts, &key);
    if (!count)
        return 1;
    *count += 1;
    return 2;
}
"""


def test_lines_of_an_object_from_elsewhere() -> None:
    """They are shown as the object has them, registers in place of locals."""
    data = c_object(C)
    seen: list[tuple[int, bool]] = []

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        if frame.f_code.co_filename.endswith("program.c") and event == "line":
            seen.append((frame.f_lineno, "r10" in frame.f_locals))
        return trace

    machine = Machine(engine="python")
    with load(data, engine=machine) as loaded:
        sys.settrace(trace)
        try:
            assert loaded["program"].test_run(bytes(64)).action is XdpAction.PASS
        finally:
            sys.settrace(None)
    machine.close()
    first = seen[0][0]
    assert [line - first for line, _ in seen][-2:] != []
    assert all(registers for _, registers in seen)
