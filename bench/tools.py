"""The programs that the peers are built with, and building them in a temporary directory."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

PEERS = Path(__file__).parent / "peers"
COUNTER = PEERS / "counter.bpf.c"

# Debian's names.
PACKAGES = {
    "bpftool": "bpftool",
    "cc": "gcc libc6-dev",
    "clang": "clang",
    "libbpf": "libbpf-dev",
    "bcc": "python3-bpfcc",
    "headers": "linux-headers-$(uname -r), or linux-headers-amd64",
}


class MissingError(Exception):
    """Something that a peer needs is not here; the text says what, and what has it."""


def find(name: str, *candidates: str) -> str:
    """The path of a program that has one of these names."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    for candidate in candidates or (name,):
        found = shutil.which(candidate, path=path)
        if found:
            return found
    raise MissingError(f"no {name} on PATH (Debian: {PACKAGES[name]})")


def find_clang() -> str:
    """The clang that compiles for BPF: $CLANG, or the newest that is here."""
    if "CLANG" in os.environ:
        return find("clang", os.environ["CLANG"])
    return find("clang", *(f"clang-{version}" for version in range(30, 11, -1)), "clang")


def run(what: str, *command: str) -> str:
    """Run a tool to its end and give its output. MissingError, with what it said, where it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = " / ".join(done.stderr.strip().splitlines()[:3])
        raise MissingError(f"{what} failed with status {done.returncode}: {said}")
    return done.stdout


def clang_object(clang: str, cpu: str, source: Path, directory: Path) -> Path:
    """A C program compiled for BPF of a version, as libbpf's users do it."""
    made = directory / f"{source.name.partition('.')[0]}-{cpu}.o"
    # Debian keeps asm/ below a directory that clang does not look in when it compiles for BPF.
    headers = [f"-I{path}" for path in Path("/usr/include").glob(f"{os.uname().machine}-linux-*")]
    options = ("-O2", "-g", "-Wall", "-Werror", "-target", "bpf", f"-mcpu={cpu}", *headers, "-c")
    run(f"clang -mcpu={cpu}", clang, *options, str(source), "-o", str(made))
    return made


def skeleton(directory: Path) -> Path:
    """The libbpf program: clang's object in a skeleton, linked dynamically."""
    clang, bpftool, compiler = find_clang(), find("bpftool"), find("cc")
    made = clang_object(clang, "v3", COUNTER, directory)
    header = run("bpftool gen skeleton", bpftool, "gen", "skeleton", str(made), "name", "counter")
    (directory / "counter.skel.h").write_text(header)
    program = directory / "counter"
    source = str(PEERS / "counter.c")
    run(f"cc (with {PACKAGES['libbpf']})", compiler, "-O2", f"-I{directory}", source, "-lbpf", "-o", str(program))
    return program


def launcher(directory: Path) -> Path:
    """The program that measures others; see launch.c."""
    program = directory / "launch"
    source = str(Path(__file__).parent / "launch.c")
    run("cc", find("cc"), "-O2", "-Wall", "-Werror", source, "-o", str(program))
    return program


def bcc_python(python: str) -> str:
    """The Python that has BCC: this one, or the system's own."""
    for candidate in (python, "/usr/bin/python3"):
        if not Path(candidate).exists():
            continue
        done = subprocess.run([candidate, "-c", "import bcc"], capture_output=True, check=False)
        if done.returncode == 0:
            return candidate
    raise MissingError(f"neither this Python nor /usr/bin/python3 has BCC (Debian: {PACKAGES['bcc']})")


def kernel_headers(directory: Path) -> tuple[dict[str, str], str]:
    """What has to be in BCC's environment to find the kernel's headers, and which headers it finds.

    Where those of the running kernel are not installed, another's do for programs that look into no kernel structure.
    Debian splits them over two directories; `directory` gets both as one.
    """
    release = os.uname().release
    if Path(f"/lib/modules/{release}/build").exists() or Path("/sys/kernel/kheaders.tar.xz").exists():
        return {}, f"headers of this kernel, {release}"
    if "BCC_KERNEL_SOURCE" in os.environ:
        return {}, f"headers in {os.environ['BCC_KERNEL_SOURCE']} (BCC_KERNEL_SOURCE)"
    for common in sorted(Path("/usr/src").glob("linux-headers-*-common"), reverse=True):
        version = common.name.removesuffix("-common")
        for special in sorted(common.parent.glob(f"{version}-*[!n]")):
            merged = directory / "headers"
            _merge((common, special), merged)
            return {"BCC_KERNEL_SOURCE": str(merged)}, f"headers of another kernel, {special.name}"
    raise MissingError(f"BCC takes kernel headers, and there are none (Debian: {PACKAGES['headers']})")


def _merge(sources: tuple[Path, ...], merged: Path) -> None:
    """Make a directory that holds what several hold together: links, and directories where more than one has some."""
    merged.mkdir()
    for name in sorted({entry.name for source in sources for entry in source.iterdir()}):
        holders = [source / name for source in sources if (source / name).exists()]
        if len(holders) > 1 and all(holder.is_dir() for holder in holders):
            _merge(tuple(holders), merged / name)
        elif holders:
            (merged / name).symlink_to(holders[0])
