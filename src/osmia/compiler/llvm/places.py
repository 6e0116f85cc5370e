"""What is known of addresses before a program is written: where they lead, their alignment, and their padding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.origins import leading_to, leads_to
from osmia.compiler.ir.types import PlaceType, is_pointer, is_scalar
from osmia.compiler.ir.walk import nodes
from osmia.compiler.llvm.memory import mask_of

if TYPE_CHECKING:
    from osmia.layout import Layout

# What is not in the program's own memory may be read at any address: packets and maps lie where they lie.
ANY_ALIGNMENT = 8
# Stands for every object that is not in the program's own memory.
ELSEWHERE = -1


class Places:
    """What the references of one function may lead to, whatever the way that is taken."""

    def __init__(self, body: tuple[ir.Statement, ...], parameters: tuple[ir.Local, ...]) -> None:
        """`parameters` are references that a caller gives: they may lead to its stack."""
        self._parameters = frozenset(parameters)
        self._assigned = [
            (each.local, each.value)
            for each in nodes(body)
            if isinstance(each, ir.Assign | ir.AssignExpression) and is_pointer(each.local.type)
        ]
        # What is never assigned is given: by a caller, or by the kernel.
        self._objects: dict[ir.Local, frozenset[int]] = {local: frozenset() for local, _ in self._assigned}
        self._objects |= dict.fromkeys(parameters, frozenset((ELSEWHERE,)))
        self.on_stack = leading_to(body, ir.Construct, parameters)
        self._alignments: dict[ir.Local, int] = {}
        self._settle()
        self._dirty = self._with_dirty_padding(body)

    def _settle(self) -> None:
        """Follow the assignments until nothing is added."""
        while True:
            before = dict(self._objects), dict(self._alignments)
            for local, value in self._assigned:
                self._objects[local] |= self._leads_to(value)
                self._alignments[local] = min(self._alignments.get(local, ANY_ALIGNMENT), self.alignment(value))
            if before == (self._objects, self._alignments):
                return

    def alignment(self, place: ir.Expression) -> int:
        """What an address is a multiple of, as far as the verifier asks for it."""
        if not leads_to(place, ir.Construct, self.on_stack):
            return ANY_ALIGNMENT
        match place:
            case ir.Field(base=base, field=field):
                return min(self.alignment(base), lowest_bit(field.offset))
            case ir.Element(base=base, type=of):
                return min(self.alignment(base), lowest_bit(of.layout.size))
            case ir.Construct():
                return ANY_ALIGNMENT
            case (
                ir.Unwrap(operand=inside)
                | ir.Assume(operand=inside)
                | ir.Require(operand=inside)
                | ir.Sequence(value=inside)
            ):
                return self.alignment(inside)
            case ir.Conditional(then=then, otherwise=otherwise):
                return min(self.alignment(then), self.alignment(otherwise))
            case ir.LocalRead(local=local) | ir.AssignExpression(local=local) if local not in self._parameters:
                return self._alignments.get(local, ANY_ALIGNMENT)
            case _:
                assert isinstance(place.type, PlaceType)
                return place.type.layout.alignment

    def _leads_to(self, place: ir.Expression) -> frozenset[int]:
        """The objects that a place may be in: the nodes that make them, by identity."""
        match place:
            case ir.Construct():
                return frozenset((id(place),))
            case ir.Constant():
                return frozenset()
            case ir.LocalRead(local=local):
                return self._objects.get(local, frozenset((ELSEWHERE,)))
            case ir.AssignExpression(value=inside) | ir.Sequence(value=inside):
                return self._leads_to(inside)
            case ir.Field(base=base) | ir.Element(base=base):
                return self._leads_to(base)
            case ir.Unwrap(operand=inside) | ir.Assume(operand=inside) | ir.Require(operand=inside):
                return self._leads_to(inside)
            case ir.Conditional(then=then, otherwise=otherwise):
                return self._leads_to(then) | self._leads_to(otherwise)
            case _:
                return frozenset((ELSEWHERE,))

    def padding_is_zero(self, place: ir.Expression) -> bool:
        """Whether what lies between the fields is certainly 0, as the kernel's comparison of keys needs it."""
        assert isinstance(place.type, PlaceType)
        return not has_padding(place.type.layout) or not self._leads_to(place) & self._dirty

    def _with_dirty_padding(self, body: tuple[ir.Statement, ...]) -> frozenset[int]:
        """Objects between whose fields something else than zeros may lie: it came from a packet, a map, the kernel."""
        made = list(nodes(body))
        dirty = frozenset((ELSEWHERE,))
        for each in made:
            if isinstance(each, ir.HelperCall | ir.CallFunction):
                arguments = [part for part in each.arguments if isinstance(part, ir.Expression)]
                dirty = dirty.union(*(self._leads_to(part) for part in arguments if is_pointer(part.type)))
        copies = [copy for each in made for copy in self._copies(each)]
        while True:
            more = dirty.union(*(targets for source, targets in copies if source & dirty))
            if more == dirty:
                return dirty
            dirty = more

    def _copies(self, node: ir.Statement | ir.Expression) -> list[tuple[frozenset[int], frozenset[int]]]:
        """Where bytes between fields are copied: from which objects, to which."""
        match node:
            case ir.Copy(place=place, source=source) if _padded(source):
                return [(self._leads_to(source), self._leads_to(place))]
            case ir.Construct(values=values):
                return [
                    (self._leads_to(value), frozenset((id(node),)))
                    for field, value in values
                    if not is_scalar(field.layout) and _padded(value)
                ]
            case _:
                return []


def _padded(place: ir.Expression) -> bool:
    return isinstance(place.type, PlaceType) and has_padding(place.type.layout)


def has_padding(layout: Layout) -> bool:
    """Whether some of its bits belong to no field."""
    return not is_scalar(layout) and any(byte != 0xFF for byte in mask_of(layout))


def lowest_bit(number: int) -> int:
    """The largest power of two that divides an offset, as far as alignment goes."""
    return min(number & -number, ANY_ALIGNMENT) if number else ANY_ALIGNMENT
