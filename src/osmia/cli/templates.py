"""What `osmia new` makes a project of: a row for each kind of program, and one for each thing that they attach to."""

from __future__ import annotations

import os
import string

from osmia.cli.errors import UsageError
from osmia.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia.kinds import Kind

FILES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "project")
LONGEST_INTERFACE = 15  # IFNAMSIZ, without the NUL
LINE = 88  # what formatters take for a line unless they are told
PORTS = range(1, 1 << 16)
EXEC = "sched_process_exec"


@record
class Target:
    """What programs are attached to, as the command line says it, or a terminal is asked for it."""

    argument: str
    """Which of the command line's arguments."""
    option: str
    """That argument as it is written: `-i IFACE`."""
    what: str
    """What is asked for."""
    check: Callable[[str, str], str]
    """What stands for it in Python, of the text that was given; the other argument is what to call it in an error."""
    example: str
    default: str = ""
    """What it is unless somebody says; empty where that must be said."""
    asked: bool = True
    """Whether a terminal is asked for it."""


@record
class Template:
    """What a project's files are made of."""

    program: str
    """The file in `project/` that the program is made of."""
    test: str
    """The one that its test is made of."""
    summary: str
    """What it does: a sentence, in which `$hook` is what it is attached to."""
    words: dict[str, str]
    """What stands for the other words of both files. These may have words in them too."""
    hook: str = ""
    """What it is attached to unless somebody says, where its decorator names that."""
    other_words: dict[str, str] | None = None
    """Words that are others where it is attached to another hook."""
    needs_root: bool = True
    """Whether its test needs the kernel; what it takes otherwise is the user-space runtime."""


IN_KERNEL = {
    "tests": "sudo .venv/bin/python -m pytest",
    "need": "Both load programs into the kernel, hence `sudo`.",
}
WITHOUT_ROOT = {
    "tests": ".venv/bin/python -m pytest",
    "need": (
        "The first loads a program into the kernel,\nhence `sudo`; the second runs it without a kernel. "
        "With `sudo` and `--osmia=both`, the tests run in the kernel too."
    ),
}
"""What a project's README says of its tests."""


def files_of(template: Template, hook: str, said: dict[str, str]) -> dict[str, str]:
    """The files of a project by their names. `said` are the words that do not depend on the kind."""
    category, _, event = hook.rpartition("/")
    own = {"summary": template.summary} | (IN_KERNEL if template.needs_root else WITHOUT_ROOT) | template.words
    if template.other_words and hook != template.hook:
        own |= template.other_words
    words = said | {"hook": hook, "category": category, "event": event}
    words |= {word: string.Template(text).substitute(words) for word, text in own.items()}
    module = words["module"]
    made_of = {
        f"{module}.py": f"{template.program}.py",
        f"test_{module}.py": f"{template.test}.py",
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
    }
    return {name: _filled(source, words) for name, source in made_of.items()}


def target_of(kind: Kind, template: Template) -> Target:
    """What a kind's programs are attached to. What differs by kind is filled in."""
    target = TARGETS[kind.attach]
    if kind.attach != "hook":
        return target
    check = _tracepoint if "/" in template.hook else _function
    return Target(target.argument, target.option, target.what, check, template.hook, default=template.hook)


def argument_of(target: Target) -> str:
    """What a README says of the program's argument; empty where it takes none."""
    if target.argument == "attach":
        return ""
    return f"It takes {target.what} as an argument, such as `{target.example}`.\n"


def _filled(source: str, words: dict[str, str]) -> str:
    with open(os.path.join(FILES, f"{source}.txt"), encoding="utf-8") as file:
        return string.Template(file.read()).substitute(words)


def _interface(given: str, what: str) -> str:
    if not 0 < len(given) <= LONGEST_INTERFACE or given in {".", ".."} or "/" in given or not _is_plain(given):
        raise UsageError(f"{what}: {given!r} is no name of an interface, such as eth0")
    return _literal(given)


def _cgroup(given: str, what: str) -> str:
    if not given.startswith("/") or not given.isprintable():
        raise UsageError(f"{what}: {given!r} is no path of a cgroup from / on, such as /sys/fs/cgroup/user.slice")
    return _literal(given)


def _netns(given: str, what: str) -> str:
    path = given if "/" in given else f"/run/netns/{given}"
    if not path.startswith("/") or not _is_plain(path):
        raise UsageError(f"{what}: {given!r} is no name of a network namespace, and no path of one from / on")
    return _literal(path)


def _port(given: str, what: str) -> str:
    if not (given.isascii() and given.isdecimal() and len(given) <= 5 and int(given) in PORTS):
        raise UsageError(f"{what}: {given!r} is no port: 1 to {PORTS[-1]}")
    return str(int(given))


def _tracepoint(given: str, what: str) -> str:
    category, slash, event = given.partition("/")
    if not (slash and _is_symbol(category) and _is_symbol(event)):
        raise UsageError(f"{what}: {given!r} is no tracepoint, which is CATEGORY/NAME, such as sched/{EXEC}")
    return given


def _function(given: str, what: str) -> str:
    if not _is_symbol(given):
        raise UsageError(f"{what}: {given!r} is no name of what the kernel has there: a letter, letters, digits and _")
    return given


def _is_symbol(text: str) -> bool:
    return text.isascii() and text.isidentifier()


def _is_plain(text: str) -> bool:
    return text.isprintable() and not any(character.isspace() for character in text)


def _literal(text: str) -> str:
    """A text in Python, as a formatter would have it."""
    if '"' in text or "\\" in text:
        return repr(text)
    return f'"{text}"'


TARGETS = {
    "interface": Target("interface", "-i IFACE", "the interface to attach to", _interface, "eth0", default="lo"),
    "cgroup": Target("cgroup", "--cgroup PATH", "the cgroup to attach to", _cgroup, "/sys/fs/cgroup/user.slice"),
    "network namespace": Target(
        *("netns", "--netns NETNS", "the network namespace to attach to", _netns, "/run/netns/blue"),
        default="/proc/self/ns/net",
        asked=False,
    ),
    "socket": Target("port", "--port PORT", "the port to serve", _port, "7001", default="7000", asked=False),
    # Its sockets are those of a cgroup.
    "map of sockets": Target(
        "cgroup", "--cgroup PATH", "the cgroup whose sockets it is for", _cgroup, "/sys/fs/cgroup/user.slice"
    ),
    "hook": Target("attach", "--attach HOOK", "what to attach to", _function, ""),
}
"""By what kinds are attached to (`Kind.attach`)."""


def _from_osmia(*names: str) -> str:
    """An import as a formatter would have it."""
    line = f"from osmia import {', '.join(names)}"
    if len(line) <= LINE:
        return line
    return "from osmia import (\n" + "".join(f"    {name},\n" for name in names) + ")"


def _tracing(context: str, decorator: str, hook: str, returns: str = "None", result: str = "") -> Template:
    """A program that counts what comes to a hook."""
    names = ("Chars", "HashMap", context, "chars", *sorted((decorator.partition("(")[0], "struct")), "u64")
    return Template(
        *("tracing", "test_tracing", "Count $hook by the name of the process that runs."),
        {
            "imports": _from_osmia(*names),
            "context": context,
            "decorator": decorator,
            "returns": returns,
            "result": result,
            "names": "Command, count, times",
            "errors": "NotSupportedError, PermissionDeniedError, chars",
            "check": '    assert times[Command(name=chars(16, "true"))] > 0',
        },
        hook=hook,
        other_words={
            "names": "count, times",
            "errors": "NotSupportedError, PermissionDeniedError",
            "check": (
                "    if not times:  # let a process do what comes to $event\n"
                '        pytest.skip("nothing has come to $event")'
            ),
        },
    )


def _sockets(context: str, decorator: str, size: str, does: str) -> Template:
    """A program for connections that a second one puts into a map of sockets."""
    names = (*("PerCpuCounter", "SkAction"), *sorted((context, "SockHash", "SockOpsContext")))
    return Template(
        *("sockets", "test_cgroup", f"Count the bytes that the TCP connections of a cgroup's processes {does}."),
        {
            "imports": _from_osmia(*names, decorator.partition("(")[0], "sock_ops", "u64"),
            "context": context,
            "decorator": decorator,
            "size": size,
            "does": f"{does}s",
            "names": "connections, count, gather, octets",
            "attach": "    gather.load()\n    with count.attach(connections), gather.attach(cgroup):",
            "check": '    assert octets.value == len(b"hello")',
        },
    )


TEMPLATES = {
    "xdp": Template(
        *("xdp", "test_xdp", "Count the packets that an interface receives, on each CPU.", {}), needs_root=False
    ),
    "tracepoint": _tracing("TracepointContext", 'tracepoint("$category", "$event")', f"sched/{EXEC}"),
    "raw_tracepoint": _tracing("RawTracepointContext", 'raw_tracepoint("$hook")', EXEC),
    "tp_btf": _tracing("TpBtfContext", 'tp_btf("$hook")', EXEC),
    "lsm": _tracing(
        *("LsmContext", 'lsm("$hook", on_error=0)', "file_open", "int"),
        "\n    return 0  # it may happen; -1 would be EPERM",
    ),
    "tc": Template(
        *("tc", "test_tc", "Count packets and bytes by the IPv4 address that sends them to an interface.", {}),
        needs_root=False,
    ),
    "cgroup_skb": Template(
        *("cgroup_skb", "test_cgroup_skb", "Count the bytes that the processes of a cgroup receive and send.", {}),
        needs_root=False,
    ),
    "cgroup_sock": Template(
        *("cgroup_sock", "test_cgroup", "Count the sockets that the processes of a cgroup make, by their kinds."),
        {
            "names": "Kind, count, made",
            "attach": "    with count.attach(cgroup):",
            "check": "    assert made[Kind(family=2, type=1)] == 2  # AF_INET, SOCK_STREAM",
        },
    ),
    "sk_msg": _sockets("SkMsgContext", "sk_msg", "size", "send"),
    "sk_skb": _sockets("SkSkbContext", 'sk_skb("stream_verdict")', "len", "receive"),
    "sock_ops": Template(
        *("sock_ops", "test_cgroup", "Count the TCP connections that the processes of a cgroup make and take."),
        {
            "names": "count, made, taken",
            "attach": "    with count.attach(cgroup):",
            "check": "    assert (made.value, taken.value) == (1, 1)",
        },
    ),
    "sk_lookup": Template(
        "sk_lookup", "test_sk_lookup", "Count new connections and packets by the port that they are for.", {}
    ),
    "sk_reuseport": Template(
        "sk_reuseport", "test_sk_reuseport", "Share a UDP port among workers, and count what each is given.", {}
    ),
}
"""By the name of the kind's decorator (`Kind.module`)."""
