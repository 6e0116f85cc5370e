"""Loops in loops that take the verifier more than a million steps, said before; and those that take it fewer, not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import compiled
import osmia
from osmia.checking import check
from osmia.compiler import Target
from osmia.compiler.cache import object_for
from osmia.object_file import read_object
from program_files import body_of, module_from
from this_kernel import needs_root

if TYPE_CHECKING:
    from pathlib import Path

# Two loops, each of which has to stay one; the inner one is `BODY`.
LOOPS = """
SEC("xdp") int program(struct xdp_md *ctx) {{
    u32 x = ctx->ingress_ifindex; u64 sum = 0;
    #pragma clang loop unroll(disable)
    for (int i = {first}; i < {outer}; i += {step}) {{
        #pragma clang loop unroll(disable)
        for (int j = 0; j < {inner}; j++) {{ {body} }}
        sum += i;
    }}
    return sum & 1;
}}
"""
BODY = "sum ^= bpf_ktime_get_ns() + x; x = x * 3 + j;"
LEAVES = BODY + " if (sum == 7) return 2;"
LINE = compiled.PRELUDE.count("\n") + LOOPS[: LOOPS.index("for (int i")].count("\n") + 1
# By name: what is in the loops, and whether the verifier comes to its end.
TAKEN = {
    "few rounds": ({"outer": 100, "inner": 50, "body": BODY}, True),
    "just few enough": ({"outer": 600, "inner": 80, "body": BODY}, True),
    "just too many": ({"outer": 800, "inner": 80, "body": BODY}, False),
    "many more": ({"outer": 1000, "inner": 200, "body": BODY}, False),
    "many in the outer one": ({"outer": 20_000, "inner": 8, "body": BODY}, False),
    "in steps": ({"outer": 3000, "step": 30, "inner": 80, "body": BODY}, True),
    "from a number": ({"first": 900, "outer": 1000, "inner": 300, "body": BODY}, True),
    "many, with a way out": ({"outer": 1000, "inner": 200, "body": LEAVES}, False),
}


def made(of: dict[str, object]) -> bytes:
    return compiled.c_object(LOOPS.format_map({"first": 0, "step": 1} | of))


@needs_root("loads programs")
@pytest.mark.parametrize("name", TAKEN)
def test_the_verifier_and_the_check_agree(name: str) -> None:
    of, taken = TAKEN[name]
    data = made(of)
    found = [(each.name, each.severity, each.line) for each in check(read_object(data, "program.o")).findings]
    assert found == ([] if taken else [("too-large", "warning", LINE)])
    if taken:
        osmia.load(data).close()
        return
    with pytest.raises(osmia.VerifierError, match=r"BPF program is too large|jumps is too complex"):
        osmia.load(data)


def test_what_is_said() -> None:
    (finding,) = check(read_object(made(TAKEN["many more"][0]), "program.o")).findings
    assert finding.what == (
        "a loop of 1,000 rounds takes the verifier 3,411,000 instructions or more: it goes every round, and ends after"
        " 1,000,000"
    )
    assert finding.fix == (
        "give the loop a small constant bound, or let the kernel run it (bpf_loop, which is"
        " `osmia.loop(count, function)`, from 5.17 on), or move its body into a global function, which is verified by"
        " itself"
    )


def test_a_loop_that_another_one_comes_to_again_and_again(tmp_path: Path) -> None:
    """It is left at once where the packet is short: then nothing has gone round that its test could compare."""
    body = (
        "same = 0\nfor i in range(64):\n    for j in range(64):\n        a = ctx.packet.at(u8, i)\n"
        "        b = ctx.packet.at(u8, j)\n        if a is None or b is None:\n            break\n"
        "        same += a.value == b.value\nreturn XdpAction.PASS if same else XdpAction.DROP\n"
    )
    module = module_from(tmp_path, body_of(body))
    for target in (Target("v3", (5, 10)), Target("v4", (6, 18))):
        data = object_for((module.program.request,), target).data
        assert check(read_object(data, "program.o")).findings == []
