"""BPF objects for tests: C through clang, LLVM IR through llvmlite; and the system's own readers of objects."""

from __future__ import annotations

import io
import re
import struct
import tempfile
from functools import lru_cache
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from system_packages import tool

DATA = Path(__file__).parent / "data"

# What C programs of the tests start with, in place of the kernel's and libbpf's headers.
PRELUDE = """
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32; typedef unsigned long long u64;
typedef signed char s8; typedef short s16; typedef int s32; typedef long long s64;
#define SEC(name) __attribute__((section(name), used))
#define __uint(name, value) int (*name)[value]
#define __type(name, value) typeof(value) *name
#define __noinline __attribute__((noinline))
#define __hidden __attribute__((visibility("hidden")))
struct xdp_md { u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; };
static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static u64 (*bpf_ktime_get_ns)(void) = (void *)5;
static long (*bpf_loop)(u32 count, void *callback, void *context, u64 flags) = (void *)181;
char LICENSE[] SEC("license") = "GPL";
"""


@lru_cache(None)
def c_object(source: str, *options: str, prelude: str = PRELUDE) -> bytes:
    """Compile C for BPF with debug information."""
    clang = tool("clang")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "program.c"
        path.write_text(prelude + source)
        made = path.with_suffix(".o")
        clang.run("-O2", "-g", "-target", "bpf", "-Wno-everything", *options, "-c", path, "-o", made)
        return made.read_bytes()


@lru_cache(None)
def ir_object(text: str, cpu: str = "v3") -> bytes:
    """Compile LLVM IR for BPF."""
    llvm = pytest.importorskip("llvmlite.binding", reason="llvmlite is not installed (pip install llvmlite)")
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple("bpfel").create_target_machine(cpu=cpu, opt=2, codemodel="default")
    module = llvm.parse_assembly(text, llvm.create_context())
    module.verify()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=2))
    builder.getModulePassManager().run(module, builder)
    emitted: bytes = machine.emit_object(module)
    return emitted


def counter(cpu: str = "v3") -> bytes:
    """The packet counter with its Python source lines, as osmia's compiler would make it."""
    return ir_object((DATA / "counter.ll").read_text(), cpu)


def patched(data: bytes, section: str, at: int, layout: str, *values: int) -> bytes:
    """The object with other values at an offset of a section's contents."""
    found = ELFFile(io.BytesIO(data)).get_section_by_name(section)
    assert found is not None
    changed = bytearray(data)
    struct.pack_into(layout, changed, found["sh_offset"] + at, *values)
    return bytes(changed)


def header_patched(data: bytes, section: str, field: str, value: int) -> bytes:
    """The object with another value in a section's header."""
    elf = ELFFile(io.BytesIO(data))
    index = elf.get_section_index(section)
    assert index is not None
    at, layout = {"name": (0, "<I"), "type": (4, "<I"), "offset": (24, "<Q"), "size": (32, "<Q"), "info": (44, "<I")}[
        field
    ]
    changed = bytearray(data)
    struct.pack_into(layout, changed, elf["e_shoff"] + 64 * index + at, value)
    return bytes(changed)


def llvm_objdump(data: bytes, *options: str) -> tuple[str, int]:
    """What llvm-objdump prints of an object, with numbers in decimal; and its version."""
    program = tool("llvm-objdump")
    found = re.search(r"LLVM version (\d+)", program.run("--version").stdout)
    assert found
    version = int(found[1])
    # Without alu32, it would not name 32-bit registers; from 17 on it knows v4, and prints hexadecimal unless told.
    newer = ("--mcpu=v4", "--no-print-imm-hex") if version >= 17 else ("--mcpu=v3", "--mattr=+alu32")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "program.o"
        path.write_bytes(data)
        return program.run(*newer, *options, path).stdout, version
