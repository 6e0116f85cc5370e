"""Objects made by hand are brought into the kernel and run."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

import raw_programs as raw
from osmia.errors import ObjectError, VerifierError
from osmia.kernel.bpf import kernel_name
from osmia.kernel.cpus import possible_cpus
from osmia.loader.load import load_object
from osmia.spec import MapSpec, Relocation

CPUS = len(possible_cpus())
PACKET = bytes(64)


def counts(value: bytes | None) -> int:
    assert value is not None
    return sum(struct.unpack(f"={len(value) // 8}Q", value))


def test_a_program_and_its_map() -> None:
    with load_object(raw.counter()) as loaded:
        program, live = loaded.programs["counts"], loaded.maps["counter"]
        for _ in range(3):
            assert program.test_run(PACKET)[:2] == (2, PACKET)
        value = live.lookup(bytes(4))
        assert value is not None
        assert len(value) == 8 * CPUS
        assert counts(value) == 3
        assert loaded.btf_error is None


def test_everything_is_closed() -> None:
    loaded = load_object(raw.counter())
    loaded.close()
    loaded.close()
    assert not [path for path in Path("/proc/self/fd").iterdir() if path.exists() and "bpf" in str(path.readlink())]


def test_only_what_a_program_reaches() -> None:
    """Of an object with several programs, the maps and subprograms of those that are named."""
    first, second = raw.PER_CPU_COUNTER, MapSpec("other", 2, 4, 8, 1)
    spec = raw.spec(
        raw.function("one", raw.count(), [Relocation(raw.COUNT_MAP_AT, "map", "counter")]),
        raw.function("two", raw.count(), [Relocation(raw.COUNT_MAP_AT, "map", "other")]),
        maps=[first, second, MapSpec("unused", 1, 4, 4, 1)],
    )
    with load_object(spec, programs=["two"]) as loaded:
        assert list(loaded.maps) == ["other"]
        assert list(loaded.programs) == ["two"]
    with load_object(spec) as loaded:
        assert sorted(loaded.maps) == ["counter", "other"]
        assert list(loaded.programs) == ["one", "two"]


def test_subprograms() -> None:
    """Subprograms stand behind the program, each once, and may call one another; those not reached stay out."""
    call = raw.insn(0x85, src=1, imm=-1)
    spec = raw.spec(
        raw.function("main", call + call + raw.EXIT, [Relocation(0, "call", "outer"), Relocation(1, "call", "inner")]),
        raw.function("unreached", raw.returns(9), program=False),
        raw.function(
            "outer", call + raw.insn(0x07, 0, imm=1) + raw.EXIT, [Relocation(0, "call", "inner")], program=False
        ),
        raw.function("inner", raw.returns(1), program=False),
    )
    with load_object(spec) as loaded:
        assert loaded.programs["main"].test_run(PACKET)[0] == 1
        assert loaded.programs["main"].info().instructions == 3 + 3 + 2


def test_a_call_goes_to_the_right_function() -> None:
    call = raw.insn(0x85, src=1, imm=-1)
    spec = raw.spec(
        raw.function("main", call + raw.EXIT, [Relocation(0, "call", "three")]),
        raw.function("four", raw.returns(4), program=False),
        raw.function(
            "three", call + raw.insn(0x07, 0, imm=-1) + raw.EXIT, [Relocation(0, "call", "four")], program=False
        ),
    )
    with load_object(spec) as loaded:
        assert loaded.programs["main"].test_run(PACKET)[0] == 3


def test_data() -> None:
    """A read-only section is filled and frozen, and the address in it is the relocation's."""
    value = struct.pack("=4I", 10, 11, 12, 13)
    rodata = MapSpec(".rodata", 2, 4, 16, 1, contents=value, read_only=True)
    body = raw.LD_IMM64_R1 + raw.insn(0x61, 0, 1) + raw.EXIT  # r1 = &rodata[8]; r0 = *(u32 *)r1
    spec = raw.spec(raw.function("reads", body, [Relocation(0, "data", ".rodata", 8)]), maps=[rodata])
    with load_object(spec) as loaded:
        assert loaded.programs["reads"].test_run(PACKET)[0] == 12
        live = loaded.maps[".rodata"]
        assert live.lookup(bytes(4)) == value
        with pytest.raises(OSError, match="frozen"):
            live.update(bytes(4), value, 0)


def test_maps_of_another_load() -> None:
    """A map that exists is used and not closed; it keeps its contents."""
    with load_object(raw.counter()) as first:
        first.programs["counts"].test_run(PACKET)
        with load_object(raw.counter(), reuse=first.maps) as second:
            second.programs["counts"].test_run(PACKET)
            assert second.maps["counter"] is first.maps["counter"]
        assert counts(first.maps["counter"].lookup(bytes(4))) == 2


def test_a_map_that_does_not_fit() -> None:
    with load_object(raw.counter(raw.ARRAY)) as first, pytest.raises(ObjectError) as caught:
        load_object(raw.counter(), reuse=first.maps)
    assert str(caught.value) == (
        "raw.o: the map that is there does not fit map 'counter': it has type 2 where the object has 6, "
        "max_entries 4 where the object has 1"
    )


def test_names_as_the_kernel_keeps_them() -> None:
    assert kernel_name("a_name_that_is_too_long") == b"a_name_that_is_"
    assert kernel_name("größe ./-x") == b"gr__e_._-x".replace(b"-", b"_")
    counter = MapSpec("my map with spaces", 6, 4, 8, 1)
    with load_object(raw.counter(counter, "prögram")) as loaded:
        assert loaded.programs["prögram"].info().name == "pr_gram"
        assert loaded.maps["my map with spaces"].info()["name"].rstrip(b"\0") == b"my_map_with_spa"


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(ObjectError, match=r"^raw\.o has no program 'count'; its programs are: counts$"):
        load_object(raw.counter(), programs=["count"])


@pytest.mark.parametrize(
    ("relocation", "problem"),
    [
        (Relocation(3, "map", "nowhere"), "refers to map 'nowhere', which the object lacks"),
        (Relocation(3, "call", "nowhere"), "calls 'nowhere', which the object lacks"),
        (Relocation(11, "map", "counter"), "is outside the function"),
        (Relocation(-1, "map", "counter"), "is outside the function"),
        (Relocation(0, "map", "counter"), "is at opcode 0x62, expected 0x18"),
        (Relocation(3, "wrong", "counter"), "is of an unknown kind, 'wrong'"),
    ],
)
def test_damaged_relocations(relocation: Relocation, problem: str) -> None:
    spec = raw.spec(raw.function("counts", raw.count(), [relocation]), maps=[raw.PER_CPU_COUNTER])
    with pytest.raises(ObjectError) as caught:
        load_object(spec)
    assert str(caught.value) == (
        f"raw.o: the relocation of instruction {relocation.offset} of 'counts' (section 'xdp') {problem}"
    )


def test_an_unknown_type_of_map() -> None:
    with pytest.raises(
        ObjectError, match=r"^map 'counter' is of type 999 \(BPF_MAP_TYPE_\*\), which osmia does not know$"
    ):
        load_object(raw.counter(MapSpec("counter", 999, 4, 8, 1)))


def test_a_program_of_no_kind() -> None:
    spec = raw.passes()
    spec.programs["passes"].kind = None
    with pytest.raises(ObjectError, match=r"^raw\.o: 'passes' \(section 'xdp'\) is of no kind of program$"):
        load_object(spec)


def test_btf_that_the_kernel_does_not_take() -> None:
    """The program runs without it, and why is said."""
    spec = raw.counter()
    spec.btf = b"\x9f\xeb\x01\x00" + bytes(20)
    spec.programs["counts"].btf_type_id = 7
    spec.programs["counts"].line_records = [(0, 1, 1, 1 << 10)]
    spec.maps["counter"].btf_key_type_id = spec.maps["counter"].btf_value_type_id = 3
    with load_object(spec) as loaded:
        assert loaded.programs["counts"].test_run(PACKET)[0] == 2
        assert loaded.btf_error == (
            "raw.o: the kernel does not take the object's BTF: Invalid argument (EINVAL): Invalid magic"
        )


def test_a_refusal_says_that_the_kernel_did_not_take_the_btf() -> None:
    """What it says of the program is without types and lines then."""
    spec = raw.counter()
    spec.btf = b"\x9f\xeb\x01\x00" + bytes(20)
    spec.programs["counts"].instructions = struct.pack("<BBhi", 0x95, 0, 0, 0)  # exit, with nothing in r0
    spec.programs["counts"].relocations = []
    with pytest.raises(VerifierError) as caught:
        load_object(spec)
    assert caught.value.__notes__ == [
        "raw.o: the kernel does not take the object's BTF: Invalid argument (EINVAL): Invalid magic; "
        "so the kernel knows neither types nor lines of it"
    ]
