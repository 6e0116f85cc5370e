"""The generated constants and contexts are those of the running kernel."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import generate_abi
from osmia import abi
from osmia import flags as public_flags
from osmia.abi import generated
from osmia.abi.generated import contexts, flags, helper_ids
from osmia.btf import kinds
from osmia.btf.read import Btf
from osmia.kinds import KINDS
from osmia.maps.table import MAP_KINDS
from system_packages import tool

VMLINUX = Path("/sys/kernel/btf/vmlinux")


def release_of(path: Path) -> str:
    found = re.search(r"from the BTF of Linux (\S+); do not edit", path.read_text())
    assert found
    return found[1]


@pytest.fixture(scope="module")
def kernel() -> Btf:
    if not VMLINUX.exists():
        pytest.skip(f"{VMLINUX} does not exist: this kernel has no BTF")
    return Btf(VMLINUX.read_bytes(), str(VMLINUX))


def test_the_same_kernel_gives_the_same_files(kernel: Btf) -> None:
    made_from = release_of(generate_abi.OUTPUT / "__init__.py")
    if made_from != os.uname().release:
        pytest.skip(f"the files are of Linux {made_from}, this is {os.uname().release}: their values are compared")
    for name, text in generate_abi.generate(kernel, made_from).items():
        assert (generate_abi.OUTPUT / name).read_text() == text


def constants(module: object) -> dict[str, int]:
    return {name: value for name, value in vars(module).items() if name.isidentifier() and isinstance(value, int)}


def test_every_constant_has_its_value_in_this_kernel(kernel: Btf) -> None:
    values: dict[str, int] = {}
    for of in (*kernel.of_kind(kinds.ENUM), *kernel.of_kind(kinds.ENUM64)):
        values.update(kernel.values(of))
    ours = constants(generated) | constants(helper_ids) | constants(flags)
    common = ours.keys() & values.keys()
    # Old kernels lack some; that none is compared must not pass.
    assert len(common) > 300
    assert {name: ours[name] for name in common} == {name: values[name] for name in common}


def test_flags_of_helpers_are_public() -> None:
    assert set(constants(flags)) <= set(public_flags.__all__) == set(constants(public_flags))


@pytest.mark.parametrize("struct", generate_abi.CONTEXTS)
def test_every_context_starts_in_this_kernel_with_these_members(kernel: Btf, struct: str) -> None:
    found = kernel.find(struct, kinds.STRUCT)
    assert found is not None
    here, ours = generate_abi.context_members(kernel, found), list(contexts.CONTEXTS[struct])
    assert here[: len(ours)] == ours[: len(here)]


def test_the_macros_are_those_of_the_installed_headers() -> None:
    text = tool("clang").run(
        "-E", "-dM", "-x", "c", "-include", "linux/bpf.h", "-include", "linux/if_link.h", "/dev/null"
    )
    macros = dict(re.findall(r"^#define (\w+)\s+(\(1U << \d+\)|\d+U?)$", text.stdout, re.MULTILINE))
    ours = constants(abi)
    common = ours.keys() & macros.keys()
    assert len(common) > 15
    assert {name: ours[name] for name in common} == {name: _value(macros[name]) for name in common}


def _value(macro: str) -> int:
    shifted = re.fullmatch(r"\(1U << (\d+)\)", macro)
    return 1 << int(shifted[1]) if shifted else int(macro.rstrip("U"))


def test_the_tables_say_what_the_kernel_says() -> None:
    assert (KINDS["xdp"].program_type, KINDS["xdp"].attach_types) == (6, {"": 37, "devmap": 33, "cpumap": 35})
    tracing = {"tracepoint": (5, 0), "raw_tracepoint": (17, 0), "tp_btf": (26, 23), "lsm": (29, 27)}
    assert {name: (KINDS[name].program_type, KINDS[name].attach_type("any")) for name in tracing} == tracing
    assert KINDS["xdp"].context_members == contexts.CONTEXTS["xdp_md"]
    for kind in KINDS.values():
        name = "TRACING" if kind.name == "tp_btf" else kind.name.upper()
        assert kind.program_type == constants(generated)[f"BPF_PROG_TYPE_{name}"]
        places = {each.name: each for each in kind.context_members}
        for name, field in kind.fields.items():
            place = places[name]
            assert (place.offset, place.bits, place.length) == (field.offset, field.bits, field.length)
            assert bool(place.pointer) == bool(field.object)
    for row in MAP_KINDS.values():
        if row.since > (6, 18):
            continue  # the kernel that they were made from is older
        assert row.type == constants(generated)[f"BPF_MAP_TYPE_{row.kernel_name}"]
