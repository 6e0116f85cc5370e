"""Fetch Debian packages from this machine's own mirror and unpack them privately: nothing is installed.

apt runs with a configuration, package lists and a download directory of its own under the user's cache directory, so
this needs no root and leaves the system's package lists alone.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
INSTALLED = Path("/var/lib/dpkg/status")


class PackagesError(Exception):
    """Packages cannot be had here; the text says why."""


class Sources(NamedTuple):
    """Where this machine takes its Debian packages from."""

    release: str  # bookworm
    mirror: str  # the address that serves the release itself
    lines: tuple[str, ...]  # "ADDRESS SUITE COMPONENT" of the release, its updates and its security fixes


def cache_directory() -> Path:
    """Where osmia keeps things under the user's caches; PackagesError where this user has none, for want of a home."""
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - works without a home too
    if not Path(caches).is_absolute():
        raise PackagesError(f"there is no cache directory: {caches} is no absolute path")
    return Path(caches) / "osmia"


def command(*arguments: str | Path, environment: dict[str, str] | None = None) -> str:
    """Run a program and give what it prints; PackagesError with its messages where it fails."""
    try:
        done = subprocess.run(
            arguments,
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})},
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError as error:
        raise PackagesError(f"there is no {arguments[0]} on this machine") from error
    except subprocess.CalledProcessError as error:
        raise PackagesError(f"`{' '.join(map(str, arguments))}` failed: {error.stderr.strip()}") from error
    return done.stdout


def host_sources() -> Sources:
    """What apt on this machine is set up with; PackagesError where it is no Debian or names no mirror."""
    lines = Path("/etc/os-release").read_text().splitlines()
    about = dict(line.replace('"', "").partition("=")[::2] for line in lines)
    if about.get("ID") != "debian":
        raise PackagesError(f"this machine is {about.get('PRETTY_NAME', 'no Debian')}, not Debian")
    release = about["VERSION_CODENAME"]
    targets = command(
        "apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"
    )
    found = [line.split() for line in targets.splitlines()]
    ours = [(address, suite, part) for address, suite, part in found if suite.partition("-")[0] in {release, "stable"}]
    mirrors = [address for address, suite, part in ours if suite in {release, "stable"} and part == "main"]
    if not mirrors:
        raise PackagesError(f"apt's sources name no mirror with {release} main")
    return Sources(release, mirrors[0], tuple(map(" ".join, ours)))


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other processes out of a directory."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def private_apt(directory: Path, lines: tuple[str, ...]) -> dict[str, str]:
    """Write an apt configuration that keeps to `directory`, fetch its lists, and give the environment that selects it.

    What the machine's configuration says about fetching (proxies, checks) holds; its hooks do not.
    """
    for part in ("state/lists/partial", "archives/partial", "none"):
        (directory / part).mkdir(parents=True, exist_ok=True)
    signed = f" [signed-by={KEYRING}]" if KEYRING.exists() else ""
    sources = directory / "sources.list"
    sources.write_text("".join(f"deb{signed} {line}\n" for line in lines))
    fetching = [line for line in command("apt-config", "dump").splitlines() if line.startswith("Acquire::")]
    own = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": directory / "none",
        "Dir::Etc::parts": directory / "none",
        "Dir::Etc::main": "/dev/null",
        "Dir::State": directory / "state",
        "Dir::State::status": INSTALLED,
        "Dir::Cache": directory,
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "Debug::NoLocking": "true",
        "APT::Sandbox::User": "",
        "Acquire::Retries": "3",
    }
    configuration = directory / "apt.conf"
    configuration.write_text("\n".join([*fetching, *(f'{name} "{value}";' for name, value in own.items())]) + "\n")
    environment = {"APT_CONFIG": str(configuration)}
    command("apt-get", "--quiet", "update", environment=environment)
    return environment


def _of_suite(sources: Sources, suite: str) -> tuple[str, ...]:
    """Apt's lines for a suite other than this machine's own, or for its own where it is empty."""
    return (f"{sources.mirror} {suite} main",) if suite else sources.lines


def package_names(suite: str, prefix: str) -> list[str]:
    """The packages of a Debian suite (`trixie-backports`) whose names start with `prefix`, as they are there now."""
    sources = host_sources()
    base = cache_directory() / "packages" / suite
    base.mkdir(parents=True, exist_ok=True)
    with locked(base):
        environment = private_apt(base, _of_suite(sources, suite))
        return command("apt-cache", "pkgnames", prefix, environment=environment).split()


def cached(suite: str, prefix: str) -> Path | None:
    """What an earlier `unpack` left of a package whose name starts with `prefix`; the newest, if there are several."""
    found = (cache_directory() / "packages" / suite).glob(f"{prefix}*")
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def unpack(*packages: str, suite: str = "", dependencies: bool = True) -> Path:
    """The directory that holds the unpacked packages, fetched where an earlier call has not left it.

    With `dependencies`, what they need and this machine has not installed comes along (right for programs that are to
    run here). `suite` is another release than this machine's, and then takes `dependencies=False`.
    """
    sources = host_sources()
    base = cache_directory() / "packages" / (suite or sources.release)
    finished = base / "+".join(packages)
    base.mkdir(parents=True, exist_ok=True)
    with locked(base):
        if finished.exists():
            return finished
        environment = private_apt(base, _of_suite(sources, suite))
        downloads = base / "archives"
        unfinished = base / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            if dependencies:
                options = ("--quiet", "--yes", "--no-install-recommends", "--download-only")
                command("apt-get", *options, "install", *packages, environment=environment)
            else:
                command(
                    "env", "--chdir", downloads, "apt-get", "--quiet", "download", *packages, environment=environment
                )
            archives = sorted(downloads.glob("*.deb"))
            if not archives:
                raise PackagesError(f"apt fetched nothing for {' '.join(packages)}: installed here already")
            for archive in archives:
                command("dpkg-deb", "--extract", archive, unfinished)
            unfinished.rename(finished)
        finally:
            shutil.rmtree(downloads)
    return finished


def library_path(unpacked: Path) -> str:
    """LD_LIBRARY_PATH for programs of unpacked packages: each directory in them that holds a shared library."""
    return os.pathsep.join(sorted({str(library.parent) for library in unpacked.rglob("lib*.so*")}))
