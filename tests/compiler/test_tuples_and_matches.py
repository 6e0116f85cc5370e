"""Tuples, unpacking and `match` in kernel code: each small program runs in CPython and in the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from worked import CPUS, check, programs_in

if TYPE_CHECKING:
    from pathlib import Path

PROGRAMS = programs_in("""
=== tuples
def divide(a, b): return a // b, a % b
def work(x):
    q, r = divide(x, 3)
    (a, b), c = divide(q, 2), r
    a, b = b, a
    t = (a, (b, c))
    (d, (e, f)) = t
    x, y, z = f, d, e
    return a * 1000 + b * 100 + c * 10 + d + e + f + x * 7 + y + z + t[0] + t[1][1]
=== tuple in a loop
def work(x):
    t = 0
    for i in range(3):
        p = (i, x)
        a, b = p
        t += a * b + p[1]
    return t
=== rotated fibonacci
def work(x):
    a, b = 0, 1
    for _ in range(x & 31):
        a, b = b, a + b
    return a
=== tuple evaluated once
def work(x):
    n = x
    def bump():
        nonlocal n
        n += 1
        return n
    t = (bump(), bump())
    return t[0] * 100 + t[1] * 10 + t[0]
=== const item keeps effects
def work(x):
    n = x
    def bump():
        nonlocal n
        n += 1
        return n
    t = (bump(), 5)[1]
    return t * 100 + n
=== tuple of references
@struct
class P:
    a: u32 = 0
def two(x): return P(a=x), P(a=x + 1)
def work(x):
    p, q = two(x)
    p, q = q, p
    p.a += 5
    return p.a * 1000 + q.a
=== match struct
@struct(frozen=True)
class K:
    a: u8 = 0
    b: u16 = 0
@struct
class W:
    k: K = K()
    n: u32 = 0
def work(x):
    w = W(k=K(a=x & 3, b=x & 0xffff), n=7)
    match w:
        case W(k=K(a=1)):
            return 1
        case W(k=K(a=2 | 3, b=b), n=n) if b > 4:
            return b * 10 + n
        case W(k=K(b=0), n=7 as n):
            return n * 100
        case W(k=k):
            return k.b * 1000
    return -1
=== match tuple
def work(x):
    match (x & 1, x % 3):
        case (0, 0):
            return 1
        case (1, n) if n > 1:
            return n * 10
        case (a, b):
            return a * 100 + b
=== match with capture and fallthrough
def work(x):
    y = 0
    match x:
        case 1 | 2:
            y = 5
        case 3 as n:
            y = n * 2
        case n if n > 100:
            y = n
        case _:
            y = 1
    return y
=== match bool
def work(x):
    match x > 3:
        case True:
            return 5
        case _:
            return 6
=== one tuple or the other
def ordered(a, b):
    return (a, b) if a < b else (b, a)
def work(x):
    n = x
    def bump():
        nonlocal n
        n += 1
        return n
    low, high = ordered(x, 6)
    first, second = (1, 2) if x > 3 else (bump(), 3)
    return low * 10000 + high * 100 + first * 10 + second + n
=== swaps
def work(x):
    a, b, c = x, 2, 3
    a, b = b, a
    b, c, a = a, b, c
    (a, b), c = (c, a), b
    [a, b] = b, a
    return a * 10000 + b * 100 + c
=== unpacking of constants
PAIRS = ((1, 2), (3, 4))
def work(x):
    (a, b), (c, d) = PAIRS
    e, f = PAIRS[1]
    return a * 1000 + b * 100 + c * 10 + d + e * f * x
=== stores from left to right
@struct
class P:
    a: u32 = 0
    b: FixedArray[u32] = array(u32, 4)
def work(x):
    p = P()
    i = 0
    i, p.b[i] = 2, x
    p.a, i, p.b[i] = 7, 3, i + 1
    return p.b[0] + p.b[2] * 3 + p.b[3] * 5 + p.a * 7 + i
=== one value for several names
def work(x):
    a = b = c = x + 1
    a += 1
    b, c = a, b
    return a * 10000 + b * 100 + c
=== rotation of elements
def work(x):
    a = array(u32, 3)
    a[0], a[1], a[2] = x, 2, 3
    for _ in range(4):
        a[0], a[1], a[2] = a[1], a[2], a[0]
    return a[0] * 10000 + a[1] * 100 + a[2]
=== a tuple of tuples goes through functions
def swapped(pair):
    a, (b, c) = pair
    return c, b, a
def work(x):
    both = swapped((x, (2, 3)))
    return both[0] * 100 + both[1] * 10 + both[2]
=== a tuple with a walrus in it
def work(x):
    a, b = (n := x + 1), n * 2
    return a * 100 + b + n
=== matches on enums
class Kind(IntEnum):
    A = 0
    B = 1
    C = 5
@struct
class E:
    kind: Kind = Kind.B
    n: u32 = 0
def work(x):
    e = E(n=x)
    if x > 4:
        e.kind = Kind.C
    match e.kind:
        case Kind.A:
            return 1
        case Kind.B | Kind.C if x != 7:
            return 2
        case 5:
            return 3
        case _:
            return 4
=== matches in a loop with break and continue
def work(x):
    total = 0
    for i in range(10):
        match i, x & 3:
            case 1, _:
                continue
            case n, m if n > m * 2 + 3:
                break
            case _, 2:
                total += 100
            case _:
                total += i
    return total
=== the subject is evaluated once
def work(x):
    n = x
    def bump():
        nonlocal n
        n += 1
        return n & 7
    match bump():
        case 1:
            return n
        case 2 | 3:
            return n * 10
        case other:
            return other * 100 + n
=== a struct in a tuple
@struct(frozen=True)
class K:
    a: u8 = 0
    b: u16 = 0
def work(x):
    match K(a=x & 1, b=5), x & 6:
        case K(a=0), 0:
            return 1
        case K(a=1, b=b), n if n != b:
            return b * 10 + n
        case k, n:
            return k.a * 100 + n
=== negative and large numbers
def work(x):
    match x - 3:
        case -3:
            return 1
        case -1 | 0:
            return 2
        case 69997:
            return 3
        case n if n < 0:
            return -n * 100
        case n:
            return n
""")


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_as_in_python(tmp_path: Path, name: str, cpu: str) -> None:
    check(tmp_path, PROGRAMS[name], cpu)
