"""The helpers of contexts: types for checkers, an error in user code, and nothing that a start pays for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import helper_tables
import osmia
import osmia.helpers
from osmia import XdpContext
from osmia.abi.generated.helpers import HELPERS
from osmia.abi.helpers import callable_in_kernel_code
from osmia.contexts.generated import helpers

SOURCE = str(Path(osmia.__file__).resolve().parents[1])


def test_a_helper_in_user_code_says_where_it_belongs() -> None:
    with pytest.raises(TypeError) as caught:
        XdpContext().redirect(1)
    assert str(caught.value) == "redirect() exists in kernel code only: a program that runs in the kernel calls it"


def test_what_a_kind_may_not_call_is_no_attribute() -> None:
    with pytest.raises(AttributeError) as caught:
        XdpContext().skb_store_bytes  # type: ignore[attr-defined]  # noqa: B018
    assert str(caught.value) == "XdpContext has no field and no helper 'skb_store_bytes'"


@pytest.mark.parametrize("name", ["dynptr_read", "find_vma", "this_cpu_ptr", "loop"])
def test_what_kernel_code_cannot_call_is_no_attribute(name: str) -> None:
    assert not hasattr(XdpContext, name)
    assert not hasattr(osmia.helpers, name)


@pytest.mark.parametrize("kind", helper_tables.all_kinds())
def test_a_mixin_has_the_helpers_of_its_kind(kind: str) -> None:
    mixin = getattr(helpers, "".join(part.capitalize() for part in kind.split("_")) + "Helpers")
    found = {name for name in dir(mixin) if not name.startswith("_")}
    rows = filter(callable_in_kernel_code, HELPERS.values())
    methods = (method for row in rows for method in helper_tables.methods(row))
    assert found == {method.name for method in methods if kind in method.kinds}
    assert len(found) > 4


def test_a_context_costs_no_start_its_helpers() -> None:
    program = f"import sys; sys.path.insert(0, {SOURCE!r})\nimport osmia\nosmia.XdpContext, osmia.xdp\n"
    program += "print([name for name in sys.modules if 'helper' in name or name.startswith('osmia.contexts.gen')])"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
