"""Random formats of trace_printk, in the kernel and in a machine: what is counted, and what the trace pipe shows."""

from __future__ import annotations

import os
import random
import struct
import time
from typing import Any

import osmia
from compiled import c_object
from osmia import Machine
from this_kernel import needs_root
from trace_pipe import trace_pipe

RUNS = 300
LENGTH = 96
SOURCE = f"""
struct value {{ char format[{LENGTH}]; u64 a, b, c; }};
struct {{ __uint(type, 2); __type(key, u32); __type(value, struct value); __uint(max_entries, 1); }} held SEC(".maps");
static long (*trace_printk)(const char *format, u32 size, u64 a, u64 b, u64 c) = (void *)6;
SEC("xdp") int p(struct xdp_md *ctx) {{
    u32 key = 0;
    struct value *value = bpf_map_lookup_elem(&held, &key);
    if (!value) return 99;
    return trace_printk(value->format, {LENGTH}, value->a, value->b, value->c);
}}
"""
PARTS = (
    *("%d", "%u", "%x", "%X", "%i", "%ld", "%lld", "%lu", "%llx", "%c", "%5d", "%-5d|", "%05d", "%+d", "% d", "%%"),
    *("%s", "%08x", "%-8x|", "%3c|", "%p%", "%q", "%", "%l", "%lllx", "%pI4", "%pi6", "%pks", "%pus", "%5s|", "%-3s|"),
    *("%#x", "%.3d", "%h", "%00005d", "%-05d|", "%+5d", "% 05d", "%150d", "a", "b ", " ", "é", "\x01", "%pK%", "%px"),
    *("%0d", "%-d", "%+u", "% x", "%+x", "%5%", "%pz", "%I4", "%pI4é", "%s\xd7", "%sé"),
)
NUMBERS = (0, 1, 65, (1 << 64) - 1, 0x80000000, 1 << 63, 1234567, 77)


def run(loaded: Any, text: bytes, numbers: list[int]) -> int:
    value = text.ljust(LENGTH, b"\0") + struct.pack("<3Q", *numbers)
    loaded["held"].backend.update(bytes(4), value)
    found: int = loaded["p"].test_run(bytes(64)).return_value
    return found - (found >> 31 << 32)


@needs_root("loads programs")
def test_formats() -> None:
    choose = random.Random(6)
    made = c_object(SOURCE)
    with (
        osmia.load(made) as there,
        Machine() as machine,
        osmia.load(made, engine=machine) as here,
        trace_pipe() as pipe,
    ):
        for number in range(RUNS):
            mark = f"osmia-{os.getpid()}-{time.monotonic_ns()}-{number}:"
            text = mark + "".join(choose.choice(PARTS) for _ in range(choose.randrange(1, 6)))
            numbers = [choose.choice(NUMBERS) for _ in range(3)]
            machine.trace.clear()
            expected = run(there, text.encode(), numbers)
            assert run(here, text.encode(), numbers) == expected, (text, numbers)
            # What pointers look like is each side's own.
            if expected > 0 and "%pK" not in text and "%p%" not in text:
                shown = pipe.line_with(mark)
                assert machine.trace[0].removeprefix(mark) == shown.rstrip("\0"), (text, numbers)
