"""Try `./osmia` on fresh Debian machines: chroots without Python, with python3-minimal, and with nothing but python3.

`try_bootstrap.py [RELEASE ...]`, as root, with debootstrap; releases are bookworm and trixie unless given. Takes
minutes, and the network. The chroots live in a temporary directory and in a mount namespace of their own, so nothing
is left behind, whatever happens.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from debian_packages import KEYRING, PackagesError, command, host_sources

CHECKOUT = Path(__file__).resolve().parents[1]
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "*_cache", "__pycache__", ".hypothesis", "dist", "build")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
USER = 1000
HOMES = {0: "/root", USER: "/srv/user"}
WARM_SECONDS = 1.0
# What of this machine's environment says how to reach the network.
NETWORK = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PIP_INDEX_URL")


class Outcome(NamedTuple):
    """How a command in a chroot ended."""

    status: int
    output: str
    errors: str
    seconds: float


class Machine:
    """A chroot of one Debian release, and what went wrong in it."""

    def __init__(self, root: Path, release: str) -> None:
        self.root = root
        self.release = release
        self.failures = 0

    def run(self, *arguments: str, user: int = 0, directory: str = "/", offline: bool = False, **more: str) -> Outcome:
        """Run a command in the chroot as a user, with /proc, without network if `offline`."""
        environment = {name: os.environ[name] for name in NETWORK if name in os.environ}
        environment |= {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        environment |= {"HOME": HOMES[user], "DEBIAN_FRONTEND": "noninteractive", **more}
        # In the namespaces: mount /proc and /sys, go into the chroot, become the user, go to the directory.
        inside = (
            f'mount -t proc proc "{self.root}/proc" && mount -t sysfs -o ro sys "{self.root}/sys" && '
            f'exec chroot --userspec={user}:{user} "{self.root}" '
            'sh -c \'cd "$0" && exec "$@"\' "$@"'
        )
        spaces = ["--mount", "--pid", "--fork", "--kill-child", *(["--net"] if offline else [])]
        started = time.monotonic()
        done = subprocess.run(
            ["unshare", *spaces, "sh", "-c", inside, "sh", directory, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr, time.monotonic() - started)

    def must(self, *arguments: str) -> None:
        """Run a command that prepares the machine."""
        done = self.run(*arguments)
        if done.status != 0:
            raise PackagesError(f"{' '.join(arguments)}: {done.errors}")

    def expect(self, what: str, holds: bool, seen: object = "") -> None:
        """Report one thing that has to hold here."""
        print(f"{'ok  ' if holds else 'FAIL'} {self.release}: {what}", flush=True)
        if not holds:
            self.failures += 1
            print(f"     {seen}", flush=True)

    def copy_checkout(self, name: str, user: int) -> str:
        """A copy of this checkout in the machine, of a user's own; gives its path there."""
        inside = f"/srv/{name}"
        copy = self.root / inside[1:]
        shutil.copytree(CHECKOUT, copy, ignore=NOT_COPIED, symlinks=True)
        for path in (copy, *copy.rglob("*")):
            os.chown(path, user, user, follow_symlinks=False)
        return inside

    def owners(self, directory: str) -> set[int]:
        """The users who own files there."""
        return {path.lstat().st_uid for path in (self.root / directory[1:]).rglob("*")}


def make(directory: Path, release: str) -> Machine:
    """A new machine with no Python at all, an ordinary user, and this machine's way to the network."""
    sources = host_sources()
    root = directory / release
    keyring = [f"--keyring={KEYRING}"] if KEYRING.exists() else []
    command("debootstrap", "--variant=minbase", *keyring, release, root, sources.mirror)
    machine = Machine(root, release)
    machine.must("useradd", "--uid", str(USER), "--create-home", "--home-dir", HOMES[USER], "user")
    for file in ("/etc/resolv.conf", "/etc/hosts"):
        shutil.copyfile(file, root / file[1:])
    return machine


def install(machine: Machine, *packages: str) -> None:
    """Install Debian packages in a machine."""
    machine.must("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "update")
    machine.must(
        "apt-get", "-qq", "-o", "APT::Sandbox::User=root", "--no-install-recommends", "-y", "install", *packages
    )


def without_python(machine: Machine) -> None:
    """No Python: a message that says what to install."""
    done = machine.run("./osmia", "--version", directory=machine.copy_checkout("without", USER), user=USER)
    machine.expect("without Python: says what to install", "Found: none" in done.errors, done)
    machine.expect("without Python: exit status 1", done.status == 1, done)


def with_minimal(machine: Machine) -> None:
    """Only python3-minimal: a message that names it."""
    done = machine.run("./osmia", "--version", directory="/srv/without", user=USER)
    machine.expect("python3-minimal: says what is missing", "without ctypes" in done.errors, done)
    machine.expect("python3-minimal: says what to install", "apt install python3" in done.errors, done)
    machine.expect("python3-minimal: exit status 1", done.status == 1, done)


def with_python(machine: Machine, who: str, owner: int, user: int, **environment: str) -> None:
    """Everything that has to work with python3 alone, in a fresh checkout."""
    directory = machine.copy_checkout(who.replace(" ", "-"), owner)
    shutil.rmtree(machine.root / HOMES[0][1:] / ".cache", ignore_errors=True)
    marker = machine.root / "srv/marker"
    marker.touch()

    def osmia(*arguments: str, offline: bool = False, status: int = 0) -> Outcome:
        done = machine.run("./osmia", *arguments, directory=directory, user=user, offline=offline, **environment)
        how = " without network" if offline else ""
        what = f"{who}: ./osmia {' '.join(arguments)}{how}: exit status {status}, {done.seconds:.2f} s"
        machine.expect(what, done.status == status, done)
        return done

    done = osmia("--version", offline=True)
    machine.expect(f"{who}: prints the version", done.output.startswith("osmia "), done)
    osmia("run", "counter", "--help", offline=True)
    done = osmia("build", "--help", offline=True, status=1)
    machine.expect(f"{who}: says how to go on", "works without: ./osmia run counter" in done.errors, done)
    osmia("build", "--help")
    done = osmia("build", "--help", offline=True)
    machine.expect(f"{who}: the second run is quick", done.seconds < WARM_SECONDS, done)
    done = osmia("setup", "compile")
    place = f"{directory}/.venv" if owner == int(environment.get("SUDO_UID", user)) else f"{HOMES[0]}/.cache/osmia/"
    machine.expect(f"{who}: the environment is {done.output.strip()}", done.output.startswith(place), done)
    done = machine.run(f"{done.output.strip()}/bin/python", "-c", "import llvmlite.binding", user=user)
    machine.expect(f"{who}: it has llvmlite", done.status == 0, done)
    machine.expect(f"{who}: the checkout is its owner's still", machine.owners(directory) == {owner})
    skipped = ["(", "-path", directory, "-o", "-path", f"{HOMES[USER]}/.cache", "-o", "-path", f"{HOMES[0]}/.cache"]
    skipped += ["-o", "-path", "/proc", "-o", "-path", "/tmp/*", ")", "-prune", "-o"]
    changed = machine.run("find", "/", "-xdev", *skipped, "-newer", "/srv/marker", "-not", "-type", "d", "-print")
    machine.expect(f"{who}: nothing changed outside", changed.output == "", changed)


def with_sudo(machine: Machine) -> None:
    """A user who may use sudo without a password: set-up is the user's, the last step root's."""
    install(machine, "sudo")
    rule = machine.root / "etc/sudoers.d/user"
    rule.write_text("user ALL=(ALL:ALL) NOPASSWD: ALL\n")
    rule.chmod(0o440)
    directory = machine.copy_checkout("with-sudo", USER)
    done = machine.run("./osmia", "run", "counter", "-i", "nosuch0", directory=directory, user=USER)
    machine.expect("sudo: run is raised", "going on with sudo\n" in done.errors, done)
    machine.expect("sudo: and then ends as the command does", done.status == 1 and "nosuch0" in done.errors, done)
    done = machine.run("sudo", "./osmia", "build", "--help", directory=directory, user=USER)
    machine.expect("sudo: sudo ./osmia build works", done.status == 0, done)
    machine.expect("sudo: its environment is in the checkout", (machine.root / directory[1:] / ".venv/bin").exists())
    machine.expect("sudo: the checkout is its owner's still", machine.owners(directory) == {USER})


def try_release(directory: Path, release: str) -> int:
    """Try one release; gives the number of failures."""
    started = time.monotonic()
    machine = make(directory, release)
    print(f"     {release}: made in {time.monotonic() - started:.0f} s", flush=True)
    without_python(machine)
    install(machine, "python3-minimal")
    with_minimal(machine)
    # `apt install python3` brings ca-certificates along; the certificates themselves are this machine's.
    install(machine, "python3", "ca-certificates")
    shutil.copyfile(CERTIFICATES, machine.root / str(CERTIFICATES)[1:])
    with_python(machine, "a user", USER, USER)
    with_python(machine, "root through sudo", USER, 0, SUDO_UID=str(USER), SUDO_GID=str(USER), SUDO_USER="user")
    with_python(machine, "root in its own checkout", 0, 0)
    with_python(machine, "root in a user's checkout", USER, 0)
    with_sudo(machine)
    return machine.failures


def main() -> int:
    """Try the releases one after the other; gives the exit status."""
    if os.geteuid() != 0:
        print("try_bootstrap.py makes chroots: run it as root", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    failures = 0
    with tempfile.TemporaryDirectory(prefix="osmia-bootstrap-") as directory:
        Path(directory).chmod(0o755)
        for release in sys.argv[1:] or ["bookworm", "trixie"]:
            try:
                failures += try_release(Path(directory), release)
            except PackagesError as error:
                print(f"FAIL {release}: the machine could not be made: {error}")
                failures += 1
            shutil.rmtree(Path(directory, release), ignore_errors=True)
    print(f"{failures} failed" if failures else "all as it should be")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
