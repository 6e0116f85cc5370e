"""What tests of maps share."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def made() -> Iterator[Callable[[Any], Any]]:
    """Makes a declaration live without a program, until the test ends."""
    with ExitStack() as held:

        def make(declaration: Any) -> Any:
            declaration.create()
            held.callback(declaration.close)
            return declaration

        yield make
