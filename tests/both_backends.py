"""Tests that run twice: with maps of the kernel, and with those of a machine of the user-space runtime.

A module that imports the fixture runs all of its tests so; what is the kernel's alone is marked, with the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from osmia import Machine
from osmia.kernel.cpus import possible_cpus

if TYPE_CHECKING:
    from collections.abc import Iterator

kernel_only = pytest.mark.kernel_only
"""`@kernel_only("why")`: a test that means nothing in a machine."""


@pytest.fixture(autouse=True, params=["kernel", "vm"])
def both_backends(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run a test in the kernel, then in the block of a machine with as many CPUs."""
    if request.param == "kernel":
        yield "kernel"
        return
    mark = request.node.get_closest_marker("kernel_only")
    if mark is not None:
        pytest.skip(f"of the kernel alone: {mark.args[0]}")
    with Machine(cpus=len(possible_cpus())):
        yield "vm"
