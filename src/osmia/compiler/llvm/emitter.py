"""The text of one LLVM function while it is written: instructions, labels, slots, places in the source."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from osmia.compiler.ir.types import IntType
    from osmia.compiler.llvm.debug_info import DebugInfo
    from osmia.compiler.location import Location
    from osmia.types import Integer

BARRIER = 'call void asm sideeffect "", "~{memory}"() nounwind'
KEEP_APART = 'call void asm sideeffect "", ""() nounwind memory(inaccessiblemem: readwrite)'
ATTRIBUTES = "#0"
"""Of every function; module.py says what they are."""


class Emitter:
    """Collects instructions. Methods that make a value return the operand that holds it; numbers are i64."""

    def __init__(self, debug: DebugInfo, scope: str) -> None:
        self._debug = debug
        self._scope = scope
        self._entry: list[str] = []
        self._body: list[str] = []
        self._count = 0
        self.place = ""
        """Where what is written next comes from."""
        self.ended = False
        """Whether control cannot come to what is written next."""
        self.marked = ""
        """The mark that stands last in this block, in a debug build."""

    def text(self) -> str:
        """All blocks."""
        return "\n".join(["entry:", *self._entry, "  br label %start", "start:", *self._body]) + "\n"

    def at(self, location: Location) -> None:
        """What is written next comes from this place."""
        self.place = self._debug.place(location, self._scope)

    def line(self, text: str) -> None:
        """An instruction without a value."""
        self._body.append(f"  {text}, !dbg {self.place}")

    def at_start(self, text: str) -> None:
        """An instruction at the function's start, behind the slots that there are by now."""
        self._entry.append(f"  {text}, !dbg {self.place}")

    def value(self, text: str) -> str:
        """An instruction that makes a value."""
        name = self.name("")
        self.line(f"{name} = {text}")
        return name

    def go(self, label: str) -> None:
        """Go on at a label, unless control cannot come here."""
        if not self.ended:
            self.line(f"br label %{label}")
            self.ended = True

    def branch(self, condition: str, when_true: str, when_false: str) -> None:
        """Go on at one of two labels."""
        self.line(f"br i1 {condition}, label %{when_true}, label %{when_false}")
        self.ended = True

    def start(self, label: str) -> None:
        """Begin a block."""
        self._body.append(f"{label}:")
        self.ended = False
        self.marked = ""

    def label(self, hint: str) -> str:
        """A label of its own."""
        return self.name(hint)[1:]

    def slot(self, of: str) -> str:
        """Memory for one `ptr` or `iN`, in the function's frame."""
        name = self.name("slot")
        self._entry.append(f"  {name} = alloca {of}, align {8 if of == 'ptr' else int(of[1:]) // 8}")
        return name

    def object(self, size: int) -> str:
        """Memory for an object, 8-aligned."""
        name = self.name("object")
        self._entry.append(f"  {name} = alloca [{(size + 7) // 8} x i64], align 8")
        return name

    def opaque(self, number: str) -> str:
        """The same number, of which LLVM knows nothing."""
        return self.value(f'call i64 asm sideeffect "", "=r,0"(i64 {number})')

    def is_constant(self, number: str) -> str:
        """Whether LLVM finds a number constant once it has unrolled loops (i1, which it decides)."""
        return self.value(f"call i1 @llvm.is.constant.i64(i64 {number})")

    def hidden(self, value: str, of: str, known: str) -> str:
        """The same value, of which LLVM knows only that equal ones stay equal; `known` says whether to show it."""
        unknown = self.value(f'call {of} asm "", "=r,0"({of} {value}) nounwind memory(none)')
        return self.value(f"select i1 {known}, {of} {value}, {of} {unknown}")

    def opaque_unless_constant(self, number: str) -> str:
        """The same number, of which LLVM knows nothing but that it is a constant, where it is: in unrolled loops."""
        return self.hidden(number, "i64", self.is_constant(number))

    def context_field(self, base: str, offset: int, of: str) -> str:
        """One intrinsic for address and load: apart, LLVM would make of them an access that the verifier refuses."""
        return self.value(
            f"call {of} (ptr, i1, i8, i8, i8, i1, ...) @llvm.bpf.getelementptr.and.load.{of.replace('ptr', 'p0')}"
            f"(ptr readonly elementtype(i8) {base}, i1 false, i8 0, i8 1, i8 {_alignment(of)}, i1 true,"
            f" i64 immarg {offset})"
        )

    def context_store(self, offset: int, bits: int, value: str) -> None:
        """The same for a store."""
        of = f"i{bits}"
        self.line(
            f"call void ({of}, ptr, i1, i8, i8, i8, i1, ...) @llvm.bpf.getelementptr.and.store.{of}"
            f"({of} {value}, ptr writeonly elementtype(i8) %ctx, i1 false, i8 0, i8 1, i8 {_alignment(of)}, i1 true,"
            f" i64 immarg {offset})"
        )

    def name(self, hint: str) -> str:
        """A name of its own."""
        self._count += 1
        return f"%{hint or 'v'}{self._count}"

    def narrowed(self, value: str, bits: int) -> str:
        """The lowest bits of a number, as an integer of that width."""
        if bits == 64:
            return value
        if value[0] == "%":
            return self.value(f"trunc i64 {value} to i{bits}")
        number = int(value) & ((1 << bits) - 1)
        return str(number - (1 << bits) if number >> (bits - 1) else number)

    def extended(self, value: str, bits: int, *, signed: bool) -> str:
        """An integer of some width as a number."""
        if bits == 64:
            return value
        return self.value(f"{'sext' if signed else 'zext'} i{bits} {value} to i64")

    def wrapped(self, value: str, storage: type[Integer], of: IntType | None) -> str:
        """A number wrapped at a declared width."""
        if storage.bits == 64 or (of is not None and storage.low <= of.low and of.high <= storage.high):
            return value
        narrow = self.value(f"trunc i64 {value} to i{storage.bits}")
        return self.extended(narrow, storage.bits, signed=storage.signed)

    def call(self, helper: int, *arguments: str, of: str = "i64", effects: str = "") -> str:
        """A call of a helper; arguments carry their types, and `effects` says which memory it may touch."""
        return self.value(f"call {of} inttoptr (i64 {helper} to ptr)({', '.join(arguments)}){effects}")


def _alignment(of: str) -> int:
    """The power of two that a field of that type is aligned to."""
    return (8 if of == "ptr" else int(of[1:]) // 8).bit_length() - 1
