"""Type checkers accept each helper on the contexts of the kinds that may call it, and refuse it on all others.

Those that kernel code cannot call are on none.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from mypy import api

from helper_tables import all_kinds, methods
from osmia.abi.generated.helpers import HELPERS
from osmia.abi.helpers import callable_in_kernel_code

ROOT = Path(__file__).resolve().parents[2]
HEAD = "from osmia.contexts.generated import helpers\n\n\ndef of_each_kind(\n"
FOUND = re.compile(r".+?:(\d+): error: .*\[attr-defined\]")


def mixin(kind: str) -> str:
    return "".join(part.capitalize() for part in kind.split("_")) + "Helpers"


def every_pair(directory: Path) -> tuple[Path, set[int]]:
    """A program that reads every helper from the context of every kind, and the lines that are mistakes."""
    lines = [f"    {kind}: helpers.{mixin(kind)}," for kind in all_kinds()]
    lines = [*HEAD.splitlines(), *lines, ") -> None:"]
    mistakes = set()
    for kind in all_kinds():
        named = [(method, callable_in_kernel_code(row)) for row in HELPERS.values() for method in methods(row)]
        for name in dict.fromkeys(method.name for method, _ in named):
            lines.append(f"    print({kind}.{name})")
            if not any(method.name == name and kind in method.kinds and is_there for method, is_there in named):
                mistakes.add(len(lines))
    path = directory / "every_pair.py"
    path.write_text("\n".join([*lines, ""]))
    assert len(lines) > 5000
    assert 1000 < len(mistakes) < len(lines) - 1000
    return path, mistakes


def test_mypy_refuses_exactly_what_a_kind_may_not_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # mypy's configuration names paths from there
    path, mistakes = every_pair(tmp_path)
    options = ["--strict", "--no-error-summary", "--show-error-codes", f"--config-file={ROOT / 'pyproject.toml'}"]
    report, problems, _ = api.run([*options, f"--cache-dir={ROOT / '.mypy_cache'}", str(path)])
    assert problems == ""
    errors = [FOUND.match(line) for line in report.splitlines() if ": error: " in line]
    assert None not in errors
    assert {int(match[1]) for match in errors if match} == mistakes


def test_pyright_refuses_exactly_what_a_kind_may_not_call(tmp_path: Path) -> None:
    pyright = shutil.which("pyright", path=sysconfig.get_path("scripts"))
    if pyright is None:
        pytest.skip("pyright is not installed beside this Python")
    path, mistakes = every_pair(tmp_path)
    configuration = {"include": [str(path)], "extraPaths": [str(ROOT / "src")], "typeCheckingMode": "standard"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(configuration))
    done = subprocess.run(
        [pyright, "--outputjson", "--project", str(tmp_path)], capture_output=True, text=True, check=False
    )
    errors = json.loads(done.stdout)["generalDiagnostics"]
    assert {error.get("rule") for error in errors} == {"reportAttributeAccessIssue"}
    assert {error["range"]["start"]["line"] + 1 for error in errors} == mistakes
