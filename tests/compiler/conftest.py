"""Tests of what the kernel has not are skipped: their parameters say what they take, or `@pytest.mark.needs`."""

from __future__ import annotations

import pytest

from this_kernel import SINCE, require


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before fixtures are made, which may load a program themselves."""
    given = item.callspec.params.values() if isinstance(item, pytest.Function) and hasattr(item, "callspec") else ()
    things = [each for each in given if isinstance(each, str) and each in SINCE]
    things += [each for mark in item.iter_markers("needs") for each in mark.args]
    for thing in things:
        require(thing)
