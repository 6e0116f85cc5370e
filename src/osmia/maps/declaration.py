"""What every map is: a declaration that both sides share, live once a program that reaches it is loaded."""

from __future__ import annotations

import sys

from osmia.abi.generated import BPF_F_LOCK
from osmia.errors import NotLoadedError, ObjectError, shortened, shown, with_article
from osmia.generic import Generic, TypeVar
from osmia.maps.codec import Bytes, Codec, StructError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike
    from types import FrameType
    from typing import Any, NoReturn, Self

    from osmia.maps.backend import MapBackend
    from osmia.maps.doorbell import Bell
    from osmia.maps.info import MapInfo
    from osmia.maps.losses import Losses
    from osmia.maps.table import MapKind

K = TypeVar("K")
V = TypeVar("V")

LARGEST = 0xFFFF_FFFF
LARGEST_FLAGS = 0xFFFF_FFFF_FFFF_FFFF
KERNEL_ONLY = {  # what user code writes instead
    "lookup": "m[{key}] or m.get({key})",
    "lookup_or_init": "m[{key}], or where there is none m[{key}] = value",
    "lookup_percpu": "m[{key}][{cpu}]",
    "delete": "del m[{key}]",
    "for_each": "for key, value in m.items()",
}
LARGEST_PER_CPU = 32768  # PCPU_MIN_UNIT_SIZE in linux/percpu.h
MAKER = "osmia.programs.creation"
_CLOSED = "is closed: load() a program that uses it"
RESERVED = "osmia_errors"  # the compiler's own map: what `program.errors()` reads


class Shared:
    """What kernel code and user code share: declared once, and live while a program that reaches it is loaded."""

    declared_at: tuple[str, int]
    """The file and the line of the declaration."""
    reached_by: list[object]
    """The loaded programs that use it."""
    made_live_by = "load() or attach() a program that uses it, or take the handle that load() gives"
    """What error texts say of one that is not live."""
    _globals: dict[str, Any]
    _name: str
    _backend: MapBackend

    def _declare_here(self, what: str, name: str, frame: FrameType) -> None:
        """Take down where it is declared. `what` it is stands in error texts about its name."""
        self._globals = frame.f_globals
        self.declared_at = (frame.f_code.co_filename, frame.f_lineno)
        self._name = name if name == "" else check_name(f"{type(self).__name__}: {what}", name)

    @property
    def name(self) -> str:
        """Its name: the given one, else the module-level variable's; empty if there is neither.

        The kernel keeps the first 15 characters.
        """
        if not self._name:
            self._name = name_in(self._globals, self)
        return self._name

    def take_name(self, name: str) -> None:
        """Give a name to what has none: the compiler names what a closure holds by its variables."""
        if not self.name:
            self._name = name

    @property
    def subject(self) -> str:
        """What error texts call it."""
        return self.name or f"the {type(self).__name__} of {self.declared_at[0]}:{self.declared_at[1]}"

    @property
    def live(self) -> bool:
        """Whether it can be read and written."""
        return not isinstance(self._backend, Absent)

    @property
    def backend(self) -> MapBackend:
        """What holds the live map. NotLoadedError if it is not live."""
        if isinstance(self._backend, Absent):
            self._backend.refuse()
        return self._backend

    def close(self) -> None:
        """Let go of the live map. The kernel keeps it as long as a program there uses it."""
        if isinstance(self._backend, Absent):
            return
        backend = self._backend
        self._use(Absent(self, _CLOSED))
        backend.close()

    def made(self) -> None:
        """It is live, and new: programs of this process will use it first."""

    def _start(self) -> None:
        self.reached_by = []
        self._use(Absent(self, f"is not loaded: {self.made_live_by}"))

    def _use(self, backend: MapBackend) -> None:
        self._backend = backend

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __reduce__(self) -> NoReturn:
        """TypeError: a copy would close what this one reads, and in another process it would be nothing."""
        raise TypeError(
            f"{self.subject}: {with_article(type(self).__name__)} is neither copied nor pickled: take what it holds, "
            "or pin a map and open() it by its path"
        )


class Map(Shared, Generic[K, V]):
    """A map: declared once, used by kernel code and, while it is live, by user code."""

    kind: MapKind
    """Its row in the table of map types."""
    key: Any
    """The type of its keys, as declared."""
    value: Any
    """The type of its values (of one CPU's value where it is per CPU), as declared."""
    max_entries: int
    flags: int
    """BPF_F_* flags that it is created with, those among them that its type asks for."""
    map_extra: int = 0
    """What the type takes besides, 0 for most."""
    losses: Losses | None = None
    """What counts the events that had no room, of maps that hand over events; of aggregations the values."""
    bell: Bell | None = None
    """What kernel code wakes a reader by, of maps in memory that hand over events."""
    inner: Map[Any, Any] | None = None
    """Of a map of maps: the declaration that all maps in it are like."""
    aggregates = False
    """Whether kernel code adds values to it, and nothing else: a histogram and the like."""
    made_live_by = (
        "load() or attach() a program that uses it, take the handle that load() gives, create() it, or open() the path "
        "where it is pinned"
    )

    def __init__(self, key: Any, value: Any, *, max_entries: int, name: str, flags: int) -> None:
        # The frame of who called the concrete class's __init__.
        self._declare_here("a map", name, sys._getframe(2))  # noqa: SLF001
        if name == RESERVED:
            raise TypeError(f"{self.subject}: osmia counts the errors of programs in a map of this name; take another")
        self._declare(key, value, max_entries=max_entries, flags=flags)
        least = 0 if self.kind.entries in ("none", "CPUs") else 1
        check_integer(f"{self.subject}: max_entries", max_entries, least)
        check_integer(f"{self.subject}: flags", flags, 0)
        self.flags |= self.kind.required_flags
        if self.flags & ~self.kind.flags or self.flags.bit_count() > 1:
            from osmia.maps.flag_refusal import check_flags

            check_flags(self.subject, self.kind, self.flags)
        if self.kind.per_cpu and self.value_size > LARGEST_PER_CPU:
            raise ValueError(
                f"{self.subject}: a value of {with_article(self.kind.class_name)} has {LARGEST_PER_CPU} bytes at most, "
                f"as the kernel keeps one for each CPU, and {self.value.__name__} has {self.value_size}"
            )

    def _declare(self, key: Any, value: Any, *, max_entries: int, flags: int) -> None:
        self.key, self.value, self.max_entries, self.flags = key, value, max_entries, flags
        self._keys = Codec(Bytes(0) if self.kind.keys == "none" else self.stored_key, self, "key")
        self._values = Codec(value, self, "value")
        self._pack_key = self._keys.pack
        self._update_flags = BPF_F_LOCK if self._values.locked else 0
        self._start()

    @classmethod
    def opened(cls, key: Any, value: Any, *, max_entries: int, flags: int, name: str, backend: MapBackend) -> Self:
        """A live map that was declared elsewhere, in an object file."""
        held = cls.__new__(cls)
        held.declared_at = (name, 0)
        held._name = name  # noqa: SLF001 - of the class itself
        held._declare(key, value, max_entries=max_entries, flags=flags)  # noqa: SLF001
        held.bind(backend)
        return held

    @property
    def stored_key(self) -> Any:
        """The type of its keys as they lie in the kernel."""
        return self.key

    @property
    def stored_value(self) -> Any:
        """The type of its values as they lie in the kernel."""
        return self.value

    @property
    def key_size(self) -> int:
        """In bytes; 0 for a map without keys."""
        return self._keys.size

    @property
    def value_size(self) -> int:
        """In bytes; of one CPU's value where the map is per CPU."""
        return self._values.size

    @property
    def fd(self) -> int:
        """The live map's file descriptor. NotLoadedError if it is not live."""
        return self.backend.fd

    @property
    def locked(self) -> bool:
        """Whether its values hold a spin lock."""
        return bool(self._update_flags)

    def close(self) -> None:
        """Let go of the live map. The kernel keeps it as long as a program there uses it."""
        super().close()
        for beside in (self.losses, self.bell):
            if beside is not None:
                beside.close()

    def create(self) -> None:
        """Create the map without a program: it is live then, and what reaches it later shares it.

        It does nothing where it is live already. KernelError where the kernel refuses, NotSupportedError where it has
        no maps of this type.
        """
        _maker("create")(self)

    def open(self, path: Any = None, /, *, id: int | None = None, fd: int | None = None, create: bool = False) -> None:  # noqa: A002 - the kernel's name
        """Make it live with a map that others hold: by the path where it is pinned, by id, or by a file descriptor.

        With `create`, a map is created and pinned at `path` where nothing is pinned there yet. ObjectError, which names
        every difference, for a map that is not what is declared: type, sizes, max_entries, flags, and where it has BTF,
        types of key and value. KernelError where there is none, or it may not be opened (an id takes CAP_SYS_ADMIN).
        RuntimeError where it is live already. The file descriptor stays its owner's.
        """
        _maker("open_declared")(self, path, id, fd, create=create)

    def pin(self, path: str | PathLike[str], /) -> None:
        """Give it a name in a BPF file system, by which it stays in the kernel (since Linux 4.4).

        KernelError where there is something of that name, or no BPF file system.
        """
        self.backend.pin(path_text(path))

    def unpin(self, path: str | PathLike[str], /) -> None:
        """Take that name away; the map stays as long as something uses it.

        ValueError where something else is pinned there, KernelError where nothing is.
        """
        self.backend.unpin(path_text(path))

    def freeze(self) -> None:
        """From now on user code cannot write to it, whoever holds it; kernel code can (since Linux 5.2).

        There is no way back. KernelError where its memory is mapped, or its values hold a spin lock.
        """
        self.backend.freeze()

    def info(self) -> MapInfo:
        """What the kernel says of the live map. NotLoadedError if it is not live."""
        from osmia.maps.info import MapInfo

        backend = self.backend
        return MapInfo.of(backend.info(), backend.charged())

    def describe(self) -> tuple[object, ...]:
        """What the object that is made of it depends on, made of what `marshal` can write."""
        types = self._keys.describe(), self._values.describe()
        inner = None if self.inner is None else self.inner.describe()
        return type(self).__name__, self.name, *types, self.max_entries, self.flags, self.map_extra, inner

    def bind(self, backend: MapBackend) -> None:
        """Make it live: from now on user code reads and writes `backend`."""
        self._use(backend)

    def absent(self, why: str) -> None:
        """It is not live, and says why it cannot be read: `is ...`."""
        self._use(Absent(self, why))

    def handle(self, backend: MapBackend, name: str = "") -> Self:
        """An independent live map of the same declaration, and of another name where one is given."""
        twin = type(self).__new__(type(self))
        vars(twin).update(vars(self))
        twin._name = name or twin._name  # noqa: SLF001 - of the class itself
        twin.reached_by = []
        if self.losses is not None:
            twin.losses = type(self.losses)(twin)
        if self.bell is not None:
            twin.bell = type(self.bell)(twin)
        twin.bind(backend)
        return twin

    def _use(self, backend: MapBackend) -> None:
        self._backend = backend
        self._lookup: Callable[[bytes], bytes | None] = backend.lookup
        if self._update_flags:
            self._lookup = lambda key: backend.lookup(key, BPF_F_LOCK)
        self._read: Callable[[Any], Any] = self._reader(backend)

    def _reader(self, backend: MapBackend) -> Callable[[Any], Any]:
        """What a subscript reads with: from a key to its value as user code sees it, None if there is none."""
        return backend.lookup

    def _reading(self, backend: MapBackend, unpack: Any, make: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The same, of `unpack` and `make`, by the fastest way that the backend has."""
        if not self._update_flags:
            return backend.reader(self._pack_key, unpack, make, self.kind.fixed_keys)
        lookup, pack = self._lookup, self._pack_key

        def read(key: Any) -> Any:
            found = lookup(pack(key))
            return None if found is None else make(unpack(found))

        return read

    if not TYPE_CHECKING:  # for type checkers it has only what its class says

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):
                raise AttributeError(name)
            from osmia.maps.operations import no_operation

            raise AttributeError(no_operation(self, name), name=name, obj=self)

    def _encode_key(self, key: Any) -> bytes:
        try:
            return self._pack_key(key)
        except StructError:
            raise self._bad_key(key) from None

    def _bad_key(self, key: Any) -> Exception:
        return self._keys.refusal(key)

    def _missing(self, key: Any) -> KeyError:
        return KeyError(f"{self.subject}: no key {shortened(key)}")

    def _kernel_only(self, operation: str, key: object, cpu: object = None) -> NoReturn:
        instead = KERNEL_ONLY[operation].format(key=shortened(key), cpu=shortened(cpu))
        raise TypeError(f"{self.subject}: {operation}() is for kernel code; in user code write {instead}")

    def __repr__(self) -> str:
        keyless = self.kind.fixed_keys or self.key is None
        types = self.value.__name__ if keyless else f"{self.key.__name__}, {self.value.__name__}"
        state = "live" if self.live else "not live"
        return (
            f"<{type(self).__name__}({types}, max_entries={self.max_entries}) {self.name or 'without a name'}, {state}>"
        )


def check_place(backend: MapBackend, subject: str, what: str, place: object) -> None:
    """Refuse to put something into a map that is elsewhere: what stands for it there means nothing here."""
    if place is not backend.place:
        raise ObjectError(
            f"{subject} is live in {backend.place}, and {what} in {place}: both are of one place, or neither goes into "
            "the other"
        )


class Absent:
    """The backend of what is not live: whatever is asked of it, it says why it cannot."""

    fd = entry = -1
    cpus = 0
    max_entries = 0
    cpu_numbers = ()
    place = None
    own_objects = False

    def __init__(self, of: Shared, why: str) -> None:
        self.of = of
        self.why = why

    def refuse(self, *_asked: object) -> NoReturn:
        """Say why."""
        why = self.why
        if why == _CLOSED and self.of.reached_by:
            user: Any = self.of.reached_by[0]
            why = f"is closed, but {user.name} still uses it: close() {user.name} too, and load() it again"
        raise NotLoadedError(f"{self.of.subject} {why}")

    lookup = update = delete = object_key = next_key = memory = lookup_and_delete = holds = has_key = opened = refuse
    pop = read_all = update_all = delete_all = freeze = pin = unpin = info = charged = ring = refuse
    perf_buffers = own_perf_events = refuse

    def reader(self, *_asked: object) -> Any:
        """What says, when it is called, why it cannot."""
        return self.refuse

    def close(self) -> None:
        """Nothing is held."""


def path_text(path: Any) -> str:
    """A path that user code gives. TypeError for what is none."""
    text = getattr(path, "__fspath__", lambda: path)()
    if not isinstance(text, str):
        raise TypeError(f"a path is a str or a PathLike, not {shown(path)}")
    return text


def _maker(function: str) -> Any:
    """A function of the module that makes maps live without a program: it stands above this layer."""
    return getattr(__import__(MAKER, fromlist=[function]), function)


def name_in(namespace: dict[str, Any], declared: object) -> str:
    """The module-level variable that holds a declaration; empty if none does."""
    return next((name for name, value in list(namespace.items()) if value is declared), "")


def check_name(what: str, name: object) -> str:
    """The name, refused if an object file could not hold it as a symbol that C and bpftool take."""
    if not isinstance(name, str) or not (name.isidentifier() and name.isascii()):
        raise TypeError(f"{what}'s name is an ASCII identifier, not {shown(name)}")
    return name


def check_update_flags(subject: str, flags: object) -> None:
    """Refuse what is no flags of an update: the kernel takes a u64, and says itself which it knows."""
    if not isinstance(flags, int):
        raise TypeError(f"{subject}: flags is an int, not {shown(flags)}")
    if not 0 <= flags <= LARGEST_FLAGS:
        raise ValueError(f"{subject}: flags is 0 to {LARGEST_FLAGS}, not {flags}")


def check_integer(what: str, value: object, low: int) -> None:
    """Refuse what is no int from `low` to the largest u32."""
    if type(value) is not int:
        raise TypeError(f"{what} is an int, not {shown(value)}")
    if not low <= value <= LARGEST:
        raise ValueError(f"{what} is {low} to {LARGEST}, not {value}")
