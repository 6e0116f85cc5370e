"""What helpers are called with, checked by the table of helpers before any of them runs."""

from __future__ import annotations

from osmia.abi.helpers import called, helpers
from osmia.vm.code import FUNCTIONS
from osmia.vm.faults import named
from osmia.vm.memory import READ_ONLY
from osmia.vm.objects import SOCKETS, KernelObject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia.abi.helper_row import HelperArgument, HelperRow
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper

    Check = Callable[[Execution, tuple[int, ...]], None]

LARGEST = 1 << 29
"""More memory than this the verifier lets no helper be given (BPF_MAX_VAR_SIZ)."""
LONGEST_TEXT = 1 << 12
STRUCT_SIZES = {"iphdr": 20, "ipv6hdr": 40, "tcphdr": 20}
_OF_VOID = {
    "inode_storage_get": "inode",
    "inode_storage_delete": "inode",
    "skb_output": "sk_buff",
    "xdp_output": "xdp_buff",
}
"""What `void *` points to that a helper takes, where it is no socket."""
_SELF_CHECKED = ("tail_call",)
"""What engines do themselves."""


_ROWS: dict[int, HelperRow] = {}
_ARITY: dict[int, int] = {}


def row_of(number: int) -> HelperRow:
    """The row of a helper. KeyError for a number that none has."""
    return _rows()[number]


def arity(number: int) -> int:
    """How many registers a helper reads for sure; 0 for one that does not exist."""
    if not _ARITY:
        for row in _rows().values():
            _ARITY[row.number] = sum(each.kind != "varying" for each in row.arguments)
    return _ARITY.get(number, 0)


def checked(number: int, helper: Helper) -> Helper:
    """A helper with what its row says of its arguments, and of the packet."""
    row = row_of(number)
    checks = [check for index in range(len(row.arguments)) if (check := _check_of(row, index)) is not None]
    moves = row.changes_packet and row.name not in _SELF_CHECKED
    if not checks and not moves:
        return helper

    def call(run: Execution, *arguments: int) -> int:
        for check in checks:
            check(run, arguments)
        if not moves:
            return helper(run, *arguments)
        packet = run.context.packet
        before = packet.block if packet is not None else None
        result = helper(run, *arguments)
        # The verifier takes what was known of the packet away, whatever the helper did: so nothing is left there.
        if packet is not None and packet.block is before:
            packet.move()
        run.context.packet_moved()
        return result

    return call


def _rows() -> dict[int, HelperRow]:
    if not _ROWS:
        _ROWS.update({row.number: row for row in helpers().values()})
    return _ROWS


def _check_of(row: HelperRow, index: int) -> Check | None:
    """What is to be checked of an argument; None where nothing is, or the helper does it."""
    argument = row.arguments[index]
    what = f"{called(row)}'s {argument.parameter or argument.name}"
    match argument.kind:
        case "context":
            return _context(what, row, index)
        case "memory":
            return _memory(what, row, index)
        case "object":
            return _object(what, row, index)
        case "string":
            return _string(what, index)
        case "callback":
            return _callback(what, index)
        case "callback context":
            return _callback_context(what, index)
    return None


def _context(what: str, row: HelperRow, index: int) -> Check:
    nullable = row.arguments[index].nullable
    others = row.given_first

    def check(run: Execution, arguments: tuple[int, ...]) -> None:
        address = arguments[index]
        if address == run.context.address or (nullable and address == 0):
            return
        # Programs of some kinds give a socket or another object here; of others their context is one.
        if (run.program.kind.name in others or row.form == "map") and (address == 0 or address in run.machine.objects):
            return
        raise run.fault("helper", f"{what} is {_shown(run, address)}, expected the program's context")

    return check


def _memory(what: str, row: HelperRow, index: int) -> Check:
    argument = row.arguments[index]
    behind = row.arguments[index + 1] if index + 1 < len(row.arguments) else None
    sized = behind if behind is not None and behind.kind == "size" else None
    fixed = argument.size if isinstance(argument.size, int) else STRUCT_SIZES.get(argument.size, 1)

    def check(run: Execution, arguments: tuple[int, ...]) -> None:
        address = arguments[index]
        size = fixed if sized is None else arguments[index + 1]
        if sized is not None and size > LARGEST:
            size = _narrowed(run, what, size, sized)
        if size == 0:
            if sized is not None and sized.nullable:
                return
            raise run.fault("helper", f"{what} has 0 bytes, expected at least 1", fix="give it some memory")
        if argument.access != "write" and not run.machine.memory.readable(address, size):
            raise run.access_fault(address, size, writes=False, what=f"{what}: read")
        if argument.access != "read" and not run.machine.memory.writable(address, size):
            raise run.access_fault(address, size, writes=True, what=f"{what}: write")

    return check


def _narrowed(run: Execution, what: str, size: int, argument: HelperArgument) -> int:
    """The size that the kernel's function takes of a register. VmError for what is too much."""
    narrow = size & 0xFFFF_FFFF if argument.type in ("u32", "int") else size
    if narrow > LARGEST:
        shown = narrow - (1 << 32) if narrow >> 31 == 1 else narrow
        raise run.fault("helper", f"{what} has {shown} bytes, expected at most {LARGEST}", fix="test the size before")
    return narrow


def _object(what: str, row: HelperRow, index: int) -> Check:
    argument = row.arguments[index]
    struct = argument.type.removeprefix("struct ").removesuffix(" *").strip()
    if struct == "void":
        struct = _OF_VOID.get(row.name, "sock_common")
    wanted = "a socket" if struct in SOCKETS else f"a struct {struct}"

    def check(run: Execution, arguments: tuple[int, ...]) -> None:
        address = arguments[index]
        if address == 0 and argument.nullable:
            return
        if address == 0:
            raise run.access_fault(address, 1, writes=False, what=f"{what}: read")
        found = object_at(run, what, address)
        if found.struct != struct and not (found.is_socket and struct in SOCKETS):
            raise run.fault("helper", f"{what} is a struct {found.struct}, expected {wanted}")

    return check


def object_at(run: Execution, what: str, address: int) -> KernelObject:
    """The object that a helper is given. VmError where there is none, or none any more."""
    found = run.machine.objects.get(address)
    if found is not None:
        return found
    if not run.machine.memory.readable(address, 1):
        raise run.access_fault(address, 1, writes=False, what=f"{what}: read")
    raise run.fault("helper", f"{what} is {_shown(run, address)}, expected an object of the kernel")


def _string(what: str, index: int) -> Check:
    def check(run: Execution, arguments: tuple[int, ...]) -> None:
        memory, address = run.machine.memory, arguments[index]
        for at in range(address, address + LONGEST_TEXT):
            if not memory.readable(at, 1):
                raise run.access_fault(at, 1, writes=False, what=f"{what}: read")
            if memory.shadow[at] != READ_ONLY:
                raise run.fault("helper", f"{what} is {_shown(run, at)}, expected a text that cannot change")
            if memory.data[at] == 0:
                return
        raise run.fault("helper", f"{what} has no ending zero")

    return check


def _callback(what: str, index: int) -> Check:
    def check(run: Execution, arguments: tuple[int, ...]) -> None:
        if not FUNCTIONS <= arguments[index] < FUNCTIONS + len(run.code.slots):
            raise run.fault("helper", f"{what} is {_shown(run, arguments[index])}, expected a function of the program")

    return check


def _callback_context(what: str, index: int) -> Check:
    def check(run: Execution, arguments: tuple[int, ...]) -> None:
        address = arguments[index]
        if address and not run.machine.on_stack(address):
            raise run.fault("helper", f"{what} is {_shown(run, address)}, expected something on the stack, or None")

    return check


def _shown(run: Execution, address: int) -> str:
    """What an address is, for errors."""
    if address == 0:
        return "a null pointer"
    if FUNCTIONS <= address < FUNCTIONS << 1:
        return "a function"
    if address == run.context.address:
        return "the program's context"
    return named(run.machine.memory, address)
