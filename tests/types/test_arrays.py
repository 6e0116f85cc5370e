"""Arrays and texts of fixed length in user code."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from osmia import Chars, array, be32, chars, from_bytes, i16, struct, to_bytes, u8, u32

ANY: Any = None
SLICE: Any = slice(0, 1)


@struct
class Point:
    x: i16 = 0
    y: i16 = 0


def refusal(use: Any) -> str:
    with pytest.raises((TypeError, ValueError, OverflowError, IndexError)) as caught:
        use()
    return f"{caught.type.__name__}: {caught.value}"


def test_arrays_are_sequences() -> None:
    numbers = array(u32, 4, [1, 2, 3, 4])
    assert (len(numbers), list(numbers), numbers[0], numbers[-1], 3 in numbers) == (4, [1, 2, 3, 4], 1, 4, True)
    numbers[-1] = 9
    assert numbers == [1, 2, 3, 9] == numbers
    assert numbers == (1, 2, 3, 9)
    assert numbers != [1, 2, 3]
    assert numbers != array(u32, 4)
    assert array(u8, 4, b"\1\2\3\4") == array(u32, 4, [1, 2, 3, 4])
    assert array(u8, 2, b"ab") == b"ab"
    wrong: Any = "ab"
    assert array(u8, 2, b"ab") != wrong
    assert repr(numbers) == "array(u32, 4, [1, 2, 3, 9])"


def test_slices_are_copies() -> None:
    for numbers in (array(u32, 4, [1, 2, 3, 4]), array(u8, 4, [1, 2, 3, 4])):
        part = numbers[1:3]
        assert part == [2, 3] == list(part)
        assert (list(numbers[::-1]), len(numbers[9:])) == ([4, 3, 2, 1], 0)
        assert "cannot be changed" in refusal(lambda part=part: part.__setitem__(0, 1))
    assert bytes(array(u8, 4, [1, 2, 3, 4])[:2]) == b"\1\2"


def test_elements_of_every_sort() -> None:
    points = array(Point, 2)
    points[0].x = -1
    points[1] = Point(y=2)
    assert to_bytes(points) == b"\xff\xff\0\0\0\0\2\0"
    assert points == [Point(x=-1), Point(y=2)]
    nested = array(array(be32, 2), 2)
    nested[1][0] = 5
    assert to_bytes(nested) == bytes(8) + b"\0\0\0\5" + bytes(4)
    nested[0] = nested[1]
    nested[1][0] = 6
    assert [list(each) for each in nested] == [[5, 0], [6, 0]]
    texts = array(chars(3), 2)
    assert (texts[0] == "", list(array(bool, 2, [True, False]))) == (True, [True, False])


def test_copies_are_independent() -> None:
    points = array(Point, 2)
    for copied in (copy.copy(points), copy.deepcopy(points)):
        copied[0].x = 7
        assert (points[0].x, copied[0].x) == (0, 7)


def test_bytes_are_those_of_u8_alone() -> None:
    assert bytes(array(u8, 2, [1, 255])) == b"\1\xff"
    assert bytes(array(u8, 3, [1, 255, 2])[:2]) == b"\1\xff"
    assert bytes(array(u8, 3, [1, 255, 2]).copy(frozen=True)[:2]) == b"\1\xff"
    assert refusal(lambda: bytes(array(u32, 2))) == (
        "TypeError: bytes() takes arrays of u8, and this is an array(u32, 2): write to_bytes(value)"
    )


@pytest.mark.parametrize(
    ("use", "text"),
    [
        (lambda: array(int, 2), "say how wide it is"),
        (lambda: array(u8, 0), "ValueError: array(): the length is 1 to 16777216, not 0"),
        (lambda: array(u32, 1 << 30), "ValueError: array(): the length is 1 to 4194304, not 1073741824"),
        (lambda: array(u8, 2.0), "TypeError: array(): the length is an int, not float 2.0"),  # type: ignore[call-overload]
        (lambda: array(u8, 2, b"abc"), "ValueError: the content of array(u8, 2) is 2 elements of u8, not 3"),
        (lambda: array(u8, 2, [1, 256]), "OverflowError: the content of array(u8, 2)[1] is a u8, 0 to 255, not 256"),
        (lambda: array(u8, 2)[2], "IndexError: no element 2 in an array(u8, 2): it has 2"),
        (lambda: array(u8, 2).__setitem__(-3, 1), "IndexError: no element -3 in an array(u8, 2): it has 2"),
        (lambda: array(u8, 2).__setitem__(0, 256),
         "OverflowError: an element of array(u8, 2) is a u8, 0 to 255, not 256"),
        (lambda: array(u32, 2).__setitem__(0, ANY),
         "TypeError: an element of array(u32, 2) is an int (u32), not NoneType None"),
        (
            lambda: array(u8, 2).__setitem__(SLICE, 1),
            "TypeError: an element of an array(u8, 2) is set by its index, not by slice(0, 1, None)",
        ),
        (lambda: array(u32, 2, b"ab"), "TypeError: the content of array(u32, 2) is 2 elements of u32, not bytes b'ab'"),
        (lambda: array(u8, 2, {0: 1, 1: 2}),  # type: ignore[call-overload]
         "TypeError: the content of array(u8, 2) is 2 elements of u8, not dict {0: 1, 1: 2}"),
        (lambda: chars(0), "ValueError: chars(): the length is 1 to 16777216, not 0"),
        (lambda: chars(2, "abc"), "ValueError: the content of chars(2) is a text of up to 2 bytes, not 3: 'abc'"),
        (lambda: hash(array(u8, 2)), "TypeError: unhashable type: 'FixedArray'"),
        (lambda: hash(chars(2)), "TypeError: unhashable type: 'Chars'"),
    ],
)  # fmt: skip
def test_wrong_uses(use: Any, text: str) -> None:
    assert text in refusal(use)


def test_texts() -> None:
    name = chars(8, "bash")
    assert (bytes(name), str(name), repr(name)) == (b"bash\0\0\0\0", "bash", "chars(8, 'bash')")
    assert name == "bash" == name
    assert name == b"bash"
    assert name == b"bash\0\0\0\0\0\0"
    assert name == chars(4, b"bash")
    assert name != "bas"
    assert name != chars(8)
    wrong: Any = 5
    assert name != wrong


def test_bytes_of_texts() -> None:
    name = chars(8, "bash")
    assert (len(name), name[1], name[-1], name[1:3], list(name)[:2]) == (8, ord("a"), 0, b"as", [ord("b"), ord("a")])
    with pytest.raises(IndexError, match=r"no byte 8 in a chars\(8\): it has 8"):
        name[8]
    with pytest.raises(TypeError) as caught:
        name[0] = 66
    assert str(caught.value) == (
        "user code does not change single bytes of a chars(8): make another one, chars(8, text)"
    )


def test_texts_with_what_is_no_text() -> None:
    broken = chars(6, b"a\xff\0b")
    assert (str(broken), bytes(broken), repr(broken)) == ("a�", b"a\xff\0b\0\0", r"chars(6, b'a\xff\x00b')")
    assert broken != "a"
    assert chars(4, "é") == "é"

    @struct
    class Named:
        name: Chars = chars(4, "ab")

    assert Named().name == "ab"
    assert from_bytes(Named, b"abcd").name == b"abcd"
    assert str(from_bytes(Named, b"a\0cd").name) == "a"
