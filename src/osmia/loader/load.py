"""Bringing the programs of an object into the kernel, with the maps that they reach."""

from __future__ import annotations

import errno

from osmia.errors import KernelError, ObjectError
from osmia.kernel import Descriptor, bpf
from osmia.loader import link, reach
from osmia.loader.maps import check_fits, create_map, fill_slots
from osmia.loader.programs import load_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType
    from typing import Any, Self

    from osmia.loader import Reach
    from osmia.loader.backend import ProgramBackend
    from osmia.maps.backend import MapBackend
    from osmia.spec import ObjectSpec

_BTF_LOG = 1 << 20


class LoadedObject:
    """The programs and maps of an object that are in the kernel, or in the user-space runtime."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.maps: dict[str, MapBackend] = {}
        """Every map that the programs reach, those that were given included."""
        self.programs: dict[str, ProgramBackend] = {}
        self.btf_error: str | None = None
        """Why the kernel did not take the object's type information; None if it did, or if there is none.

        The programs run all the same; what is lost is names of types and lines in bpftool and in the verifier's log.
        """
        self.btf_denied = False
        """Whether that is for want of a capability."""
        self.logs: Any = None
        """What its logs were loaded with, where it has some: it is passed on to who holds its programs."""
        self.given: tuple[str, ...] = ()
        """Maps that all objects share which log: they are nobody's handle."""
        self._own: list[MapBackend | ProgramBackend] = []

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

    def add_map(self, name: str, live: MapBackend, *, own: bool) -> None:
        """Take a map in; one of its own is closed with it."""
        self.maps[name] = live
        if own:
            self._own.append(live)

    def add_program(self, program: ProgramBackend) -> None:
        """Take a program in."""
        self.programs[program.name] = program
        self._own.append(program)


def load_object(
    spec: ObjectSpec,
    *,
    reuse: Mapping[str, MapBackend] | None = None,
    programs: Iterable[str] | None = None,
    path_of: Callable[[str], str] | None = None,
) -> LoadedObject:
    """Load programs of an object (all of them unless `programs` names some) and create the maps that they reach.

    `reuse` gives maps that exist already, by name; they stay their owner's. `path_of` says where a source file that the
    object names lies, for what the verifier refuses. Raises ObjectError for an object that
    contradicts itself, KernelError and its kinds where the kernel refuses; nothing is left open then.
    """
    if spec.marks:
        raise ObjectError(
            f"{spec.name}: it was compiled for debugging, which only a machine of the user-space runtime can run: "
            "osmia.load(..., engine=osmia.Machine(debug=True))"
        )
    names, reached = reached_by(spec, chosen(spec, programs))
    given = reuse or {}
    later = tuple(name for program in names if (kind := spec.programs[program].kind) for name in kind.capabilities)
    targets = _targets(spec, names)
    loaded = LoadedObject(spec.name)
    btf = _load_btf(spec, loaded)
    try:
        for name in maps_of(spec, reached):
            if name in given:
                check_fits(spec, spec.maps[name], given[name])
                loaded.add_map(name, given[name], own=False)
            else:
                _check_lock(spec, name, loaded, later)
                loaded.add_map(name, create_map(spec.maps[name], btf, later), own=True)
        map_fds = {name: live.fd for name, live in loaded.maps.items()}
        for name in names:
            linked = link(spec, reached[name].functions, map_fds)
            target = targets.get(name, 0)
            loaded.add_program(load_program(spec, spec.programs[name], linked, btf, path_of, attach_btf_id=target))
        fds = map_fds | {name: program.fd for name, program in loaded.programs.items()}
        for name, live in loaded.maps.items():
            if name not in given:
                fill_slots(spec.maps[name], live, fds)
    except BaseException as error:
        from osmia.errors import NotSupportedError, PermissionDeniedError

        # Who may not call bpf(2) at all is told that, not what else it would have refused.
        denied = isinstance(error, (NotSupportedError, PermissionDeniedError))
        loaded.close()
        if loaded.btf_error and isinstance(error, KernelError) and not denied:
            if loaded.btf_denied:
                raise _types_denied(spec, later) from None
            error.add_note(f"{loaded.btf_error}; so the kernel knows neither types nor lines of it")
        raise
    finally:
        if btf is not None:  # what was loaded keeps it; an error's traceback must not
            btf.close_now()
    return loaded


def _targets(spec: ObjectSpec, names: list[str]) -> dict[str, int]:
    """What programs are loaded for, once this kernel's is found to be what they were written for."""
    if spec.context_fields:
        from osmia.loader.formats import check_format

        for name in names:
            check_format(spec, spec.programs[name])
    if not any((kind := spec.programs[name].kind) and kind.function_prefix for name in names):
        return {}
    from osmia.loader.targets import attach_ids

    return attach_ids(spec, names)


def reached_by(spec: ObjectSpec, names: list[str]) -> tuple[list[str], dict[str, Reach]]:
    """What programs reach, and with them the programs that an array holds from the start: they are loaded too."""
    reached: dict[str, Reach] = {}
    names = list(names)
    for name in names:  # grows while it is walked
        if name not in spec.programs:
            raise ObjectError(f"{spec.name}: an array of programs holds '{name}', which is no program of the object")
        reached[name] = need = reach(spec, name)
        for each in need.maps:
            held = spec.maps[each]
            if held.inner is None:
                names += [other for other in (held.initial or {}).values() if other not in names]
    return names, reached


def maps_of(spec: ObjectSpec, reached: dict[str, Reach]) -> list[str]:
    """The maps that programs reach, and those that a map of maps holds from the start."""
    found = list(dict.fromkeys(name for need in reached.values() for name in need.maps))
    for name in found:  # grows while it is walked
        if spec.maps[name].inner is not None:
            found += [other for other in (spec.maps[name].initial or {}).values() if other not in found]
    return found


def chosen(spec: ObjectSpec, programs: Iterable[str] | None) -> list[str]:
    """The programs that are to be loaded, each once. ObjectError for one that is not there."""
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
    from osmia.kernel.errors import plain

    btf = _for_this_kernel(spec)
    log = bytearray(_BTF_LOG)
    try:
        return Descriptor(bpf.btf_load(btf, log))
    except OSError as error:
        number = error.errno or number
    reasons = [line for line in bpf.text(log).splitlines() if line]
    loaded.btf_error = f"{spec.name}: the kernel does not take the object's BTF: {plain(number)}" + (
        f": {reasons[-1]}" if reasons else ""
    )
    loaded.btf_denied = number == errno.EPERM
    return None


def _types_denied(spec: ObjectSpec, later: tuple[str, ...]) -> KernelError:
    """What a kernel refuses that may not be told types is refused for that, whatever it says of it."""
    from osmia.kernel.errors import permission_denied

    return permission_denied(f"load the types of {spec.name}", ("CAP_BPF",), later)


def _check_lock(spec: ObjectSpec, name: str, loaded: LoadedObject, later: tuple[str, ...]) -> None:
    """Refuse a map whose lock the kernel would not know of: nothing would guard its values."""
    if not loaded.btf_error or not _holds_lock(spec, name):
        return
    if loaded.btf_denied:
        raise _types_denied(spec, later)
    raise ObjectError(
        f"the value of map '{name}' holds a spin lock, which the kernel finds by its type alone: {loaded.btf_error}"
    )


def _holds_lock(spec: ObjectSpec, name: str) -> bool:
    """Whether the value of a map holds a spin lock."""
    from osmia.btf import kinds
    from osmia.btf.read import Btf

    try:
        btf, number = Btf(spec.btf, spec.name), spec.maps[name].btf_value_type_id
    except ObjectError:  # nobody can read it, the kernel neither
        return False
    searched: set[int] = set()
    left = [number] if number else []
    while left:
        found = btf.resolve(left.pop())
        if found.kind == kinds.STRUCT and found.name == "bpf_spin_lock":
            return True
        if found.kind == kinds.STRUCT and found.id not in searched:
            searched.add(found.id)
            left += [member.type for member in btf.members(found)]
    return False


def _for_this_kernel(spec: ObjectSpec) -> bytes:
    """The object's BTF, without kinds of types that this kernel is too old for."""
    from osmia.btf.downgrade import downgrade
    from osmia.btf.read import Btf
    from osmia.kernel.features import kernel_version

    try:
        return downgrade(Btf(spec.btf, spec.name), kernel_version()) or spec.btf
    except ObjectError:  # the kernel says what is wrong with it
        return spec.btf
