"""What programs logged, read straight from the ring of an object that is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from osmia.logs.note import format_of
from osmia.logs.records import LogSite, header_of

if TYPE_CHECKING:
    import logging


def messages(loaded: Any) -> list[str]:
    """The texts of what was logged since this was asked last."""
    return [record.getMessage() for record in records(loaded)]


def records(loaded: Any) -> list[logging.LogRecord]:
    import sys
    sys.path.insert(0, "tests/compiler")
    from test_rings import read
    from types import SimpleNamespace
    sites = [LogSite(format_of(note, "the object"), "program.py") for note in loaded._spec.logs]
    ring = loaded.maps["osmia_log"]
    datas = read(SimpleNamespace(backend=ring.backend, size=1 << 18))
    return [sites[header_of(data)[2]].record(data, 0.0) for data in datas]
