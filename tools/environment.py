"""Make the Python environment that `./osmia` compiles and tests in, and print where it is.

`environment.py CHECKOUT TIER INPUTS`: TIER is compile or test; INPUTS is a line that changes when the environment has
to be made anew. The environment is `.venv` of the checkout, or one in the user's cache directory where the checkout is
not the user's to write or has a `.venv` of somebody else's making. Needs the standard library only.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parent))
from debian_packages import PackagesError, cache_directory, unpack
from package_index import PackageIndexError, fetch_pip  # `python -I` leaves this directory out

if TYPE_CHECKING:
    from collections.abc import Iterator

EXTRAS = {"compile": "compile", "test": "compile,test"}
UNFINISHED = "unfinished\n"
WITHOUT = "What needs no set-up works without: ./osmia run counter -i lo"


def note(text: str) -> None:
    """One line about what is being done."""
    print(f"osmia: {text}", file=sys.stderr, flush=True)


def fail(problem: str, *more: str) -> NoReturn:
    """Say what went wrong and how to go on, and end."""
    note(problem)
    for line in more:
        print(f"  {line}", file=sys.stderr)
    raise SystemExit(1)


def become_invoking_user(checkout: Path) -> None:
    """Under sudo, go on as the user who called it, so that no file of root's is left behind.

    Stays root where that user cannot even read the checkout (a root shell in root's own files).
    """
    user = int(os.environ.get("SUDO_UID", "0"))
    if os.geteuid() != 0 or user == 0:
        return
    import pwd

    group = int(os.environ.get("SUDO_GID", "0"))
    try:
        entry = pwd.getpwuid(user)
    except KeyError:
        fail(f"sudo was called by user {user}, whom this system does not know", "call ./osmia as that user, or as root")
    os.setegid(group)
    os.seteuid(user)
    readable = os.access(checkout / "pyproject.toml", os.R_OK, effective_ids=True)
    os.seteuid(0)
    os.setegid(0)
    if not readable:
        return
    os.initgroups(entry.pw_name, group)
    os.setgid(group)
    os.setuid(user)
    os.environ.update(HOME=entry.pw_dir, USER=entry.pw_name, LOGNAME=entry.pw_name)
    os.environ.pop("XDG_CACHE_HOME", None)


def cached_location(checkout: Path) -> Path:
    """Where the environment of this checkout is when it cannot be in the checkout."""
    name = hashlib.sha256(bytes(checkout)).hexdigest()[:16]
    try:
        return cache_directory() / "environments" / name
    except PackagesError as error:
        fail(f"set-up failed: {error}", "set HOME, or XDG_CACHE_HOME, to a directory that is this user's to write")


def is_ours(location: Path) -> bool:
    """Whether an environment may be made at `location`: nothing is there, or what an earlier set-up left."""
    return not location.exists() or (location / "osmia-stamp").exists() or not any(location.iterdir())


def choose_location(checkout: Path) -> Path:
    """`.venv` of the checkout where that is this user's to write, else a directory in the user's caches."""
    location = checkout / ".venv"
    if not os.access(checkout, os.W_OK) or checkout.stat().st_uid != os.geteuid():
        return cached_location(checkout)
    if is_ours(location):
        return location
    cached = cached_location(checkout)
    note(f"{location} was not made by ./osmia and is left alone; using {cached}")
    return cached


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep a second set-up out until this one is done. The lock is on the directory itself: it leaves no file."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note("waiting for another set-up of this checkout to end")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def made_with(location: Path) -> tuple[str, str, str]:
    """The tier, Python version and inputs that the environment at `location` was made for; empty where unfinished."""
    try:
        lines = (location / "osmia-stamp").read_text().splitlines()
    except FileNotFoundError:
        return "", "", ""
    return (lines[0], lines[1], lines[2]) if len(lines) == 3 else ("", "", "")


def version_of(python: Path) -> str:
    """The `3.11` of a Python that runs, else nothing."""
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        return subprocess.run(
            [python, "-I", "-S", "-c", program], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def run(*command: str | Path, directory: Path, quiet: bool = False) -> None:
    """Run an installer, its messages on stderr (only errors with `quiet`); a failure of its own ends the set-up."""
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    environment |= {"PIP_USER": "0", "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    status = subprocess.run(
        command, cwd=directory, env=environment, stdout=subprocess.DEVNULL if quiet else sys.stderr, check=False
    ).returncode
    if status != 0:
        fail(
            f"set-up failed: `{' '.join(map(str, command))}` ended with {status}; its own messages are above",
            "It needs a package index: the network, or one that PIP_INDEX_URL or pip.conf names.",
            WITHOUT,
        )


def pip_wheel(directory: Path) -> Path:
    """Pip's wheel, into `directory`: from the package index that the user has set, else from a Debian package."""
    try:
        return fetch_pip(directory, os.environ)
    except PackageIndexError as error:
        reasons = [str(error)]
    try:
        for wheel in unpack("python3-pip-whl", dependencies=False).glob("usr/share/python-wheels/pip-*.whl"):
            return wheel
        reasons.append("Debian's package python3-pip-whl holds no wheel of pip")
    except PackagesError as error:
        reasons.append(str(error))
    fail(
        "set-up failed: this Python brings no pip, and pip could not be fetched",
        *reasons,
        "Debian, Ubuntu: `apt install python3-venv` brings it. Or install uv, or name an index in PIP_INDEX_URL.",
        WITHOUT,
    )


def provide_pip(python: Path, checkout: Path) -> None:
    """Bring pip into an environment that has none."""

    def has(module: str) -> bool:
        probe = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
        return subprocess.run([python, "-I", "-c", probe], check=False).returncode == 0

    if has("pip"):
        return
    if has("ensurepip"):
        run(python, "-I", "-m", "ensurepip", directory=checkout, quiet=True)
        return
    note("this Python brings no pip (python3-venv is not installed): fetching it")
    with tempfile.TemporaryDirectory() as directory:
        wheel = pip_wheel(Path(directory))
        run(python, wheel / "pip", "install", "--quiet", "--no-index", wheel, directory=checkout)


def make(location: Path, checkout: Path, tier: str) -> str:
    """Make or complete the environment; gives the version of its Python."""
    python = location / "bin" / "python"
    stamp = location / "osmia-stamp"
    version = made_with(location)[1]
    if not version or version_of(python) != version:
        if location.exists():
            shutil.rmtree(location)
        note(f"setting up {location} (once)")
        location.mkdir()
        stamp.write_text(UNFINISHED)
        run(sys.executable, "-I", "-m", "venv", "--without-pip", location, directory=checkout)
        version = version_of(python)
    else:
        note(f"bringing {location} up to date")
        stamp.write_text(UNFINISHED)
    what = f"{checkout}[{EXTRAS[tier]}]"
    if shutil.which("uv"):
        run("uv", "pip", "install", "--quiet", "--python", python, "--editable", what, directory=checkout)
    else:
        provide_pip(python, checkout)
        run(python, "-m", "pip", "install", "--quiet", "--editable", what, directory=checkout)
    return version


def provide(checkout: Path, tier: str, inputs: str) -> Path:
    """The environment of a checkout, made where it is not there yet."""
    location = choose_location(checkout)
    location.parent.mkdir(parents=True, exist_ok=True)
    with locked(location.parent):
        made_tier, version, made_inputs = made_with(location)
        right = made_inputs == inputs and made_tier in {tier, "test"}
        if right and version_of(location / "bin" / "python") == version:
            return location
        version = make(location, checkout, tier)
        finished = location / "osmia-stamp.new"
        finished.write_text(f"{tier}\n{version}\n{inputs}\n")
        finished.replace(location / "osmia-stamp")
    return location


def main() -> None:
    """Print where the environment is; notes and failures go to stderr."""
    checkout, tier, inputs = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    become_invoking_user(checkout)
    try:
        print(provide(checkout, tier, inputs))
    except OSError as error:
        fail(
            f"set-up failed: {error}", "The checkout or the user's cache directory (XDG_CACHE_HOME) has to be writable."
        )
    except KeyboardInterrupt:
        fail("set-up interrupted; the next call starts it again")


if __name__ == "__main__":
    main()
