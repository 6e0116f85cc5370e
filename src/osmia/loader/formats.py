"""Tracepoints whose fields a program reads: they have to lie where they did when it was compiled."""

from __future__ import annotations

from osmia.errors import KernelError, ObjectError
from osmia.kernel import tracefs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.spec import FunctionSpec, ObjectSpec
    from osmia.spec_details import ContextFieldSpec


def check_format(spec: ObjectSpec, program: FunctionSpec) -> None:
    """Refuse a program for which this kernel's tracepoint has its fields elsewhere, or not at all.

    ObjectError then; KernelError where tracefs cannot be read.
    """
    fields = (spec.context_fields or {}).get(program.name)
    kind = program.kind
    if not fields or kind is None:
        return
    hook = kind.hook(program.section) or ""
    try:
        there = tracefs.read_format(tracefs.format_text(hook))
    except OSError as error:
        raise KernelError(
            error.errno or 0,
            f"cannot load program '{program.name}' of {spec.name}: where the fields of the tracepoint {hook} lie "
            f"cannot be read in tracefs: {error.strerror}",
        ) from None
    for field in fields:
        problem = _difference(field, there.get(field.name))
        if problem:
            raise ObjectError(
                f"{spec.name}: program '{program.name}' was compiled for another kernel's {hook}: {problem}: compile "
                "it again on this one"
            )


def _difference(field: ContextFieldSpec, there: tracefs.FormatField | None) -> str:
    if there is None:
        return f"this one has no field {field.name}"
    alike = (there.offset, there.size, there.signed) == (field.offset, field.size, field.signed)
    if alike and (field.form != "data_loc" or there.text_elsewhere):
        return ""
    return (
        f"the field {field.name} is `{there.declared}` at byte {there.offset} here, and was "
        f"{_described(field)} at byte {field.offset} there"
    )


def _described(field: ContextFieldSpec) -> str:
    if field.form == "chars":
        return f"a text of {field.size} bytes"
    if field.form == "data_loc":
        return "the place of a text"
    width = 8 * field.size // max(field.length, 1)
    return f"{'i' if field.signed else 'u'}{width}" + (f"[{field.length}]" if field.length else "")
