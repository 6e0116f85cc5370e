"""Debian's kernels, unpacked in the user's cache directory: the image, and modules with what they depend on."""

from __future__ import annotations

import lzma
import re
from typing import TYPE_CHECKING, NamedTuple

from debian_packages import PackagesError, cached, package_names, unpack

if TYPE_CHECKING:
    from pathlib import Path

# Version -> the Debian suite that has it. The cloud flavour is small, and has all of BPF.
SUITES = {
    "5.10": "bullseye",
    "6.1": "bookworm",
    "6.12": "trixie",
    "6.18": "trixie-backports",
    "7.3": "trixie-backports",
}
_PARTS = ("image", "base", "binary", "modules")  # from 6.19 on, the image's package is empty and the others hold it
_DEPENDS = re.compile(rb"(?:^|\0)depends=([^\0]*)\0")


class Kernel(NamedTuple):
    """An unpacked kernel."""

    release: str  # 6.1.0-50-cloud-amd64
    image: Path
    modules: Path  # the directory that holds modules.builtin


class Module(NamedTuple):
    """A kernel module, ready for insmod."""

    name: str
    data: bytes


def suite_of(version: str) -> str:
    """The Debian suite that has the kernel; PackagesError for a version that is none of these."""
    if version not in SUITES:
        raise PackagesError(f"there is no kernel {version!r} to try; there are {', '.join(SUITES)}")
    return SUITES[version]


def fetch(version: str) -> Kernel:
    """The newest Debian kernel of a version such as `6.1`; PackagesError where it cannot be had.

    One that is in the cache is taken as it is.
    """
    suite = suite_of(version)
    unpacked = cached(suite, f"linux-image-{version}.")
    if unpacked is None:
        names = _packages(version, suite)
        unpacked = unpack(*names, suite=suite, dependencies=False)
    return find(unpacked)


def find(unpacked: Path) -> Kernel:
    """The kernel in a directory of unpacked packages."""
    images = [*unpacked.glob("boot/vmlinuz-*"), *unpacked.glob("usr/lib/modules/*/vmlinuz")]
    builtin = [*unpacked.glob("lib/modules/*/modules.builtin"), *unpacked.glob("usr/lib/modules/*/modules.builtin")]
    if len(images) != 1 or len(builtin) != 1:
        raise PackagesError(
            f"expected one kernel and its modules in {unpacked}, found {len(images)} images and {len(builtin)} lists "
            "of built-in modules"
        )
    modules = builtin[0].parent
    return Kernel(modules.name, images[0], modules)


def load_order(kernel: Kernel, wanted: tuple[str, ...]) -> list[Module]:
    """The wanted modules and what they depend on, each behind what it needs; built-in ones are left out."""
    builtin = {_module_name(line) for line in (kernel.modules / "modules.builtin").read_text().split()}
    files = {_module_name(path.name): path for path in kernel.modules.rglob("*.ko*")}
    ordered: dict[str, Module] = {}

    def add(name: str) -> None:
        if name in builtin or name in ordered:
            return
        if name not in files:
            raise PackagesError(f"kernel {kernel.release} has no module {name}")
        data = files[name].read_bytes()
        if files[name].suffix == ".xz":
            data = lzma.decompress(data)
        depends = _DEPENDS.search(data)
        if depends is None:
            raise PackagesError(f"{files[name]} is no kernel module: it does not say what it depends on")
        for needed in filter(None, depends[1].decode().split(",")):
            add(needed.replace("-", "_"))
        ordered[name] = Module(name, data)

    for name in wanted:
        add(name)
    return list(ordered.values())


def _packages(version: str, suite: str) -> list[str]:
    """The packages that make up the newest kernel of a version."""
    pattern = re.compile(rf"linux-image-({re.escape(version)}\.[\w.+-]*?)-cloud-amd64")
    names = package_names(suite, "linux-")
    releases = [match[1] for match in map(pattern.fullmatch, names) if match]
    if not releases:
        raise PackagesError(f"Debian's {suite} has no cloud kernel {version} any more")
    newest = max(releases, key=lambda release: [int(number) for number in re.findall(r"\d+", release)])
    return [name for part in _PARTS if (name := f"linux-{part}-{newest}-cloud-amd64") in names]


def _module_name(path: str) -> str:
    """`kernel/fs/fuse/virtio-fs.ko.xz` as `virtio_fs`."""
    return path.rpartition("/")[2].partition(".ko")[0].replace("-", "_")
