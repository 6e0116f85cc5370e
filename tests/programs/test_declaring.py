"""The decorator: what it makes, and what it refuses."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest

from osmia import (
    NotLoadedError,
    Program,
    XdpAction,
    XdpContext,
    XdpMode,
    XdpProgram,
    cgroup_skb,
    cgroup_sock,
    lsm,
    tracepoint,
    xdp,
)
from osmia.kinds import KINDS
from program_files import module_from

if TYPE_CHECKING:
    from pathlib import Path


def plain(ctx: XdpContext) -> XdpAction:
    """Let it pass."""
    return XdpAction.PASS


PLACE = f"plain ({__file__}:{plain.__code__.co_firstlineno})"


def refusal(use: Any) -> str:
    with pytest.raises(TypeError) as caught:
        use()
    return str(caught.value)


def test_bare_and_with_options() -> None:
    bare = xdp(plain)
    assert type(bare) is XdpProgram
    assert isinstance(bare, Program)
    assert (bare.name, bare.kind, bare.on_error, bare.loaded) == ("plain", KINDS["xdp"], None, False)
    named = xdp(on_error=XdpAction.DROP, name="other")(plain)
    assert (named.name, named.on_error, named.function) == ("other", XdpAction.DROP, plain)
    assert repr(named) == "<XdpProgram other, not loaded>"


def test_keeps_what_describes_the_function() -> None:
    program: Any = xdp(plain)
    assert (program.__name__, program.__doc__, program.__module__) == ("plain", "Let it pass.", __name__)
    assert (program.__qualname__, program.__wrapped__) == ("plain", plain)


def test_is_no_function_of_this_process() -> None:
    text = "plain runs in the kernel and cannot be called: attach it, or run it on a packet with plain.test_run(packet)"
    assert refusal(lambda: xdp(plain)(XdpContext())) == text


async def asynchronous(ctx: XdpContext) -> XdpAction:
    return XdpAction.PASS


def generator(ctx: XdpContext) -> Any:
    yield XdpAction.PASS


async def async_generator(ctx: XdpContext) -> Any:
    yield XdpAction.PASS


def none() -> XdpAction:
    return XdpAction.PASS


def two(ctx: XdpContext, other: int) -> XdpAction:
    return XdpAction.PASS


def keyword(*, ctx: XdpContext) -> XdpAction:
    return XdpAction.PASS


def many(*ctx: XdpContext) -> XdpAction:
    return XdpAction.PASS


def more(ctx: XdpContext, **other: int) -> XdpAction:
    return XdpAction.PASS


class Class:
    def method(self, ctx: XdpContext) -> XdpAction:
        return XdpAction.PASS


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (asynchronous, "is async; a program is a plain function"),
        (generator, "is a generator; a program is a plain function"),
        (async_generator, "is an async generator; a program is a plain function"),
        *(
            (wrong, "has the wrong parameters; one is expected, (ctx: XdpContext) -> XdpAction")
            for wrong in (none, two, keyword, many, more, Class.method)
        ),
    ],
)
def test_refuses_functions_that_cannot_be_programs(function: Any, what: str) -> None:
    place = f"{function.__name__} ({__file__}:{function.__code__.co_firstlineno})"
    assert refusal(lambda: xdp(function)) == f"@xdp: {place} {what}"


def test_refuses_a_lambda() -> None:
    function: Any = lambda ctx: XdpAction.PASS  # noqa: E731
    place = f"<lambda> ({__file__}:{function.__code__.co_firstlineno})"
    assert refusal(lambda: xdp(function)) == (
        f"@xdp: {place} has no annotations; write a def with (ctx: XdpContext) -> XdpAction"
    )


@pytest.mark.parametrize(
    ("wrong", "shown"),
    [("lo", "str 'lo'"), (Class, f"type {Class!r}"), (len, "builtin_function_or_method <built-in function len>")],
)
def test_refuses_what_is_no_function(wrong: Any, shown: str) -> None:
    assert refusal(lambda: xdp(wrong)) == f"@xdp is put on a plain function, not on {shown}"
    assert refusal(lambda: xdp(functools.partial(plain))).startswith(
        "@xdp is put on a plain function, not on partial functools.partial("
    )


def test_refuses_a_program() -> None:
    twice: Any = xdp(plain)
    assert refusal(lambda: xdp(twice)) == "@xdp: plain is a program already"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"on_error": 1}, "@xdp: on_error is an XdpAction, not int 1"),
        ({"on_error": XdpMode.SKB}, "@xdp: on_error is an XdpAction, not XdpMode <XdpMode.SKB: 2>"),
        ({"name": "a b"}, "@xdp: a program's name is an ASCII identifier, not str 'a b'"),
        ({"name": 5}, "@xdp: a program's name is an ASCII identifier, not int 5"),
    ],
)
def test_refuses_wrong_options(options: dict[str, Any], text: str) -> None:
    assert refusal(lambda: xdp(**options)(plain)) == text


STATED = (
    "does not say what the program returns after an error (what would raise in Python). "
    "osmia does not choose whether one lets things happen or stops them: "
)


@pytest.mark.parametrize(
    ("decorator", "hook", "choices"),
    [
        (cgroup_skb, "egress", "CgroupAction.ALLOW lets the packet through, CgroupAction.DENY drops it"),
        (
            cgroup_sock,
            "post_bind4",
            "CgroupAction.ALLOW lets the process have its socket, CgroupAction.DENY refuses it",
        ),
        (lsm, "file_open", "0 lets what was asked about happen, -1 (EPERM) refuses it"),
    ],
)
def test_on_error_has_to_be_stated_where_osmia_cannot_know(decorator: Any, hook: str, choices: str) -> None:
    declaration = f'@{decorator.__name__}("{hook}"'
    text = f"{declaration}) {STATED}{choices}. Write {declaration}, on_error=...) with one of these"
    assert refusal(lambda: decorator(hook)) == text
    assert refusal(lambda: decorator(hook, on_error=None, name="other")) == text


@pytest.mark.parametrize(
    ("named", "parts"),
    [
        ("syscalls:sys_enter_openat", ("syscalls", "sys_enter_openat")),
        ("syscalls/sys_enter_openat", ("syscalls", "sys_enter_openat")),
        ("sched_switch", ("sched", "sched_switch")),
        (":", ("sched", "sched_switch")),
    ],
)
def test_a_tracepoint_is_named_in_two_parts(named: str, parts: tuple[str, str]) -> None:
    undeclared: Any = tracepoint
    assert refusal(lambda: undeclared(named)) == (
        f'@tracepoint takes a category and a name, as in @tracepoint("{parts[0]}", "{parts[1]}"), not str {named!r}'
    )


def test_says_that_it_is_not_loaded() -> None:
    program = xdp(plain)
    for use in (lambda: program.fd, program.errors):
        with pytest.raises(NotLoadedError) as caught:
            use()
        assert str(caught.value) == "plain is not loaded: attach(), test_run() or load() loads it"
    program.close()


def test_refuses_a_wrong_mode_or_packet_before_anything_is_loaded() -> None:
    program: Any = xdp(plain)
    assert refusal(lambda: program.attach("lo", mode="skb")) == "plain: mode is an XdpMode, not str 'skb'"
    assert refusal(lambda: program.test_run("packet")) == "plain: a packet is bytes, not str 'packet'"
    assert not program.loaded


LOST = """
from osmia import XdpAction, XdpContext, xdp

@xdp
def counts(ctx: XdpContext) -> XdpAction:
    return XdpAction.PASS

@xdp(name="other")
def counts(ctx: XdpContext) -> XdpAction:
    return XdpAction.DROP
"""


def test_refuses_a_program_that_takes_the_name_of_another_one(tmp_path: Path) -> None:
    with pytest.raises(TypeError) as caught:
        module_from(tmp_path, LOST)
    path = next(tmp_path.rglob("program.py"))
    assert str(caught.value) == (
        f"@xdp: counts ({path}:8) takes the name of the program of line 4, which would be lost: "
        "give one of them another name"
    )


def test_a_module_that_is_run_again_replaces_its_programs() -> None:
    """As after a change in an editor, or in a notebook: the same name on another line is no second program."""
    first, second = LOST.rpartition("@xdp(")[0], LOST.replace("@xdp\n", "\n\n@xdp\n").rpartition("@xdp(")[0]
    namespace: dict[str, Any] = {"__name__": "again"}
    for text in (first, second, first):
        exec(compile(text, "again.py", "exec"), namespace)
    assert namespace["counts"].function.__code__.co_firstlineno == 4


def test_programs_that_a_function_makes_may_have_one_name() -> None:
    def make() -> object:
        @xdp
        def made(ctx: XdpContext) -> XdpAction:
            return XdpAction.PASS

        return made

    assert make() is not make()
