"""Functions in kernel code: each small program runs in CPython and in the kernel."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from program_files import module_from
from worked import CPUS, GIVEN, check, programs_in

if TYPE_CHECKING:
    from pathlib import Path

PROGRAMS = programs_in("""
=== const tuple result
def two(): return 1, 2
def work(x):
    a, b = two()
    return a * 10 + b + x
=== mixed tuple result
def two(x):
    if x > 3:
        return 1, 2
    return x, 5
def work(x):
    a, b = two(x)
    return a * 10 + b
=== a call in code that a constant switches off
VERBOSE = False
def limited(x):
    if x > 3:
        return 3
    return x
def work(x):
    t = x
    if VERBOSE:
        t += limited(x) + 1
    if VERBOSE and limited(x) > 1:
        t += 10
    for i in (1, 2, 3):
        if i == 2:
            continue
        t += limited(i) if not VERBOSE else limited(t)
    if not VERBOSE:
        return t
    a, b = limited(x), limited(t)
    if a > b:
        c = 5
    else:
        return 1
    return c + limited(a + b)
=== arguments that decide which way is taken
def limited(x):
    if x > 1:
        return 3
    return x + 5
def kind(x):
    match x:
        case 0:
            return 100
        case y if y > 0:
            return y
        case _:
            return -1
def work(x):
    few = x % 4
    t = limited(few + 2) * 10 + kind(few + 1)
    for i in (0, 2):
        t = t * 10 + limited(i) + kind(i)
    return t
=== nested def in loop
def work(x):
    t = 0
    for i in range(3):
        def f(): return i * x
        t += f()
    return t
=== ten parameters
def f(a, b, c, d, e, g, h, i, j, k=9): return a + 2*b + 3*c + 4*d + 5*e + 6*g + 7*h + 8*i + 9*j + 10*k
def work(x):
    return f(x, 1, x, 2, x, 3, j=x, i=4, h=x)
=== keyword only and positional only
def f(a, /, b, *, c=4): return a * 100 + b * 10 + c
def work(x):
    return f(x, b=2) + f(1, 2, c=x)
=== evaluation order of arguments
def f(a, b, c): return a * 100 + b * 10 + c
def work(x):
    n = x
    def bump():
        nonlocal n
        n += 1
        return n
    return f(n, bump(), n) + f(c=bump(), a=bump(), b=n)
=== evaluation order of binary
def work(x):
    n = x
    def bump():
        nonlocal n
        n += 1
        return n
    return n * 100 + bump() * 10 + n
=== evaluation order of comparison
def work(x):
    n = x
    def bump():
        nonlocal n
        n += 1
        return n
    return (n < bump() <= n) * 10 + (n == bump())
=== store order
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
    a.a[nxt()] = nxt() * 10 + x
    return a.a[2] * 10 + n
=== shadowed builtin
def max(a, b): return a - b
def work(x):
    min = 5
    return max(x, min) + len(x)
def len(x): return 1000
=== parameter shadows global
N = 5
def f(N): return N + 1
def work(x):
    return f(x) + N
=== nested shadows
def work(x):
    y = 1
    def f():
        y = x + 2
        return y
    return f() * 10 + y
=== nested parameter shadows
def work(x):
    y = 1
    def f(y):
        y += 5
        return y
    return f(x) * 10 + y
=== nested twice deep
def work(x):
    a = 1
    def f():
        b = x + a
        def g():
            nonlocal b
            b += a
            return b
        return g() + g() + b
    return f() + f()
=== function passed
def apply(f, v): return f(v) + f(v + 1)
def double(v): return v * 2
def work(x):
    k = 3
    def mine(v): return v + k + x
    return apply(double, x) + apply(mine, 1) * 1000 + apply(lambda v: v - x, 5)
=== early return in loops
def find(x, limit):
    for i in range(limit):
        for j in range(limit):
            if i * j == x:
                return i * 10 + j
            if i + j > 12:
                return -1
    return -2
def work(x):
    return find(x, 8) + find(x, 3) * 1000
=== early return in a loop called in a loop
def f(i, x):
    while True:
        i += 1
        if i * i > x & 63:
            return i
def work(x):
    t = 0
    for i in range(5):
        if i == 3: continue
        t = t * 10 + f(i, x)
    return t
=== none result unused
def f(x):
    x += 1
def work(x):
    f(x)
    return x
=== function that never returns
def f():
    assert False
def work(x):
    if x > 3:
        f()
    return x
=== default evaluated at definition
N = 4
def f(x, n=N): return x + n
N = 5
def work(x):
    return f(x) * 10 + N
=== default None replaced
def f(x, n=None):
    if n is None:
        n = x + 1
    return n * 2
def work(x):
    return f(x) + f(x, 3) * 100
=== nested function default
def work(x):
    def f(a, b=3, *, c=4): return a * 100 + b * 10 + c
    return f(x) + f(x, 1, c=2)
=== annotations wrap
def f(a: int, b: int) -> int: return a - b
def work(x):
    return f(x, 5) * f(b=x, a=2)
=== conditional call
def fail(x):
    assert x != 2
    return x > 3
def work(x):
    if x == 5 or fail(x) and not fail(x - 1):
        return 1
    return 2 if x < 2 and fail(x) else 3
=== while with call condition
def more(n, x): return n < x & 7
def work(x):
    n = 0
    while more(n, x):
        n += 1
    else:
        n += 100
    return n
=== range over call bounds
def lo(x): return x & 3
def work(x):
    t = 0
    for i in range(lo(x), lo(x) + 3):
        t = t * 10 + i
    return t
=== staticmethod
@struct
class P:
    t: u8 = 0
    @staticmethod
    def f(x): return x
def work(x):
    return P.f(x)
=== wraps plain
def deco(f):
    def wrapper(v):
        return f(v) + 1
    return wrapper
@deco
def double(v): return v * 2
def work(x):
    return double(x)
=== static methods and constants of a struct's object
from typing import ClassVar
@struct
class P:
    LIMIT: ClassVar[int] = 6
    a: u32 = 0
    @staticmethod
    def capped(n, most):
        return n if n < most else most
    def short(self):
        return self.capped(self.a, self.LIMIT)
def work(x):
    p = P(a=x)
    return p.short() * 100 + P.capped(x, P.LIMIT + 1) + p.LIMIT
=== annotations that only type checkers see
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from collections.abc import Callable
def apply(function: Callable[[int], int], value: int) -> int:
    return function(value)
def work(x):
    return apply(lambda n: n * 3, x)
=== a default of None in a loop
def f(n, most=None):
    if most is None:
        most = n + 1
    return n if n < most else most
def work(x):
    total = 0
    for i in range(4):
        total = total * 10 + f(i) + f(i, x & 7)
    return total
=== methods
@struct
class P:
    a: u32 = 0
    b: u32 = 4
    def sum(self, k=2, *, m=1): return self.a + self.b * k * m
    def bump(self, n):
        self.a += n
        return self
    @property
    def both(self): return self.a, self.b
def work(x):
    p = P(a=x)
    q = p.bump(3).bump(4)
    a, b = q.both
    return p.sum() + P.sum(p, 5, m=2) + a * 1000 + b + q.sum(k=1)
=== struct modified by reference
@struct
class P:
    a: u32 = 0
    i: FixedArray[u32] = array(u32, 2)
def change(p, v):
    p.a = v
    p.i[1] += v
def work(x):
    p = P()
    change(p, x)
    change(p, 4)
    return p.a * 1000 + p.i[1]
=== dead branch by constant
def f(x, deep):
    if not deep:
        return x
    return x.field
def work(x):
    return f(x, False)
=== nan
def f(x) -> "int": return x
def work(x: "int") -> "int":
    y: "int" = f(x)
    return y
=== annotation of a tuple result
def f(x: u32) -> tuple[u8, u32]:
    return u8(x), x
def work(x):
    a, b = f(x)
    return a * 1000000 + b
=== result of two kinds of references
@struct
class P:
    a: u32 = 0
def larger(p: P, q: P) -> P:
    return p if p.a > q.a else q
def work(x):
    p, q = P(a=x), P(a=6)
    larger(p, q).a = 1
    return p.a * 1000 + q.a
=== a call in an index in a call
@struct
class A:
    a: FixedArray[u32] = array(u32, 4, (3, 1, 0, 2))
def at(a, i): return a.a[i]
def work(x):
    a = A()
    return at(a, at(a, at(a, x & 3)))
=== an error edge inside of a call inside of a condition
def part(a, b): return a // b
def work(x):
    total = 0
    for i in range(4):
        if x > 2 and part(10, x - 3 + i) > 2 or part(5, x + 1) == 1:
            total += part(100, i + 1)
    return total
=== an assertion inside of a nested function
def work(x):
    def checked(n):
        assert n != 7, 'seven'
        return n
    return checked(x) + checked(x + 1)
=== a name that is a parameter here and a local there
def f(a):
    b = a + 1
    return b
def g(b):
    a = f(b) * 2
    return a + b
def work(x):
    b = 3
    a = g(b)
    return a * 100 + b + g(a) + x
=== a global that a nested function hides
LIMIT = 10
def work(x):
    def limit(n):
        LIMIT = 20
        return n + LIMIT
    return limit(x) + LIMIT
=== closures of a factory
def adder(step):
    def add(n):
        return n + step
    return add
one, ten = adder(1), adder(10)
def work(x):
    return one(x) * 100 + ten(one(x))
=== a lambda with defaults
def work(x):
    f = lambda a, b=3, *, c=1: a * b + c
    return f(x) + f(x, 2, c=5) + f(1, c=x)
=== a function under another name
def double(n): return n * 2
twice = double
class Functions:
    also = staticmethod(double)
def work(x):
    mine = twice
    return mine(x) + Functions.also(x + 1)
=== a result that is not used
def f(x):
    return x, x + 1
def work(x):
    f(x)
    _, b = f(x)
    return b
=== a bool result as a condition and as a number
def odd(n: int) -> bool:
    return n % 2 == 1
def work(x):
    return (odd(x) and not odd(x + 1)) * 10 + odd(x)
=== returns in every branch
def f(n):
    if n < 2:
        return 1
    elif n < 6:
        for i in range(n):
            if i == 4:
                return i * 100
    else:
        return 3
    return 4
def work(x):
    return f(x)
=== values of different types at each call
@struct
class P:
    a: u8 = 1
@struct
class Q:
    a: u64 = 2
def a_of(value): return value.a
def work(x):
    return a_of(P(a=x & 255)) + a_of(Q(a=x * x))
=== nonlocal in a loop
def work(x):
    count = total = 0
    def add(n):
        nonlocal count, total
        count += 1
        total = total + n * count
    for i in range(5):
        if i != x:
            add(i)
    return total * 10 + count
=== an argument that the function changes
def halved(n, limit):
    steps = 0
    while n > limit and steps < 20:
        n //= 2
        steps += 1
    return n, steps
def work(x):
    n, steps = halved(x, 3)
    return n * 100 + steps + x
""")


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_as_in_python(tmp_path: Path, name: str, cpu: str) -> None:
    check(tmp_path, PROGRAMS[name], cpu)


WRAPS = """
def narrow(a: u8, b: i8 = -1) -> i16:
    return a * 1000 + b

def pair(both: tuple[u8, u8]) -> int:
    a, b = both
    return a * 1000 + b

def work(x):
    return narrow(x) + narrow(x + 1, x) * 100000 + pair((x, x + 2)) * 7
"""


def wrapped(number: int, bits: int, *, signed: bool = False) -> int:
    low = number & ((1 << bits) - 1)
    return low - (1 << bits) if signed and low >> (bits - 1) else low


def narrow(a: int, b: int = -1) -> int:
    return wrapped(wrapped(a, 8) * 1000 + wrapped(b, 8, signed=True), 16, signed=True)


@pytest.mark.parametrize("cpu", CPUS)
def test_annotations_wrap_parameters_and_results(tmp_path: Path, cpu: str) -> None:
    expected = [narrow(x) + narrow(x + 1, x) * 100000 + (wrapped(x, 8) * 1000 + wrapped(x + 2, 8)) * 7 for x in GIVEN]
    check(tmp_path, WRAPS, cpu, expected)


SHAPES = """
from osmia import struct, u32, u64
import limits

FACTOR = 3

@struct
class Shape:
    width: u32 = 0
    height: u32 = limits.HEIGHT

    def area(self) -> u64:
        return self.width * self.height * FACTOR

def capped(shape: Shape, most: int = limits.MOST) -> int:
    return limits.smaller(shape.area(), most)
"""
LIMITS = """
HEIGHT = 4
MOST = 5000
FACTOR = 1000

def smaller(a, b):
    return a if a < b else b
"""
SHAPED = """
import shapes
from shapes import Shape

FACTOR = 7

def work(x):
    return shapes.capped(Shape(width=x)) * FACTOR + shapes.capped(Shape(width=x, height=1), most=100)
"""


@pytest.mark.parametrize("cpu", CPUS)
def test_functions_of_other_modules_see_their_own_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpu: str
) -> None:
    for name, text in (("limits", LIMITS), ("shapes", SHAPES)):
        monkeypatch.setitem(sys.modules, name, module_from(tmp_path, text, name=name))
    check(tmp_path, SHAPED, cpu)


OPTIONAL = """
seen = HashMap(u32, u64, max_entries=8)

def counter(key: u32) -> Ref[u64] | None:
    if key == 1:
        return None
    return seen.lookup_or_init(key, 5)

def value_of(count: Ref[u64] | None = None) -> u64:
    if count is None:
        return 77
    count.value += 1
    return count.value

def work(x):
    count: Ref[u64] | None = counter(x & 3)
    return value_of(count) * 1000 + value_of() + (0 if count is None else count.value)
"""


@pytest.mark.parametrize("cpu", CPUS)
def test_references_and_none_go_in_and_out_of_functions(tmp_path: Path, cpu: str) -> None:
    expected = []
    counts: dict[int, int] = {}
    for x in GIVEN:
        key = x & 3
        if key == 1:
            expected.append(77 * 1000 + 77)
            continue
        counts[key] = counts.get(key, 5) + 1
        expected.append(counts[key] * 1000 + 77 + counts[key])
    check(tmp_path, OPTIONAL, cpu, expected)
