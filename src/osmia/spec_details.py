"""What few objects say: variables, fields of a tracepoint, and where in the source a program may err."""

from __future__ import annotations

from osmia.record import record


@record
class VariableSpec:
    """A variable of global data, and where it lies."""

    name: str
    section: str
    """The section, which is the name of its map too."""
    offset: int
    """In the map's value, in bytes."""
    size: int
    """In bytes."""
    btf_type_id: int = 0
    """Its type in the object's BTF, 0 where it has none."""


@record
class ContextFieldSpec:
    """A field of a tracepoint that a program reads, as the kernel had it that the program was compiled on."""

    name: str
    offset: int
    """In bytes."""
    size: int
    """In bytes."""
    signed: bool
    form: str = ""
    """`elements` of an array of numbers, `chars` of a text; `data_loc` of the place and length of a text that lies
    elsewhere in the record; empty of a number."""
    length: int = 0
    """Of an array: how many elements it has."""


@record
class ErrorSite:
    """A place in the source where a program may take the error edge."""

    file: str
    line: int
    problem: str
    """What Python would raise there: `division by zero`."""
