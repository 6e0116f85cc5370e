"""Loading one program, and saying why the kernel refuses it."""

from __future__ import annotations

import errno

from osmia.errors import ObjectError
from osmia.kernel import bpf
from osmia.kernel.program import KernelProgram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia.kernel import Descriptor
    from osmia.loader import LinkedProgram
    from osmia.spec import FunctionSpec, ObjectSpec

_FIRST_LOG = 1 << 20
_LARGEST_LOG = 1 << 24  # what kernels of all versions take


def load_program(
    spec: ObjectSpec,
    function: FunctionSpec,
    linked: LinkedProgram,
    btf: Descriptor | None,
    path_of: Callable[[str], str] | None = None,
    *,
    attach_btf_id: int = 0,
) -> KernelProgram:
    """Load a program; one that the kernel refuses is loaded again with the verifier's log, to say why.

    `path_of` says where a source file that the object names lies, `attach_btf_id` what it will be attached to, in the
    kernel's own type information.
    """
    kind = function.kind
    if kind is None:
        raise ObjectError(f"{spec.name}: '{function.name}' (section '{function.section}') is of no kind of program")

    def load(log: bytearray | None = None, level: int = bpf.LOG_WHOLE) -> int:
        return bpf.prog_load(
            prog_type=kind.program_type,
            instructions=linked.instructions,
            license=spec.license.encode(),
            name=bpf.kernel_name(function.name),
            expected_attach_type=kind.attach_type(kind.hook(function.section) or ""),
            attach_btf_id=attach_btf_id,
            btf_fd=btf.number if btf else 0,
            func_info=linked.func_info if btf else b"",
            line_info=linked.line_info if btf else b"",
            log=log,
            log_level=level,
        )

    try:
        return KernelProgram(bpf.with_memlock(load), function.name, kind)
    except OSError as error:
        number = error.errno or 0
    from osmia.kernel.capabilities import missing_capabilities
    from osmia.kernel.errors import kernel_error, not_supported
    from osmia.kernel.features import FEATURES, kernel_version
    from osmia.kernel.verifier import verifier_error

    log = "" if number in bpf.INTERRUPTED else _log_of(load, number)
    if isinstance(log, int):
        return KernelProgram(log, function.name, kind)
    asked = f"load program '{function.name}' ({kind.name}, {len(linked.instructions) // 8} instructions)"
    # What the log of a kernel without callbacks says would be about something else.
    if linked.callbacks and kernel_version() < FEATURES["callbacks"]:
        raise not_supported(number, asked, "callbacks", FEATURES["callbacks"])
    # Without a capability the kernel refuses some programs before, and some while, it verifies them.
    if log and not (number == errno.EPERM and missing_capabilities(kind.capabilities)):
        raise verifier_error(number, function.name, log, linked.lines, path_of)
    raise kernel_error(
        number,
        asked,
        needed=kind.capabilities,
        charged=True,
        feature=f"{kind.name} programs",
        since=kind.since,
        hints=_HINTS,
    )


def _log_of(load: Callable[..., int], number: int) -> str | int:
    """The verifier's log of a load that failed with `number`, or a file descriptor if it does not fail any more."""
    size = _FIRST_LOG
    while True:
        log = bytearray(size)
        try:
            return load(log)
        except OSError as error:
            too_small = error.errno == errno.ENOSPC and number != errno.ENOSPC
        # The log of a program that took a million steps fits nowhere.
        if not too_small or size >= _LARGEST_LOG or number == errno.E2BIG:
            break
        size *= 4
    text = bpf.text(log)
    if not too_small or _SUMMARY in text[-_LAST_LINES:]:
        return text
    # Kernels before 6.4 keep the start of a log that is too long, and the reason stands at its end.
    reason = bytearray(_FIRST_LOG)
    try:
        return load(reason, bpf.LOG_REASON)
    except OSError:
        return "".join((text[: text.rfind("\n")], "\n[...]\n", bpf.text(reason)))


_SUMMARY = "\nprocessed "
_LAST_LINES = 1 << 12

_HINTS = {
    **dict.fromkeys(
        bpf.INTERRUPTED,
        "signals came in each of many tries before the kernel had verified it; stop what sends them, or keep them from "
        "this thread meanwhile (signal.pthread_sigmask)",
    ),
    errno.E2BIG: "the kernel takes 1 to 1,000,000 instructions (E2BIG)",
    errno.EINVAL: "the kernel does not take its kind, attach type or licence (EINVAL)",
}
