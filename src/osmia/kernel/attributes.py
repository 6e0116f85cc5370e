"""What bpf(2) reads for each command: the parts of `union bpf_attr` in linux/bpf.h, as data.

A test compares every field's place with the running kernel's own BTF.
"""

from __future__ import annotations

import _struct as struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Layout:
    """A C struct: its fields, in order, with the `struct` letter of each. Padding is the compiler's.

    It is worked out when it is first used: a process uses few of them.
    """

    fields: tuple[tuple[str, str], ...]
    """The fields as (name, letter)."""
    defaults: dict[str, int | bytes]
    """By name: what a field holds that nothing is said of."""
    size: int
    """In bytes."""

    def __init__(self, fields: str) -> None:
        self._text = fields

    def __getattr__(self, name: str) -> Any:
        if name not in ("fields", "defaults", "size", "_struct"):
            raise AttributeError(f"a Layout has no attribute {name!r}", name=name, obj=self)
        parts = [each.partition(":") for each in self._text.split()]
        self.fields = tuple([(field, letter) for field, _, letter in parts])
        self.defaults = {field: b"" if letter[-1] == "s" else 0 for field, letter in self.fields}
        self._struct = struct.Struct(f"@{''.join([letter for _, letter in self.fields])}0Q")
        self.size = self._struct.size
        return getattr(self, name)

    def pack(self, **values: int | bytes) -> bytes:
        """The struct's bytes; a field that is not named is zero."""
        filled = self.defaults | values
        if len(filled) != len(self.fields):
            raise TypeError(f"no such field: {', '.join(sorted(filled.keys() - self.defaults.keys()))}")
        return self._struct.pack(*filled.values())

    def unpack(self, data: bytes | bytearray) -> dict[str, Any]:
        """The fields of a struct that the kernel filled, by name."""
        return dict(zip(self.defaults, self._struct.unpack_from(data), strict=True))

    def offset(self, name: str) -> int:
        """Where a field stands, in bytes."""
        letters = "@"
        for field, letter in self.fields:
            if field == name:
                return struct.calcsize(letters + "0" + letter.lstrip("0123456789"))
            letters += letter
        raise KeyError(name)


MAP_CREATE = Layout(
    "map_type:I key_size:I value_size:I max_entries:I map_flags:I inner_map_fd:I numa_node:I map_name:16s "
    "map_ifindex:I btf_fd:I btf_key_type_id:I btf_value_type_id:I btf_vmlinux_value_type_id:I map_extra:Q"
)
MAP_ELEM = Layout("map_fd:I key:Q value:Q flags:Q")
MAP_BATCH = Layout("in_batch:Q out_batch:Q keys:Q values:Q count:I map_fd:I elem_flags:Q flags:Q")
GET_ID = Layout("map_id:I next_id:I open_flags:I")
PROG_LOAD = Layout(
    "prog_type:I insn_cnt:I insns:Q license:Q log_level:I log_size:I log_buf:Q kern_version:I prog_flags:I "
    "prog_name:16s prog_ifindex:I expected_attach_type:I prog_btf_fd:I func_info_rec_size:I func_info:Q "
    "func_info_cnt:I line_info_rec_size:I line_info:Q line_info_cnt:I attach_btf_id:I"
)
PROG_ATTACH = Layout("target_fd:I attach_bpf_fd:I attach_type:I attach_flags:I replace_bpf_fd:I")
OBJ = Layout("pathname:Q bpf_fd:I file_flags:I")
TEST = Layout(
    "prog_fd:I retval:I data_size_in:I data_size_out:I data_in:Q data_out:Q repeat:I duration:I "
    "ctx_size_in:I ctx_size_out:I ctx_in:Q ctx_out:Q"
)
INFO = Layout("bpf_fd:I info_len:I info:Q")
BTF_LOAD = Layout("btf:Q btf_log_buf:Q btf_size:I btf_log_size:I btf_log_level:I")
LINK_CREATE = Layout("prog_fd:I target_fd:I attach_type:I flags:I")
RAW_TRACEPOINT = Layout("name:Q prog_fd:I")
LINK_UPDATE = Layout("link_fd:I new_prog_fd:I flags:I old_prog_fd:I")
LINK_DETACH = Layout("link_fd:I")

# What BPF_OBJ_GET_INFO_BY_FD fills in, as far as it is read here.
MAP_INFO = Layout(
    "type:I id:I key_size:I value_size:I max_entries:I map_flags:I name:16s ifindex:I btf_vmlinux_value_type_id:I "
    "netns_dev:Q netns_ino:Q btf_id:I btf_key_type_id:I btf_value_type_id:I map_extra:Q"
)
BTF_INFO = Layout("btf:Q btf_size:I id:I")
PROG_INFO = Layout(
    "type:I id:I tag:8s jited_prog_len:I xlated_prog_len:I jited_prog_insns:Q xlated_prog_insns:Q load_time:Q "
    "created_by_uid:I nr_map_ids:I map_ids:Q name:16s ifindex:I gpl_compatible:I netns_dev:Q netns_ino:Q "
    "nr_jited_ksyms:I nr_jited_func_lens:I jited_ksyms:Q jited_func_lens:Q btf_id:I func_info_rec_size:I "
    "func_info:Q nr_func_info:I nr_line_info:I line_info:Q jited_line_info:Q nr_jited_line_info:I "
    "line_info_rec_size:I jited_line_info_rec_size:I nr_prog_tags:I prog_tags:Q run_time_ns:Q run_cnt:Q "
    "recursion_misses:Q verified_insns:I"
)
XDP_LINK_INFO = Layout("type:I id:I prog_id:I pad:I ifindex:I")
CGROUP_LINK_INFO = Layout("type:I id:I prog_id:I pad:I cgroup_id:Q attach_type:I")
NETNS_LINK_INFO = Layout("type:I id:I prog_id:I pad:I netns_ino:I attach_type:I")
TCX_LINK_INFO = Layout("type:I id:I prog_id:I pad:I ifindex:I attach_type:I")

# The first version of struct perf_event_attr, as far as it is of use here.
PERF_EVENT = Layout(
    "type:I size:I config:Q sample_period:Q sample_type:Q read_format:Q flags:Q wakeup_events:I bp_type:I config1:Q"
)

# Its fourth version, whose clock can be chosen.
PERF_OUTPUT = Layout(
    "type:I size:I config:Q sample_period:Q sample_type:Q read_format:Q flags:Q wakeup_events:I bp_type:I config1:Q "
    "config2:Q branch_sample_type:Q sample_regs_user:Q sample_stack_user:I clockid:i"
)

# What stands in the arrays of BPF_PROG_LOAD.
FUNC_INFO = struct.Struct("@II")
LINE_INFO = struct.Struct("@IIII")
