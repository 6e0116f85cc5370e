"""Nothing is found in what the kernel takes: the examples, the corpus, and objects of clang."""

from __future__ import annotations

import importlib.util
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import compiled
from osmia.checking import check
from osmia.compiler import PORTABLE, Target
from osmia.compiler.cache import object_for
from osmia.errors import CompileError
from osmia.object_file import read_object
from osmia.programs.loaded import programs_of, requests_of, run_file
from program_files import module_from
from this_kernel import require_root

if TYPE_CHECKING:
    from osmia.compiler import ProgramRequest

ROOT = Path(__file__).parents[2]
NEWEST = Target("v4", (6, 18))
EXAMPLES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "examples").rglob("*.py"))
# They declare maps that no program of theirs uses.
WITHOUT_PROGRAM = {"examples/maps/insn_array.py", "examples/maps/struct_ops.py"}


def found(requests: tuple[ProgramRequest, ...], target: Target) -> list[object]:
    """What is found in programs, once they are compiled."""
    report = check(read_object(object_for(requests, target).data, "program.o"))
    assert report.unfinished == []
    return [(each.name, each.severity, each.line, each.what) for each in report.findings]


@pytest.mark.parametrize("example", sorted(set(EXAMPLES) - WITHOUT_PROGRAM))
def test_an_example(example: str) -> None:
    path = str(ROOT / example)
    requests = requests_of(path, programs_of(run_file(path, Path(path).read_bytes())))
    if any(each.kind.name == "tracepoint" for each in requests):
        require_root("the fields of tracepoints are read from tracefs")
    assert found(requests, NEWEST) == []
    with suppress(CompileError):  # some need a newer kernel
        assert found(requests, PORTABLE) == []


def corpus() -> Any:
    """The programs of tests/corpus, as the test of the corpus reads them."""
    path = Path(__file__).parents[1] / "compiler" / "test_corpus.py"
    found = importlib.util.spec_from_file_location("corpus_reader", path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module  # dataclasses look a class's module up
    try:
        found.loader.exec_module(module)
    finally:
        del sys.modules[found.name]
    return module.CASES


@pytest.mark.parametrize("cpu", ["v1", "v3", "v4"])
def test_the_corpus(tmp_path: Path, cpu: str) -> None:
    checked = 0
    for name, case in corpus().items():
        if cpu not in case.cpus or case.not_yet:
            continue
        module = module_from(tmp_path, case.text)
        requests = requests_of(name, programs_of(module))
        assert found(requests, Target(cpu, case.kernel)) == [], name
        checked += 1
    assert checked > 100


CLANG = {
    "a look-up in a loop": """
struct { __uint(type, 1); __uint(max_entries, 16); __type(key, u32); __type(value, u64); } table SEC(".maps");
SEC("xdp") int program(struct xdp_md *ctx) {
    u64 total = 0;
    for (u32 key = 0; key < 16; key++) {
        u64 *found = bpf_map_lookup_elem(&table, &key);
        if (found) total += *found;
    }
    return total > 100 ? 1 : 2;
}
""",
    "a header behind another": """
SEC("xdp") int program(struct xdp_md *ctx) {
    u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    if (data + 34 > end) return 1;
    u32 length = (data[14] & 15) * 4;
    if (length < 20) return 1;
    u8 *next = data + 14 + length;
    if (next + 8 > end) return 1;
    return next[3] == 53 ? 1 : 2;
}
""",
    "a function that is checked by itself": """
__noinline int sum(int a, int b) { return a * 3 + b; }
SEC("xdp") int program(struct xdp_md *ctx) { return sum(ctx->rx_queue_index, 2) == 5 ? 1 : 2; }
""",
    "a callback": """
static long step(u32 index, void *context) { *(u64 *)context += index; return 0; }
SEC("xdp") int program(struct xdp_md *ctx) {
    u64 total = 0;
    bpf_loop(1000, step, &total, 0);
    return total > 100 ? 1 : 2;
}
""",
}


@pytest.mark.parametrize("name", CLANG)
def test_an_object_of_clang(name: str) -> None:
    for cpu in ("v1", "v3"):
        spec = read_object(compiled.c_object(CLANG[name], f"-mcpu={cpu}"), "program.o")
        assert check(spec, (6, 18)).findings == []


def test_a_fault_in_an_object_of_clang_has_its_line() -> None:
    source = CLANG["a look-up in a loop"].replace("if (found) total", "total")
    spec = read_object(compiled.c_object(source), "program.o")
    (finding,) = check(spec, (6, 18)).findings
    prelude = compiled.PRELUDE.count("\n")
    assert (finding.name, finding.severity, finding.line - prelude) == ("null-check", "error", 7)
    assert finding.text.strip() == "total += *found;"
    assert len(finding.why) == 1
    assert "bpf_map_lookup_elem(&table, &key); (map table)" in finding.why[0]
