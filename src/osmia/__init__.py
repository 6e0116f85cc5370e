"""eBPF with nothing but Python: the kernel's program and the program that controls it, in one file.

General layout, lower layers first (imports go down only; `tests/house/test_layers.py` holds that):

    record, errors, types       one tree of errors; u8..i64 and Ref
    layout, arrays, structs     how types lie in memory; @struct
    abi/ elf btf/ pcap/         the kernel's ABI as data and the file formats
    spec kinds contexts/ maps/  what an object says; tables of program kinds and maps
    kernel/                     the only caller of bpf(2)
    compiler/ loader/ links/    make an object; bring it into a kernel; attach it
    vm/                         the user-space runtime: the same objects without a kernel
    programs/                   the decorators, `load()` and what they return
    cli/ tools/ testing/        commands, shipped programs, test helpers
"""

from __future__ import annotations

import gc

from osmia.bytecode import use

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
    from osmia.contexts.cgroup import CgroupAction as CgroupAction
    from osmia.contexts.cgroup_skb import CgroupSkbContext as CgroupSkbContext
    from osmia.contexts.cgroup_sock import CgroupSockContext as CgroupSockContext
    from osmia.contexts.lsm import LsmContext as LsmContext
    from osmia.contexts.packet import Packet as Packet
    from osmia.contexts.raw_tracepoint import RawTracepointContext as RawTracepointContext
    from osmia.contexts.sk_action import SkAction as SkAction
    from osmia.contexts.sk_lookup import SkLookupContext as SkLookupContext
    from osmia.contexts.sk_msg import SkMsgContext as SkMsgContext
    from osmia.contexts.sk_reuseport import SkReuseportContext as SkReuseportContext
    from osmia.contexts.sk_skb import SkSkbContext as SkSkbContext
    from osmia.contexts.sock_ops import SockOpsContext as SockOpsContext
    from osmia.contexts.tc import TcAction as TcAction
    from osmia.contexts.tc import TcContext as TcContext
    from osmia.contexts.tp_btf import TpBtfContext as TpBtfContext
    from osmia.contexts.tracepoint import TracepointContext as TracepointContext
    from osmia.contexts.xdp import XdpAction as XdpAction
    from osmia.contexts.xdp import XdpContext as XdpContext
    from osmia.contexts.xdp import XdpMode as XdpMode
    from osmia.dtypes import numpy_dtype as numpy_dtype
    from osmia.errors import CaptureError as CaptureError
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
    from osmia.logs import log as log
    from osmia.maps import PerCpuValues as PerCpuValues
    from osmia.maps.arena import Arena as Arena
    from osmia.maps.array import Array as Array
    from osmia.maps.bloom import BloomFilter as BloomFilter
    from osmia.maps.cgroups import CgroupArray as CgroupArray
    from osmia.maps.cgroups import CgroupStorage as CgroupStorage
    from osmia.maps.cgroups import CgroupStorageKey as CgroupStorageKey
    from osmia.maps.cgroups import PerCpuCgroupStorage as PerCpuCgroupStorage
    from osmia.maps.counters import Counter as Counter
    from osmia.maps.counters import PerCpuCounter as PerCpuCounter
    from osmia.maps.counts import CountMap as CountMap
    from osmia.maps.fast_ring import FastRing as FastRing
    from osmia.maps.globals import Global as Global
    from osmia.maps.hash import HashMap as HashMap
    from osmia.maps.hash import LruHashMap as LruHashMap
    from osmia.maps.hash import LruPerCpuHashMap as LruPerCpuHashMap
    from osmia.maps.hash import PerCpuHashMap as PerCpuHashMap
    from osmia.maps.histograms import Histogram as Histogram
    from osmia.maps.histograms import HistogramMap as HistogramMap
    from osmia.maps.info import MapInfo as MapInfo
    from osmia.maps.instructions import InsnArray as InsnArray
    from osmia.maps.instructions import InsnArrayValue as InsnArrayValue
    from osmia.maps.lpm import LpmTrie as LpmTrie
    from osmia.maps.of_maps import ArrayOfMaps as ArrayOfMaps
    from osmia.maps.of_maps import HashOfMaps as HashOfMaps
    from osmia.maps.percpu_array import PerCpuArray as PerCpuArray
    from osmia.maps.perf import PerfEventArray as PerfEventArray
    from osmia.maps.programs import ProgramArray as ProgramArray
    from osmia.maps.queue import Queue as Queue
    from osmia.maps.queue import Stack as Stack
    from osmia.maps.reading import wait as wait
    from osmia.maps.redirect import CpuMap as CpuMap
    from osmia.maps.redirect import DevMap as DevMap
    from osmia.maps.redirect import DevMapHash as DevMapHash
    from osmia.maps.redirect import XskMap as XskMap
    from osmia.maps.ring import RingBuf as RingBuf
    from osmia.maps.samples import PerfSample as PerfSample
    from osmia.maps.settings import setting as setting
    from osmia.maps.snapshots import HistogramSnapshot as HistogramSnapshot
    from osmia.maps.snapshots import StatsSnapshot as StatsSnapshot
    from osmia.maps.sockets import ReusePortSockArray as ReusePortSockArray
    from osmia.maps.sockets import SockHash as SockHash
    from osmia.maps.sockets import SockMap as SockMap
    from osmia.maps.stacks import StackFrame as StackFrame
    from osmia.maps.stacks import StackTraceMap as StackTraceMap
    from osmia.maps.stats import Stats as Stats
    from osmia.maps.stats import StatsMap as StatsMap
    from osmia.maps.storage import CgrpStorage as CgrpStorage
    from osmia.maps.storage import InodeStorage as InodeStorage
    from osmia.maps.storage import SkStorage as SkStorage
    from osmia.maps.storage import TaskStorage as TaskStorage
    from osmia.maps.struct_ops import StructOps as StructOps
    from osmia.maps.user_ring import UserRingBuf as UserRingBuf
    from osmia.programs.cgroup_skb import CgroupSkbProgram as CgroupSkbProgram
    from osmia.programs.cgroup_skb import cgroup_skb as cgroup_skb
    from osmia.programs.cgroup_sock import CgroupSockProgram as CgroupSockProgram
    from osmia.programs.cgroup_sock import cgroup_sock as cgroup_sock
    from osmia.programs.creation import open_map as open_map
    from osmia.programs.loaded import Loaded as Loaded
    from osmia.programs.loaded import load as load
    from osmia.programs.lsm import LsmProgram as LsmProgram
    from osmia.programs.lsm import lsm as lsm
    from osmia.programs.machine import Machine as Machine
    from osmia.programs.program import Program as Program
    from osmia.programs.raw_tracepoint import RawTracepointProgram as RawTracepointProgram
    from osmia.programs.raw_tracepoint import raw_tracepoint as raw_tracepoint
    from osmia.programs.run_result import RunResult as RunResult
    from osmia.programs.sk_lookup import SkLookupProgram as SkLookupProgram
    from osmia.programs.sk_lookup import sk_lookup as sk_lookup
    from osmia.programs.sk_msg import SkMsgProgram as SkMsgProgram
    from osmia.programs.sk_msg import sk_msg as sk_msg
    from osmia.programs.sk_reuseport import SkReuseportProgram as SkReuseportProgram
    from osmia.programs.sk_reuseport import sk_reuseport as sk_reuseport
    from osmia.programs.sk_skb import SkSkbProgram as SkSkbProgram
    from osmia.programs.sk_skb import sk_skb as sk_skb
    from osmia.programs.sock_ops import SockOpsProgram as SockOpsProgram
    from osmia.programs.sock_ops import sock_ops as sock_ops
    from osmia.programs.tc import TcProgram as TcProgram
    from osmia.programs.tc import tc as tc
    from osmia.programs.tp_btf import TpBtfProgram as TpBtfProgram
    from osmia.programs.tp_btf import tp_btf as tp_btf
    from osmia.programs.tracepoint import TracepointProgram as TracepointProgram
    from osmia.programs.tracepoint import tracepoint as tracepoint
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

use(__spec__)

# Where each public name lives. Names load when they are first asked for, so that a program
# which only loads and attaches a compiled object never pays for the compiler.
_HOME = {
    "Arena": "osmia.maps.arena",
    "Array": "osmia.maps.array",
    "ArrayOfMaps": "osmia.maps.of_maps",
    "BloomFilter": "osmia.maps.bloom",
    "CaptureError": "osmia.errors",
    "CgroupAction": "osmia.contexts.cgroup",
    "CgroupArray": "osmia.maps.cgroups",
    "CgroupSkbContext": "osmia.contexts.cgroup_skb",
    "CgroupSkbProgram": "osmia.programs.cgroup_skb",
    "CgroupSockContext": "osmia.contexts.cgroup_sock",
    "CgroupSockProgram": "osmia.programs.cgroup_sock",
    "CgroupStorage": "osmia.maps.cgroups",
    "CgroupStorageKey": "osmia.maps.cgroups",
    "CgrpStorage": "osmia.maps.storage",
    "Chars": "osmia.arrays",
    "CompileError": "osmia.errors",
    "CompilerMissingError": "osmia.errors",
    "Counter": "osmia.maps.counters",
    "CountMap": "osmia.maps.counts",
    "CpuMap": "osmia.maps.redirect",
    "DevMap": "osmia.maps.redirect",
    "DevMapHash": "osmia.maps.redirect",
    "FastRing": "osmia.maps.fast_ring",
    "FixedArray": "osmia.arrays",
    "Function": "osmia.functions",
    "Global": "osmia.maps.globals",
    "HashMap": "osmia.maps.hash",
    "HashOfMaps": "osmia.maps.of_maps",
    "Histogram": "osmia.maps.histograms",
    "HistogramMap": "osmia.maps.histograms",
    "HistogramSnapshot": "osmia.maps.snapshots",
    "InodeStorage": "osmia.maps.storage",
    "InsnArray": "osmia.maps.instructions",
    "InsnArrayValue": "osmia.maps.instructions",
    "KernelError": "osmia.errors",
    "Link": "osmia.links",
    "Loaded": "osmia.programs.loaded",
    "LpmTrie": "osmia.maps.lpm",
    "LruHashMap": "osmia.maps.hash",
    "LruPerCpuHashMap": "osmia.maps.hash",
    "Machine": "osmia.programs.machine",
    "LsmContext": "osmia.contexts.lsm",
    "LsmProgram": "osmia.programs.lsm",
    "MapInfo": "osmia.maps.info",
    "MissingExtraError": "osmia.errors",
    "NotLoadedError": "osmia.errors",
    "NotSupportedError": "osmia.errors",
    "ObjectError": "osmia.errors",
    "OsmiaError": "osmia.errors",
    "Packet": "osmia.contexts.packet",
    "PerCpuArray": "osmia.maps.percpu_array",
    "PerCpuCgroupStorage": "osmia.maps.cgroups",
    "PerCpuCounter": "osmia.maps.counters",
    "PerCpuHashMap": "osmia.maps.hash",
    "PerCpuValues": "osmia.maps",
    "PerfEventArray": "osmia.maps.perf",
    "PerfSample": "osmia.maps.samples",
    "PermissionDeniedError": "osmia.errors",
    "Program": "osmia.programs.program",
    "ProgramArray": "osmia.maps.programs",
    "Queue": "osmia.maps.queue",
    "RawTracepointContext": "osmia.contexts.raw_tracepoint",
    "RawTracepointProgram": "osmia.programs.raw_tracepoint",
    "Ref": "osmia.types",
    "ReusePortSockArray": "osmia.maps.sockets",
    "RingBuf": "osmia.maps.ring",
    "RunResult": "osmia.programs.run_result",
    "SkAction": "osmia.contexts.sk_action",
    "SkLookupContext": "osmia.contexts.sk_lookup",
    "SkLookupProgram": "osmia.programs.sk_lookup",
    "SkMsgContext": "osmia.contexts.sk_msg",
    "SkMsgProgram": "osmia.programs.sk_msg",
    "SkReuseportContext": "osmia.contexts.sk_reuseport",
    "SkReuseportProgram": "osmia.programs.sk_reuseport",
    "SkSkbContext": "osmia.contexts.sk_skb",
    "SkSkbProgram": "osmia.programs.sk_skb",
    "SkStorage": "osmia.maps.storage",
    "SockHash": "osmia.maps.sockets",
    "SockMap": "osmia.maps.sockets",
    "SockOpsContext": "osmia.contexts.sock_ops",
    "SockOpsProgram": "osmia.programs.sock_ops",
    "SpinLock": "osmia.arrays",
    "Stack": "osmia.maps.queue",
    "StackFrame": "osmia.maps.stacks",
    "StackTraceMap": "osmia.maps.stacks",
    "Stats": "osmia.maps.stats",
    "StatsMap": "osmia.maps.stats",
    "StatsSnapshot": "osmia.maps.snapshots",
    "StructOps": "osmia.maps.struct_ops",
    "TaskStorage": "osmia.maps.storage",
    "TcAction": "osmia.contexts.tc",
    "TcContext": "osmia.contexts.tc",
    "TcProgram": "osmia.programs.tc",
    "TpBtfContext": "osmia.contexts.tp_btf",
    "TpBtfProgram": "osmia.programs.tp_btf",
    "TracepointContext": "osmia.contexts.tracepoint",
    "TracepointProgram": "osmia.programs.tracepoint",
    "UserRingBuf": "osmia.maps.user_ring",
    "VerifierError": "osmia.errors",
    "XdpAction": "osmia.contexts.xdp",
    "XdpContext": "osmia.contexts.xdp",
    "XdpMode": "osmia.contexts.xdp",
    "XdpProgram": "osmia.programs.xdp",
    "XskMap": "osmia.maps.redirect",
    "array": "osmia.structs",
    "be16": "osmia.types",
    "be32": "osmia.types",
    "be64": "osmia.types",
    "be64_to_cpu": "osmia.byte_order",
    "bits": "osmia.structs",
    "cgroup_skb": "osmia.programs.cgroup_skb",
    "cgroup_sock": "osmia.programs.cgroup_sock",
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
    "log": "osmia.logs",
    "loop": "osmia.rounds",
    "lsm": "osmia.programs.lsm",
    "ntohl": "osmia.byte_order",
    "ntohs": "osmia.byte_order",
    "numpy_dtype": "osmia.dtypes",
    "open_map": "osmia.programs.creation",
    "raw_tracepoint": "osmia.programs.raw_tracepoint",
    "ref": "osmia.types",
    "replace": "osmia.structs",
    "scratch": "osmia.structs",
    "setting": "osmia.maps.settings",
    "sizeof": "osmia.structs",
    "sk_lookup": "osmia.programs.sk_lookup",
    "sk_msg": "osmia.programs.sk_msg",
    "sk_reuseport": "osmia.programs.sk_reuseport",
    "sk_skb": "osmia.programs.sk_skb",
    "sock_ops": "osmia.programs.sock_ops",
    "spin_lock": "osmia.structs",
    "struct": "osmia.structs",
    "tc": "osmia.programs.tc",
    "to_bytes": "osmia.structs",
    "tp_btf": "osmia.programs.tp_btf",
    "tracepoint": "osmia.programs.tracepoint",
    "u16": "osmia.types",
    "u32": "osmia.types",
    "u64": "osmia.types",
    "u8": "osmia.types",
    "union": "osmia.structs",
    "wait": "osmia.maps.reading",
    "xdp": "osmia.programs.xdp",
    "zeroed": "osmia.structs",
}
if not TYPE_CHECKING:  # mypy finds no names in it, and takes what a star import brings from what is imported above
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
    return sorted({*globals(), "__version__", *_HOME})
