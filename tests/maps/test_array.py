"""Arrays and per-CPU arrays, on maps of the running kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from typing import Any

import pytest

from live_maps import live
from osmia import Array, PerCpuArray, PerCpuValues, i8, i16, i32, i64, struct, u8, u16, u32, u64
from osmia.kernel.cpus import possible_cpus
from refusal import refusal

pytestmark = pytest.mark.usefixtures("engine")

CPUS = len(possible_cpus())


class State(IntEnum):
    CLOSED = 0
    OPEN = 1


@struct
class Flow:
    packets: u64


@pytest.fixture
def array() -> Iterator[Array[int]]:
    held = live(Array(u32, max_entries=3, name="SLOTS"))
    yield held
    held.close()


@pytest.fixture
def counts() -> Iterator[PerCpuArray[int]]:
    held = live(PerCpuArray(u32, max_entries=3, name="PKT_CNT_ARRAY"))
    yield held
    held.close()


def test_reads_and_writes(array: Array[int]) -> None:
    assert array[0] == 0
    array[1] = 7
    array[2] = 0xFFFF_FFFF
    assert (array[0], array[1], array[2]) == (0, 7, 0xFFFF_FFFF)
    assert array.get(1) == 7
    assert array.get(3) is None
    assert array.get(3, 9) == 9


def test_is_a_mapping_of_all_its_indices(array: Array[int]) -> None:
    array[1] = 7
    assert isinstance(array, Mapping)
    match array:
        case {1: value}:
            assert value == 7
        case _:
            pytest.fail("no mapping to match")
    assert (list(array), len(array)) == ([0, 1, 2], 3)
    assert (0 in array, 2 in array, 3 in array, -1 in array) == (True, True, False, False)
    assert list(array.items()) == [(0, 0), (1, 7), (2, 0)]
    assert list(array.values()) == [0, 7, 0]
    assert list(array.keys()) == [0, 1, 2]
    assert dict(array) == {0: 0, 1: 7, 2: 0}
    assert (1, 7) in array.items()
    assert 7 in array.values()


def test_updates(array: Array[int]) -> None:
    assert array.update(0, 1) == 0
    assert array.update(0, 2, 2) == 0
    assert array.update({1: 5, 2: 6}) == 0
    assert list(array.values()) == [2, 5, 6]
    assert array.update(iter([(0, 9)])) == 0
    assert array[0] == 9


@pytest.mark.parametrize(
    ("of", "low", "high"),
    [(of, of.low, of.high) for of in (u8, u16, u32, u64, i8, i16, i32, i64)],  # type: ignore[attr-defined]
)
def test_every_width_keeps_its_ends(of: Any, low: int, high: int) -> None:
    held = live(Array(of, max_entries=2, name="ENDS"))
    per_cpu = live(PerCpuArray(of, max_entries=2, name="ENDS"))
    held.update({0: low, 1: high})
    per_cpu[0], per_cpu[1] = [low] * CPUS, [high] * CPUS
    assert list(held.values()) == [low, high]
    assert list(per_cpu.values()) == [(low,) * CPUS, (high,) * CPUS]
    article = "an" if of.signed else "a"
    for value in (low - 1, high + 1):
        text = f"ENDS: a value is {article} {of.__name__}, {low} to {high}, not {value}"
        assert refusal(OverflowError, lambda value=value: held.__setitem__(0, value)) == text
        assert refusal(OverflowError, lambda value=value: per_cpu.__setitem__(0, [value] * CPUS)) == text
    held.close()
    per_cpu.close()


def test_bools_and_enums_come_back_as_themselves() -> None:
    seen, states = live(Array(bool, max_entries=1, name="SEEN")), live(Array(State, max_entries=1, name="STATES"))
    assert (seen[0], states[0]) == (False, State.CLOSED)
    seen[0], states[0] = True, State.OPEN
    assert seen[0] is True
    assert states[0] is State.OPEN
    wrong: Any = seen
    assert refusal(TypeError, lambda: wrong.__setitem__(0, 1)) == "SEEN: a value is a bool, not int 1"
    wrong = states
    assert refusal(TypeError, lambda: wrong.__setitem__(0, 1)) == "STATES: a value is a State, not int 1"
    per_cpu = live(PerCpuArray(State, max_entries=1, name="STATES"))
    per_cpu[0] = [State.OPEN] * CPUS
    assert per_cpu[0] == (State.OPEN,) * CPUS
    assert all(type(value) is State for value in per_cpu[0])
    for held in (seen, states, per_cpu):
        held.close()


def test_a_value_that_is_no_member_is_not_passed_off_as_one() -> None:
    states = live(Array(State, max_entries=1, name="STATES"))
    states.backend.update(bytes(4), (7).to_bytes(4, "little"), 0)
    assert refusal(ValueError, lambda: states[0]) == "STATES: a value is 7, which is no State"
    states.close()


def test_a_key_outside(array: Array[int], counts: PerCpuArray[int]) -> None:
    for held in (array, counts):
        for key in (3, -1, 1 << 40):
            text = f"{held.name}: no key {key}, its keys are 0 to 2"
            assert refusal(KeyError, lambda held=held, key=key: held[key]) == text


def test_writing_outside_is_a_missing_key_too(array: Array[int], counts: PerCpuArray[int]) -> None:
    assert refusal(KeyError, lambda: array.__setitem__(3, 1)) == "SLOTS: no key 3, its keys are 0 to 2"
    assert (
        refusal(KeyError, lambda: counts.__setitem__(3, [1] * CPUS)) == "PKT_CNT_ARRAY: no key 3, its keys are 0 to 2"
    )
    assert refusal(KeyError, lambda: array.update(3, 1)) == "SLOTS: no key 3, its keys are 0 to 2"


def test_a_key_of_another_type(array: Array[int], counts: PerCpuArray[int]) -> None:
    held: Any
    for held in (array, counts):
        text = f"{held.name}: a key is an int (u32), not"
        assert refusal(TypeError, lambda held=held: held["a"]) == f"{text} str 'a'"
        assert refusal(TypeError, lambda held=held: held[0.0]) == f"{text} float 0.0"
        assert refusal(TypeError, lambda held=held: held[0:1]) == f"{text} slice slice(0, 1, None)"
        assert refusal(TypeError, lambda held=held: None in held) == f"{text} NoneType None"


def test_anything_that_is_an_index_is_a_key(array: Array[int]) -> None:
    class Index:
        def __index__(self) -> int:
            return 1

    array[1] = 5
    assert array[Index()] == 5  # type: ignore[index]
    assert array[State.OPEN] == 5


def test_arrays_cannot_delete(array: Array[int], counts: PerCpuArray[int]) -> None:
    held: Any
    for held in (array, counts):
        text = f"{held.name}: an array cannot delete a key; to clear its value write 0"
        assert refusal(TypeError, lambda held=held: held.__delitem__(0)) == text


def test_lookup_is_for_kernel_code(array: Array[int], counts: PerCpuArray[int]) -> None:
    for held in (array, counts):
        text = f"{held.name}: lookup() is for kernel code; in user code write m[0] or m.get(0)"
        assert refusal(TypeError, lambda held=held: held.lookup(0)) == text


def test_per_cpu_values(counts: PerCpuArray[int]) -> None:
    assert counts[0] == (0,) * CPUS
    counts[0] = list(range(1, CPUS + 1))
    values = counts[0]
    assert isinstance(values, PerCpuValues)
    assert values == tuple(range(1, CPUS + 1))
    assert (len(values), values[0], values.max(), values.min()) == (CPUS, 1, CPUS, 1)
    assert values.sum() == CPUS * (CPUS + 1) // 2
    assert values.sum(lambda value: value * 2) == CPUS * (CPUS + 1)
    assert (list(counts), len(counts), 2 in counts, 3 in counts) == ([0, 1, 2], 3, True, False)
    counts.update(0, [0] * CPUS)
    assert counts.update({1: [5] * CPUS, 2: values}) == 0
    assert [each.sum() for each in counts.values()] == [0, 5 * CPUS, values.sum()]


def test_per_cpu_values_have_no_arithmetic(counts: PerCpuArray[int]) -> None:
    values: Any = counts[0]
    uses: tuple[Callable[[], Any], ...] = (
        lambda: values + 1,
        lambda: values + values,
        lambda: values * 2,
        lambda: 2 * values,
        lambda: values - 1,
    )
    for use in uses:
        with pytest.raises(TypeError):
            use()


def test_per_cpu_values_that_are_no_numbers_are_not_added() -> None:
    values: Any = PerCpuValues((Flow(packets=1), Flow(packets=2)))
    assert values.sum(lambda flow: flow.packets) == 3
    alone: Any = PerCpuValues((Flow(packets=1),))  # of a machine with one CPU
    assert (PerCpuValues((5,)).max(), PerCpuValues((5,)).min()) == (5, 5)
    for use in (values.sum, values.max, values.min, alone.sum, alone.max, alone.min):
        assert refusal(TypeError, use) == (
            f"{use.__name__}() takes numbers, not Flow: say which number of each CPU's value, "
            f"as in .{use.__name__}(lambda value: value.packets)"
        )


def test_per_cpu_values_are_one_per_possible_cpu(counts: PerCpuArray[int]) -> None:
    wanted = f"PKT_CNT_ARRAY: a value is {CPUS} values, one per possible CPU, not"
    for count in (0, CPUS - 1, CPUS + 1):
        assert refusal(ValueError, lambda count=count: counts.__setitem__(0, [0] * count)) == f"{wanted} {count}"
    wanted = f"PKT_CNT_ARRAY: a value is a sequence of {CPUS} values, one per possible CPU, not"
    one: Any
    for one, shown in ((5, "int 5"), ("ab", "str 'ab'"), (None, "NoneType None")):
        assert refusal(TypeError, lambda one=one: counts.__setitem__(0, one)) == f"{wanted} {shown}"
    assert refusal(TypeError, lambda: counts.update(0, 5)) == f"{wanted} int 5"
    wrong: Any = ["a"] * CPUS
    assert (
        refusal(TypeError, lambda: counts.__setitem__(0, wrong))
        == "PKT_CNT_ARRAY: a value is an int (u32), not str 'a'"
    )


def test_nothing_of_a_bad_update_is_written(array: Array[int]) -> None:
    assert refusal(OverflowError, lambda: array.update({0: 1, 1: -1})) == (
        "SLOTS: a value is a u32, 0 to 4294967295, not -1"
    )
    assert list(array.values()) == [0, 0, 0]


def test_update_takes_only_what_it_says(array: Array[int]) -> None:
    text = "SLOTS: update() takes key, value[, flags], or a mapping, or pairs of key and value"
    wrong: Any
    for wrong in ((), (5,), ([(1, 2, 3)],), ("ab",), ([1],), (1, 2, 0, 4)):
        assert refusal(TypeError, lambda wrong=wrong: array.update(*wrong)) == text
    assert refusal(TypeError, lambda: array.update(0, 1, "a")) == "SLOTS: flags is an int, not str 'a'"  # type: ignore[call-overload]
    for flags in (-1, 1 << 64):
        refused = refusal(ValueError, lambda flags=flags: array.update(0, 1, flags))
        assert refused == f"SLOTS: flags is 0 to 18446744073709551615, not {flags}"
