"""Maps that are made live without a program: created, or opened where others hold them."""

from __future__ import annotations

import errno
import os

from osmia.abi.generated import BPF_F_RDONLY, BPF_F_WRONLY
from osmia.errors import KernelError, NotLoadedError, ObjectError
from osmia.maps.declaration import check_integer, path_text
from osmia.programs.program import KEPT, LOADING, MACHINES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osmia.kernel import Descriptor
    from osmia.kernel.map import KernelMap
    from osmia.maps.backend import MapBackend
    from osmia.maps.declaration import Map
    from osmia.spec import MapSpec


def create(declared: Map[Any, Any]) -> None:
    """What `create()` of a map does."""
    with LOADING:
        if declared.live:
            return
        _check_not_used(declared)
        declared.bind(_made(declared))
        if declared.losses is not None:
            from osmia.programs.losses import made_losses

            declared.losses.bind(made_losses(declared.losses))
        declared.made()
        if declared.bell is not None:
            declared.bell.bind(_made(declared.bell))
        if MACHINES:
            MACHINES[-1].hold_map(declared)
        elif KEPT:
            KEPT[-1].append(declared)


def open_declared(declared: Map[Any, Any], path: Any, number: int | None, fd: int | None, *, create: bool) -> None:
    """What `open()` of a map does."""
    if sum(each is not None for each in (path, number, fd)) != 1:
        raise TypeError(f"{declared.subject}: open() takes one of a path, id= and fd=")
    if create and path is None:
        raise TypeError(f"{declared.subject}: open(create=True) takes a path, where the map is pinned")
    _check_numbers(declared.subject, number, fd)
    with LOADING:
        if declared.live:
            raise RuntimeError(f"{declared.subject} is live already: close it before it is opened")
        if MACHINES:
            raise ObjectError(
                f"{declared.subject}: what others hold is in the kernel, and here maps are those of a machine of the "
                "user-space runtime: create() makes one"
            )
        _check_not_used(declared)
        if create:
            declared.bind(_opened_or_pinned(declared, path_text(path)))
        else:
            access = declared.flags & _ACCESS
            declared.bind(_opened(declared, _descriptor(path, number, fd, access), _where(path, number, fd)))
        if path is None:
            return
        try:
            _open_beside(declared, path_text(path), create=create)
        except BaseException:
            declared.close()
            raise


def _open_beside(declared: Map[Any, Any], path: str, *, create: bool) -> None:
    """Open what is pinned with a map: what counts its losses, or wakes its reader."""
    if declared.losses is not None:
        from osmia.programs.losses import open_losses

        open_losses(declared, path, create=create)
    if declared.bell is not None:
        bell, beside = declared.bell, f"{path}_bell"
        if create:
            bell.bind(_opened_or_pinned(bell, beside))
        else:
            bell.bind(_opened(bell, _pinned(beside), f"what is pinned at {beside}"))


def _pinned(path: str, access: int = 0) -> int:
    """A file descriptor of what is pinned there."""
    from osmia.kernel import pins

    return pins.get(path, access)


def _check_not_used(declared: Map[Any, Any]) -> None:
    if not declared.reached_by:
        return
    user: Any = declared.reached_by[0]
    raise NotLoadedError(f"{declared.subject} is closed, but {user.name} still uses it: close {user.name} before")


def _made(declared: Map[Any, Any]) -> MapBackend:
    """A new map: in the kernel, or in a machine."""
    if not MACHINES:
        return _created(declared)
    from osmia.vm.maps.fields import NO_FIELDS, fields_of

    spec, fields = _bare_spec(declared), NO_FIELDS
    if declared.inner is not None:
        spec.inner = _bare_spec(declared.inner)
    if declared.locked:
        from osmia.btf.read import Btf
        from osmia.btf.write import Writer
        from osmia.layout import layout_of

        layout, writer = layout_of(declared.stored_value), Writer()
        assert layout is not None, "only structs have locks"
        number = writer.add(layout)
        fields = fields_of(Btf(writer.data(), declared.subject), number)
    return MACHINES[-1].create_map(spec, fields)


def _created(declared: Map[Any, Any]) -> KernelMap:
    from osmia.loader.maps import create_map

    spec, btf = _spec(declared)
    try:
        return create_map(spec, btf, ())
    finally:
        if btf is not None:
            btf.close_now()


def _bare_spec(declared: Map[Any, Any]) -> MapSpec:
    """What an object would say of the map, but for types."""
    from osmia.spec import MapSpec

    row = declared.kind
    return MapSpec(
        declared.name,
        row.type,
        declared.key_size,
        declared.value_size,
        declared.max_entries,
        declared.flags,
        declared.map_extra,
        each_cpu=row.entries == "CPUs",
    )


def _spec(declared: Map[Any, Any]) -> tuple[MapSpec, Descriptor | None]:
    """What an object would say of the map, with the BTF of its key and value where the type takes some."""
    row, spec = declared.kind, _bare_spec(declared)
    if declared.inner is not None:
        # Kernels before 6.2 tell maps with types from maps without: the pattern has the types of what is put in.
        spec.inner, types = _spec(declared.inner)
        return spec, types
    asked = f"create map '{spec.name}' ({row.kernel_name})"
    of = getattr(declared, "of", None)
    if of is not None:
        from osmia.kernel.errors import kernel_error
        from osmia.loader.struct_ops import struct_ops_value

        spec.btf_vmlinux_value_type_id, spec.value_size = struct_ops_value(of, asked)
        from osmia.btf.write import Writer
        from osmia.kernel import Descriptor, bpf
        from osmia.layout import layout_of
        from osmia.types import u32

        writer = Writer()  # the kernel asks for types of the object's, and looks at none of them
        word = layout_of(u32)
        assert word is not None
        writer.add(word)
        try:
            return spec, Descriptor(bpf.btf_load(writer.data()))
        except OSError as error:
            raise kernel_error(error.errno or 0, asked, needed=("CAP_BPF",)) from None
    if not row.typed:
        return spec, None
    from osmia.btf.write import Writer
    from osmia.kernel import Descriptor, bpf
    from osmia.layout import layout_of

    key, value = layout_of(declared.stored_key), layout_of(declared.stored_value)
    if key is None or value is None:
        return spec, None
    writer = Writer()
    spec.btf_key_type_id, spec.btf_value_type_id = writer.add(key), writer.add(value)
    try:
        return spec, Descriptor(bpf.btf_load(writer.data()))
    except OSError as error:
        number = error.errno or 0
    denied = number == errno.EPERM and row.keys == "object"
    if not declared.locked and not denied:  # the map is the same without, but for how bpftool shows it
        return spec, None
    from osmia.kernel.errors import kernel_error

    if number == errno.EPERM:
        raise kernel_error(number, asked, needed=("CAP_BPF",))
    raise kernel_error(number, f"load the type information that the spin lock of map '{spec.name}' takes")


def _opened_or_pinned(declared: Map[Any, Any], path: str) -> KernelMap:
    """The map that is pinned there; where there is none, a new one, which is pinned there."""
    import errno

    from osmia.kernel import pins

    made: KernelMap | None = None
    for last in (False, True):
        try:
            return _opened(declared, pins.get(path, declared.flags & _ACCESS), f"what is pinned at {path}")
        except KernelError as error:
            if error.errno != errno.ENOENT or last:
                raise
        made = _created(declared)
        try:
            made.pin(path)
        except KernelError as error:
            made.close()
            if error.errno != errno.EEXIST:
                raise
            continue  # another process was faster: its map is the one
        return made
    raise AssertionError("the second try returns or raises")


def _check_numbers(subject: str, number: object, fd: object) -> None:
    for what, given in (("id", number), ("fd", fd)):
        if given is not None:
            check_integer(f"{subject}: {what}", given, 0)


def _descriptor(path: Any, number: int | None, fd: int | None, access: int) -> int:
    if path is not None:
        return _pinned(path_text(path), access)
    from osmia.kernel import bpf
    from osmia.kernel.errors import kernel_error

    if number is None:
        assert fd is not None
        try:
            return os.dup(fd)
        except OSError as error:
            refused = error.errno or 0
        raise kernel_error(refused, f"open the map of the file descriptor {fd}")
    try:
        return bpf.map_get_fd_by_id(number, access)
    except OSError as error:
        refused = error.errno or 0
    raise kernel_error(refused, f"open the map with id {number}", needed=("CAP_SYS_ADMIN",), hints=_NO_SUCH)


_ACCESS = BPF_F_RDONLY | BPF_F_WRONLY
"""What user code may do: the kernel keeps it with the file descriptor, and not with the map."""
_NO_SUCH = {2: "there is no such map (ENOENT)"}


def _where(path: Any, number: int | None, fd: int | None) -> str:
    if path is not None:
        return f"what is pinned at {path_text(path)}"
    return f"the map with id {number}" if number is not None else f"the file descriptor {fd}"


def _opened(declared: Map[Any, Any], fd: int, where: str) -> KernelMap:
    """A handle of an open map that fits a declaration; `fd` is closed where it does not."""
    try:
        info = map_info(fd, where)
        _check_fits(declared, info, where)
    except BaseException:
        os.close(fd)
        raise
    return _handle(fd, info, declared.name)


def _handle(fd: int, info: dict[str, Any], name: str) -> KernelMap:
    from osmia.kernel.map import KernelMap
    from osmia.maps.table import kind_of_type

    kind = kind_of_type(info["type"])
    per_cpu = kind is not None and kind.per_cpu
    return KernelMap(fd, info["key_size"], info["value_size"], per_cpu, info["max_entries"], name)


def map_info(fd: int, where: str) -> dict[str, Any]:
    """What the kernel says of the map that a file descriptor is of. ObjectError where it is of none."""
    from osmia.kernel import attributes, bpf
    from osmia.maps.table import kind_of_type

    target = os.readlink(f"/proc/self/fd/{fd}")  # noqa: PTH115 - pathlib costs milliseconds
    if target != "anon_inode:bpf-map":
        raise ObjectError(f"{where} is no map but {target.removeprefix('anon_inode:')}")
    info = bpf.obj_get_info(fd, attributes.MAP_INFO)
    if kind_of_type(info["type"]) is None:
        raise ObjectError(f"{where} is a map of type {info['type']} (BPF_MAP_TYPE_*), which osmia does not know")
    return info


def _check_fits(declared: Map[Any, Any], info: dict[str, Any], where: str) -> None:
    """Raise ObjectError, which names every difference, unless the map is what is declared."""
    from osmia.maps.table import kind_of_type

    kind, there_kind = declared.kind, kind_of_type(info["type"])
    pairs = (
        ("type", kind.kernel_name, there_kind.kernel_name if there_kind else info["type"]),
        ("key size", declared.key_size, info["key_size"]),
        ("value size", declared.value_size, info["value_size"]),
        # An array of perf events that does not say has one for each possible CPU.
        ("max_entries", declared.max_entries or info["max_entries"], info["max_entries"]),
        ("flags", hex(declared.flags & ~_ACCESS | kind.kernel_flags), hex(info["map_flags"])),
        # What it says of an arena is an address.
        ("map_extra", declared.map_extra, info["map_extra"] if kind.entries != "pages" else 0),
    )
    different = [f"{what} {there} where {wanted} is declared" for what, wanted, there in pairs if wanted != there]
    if not different:
        different = _other_types(declared, info, where)
    if different:
        raise ObjectError(f"{where} does not fit {declared.subject}: it has {', '.join(different)}")


def _other_types(declared: Map[Any, Any], info: dict[str, Any], where: str) -> list[str]:
    """Where the map's BTF, if it has some, says something else than the types of the declaration."""
    if not info["btf_id"] or not info["btf_value_type_id"]:
        return []
    from osmia.btf.read import Btf
    from osmia.kernel.btf_objects import btf_of
    from osmia.layout import layout_of
    from osmia.maps.compared import difference

    data = btf_of(info["btf_id"])
    if data is None:
        return []
    btf = Btf(data, where)
    found = []
    for role, of in (("key", declared.stored_key), ("value", declared.stored_value)):
        layout, number = layout_of(of), info[f"btf_{role}_type_id"]
        problem = difference(btf, number, layout, f"a {role}") if layout is not None and number else ""
        if problem:
            found.append(f"other types: {problem}")
    return found


def open_map(path: Any = None, /, *, id: int | None = None, fd: int | None = None) -> Any:  # noqa: A002 - the kernel's name
    """A handle of a map that others hold: by the path where it is pinned, by id, or by a file descriptor.

    Its keys and values are typed by its BTF: integers and bools are those, all else is bytes. `declaration.open()`
    gives one of declared types. KernelError where there is none, or it may not be opened; ObjectError where it is no
    map. An id takes CAP_SYS_ADMIN. The file descriptor stays its owner's.
    """
    if sum(each is not None for each in (path, id, fd)) != 1:
        raise TypeError("open_map() takes one of a path, id= and fd=")
    _check_numbers("open_map()", id, fd)
    where, opened = _where(path, id, fd), _descriptor(path, id, fd, 0)
    try:
        info = map_info(opened, where)
        name = info["name"].rstrip(b"\0").decode("ascii", "replace")
    except BaseException:
        os.close(opened)
        raise
    backend = _handle(opened, info, name)
    try:
        return _foreign(info, name, where, backend)
    except BaseException:
        backend.close()
        raise


def _foreign(info: dict[str, Any], name: str, where: str, backend: KernelMap) -> Any:
    from osmia.btf.read import Btf
    from osmia.kernel.btf_objects import btf_of
    from osmia.maps.foreign import open_map as open_foreign
    from osmia.spec import MapSpec

    data = btf_of(info["btf_id"]) if info["btf_id"] else None
    sizes = info["key_size"], info["value_size"], info["max_entries"], info["map_flags"]
    spec = MapSpec(name, info["type"], *sizes)
    spec.btf_key_type_id, spec.btf_value_type_id = info["btf_key_type_id"], info["btf_value_type_id"]
    return open_foreign(spec, Btf(data, where) if data else None, backend)
