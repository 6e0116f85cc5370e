"""The table of helpers is what this kernel says of them."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import generate_helpers
import helper_tables
import measure_helpers
from osmia import helpers
from osmia.abi.generated import helper_ids
from osmia.abi.generated.helpers import HELPERS
from osmia.abi.helpers import function_row, helper_for, kinds_of
from osmia.btf import kinds
from osmia.btf.read import Btf
from osmia.contexts import kernel_structs
from raw_programs import insn, returns

if TYPE_CHECKING:
    from osmia.abi.helper_row import HelperRow

VMLINUX = Path("/sys/kernel/btf/vmlinux")
major, minor = os.uname().release.split(".")[:2]
THIS_KERNEL = (int(major), int(minor.partition("-")[0]))
# What a kernel may refuse though it has it: it is locked down.
LOCKED_DOWN = {"probe_write_user"}


@cache
def kernel() -> Btf:
    if not VMLINUX.exists():
        pytest.skip(f"{VMLINUX} does not exist: this kernel has no BTF")
    return Btf(VMLINUX.read_bytes(), str(VMLINUX))


@cache
def asked() -> dict[str, dict[str, str]]:
    """What this kernel says: the letter of each helper, by hook; hooks that it does not have are left out."""
    columns = measure_helpers.measure(kernel())
    return {hook: column for hook, column in columns.items() if "?" not in column.values()}


def hooks_of(kind: str) -> list[str]:
    return [hook.name for hook in measure_helpers.HOOKS if hook.kind == kind and hook.name in asked()]


def accepts(kind: str, name: str) -> bool:
    return any(asked()[hook][name] != "." for hook in hooks_of(kind))


def here() -> list[str]:
    """The kinds that this kernel loads."""
    return [kind for kind in helper_tables.all_kinds() if hooks_of(kind)]


def allowed(row: HelperRow, kind: str, version: tuple[int, int]) -> bool:
    """What the table says."""
    return kind in row.kinds and row.since_for(kind) <= version < row.until.get(kind, (99, 0))


def test_the_same_tables_give_the_same_files() -> None:
    for name, text in generate_helpers.generate().items():
        assert (generate_helpers.ROOT / name).read_text() == text, f"{name}: run tools/generate_helpers.py"


def test_every_number_is_the_kernels() -> None:
    enum = kernel().find("bpf_func_id", kinds.ENUM)
    assert enum is not None
    numbers = {name.removeprefix("BPF_FUNC_"): value for name, value in kernel().values(enum) if value}
    numbers.pop("__BPF_FUNC_MAX_ID", None)
    common = numbers.keys() & HELPERS.keys()
    assert len(common) >= 155  # those of 5.10
    assert {name: HELPERS[name].number for name in common} == {name: numbers[name] for name in common}
    assert [row.number for row in HELPERS.values()] == list(range(1, 212))


def test_this_kernel_has_most_kinds() -> None:
    assert len(here()) >= 25
    assert "xdp" in here()


@pytest.mark.parametrize("kind", helper_tables.all_kinds())
def test_this_kernel_accepts_what_the_table_allows(kind: str) -> None:
    if not hooks_of(kind):
        pytest.skip(f"this kernel loads no {kind} programs")
    promised = {name for name, row in HELPERS.items() if allowed(row, kind, THIS_KERNEL)}
    unmeasured = {name for of, _, names in helper_tables.UNMEASURED if of == kind for name in names.split()}
    refused = {name for name in promised - LOCKED_DOWN - unmeasured if not accepts(kind, name)}
    assert refused == set()
    assert len(promised) > 10


@pytest.mark.parametrize("kind", helper_tables.all_kinds())
def test_this_kernel_refuses_what_the_table_does_not_allow(kind: str) -> None:
    if not hooks_of(kind):
        pytest.skip(f"this kernel loads no {kind} programs")
    taken = {name for name in HELPERS if name in measure_helpers.HELPERS and accepts(kind, name)}
    if THIS_KERNEL in helper_tables.measured():
        assert {name for name in taken if not allowed(HELPERS[name], kind, THIS_KERNEL)} == set()
    else:  # between two measured kernels the table is careful about the version
        assert {name for name in taken if kind not in HELPERS[name].kinds} == set()


def test_every_hook_is_as_it_was_measured() -> None:
    measured = helper_tables.measured().get(THIS_KERNEL)
    if measured is None:
        pytest.skip(f"no kernel {THIS_KERNEL} was measured, so its hooks cannot be compared one by one")
    for hook, column in asked().items():
        if "?" not in measured[hook].values():
            found = {name: letter for name, letter in column.items() if name not in LOCKED_DOWN}
            assert found == {name: measured[hook][name] for name in found}, hook


def test_exceptions_among_hooks() -> None:
    exceptions = {(hook, row.name) for row in HELPERS.values() for hook in row.not_at}
    assert ("cgroup_sockopt/getsockopt", "setsockopt") in exceptions
    assert ("cgroup_sock_addr/inet4_bind", "bind") in exceptions
    assert ("cgroup_sock_addr/inet4_connect", "bind") not in exceptions
    assert HELPERS["d_path"].at_some == ("fentry", "fexit", "lsm_cgroup")


def test_the_licence_and_sleep_are_what_this_kernel_asks_for() -> None:
    letters: dict[str, set[str]] = {name: set() for name in HELPERS}
    for column in asked().values():
        for name, letter in column.items():
            letters[name].add(letter)
    assert {name for name, seen in letters.items() if "g" in seen} <= {n for n, row in HELPERS.items() if row.gpl_only}
    # Some kinds load under a GPL licence alone, which says nothing of their helpers.
    free = {name for name in HELPERS if any(asked()[hook][name] == "+" for hook in ("xdp", "sched_cls", "tracepoint"))}
    assert {name for name in free if HELPERS[name].gpl_only} == set()
    if THIS_KERNEL >= (6, 12):
        sleep = {name for name, seen in letters.items() if "s" in seen}
        assert sleep <= {name for name, row in HELPERS.items() if row.sleepable_only}
        assert {"copy_from_user", "copy_from_user_task"} <= sleep


def test_the_context_is_taken_where_the_table_says_so() -> None:
    """A program of one call has its context in r1, so the verifier complains of r1 where that must be another thing."""
    wrong, tried = [], 0
    for hook in measure_helpers.HOOKS:
        if hook.name not in asked():
            continue
        loading = measure_helpers.loadable(hook, kernel())
        assert loading is not None
        for row in HELPERS.values():
            if not row.arguments or row.arguments[0].kind != "context" or asked()[hook.name].get(row.name, ".") == ".":
                continue
            said = measure_helpers.verdict(loading, row.number, b"GPL").splitlines()
            refused = any(line.startswith("R1 type=ctx expected") for line in said)
            tried += 1
            if refused != (hook.kind in row.given_first):
                wrong.append((hook.name, row.name, said))
    assert wrong == []
    assert tried > 150


def test_no_kernel_had_a_helper_before_its_version() -> None:
    for version, columns in helper_tables.measured().items():
        for name, row in HELPERS.items():
            if version < row.since:
                assert {column[name] for column in columns.values()} <= {".", "?"}, f"{name} on {version}"


def test_looking_helpers_up() -> None:
    row = helper_for("xdp", "xdp_adjust_head")
    assert row is not None
    assert row.number == helper_ids.BPF_FUNC_xdp_adjust_head
    assert [(of.name, of.kind, of.parameter) for of in row.arguments] == [
        ("xdp_md", "context", ""),
        ("delta", "integer", "delta"),
    ]
    assert row.changes_packet
    assert helper_for("sched_cls", "xdp_adjust_head") is None
    assert helper_for("xdp", "adjust_head") is None
    assert helper_for("no_such_kind", "ktime_get_ns") is None
    assert kinds_of("xdp_adjust_head") == ("xdp",)
    assert kinds_of("skb_store_bytes") == ("sched_cls", "lwt_xmit", "sk_skb")
    assert kinds_of("no_such_helper") == ()
    late = HELPERS["get_current_pid_tgid"]
    assert (late.since_for("kprobe"), late.since_for("xdp")) == ((4, 2), (6, 12))
    assert HELPERS["skb_pull_data"].until == {"lwt_seg6local": (7, 3)}


def test_functions_of_helpers_are_found() -> None:
    assert function_row(helpers.ktime_get_ns) is HELPERS["ktime_get_ns"]
    assert function_row(helper_for) is None
    assert function_row(5) is None
    assert all(function_row(getattr(helpers, name)) is HELPERS[name] for name in helpers.__all__)
    assert len(helpers.__all__) > 30


def test_rows_are_complete() -> None:
    assert len({row.description for row in HELPERS.values()}) == len(HELPERS)
    for row in HELPERS.values():
        assert len(row.arguments) <= 5
        assert row.kinds
        assert set(row.given_first) <= set(row.kinds) | set(helper_tables.all_kinds())
        assert row.description.endswith(".")
        assert row.form in {"context", "function", "map", "timer", "lock", "kptr"}
        assert bool(row.method) == (row.form in {"map", "timer"})
        for before, argument in zip((None, *row.arguments), row.arguments, strict=False):
            if argument.kind == "size":
                assert before is not None
                assert before.kind == "memory", row.name
                assert before.size == 0
            if argument.kind in {"context", "size"}:
                assert argument.parameter == ""
            else:
                assert argument.parameter.isidentifier()


def test_every_struct_that_helpers_name_exists() -> None:
    text = (generate_helpers.ROOT / "src/osmia/contexts/generated/helpers.py").read_text()
    named = set(re.findall(r"\bkernel\.(\w+)", text))
    assert len(named) > 15
    assert named <= vars(kernel_structs).keys()


def test_every_function_says_that_it_is_for_kernel_code() -> None:
    with pytest.raises(TypeError) as caught:
        helpers.ktime_get_ns()
    assert str(caught.value) == "ktime_get_ns() exists in kernel code only: a program that runs in the kernel calls it"


# ---- calls made as the rows say


PLACE = 256
"""Bytes of zeros on the stack for each pointer to memory."""
NO_SIZE = 0x7000
"""An integer that the kernel refuses as the size of memory on the stack."""


def call(row: HelperRow, result: int) -> bytes | None:
    """A program that calls a helper as its row says; None where that takes a map, an object or a function."""
    code = [insn(0xBF, 6, 1)]  # r6 = r1, the context
    code += [insn(0x7A, 10, off=-offset) for offset in range(8, 2 * PLACE + 1, 8)]  # zeros on the whole stack
    places = 0
    for register, argument in enumerate(row.arguments, start=1):
        if argument.kind == "context":
            code.append(insn(0xBF, register, 6))
        elif argument.kind == "integer":
            code.append(insn(0xB7, register, imm=NO_SIZE))
        elif argument.kind == "size":
            code.append(insn(0xB7, register, imm=32))
        elif argument.kind == "memory":
            places += 1
            code += [insn(0xBF, register, 10), insn(0x07, register, imm=-PLACE * places)]
        else:
            return None
    code += [insn(0x85, imm=row.number), returns(result)]
    return b"".join(code)


def test_most_calls_can_be_made() -> None:
    assert sum(row.returns != "object" and call(row, 0) is not None for row in HELPERS.values()) > 110


@pytest.mark.parametrize("name", HELPERS)
def test_the_kernel_takes_a_call_made_as_the_row_says(name: str) -> None:
    row = HELPERS[name]
    if row.returns == "object" or call(row, 0) is None:
        return  # the one above counts what is left
    tried: set[str] = set()
    for hook in measure_helpers.HOOKS:
        may = asked().get(hook.name, {}).get(name, ".") in "+g"
        if not may or hook.kind in {*row.given_first, *tried}:
            continue
        tried.add(hook.kind)
        loading = measure_helpers.loadable(hook, kernel())
        assert loading is not None
        said = measure_helpers.load(loading, call(row, 0) or b"", b"GPL")
        if "should have been in [1, 1]" in said:  # what such hooks return, whatever the helper
            said = measure_helpers.load(loading, call(row, 1) or b"", b"GPL")
        assert said == "", hook.name
