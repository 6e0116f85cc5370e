"""What all tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--full`: also the tests that hold figures named in issues; they take long, or want a quiet machine."""
    parser.addoption("--full", action="store_true", help="also run the tests marked `full`")


def pytest_configure(config: pytest.Config) -> None:
    """Leave out the tests marked `full`, unless asked for by `--full` or by a choice of marks."""
    if not config.getoption("--full") and not config.option.markexpr:
        config.option.markexpr = "not full"
