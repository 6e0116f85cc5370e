"""A module that programs of the corpus import a function from."""

from __future__ import annotations


def halved(n: int) -> int:
    return n // 2
