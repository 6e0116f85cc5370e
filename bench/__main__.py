"""`python -m bench [NAME ...] [--rounds N] [--json]`: run benchmarks and print the figures."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

# The checkout's osmia, whatever is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from bench import code, events, maps, programs, runtime, start
from bench.report import as_json, as_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.report import Table

BENCHMARKS: dict[str, Callable[[int], list[Table]]] = {
    "code": lambda rounds: [code.measure(rounds)],
    "events": events.measure,
    "maps": maps.measure,
    "programs": lambda rounds: [programs.measure(rounds)],
    "runtime": runtime.measure,
    "start": lambda rounds: [start.measure(rounds)],
}
ROUNDS = {
    "code": code.ROUNDS,
    "events": events.ROUNDS,
    "maps": maps.ROUNDS,
    "programs": programs.ROUNDS,
    "runtime": runtime.ROUNDS,
    "start": start.ROUNDS,
}


def main() -> int:
    """Run what the command line names, everything unless it names some."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="osmia beside its peers, in one run, as root")
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], metavar="NAME", help=" or ".join(BENCHMARKS))
    parser.add_argument("--rounds", type=int, help="how often each is measured")
    parser.add_argument("--json", action="store_true", help="JSON in place of tables")
    arguments = parser.parse_args()
    names = list(dict.fromkeys(arguments.names or BENCHMARKS))
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error("--rounds is 1 or more")
    tables = [table for name in names for table in BENCHMARKS[name](arguments.rounds or ROUNDS[name])]
    sys.stdout.write(as_json(tables) if arguments.json else as_text(tables))
    return 0


if __name__ == "__main__":
    sys.exit(main())
