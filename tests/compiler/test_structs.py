"""Structs, arrays and texts in kernel code: each small program runs in CPython and in the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from worked import CPUS, check, programs_in

if TYPE_CHECKING:
    from pathlib import Path

PROGRAMS = programs_in("""
=== swap of aggregates
@struct
class Inner:
    v: u32 = 0
    w: u32 = 0
@struct
class Outer:
    a: Inner = Inner()
    b: Inner = Inner()
def work(x):
    o = Outer(a=Inner(v=1, w=2), b=Inner(v=3, w=x & 255))
    o.a, o.b = o.b, o.a
    return o.a.v * 1000000 + o.a.w * 1000 + o.b.v * 10 + o.b.w
=== swap of array elements of structs
@struct
class Inner:
    v: u32 = 0
@struct
class Outer:
    a: FixedArray[Inner] = array(Inner, 4)
def work(x):
    o = Outer()
    o.a[0].v = 5
    o.a[1].v = 7 + x
    i = x & 1
    o.a[i], o.a[1 - i] = o.a[1 - i], o.a[i]
    return o.a[0].v * 1000 + o.a[1].v
=== swap of fields
@struct
class P:
    a: u8 = 1
    b: u8 = 2
def work(x):
    p = P(a=x & 127)
    p.a, p.b = p.b, p.a
    return p.a * 1000 + p.b
=== aug rebinds
@struct
class P:
    a: u32 = 1
def work(x):
    p = P(a=5)
    q = P(a=7)
    keep = p
    p.a += (p := q).a
    return keep.a * 100 + q.a
=== aug with side effects in the index
@struct
class A:
    a: FixedArray[u32] = array(u32, 8)
def work(x):
    n = 0
    def nxt():
        nonlocal n
        n += 1
        return n
    a = A()
    a.a[nxt()] += nxt() + x
    a.a[nxt()] += nxt()
    return a.a[1] * 1000 + a.a[3] * 10 + n
=== union
@union
class U:
    a: u32 = 0
    b: u16 = 0
    c: FixedArray[u8] = array(u8, 4)
def work(x):
    u = U(a=0x01020304)
    u.b = x & 0xff
    return u.a * 10 + u.c[3]
=== slice walrus
@struct
class A:
    a: FixedArray[u8] = array(u8, 4)
def work(x):
    a = A()
    (s := a.a[0:2])
    a.a[0] = 5
    return s[0]
=== slice in a tuple
@struct
class A:
    a: FixedArray[u8] = array(u8, 4)
def work(x):
    a = A()
    s, n = a.a[0:2], 4
    a.a[0] = 5
    return s[0]
=== slice returned
@struct
class A:
    a: FixedArray[u8] = array(u8, 4)
def f(a): return a.a[0:2]
def work(x):
    a = A()
    s = f(a)
    a.a[0] = 5
    return s[0]
=== slice ternary
@struct
class A:
    a: FixedArray[u8] = array(u8, 4)
def work(x):
    a = A()
    s = a.a[0:2] if x > 3 else a.a[2:4]
    a.a[0] = 5
    return s[0]
=== packed nested
@struct
class I:
    v: u32 = 0
    w: u64 = 0
@struct(packed=True)
class P:
    t: u8 = 0
    i: I = I()
def work(x):
    p = P(i=I(v=x, w=x * 3))
    n = p.i
    n.v += 1
    return n.v * 10 + p.i.w + p.i.v
=== packed ternary
@struct
class I:
    v: u32 = 0
    w: u64 = 0
@struct(packed=True)
class P:
    t: u8 = 0
    i: I = I()
    z: u16 = 0
    j: I = I()
def work(x):
    p = P(i=I(v=x, w=x * 3), j=I(v=x*2, w=7))
    n = p.i if x > 3 else p.j
    n.v += 1
    return n.v * 10 + p.i.w + p.i.v
=== struct constant compared
@struct
class P:
    a: u8 = 0
    b: u32 = 0
C = P(a=3, b=5)
def work(x):
    return P(a=x & 255, b=5) == C
=== struct constant copied
@struct
class P:
    a: u8 = 0
    b: u32 = 0
@struct
class Q:
    p: P = P()
C = P(a=3, b=5)
def work(x):
    q = Q()
    q.p = C
    return q.p.a * 10 + q.p.b
=== constant struct folded
@struct
class C:
    a: u32 = 3
    b: FixedArray[u8] = array(u8, 2, (7, 8))
@struct
class D:
    c: C = C()
CONFIG = D(c=C(a=9))
def f(c): return c.a
def work(x):
    return CONFIG.c.a * x + f(CONFIG.c) + (C() == CONFIG.c)
=== x = y = Flow
@struct
class P:
    a: u32 = 0
def work(x):
    p = q = P(a=x)
    p.a += 1
    r = P(a=q.a)
    r.a += 1
    return p.a * 100 + q.a * 10 + r.a
=== returned object called twice
@struct
class P:
    a: u32 = 0
def make(v): return P(a=v)
def work(x):
    p = make(x)
    q = make(x + 1)
    p.a += 10
    return p.a * 1000 + q.a
=== returned object called in a loop
@struct
class P:
    a: u32 = 0
def make(v): return P(a=v)
def work(x):
    t = 0
    last = make(0)
    for i in range(4):
        p = make(i + x)
        last.a = p.a
        p.a = 0
        t += last.a
    return t
=== object list via loop and struct array
@struct
class P:
    a: u32 = 0
@struct
class L:
    p: FixedArray[P] = array(P, 4)
def work(x):
    l = L()
    for i in range(4):
        p = P(a=i * x)
        l.p[i] = p
        p.a = 99
    return l.p[0].a + l.p[1].a * 2 + l.p[2].a * 3 + l.p[3].a * 5
=== nested copied from itself
@struct
class I:
    a: u32 = 0
    b: FixedArray[u16] = array(u16, 3)
@struct
class O:
    i: I = I()
    j: I = I()
def work(x):
    o = O(i=I(a=x))
    o.i.b[1] = 7
    o.i = o.i
    o.j = o.i
    o.i = I(a=o.j.a + 1)
    o = O(i=o.j, j=o.i)
    return o.i.a * 1000 + o.j.a * 10 + o.i.b[1] + o.j.b[1]
=== bit fields signed
@struct
class B:
    a: i8 = bits(3)
    b: i32 = bits(5)
    c: bool = bits(1, False)
    d: u16 = bits(9)
def work(x):
    v = B(a=(x & 3) - 4, b=-3, c=x > 3, d=x & 511)
    v.b -= 2
    v.a += 1
    return v.a * 1000000 + v.b * 10000 + v.c * 1000 + v.d
=== big endian
@struct
class H:
    p: be16 = 0
    q: be32 = 0
    r: be64 = 0
    a: FixedArray[be16] = array(be16, 3)
def work(x):
    h = H(p=x & 0xffff, q=x, r=x * x)
    h.p = h.p & 0xff
    h.p += 1
    h.q *= 3
    h.q //= 2
    h.r ^= 0x55
    h.a[x % 3] = 0x102
    h.a[-1] += 3
    return h.p + h.q + h.r + (h.p < h.q) + h.a[0] + h.a[1] * 3 + h.a[2] * 7 + (h.p == 6) * 1000 + max(h.p, h.q)
=== big endian bytes
@struct
class H:
    p: be16 = 0
    q: be32 = 0
@union
class U:
    h: H = H()
    b: FixedArray[u8] = array(u8, 8)
def work(x):
    u = U(h=H(p=0x0102, q=x))
    return u.b[0] * 100 + u.b[1] * 10 + u.b[7]
=== bool and enum fields
class C(IntEnum):
    RED = 1
    BLUE = -2
@struct
class F:
    ok: bool = False
    c: C = C.RED
    m: FixedArray[bool] = array(bool, 4)
    cs: FixedArray[C] = array(C, 2, (C.RED, C.BLUE))
def work(x):
    f = F(ok=x > 3)
    f.m[x & 3] = True
    if f.ok:
        f.c = C.BLUE
    f.cs[0] = f.c
    return f.ok * 1000 + f.c * 100 + f.m[0] + f.m[1] * 2 + f.m[2] * 3 + f.cs[0] * 10 + f.cs[1] + (f.c == C.BLUE)
=== chars
@struct
class N:
    name: Chars = chars(8)
    other: Chars = chars(8, "abc")
def work(x):
    n = N()
    t = 0
    n.name = "abc"
    t += n.name == n.other
    n.name = "abcdefgh"
    t += (n.name == "abcdefgh") * 10
    n.name = b"xy"
    t += (n.name == "xy") * 100 + (n.name != "xyz") * 1000
    n.name = "üß"
    t += (n.name == "üß") * 10000 + ("üß" == n.name) * 100000
    n.name = n.other
    return t + (n.name == "abc") * 1000000
=== one of several texts and arrays
NAMES = ("abc", "xyz")
@struct
class N:
    name: Chars = chars(8, "abc")
    mac: FixedArray[u8] = array(u8, 3)
def work(x):
    n = N()
    n.mac[1] = x & 3
    other = chars(8, "abc")
    t = (n.name in ("x", "abc")) + (n.name in [other, "z"]) * 10 + (n.name not in ("abc",)) * 100
    t += (n.mac in (b"\\0\\1\\0", b"\\0\\2\\0")) * 1000 + (n.mac not in ((0, 3, 0),)) * 10000
    if x > 3:
        n.name = "q"
    return t + (n.name in NAMES) * 100000 + (n.name in ()) * 1000000
=== arrays of arrays of structs
@struct
class P:
    a: u16 = 0
    b: FixedArray[FixedArray[u8]] = array(array(u8, 3), 2)
@struct
class Q:
    p: FixedArray[FixedArray[P]] = array(array(P, 2), 3)
def work(x):
    q = Q()
    i = x % 3
    j = x & 1
    q.p[i][j].b[j][i] = 5
    q.p[i][1 - j].a = 9
    q.p[-1][0] = q.p[i][j]
    row = q.p[i]
    row[j].a += 3
    return row[0].a * 100 + row[1].a * 1000 + q.p[2][0].b[j][i] + (q.p[2][0] == q.p[i][j]) * 7
=== index out of range
@struct
class A:
    a: FixedArray[u8] = array(u8, 4)
def work(x):
    a = A()
    a.a[3] = 4
    return a.a[x] + 1
=== negative index variable
@struct
class A:
    a: FixedArray[u8] = array(u8, 4, (1, 2, 3, 4))
def work(x):
    a = A()
    return a.a[x % 8 - 4] * 10 + a.a[-1]
=== equality with padding
@struct
class P:
    a: u8 = 0
    b: u32 = 0
    c: u8 = bits(3)
@struct
class Q:
    p: P = P()
    z: u8 = 0
def work(x):
    return (Q(p=P(a=x & 255, b=x)) == Q(p=P(a=5, b=5))) * 10 + (P(a=1) != P(a=1, c=x & 7))
=== union equality and slices
@struct
class A:
    a: FixedArray[u8] = array(u8, 6, (1, 2, 3, 4, 5, 6))
def work(x):
    a = A()
    a.a[2] = x & 255
    part = (a.a[0:3] == (1, 2, 3)) * 10 + (a.a[-3:] == (4, 5, 6)) + (a.a[:2] == a.a[2:4]) * 100
    return part + (a.a == (1, 2, 5, 4, 5, 6)) * 1000
=== walrus of struct
@struct
class P:
    a: u32 = 0
def work(x):
    if (p := P(a=x)).a > 3:
        p.a += 1
    return p.a
=== array local
def work(x):
    a = array(u32, 5)
    for i in range(5):
        a[i] = i * x
    t = 0
    for i in range(5):
        t += a[-1 - i] * (i + 1)
    return t
=== array reset each iteration
def work(x):
    t = 0
    for i in range(3):
        a = array(u32, 4)
        a[i] += 1
        t += a[0] + a[1] * 10 + a[2] * 100
    return t
=== sizeof
@struct
class P:
    a: u8 = 0
    b: u64 = 0
def work(x):
    p = P()
    return sizeof(P) * 100 + sizeof(P) // 2 + x
=== zeroed
@struct
class P:
    a: u8 = 5
    b: u64 = 6
def work(x):
    p = zeroed(P)
    q = P()
    return p.a + p.b + q.a * 10 + q.b
=== fields of all widths wrap where they are stored
@struct
class W:
    a: u64 = 0
    b: i64 = 0
    c: u32 = 0
    d: i16 = 0
def work(x):
    w = W(a=x * x, b=-x, c=x, d=x % 100)
    w.d -= 200
    w.b *= 3
    w.c ^= 1
    w.a //= 7
    return i64(w.a) + w.b * 5 + w.c * 11 + w.d * 13
=== a struct in a struct in a struct
@struct
class A:
    v: u16 = 1
@struct
class B:
    a: A = A(v=2)
    n: u8 = 3
@struct
class C:
    b: B = B(n=4)
    more: FixedArray[B] = array(B, 2)
def work(x):
    c = C()
    c.b.a.v += x & 255
    c.more[1] = c.b
    c.more[1].a.v *= 2
    b = c.more[0]
    b.n = 9
    return c.b.a.v * 10000 + c.more[1].a.v * 100 + c.more[0].n * 10 + c.more[1].n + b.a.v
=== defaults and zeros between calls
@struct
class P:
    a: u8 = 7
    b: u64 = 8
def work(x):
    total = 0
    for i in range(3):
        p = P(b=i)
        p.a += i
        total = total * 100 + p.a + p.b
    return total
=== a packed struct
@struct(packed=True)
class P:
    a: u8 = 1
    b: u32 = 2
    c: u16 = 3
    d: u64 = 4
def work(x):
    p, q = P(b=x), P(d=x * 3)
    p.c += 5
    q.b -= 1
    p.d = q.d
    return p.a + p.b * 3 + p.c * 5 + p.d * 7 + q.b + (p == q) * 1000 + (p != P(b=x, c=8, d=x * 3)) * 500
=== a bit field beside others
@struct
class B:
    a: u32 = bits(7)
    b: u32 = bits(12)
    c: u32 = bits(13)
def work(x):
    v = B(a=x & 127, b=5, c=8191)
    v.b += x & 15
    v.a ^= 1
    v.b, v.c = v.c & 4095, v.b
    return v.a + v.b * 128 + v.c * 1000000
=== bit fields of bool and enum
class Color(IntEnum):
    RED = 0
    GREEN = 2
@struct
class F:
    on: bool = bits(1)
    color: Color = bits(2)
    rest: u8 = bits(5, 3)
def work(x):
    f = F(on=x > 2)
    if f.on:
        f.color = Color.GREEN
    f.rest += 1
    return f.on * 100 + f.color * 10 + f.rest
=== a union of a struct and bytes
@struct
class Pair:
    low: u16 = 0
    high: u16 = 0
@union
class Word:
    whole: u32 = 0
    pair: Pair = Pair()
    parts: FixedArray[u8] = array(u8, 4)
def work(x):
    w = Word(whole=x)
    a, b = w.pair.low, w.parts[2]
    return a * 1000 + b + (w == Word(whole=5)) * 7
=== comparison of structs in all ways
@struct
class P:
    a: u32 = 0
    b: FixedArray[u16] = array(u16, 3)
    name: Chars = chars(5)
def work(x):
    p, q = P(a=x, name='ab'), P(a=5, name='ab')
    first = p == q
    q.b[2] = x & 7
    second = p != q
    q.name = 'abc'
    return first * 100 + second * 10 + (p == q) + (p.name == q.name) * 1000 + (p.b == q.b) * 5
=== an element chosen by an expression
def work(x):
    a = array(u16, 7)
    for i in range(7):
        a[(i * 3) % 7] = i + x % 100
    a[-7] += 5
    a[x % 7] *= 2
    total = 0
    for i in range(-7, 7):
        total = total * 3 + a[i]
    return total
=== arrays of big-endian numbers
def work(x):
    a = array(be32, 3)
    a[0] = x
    a[1] = a[0] + 1
    a[2] = a[1]
    a[2] <<= 2
    return a[0] + a[1] * 3 + a[2] * 5 + (a[0] < a[1]) + (a[1] == x + 1) + (-1 < a[2])
=== references follow the object
@struct
class P:
    a: u32 = 0
@struct
class Q:
    p: P = P()
    r: FixedArray[P] = array(P, 3)
def work(x):
    q = Q()
    p = q.p
    e = q.r[1]
    p.a = x
    e.a = 5
    f = e
    f.a += q.p.a
    return q.p.a * 3 + q.r[1].a * 7 + e.a
=== copies do not follow
@struct
class P:
    a: u32 = 0
@struct
class Q:
    p: P = P()
def work(x):
    p = P(a=x)
    q = Q(p=p)
    p.a += 1
    r = Q()
    r.p = q.p
    q.p.a += 10
    return p.a * 10000 + q.p.a * 100 + r.p.a
=== conditional objects
@struct
class P:
    a: u32 = 0
def work(x):
    p, q = P(a=1), P(a=2)
    r = p if x > 3 else q
    r.a += 10
    (q if x > 3 else p).a += 100
    return p.a * 1000 + q.a
=== texts chosen by texts
@struct
class N:
    name: Chars = chars(6, 'start')
def step(n):
    if n.name == 'start':
        n.name = 'mid'
    elif n.name == 'mid':
        n.name = 'finish'
    else:
        n.name = b'?'
def work(x):
    n = N()
    for _ in range(x & 3):
        step(n)
    return (n.name == 'start') + (n.name == 'mid') * 10 + (n.name == 'finish') * 100 + (n.name == '?') * 1000
""")


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_as_in_python(tmp_path: Path, name: str, cpu: str) -> None:
    check(tmp_path, PROGRAMS[name], cpu)
