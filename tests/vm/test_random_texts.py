"""Numbers in random texts, and checksums of these, in the kernel and in a machine."""

from __future__ import annotations

import random
import struct
from typing import Any

import osmia
from compiled import c_object
from osmia import Machine
from this_kernel import needs_root

RUNS = 500
LENGTH = 24
SOURCE = """
struct value { char text[24]; u64 flags, out[6]; u32 seed, pad; };
struct { __uint(type, 2); __type(key, u32); __type(value, struct value); __uint(max_entries, 1); } held SEC(".maps");
static long (*strtol)(const char *buf, u64 len, u64 flags, long *res) = (void *)105;
static long (*strtoul)(const char *buf, u64 len, u64 flags, u64 *res) = (void *)106;
static long (*csum_diff)(void *from, u32 from_size, void *to, u32 to_size, u32 seed) = (void *)28;
SEC("xdp") int p(struct xdp_md *ctx) {
    u32 key = 0;
    struct value *value = bpf_map_lookup_elem(&held, &key);
    if (!value) return 99;
    value->out[0] = strtol(value->text, 24, value->flags, (long *)&value->out[1]);
    value->out[2] = strtoul(value->text, 24, value->flags, &value->out[3]);
    value->out[4] = csum_diff(value->text, 12, value->text + 12, 8, value->seed);
    value->out[5] = csum_diff(value->text, 24, 0, 0, value->seed) << 16 | csum_diff(0, 0, value->text, 4, value->seed);
    return 0;
}
"""
CHARACTERS = "0123456789abcdefxX-+ \t\n g\0\xa0"
LARGE = (1 << 63, 1 << 64, 10**18, 9, 1, 0)
FLAGS = (0, 8, 10, 16, 10, 16, 2, 7, 32, 1 << 40)


def text(choose: random.Random) -> bytes:
    match choose.randrange(3):
        case 0:
            found = "".join(choose.choice(CHARACTERS) for _ in range(choose.randrange(LENGTH)))
        case 1:
            start = choose.choice(("", "-", " ", "0x", "-0x", "0"))
            found = f"{start}{choose.choice(LARGE) + choose.randrange(-3, 3)}"
        case _:
            found = f"{choose.choice(('', '-', '0x', '-0x', '0X'))}{choose.choice(LARGE):x}"
    return found.encode("latin-1")[:LENGTH].ljust(LENGTH, b"\0")


def run(loaded: Any, given: bytes, flags: int, seed: int) -> tuple[int, ...]:
    loaded["held"].backend.update(bytes(4), given + struct.pack("<Q48xII", flags, seed, 0))
    assert loaded["p"].test_run(bytes(64)).return_value == 0
    return struct.unpack("<6q", loaded["held"].backend.lookup(bytes(4))[32:80])


@needs_root("loads programs")
def test_texts() -> None:
    choose = random.Random(6)
    made = c_object(SOURCE)
    with osmia.load(made) as there, Machine() as machine, osmia.load(made, engine=machine) as here:
        for _ in range(RUNS):
            given = text(choose), choose.choice(FLAGS), choose.choice((0, 0xFFFFFFFF, choose.getrandbits(32)))
            assert run(here, *given) == run(there, *given), given
