"""What each engine ran last in the test that runs: whoever says why the test failed asks for it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.testing.engines import Engine
    from osmia.testing.runs import Run

OF_TESTS: list[dict[Engine, Run]] = []
"""Of each test that runs, the innermost last: by their engines, the latest run last. Empty where nobody asks."""


def begun(engine: Engine, run: Run, active: list[Engine]) -> None:
    """Take down what an engine runs from now on; what others ran is forgotten where their blocks are over."""
    if OF_TESTS:
        others = {each: its for each, its in OF_TESTS[-1].items() if each in active and each is not engine}
        OF_TESTS[-1] = {**others, engine: run}


def last_runs() -> list[Run]:
    """The last run of each engine in this test, the latest of them last."""
    return [*OF_TESTS[-1].values()] if OF_TESTS else []
