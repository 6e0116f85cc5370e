"""The table of map types: one row says everything that depends on the type.

Sizes, flags and batches are those that the kernel's own checks take (the `map_alloc_check` and `map_ops` of each type).
"""

from __future__ import annotations

from osmia.abi import generated as bpf
from osmia.generic import Table
from osmia.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@record
class MapKind:
    """A type of map."""

    type: int
    """BPF_MAP_TYPE_*."""
    kernel_name: str
    """Its name in enum bpf_map_type, without the prefix."""
    class_name: str
    module: str
    """The module of `osmia.maps` that holds its class."""
    since: tuple[int, int]
    """The first kernel that has it."""
    kernel_operations: dict[str, str]
    """What kernel code may call on it, and the helper that does it; empty where it is made of several, or of none."""
    user_operations: tuple[str, ...] = ()
    """What user code may call on it by name."""
    keys: str = "any"
    """`any` type; `index`, 0 to max_entries - 1; `prefix`, of a trie; `object`, that values hang on; `none`."""
    values: str = "any"
    """`any` type; what a file descriptor or an index stands for (`program`, `map`, ...); `none`."""
    entries: str = "count"
    """What max_entries counts: `count` (of entries), `bytes`, `pages`; `none` where it must be 0.

    `CPUs` where it is 0 until the map is made, with an entry for each CPU that can ever run there.
    """
    per_cpu: bool = False
    """Whether user code sees one value per possible CPU."""
    spin_locks: bool = False
    """Whether its values may hold a spin lock."""
    flags: int = 0
    """The BPF_F_* flags that it can be created with."""
    required_flags: int = 0
    """Those that it must be created with: declarations add them."""
    kernel_flags: int = 0
    """Those that the kernel adds by itself."""
    batch: tuple[str, ...] = ()
    """What BPF_MAP_*_BATCH does with it: `lookup`, `lookup_and_delete`, `update`, `delete`."""
    extra: int = 0
    """The largest map_extra that it is created with."""
    typed: bool = True
    """Whether it is created with the BTF of its key and value."""

    @property
    def fixed_keys(self) -> bool:
        """Whether its keys are the indices 0 to max_entries - 1 (an array)."""
        return self.keys == "index"

    @property
    def map_class(self) -> Any:
        """The class whose objects declare such a map."""
        return getattr(__import__(f"osmia.maps.{self.module}", fromlist=[self.class_name]), self.class_name)


_LOOKUP = {"lookup": "map_lookup_elem", "lookup_or_init": ""}
_KEYED = {**_LOOKUP, "update": "map_update_elem", "delete": "map_delete_elem", "for_each": ""}
_INDEXED = {**_LOOKUP, "update": "map_update_elem", "for_each": ""}
_OTHER_CPU = {"lookup_percpu": "map_lookup_percpu_elem"}
_PASSED = {"push": "map_push_elem", "pop": "", "peek": ""}

_REDIRECT = {"redirect": "redirect_map"}
_DEVICES = {**_REDIRECT, "lookup": "map_lookup_elem"}

_ACCESS = bpf.BPF_F_RDONLY | bpf.BPF_F_WRONLY
_PROGRAMS_ACCESS = bpf.BPF_F_RDONLY_PROG | bpf.BPF_F_WRONLY_PROG
_HASH = bpf.BPF_F_NO_PREALLOC | bpf.BPF_F_ZERO_SEED | _ACCESS | _PROGRAMS_ACCESS
_LRU = bpf.BPF_F_NO_COMMON_LRU | bpf.BPF_F_ZERO_SEED | _ACCESS | _PROGRAMS_ACCESS
_ARRAY = bpf.BPF_F_MMAPABLE | bpf.BPF_F_INNER_MAP | _ACCESS | _PROGRAMS_ACCESS
_ALL_BATCHES = ("lookup", "lookup_and_delete", "update", "delete")
_NO_DELETE = ("lookup", "update")

_PER_KEY = ("get", "items", "keys", "values", "update", "update_many", "to_dict", "to_numpy", "to_arrow")
_COME_AND_GO = (*_PER_KEY, "pop", "clear", "delete_many")
_OF_OBJECTS = ("get", "items", "keys", "values", "update", "to_numpy", "to_arrow", "pop", "clear")
_OF_MAPS = (*_OF_OBJECTS, "update_many", "delete_many")
_SET = ("update", "clear")
_DEVICE_USER = ("items", *_SET)

MAP_KINDS: Table[MapKind] = Table({
    "HashMap": lambda: MapKind(
        bpf.BPF_MAP_TYPE_HASH, "HASH", "HashMap", "hash", (3, 19), _KEYED, _COME_AND_GO,
        spin_locks=True, flags=_HASH, batch=_ALL_BATCHES,
    ),
    "Array": lambda: MapKind(
        bpf.BPF_MAP_TYPE_ARRAY, "ARRAY", "Array", "array", (3, 19), _INDEXED, (*_PER_KEY, "memory"),
        keys="index", spin_locks=True, flags=_ARRAY, batch=_NO_DELETE,
    ),
    "ProgramArray": lambda: MapKind(
        bpf.BPF_MAP_TYPE_PROG_ARRAY, "PROG_ARRAY", "ProgramArray", "programs", (4, 2), {"tail_call": "tail_call"},
        _SET, keys="index", values="program", flags=_ACCESS, typed=False,
    ),
    "PerfEventArray": lambda: MapKind(
        bpf.BPF_MAP_TYPE_PERF_EVENT_ARRAY, "PERF_EVENT_ARRAY", "PerfEventArray", "perf", (4, 3),
        {"output": "perf_event_output"}, ("update", "clear", "drain", "fileno", "poll", "read", "stop"),
        keys="index", values="perf event", flags=_ACCESS | bpf.BPF_F_PRESERVE_ELEMS, typed=False,
    ),
    "PerCpuHashMap": lambda: MapKind(
        bpf.BPF_MAP_TYPE_PERCPU_HASH, "PERCPU_HASH", "PerCpuHashMap", "hash", (4, 6), {**_KEYED, **_OTHER_CPU},
        _COME_AND_GO, per_cpu=True, flags=_HASH, batch=_ALL_BATCHES,
    ),
    "PerCpuArray": lambda: MapKind(
        bpf.BPF_MAP_TYPE_PERCPU_ARRAY, "PERCPU_ARRAY", "PerCpuArray", "percpu_array", (4, 6),
        {**_INDEXED, **_OTHER_CPU}, _PER_KEY, keys="index", per_cpu=True, flags=_ACCESS | _PROGRAMS_ACCESS,
        batch=_NO_DELETE,
    ),
    "StackTraceMap": lambda: MapKind(
        bpf.BPF_MAP_TYPE_STACK_TRACE, "STACK_TRACE", "StackTraceMap", "stacks", (4, 6), {"stackid": "get_stackid"},
        ("get", "items", "keys", "values", "pop", "clear"),
        values="stack", flags=_ACCESS | bpf.BPF_F_STACK_BUILD_ID, typed=False,
    ),
    "CgroupArray": lambda: MapKind(
        bpf.BPF_MAP_TYPE_CGROUP_ARRAY, "CGROUP_ARRAY", "CgroupArray", "cgroups", (4, 8),
        {"under": "skb_under_cgroup", "current_task_under": "current_task_under_cgroup"}, _SET,
        keys="index", values="cgroup", flags=_ACCESS, typed=False,
    ),
    "LruHashMap": lambda: MapKind(
        bpf.BPF_MAP_TYPE_LRU_HASH, "LRU_HASH", "LruHashMap", "hash", (4, 10), _KEYED, _COME_AND_GO,
        flags=_LRU, batch=_ALL_BATCHES,
    ),
    "LruPerCpuHashMap": lambda: MapKind(
        bpf.BPF_MAP_TYPE_LRU_PERCPU_HASH, "LRU_PERCPU_HASH", "LruPerCpuHashMap", "hash", (4, 10),
        {**_KEYED, **_OTHER_CPU}, _COME_AND_GO, per_cpu=True, flags=_LRU, batch=_ALL_BATCHES,
    ),
    "LpmTrie": lambda: MapKind(
        bpf.BPF_MAP_TYPE_LPM_TRIE, "LPM_TRIE", "LpmTrie", "lpm", (4, 11),
        {"lookup": "map_lookup_elem", "update": "map_update_elem", "delete": "map_delete_elem"},
        (*_COME_AND_GO, "match"), keys="prefix", flags=bpf.BPF_F_NO_PREALLOC | _ACCESS | _PROGRAMS_ACCESS,
        required_flags=bpf.BPF_F_NO_PREALLOC, batch=("lookup", "update", "delete"),
    ),
    "ArrayOfMaps": lambda: MapKind(
        bpf.BPF_MAP_TYPE_ARRAY_OF_MAPS, "ARRAY_OF_MAPS", "ArrayOfMaps", "of_maps", (4, 12),
        {"lookup": "map_lookup_elem"}, _OF_MAPS,
        keys="index", values="map", flags=_ACCESS, batch=_NO_DELETE, typed=False,
    ),
    "HashOfMaps": lambda: MapKind(
        bpf.BPF_MAP_TYPE_HASH_OF_MAPS, "HASH_OF_MAPS", "HashOfMaps", "of_maps", (4, 12),
        {"lookup": "map_lookup_elem"}, _OF_MAPS,
        values="map", flags=_HASH, batch=_ALL_BATCHES, typed=False,
    ),
    "DevMap": lambda: MapKind(
        bpf.BPF_MAP_TYPE_DEVMAP, "DEVMAP", "DevMap", "redirect", (4, 14), _DEVICES, _DEVICE_USER,
        keys="index", values="interface", flags=_ACCESS, kernel_flags=bpf.BPF_F_RDONLY_PROG, typed=False,
    ),
    "SockMap": lambda: MapKind(
        bpf.BPF_MAP_TYPE_SOCKMAP, "SOCKMAP", "SockMap", "sockets", (4, 14),
        {
            "lookup": "map_lookup_elem", "sock_update": "sock_map_update", "msg_redirect": "msg_redirect_map",
            "sk_redirect": "sk_redirect_map", "select": "sk_select_reuseport", "update": "map_update_elem",
            "delete": "map_delete_elem",
        },
        _OF_OBJECTS, keys="index", values="socket", flags=_ACCESS, typed=False,
    ),
    "CpuMap": lambda: MapKind(
        bpf.BPF_MAP_TYPE_CPUMAP, "CPUMAP", "CpuMap", "redirect", (4, 15), _REDIRECT, _DEVICE_USER,
        keys="index", values="CPU", typed=False,
    ),
    "XskMap": lambda: MapKind(
        bpf.BPF_MAP_TYPE_XSKMAP, "XSKMAP", "XskMap", "redirect", (4, 18),
        {"redirect": "redirect_map", "lookup": "map_lookup_elem"}, _SET,
        keys="index", values="AF_XDP socket", flags=_ACCESS, typed=False,
    ),
    "SockHash": lambda: MapKind(
        bpf.BPF_MAP_TYPE_SOCKHASH, "SOCKHASH", "SockHash", "sockets", (4, 18),
        {
            "lookup": "map_lookup_elem", "sock_update": "sock_hash_update", "msg_redirect": "msg_redirect_hash",
            "sk_redirect": "sk_redirect_hash", "select": "sk_select_reuseport", "update": "map_update_elem",
            "delete": "map_delete_elem",
        },
        _OF_OBJECTS, values="socket", flags=_ACCESS, typed=False,
    ),
    "CgroupStorage": lambda: MapKind(
        bpf.BPF_MAP_TYPE_CGROUP_STORAGE, "CGROUP_STORAGE", "CgroupStorage", "cgroups", (4, 19),
        {"local": "get_local_storage"}, _PER_KEY,
        keys="object", entries="none", spin_locks=True, flags=_ACCESS | _PROGRAMS_ACCESS,
    ),
    "ReusePortSockArray": lambda: MapKind(
        bpf.BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, "REUSEPORT_SOCKARRAY", "ReusePortSockArray", "sockets", (4, 19),
        {"select": "sk_select_reuseport"}, _OF_OBJECTS,
        keys="index", values="socket", flags=_ACCESS, typed=False,
    ),
    "PerCpuCgroupStorage": lambda: MapKind(
        bpf.BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE, "PERCPU_CGROUP_STORAGE", "PerCpuCgroupStorage", "cgroups", (4, 20),
        {"local": "get_local_storage"}, _PER_KEY,
        keys="object", entries="none", per_cpu=True, flags=_ACCESS | _PROGRAMS_ACCESS,
    ),
    "Queue": lambda: MapKind(
        bpf.BPF_MAP_TYPE_QUEUE, "QUEUE", "Queue", "queue", (4, 20), _PASSED, ("push", "pop", "peek"),
        keys="none", flags=_ACCESS | _PROGRAMS_ACCESS, typed=False,
    ),
    "Stack": lambda: MapKind(
        bpf.BPF_MAP_TYPE_STACK, "STACK", "Stack", "queue", (4, 20), _PASSED, ("push", "pop", "peek"),
        keys="none", flags=_ACCESS | _PROGRAMS_ACCESS, typed=False,
    ),
    "SkStorage": lambda: MapKind(
        bpf.BPF_MAP_TYPE_SK_STORAGE, "SK_STORAGE", "SkStorage", "storage", (5, 2),
        {"get": "sk_storage_get", "delete": "sk_storage_delete"}, ("get", "update", "pop"),
        keys="object", entries="none", spin_locks=True, flags=bpf.BPF_F_NO_PREALLOC | bpf.BPF_F_CLONE,
        required_flags=bpf.BPF_F_NO_PREALLOC,
    ),
    "DevMapHash": lambda: MapKind(
        bpf.BPF_MAP_TYPE_DEVMAP_HASH, "DEVMAP_HASH", "DevMapHash", "redirect", (5, 4), _DEVICES,
        _DEVICE_USER, values="interface", flags=_ACCESS, kernel_flags=bpf.BPF_F_RDONLY_PROG, typed=False,
    ),
    "StructOps": lambda: MapKind(
        bpf.BPF_MAP_TYPE_STRUCT_OPS, "STRUCT_OPS", "StructOps", "struct_ops", (5, 6), {}, (),
        keys="index", values="table of functions", flags=bpf.BPF_F_LINK | bpf.BPF_F_VTYPE_BTF_OBJ_FD, typed=False,
    ),
    "RingBuf": lambda: MapKind(
        bpf.BPF_MAP_TYPE_RINGBUF, "RINGBUF", "RingBuf", "ring", (5, 8),
        {"reserve": "", "reserve_bytes": "", "discard": "", "output": "ringbuf_output", "query": "ringbuf_query"},
        ("drain", "fileno", "poll", "read", "stop"),
        keys="none", values="event", entries="bytes", typed=False,
    ),
    "InodeStorage": lambda: MapKind(
        bpf.BPF_MAP_TYPE_INODE_STORAGE, "INODE_STORAGE", "InodeStorage", "storage", (5, 10),
        {"get": "inode_storage_get", "delete": "inode_storage_delete"}, ("get", "pop", "update"),
        keys="object", entries="none", spin_locks=True, flags=bpf.BPF_F_NO_PREALLOC,
        required_flags=bpf.BPF_F_NO_PREALLOC,
    ),
    "TaskStorage": lambda: MapKind(
        bpf.BPF_MAP_TYPE_TASK_STORAGE, "TASK_STORAGE", "TaskStorage", "storage", (5, 11),
        {"get": "task_storage_get", "delete": "task_storage_delete"}, ("get", "pop", "update"),
        keys="object", entries="none", spin_locks=True, flags=bpf.BPF_F_NO_PREALLOC,
        required_flags=bpf.BPF_F_NO_PREALLOC,
    ),
    "BloomFilter": lambda: MapKind(
        bpf.BPF_MAP_TYPE_BLOOM_FILTER, "BLOOM_FILTER", "BloomFilter", "bloom", (5, 16),
        {"push": "map_push_elem", "contains": ""}, ("add", "update"),
        keys="none", flags=bpf.BPF_F_ZERO_SEED | _ACCESS | _PROGRAMS_ACCESS, extra=15, typed=False,
    ),
    "UserRingBuf": lambda: MapKind(
        bpf.BPF_MAP_TYPE_USER_RINGBUF, "USER_RINGBUF", "UserRingBuf", "user_ring", (6, 1),
        {"drain": "user_ringbuf_drain"}, ("reserve", "discard", "output", "output_many"),
        keys="none", values="event", entries="bytes", typed=False,
    ),
    "CgrpStorage": lambda: MapKind(
        bpf.BPF_MAP_TYPE_CGRP_STORAGE, "CGRP_STORAGE", "CgrpStorage", "storage", (6, 2),
        {"get": "cgrp_storage_get", "delete": "cgrp_storage_delete"}, ("get", "pop", "update"),
        keys="object", entries="none", spin_locks=True, flags=bpf.BPF_F_NO_PREALLOC,
        required_flags=bpf.BPF_F_NO_PREALLOC,
    ),
    "Arena": lambda: MapKind(
        bpf.BPF_MAP_TYPE_ARENA, "ARENA", "Arena", "arena", (6, 9), {"at": ""}, ("at", "memory"),
        keys="none", values="none", entries="pages",
        flags=bpf.BPF_F_MMAPABLE | bpf.BPF_F_SEGV_ON_FAULT | bpf.BPF_F_NO_USER_CONV,
        required_flags=bpf.BPF_F_MMAPABLE, typed=False,
    ),
    "InsnArray": lambda: MapKind(
        34,  # BPF_MAP_TYPE_INSN_ARRAY: behind the kernel that abi.generated is from
        "INSN_ARRAY", "InsnArray", "instructions", (6, 19), {}, _PER_KEY,
        keys="index", values="instruction", typed=False,
    ),
})  # fmt: skip


def kind_of_type(number: int) -> MapKind | None:
    """The row of a BPF_MAP_TYPE_*; None for a type that the table does not have."""
    made = next((row for row in list(MAP_KINDS.made.values()) if row.type == number), None)
    return made or next((row for row in MAP_KINDS.values() if row.type == number), None)
