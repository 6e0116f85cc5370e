"""What a command line may be, and what is said of one that is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import osmia
from command_line import run
from osmia.cli.main import COMMANDS, HELP

if TYPE_CHECKING:
    from pathlib import Path

OWN_MAIN = 'from osmia import xdp\nif __name__ == "__main__":\n    print("ran")\n'


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("rum", "osmia: there is no command 'rum'; did you mean 'run'?"),
        ("xyzzy", "osmia: there is no command 'xyzzy'; there are new, run, build, check, objdump, trace, test, setup"),
        ("--versoin", "osmia: there is no option --versoin"),
        ("run", "osmia run: the following arguments are required: WHAT"),
        (
            "run countr -i lo",
            (
                "osmia run: no program 'countr' ships with osmia, and there is no such file; did you mean 'counter'? "
                "Files are FILE.py or FILE.o"
            ),
        ),
        (
            "run zebra -i lo",
            (
                "osmia run: no program 'zebra' ships with osmia, and there is no such file; there are: counter. "
                "Files are FILE.py or FILE.o"
            ),
        ),
        (
            "run counter",
            "osmia run: counter: -i IFACE is missing: the interface to attach to, such as -i lo",
        ),
        ("run counter -i", "osmia run: argument -i/--iface: expected one argument"),
        ("run counter -i lo 1 2 3", "osmia run: unrecognized arguments: 3"),
        ("run counter -i lo --ifac x", "osmia run: there is no option --ifac; did you mean --iface?"),
        ("run --helpp", "osmia run: there is no option --helpp; did you mean --help?"),
        ("run -z counter", "osmia run: there is no option -z"),
        ("build --emti ir", "osmia build: there is no option --emti; did you mean --emit?"),
        ("run counter -i lo -- x", "osmia run: -- is for files; counter ships with osmia"),
        (
            "run counter -i lo --program x",
            "osmia run: --program is for files; counter ships with osmia",
        ),
        *(
            (
                f"run counter -i lo {option} x",
                f"osmia run: {option} is for files; counter ships with osmia",
            )
            for option in ("--cgroup", "--netns")
        ),
        *(
            (
                f"run counter -i lo {seconds}",
                f"osmia run: argument interval: '{seconds}' is no number of seconds (0.001 to 86400, such as 1 or 0.5)",
            )
            for seconds in ("0", "-1", "nan", "inf", "soon", "1_0", "1e-9")
        ),
        *(
            (
                f"run counter -i lo 1 {count}",
                f"osmia run: argument count: '{count}' is no number of reports (at least 1)",
            )
            for count in ("0", "-3", "1.5", "many", "9" * 5000)
        ),
        ("run plain.py -i lo -- x", "osmia run: plain.py has no main of its own that takes the arguments after --"),
        (
            "run plain.py -i lo -f csv",
            "osmia run: the maps of a file are printed as text or json, not as csv",
        ),
        *(
            (
                f"run own.py {option}",
                f"osmia run: own.py has a main of its own, which {name} does not reach: its arguments stand after --",
            )
            for option, name in (
                ("3", "interval"),
                ("--mode skb", "--mode"),
                ("-f json", "-f"),
                ("-o x", "-o"),
                ("-T", "-T"),
                ("--program x", "--program"),
                ("--cgroup x", "--cgroup"),
                ("--netns x", "--netns"),
            )
        ),
        ("run counter -i lo -s PORT=1", "osmia run: -s is for files; counter ships with osmia"),
        ("run counter -i lo --log-level off", "osmia run: --log-level is for files; counter ships with osmia"),
        (
            "run plain.py -i lo --log-level loud",
            "osmia run: argument --log-level: LEVEL is one of trace, debug, info, warn, error, warning, off, "
            "or a number from 0 to 255, not 'loud'",
        ),
        *(
            (
                f"run plain.py -i lo -s {word}",
                f"osmia run: argument -s/--setting: '{word}' is no setting: it is written NAME=VALUE, such as PORT=443",
            )
            for word in ("PORT", "=1", "a-b=1")
        ),
        (
            "run plain.py -i lo -s A=1 -s A=2",
            "osmia run: the setting A is given twice: as 1 and as 2",
        ),
        ("build", "osmia build: the following arguments are required: FILE.py"),
        ("build x.c", "osmia build: x.c is no FILE.py: build compiles Python source"),
        ("build plain.py -o plain.py", "osmia build: -o plain.py is the source itself"),
        (
            "build plain.py --kernel 4.19",
            "osmia build: argument --kernel: osmia's programs need kernel 5.10 or newer, not 4.19",
        ),
        (
            "build plain.py --kernel new",
            "osmia build: argument --kernel: 'new' is no version of a kernel, such as 5.10",
        ),
        (
            "build plain.py --cpu v4 --kernel 6.1",
            "osmia build: --cpu v4 needs --kernel 6.6 or newer: no older one knows its instructions",
        ),
    ],
)
def test_usage_errors(tmp_path: Path, words: str, text: str) -> None:
    (tmp_path / "own.py").write_text(OWN_MAIN)
    (tmp_path / "plain.py").write_text("import osmia\n")
    command = text.partition(":")[0]
    assert run(*words.split(), cwd=tmp_path) == (2, "", f"{text}\n  see {command} --help\n")


def test_what_is_in_the_repository() -> None:
    assert run("test", "-k", "counter") == (
        1,
        "",
        "osmia test: the tests are not installed with osmia, but in its repository: run ./osmia test there\n",
    )
    assert run("setup") == (
        1,
        "",
        "osmia setup: the set-up is not installed with osmia, but in its repository: run ./osmia setup there\n",
    )


def test_help_and_version() -> None:
    assert run("--version") == (0, f"osmia {osmia.__version__}\n", "")
    assert run("--help") == run("-h") == (0, HELP, "")
    assert run() == (2, "", HELP)
    assert all(f"  {name}  " in HELP for name in COMMANDS)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("new", "NAME --type --iface exit"),
        ("run", "WHAT counter --mode exit"),
        ("build", "--emit"),
        ("check", "--format --kernel advice"),
        ("objdump", "--section"),
        ("trace", "--packet HEX --pcap FILE --count --program"),
    ],
)
def test_every_command_has_a_help(command: str, words: str) -> None:
    code, out, err = run(command, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: osmia {command} ")
    assert all(word in out for word in words.split())
