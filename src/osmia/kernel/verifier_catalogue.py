"""What the verifier says when it refuses a program, what it means, and what to do: one entry for each message."""

from __future__ import annotations

import re

from osmia.abi import generated as bpf
from osmia.abi.helpers import helpers
from osmia.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


@record
class Case:
    """A cause that is told apart by where the value came from."""

    origin: str
    """A pattern for the instruction that the value came from, or for the call that ended it (`ended_by`).

    Empty for what a global function is given: those are verified by themselves, for whatever they may be given.
    """
    cause: str
    fix: str
    ended_by: bool = False
    refused: str = ""
    """A pattern for the refused instruction itself, where that tells, and no origin."""


@record
class Entry:
    """A message: its name, what it looks like, what it means in plain words, and what to do about it.

    Names in braces in `cause` and `fix` are the pattern's groups. Its group `register` (or `other`) is the register at
    fault, and `at` the instruction that the message names.
    """

    name: str
    pattern: str
    cause: str
    fix: str
    trace: str = ""
    """What to look for as the origin. Empty where nothing leads further.

    `register`: what set the register at fault; `number`: the same, but where a number was added to a pointer, what set
    the number; `base`: what set the address that the instruction uses; `operand`: what set the number on its right;
    `r0`: what is returned; `call NAME`: the last call of a helper; `acquired`: the instruction of that group; `loop`:
    the loops on the way.
    """
    cases: tuple[Case, ...] = ()


@record
class Explanation:
    """An entry, filled in for one message."""

    entry: Entry
    groups: Mapping[str, str]


def explain(reason: str) -> Explanation | None:
    """The entry for a message of the verifier; None if it is in none."""
    for entry in CATALOGUE:
        if found := re.search(entry.pattern, reason):
            groups = {name: text for name, text in found.groupdict().items() if text is not None}
            if "map_type" in groups:
                groups["map_type"] = _map_type(groups["map_type"])
            if "helper" in groups:
                groups |= _helper(groups["helper"])
            return Explanation(entry, groups)
    return None


def _map_type(number: str) -> str:
    """A type of map by the kernel's name: `PROG_ARRAY` for 3; its number where it is a newer one."""
    prefix = "BPF_MAP_TYPE_"
    return next(
        (name[len(prefix) :] for name, value in vars(bpf).items() if name.startswith(prefix) and str(value) == number),
        number,
    )


def _helper(said: str) -> dict[str, str]:
    """What the table of helpers says of one: by its name, or `unknown#189` on a kernel that does not know it."""
    number = said.partition("#")[2]
    row = next((row for row in helpers().values() if row.name == said or str(row.number) == number), None)
    if row is None:
        return {"helper": said, "since": "", "kinds": ""}
    return {
        "helper": row.name,
        "since": f", which Linux {row.since[0]}.{row.since[1]} brought",
        "kinds": f"; {row.name} is for programs of the kinds {', '.join(row.kinds)}" if row.kinds else "",
    }


_NO_REGISTER_ACCESS = r"R(?P<register>\d+) invalid mem access"
_COMPILER = "it is a fault of the compiler that made the program: report it, with the source"
_OSMIA = "in a program that osmia compiled, it is a fault of the compiler: report it, with the source"
_LENGTH = "test it before the call: `if size == 0 or size > LIMIT: return`, where LIMIT is the buffer's size"
_OUTSIDE_MAP = (
    "test the index before it is used, `if i < N:` (not `<=`), or mask it: `i & (N - 1)` where N is a power of two"
)
_CHECK = "test it right behind the call, `if value is None: return ...`, on every path that uses it"

# The first entry whose pattern the message has.
CATALOGUE: tuple[Entry, ...] = (
    Entry(
        "null-check",
        _NO_REGISTER_ACCESS + r" '\w+_or_null'",
        "a value that may be missing is used without a check for None",
        _CHECK,
        "register",
        (
            Case(
                r"call bpf_ringbuf_reserve#",
                "the ring buffer may be full: its record is used without a check for None",
                _CHECK,
            ),
            Case(
                "",
                "what a global function is given may be missing, and is used without a check for None",
                "test it at the function's start, `if value is None: return ...`: such a function is verified by "
                "itself, for all that it may be given",
            ),
        ),
    ),
    Entry(
        "null-arith",
        r"R(?P<register>\d+) pointer arithmetic on \w+_or_null prohibited",
        "a field or an element is taken of a value that may be missing, before the check for None",
        _CHECK + ", before its fields are taken",
        "register",
    ),
    Entry(
        "pkt-bounds variable",
        r"invalid access to packet, off=-?\d+ size=\d+, R(?P<register>\d+)\(id=[1-9]\d*,off=-?\d+,r=0\)",
        "packet bytes are used at an offset that varies, and that no check has shown to be in the packet or that may "
        "be above 65535",
        "mask the offset, `offset & 0xfff`, before it is added to a place in the packet, and check the very place that "
        "is used: `header = ctx.packet.at(Header, offset)`, tested for None",
        "number",
    ),
    Entry(
        "pkt-bounds",
        r"invalid access to packet, off=(?P<off>-?\d+) size=(?P<size>\d+), R(?P<register>\d+)\(.*?r=(?P<proven>\d+)\)",
        "packet bytes are used that no check has shown to be there: {size} at offset {off}, where {proven} are known "
        "to be in the packet",
        "take a view, `header = ctx.packet.at(Header, offset)`, and test it for None before it is used",
        "register",
    ),
    Entry(
        "stale-or-scalar",
        _NO_REGISTER_ACCESS + r" '(?:scalar|inv)'",
        "a plain number is used as an address",
        "read memory of the kernel or of a process with probe_read_kernel or probe_read_user",
        "register",
        (
            Case(
                r"call bpf_ringbuf_(?:submit|discard)#",
                "a ring buffer's record is used after it was submitted or discarded",
                "do what is to be done with the record before; nothing of it may be used behind that call",
                ended_by=True,
            ),
            Case(
                r"call bpf_sk_release#",
                "a socket is used after it was released",
                "do what is to be done with the socket before; nothing of it may be used behind that call",
                ended_by=True,
            ),
            Case(
                r"call bpf_",
                "a place in the packet is used after a call that may have moved the packet",
                "take the view again behind the call: `ctx.packet.at(Header, offset)`",
                ended_by=True,
            ),
            Case(
                r"\*\(u\d+ \*\)\(r\d+ ",
                "an address that was saved on the stack is used after it was overwritten in part",
                "keep the address in a local of its own; " + _OSMIA,
            ),
        ),
    ),
    Entry(
        "map-oob",
        r"invalid access to map value, value_size=(?P<value_size>\d+) off=(?P<off>-?\d+) size=(?P<size>\d+)"
        r"(?:.*?; R(?P<register>\d+) )?",
        "an access outside a map's value: {size} bytes at offset {off} of a value of {value_size} bytes",
        _OUTSIDE_MAP,
        "number",
    ),
    Entry(
        "mem-oob",
        r"invalid access to memory, mem_size=(?P<mem_size>\d+) off=(?P<off>-?\d+) size=(?P<size>\d+)"
        r"(?:.*?; R(?P<register>\d+) )?",
        "an access outside the memory that belongs to the program: {size} bytes at offset {off} of {mem_size} bytes",
        "reserve as much as is written, such as with the struct itself as the record's type, and test an index",
        "number",
    ),
    Entry(
        "size-unbounded",
        r"R(?P<register>\d+) unbounded memory access, use 'var &= const' or 'if \(var < const\)'",
        "a length without an upper bound is given to a helper",
        _LENGTH,
        "register",
    ),
    Entry(
        "unbounded-mem",
        r"R(?P<register>\d+) unbounded memory access",
        "an index without an upper bound",
        _OUTSIDE_MAP,
        "number",
    ),
    Entry(
        "math-unbounded",
        r"math between \w+ pointer and register with unbounded min value is not allowed",
        "a number is added to an address that may be negative or has no bound",
        "give the index an unsigned type (u32) and test it before it is used, `if i < N:`, or mask it: `i & (N - 1)`",
        "operand",
    ),
    Entry(
        "value-makes-oob",
        r"value -?\d+ makes \w+ pointer be out of bounds|\w+ pointer offset -?\d+ is not allowed|"
        r"math between \w+ pointer and -?\d+ is not allowed",
        "a number is added to an address that leads further away than 512 MiB",
        "test the index against the size of what it is an index of, before it is used: `if i < N:`",
        "operand",
    ),
    Entry(
        "ptr-sub-stack",
        r"R(?P<register>\d+) subtraction from stack pointer prohibited",
        "a number is subtracted from the address of a local",
        "index forward from the start of the array, with an unsigned index that is tested before",
        "operand",
    ),
    Entry(
        "pkt-end",
        r"R(?P<register>\d+) pointer arithmetic on pkt_end prohibited",
        "a number is added to the packet's end, or subtracted from it",
        "put the number on the other side: `place + 4 > end` in place of `place > end - 4`",
        "register",
    ),
    Entry(
        "ptr-arith",
        r"R(?P<register>\d+) pointer arithmetic on (?P<found>\w+) prohibited",
        "a number is added to an address that may not be changed ({found})",
        "use it as it is; read fields of the context by name",
        "register",
    ),
    Entry(
        "ptr-32",
        r"R(?P<register>\d+) 32-bit pointer arithmetic prohibited",
        "an address is cut to 32 bits",
        "keep addresses in 64 bits; " + _OSMIA,
        "register",
    ),
    Entry(
        "ptr-op",
        r"R(?P<register>\d+) (?:bitwise operator|pointer arithmetic with) (?P<operator>\S+) ?(?:operator |on pointer )?"
        r"prohibited",
        "`{operator}` on an address: only a number can be added to one",
        "align or mask the offset before it is added to the address",
        "register",
    ),
    Entry(
        "uninit-reg",
        r"R(?P<register>\d+) !read_ok",
        "a value is read that is not set on this path",
        "set it on every path: give the variable a value before the first `if`, and return one at the end",
        "register",
        (
            Case(
                "",
                "a helper is called with too few arguments: its argument {register} is not given",
                "give it all that it takes: docs/helpers.md has the arguments of each",
                refused=r"call bpf_",
            ),
            Case(
                r"call ",
                "a register is read that the call before has overwritten: calls keep r6 to r9 only",
                "copy the value to one of r6 to r9, or to the stack, before the call; " + _OSMIA,
            ),
        ),
    ),
    Entry(
        "stack-var-write",
        r"invalid (?:unbounded )?variable-offset (?:write to|read from|indirect access to) stack R(?P<register>\d+)|"
        r"R(?P<other>\d+) variable stack access prohibited",
        "a local array is indexed by a number that may lead outside it",
        "test the index before it is used, `if i < N:`, or mask it, `i & (N - 1)`; or put the array in a map's value",
        "number",
    ),
    Entry(
        "stack-uninit",
        r"invalid (?:indirect )?(?:read|access) (?:from|to) stack (?:R(?P<register>\d+) )?off (?P<off>-?\d+)\+\d+ "
        r"size (?P<size>\d+)",
        "a local is given to a helper whose bytes are not all set: {size} are read, often with a struct's padding",
        "set all of it first, padding too: a struct that osmia makes is zeroed as a whole",
    ),
    Entry(
        "stack-oob",
        r"invalid (?:write|read) (?:to|from) stack R10 off=(?P<off>-?\d+) size=\d+",
        "an access outside the program's stack, which has 512 bytes: at offset {off} from its end",
        "keep the locals of a function within 512 bytes: put larger ones in a per-CPU array",
    ),
    Entry(
        "stack-oob argument",
        r"invalid (?:write|read|(?:indirect|unbounded) \w+) (?:to|from) stack R(?P<register>\d+) off[= ]",
        "an access outside the part of the stack that is set: a local that is smaller than what the helper reads or "
        "writes, an index that leads out of one, or a local of which nothing is set",
        "give a key the map's key type and a value its value type, let no length be larger than the buffer, and set a "
        "local before it is read",
    ),
    Entry(
        "stack-depth",
        r"combined stack size of (?P<calls>\d+) calls is (?P<bytes>\d+)\. Too large",
        "the locals of all functions on one path of calls take {bytes} bytes, where 512 are allowed",
        "put large locals in a per-CPU array, or call fewer functions inside one another",
    ),
    Entry(
        "call-depth",
        r"the call stack of (?P<frames>\d+) frames is too deep",
        "more nested calls of functions than this kernel takes, or a function that calls itself",
        "call fewer functions inside one another; a loop takes the place of a function that calls itself",
    ),
    Entry(
        "infinite-loop",
        r"infinite loop detected at insn (?P<at>\d+)",
        "a loop that may never end: it comes back to where it was with nothing changed",
        "let every round change what the loop tests, such as `for i in range(N):` does",
    ),
    Entry(
        "recursion",
        r"recursive call from \S* to ",
        "a function calls itself, or one that calls it",
        "write it as a loop",
    ),
    Entry(
        "back-edge",
        r"back-edge from insn (?P<at>\d+) to (?P<to>\d+)",
        "a loop, which takes Linux 5.3 and CAP_BPF, or a function that calls itself",
        "unroll the loop, or load the program with CAP_BPF; write a function that calls itself as a loop",
    ),
    Entry(
        "too-large",
        r"BPF program is too large\. Processed (?P<steps>\d+) insn",
        "the program takes the verifier more than a million steps: most often a loop of many rounds",
        "give the loop a small constant bound, or let the kernel run it (bpf_loop, which is "
        "`osmia.loop(count, function)`, from 5.17 on), or move its body into a global function, which is verified by "
        "itself",
        "loop",
    ),
    Entry(
        "too-complex",
        r"The sequence of (?P<jumps>\d+) jumps is too complex",
        "more than 8192 branches on one path",
        "move parts into global functions, which are verified by themselves, or behind tail calls; make long chains of "
        "`if` a look-up in a map",
        "loop",
    ),
    Entry(
        "ref-leak",
        r"Unreleased reference id=\d+ alloc_insn=(?P<acquired>\d+)",
        "a socket, or something else that was taken from the kernel, is not released on this path",
        "release it on every path, before the program ends",
        "acquired",
        (
            Case(
                r"call bpf_ringbuf_reserve#",
                "a ring buffer's record is neither submitted nor discarded on this path",
                "use it in a scope that does so on every path: `with ring.reserve(T) as event:`",
            ),
        ),
    ),
    Entry(
        "release-offset",
        r"R(?P<register>\d+) must have zero offset when passed to release func",
        "what is given back is a place inside the record, not the record",
        "submit or discard the record itself, not a field of it",
        "register",
    ),
    Entry(
        "known-const",
        r"R(?P<register>\d+) is not a (?:known constant|const)|R(?P<other>\d+) unbounded size, use",
        "an argument that must be a constant is not one",
        "write the number itself; where the size varies, use ring.output() in place of reserve",
        "register",
    ),
    Entry(
        "zero-size",
        r"R(?P<register>\d+) invalid zero-sized read",
        "a length that may be 0 is given to a helper",
        _LENGTH,
        "register",
    ),
    Entry(
        "zero-sized",
        r"(?<!\d )invalid zero-sized read",
        "a helper is given a length that may be 0, or a map whose keys have no bytes",
        _LENGTH + "; ring buffers have no look-up",
    ),
    Entry(
        "size-neg",
        r"R(?P<register>\d+) min value is negative, either use unsigned or 'var &= const'",
        "a number that may be negative is given to a helper as a length, or used as an index",
        "give it an unsigned type (u32), and test it before: `if size == 0 or size > LIMIT: return`",
        "number",
    ),
    Entry(
        "release-type",
        r"R(?P<register>\d+) type=(?P<found>\w+) expected=(?:ringbuf_mem|mem|alloc_mem)$",
        "what is submitted or discarded is no record of a ring buffer",
        "give the helper what ring.reserve() returned",
        "register",
        (
            Case(
                r"call bpf_ringbuf_(?:submit|discard)#",
                "a ring buffer's record is submitted or discarded twice",
                "submit or discard it once on every path: `with ring.reserve(T) as event:`",
                ended_by=True,
            ),
        ),
    ),
    Entry(
        "snprintf-ro",
        r"R(?P<register>\d+) does not point to a readonly map",
        "a format that is not a constant",
        "write the format as a literal",
        "register",
    ),
    Entry(
        "arg-type",
        r"R(?P<register>\d+) type=(?P<found>\w+) expected=(?P<expected>.+)",
        "a helper is given an argument of the wrong kind: {found}",
        "give it what it takes: the address of a local, not its value; a map by its name",
        "register",
    ),
    Entry(
        "bad-map-kind",
        r"cannot pass map_type (?P<map_type>\d+) into func bpf_(?P<helper>\w+)#",
        "{helper} does not work on a map of the type {map_type}",
        "use the class of map that has this method",
    ),
    Entry(
        "tail-map",
        r"expected prog array map for tail call",
        "a helper that does not work on maps of this type",
        "use the class of map that has this method: tail calls take a program array",
    ),
    Entry(
        "helper-na",
        r"(?:program of this type cannot use helper|unknown func) bpf_(?P<helper>\w+)#",
        "a helper that programs of this kind may not call, on this kernel at least: {helper}",
        "use the methods of the program's context: they are those that its kind has{kinds}",
    ),
    Entry(
        "helper-unknown",
        r"invalid func (?P<helper>\S+)",
        "a helper that this kernel does not have: {helper}{since}",
        "use one that the oldest kernel has on which the program is to run",
    ),
    Entry(
        "gpl",
        r"cannot call GPL-restricted function from non-GPL compatible program",
        "a helper that only programs under the GPL may call",
        'say LICENSE = "GPL" in the file, or "Dual MIT/GPL"',
    ),
    Entry(
        "sleep",
        r"helper call might sleep in a non-sleepable prog|sleepable helper \S+ in non-sleepable",
        "a helper that may sleep, in a program that may not",
        "make it a sleepable program where its kind has those, or use one that does not sleep, such as probe_read_user",
    ),
    Entry(
        "ctx-modified",
        r"variable ctx access var_off|dereference of modified (?:ctx )?ptr",
        "the context is read at an offset that varies, or through an address that was changed",
        "read the fields of the context by name",
        "number",
    ),
    Entry(
        "ctx-access",
        r"invalid bpf_context access off=(?P<off>\d+) size=(?P<size>\d+)|BPF_ST stores into R(?P<register>\d+) ctx",
        "a field of the context that is not there for this kind of program, or may not be read or written this way",
        "use the fields of the program's context by name; write only to those that can be written",
    ),
    Entry(
        "ret-range",
        r"At (?:program exit|callback return) the register R0 has .*should have been in (?P<allowed>\S+ \S+)",
        "a return value that this hook does not allow: it takes {allowed}",
        "return one of the hook's named actions, and limit a computed value before",
        "r0",
    ),
    Entry(
        "ro-map",
        r"write into map forbidden, value_size=(?P<value_size>\d+)",
        "a write to a read-only map",
        "a setting is set before the program is loaded; what changes belongs in a Global or another map",
        "base",
    ),
    Entry(
        "ro-pkt",
        r"cannot write into packet",
        "a write to the packet, which programs of this kind may only read",
        "use a helper that writes, such as skb_store_bytes, or another hook: XDP and tc write packets",
        "base",
    ),
    Entry(
        "btf-ro",
        r"only read is supported|only read from \w+ is supported",
        "a write to an object of the kernel",
        "objects of the kernel are read-only: only its functions change them",
        "base",
    ),
    Entry(
        "lock-call",
        r"function calls are not allowed while holding a lock",
        "a helper or a function is called while a lock is held",
        "take its result before the lock: inside `with value.lock:` there is room for reads and writes only",
        "call spin_lock",
    ),
    Entry(
        "lock-exit",
        r"cannot be used inside bpf_spin_lock-ed region|bpf_spin_unlock is missing",
        "the program ends while a lock is held",
        "use `with value.lock:`, which unlocks on every path",
        "call spin_lock",
    ),
    Entry(
        "lock-btf",
        r"map '(?P<map>[^']*)' has to have BTF in order to use bpf_spin_lock",
        "the map '{map}' does not say where in its value the lock is: it was made without type information",
        "declare the lock in the value's struct, and load the object with its BTF",
    ),
    Entry(
        "lock-none",
        r"map '(?P<map>[^']*)' (?:has no valid bpf_spin_lock|doesn't have 'struct bpf_spin_lock'|is not a struct type)",
        "a lock is taken in a value of the map '{map}', which has none",
        "declare it in the value's struct: `lock: SpinLock = spin_lock()`",
    ),
    Entry(
        "lock-place",
        r"off -?\d+ doesn't point to 'struct bpf_spin_lock'",
        "what is locked is another part of the map's value than the lock",
        "use `with value.lock:`, by the name of the field",
    ),
    Entry(
        "lock-access",
        r"bpf_spin_lock cannot be accessed directly by load/store",
        "a lock is read or written like a number",
        "use it in `with value.lock:`, and name the other fields of the value one by one",
        "base",
    ),
    Entry(
        "lock-unlock",
        r"bpf_spin_unlock without taking a lock|bpf_spin_unlock of different lock",
        "a lock is given back that is not held",
        "use `with value.lock:`, which locks and unlocks",
    ),
    Entry(
        "atomic-target",
        r"BPF_(?:ATOMIC|XADD) stores into R(?P<register>\d+) (?P<found>\w+) is not allowed",
        "an atomic operation on memory of the kind {found}",
        "atomic operations work on values of maps and on locals only",
        "register",
    ),
    Entry(
        "misaligned",
        r"misaligned (?P<memory>\w+) access off .* size (?P<size>\d+)",
        "an access of {size} bytes at an address that is not a multiple of {size}",
        "order a struct's fields by size, largest first, and read unaligned fields of packets bytewise",
    ),
    Entry(
        "fill-size",
        r"invalid size of register fill|corrupted spill memory|attempt to corrupt spilled pointer",
        "an address that was saved on the stack is read or overwritten in part",
        "read and write saved addresses whole; " + _OSMIA,
    ),
    Entry(
        "div0",
        r"^div by zero",
        "a division by the constant 0",
        "divide by another constant; osmia tests a divisor that varies by itself",
    ),
    Entry(
        "shift",
        r"invalid shift (?P<bits>\d+)",
        "a shift by the constant {bits}, which is the width of the value or more",
        "shift by less than 64 bits, or by less than 32 where the value has 32",
    ),
    Entry(
        "unreachable",
        r"unreachable insn (?P<at>\d+)",
        "code that can never run",
        "leave it out; " + _OSMIA,
    ),
    Entry(
        "no-exit",
        r"last insn is not an exit or jmp|reaches its last instruction (?P<at>\d+) without an exit or jump",
        "a function that does not end with a return",
        "return a value at the end",
    ),
    Entry(
        "jump-oob",
        r"jump out of range from insn (?P<at>\d+) to (?P<to>\d+)",
        "a jump from one function into another, or behind the end",
        _COMPILER,
    ),
    Entry(
        "fp-ro",
        r"frame pointer is read only",
        "r10, which points to the stack, is written",
        _COMPILER,
    ),
    Entry(
        "kfunc",
        r"kernel btf_id (?P<id>\d+) is not a function|calling kernel function (?P<function>\S+) is not allowed|"
        r"The kfunc (?P<later>\S+) is not allowed",
        "a function of the kernel that this kernel does not have, or that programs of this kind may not call",
        "use a function or a helper that the oldest kernel has on which the program is to run",
    ),
    Entry(
        "opcode",
        r"unknown opcode (?P<opcode>\w+)|uses reserved fields|uses invalid atomic opcode|invalid BPF_LD_IMM insn",
        "an instruction that this kernel does not know",
        "build for an older instruction set: `osmia build --cpu v3`, or v2",
    ),
    Entry(
        "ld-abs",
        r"BPF_LD_\[ABS\|IND\] instructions not allowed",
        "an old instruction that loads from the packet, which programs of this kind do not have",
        "read the packet through ctx.packet",
    ),
)
