"""Possible and online CPUs."""

from __future__ import annotations

import os

import pytest

from osmia.errors import KernelError
from osmia.kernel import cpus


@pytest.mark.parametrize(
    ("text", "numbers"), [("0\n", (0,)), ("0-3\n", (0, 1, 2, 3)), ("0-1,4,6-7\n", (0, 1, 4, 6, 7))]
)
def test_lists(text: str, numbers: tuple[int, ...]) -> None:
    assert cpus.parse_cpu_list(text) == numbers


def test_this_machine() -> None:
    assert len(cpus.possible_cpus()) == os.sysconf("SC_NPROCESSORS_CONF")
    assert len(cpus.online_cpus()) == os.sysconf("SC_NPROCESSORS_ONLN")
    assert set(cpus.online_cpus()) <= set(cpus.possible_cpus())


def test_without_sysfs(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr(cpus, "_DIRECTORY", str(tmp_path))
    with pytest.raises(KernelError) as caught:
        cpus.online_cpus()
    assert str(caught.value) == (
        f"cannot read which CPUs are online from {tmp_path}/online (No such file or directory): is /sys mounted? "
        "Per-CPU maps need it"
    )
