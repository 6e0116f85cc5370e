"""Creating the maps that an object declares."""

from __future__ import annotations

import errno

from osmia.abi.generated import BPF_F_MMAPABLE, BPF_F_RDONLY_PROG, BPF_MAP_TYPE_ARENA, BPF_MAP_TYPE_PERF_EVENT_ARRAY
from osmia.errors import ObjectError
from osmia.kernel import bpf
from osmia.kernel.cpus import possible_cpus
from osmia.kernel.map import KernelMap
from osmia.maps.table import kind_of_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from osmia.errors import KernelError
    from osmia.kernel import Descriptor
    from osmia.maps.backend import MapBackend
    from osmia.maps.table import MapKind
    from osmia.spec import MapSpec, ObjectSpec

REFUSED_SIZES = {
    errno.EINVAL: "the kernel does not take this together",
    errno.E2BIG: "this is larger than the kernel allows",
}
"""What the kernel's error says of the sizes of a map that it does not make."""


def create_map(spec: MapSpec, btf: Descriptor | None, later: tuple[str, ...]) -> KernelMap:
    """Create a map and fill it. `later` are the capabilities that the programs take which it is made for."""
    if spec.inner is None:
        return _create_map(spec, btf, later, 0)
    like = create_map(spec.inner, btf, later)  # the kernel looks at it once
    try:
        return _create_map(spec, btf, later, like.fd)
    finally:
        like.close()


def fill_slots(spec: MapSpec, live: MapBackend, fds: Mapping[str, int]) -> None:
    """Put in what a map holds from the start: maps or programs, by their names."""
    for index, name in (spec.initial or {}).items():
        live.update(index.to_bytes(spec.key_size, "little"), fds[name].to_bytes(4, "little"), 0)


def _create_map(spec: MapSpec, btf: Descriptor | None, later: tuple[str, ...], inner_map_fd: int) -> KernelMap:
    kind = kind_of_type(spec.type)
    if kind is None:
        raise ObjectError(f"map '{spec.name}' is of type {spec.type} (BPF_MAP_TYPE_*), which osmia does not know")
    # The kernel takes types for both key and value, or for the value alone where it is a section of global data; for
    # maps whose values stand for something else it takes none.
    typed = kind.typed and spec.btf_value_type_id and (spec.btf_key_type_id or spec.data)
    btf_fd = btf.number if btf and (typed or spec.btf_vmlinux_value_type_id) else 0
    flags = flags_of(spec)
    if spec.each_cpu:
        from osmia.loader.fast_rings import check_machine

        check_machine(spec.name)

    def create() -> int:
        return bpf.map_create(
            map_type=spec.type,
            key_size=spec.key_size,
            value_size=spec.value_size,
            max_entries=max_entries(spec),
            flags=flags,
            name=bpf.kernel_name(spec.name),
            map_extra=spec.map_extra,
            inner_map_fd=inner_map_fd,
            btf_vmlinux_value_type_id=spec.btf_vmlinux_value_type_id,
            btf_fd=btf_fd,
            btf_key_type_id=spec.btf_key_type_id if btf_fd else 0,
            btf_value_type_id=spec.btf_value_type_id if btf_fd else 0,
        )

    try:
        fd = bpf.with_memlock(create)
    except OSError as error:
        raise _refused(error.errno or 0, spec, kind, flags, later) from None
    live = KernelMap(fd, spec.key_size, spec.value_size, kind.per_cpu, max_entries(spec), spec.name)
    try:
        if spec.type == BPF_MAP_TYPE_ARENA:
            live.take_arena()
            if spec.contents is not None:
                live.memory()[: len(spec.contents)] = spec.contents
        elif spec.contents is not None:
            live.update(bytes(spec.key_size), spec.contents, 0)
        if spec.read_only:
            live.freeze()
    except BaseException:
        live.close()
        raise
    return live


def max_entries(spec: MapSpec) -> int:
    """How many entries a map is created with: an array of perf events has one for each possible CPU unless it says."""
    if spec.each_cpu:
        return possible_cpus()[-1] + 1  # they are found by the CPU's number
    if spec.max_entries == 0 and spec.type == BPF_MAP_TYPE_PERF_EVENT_ARRAY:
        return len(possible_cpus())
    return spec.max_entries


def flags_of(spec: MapSpec) -> int:
    """The flags that a map is created with: user code can take global data into its memory, of whatever linkage."""
    if spec.read_only:
        return spec.flags | BPF_F_RDONLY_PROG
    return spec.flags | (BPF_F_MMAPABLE if spec.data else 0)


def _refused(number: int, spec: MapSpec, kind: MapKind, flags: int, later: tuple[str, ...]) -> KernelError:
    from osmia.kernel.errors import kernel_error

    size = f"key_size {spec.key_size}, value_size {spec.value_size}, max_entries {spec.max_entries}, flags {flags:#x}"
    return kernel_error(
        number,
        f"create map '{spec.name}' ({kind.kernel_name})",
        needed=("CAP_BPF",),
        later=later,
        charged=True,
        feature="map_extra" if spec.map_extra else f"maps of type {kind.kernel_name}",
        since=None if spec.map_extra else kind.since,
        hints={
            **{each: f"{why}: {size} ({errno.errorcode[each]})" for each, why in REFUSED_SIZES.items()},
            errno.ENOMEM: f"the kernel has no memory for it: {size} (ENOMEM)",
        },
    )


def check_fits(spec: ObjectSpec, wanted: MapSpec, live: MapBackend) -> None:
    """Raise ObjectError unless a map that exists is what the object declares, and is in the kernel."""
    if not isinstance(live, KernelMap):
        raise ObjectError(
            f"{spec.name}: map '{wanted.name}' is live in the user-space runtime: close it before a program that uses "
            "it is loaded into the kernel"
        )
    info, kind = live.info(), kind_of_type(wanted.type)
    pairs = (
        ("type", wanted.type, info["type"]),
        ("key size", wanted.key_size, info["key_size"]),
        ("value size", wanted.value_size, info["value_size"]),
        ("max_entries", max_entries(wanted), info["max_entries"]),
        ("flags", flags_of(wanted) | (kind.kernel_flags if kind else 0), info["map_flags"]),
        # What it says of an arena is an address.
        ("map_extra", wanted.map_extra, info["map_extra"] if wanted.type != BPF_MAP_TYPE_ARENA else wanted.map_extra),
    )
    different = [
        f"{what} {is_there} where the object has {asked}" for what, asked, is_there in pairs if asked != is_there
    ]
    if different:
        raise ObjectError(
            f"{spec.name}: the map that is there does not fit map '{wanted.name}': it has {', '.join(different)}"
        )
