"""Since which kernel the things exist that osmia asks for."""

from __future__ import annotations

import os


def kernel_version() -> tuple[int, int]:
    """The running kernel's version: (6, 18)."""
    return parse_release(os.uname().release)


def parse_release(release: str) -> tuple[int, int]:
    """(major, minor) of a release as uname(2) has it: `6.1.0-18-cloud-amd64`, `7.0-rc3`."""
    major, _, rest = release.partition(".")
    minor = ""
    for character in rest:
        if not character.isdigit():
            break
        minor += character
    return int(major), int(minor or 0)


# What is named in errors, and the first kernel that has it.
FEATURES: dict[str, tuple[int, int]] = {
    "BPF links": (5, 7),
    "XDP by BPF link": (5, 9),
    "TCX links": (6, 6),
    "BPF_LINK_DETACH": (5, 9),
    "callbacks": (5, 13),
    "detaching of sk_reuseport programs": (5, 3),
    "frozen maps": (5, 2),
    "maps in memory": (5, 5),
    "map_extra": (5, 16),
    "links of maps of sockets": (6, 10),
    "sk_lookup by BPF link": (5, 9),
    "test runs": (4, 12),
}
