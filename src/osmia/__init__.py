"""eBPF with nothing but Python: the kernel's program and the program that controls it, in one file.

General layout, lower layers first (imports go down only; `tests/house/test_layers.py` holds that):

    record, errors, types       one tree of errors; u8..i64 and Ref
    layout, arrays, structs     how types lie in memory; @struct
    abi/ elf btf/               the kernel's ABI as data and the file formats
    spec kinds contexts/ maps/  what an object says; tables of program kinds and maps
    kernel/                     the only caller of bpf(2)
    compiler/ loader/ links/    make an object; bring it into a kernel; attach it
    programs/                   the decorators, `load()` and what they return
    cli/ tools/ testing/        commands, shipped programs, test helpers
"""

from __future__ import annotations

import gc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.arrays import Chars as Chars
    from osmia.arrays import FixedArray as FixedArray
    from osmia.arrays import SpinLock as SpinLock
    from osmia.byte_order import be64_to_cpu as be64_to_cpu
    from osmia.byte_order import cpu_to_be64 as cpu_to_be64
    from osmia.byte_order import htonl as htonl
    from osmia.byte_order import htons as htons
    from osmia.byte_order import ntohl as ntohl
    from osmia.byte_order import ntohs as ntohs
    from osmia.contexts.packet import Packet as Packet
    from osmia.contexts.xdp import XdpAction as XdpAction
    from osmia.contexts.xdp import XdpContext as XdpContext
    from osmia.contexts.xdp import XdpMode as XdpMode
    from osmia.dtypes import numpy_dtype as numpy_dtype
    from osmia.errors import CompileError as CompileError
    from osmia.errors import CompilerMissingError as CompilerMissingError
    from osmia.errors import KernelError as KernelError
    from osmia.errors import MissingExtraError as MissingExtraError
    from osmia.errors import NotLoadedError as NotLoadedError
    from osmia.errors import NotSupportedError as NotSupportedError
    from osmia.errors import ObjectError as ObjectError
    from osmia.errors import OsmiaError as OsmiaError
    from osmia.errors import PermissionDeniedError as PermissionDeniedError
    from osmia.errors import VerifierError as VerifierError
    from osmia.functions import Function as Function
    from osmia.functions import func as func
    from osmia.links import Link as Link
    from osmia.maps.array import Array as Array
    from osmia.maps.array import PerCpuArray as PerCpuArray
    from osmia.maps.counters import Counter as Counter
    from osmia.maps.counters import PerCpuCounter as PerCpuCounter
    from osmia.maps.globals import Global as Global
    from osmia.maps.hash import HashMap as HashMap
    from osmia.maps.hash import LruHashMap as LruHashMap
    from osmia.maps.hash import PerCpuHashMap as PerCpuHashMap
    from osmia.maps.info import MapInfo as MapInfo
    from osmia.maps.percpu import PerCpuValues as PerCpuValues
    from osmia.maps.programs import ProgramArray as ProgramArray
    from osmia.maps.ring import RingBuf as RingBuf
    from osmia.maps.settings import setting as setting
    from osmia.programs.creation import open_map as open_map
    from osmia.programs.loaded import Loaded as Loaded
    from osmia.programs.loaded import load as load
    from osmia.programs.program import Program as Program
    from osmia.programs.run_result import RunResult as RunResult
    from osmia.programs.xdp import XdpProgram as XdpProgram
    from osmia.programs.xdp import xdp as xdp
    from osmia.rounds import loop as loop
    from osmia.structs import array as array
    from osmia.structs import bits as bits
    from osmia.structs import chars as chars
    from osmia.structs import from_bytes as from_bytes
    from osmia.structs import replace as replace
    from osmia.structs import scratch as scratch
    from osmia.structs import sizeof as sizeof
    from osmia.structs import spin_lock as spin_lock
    from osmia.structs import struct as struct
    from osmia.structs import to_bytes as to_bytes
    from osmia.structs import union as union
    from osmia.structs import zeroed as zeroed
    from osmia.types import Ref as Ref
    from osmia.types import be16 as be16
    from osmia.types import be32 as be32
    from osmia.types import be64 as be64
    from osmia.types import i8 as i8
    from osmia.types import i16 as i16
    from osmia.types import i32 as i32
    from osmia.types import i64 as i64
    from osmia.types import ref as ref
    from osmia.types import u8 as u8
    from osmia.types import u16 as u16
    from osmia.types import u32 as u32
    from osmia.types import u64 as u64

__version__ = "0.1.0"

# Where each public name lives. Names load when they are first asked for, so that a program
# which only loads and attaches a compiled object never pays for the compiler.
_HOME = {
    "Array": "osmia.maps.array",
    "Chars": "osmia.arrays",
    "CompileError": "osmia.errors",
    "CompilerMissingError": "osmia.errors",
    "Counter": "osmia.maps.counters",
    "FixedArray": "osmia.arrays",
    "Function": "osmia.functions",
    "Global": "osmia.maps.globals",
    "HashMap": "osmia.maps.hash",
    "KernelError": "osmia.errors",
    "Link": "osmia.links",
    "Loaded": "osmia.programs.loaded",
    "LruHashMap": "osmia.maps.hash",
    "MissingExtraError": "osmia.errors",
    "MapInfo": "osmia.maps.info",
    "NotLoadedError": "osmia.errors",
    "NotSupportedError": "osmia.errors",
    "ObjectError": "osmia.errors",
    "OsmiaError": "osmia.errors",
    "Packet": "osmia.contexts.packet",
    "PerCpuArray": "osmia.maps.array",
    "PerCpuCounter": "osmia.maps.counters",
    "PerCpuHashMap": "osmia.maps.hash",
    "PerCpuValues": "osmia.maps.percpu",
    "PermissionDeniedError": "osmia.errors",
    "Program": "osmia.programs.program",
    "ProgramArray": "osmia.maps.programs",
    "Ref": "osmia.types",
    "RingBuf": "osmia.maps.ring",
    "RunResult": "osmia.programs.run_result",
    "SpinLock": "osmia.arrays",
    "VerifierError": "osmia.errors",
    "XdpAction": "osmia.contexts.xdp",
    "XdpContext": "osmia.contexts.xdp",
    "XdpMode": "osmia.contexts.xdp",
    "XdpProgram": "osmia.programs.xdp",
    "array": "osmia.structs",
    "be16": "osmia.types",
    "be32": "osmia.types",
    "be64": "osmia.types",
    "be64_to_cpu": "osmia.byte_order",
    "bits": "osmia.structs",
    "chars": "osmia.structs",
    "cpu_to_be64": "osmia.byte_order",
    "from_bytes": "osmia.structs",
    "func": "osmia.functions",
    "htonl": "osmia.byte_order",
    "htons": "osmia.byte_order",
    "i16": "osmia.types",
    "i32": "osmia.types",
    "i64": "osmia.types",
    "i8": "osmia.types",
    "load": "osmia.programs.loaded",
    "loop": "osmia.rounds",
    "ntohl": "osmia.byte_order",
    "ntohs": "osmia.byte_order",
    "numpy_dtype": "osmia.dtypes",
    "open_map": "osmia.programs.creation",
    "ref": "osmia.types",
    "replace": "osmia.structs",
    "scratch": "osmia.structs",
    "setting": "osmia.maps.settings",
    "sizeof": "osmia.structs",
    "spin_lock": "osmia.structs",
    "struct": "osmia.structs",
    "to_bytes": "osmia.structs",
    "u16": "osmia.types",
    "u32": "osmia.types",
    "u64": "osmia.types",
    "u8": "osmia.types",
    "union": "osmia.structs",
    "xdp": "osmia.programs.xdp",
    "zeroed": "osmia.structs",
}
__all__ = ["__version__", *_HOME]  # noqa: PLE0604 - every name is a literal key of the table above


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'osmia' has no attribute {name!r}", name=name, obj=__import__(__name__))
    # What an import makes stays: looking for garbage among it would take a tenth of a start.
    collecting = gc.isenabled()
    gc.disable()
    try:
        value = getattr(__import__(home, fromlist=[name]), name)
    finally:
        if collecting:
            gc.enable()
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
