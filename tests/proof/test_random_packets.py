"""Ten programs on a million random packets, in the kernel and in the runtime: the same verdicts, packets and maps."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import osmia
from osmia.testing.packets import random_packets

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia import Loaded

ROOT = Path(__file__).parents[2]
FEW, MANY = 200, 100_000
AT_A_TIME = 2000
LARGEST = 1500


class Subject(NamedTuple):
    """A program."""

    file: str
    program: str
    prepare: Callable[[Loaded], None]
    """Fill its maps."""
    compared: tuple[str, ...]
    """The maps and globals that are compared at the end."""


def nothing(_loaded: Loaded) -> None:
    """It begins with empty maps."""


def block(loaded: Loaded) -> None:
    for network in ("10.0.0.0/31", "10.0.0.2/32", "192.168.0.0/16", "0.0.0.0/3"):
        loaded["blocked"][network] = 0


def give_machines(loaded: Loaded) -> None:
    machines = loaded["machines"]
    for slot in range(3):
        machines[slot] = type(machines[slot])(mac=osmia.array(osmia.u8, 6, bytes([2, 0, 0, 0, 0, slot])))
    loaded.globals["count"].value = 3


def set_program(loaded: Loaded) -> None:
    loaded["programs"][0] = loaded["drop_dns"]


SUBJECTS = {
    each.program: each
    for each in (
        Subject("examples/xdp_map_counter.py", "xdp_map_counter", nothing, ()),
        Subject("examples/dns_settings.py", "filter_port", nothing, ("totals",)),
        Subject("examples/drop_dns.py", "entry", set_program, ()),
        Subject("examples/firewall.py", "firewall", block, ("blocked",)),
        Subject("examples/load_balancer.py", "balance", give_machines, ("machines",)),
        Subject("examples/packet_sizes.py", "measure", nothing, ()),
        Subject("examples/port_knocking.py", "knock", nothing, ("states",)),
        Subject("examples/tcp_options.py", "options", nothing, ("seen",)),
        Subject("examples/flows.py", "count", nothing, ()),
        Subject("bench/parser.py", "parse", nothing, ()),
    )
}


def held(loaded: Loaded, name: str) -> Any:
    """What a map or a global holds, as text."""
    if name in loaded.globals:
        return repr(loaded.globals[name].value)
    return sorted((repr(key), repr(value)) for key, value in loaded[name].items())


def compare(subject: Subject, count: int, seed: int) -> None:
    """Run a program on so many packets on both sides."""
    path = ROOT / subject.file
    packets = random_packets(seed, count, smallest=14, largest=LARGEST)
    with (
        osmia.Machine(engine="jit") as machine,
        osmia.load(path) as in_kernel,
        osmia.load(path, engine=machine) as there,
    ):
        for loaded in (in_kernel, there):
            subject.prepare(loaded)
        kernel, vm = (loaded[subject.program].backend for loaded in (in_kernel, there))
        while batch := [*islice(packets, AT_A_TIME)]:
            done = machine.run_packets(vm, batch, keep=True)
            assert done.packets is not None
            for packet, verdict, after in zip(batch, done.verdicts, done.packets, strict=True):
                assert kernel.test_run(packet)[:2] == (verdict, after), packet.hex()
        for name in subject.compared:
            assert held(in_kernel, name) == held(there, name), name


def test_there_are_ten() -> None:
    assert len(SUBJECTS) == 10
    assert len(SUBJECTS) * MANY >= 1_000_000


@pytest.mark.parametrize("name", SUBJECTS)
def test_a_few_hundred(name: str) -> None:
    compare(SUBJECTS[name], FEW, seed=1)


@pytest.mark.full
@pytest.mark.parametrize("name", SUBJECTS)
def test_a_hundred_thousand_each(name: str) -> None:
    compare(SUBJECTS[name], MANY, seed=2)
