"""`osmia test`: the tests are in the repository, where `./osmia test` runs them."""

from __future__ import annotations

from osmia.cli.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import NoReturn


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments: whatever stands there is for pytest."""
    parser.description = "Run the tests of osmia itself. They are in its repository: ./osmia test in a checkout."
    parser.add_argument("--full", action="store_true", help="also those that take long")
    parser.add_argument("arguments", nargs="*", help="arguments of pytest")


def run(_arguments: Namespace) -> NoReturn:
    """Say where the tests are."""
    raise UsageError("the tests are not installed with osmia: they are in its repository, run ./osmia test there")
