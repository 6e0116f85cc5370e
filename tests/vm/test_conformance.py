"""The published conformance tests, on every engine: fetched, not committed, from where OSMIA_BPF_CONFORMANCE says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bare_code import Bare
from conformance import read
from osmia.errors import ObjectError
from osmia.vm.engine import ENGINES

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = os.environ.get("OSMIA_BPF_CONFORMANCE", "")
FILES = sorted(Path(ROOT).glob("tests/*.data")) if ROOT else []
REFUSED = sorted(Path(ROOT).glob("negative/unused-*.data")) if ROOT else []
# What the runner of those tests gives as helper 5: it ends what has called it (`unwind`), if it is given -1.
UNWIND = 5

needs_files = pytest.mark.skipif(
    not ROOT, reason="OSMIA_BPF_CONFORMANCE is not set: the directory of a clone of Alan-Jowett/bpf_conformance"
)


@pytest.fixture(params=ENGINES, scope="module")
def bare(request: pytest.FixtureRequest) -> Iterator[Bare]:
    with Bare(request.param) as made:
        made.machine.helpers[UNWIND] = lambda _run, *_arguments: 0
        yield made


@needs_files
def test_there_are_files() -> None:
    assert len(FILES) >= 313
    assert len(REFUSED) >= 40


@needs_files
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_conformance(bare: Bare, path: Path) -> None:
    case = read(path)
    assert bare.run(case.code, case.memory) == case.result


@needs_files
@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_fields_that_mean_nothing_are_zero(bare: Bare, path: Path) -> None:
    case = read(path)
    assert case.result is None
    with pytest.raises(ObjectError):
        bare.run(case.code, case.memory)
