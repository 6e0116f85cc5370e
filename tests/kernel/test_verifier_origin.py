"""Where a refused value came from: logs walked back."""

from __future__ import annotations

import pytest

from osmia.kernel.verifier_log import read_log
from osmia.kernel.verifier_origin import origin

LOOKUP = "5: (85) call bpf_map_lookup_elem#1    ; R0=map_value_or_null(id=1,map=table,ks=4,vs=64)\n"
CHECKED = "6: (55) if r0 != 0x0 goto pc+2 9: R0=map_value(map=table,ks=4,vs=64) R6=ctx() R10=fp0\n"
INDEX = "9: (61) r1 = *(u32 *)(r6 +16)        ; R1=scalar(umax=0xffffffff) R6=ctx()\n"
ENTERED = "caller:\n R6=ctx() R10=fp0\ncallee:\n frame1: R1=map_value(map=table,ks=4,vs=64) R10=fp0\n"
RETURNED = "returning from callee:\n frame1: R0=1 R10=fp0\nto caller at 8:\n R0=1 R10=fp0\n"


@pytest.mark.parametrize(
    ("log", "register", "number", "index"),
    [
        pytest.param(LOOKUP + "6: (79) r1 = *(u64 *)(r0 +0)\n", 0, False, 5, id="a call"),
        pytest.param(
            LOOKUP + "6: (bf) r7 = r0\n7: (bf) r8 = r7\n8: (07) r8 += 8\n9: (79) r1 = *(u64 *)(r8 +0)\n",
            8,
            False,
            5,
            id="copies and constants",
        ),
        pytest.param(
            LOOKUP + "6: (7b) *(u64 *)(r10 -8) = r0\n7: (85) call bpf_ktime_get_ns#5\n"
            "8: (79) r3 = *(u64 *)(r10 -8)\n9: (79) r1 = *(u64 *)(r3 +0)\n",
            3,
            False,
            5,
            id="by way of the stack",
        ),
        pytest.param(
            LOOKUP + "6: (7b) *(u64 *)(r10 -8) = r0\n7: (62) *(u32 *)(r10 -4) = 1\n"
            "8: (79) r3 = *(u64 *)(r10 -8)\n9: (79) r1 = *(u64 *)(r3 +0)\n",
            3,
            False,
            7,
            id="overwritten on the stack",
        ),
        pytest.param(
            "4: (79) r3 = *(u64 *)(r10 -8)\n5: (79) r1 = *(u64 *)(r3 +0)\n", 3, False, 4, id="a load from the stack"
        ),
        pytest.param(
            LOOKUP + CHECKED + INDEX + "10: (0f) r0 += r1\n11: (72) *(u8 *)(r0 +0) = 1\n", 0, False, 5, id="a pointer"
        ),
        pytest.param(
            LOOKUP + CHECKED + INDEX + "10: (67) r1 <<= 3\n11: (0f) r0 += r1\n12: (72) *(u8 *)(r0 +0) = 1\n",
            0,
            True,
            9,
            id="a number added to a pointer",
        ),
        pytest.param(
            LOOKUP + CHECKED + INDEX + "10: (0f) r1 += r0\n11: (72) *(u8 *)(r1 +0) = 1\n",
            1,
            True,
            9,
            id="a pointer added to a number",
        ),
        pytest.param(
            "1: (61) r1 = *(u32 *)(r6 +16)\n2: (61) r2 = *(u32 *)(r6 +0)\n3: (0f) r2 += r1\n"
            "4: (71) r0 = *(u8 *)(r2 +0)\n",
            2,
            True,
            3,
            id="not known which is the pointer",
        ),
        pytest.param(
            LOOKUP + "6: (bf) r1 = r0\n7: (85) call pc+2\n" + ENTERED + "10: (79) r2 = *(u64 *)(r1 +0)\n",
            1,
            False,
            5,
            id="an argument of a function",
        ),
        pytest.param(
            LOOKUP + "6: (85) call pc+2\n" + ENTERED + "9: (79) r2 = *(u64 *)(r6 +0)\n",
            6,
            False,
            None,
            id="not set in a function",
        ),
        pytest.param(
            "6: (85) call pc+2\n"
            + ENTERED
            + "9: (b7) r0 = 1\n10: (95) exit\n"
            + RETURNED
            + "7: (79) r2 = *(u64 *)(r0 +0)\n",
            0,
            False,
            9,
            id="what a function returned",
        ),
        pytest.param(
            LOOKUP + "6: (bf) r6 = r0\n7: (85) call pc+2\n" + ENTERED + "10: (b7) r6 = 1\n11: (b7) r0 = 1\n"
            "12: (95) exit\n" + RETURNED + "8: (79) r2 = *(u64 *)(r6 +0)\n",
            6,
            False,
            5,
            id="kept over a function",
        ),
        pytest.param(
            "5: (b7) r1 = 1\n6: (85) call pc+2\n"
            + ENTERED
            + "9: (b7) r0 = 1\n10: (95) exit\n"
            + RETURNED
            + "7: (79) r2 = *(u64 *)(r1 +0)\n",
            1,
            False,
            6,
            id="not kept over a function",
        ),
        pytest.param(
            "7: (85) call bpf_loop#181\nfrom 7 to 12: frame1: R1=scalar() R2=fp-8 R10=fp0 cb\n"
            "12: (79) r0 = *(u64 *)(r1 +0)\n",
            1,
            False,
            7,
            id="an argument of a callback",
        ),
        pytest.param(
            "5: (b7) r6 = 1\n7: (85) call bpf_loop#181\nfrom 7 to 12: frame1: R1=scalar() R2=fp-8 R10=fp0 cb\n"
            "12: (79) r0 = *(u64 *)(r6 +0)\n",
            6,
            False,
            None,
            id="not set in a callback",
        ),
        pytest.param(
            "5: (b7) r6 = 1\n7: (85) call bpf_loop#181\nfrom 7 to 12: frame1: R1=scalar() R2=fp-8 R10=fp0 cb\n"
            "12: (b7) r6 = 2\nfrom 12 to 8: R0=scalar() R6=1 R10=fp0\n8: (79) r0 = *(u64 *)(r6 +0)\n",
            6,
            False,
            5,
            id="kept over a callback",
        ),
        pytest.param("0: (bf) r6 = r1\n1: (79) r0 = *(u64 *)(r6 +0)\n", 6, False, None, id="the program's argument"),
        pytest.param("0: (bf) r6 = r10\n1: (79) r0 = *(u64 *)(r6 +0)\n", 6, False, 0, id="a place on the stack"),
        pytest.param("0: (bc) w6 = w1\n1: (79) r0 = *(u64 *)(r6 +0)\n", 6, False, 0, id="cut to 32 bits"),
        pytest.param("0: (b7) r1 = 1\n1: (85) call bpf_a#5\n2: (bf) r0 = r1\n", 1, False, 1, id="lost in a call"),
        pytest.param("0: (79) r0 = *(u64 *)(r6 +0)\n", 6, False, None, id="nothing before"),
        pytest.param("", 6, False, None, id="nothing at all"),
    ],
)
def test_where_a_value_came_from(log: str, register: int, *, number: bool, index: int | None) -> None:
    found = origin(read_log(log).steps, register, number=number)
    assert (found.step.index if found else None) == index


def test_a_call_that_ends_a_pointer_is_one_behind_it() -> None:
    """What is no pointer into the packet is not ended by a call that moves the packet."""
    packet = "1: (61) r7 = *(u32 *)(r6 +0)          ; R6=ctx() R7=pkt(r=0)\n"
    number = "1: (61) r7 = *(u32 *)(r6 +12)         ; R6=ctx() R7=scalar()\n"
    moved = "2: (85) call bpf_xdp_adjust_head#44          ; R0=scalar()\n"
    used = "3: (71) r0 = *(u8 *)(r7 +0)\n"
    for log, ended_by in ((packet + moved + used, 2), (number + moved + used, None), (moved + packet + used, None)):
        found = origin(read_log(log).steps, 7, number=False)
        assert found is not None
        assert (found.ended_by.index if found.ended_by else None) == ended_by
