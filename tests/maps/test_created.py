"""Maps without a program: created, pinned, opened by path, id and descriptor, frozen, described by the kernel."""

from __future__ import annotations

import errno
import subprocess
import threading
from contextlib import ExitStack, closing
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from alarms import alarms, ring_in
from ordinary import SOURCE, nobodys_python
from osmia import (
    Array,
    Chars,
    FixedArray,
    HashMap,
    KernelError,
    NotLoadedError,
    ObjectError,
    PerCpuArray,
    PermissionDeniedError,
    SpinLock,
    VerifierError,
    XdpAction,
    XdpContext,
    array,
    be32,
    bits,
    chars,
    open_map,
    spin_lock,
    struct,
    u8,
    u16,
    u32,
    u64,
    union,
    xdp,
)
from osmia.btf.read import Btf
from osmia.btf.write import Writer
from osmia.flags import BPF_F_RDONLY, BPF_F_RDONLY_PROG, BPF_F_WRONLY
from osmia.kernel.btf_objects import btf_of
from osmia.kernel.pin_refusal import not_pinned
from osmia.layout import layout_of
from osmia.maps.compared import difference
from osmia.programs import creation
from refusal import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("engine")


class Big(IntEnum):
    FAR = 1 << 40


class State(IntEnum):
    CLOSED = 0
    OPEN = 1


@union
class Either:
    number: u32
    halves: FixedArray[u16] = array(u16, 2)


@struct
class Flow:
    address: be32 = 0
    state: State = State.CLOSED
    big: Big = Big.FAR
    ok: bool = False
    name: Chars = chars(5)
    low: u8 = bits(3)
    high: u8 = bits(5)
    either: Either = Either(number=0)


@struct
class Locked:
    lock: SpinLock = spin_lock()
    total: u64 = 0


shared = HashMap(u32, u64, max_entries=4)


@xdp
def count(ctx: XdpContext) -> XdpAction:
    shared.update(1, 5)
    return XdpAction.PASS


limits = Array(u32, max_entries=2, flags=BPF_F_RDONLY_PROG)


@xdp
def limited(ctx: XdpContext) -> XdpAction:
    return XdpAction.DROP if len(ctx.packet) > limits[0] else XdpAction.PASS


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held
    shared.close()
    count.close()


def made(stack: ExitStack, declared: Any) -> Any:
    declared.create()
    return stack.enter_context(closing(declared))


def test_a_map_is_live_before_a_program_reaches_it(stack: ExitStack) -> None:
    held = made(stack, shared)
    held[2] = 7
    held.create()  # it is there already
    number = held.info().id
    count.test_run(bytes(64))
    assert (dict(held), held.info().id) == ({1: 5, 2: 7}, number)
    held.close()
    assert refusal(NotLoadedError, held.create) == ("shared is closed, but count still uses it: close count before")
    count.close()
    held.create()
    assert dict(held) == {}


@pytest.mark.kernel_only("it pins a map, or opens one of the kernel's")
def test_what_the_kernel_says(stack: ExitStack) -> None:
    held = made(stack, HashMap(u32, u64, max_entries=100, name="with_a_name_of_many", flags=1))
    info = held.info()
    assert (info.type, info.name, info.key_size, info.value_size) == ("HASH", "with_a_name_of_", 4, 8)
    assert (info.max_entries, info.flags, info.frozen) == (100, 1, False)
    assert (info.id > 0, info.btf_id > 0, info.memlock > 0) == (True, True, True)
    held[1] = 2
    held.freeze()
    assert held.info().frozen
    assert refusal(KernelError, lambda: held.update(1, 3)) == (
        "cannot write key 1 of map 'with_a_name_of_many': the map does not let user code do that: it is frozen, or "
        "was made read-only or write-only (EPERM)"
    )
    assert held[1] == 2
    held.close()
    assert refusal(NotLoadedError, held.info) == "with_a_name_of_many is closed: load() a program that uses it"
    assert refusal(NotLoadedError, held.freeze) == refusal(NotLoadedError, lambda: held.pin("/nowhere"))


@pytest.mark.kernel_only("its verifier reads constants")
def test_a_table_of_constants_is_frozen_once_its_program_is_loaded(stack: ExitStack) -> None:
    stack.callback(limits.close)
    stack.callback(limited.close)
    limits.create()
    limits.freeze()
    with pytest.raises(VerifierError) as caught:
        limited.load()
    assert caught.value.text.splitlines()[0].partition(": ")[2] == (
        "the kernel's verifier refuses program 'limited': a map that is frozen, and that programs may only read, is "
        "read as a constant here, which the kernel can of a map of one entry alone"
    )
    assert caught.value.fix == "freeze() it once the program is loaded, or declare it without BPF_F_RDONLY_PROG"
    limits.close()
    limited.load()
    limits[0] = 60
    limits.freeze()
    assert [limited.test_run(bytes(size)).action for size in (60, 61)] == [XdpAction.PASS, XdpAction.DROP]


def test_a_lock_is_known_by_its_type(stack: ExitStack) -> None:
    held = made(stack, Array(Locked, max_entries=1, name="locked"))
    held[0] = Locked(total=3)
    assert held[0].total == 3


@pytest.mark.parametrize("of", [u32, be32, bool, State, Big, Flow, Locked, Either, array(u16, 3), chars(4)])
def test_types_are_written_as_they_lie_in_memory(of: Any) -> None:
    layout = layout_of(of)
    assert layout is not None
    writer = Writer()
    number = writer.add(layout)
    assert writer.add(layout) == number
    btf = Btf(writer.data(), "written")
    assert btf.size(number) == layout.size
    assert difference(btf, number, layout, "it") == ""


@pytest.mark.kernel_only("it pins a map, or opens one of the kernel's")
def test_the_kernel_takes_and_shows_them(stack: ExitStack) -> None:
    held = made(stack, HashMap(State, Flow, max_entries=4, name="flows"))
    held[State.OPEN] = Flow(state=State.OPEN, name=chars(5, "lo"), high=9)
    data = btf_of(held.info().btf_id)
    assert data is not None
    assert Btf(data, "kernel's").find("Flow", 4) is not None
    other = stack.enter_context(closing(open_map(id=held.info().id)))
    assert (other.key_size, other.value_size, len(other)) == (4, held.value_size, 1)


@pytest.mark.kernel_only("it pins a map, or opens one of the kernel's")
def test_pinned_and_opened(stack: ExitStack, pins: Path) -> None:
    path = pins / "flows"
    held = made(stack, HashMap(u32, u64, max_entries=8, name="flows"))
    held[1] = 10
    held.pin(path)
    assert refusal(KernelError, lambda: held.pin(str(path))) == (
        f"cannot pin map 'flows' to {path}: there is a file of that name already (EEXIST)"
    )
    for where in ({"path": path}, {"id": held.info().id}, {"fd": held.fd}):
        twin: Any = HashMap(u32, u64, max_entries=8, name="twin")
        positional = [where.pop("path")] if "path" in where else []
        twin.open(*positional, **where)
        with closing(twin):
            twin[2] = 20
            assert dict(held) == {1: 10, 2: 20}
            assert refusal(RuntimeError, lambda twin=twin: twin.open(path)) == (
                "twin is live already: close it before it is opened"
            )
        foreign = open_map(*positional, **where)
        with closing(foreign):
            assert (type(foreign).__name__, foreign.name, foreign.to_dict()) == ("HashMap", "flows", dict(held))
        del held[2]
    held.close()
    twin = HashMap(u32, u64, max_entries=8, name="twin")
    twin.open(path)
    stack.enter_context(closing(twin))
    assert twin[1] == 10  # the name kept it
    stranger = made(stack, HashMap(u32, u64, max_entries=8, name="stranger"))
    assert refusal(ValueError, lambda: stranger.unpin(path)) == (
        f"{path} is not a name of map 'stranger': something else is pinned there"
    )
    twin.unpin(path)
    assert not path.exists()
    assert refusal(KernelError, lambda: twin.unpin(path)) == (
        f"cannot open what is pinned at {path}: there is nothing (ENOENT)"
    )


@pytest.mark.kernel_only("it pins a map, or opens one of the kernel's")
def test_every_difference_is_named(stack: ExitStack, pins: Path) -> None:
    path = pins / "flows"
    held = made(stack, HashMap(u32, Locked, max_entries=8, name="flows"))
    held.pin(path)

    @struct
    class Renamed:
        lock: SpinLock = spin_lock()
        bytes: u64 = 0

    expected = {
        Array(u8, max_entries=9, name="m", flags=1024): (
            "it has type HASH where ARRAY is declared, value size 16 where 1 is declared, max_entries 8 where 9 is "
            "declared, flags 0x0 where 0x400 is declared"
        ),
        HashMap(u16, Locked, max_entries=8, name="m"): "it has key size 4 where 2 is declared",
        HashMap(u32, Renamed, max_entries=8, name="m"): (
            "it has other types: a value has no field bytes there; it has lock, total"
        ),
    }
    for declared, text in expected.items():
        wrong: Any = declared
        assert refusal(ObjectError, lambda wrong=wrong: wrong.open(path)) == (
            f"what is pinned at {path} does not fit m: {text}"
        )
        assert not wrong.live


@pytest.mark.kernel_only("it pins a map, or opens one of the kernel's")
def test_opened_or_created(stack: ExitStack, pins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pins / "flows"
    first: Any = HashMap(u32, u32, max_entries=2, name="first")
    second: Any = HashMap(u32, u32, max_entries=2, name="second")
    first.open(path, create=True)
    first[1] = 5
    second.open(path, create=True)
    with closing(first), closing(second):
        assert (second[1], second.info().name) == (5, "first")
    # Another process pins its own between the look and the pin: that one is taken.
    racing: Any = HashMap(u32, u32, max_entries=2, name="racing")
    winner = made(stack, HashMap(u32, u32, max_entries=2, name="winner"))
    path.unlink()
    create = creation._created

    def slowly(declared: Any) -> Any:
        winner.pin(path)
        return create(declared)

    monkeypatch.setattr(creation, "_created", slowly)
    racing.open(path, create=True)
    with closing(racing):
        assert racing.info().name == "winner"


@pytest.mark.kernel_only("it pins a map, or opens one of the kernel's")
@pytest.mark.parametrize("flag", [BPF_F_RDONLY, BPF_F_WRONLY])
def test_what_user_code_may_do_is_the_same_where_it_is_opened(stack: ExitStack, pins: Path, flag: int) -> None:
    path = pins / "guarded"
    held = HashMap(u32, u32, max_entries=2, name="guarded", flags=flag)
    stack.callback(held.close)
    held.open(path, create=True)
    number = held.info().id
    for where in (partial(held.open, path), partial(held.open, path, create=True), partial(held.open, id=number)):
        held.close()
        where()
        assert held.info().id == number
        forbidden = partial(held.update, 1, 2) if flag == BPF_F_RDONLY else partial(held.get, 1)
        assert refusal(KernelError, forbidden).endswith("or was made read-only or write-only (EPERM)")


@pytest.mark.kernel_only("it pins a map, or opens one of the kernel's")
def test_what_cannot_be_opened(stack: ExitStack, pins: Path, tmp_path: Path) -> None:
    declared: Any = HashMap(u32, u32, max_entries=2, name="m")
    assert refusal(TypeError, declared.open) == "m: open() takes one of a path, id= and fd="
    assert refusal(TypeError, lambda: declared.open(id=3, create=True)) == (
        "m: open(create=True) takes a path, where the map is pinned"
    )
    assert refusal(TypeError, open_map) == "open_map() takes one of a path, id= and fd="
    assert refusal(TypeError, lambda: open_map(id="3")) == "open_map(): id is an int, not str '3'"  # type: ignore[arg-type]
    for opening, subject in ((open_map, "open_map()"), (declared.open, "m")):
        assert refusal(ValueError, lambda of=opening: of(id=1 << 40)) == (
            f"{subject}: id is 0 to 4294967295, not 1099511627776"
        )
        assert refusal(ValueError, lambda of=opening: of(fd=-1)) == f"{subject}: fd is 0 to 4294967295, not -1"
        assert refusal(TypeError, lambda of=opening: of(fd=True)) == f"{subject}: fd is an int, not bool True"
        assert refusal(KernelError, lambda of=opening: of(fd=99999)) == (
            "cannot open the map of the file descriptor 99999: Bad file descriptor (EBADF)"
        )
    plain = tmp_path / "plain"
    plain.touch()
    assert refusal(KernelError, lambda: open_map(id=0xFFFF_FFF0)) == (
        "cannot open the map with id 4294967280: there is no such map (ENOENT)"
    )
    with plain.open() as file:
        assert refusal(ObjectError, lambda: open_map(fd=file.fileno())) == (
            f"the file descriptor {file.fileno()} is no map but {plain}"
        )
    count.load()
    assert refusal(ObjectError, lambda: declared.open(fd=count.fd)) == (
        f"the file descriptor {count.fd} is no map but bpf-prog"
    )
    held = made(stack, declared)
    path = f"{pins}/a\0b"
    for use in (held.pin, held.unpin, open_map):
        assert refusal(ValueError, lambda use=use: use(path)) == f"a path has no null character, and {path!r} has one"
    assert not (pins / "a").exists()
    other: Any = HashMap(u32, u32, max_entries=2, name="o")
    opens: tuple[Any, ...] = (held.pin, open_map, other.open, partial(other.open, create=True))
    for use in opens:
        assert refusal(TypeError, lambda use=use: use(5)) == "a path is a str or a PathLike, not int 5"
        assert refusal(TypeError, lambda use=use: use(b"/m")) == "a path is a str or a PathLike, not bytes b'/m'"


@pytest.mark.kernel_only("it pins a map, or opens one of the kernel's")
def test_paths_that_are_in_no_bpf_file_system(
    stack: ExitStack, pins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared: Any = HashMap(u32, u32, max_entries=2, name="m")
    plain = tmp_path / "plain"
    plain.touch()
    only = (
        f"in a file system of type {file_system_of(tmp_path)}, and pins exist in a BPF file system only: take a path "
        "below /sys/fs/bpf (`mount -t bpf bpf /sys/fs/bpf` if there is none)"
    )
    for opened in (lambda: open_map(plain), lambda: declared.open(plain)):
        assert refusal(KernelError, opened) == f"cannot open what is pinned at {plain}: it is a file {only} (EACCES)"
    assert refusal(KernelError, lambda: open_map(pins)) == (
        f"cannot open what is pinned at {pins}: it is a directory, and nothing that is pinned (EACCES)"
    )
    held = made(stack, declared)
    assert refusal(KernelError, lambda: held.pin(tmp_path / "m")) == (
        f"cannot pin map 'm' to {tmp_path / 'm'}: '{tmp_path}' is {only} (EPERM)"
    )
    # As /sys/fs/bpf says it, where nothing is mounted there.
    assert str(not_pinned(errno.ENOENT, "map 'm'", str(tmp_path / "m"))) == (
        f"cannot pin map 'm' to {tmp_path / 'm'}: '{tmp_path}' is {only} (ENOENT)"
    )
    monkeypatch.chdir(tmp_path)
    assert refusal(KernelError, lambda: held.pin("m")) == f"cannot pin map 'm' to m: '{tmp_path}' is {only} (EPERM)"
    missing = tmp_path / "there" / "m"
    assert refusal(KernelError, lambda: held.pin(missing)) == (
        f"cannot pin map 'm' to {missing}: there is no directory '{missing.parent}' (ENOENT)"
    )
    assert refusal(KernelError, lambda: held.pin("")) == ("cannot pin map 'm' to : No such file or directory (ENOENT)")
    other: Any = HashMap(u32, u32, max_entries=2, name="o")
    for opened in (partial(open_map, pins / "a.map"), partial(other.open, pins / "a.map", create=True)):
        assert refusal(KernelError, opened) == (
            f"cannot open what is pinned at {pins / 'a.map'}: names in a BPF file system have no dot (EPERM)"
        )
    assert refusal(KernelError, lambda: held.pin(pins / "a.map")) == (
        f"cannot pin map 'm' to {pins / 'a.map'}: names in a BPF file system have no dot (EPERM)"
    )


def file_system_of(path: Path) -> str:
    """The type of the file system that the longest mount point above the path is of."""
    mounts = [line.split(" - ") for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    above = [(line.split()[4], kind.split()[0]) for line, kind in mounts if path.is_relative_to(line.split()[4])]
    return max(reversed(above), key=lambda mount: len(mount[0]))[1]


def test_more_than_there_is_memory_for() -> None:
    huge: Any = PerCpuArray(u64, max_entries=0xFFFF_FFF0, name="huge")
    with pytest.raises(KernelError) as caught:
        huge.create()
    assert caught.value.errno in {errno.ENOMEM, errno.E2BIG}
    assert "key_size 4, value_size 8, max_entries 4294967280, flags 0x0" in str(caught.value)
    assert not huge.live


def test_who_may_not() -> None:
    """As an ordinary user: what is missing is named, also for maps that the kernel wants types for."""
    program = f"""
import sys
sys.path.insert(0, {SOURCE!r})
from osmia import *
@struct
class Held:
    lock: SpinLock = spin_lock()
for use in (
    HashMap(u32, u32, max_entries=1, name="m").create,
    HashMap(u32, Held, max_entries=1, name="locked").create,
    SkStorage(u64, name="s").create,
    StructOps("tcp_congestion_ops", name="t").create,
    lambda: open_map(id=1),
):
    try:
        use()
    except PermissionDeniedError as error:
        print(error)
"""
    python = nobodys_python()
    if not python:
        pytest.skip("no Python 3.11 or newer here that an ordinary user can read, and this checkout with it")
    done = subprocess.run([*python, "-S", "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [
        "cannot create map 'm' (HASH): this process lacks CAP_BPF. Run it as root, or give it that",
        "cannot create map 'locked' (HASH): this process lacks CAP_BPF. Run it as root, or give it that",
        "cannot create map 's' (SK_STORAGE): this process lacks CAP_BPF. Run it as root, or give it that",
        "cannot create map 't' (STRUCT_OPS): this process lacks CAP_BPF. Run it as root, or give it that",
        "cannot open the map with id 1: this process lacks CAP_SYS_ADMIN. Run it as root, or give it that",
    ], done.stderr
    assert PermissionDeniedError.__mro__[1] is KernelError


def test_threads_and_a_signal_handler_on_one_handle(stack: ExitStack) -> None:
    """None of them sees what belongs to another, whatever they do at once."""
    held = made(stack, HashMap(u32, u64, max_entries=4096, name="m"))
    held.update_many(range(1000), [key * 3 for key in range(1000)])
    wrong: list[object] = []
    handled = 0

    def check(start: int) -> None:
        for number in range(start, start + 400):
            key = number % 1000
            if held[key] != key * 3 or held.get(key + 1000) is not None:
                wrong.append(key)
        if held.to_dict() != {key: key * 3 for key in range(1000)}:
            wrong.append("dict")

    def handle(_number: int, _frame: object) -> None:
        nonlocal handled
        handled += 1
        if held[7] != 21 or held.get(5000) is not None or held.pop(5000, None) is not None:
            wrong.append("handler")
        ring_in(0.001)

    with alarms(handle, 0.001):
        threads = [threading.Thread(target=check, args=(start,)) for start in (0, 300, 600)]
        for each in threads:
            each.start()
        check(100)
        for each in threads:
            each.join()
    assert (wrong, handled > 0) == ([], True)
