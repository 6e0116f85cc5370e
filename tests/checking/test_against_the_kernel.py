"""What the running kernel takes has no error in it: programs with all kinds of faults, each changed a little."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from checked_objects import shown, spec_of
from osmia import VerifierError
from osmia.checking import check
from osmia.errors import KernelError, ObjectError
from osmia.kernel.features import kernel_version
from refused_programs import PROGRAMS, Refused, load_refused
from this_kernel import needs_root

if TYPE_CHECKING:
    from osmia.spec import FunctionSpec

IMMEDIATES = (0, 1, 2, 4, 8, 16, 63, 64, 128, 4096)
OFFSETS = (-8, -4, -1, 1, 4, 8)
ROUNDS = 60


def changed(source: random.Random, function: FunctionSpec) -> None:
    """Change one instruction: its number, its offset, or whether it is there."""
    code = bytearray(function.instructions)
    related = {each.offset + half for each in function.relocations for half in (0, 1)}
    at = 8 * source.choice([slot for slot in range(len(code) // 8) if slot not in related])
    match source.choice(("number", "offset", "register", "gone")):
        case "number":
            code[at + 4 : at + 8] = source.choice(IMMEDIATES).to_bytes(4, "little")
        case "offset":
            offset = int.from_bytes(code[at + 2 : at + 4], "little", signed=True) + source.choice(OFFSETS)
            code[at + 2 : at + 4] = offset.to_bytes(2, "little", signed=True)
        case "register":
            code[at + 1] = code[at + 1] & 0xF0 | source.randrange(10)
        case "gone":
            code[at : at + 8] = b"\x05" + bytes(7)
    function.instructions = bytes(code)


@needs_root("loads programs")
@pytest.mark.parametrize("seed", range(3))
def test_what_the_kernel_takes_has_no_error(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    source = random.Random(seed)
    names = sorted(name for name in set(PROGRAMS) - {"too-complex", "too-large"} if PROGRAMS[name].kind == "xdp")
    answers: Counter[tuple[bool, bool]] = Counter()
    for _ in range(ROUNDS):
        refused = PROGRAMS[source.choice(names)]
        spec = spec_of(refused)
        functions = [*spec.programs.values(), *spec.functions.values()]
        changed(source, source.choice(functions))
        try:
            errors = [each for each in shown(check(spec, kernel_version()).findings) if each[1] == "error"]
        except ObjectError:
            continue
        taken = loads(refused, functions, monkeypatch)
        if taken is None:
            continue
        assert not (taken and errors), (refused.lines, [each.instructions.hex(" ", 8) for each in functions])
        answers[taken, bool(errors)] += 1
    # Nearly all that the kernel refuses is found before.
    assert answers[True, False] > 0
    assert answers[False, True] >= 9 * answers[False, False]


def loads(refused: Refused, functions: list[FunctionSpec], monkeypatch: pytest.MonkeyPatch) -> bool | None:
    """Whether the kernel takes the functions in place of those that were made; None where it does not look at them."""
    monkeypatch.setattr("refused_programs.functions_of", lambda _: functions)
    try:
        load_refused(refused)
    except VerifierError:
        return False
    except (KernelError, ObjectError):
        return None
    return True
