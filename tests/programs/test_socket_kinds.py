"""Declaring programs of the kinds that work with sockets: hooks, options, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from osmia import (
    SkAction,
    SkLookupContext,
    SkMsgContext,
    SkReuseportContext,
    SkSkbContext,
    SockOpsContext,
    sk_lookup,
    sk_msg,
    sk_reuseport,
    sk_skb,
    sock_ops,
)
from osmia.kinds import KINDS, kind_of_section
from refusal import refusal

SECTIONS = {
    "sk_msg": ("sk_msg", ""),
    "sk_skb/stream_parser": ("sk_skb", "stream_parser"),
    "sk_skb/stream_verdict": ("sk_skb", "stream_verdict"),
    "sk_skb/verdict": ("sk_skb", "verdict"),
    "sockops": ("sock_ops", ""),
    "sk_lookup": ("sk_lookup", ""),
    "sk_reuseport": ("sk_reuseport", ""),
    "sk_reuseport/migrate": ("sk_reuseport", "migrate"),
}


@pytest.mark.parametrize("section", SECTIONS)
def test_sections_are_libbpfs(section: str) -> None:
    kind = kind_of_section(section)
    assert kind is not None
    assert (kind.name, kind.hook(section)) == SECTIONS[section]
    assert kind.section(SECTIONS[section][1]) == section


def test_hooks() -> None:
    def plain(ctx: Any) -> Any:
        raise AssertionError

    skb: Any = sk_skb
    reuseport: Any = sk_reuseport
    assert refusal(TypeError, lambda: skb(plain)) == "@sk_skb is told its hook: `@sk_skb('stream_verdict', ...)`"
    assert refusal(TypeError, lambda: skb("parser")) == (
        "@sk_skb: the hook is one of 'stream_verdict', 'stream_parser', 'verdict', not str 'parser'"
    )
    assert refusal(TypeError, lambda: reuseport("move")) == (
        "@sk_reuseport: the hook is one of 'migrate', not str 'move'"
    )
    assert (skb("verdict")(plain).hook, reuseport(plain).hook, reuseport("migrate")(plain).hook) == (
        "verdict",
        "",
        "migrate",
    )


def test_what_an_error_returns() -> None:
    def plain(ctx: Any) -> Any:
        raise AssertionError

    for decorator in (sk_msg, sk_lookup, sk_reuseport, sk_skb):
        options: Any = decorator
        hook = ("verdict",) if decorator is sk_skb else ()
        assert options(*hook, on_error=SkAction.PASS)(plain).on_error is SkAction.PASS
        name = options.__name__
        assert refusal(TypeError, lambda: options(*hook, on_error=1)(plain)) == (  # noqa: B023 - called at once
            f"@{name}: on_error is an SkAction, not int 1"
        )
    parser: Any = sk_skb
    assert parser("stream_parser", on_error=-71)(plain).on_error == -71
    ops: Any = sock_ops
    assert ops(on_error=1)(plain).on_error == 1
    assert refusal(ValueError, lambda: ops(on_error=2)(plain)) == "@sock_ops: on_error is 0 to 1, not 2"
    assert refusal(TypeError, lambda: ops(on_error="0")(plain)) == "@sock_ops: on_error is an int, not str '0'"
    assert [KINDS[name].error_value for name, _ in set(SECTIONS.values())] == [0] * len(set(SECTIONS.values()))


@pytest.mark.parametrize("of", [SkMsgContext, SkSkbContext, SockOpsContext, SkLookupContext, SkReuseportContext])
def test_contexts_have_the_fields_that_kernel_code_reads(of: Any) -> None:
    kind = next(kind for kind in KINDS.values() if kind.context is of)
    context = object.__new__(of)
    for name, field in kind.fields.items():
        if field.writable:
            assert name in of.__annotations__, name
            continue
        assert refusal(TypeError, lambda name=name: getattr(context, name)) == (
            f"the field {name} of a context exists in kernel code only: a program in the kernel reads it"
        )
