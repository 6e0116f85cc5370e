"""The programs of a file, each attached to what its kind says; for those that cannot be, what to write in Python."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack, contextmanager

from osmia.cli.errors import UsageError
from osmia.cli.interface import check_attached, name_or_index
from osmia.cli.options import MODES
from osmia.cli.output import note
from osmia.errors import KernelError, ObjectError
from osmia.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator
    from typing import Any

    from osmia.links import Link
    from osmia.programs.loaded import Loaded

    Programs = list[Any]

NAMED_NAMESPACES = "/run/netns"


@record
class Way:
    """A way to attach programs."""

    what: str
    """What they are attached to."""
    attach: Callable[[Any, Namespace], Link]
    """Attach a program as the command line says."""
    where: Callable[[Any, Any, Namespace], str]
    """Where a program is that was attached by a link, for people: `lo (generic)`."""
    facts: Callable[[Any, Namespace], dict[str, object]]
    """The same of a link for programs: {"interface": "lo", "mode": "generic"}."""
    check: Callable[[Any], None]
    """Raise KernelError if a link has ended."""
    argument: str = ""
    """Which of the command line's arguments is for them; empty for none."""
    option: str = ""
    """That argument as it is written: `-i IFACE`."""
    example: str = ""
    """What it may be, where it must be given: `-i lo`."""


@record
class Attached:
    """A program that is attached, for as long as the command runs."""

    program: Any
    link: Any
    facts: dict[str, object]
    """Where, as JSON has it."""

    def check(self) -> None:
        """Raise KernelError if it is not attached any more."""
        WAYS[_attached_to(self.program)].check(self.link)


def chosen(loaded: Loaded, arguments: Namespace) -> Programs:
    """The programs to attach, by name or all that a command can attach. What it cannot is noted, with what to write.

    UsageError where the command line does not fit them, ObjectError where there is nothing to attach.
    """
    path = arguments.what
    named = _named(loaded, path, arguments.program)
    programs = [each for each in named if _attached_to(each) in WAYS]
    left = [each for each in named if _attached_to(each) not in WAYS]
    if not programs:
        raise ObjectError(
            f"{path}: no command can attach its programs, since only Python code has what they take"
            f"{_by_hand(left, path)}"
        )
    _check_options(programs, arguments)
    if left and not arguments.quiet:
        note(f"not attached, since only Python code has what they take{_by_hand(left, path)}")
    return programs


@contextmanager
def attached(programs: Programs, arguments: Namespace) -> Iterator[tuple[Attached, ...]]:
    """Attach programs while a `with` block runs, and say of each where it is."""
    with ExitStack() as links:
        yield tuple([_attach(each, arguments, links) for each in programs])


def _attach(program: Any, arguments: Namespace, links: ExitStack) -> Attached:
    way = WAYS[_attached_to(program)]
    link = links.enter_context(way.attach(program, arguments))
    if not arguments.quiet:
        note(f"attached {program.name} to {way.where(program, link, arguments)}")
    named = {"program": program.name, "section": program.kind.section(program.hook)}
    return Attached(program, link, named | way.facts(link, arguments))


def _attached_to(program: Any) -> str:
    to: str = program.kind.attached_to(program.hook)
    return to


def _named(loaded: Loaded, path: str, names: list[str] | None) -> Programs:
    programs = loaded.programs
    for name in names or ():
        if name not in programs:
            raise UsageError(f"{path} has no program {name!r}; it has {', '.join(programs)}")
    return [each for name, each in programs.items() if not names or name in names]


def _check_options(programs: Programs, arguments: Namespace) -> None:
    """Refuse a command line that lacks what a program needs, or has what is for none."""
    path, there = arguments.what, _listed(programs)
    for to, way in WAYS.items():
        fit = [each for each in programs if _attached_to(each) == to]
        given = way.argument and getattr(arguments, way.argument) is not None
        if fit and way.example and not given:
            raise UsageError(
                f"{path}: {way.option} is missing: {way.what} to attach {_listed(fit)} to, such as {way.example}"
            )
        if given and not fit:
            raise UsageError(f"{path}: {way.option} is for what attaches to {way.what}, which none does of {there}")
    xdp = [each.name for each in programs if each.kind.name == "xdp"]
    if arguments.mode and not xdp:
        raise UsageError(f"{path}: --mode is for xdp programs, and there is none among {there}")
    check_one_xdp(programs, path)


def check_one_xdp(programs: Programs, path: str) -> None:
    """Refuse more XDP programs than an interface takes."""
    xdp = [each.name for each in programs if each.kind.name == "xdp"]
    if len(xdp) > 1:
        raise UsageError(
            f"{path} has {len(xdp)} xdp programs, and an interface takes one: say which programs to attach, "
            f"--program NAME. Those are {', '.join(xdp)}"
        )


def _listed(programs: Programs) -> str:
    """Programs with their sections: `watch (xdp), count (tc/ingress)`."""
    return ", ".join(f"{each.name} ({each.kind.section(each.hook)})" for each in programs)


def _by_hand(programs: Programs, path: str) -> str:
    """A line for each program that a command cannot attach: what to write in Python."""
    from osmia.programs.xdp import ENTRIES

    source = path.endswith(".py")
    lines = [":" if source else f" (`loaded = osmia.load({path!r})`):"]
    for each in programs:
        program = each.name if source else f'loaded["{each.name}"]'
        write, takes = BY_HAND[_attached_to(each)]
        call = write.format(program=program, entry=ENTRIES.get(each.hook, "").format(program=program))
        lines.append(f"  {_listed([each])}: `{call}`, {takes}")
    return "\n".join(lines)


def _to_interface(program: Any, arguments: Namespace) -> Link:
    interface = name_or_index(arguments.interface)
    how = {"mode": MODES[arguments.mode or "auto"]} if program.kind.name == "xdp" else {}
    link: Link = program.attach(interface, **how)
    return link


def _on_interface(program: Any, link: Any, _arguments: Namespace) -> str:
    return f"{link.interface} ({link.mode_name if program.kind.name == 'xdp' else program.hook})"


def _interface_facts(link: Any, _arguments: Namespace) -> dict[str, object]:
    mode = {"mode": link.mode_name} if hasattr(link, "mode_name") else {}
    return {"interface": link.interface} | mode


def _to_cgroup(program: Any, arguments: Namespace) -> Link:
    link: Link = program.attach(arguments.cgroup)
    return link


def _on_cgroup(program: Any, link: Any, _arguments: Namespace) -> str:
    return f"cgroup {link.cgroup}" + (f" ({program.hook})" if program.hook else "")


def _check_cgroup(link: Any) -> None:
    if not link.gone:
        return
    if not os.path.exists(link.cgroup):
        raise KernelError(errno.ENODEV, f"the cgroup {link.cgroup} is gone, and the program with it")
    raise KernelError(errno.ENOLINK, f"somebody else has detached the program from cgroup {link.cgroup}")


def _to_namespace(program: Any, arguments: Namespace) -> Link:
    link: Link = program.attach(_namespace(arguments))
    return link


def _namespace(arguments: Namespace) -> str | None:
    """The path of the network namespace; None for that of the command."""
    given: str | None = arguments.netns
    return given if given is None or "/" in given else f"{NAMED_NAMESPACES}/{given}"


def _in_namespace(_program: Any, _link: Any, arguments: Namespace) -> str:
    path = _namespace(arguments)
    return "this network namespace" if path is None else f"network namespace {path}"


def _check_namespace(link: Any) -> None:
    if link.gone:
        raise KernelError(
            errno.ENOLINK, "somebody else has detached the program from its network namespace, or that is gone"
        )


def _to_hook(program: Any, _arguments: Namespace) -> Link:
    link: Link = program.attach()
    return link


WAYS: dict[str, Way] = {
    "interface": Way(
        "an interface",
        _to_interface,
        _on_interface,
        _interface_facts,
        check_attached,
        *("interface", "-i IFACE", "-i lo"),
    ),
    "cgroup": Way(
        "a cgroup",
        _to_cgroup,
        _on_cgroup,
        lambda link, _: {"cgroup": link.cgroup},
        _check_cgroup,
        *("cgroup", "--cgroup PATH", "--cgroup /sys/fs/cgroup/user.slice"),
    ),
    "network namespace": Way(
        "a network namespace",
        _to_namespace,
        _in_namespace,
        lambda _, arguments: {"netns": _namespace(arguments)},
        _check_namespace,
        *("netns", "--netns NETNS"),
    ),
    "hook": Way(
        "what the file says",
        _to_hook,
        lambda program, _, __: f"{program.kind.name} {program.hook}",
        lambda _, __: {},
        lambda _: None,  # the kernel ends such links in no other way than closing them
    ),
}
"""How programs are attached, by what they are attached to (`Kind.attached_to`)."""

BY_HAND: dict[str, tuple[str, str]] = {
    "map of sockets": ("{program}.attach(sockets)", "a SockMap or a SockHash"),
    "socket": ("{program}.attach(socket)", "a socket that has SO_REUSEPORT set"),
    "map entry": ("{entry}", "an entry of such a map"),
}
"""What a command cannot attach: what to write, and what that takes."""
