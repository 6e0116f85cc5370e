"""The pytest plugin: `--osmia`, fixtures for programs in the runtime and in the kernel, and what failed tests say.

pytest imports this in every run, also where no test is osmia's: whatever has weight is imported by what needs it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

import pytest

from osmia.testing.last_runs import OF_TESTS, last_runs

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from osmia.testing.engines import Engine, Kernel, Vm
    from osmia.testing.namespaces import Namespace

ENGINES = {"vm": ("vm",), "kernel": ("kernel",), "both": ("vm", "kernel")}

_said = pytest.StashKey[bool]()
_told = pytest.StashKey["list[str]"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--osmia`: what tests that take `engine` are run in."""
    group = parser.getgroup("osmia")
    group.addoption(
        "--osmia",
        choices=tuple(ENGINES),
        default="vm",
        help="what tests with the fixture `engine` run programs in: the user-space runtime, the kernel, or both",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the fixture `engine` for what was chosen."""
    config.pluginmanager.register(_Telling(), "osmia telling")
    config.pluginmanager.register(_engines(config.getoption("--osmia")), "osmia engines")


def _engines(chosen: str) -> object:
    """A plugin with a fixture whose parameters depend on the command line."""

    class Engines:
        @pytest.fixture(params=ENGINES[chosen])
        def engine(self, request: pytest.FixtureRequest) -> Engine:
            """What `--osmia` chooses: `vm` or `kernel`, or the test once in each."""
            found: Engine = request.getfixturevalue(request.param)
            return found

    return Engines()


@pytest.fixture
def vm() -> Iterator[Vm]:
    """A machine of the user-space runtime: in the test, declared programs and maps are live in it."""
    from osmia.testing.engines import Vm  # noqa: PLC0415 - pytest imports this file in every run

    with Vm() as made:
        yield made


@pytest.fixture
def kernel(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    """The kernel: what declared programs load is closed after the test. Skipped where BPF may not be loaded."""
    from osmia.testing.access import why_no_kernel  # noqa: PLC0415 - pytest imports this file in every run
    from osmia.testing.engines import Kernel  # noqa: PLC0415

    _need(request, "the kernel", why_no_kernel())
    with Kernel() as made:
        yield made


@pytest.fixture
def netns(request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A network namespace of the test's own, with a veth pair. Skipped where none may be made."""
    from osmia.testing.access import why_no_netns  # noqa: PLC0415 - pytest imports this file in every run
    from osmia.testing.namespaces import Namespace  # noqa: PLC0415

    _need(request, "a network namespace", why_no_netns())
    made = Namespace()
    try:
        made.make()
        yield made
    finally:
        made.remove()


def _need(request: pytest.FixtureRequest, what: str, why_not: str) -> None:
    """Skip the test where something cannot be had, and say so at the end of the whole run."""
    if why_not:
        tell(f"skipped, for want of {what}: {why_not}", request.node)
        pytest.skip(f"needs {what}: {why_not}")


def tell(what: str, item: pytest.Item) -> None:
    """Have the end of the run say something of a test that else nobody would see."""
    item.stash.setdefault(_told, []).append(what)


class _Telling:
    """Says at the end what was told of tests, wherever they ran: it comes with their reports."""

    def __init__(self) -> None:
        self._tests: dict[str, list[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for what in getattr(report, "osmia_told", ()):
            self._tests.setdefault(what, []).append(report.nodeid.rpartition("::")[2])

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._tests:
            terminalreporter.section("osmia", yellow=True)
        for what, tests in self._tests.items():
            many = tests[0] if len(tests) == 1 else f"{len(tests)} tests"
            terminalreporter.line(f"{many}: {what}", yellow=True)


def fail(text: str, item: pytest.Item) -> NoReturn:
    """Fail a test with a text that says all."""
    item.stash[_said] = True
    pytest.fail(text, pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Take down what engines run in a test, in fixtures too, and forget it with the test."""
    OF_TESTS.append({})
    try:
        return (yield)
    finally:
        OF_TESTS.pop()


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Say what was run where a verdict is not as expected, and where two packets differ."""
    if "osmia.testing.packets.packet" not in sys.modules:  # nothing that it could be about
        return None
    from osmia.testing.explaining import explanation  # noqa: PLC0415 - pytest imports this file in every run

    last = last_runs()
    return explanation(op, left, right, last[-1] if last else None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say what was run last where a test fails, and show what osmia refuses without osmia's own lines."""
    if call.excinfo is not None:
        from osmia.uncaught import hide_own_frames  # noqa: PLC0415 - pytest imports this file in every run

        hide_own_frames(call.excinfo.value)
    report = yield
    if call.excinfo is not None:
        _begin_with_the_error(report, call.excinfo.value)
    told = item.stash.setdefault(_told, [])
    vars(report)["osmia_told"], item.stash[_told] = told, []
    if report.failed and not item.stash.get(_said, False):
        report.sections += [("what osmia ran last", "\n".join(each.lines())) for each in last_runs()]
    return report


def _begin_with_the_error(report: pytest.TestReport, error: BaseException) -> None:
    """Have the summary's one line of a failed test say what is wrong: pytest takes the first, which says where."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is None or not type(error).__module__.startswith("osmia."):
        return
    from osmia.testing.headlines import headline  # noqa: PLC0415 - pytest imports this file in every run

    first = headline(error)
    if first:
        crash.message = f"{first}\n{crash.message}"
