"""What an error says, for tests that pin whole texts."""

from __future__ import annotations

import re
from typing import Any

import pytest


def refusal(of: type[Exception], use: Any) -> str:
    """The text of the error that `use` raises, which must be exactly of that class."""
    with pytest.raises(of) as caught:
        use()
    assert caught.type is of
    # str() of a KeyError is the repr of its text.
    return str(caught.value.args[0] if isinstance(caught.value, KeyError) else caught.value)


def without_marks(text: str) -> str:
    """A traceback without the lines that mark a part of the line above, which each Python sets otherwise."""
    return re.sub(r"^ +(?:~+\^*|\^{2,})~*\n", "", text, flags=re.MULTILINE)
