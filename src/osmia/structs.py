"""`@struct` and `@union`: one class that is the same memory in the kernel and in user code.

    @struct
    class Flow:
        packets: u64 = 0
        bytes: u64 = 0

A class is laid out as C does it, and padding is always 0. Its instances are made with the fields as keywords; a field
with a default may be left out. Values are checked where they are set. What was read from a map cannot be changed.
"""

from __future__ import annotations

import sys

from osmia.arrays import Chars, FixedArray, SpinLock
from osmia.errors import WIDE, shown, with_article
from osmia.forms import FROZEN, MEMORY, BitFieldForm, StructForm, UnionForm, form_of
from osmia.generic import TypeVar, dataclass_transform, overload
from osmia.layout import (
    LARGEST,
    ArrayLayout,
    BigEndianLayout,
    BooleanLayout,
    CharsLayout,
    Declaration,
    EnumLayout,
    Field,
    IntegerLayout,
    SpinLockLayout,
    StructLayout,
    layout_of,
    place,
    spin_locks,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from ipaddress import IPv4Address, IPv6Address
    from types import FrameType
    from typing import Any, NoReturn

    from osmia.forms import Form
    from osmia.layout import Layout

T = TypeVar("T")
A = TypeVar("A", bound="FixedArray[Any] | Chars")

TAKEN = (
    "u8 to i64, be16 to be64, bool, an IntEnum class, a @struct or @union class, "
    "FixedArray[T] = array(T, n) or Chars = chars(n)"
)
OWN = {
    *("__init__", "__new__", "__eq__", "__ne__", "__hash__", "__setattr__", "__delattr__", "__getattr__"),
    *("__getattribute__", "__slots__", "__reduce__", "__reduce_ex__", "__replace__"),
}
_MISSING = object()
_OPTIMIZED = 1  # CO_OPTIMIZED: the flag of functions, which class bodies and modules do not have


class BitField:
    """What `bits()` gives: it stands in a class body for the width of the field."""

    __slots__ = ("default", "width")

    def __init__(self, width: object, default: object) -> None:
        self.width, self.default = width, default


@overload
def array(of: type[T], length: int, elements: Sequence[T] | bytes = (), /) -> FixedArray[T]: ...
@overload
def array(of: type[int], length: int, elements: IPv4Address | IPv6Address, /) -> FixedArray[int]: ...
@overload
def array(of: A, length: int, elements: Sequence[A] = (), /) -> FixedArray[A]: ...
def array(of: Any, length: int, elements: Any = (), /) -> Any:
    """An array of `length` elements: 0, unless `elements` gives all of them; of u8 an address of `ipaddress` may.

    In the body of a struct it says what the field is: `mac: FixedArray[u8] = array(u8, 6)`. Elements may be all that a
    field may be, but no spin lock; an array of arrays is `array(array(u8, 4), 2)`.
    """
    element = layout_of(of)
    if element is None:
        raise TypeError(f"array(): the type of an element is {TAKEN}, not {_named(of)}")
    if spin_locks(element):
        raise TypeError("array(): no element can hold a spin lock: a map's value has one at most, outside arrays")
    _check_length("array()", length, element.size)
    form: Any = form_of(ArrayLayout(element, length))
    if isinstance(elements, tuple) and not elements:
        return form.zero()
    return form.take(elements, f"the content of {form.layout.name}")


def chars(length: int, text: str | bytes = b"", /) -> Chars:
    """A text of up to `length` bytes, empty unless `text` says.

    In the body of a struct it says what the field is: `comm: Chars = chars(16)`.
    """
    _check_length("chars()", length, 1)
    form: Any = form_of(CharsLayout(length))
    return form.take(text, f"the content of {form.layout.name}")  # type: ignore[no-any-return]


def spin_lock() -> SpinLock:
    """A lock for the other fields of a struct that is the value of a map.

    It is written `lock: SpinLock = spin_lock()`. A map's value holds one at most, in the struct itself: one in a struct
    that is nested in it is taken by Linux 6.18, and not by all older kernels.
    """
    return SpinLock(SpinLockLayout())


def bits(width: int, default: int = 0, /) -> Any:
    """A field of so many bits, the first of which is the lowest one that is free, as in C.

    It is written `version: u8 = bits(4)`, where u8 says which bytes bits may share.
    """
    return BitField(width, default)


@overload
def struct(cls: type[T], /) -> type[T]: ...
@overload
def struct(*, packed: bool = False, frozen: bool = False) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(kw_only_default=True)
def struct(cls: Any = None, /, *, packed: bool = False, frozen: bool = False) -> Any:
    """Make a class a C struct: its annotations are its fields, in their order.

    `packed` leaves no padding between them. Instances of a `frozen` class cannot be changed, and can be keys of a dict:
    keys of maps are best frozen. Methods and properties may stand in the body, other values may not.
    """
    return _decorator(cls, sys._getframe(1), union=False, packed=packed, frozen=frozen)  # noqa: SLF001


@overload
def union(cls: type[T], /) -> type[T]: ...
@overload
def union(*, packed: bool = False, frozen: bool = False) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(kw_only_default=True)
def union(cls: Any = None, /, *, packed: bool = False, frozen: bool = False) -> Any:
    """Make a class a C union: its fields are all at its start. An instance is made with one of them, or of zeros.

    A field that may be left out has the default 0. Reading a field gives a copy.
    """
    return _decorator(cls, sys._getframe(1), union=True, packed=packed, frozen=frozen)  # noqa: SLF001


def sizeof(of: type[object] | FixedArray[Any] | Chars, /) -> int:
    """The size of a type in bytes, as in C."""
    return _layout(of, "sizeof()").size


def zeroed(of: type[T], /) -> T:
    """A value whose bytes are all 0."""
    return form_of(_layout(of, "zeroed()")).zero()  # type: ignore[no-any-return]


@overload
def scratch(of: type[T], /) -> T: ...
@overload
def scratch(of: A, /) -> A: ...
def scratch(of: Any, /) -> Any:
    """In kernel code: a new object of zeros that does not lie on the stack, whose 512 bytes many objects do not fit.

    Each CPU has memory for it, of this line alone: a program that interrupts itself there finds zeros again.
    """
    raise TypeError(f"scratch({_named(of)}) is memory of kernel code; in user code write zeroed({_named(of)})")


def from_bytes(of: type[T], data: bytes | bytearray | memoryview, /) -> T:
    """The value of that type which lies in `data`, exactly as long as the type."""
    layout = _layout(of, "from_bytes()")
    try:
        held = bytes(memoryview(data))
    except TypeError:
        raise TypeError(f"from_bytes() takes the bytes of {with_article(layout.name)}, not {_named(data)}") from None
    if len(held) != layout.size:
        raise ValueError(f"{with_article(layout.name)} is {layout.size} bytes, not {len(held)}")
    return form_of(layout).unpack(held, f"the {layout.name}", frozen=False)  # type: ignore[no-any-return]


def to_bytes(value: object, /) -> bytes:
    """The bytes of a struct's or union's instance, an array or a text, as they lie in memory."""
    layout = value.layout if isinstance(value, Declaration) else layout_of(type(value))
    if not isinstance(layout, (StructLayout, ArrayLayout, CharsLayout, SpinLockLayout)):
        raise TypeError(f"to_bytes() takes an instance of a struct or a union, an array or Chars, not {_named(value)}")
    return form_of(layout).pack(value)


def replace(value: T, /, **changes: Any) -> T:
    """A copy of a struct's or union's instance in which some fields are others."""
    layout = vars(type(value)).get("__osmia_layout__")
    if not isinstance(layout, StructLayout):
        raise TypeError(f"replace() takes an instance of a struct or a union, not {_named(value)}")
    form = layout.of.__osmia_form__
    made = form.copy(value, frozen=False)
    made.__dict__.pop(FROZEN, None)
    for name, change in changes.items():
        setattr(made, name, change)
    return _frozen(form, made) if layout.frozen else made  # type: ignore[no-any-return]


def _decorator(cls: Any, frame: FrameType, *, union: bool, packed: bool, frozen: bool) -> Any:
    kind = "union" if union else "struct"
    for name, option in (("packed", packed), ("frozen", frozen)):
        if type(option) is not bool:
            raise TypeError(f"@{kind}: {name} is True or False, not {_named(option)}")
    if cls is None:
        return lambda cls: _Maker(cls, frame, union, packed, frozen).make()
    return _Maker(cls, frame, union, packed, frozen).make()


class _Maker:
    """Makes a class a struct or a union."""

    def __init__(self, cls: Any, frame: FrameType, union: bool, packed: bool, frozen: bool) -> None:
        self.cls = cls
        self.frame = frame
        self.union, self.packed, self.frozen = union, packed, frozen
        self.kind = "union" if union else "struct"
        self.declared_at = (frame.f_code.co_filename, frame.f_lineno)
        self.name = getattr(cls, "__name__", "")
        self.annotations: dict[str, Any] = {}
        """Resolved, where they are strings."""

    def make(self) -> Any:
        cls: Any = self.cls
        if not isinstance(cls, type):
            raise self.refusal(f"@{self.kind} stands above a class, not above {_named(cls)}")
        if cls.__bases__ != (object,) and not all("__osmia_context__" in vars(base) for base in cls.__bases__):
            bases = ", ".join(base.__name__ for base in cls.__bases__)
            raise self.refusal(f"{self.name} derives from {bases}, and a {self.kind} has no base: make it a field")
        if not self.name.isascii():
            raise self.refusal(f"{self.name} is no name that C could have: use ASCII letters")
        self.resolve()
        fields = self.fields()
        self.check_body({name for name, *_ in fields})
        if not fields:
            raise self.refusal(f"{self.name} has no fields: write them as in `packets: u64 = 0`")
        placed, size, alignment = place(fields, union=self.union, packed=self.packed)
        if size > LARGEST:
            raise self.refusal(f"{self.name} has {size} bytes, and the largest type has {LARGEST}")
        layout = StructLayout(
            of=cls,
            name=self.name,
            size=size,
            alignment=alignment,
            fields=placed,
            union=self.union,
            packed=self.packed,
            frozen=self.frozen,
            declared_at=self.declared_at,
        )
        for name, *_ in fields:
            if name in vars(cls):
                delattr(cls, name)
        made = {**(_OF_UNIONS if self.union else _OF_STRUCTS), "__osmia_layout__": layout}
        for name, value in made.items():
            if name != "__repr__" or name not in vars(cls):
                setattr(cls, name, value)
        return cls

    def refusal(self, problem: str) -> TypeError:
        file, line = self.declared_at
        return TypeError(f"{file}:{line}: {problem}")

    def fields(self) -> list[tuple[str, Layout, int | None, object]]:
        """Name, layout, width in bits and default of each field."""
        found = []
        for name, annotation in self.annotations.items():
            if _is_class_variable(annotation):
                continue
            if name.startswith(("__", f"_{self.name}__")) or not name.isascii():
                raise self.refusal(
                    f"{self.name}.{name} is no name for a field: use ASCII letters, and no __ before them"
                )
            field = self.field(f"{self.name}.{name}", annotation, vars(self.cls).get(name, _MISSING))
            if (self.union or self.packed) and spin_locks(field[0]):
                kind = "union" if self.union else "packed struct"
                raise self.refusal(f"{self.name}.{name}: a spin lock cannot be in a {kind}")
            found.append((name, *field))
        return found

    def resolve(self) -> None:
        """Find what annotations that are strings stand for: in the class body, its function, its module."""
        names = _names_at(self.frame)
        names.update((name, value) for name, value in vars(self.cls).items() if isinstance(value, type))
        for name, annotation in self.cls.__annotations__.items():
            value = self.resolved(name, annotation, names)
            self.annotations[name] = self.resolved(name, value, names)  # one in quotes is a string in a string

    def resolved(self, name: str, annotation: Any, names: dict[str, Any]) -> Any:
        if not isinstance(annotation, str):
            return annotation
        if isinstance(names.get(annotation), type):
            return names[annotation]
        try:
            return eval(annotation, names)  # noqa: S307 - the program's own source text
        except Exception as error:  # noqa: BLE001 - whatever an annotation raises, it names no type
            raise self.refusal(
                f"{self.name}.{name}: its type `{annotation}` cannot be found ({type(error).__name__}: {error}): "
                "import it where the class is, and not for type checkers alone"
            ) from None

    def field(self, what: str, annotation: Any, default: Any) -> tuple[Layout, int | None, object]:
        if isinstance(default, BitField):
            return self.bit_field(what, annotation, default)
        if annotation is Chars or annotation is SpinLock or getattr(annotation, "__origin__", annotation) is FixedArray:
            declared = self.declared(what, annotation, default)
            return declared, None, _frozen(form_of(declared), default)
        layout = layout_of(annotation) if isinstance(annotation, type) else None
        if layout is None:
            raise self.refusal(f"{what}: the type of a field is {TAKEN}, not {_named(annotation)}")
        if default is _MISSING:
            return layout, None, None
        if type(default) is int and default == 0 and isinstance(layout, (IntegerLayout, BigEndianLayout)):
            return layout, None, 0
        return layout, None, self.default(what, form_of(layout), default)

    def declared(self, what: str, annotation: Any, default: Any) -> Layout:
        """The layout of a field whose annotation does not say how long it is."""
        name = getattr(annotation, "__origin__", annotation).__name__
        how = {"Chars": "chars(16)", "SpinLock": "spin_lock()"}.get(name, "array(u8, 6)")
        if not isinstance(default, Declaration):
            found = "" if default is _MISSING else f", not {_named(default)}"
            raise self.refusal(f"{what}: say what the {name} is, as in `= {how}`{found}")
        layout = default.layout
        if not _fits(annotation, layout):
            wanted = _annotation_of(layout)
            raise self.refusal(
                f"{what}: {layout.name} is {with_article(wanted)}, and the annotation says {_named(annotation)}"
            )
        if self.union and any(to_bytes(default)):
            raise self.refusal(f"{what}: the default of a union's field is 0")
        return layout

    def bit_field(self, what: str, annotation: Any, default: BitField) -> tuple[Layout, int, object]:
        layout = layout_of(annotation) if isinstance(annotation, type) else None
        if not isinstance(layout, (IntegerLayout, BooleanLayout, EnumLayout)):
            raise self.refusal(
                f"{what}: a bit field is one of u8 to i64, bool or an IntEnum class, not {_named(annotation)}"
            )
        most = 1 if isinstance(layout, BooleanLayout) else layout.size * 8
        if type(default.width) is not int or not 1 <= default.width <= most:
            raise self.refusal(
                f"{what}: a bit field of {layout.name} has 1 to {most} bits, not {_named(default.width)}"
            )
        value = default.default
        if value == 0 and not isinstance(layout, IntegerLayout):
            value = False if isinstance(layout, BooleanLayout) else layout.of(0) if 0 in list(layout.of) else 0
        if isinstance(layout, EnumLayout):
            self.members_fit(what, layout, default.width)
        return layout, default.width, self.default(what, BitFieldForm(layout, default.width), value)

    def default(self, what: str, form: Any, default: Any) -> object:
        """The default of a field as its type has it, which nothing can change."""
        try:
            taken = _frozen(form, form.take(default, what))
        except (TypeError, ValueError, OverflowError) as error:
            raise self.refusal(str(error)) from None
        if self.union and taken != form.zero():
            raise self.refusal(f"{what}: the default of a union's field is 0")
        return taken

    def members_fit(self, what: str, layout: EnumLayout, width: int) -> None:
        """Refuse a bit field that is too narrow for a member."""
        form = BitFieldForm(layout, width)
        for member in layout.of:
            if not form.low <= member <= form.high:
                raise self.refusal(f"{what}: {layout.name}.{member.name} is {int(member)}, too large for {width} bits")

    def check_body(self, fields: set[str]) -> None:
        """Refuse what is neither a field nor a method: a forgotten type would be silently wrong."""
        constants = {name for name, annotation in self.annotations.items() if _is_class_variable(annotation)}
        for name, value in vars(self.cls).items():
            if name in OWN and not (name == "__hash__" and value is None):
                raise self.refusal(f"{self.name}.{name} is made by @{self.kind}: give yours another name")
            dunder = name.startswith("__") and name.endswith("__")
            if dunder or name in fields or name in constants or isinstance(value, _METHOD_TYPES):
                continue
            raise self.refusal(
                f"{self.name}.{name} has no type: a field is written `{name}: u64 = ...`, "
                f"and a constant `{name}: ClassVar[int] = ...`"
            )


def _struct_init(self: Any, /, *arguments: Any, **values: Any) -> None:
    form, state = self.__osmia_form__, self.__dict__
    layout, fields = form.layout, form.fields
    if arguments:
        raise TypeError(f"{layout.name} takes its fields by name, as in {layout.name}({form.names[0]}=...)")
    for field in layout.fields:
        name, own = field.name, fields[field.name]
        if name in values:
            taken = own.take(values.pop(name), form.whats[name])
            state[name] = _frozen(own, taken) if layout.frozen else taken
        elif field.default is None:
            raise TypeError(f"{layout.name}: missing field {name!r}")
        else:
            state[name] = own.copy(field.default, frozen=layout.frozen)
    for name in values:
        raise TypeError(_no_field(layout, name))
    if layout.frozen:
        state[FROZEN] = True


def _union_init(self: Any, /, *arguments: Any, **values: Any) -> None:
    form, state = self.__osmia_form__, self.__dict__
    layout = form.layout
    if arguments:
        raise TypeError(f"{layout.name} takes a field by name, as in {layout.name}({layout.fields[0].name}=...)")
    if len(values) > 1:
        raise TypeError(
            f"{layout.name} is a union: it takes one field, not {len(values)}, since they share their memory"
        )
    state[MEMORY] = bytes(layout.size)
    for name, value in values.items():
        if name not in form.fields:
            raise TypeError(_no_field(layout, name))
        state[MEMORY] = form.store(state[MEMORY], name, value)
    if layout.frozen:
        state[FROZEN] = True


def _union_getattr(self: Any, name: str, /) -> Any:
    form = self.__osmia_form__
    if name not in form.fields:
        raise AttributeError(_no_field(form.layout, name), name=name, obj=self)
    return form.member(self.__dict__[MEMORY], name)


def _struct_getattr(self: Any, name: str, /) -> Any:
    raise AttributeError(_no_field(self.__osmia_layout__, name), name=name, obj=self)


def _setattr(self: Any, name: str, value: Any, /) -> None:
    form, state = self.__osmia_form__, self.__dict__
    field = form.fields.get(name)
    if field is None:
        if not isinstance(getattr(type(self), name, None), property):
            raise AttributeError(_no_field(form.layout, name), name=name, obj=self)
        object.__setattr__(self, name, value)
    elif FROZEN in state:
        _refuse_change(form.layout, name)
    elif form.layout.union:
        state[MEMORY] = form.store(state[MEMORY], name, value)
    else:
        state[name] = field.take(value, form.whats[name])


def _delattr(self: Any, name: str, /) -> NoReturn:
    raise AttributeError(f"{type(self).__name__}.{name} cannot be deleted: it is memory", name=name, obj=self)


def _eq(self: Any, other: Any, /) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    pack = self.__osmia_form__.pack
    return pack(self) == pack(other)


def _hash(self: Any, /) -> int:
    name = type(self).__name__
    if FROZEN not in self.__dict__:
        raise TypeError(
            f"{with_article(name)} that can be changed has no hash: write @struct(frozen=True) above class {name}"
        )
    return hash((name, self.__osmia_form__.pack(self)))


def _repr(self: Any, /) -> str:
    fields = [f"{field.name}={getattr(self, field.name)!r}" for field in self.__osmia_layout__.fields]
    return f"{type(self).__name__}({', '.join(fields)})"


def shown_by_default(value: Any) -> bool:
    """Whether the class of a struct does not say itself how it is shown."""
    of: Any = type(value)
    return of.__repr__ is _repr and of.__str__ is object.__str__


def _reduce(self: Any, /) -> tuple[Any, ...]:
    return restored, (type(self), to_bytes(self), FROZEN in self.__dict__)


def restored(of: Any, data: bytes, frozen: bool) -> Any:
    """An instance that was pickled or copied."""
    return of.__osmia_form__.unpack(data, of.__name__, frozen=frozen)


class _FormOnDemand:
    """The form of a struct class, made when it is first asked for: many are only declared."""

    def __get__(self, _instance: object, owner: Any) -> Form:
        layout = owner.__osmia_layout__
        owner.__osmia_form__ = UnionForm(layout) if layout.union else StructForm(layout)
        return owner.__osmia_form__  # type: ignore[no-any-return]


_COMMON: dict[str, Any] = {
    "__osmia_form__": _FormOnDemand(),
    "__setattr__": _setattr,
    "__delattr__": _delattr,
    "__eq__": _eq,
    "__hash__": _hash,
    "__repr__": _repr,
    "__reduce__": _reduce,
    "__replace__": replace,
    "__match_args__": (),
}
_OF_STRUCTS = {**_COMMON, "__init__": _struct_init, "__getattr__": _struct_getattr}
_OF_UNIONS = {**_COMMON, "__init__": _union_init, "__getattr__": _union_getattr}
_METHOD_TYPES = (type(_eq), property, staticmethod, classmethod, type)


def stand_in(name: str, size: int, fields: tuple[Field, ...], *, union: bool) -> StructLayout:
    """The layout of a class that stands in for one of another process: its instances are read, and shown like those."""
    of: Any = type(name, (), dict(_OF_UNIONS if union else _OF_STRUCTS))
    layout = StructLayout(of, name, size, 1, fields, union, packed=True, frozen=True, declared_at=("", 0))
    of.__osmia_layout__ = layout
    return layout


def _names_at(frame: FrameType) -> dict[str, Any]:
    """The names that a class statement sees: in the module, and in the function and the classes that it stands in."""
    inside = [frame]
    while not frame.f_code.co_flags & _OPTIMIZED and frame.f_locals is not frame.f_globals and frame.f_back:
        frame = frame.f_back  # of a class body: what it stands in
        inside.append(frame)
    names = dict(frame.f_globals)
    for each in reversed(inside):
        names.update(each.f_locals)
    return names


def _refuse_change(layout: StructLayout, name: str) -> NoReturn:
    if layout.frozen:
        raise AttributeError(
            f"{layout.name}.{name} cannot be set, {layout.name} is frozen: osmia.replace(value, {name}=...)"
        )
    raise AttributeError(
        f"{layout.name}.{name} cannot be set, this {layout.name} is a copy: "
        f"write m[key] = osmia.replace(value, {name}=...)"
    )


def _no_field(layout: StructLayout, name: str) -> str:
    names = ", ".join(field.name for field in layout.fields)
    return f"{layout.name} has no field {name!r}: its fields are {names}"


def _frozen(form: Any, value: Any) -> Any:
    return form.copy(value, frozen=True)


def _fits(annotation: Any, layout: Layout) -> bool:
    """Whether an annotation says of an array, a text or a lock what it is."""
    if isinstance(layout, CharsLayout):
        return annotation is Chars
    if isinstance(layout, SpinLockLayout):
        return annotation is SpinLock
    if not isinstance(layout, ArrayLayout) or getattr(annotation, "__origin__", None) is not FixedArray:
        return False
    element = annotation.__args__[0]
    if isinstance(layout.element, (ArrayLayout, CharsLayout)):
        return _fits(element, layout.element)
    return layout_of(element) == layout.element


def _annotation_of(layout: Layout) -> str:
    """The annotation of a field of that layout."""
    if isinstance(layout, ArrayLayout):
        return f"FixedArray[{_annotation_of(layout.element)}]"
    if isinstance(layout, CharsLayout):
        return "Chars"
    return "SpinLock" if isinstance(layout, SpinLockLayout) else layout.name


def _layout(of: Any, what: str) -> Layout:
    layout = layout_of(of)
    if layout is None:
        raise TypeError(f"{what} takes a type that has a place in memory ({TAKEN}), not {_named(of)}")
    return layout


def _check_length(what: str, length: object, size: int) -> None:
    if type(length) is not int:
        raise TypeError(f"{what}: the length is an int, not {_named(length)}")
    if not 1 <= length <= LARGEST // size:
        raise ValueError(f"{what}: the length is 1 to {LARGEST // size}, not {length}")


def _is_class_variable(annotation: object) -> bool:
    typing = sys.modules.get("typing")
    return typing is not None and getattr(annotation, "__origin__", annotation) is typing.ClassVar


def _named(of: object) -> str:
    """What was found in place of a type or a value."""
    if of is int:
        return WIDE
    if getattr(of, "__origin__", None) is FixedArray:
        alias: Any = of
        return f"FixedArray[{getattr(alias.__args__[0], '__name__', alias.__args__[0])}]"
    if isinstance(of, type):
        own = of.__module__ not in {"builtins", "typing"} and not of.__module__.startswith("osmia.")
        return f"class {of.__name__}, which has no @struct above it" if own else of.__name__
    return shown(of)


def describe_layout(layout: Layout) -> tuple[object, ...]:
    """What tells a layout apart from all others, defaults included, made of what `marshal` can write."""
    match layout:
        case StructLayout():
            options = layout.union, layout.packed, layout.frozen
            return ("struct", layout.name, *options, tuple(_describe_field(field) for field in layout.fields))
        case ArrayLayout():
            return ("array", describe_layout(layout.element), layout.length)
        case EnumLayout():
            members = tuple((member.name, int(member)) for member in layout.of)
            return ("enum", layout.name, layout.storage.__name__, members)
        case _:
            return (type(layout).__name__, layout.name)


def _describe_field(field: Field) -> tuple[object, ...]:
    default = None if field.default is None else form_of(field.layout).pack(field.default)
    return field.name, describe_layout(field.layout), field.bit_offset, field.bit_width, default
