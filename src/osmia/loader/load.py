"""Bringing the programs of an object into the kernel, with the maps that they reach."""

from __future__ import annotations

import errno

from osmia.abi.generated.bpf import BPF_F_RDONLY_PROG
from osmia.errors import ObjectError
from osmia.kernel import bpf
from osmia.kernel.descriptor import Descriptor
from osmia.kernel.errors import kernel_error, plain
from osmia.kernel.map import KernelMap
from osmia.kernel.memlock import with_memlock
from osmia.kernel.program import KernelProgram
from osmia.kernel.verifier import verifier_error
from osmia.loader.relocate import link, reach
from osmia.maps.table import BY_TYPE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType
    from typing import Self

    from osmia.loader.relocate import LinkedProgram
    from osmia.spec import FunctionSpec, MapSpec, ObjectSpec

_NAME_LENGTH = 15
_NAME_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.")
_FIRST_LOG = 1 << 20
_LARGEST_LOG = 1 << 24  # what kernels of all versions take


class LoadedObject:
    """The programs and maps of an object that are in the kernel."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.maps: dict[str, KernelMap] = {}
        """Every map that the programs reach, those that were given included."""
        self.programs: dict[str, KernelProgram] = {}
        self.btf_error: str | None = None
        """Why the kernel did not take the object's type information; None if it did, or if there is none.

        The programs run all the same; what is lost is names of types and lines in bpftool and in the verifier's log.
        """
        self._own: list[KernelMap | KernelProgram] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the programs, and of the maps that were made for them. What is attached stays attached."""
        for handle in self._own:
            handle.close()

    def add_map(self, name: str, live: KernelMap, *, own: bool) -> None:
        """Take a map in; one of its own is closed with it."""
        self.maps[name] = live
        if own:
            self._own.append(live)

    def add_program(self, program: KernelProgram) -> None:
        """Take a program in."""
        self.programs[program.name] = program
        self._own.append(program)


def load_object(
    spec: ObjectSpec, *, reuse: Mapping[str, KernelMap] | None = None, programs: Iterable[str] | None = None
) -> LoadedObject:
    """Load programs of an object (all of them unless `programs` names some) and create the maps that they reach.

    `reuse` gives maps that exist already, by name; they stay their owner's. Raises ObjectError for an object that
    contradicts itself, KernelError and its kinds where the kernel refuses; nothing is left open then.
    """
    names = _chosen(spec, programs)
    reached = {name: reach(spec, name) for name in names}
    given = reuse or {}
    loaded = LoadedObject(spec.name)
    try:
        btf = _load_btf(spec, loaded)
        for name in dict.fromkeys(map_name for need in reached.values() for map_name in need.maps):
            if name in given:
                _check_fits(spec, spec.maps[name], given[name])
                loaded.add_map(name, given[name], own=False)
            else:
                loaded.add_map(name, _create_map(spec.maps[name], btf), own=True)
        map_fds = {name: live.fd for name, live in loaded.maps.items()}
        for name in names:
            linked = link(spec, reached[name].functions, map_fds)
            loaded.add_program(_load_program(spec, spec.programs[name], linked, btf))
    except BaseException:
        loaded.close()
        raise
    return loaded


def kernel_name(name: str) -> bytes:
    """A name as the kernel keeps it: the first 15 characters, `_` for those that it does not take."""
    return "".join(letter if letter in _NAME_CHARACTERS else "_" for letter in name[:_NAME_LENGTH]).encode("ascii")


def _chosen(spec: ObjectSpec, programs: Iterable[str] | None) -> list[str]:
    if programs is None:
        return list(spec.programs)
    names = list(dict.fromkeys(programs))
    for name in names:
        if name not in spec.programs:
            there = ", ".join(spec.programs) or "none at all"
            raise ObjectError(f"{spec.name} has no program '{name}'; its programs are: {there}")
    return names


def _load_btf(spec: ObjectSpec, loaded: LoadedObject) -> Descriptor | None:
    if not spec.btf:
        return None
    try:
        return Descriptor(bpf.btf_load(spec.btf))
    except OSError as error:
        number = error.errno or 0
    log = bytearray(_FIRST_LOG)
    try:
        return Descriptor(bpf.btf_load(spec.btf, log))
    except OSError as error:
        number = error.errno or number
    reasons = [line for line in _text(log).splitlines() if line]
    loaded.btf_error = f"{spec.name}: the kernel does not take the object's BTF: {plain(number)}" + (
        f": {reasons[-1]}" if reasons else ""
    )
    return None


def _create_map(spec: MapSpec, btf: Descriptor | None) -> KernelMap:
    kind = BY_TYPE.get(spec.type)

    def create(btf_fd: int) -> int:
        return bpf.map_create(
            map_type=spec.type,
            key_size=spec.key_size,
            value_size=spec.value_size,
            max_entries=spec.max_entries,
            flags=spec.flags | (BPF_F_RDONLY_PROG if spec.read_only else 0),
            name=kernel_name(spec.name),
            map_extra=spec.map_extra,
            btf_fd=btf_fd,
            btf_key_type_id=spec.btf_key_type_id if btf_fd else 0,
            btf_value_type_id=spec.btf_value_type_id if btf_fd else 0,
        )

    if kind is None:
        raise ObjectError(f"map '{spec.name}' is of type {spec.type} (BPF_MAP_TYPE_*), which osmia does not know")
    try:
        fd = with_memlock(lambda: create(btf.number if btf and spec.btf_value_type_id else 0))
    except OSError as error:
        number = error.errno or 0
        asked = (
            f"create map '{spec.name}' ({kind.kernel_name}, key {spec.key_size} bytes, value {spec.value_size} bytes, "
            f"max_entries {spec.max_entries}, flags {spec.flags:#x})"
        )
        raise kernel_error(
            number,
            asked,
            needed=("CAP_BPF",),
            feature="map_extra" if spec.map_extra else f"maps of type {kind.kernel_name}",
            since=None if spec.map_extra else kind.since,
            hints=_MAP_HINTS,
        ) from None
    live = KernelMap(fd, spec.key_size, spec.value_size, kind.per_cpu, spec.max_entries, spec.name)
    try:
        if spec.contents is not None:
            live.update(bytes(spec.key_size), spec.contents, 0)
        if spec.read_only:
            live.freeze()
    except BaseException:
        live.close()
        raise
    return live


_MAP_HINTS = {
    errno.EINVAL: "the kernel does not take these sizes, flags or types together (EINVAL)",
    errno.E2BIG: "a key, a value or the whole map is larger than the kernel allows (E2BIG)",
    errno.ENOMEM: "the kernel has no memory for a map of this size (ENOMEM)",
}


def _check_fits(spec: ObjectSpec, wanted: MapSpec, live: KernelMap) -> None:
    info = live.info()
    pairs = (
        ("type", wanted.type, info["type"]),
        ("key size", wanted.key_size, info["key_size"]),
        ("value size", wanted.value_size, info["value_size"]),
        ("max_entries", wanted.max_entries, info["max_entries"]),
        ("flags", wanted.flags | (BPF_F_RDONLY_PROG if wanted.read_only else 0), info["map_flags"]),
    )
    different = [
        f"{what} {is_there} where the object has {asked}" for what, asked, is_there in pairs if asked != is_there
    ]
    if different:
        raise ObjectError(
            f"{spec.name}: the map that is there does not fit map '{wanted.name}': it has {', '.join(different)}"
        )


def _load_program(
    spec: ObjectSpec, function: FunctionSpec, linked: LinkedProgram, btf: Descriptor | None
) -> KernelProgram:
    kind = function.kind
    if kind is None:
        raise ObjectError(f"{spec.name}: '{function.name}' (section '{function.section}') is of no kind of program")

    def load(log: bytearray | None = None) -> int:
        return bpf.prog_load(
            prog_type=kind.program_type,
            instructions=linked.instructions,
            license=spec.license.encode(),
            name=kernel_name(function.name),
            expected_attach_type=kind.attach_type,
            btf_fd=btf.number if btf else 0,
            func_info=linked.func_info if btf else b"",
            line_info=linked.line_info if btf else b"",
            log=log,
        )

    try:
        return KernelProgram(with_memlock(load), function.name, kind)
    except OSError as error:
        number = error.errno or 0
    asked = f"load program '{function.name}' ({kind.name}, {len(linked.instructions) // 8} instructions)"
    if number in (errno.ENOSYS, errno.EPERM):
        raise kernel_error(number, asked, needed=kind.capabilities)
    size = _FIRST_LOG
    while True:
        log = bytearray(size)
        try:
            return KernelProgram(load(log), function.name, kind)
        except OSError as error:
            if error.errno == errno.ENOSPC and number != errno.ENOSPC and size < _LARGEST_LOG:
                size *= 4
                continue
        text = _text(log)
        if text:
            raise verifier_error(number, function.name, text, linked.lines)
        raise kernel_error(
            number,
            asked,
            needed=kind.capabilities,
            feature=f"{kind.name} programs",
            since=kind.since,
            hints={
                errno.E2BIG: "the kernel takes 1 to 1,000,000 instructions (E2BIG)",
                errno.EINVAL: "the kernel does not take its kind, attach type or licence (EINVAL)",
            },
        )


def _text(log: bytearray) -> str:
    return bytes(log).partition(b"\0")[0].decode("utf-8", "replace")
