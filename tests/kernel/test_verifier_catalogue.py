"""Every entry of the verifier's catalogue, reached in the running kernel: the whole text of each refusal is pinned.

`python tests/kernel/test_verifier_catalogue.py` writes refused.txt anew from Linux 6.18, to be read before it is
committed. Other kernels word some reasons otherwise; what must be alike there is compared.
"""

from __future__ import annotations

import errno
import re
from functools import cache
from pathlib import Path

import pytest

import children
import compiled
import osmia
from osmia.errors import VerifierError
from osmia.kernel.features import kernel_version
from osmia.kernel.verifier import verifier_error
from osmia.kernel.verifier_catalogue import CATALOGUE, Entry, explain
from osmia.spec import LineInfo
from refused_programs import PROGRAMS, functions_of, load_refused
from this_kernel import needs_root

EXPECTED = Path(__file__).with_name("refused.txt")
RECORDED = Path(__file__).parents[1] / "data" / "verifier_logs"

# Only processes without CAP_PERFMON are refused these, on later kernels.
WITHOUT_PERFMON = {"stack-uninit", "stack-oob argument unset"}
# Programs that other kernels refuse for another reason. Linux 6.18 has no program for these two entries.
OTHERWISE = {
    "5.10": {"stack-oob argument unset": "stack-uninit", "call-depth recursion": "back-edge"},
    "7.3": {"call-depth recursion": "recursion"},
    "6.1": {
        **dict.fromkeys(("zero-size", "size-unbounded"), "zero-sized"),
        "sleep": "helper-na",
        "snprintf-ro": "stack-uninit",
    },
}
# Programs of which later kernels say more.
MORE_LATER = {"no-exit"}
# Which kernel brought what a program calls, or the check that refuses it.
SINCE = {
    **dict.fromkeys(("zero-size", "size-neg", "size-unbounded"), (5, 18)),
    **dict.fromkeys(("release-offset", "tail-map call"), (6, 8)),
    "btf-ro": (5, 11),
    "snprintf-ro": (5, 13),
    "kfunc": (5, 13),
    "sleep": (5, 18),
}
# Which kernel takes a program that those before refuse.
UNTIL = {"call-depth": (7, 3)}
EXACT = (6, 18)
# Logs of older kernels do not show the registers after each instruction.
STATES_SINCE = (6, 8)


def expected() -> dict[str, str]:
    found = {}
    for part in EXPECTED.read_text(encoding="utf-8").split("=== ")[1:]:
        name, _, text = part.partition("\n")
        found[name] = text.rstrip("\n")
    return found


@cache
def refusal(name: str) -> VerifierError:
    with pytest.raises(VerifierError) as caught:
        load_refused(PROGRAMS[name])
    return caught.value


def text_of(name: str) -> str:
    if name in WITHOUT_PERFMON:
        result = children.outcome(lambda: load_refused(PROGRAMS[name]), children.drop("CAP_PERFMON"))
        assert result.error == "VerifierError"
        return result.text
    return str(refusal(name))


def recorded_error(name: str, log: str) -> VerifierError:
    """The error for a log that another kernel wrote."""
    lines: list[LineInfo] = []
    start = 0
    for function in functions_of(PROGRAMS[name]):
        lines += [LineInfo(start + at.offset, at.file, at.line, at.column, at.text) for at in function.lines]
        start += len(function.instructions) // 8
    return verifier_error(13, "program", log, lines)


def without(text: str, *labels: str) -> str:
    return "\n".join(line for line in text.split("\n") if not line.startswith(tuple(f"  {each}: " for each in labels)))


def entry_of(name: str) -> str:
    """A program is named after its entry, with a word behind it where there are several."""
    named = {entry.name for entry in CATALOGUE}
    return name if name in named else name.rpartition(" ")[0]


def entry_in(text: str) -> str:
    """The entry for the kernel's words at the end of a text."""
    found = explain(text.rpartition("\n  kernel: ")[2])
    return found.entry.name if found else "none"


@needs_root("loads programs")
@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_said(name: str) -> None:
    kernel = kernel_version()
    if kernel < SINCE.get(name, (0, 0)):
        pytest.skip(f"Linux {kernel[0]}.{kernel[1]} has not what this takes: {SINCE[name][0]}.{SINCE[name][1]} has")
    if kernel >= UNTIL.get(name, (99, 0)):
        pytest.skip(f"Linux {kernel[0]}.{kernel[1]} does not refuse this")
    text = text_of(name)
    others = {entries[name] for entries in OTHERWISE.values() if name in entries}
    if kernel == EXACT:
        assert text == expected()[name]
        assert entry_in(text) == entry_of(name)
    elif others:
        assert entry_in(text) in {entry_of(name), *others}
    elif kernel < STATES_SINCE or name in MORE_LATER:
        assert entry_in(text) == entry_of(name)
    else:
        assert without(text, "kernel") == without(expected()[name], "kernel")


def test_there_is_a_program_for_every_entry() -> None:
    others = {entry for entries in OTHERWISE.values() for entry in entries.values()}
    assert {entry_of(name) for name in PROGRAMS} | others == {entry.name for entry in CATALOGUE}
    assert set(expected()) == set(PROGRAMS)


def said_by(entry: Entry) -> list[tuple[str, str]]:
    """Every cause and fix of an entry."""
    return [(entry.cause, entry.fix), *((case.cause, case.fix) for case in entry.cases)]


def as_pattern(template: str) -> str:
    return re.sub(r"\\\{\w+\\\}", r".*", re.escape(template))


GLOBAL = """
__noinline int first(u32 *number) { asm volatile("" ::: "memory"); return *number; }
SEC("xdp") int careless(struct xdp_md *ctx) { u32 x = ctx->rx_queue_index; return first(&x); }
"""
OF_GLOBAL = """\
program.c:15: the kernel's verifier refuses program 'careless': what a global function is given may be missing, and is \
used without a check for None
    __noinline int first(u32 *number) { asm volatile("" ::: "memory"); return *number; }
                                                                       ^
  fix: test it at the function's start, `if value is None: return ...`: such a function is verified by itself, for all \
that it may be given
  kernel: R1 invalid mem access 'mem_or_null'"""


def test_an_argument_of_a_global_function(tmp_path: Path) -> None:
    """Such functions are there with type information only, as clang makes it; the lines are those of the log."""
    if kernel_version() < (5, 13):
        pytest.skip("Linux before 5.13 takes no pointers for global functions")
    path = tmp_path / "careless.o"
    path.write_bytes(compiled.c_object(GLOBAL))
    with pytest.raises(VerifierError) as caught:
        osmia.load(path)
    assert caught.value.file is not None
    said = str(caught.value).replace(caught.value.file, "program.c", 1)
    # Where in the line it is: newer clangs take what is read, older ones the statement.
    assert re.sub(r"^ +\^$", "    ^", said, flags=re.MULTILINE) == re.sub(
        r"^ +\^$", "    ^", OF_GLOBAL, flags=re.MULTILINE
    )
    assert caught.value.origin is None


def texts() -> list[tuple[str, str]]:
    """Every pinned text, with the name of its entry."""
    found = [(entry_of(name), text) for name, text in expected().items()] + [("null-check", OF_GLOBAL)]
    for kernel, entries in OTHERWISE.items():
        if kernel != "6.1":
            found += [(entry, recorded(kernel)[name][1]) for name, entry in entries.items()]
    return found


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
def test_every_cause_is_reached(entry: Entry) -> None:
    own = [text for name, text in texts() if name == entry.name]
    for cause, fix in said_by(entry):
        assert any(re.search(f": {as_pattern(cause)}(?: \\(at .*)?\n", text) for text in own), cause
        assert any(re.search(f"\n  fix: {as_pattern(fix)}(?:\n|$)", text) for text in own), fix


def test_names_are_not_given_twice() -> None:
    names = [entry.name for entry in CATALOGUE]
    assert len(names) == len(set(names))


@needs_root("loads programs")
def test_what_an_error_holds() -> None:
    error = refusal("map-oob variable")
    assert (error.file, error.line) == ("p.py", 7)
    assert error.origin is not None
    assert (error.origin.file, error.origin.line) == ("p.py", 5)
    assert error.origin.text == "    index = ctx.rx_queue_index"
    assert [(branch.line, branch.taken, branch.next_line) for branch in error.branches] == [(3, None, 5), (6, None, 7)]
    assert error.cause == "an access outside a map's value: 1 bytes at offset 64 of a value of 64 bytes"
    assert error.fix.startswith("test the index before it is used")
    assert error.reason.startswith("invalid access to map value, value_size=64 off=64 size=1; ")
    assert "13: (72) *(u8 *)(r0 +0) = 1" in error.log
    assert "(72)" not in str(error)


def test_a_helper_that_the_kernel_does_not_know_by_name() -> None:
    """The table of helpers does, and since when there is one."""
    found = explain("invalid func unknown#189")
    assert found is not None
    assert found.entry.cause.format(**found.groups) == (
        "a helper that this kernel does not have: xdp_load_bytes, which Linux 5.18 brought"
    )


def test_a_million_steps_fill_no_more_than_the_first_buffer() -> None:
    error = refusal("too-large")
    assert error.errno == errno.E2BIG
    assert len(error.log) < (1 << 20) + (1 << 12)


def recorded(kernel: str) -> dict[str, tuple[str, str]]:
    """Logs that another kernel wrote and what is said of them, by the name of the program."""
    found = {}
    for part in (RECORDED / f"{kernel}.txt").read_text(encoding="utf-8").split("=== ")[1:]:
        name, _, rest = part.partition("\n")
        log, _, text = rest.partition("--- expected\n")
        found[name] = (log, text.rstrip("\n"))
    return found


@pytest.mark.parametrize("name", recorded("7.3"))
def test_logs_of_linux_7_3(name: str) -> None:
    """The second format: a report in words behind the plain lines. It leads to what is said of other kernels' logs."""
    log, text = recorded("7.3")[name]
    assert "\nVerification failed: " in log or name == "misaligned"
    assert str(recorded_error(name, log)) == text
    assert entry_in(text) == OTHERWISE["7.3"].get(name, entry_of(name))
    if name not in {*OTHERWISE["7.3"], *MORE_LATER}:
        assert without(text, "kernel") == without(expected()[name], "kernel")


@pytest.mark.parametrize("name", recorded("5.10"))
def test_logs_of_linux_5_10(name: str) -> None:
    """They do not show the registers after each instruction, and word some reasons otherwise."""
    log, text = recorded("5.10")[name]
    assert str(recorded_error(name, log)) == text
    assert entry_in(text) == OTHERWISE["5.10"].get(name, entry_of(name))


def write() -> None:
    """Write the expected texts anew."""
    parts = [f"=== {name}\n{text_of(name)}\n" for name in PROGRAMS]
    EXPECTED.write_text("\n".join(parts), encoding="utf-8")
    for kernel in ("5.10", "7.3"):
        parts = [
            f"=== {name}\n{log}--- expected\n{recorded_error(name, log)}\n"
            for name, (log, _) in recorded(kernel).items()
        ]
        (RECORDED / f"{kernel}.txt").write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    if kernel_version() != EXACT:
        raise SystemExit(f"the texts are those of Linux {EXACT[0]}.{EXACT[1]}")
    write()
