"""Kernel code with assertions in test modules: pytest rewrites them, and the compiler has the source."""

from __future__ import annotations

from osmia import Machine, XdpAction, XdpContext, u8, xdp


@xdp
def asserts(ctx: XdpContext) -> XdpAction:
    first = ctx.packet.at(u8, 0)
    if first is None:
        return XdpAction.PASS
    assert first.value != 7, "seven is refused"
    return XdpAction.DROP


def test_an_assertion_of_kernel_code_in_a_test_module() -> None:
    assert asserts.function is not None
    assert "@pytest_ar" in asserts.function.__code__.co_names  # it is what this test is about
    with Machine() as machine:
        assert machine.run(asserts, bytes(14)).action is XdpAction.DROP
        assert machine.run(asserts, b"\x07" + bytes(13)).action is XdpAction.ABORTED
        assert [each.problem for each in asserts.errors()] == ["assertion failed"]
