"""A packet: layers put together with `/`, and what tests ask of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from osmia.errors import shown
from osmia.structs import replace
from osmia.testing.packets.completion import complete, header_of, unsaid
from osmia.testing.packets.fragmentation import fragments
from osmia.testing.packets.layer import BY_HEADER, EVERY_FIELD, KINDS, Layer, cut_note
from osmia.testing.packets.numbers import as_number, number_in
from osmia.testing.packets.text import packet_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia.testing.packets.completion import Complete

T = TypeVar("T")


class Packet:
    """Layers of a packet, the outermost first. It never changes; it equals all bytes that are the same.

    `bytes(packet)` is what is on the wire: what follows, lengths and checksums are computed where they are not said.
    """

    __slots__ = ("_layers", "_whole")

    def __init__(self, layers: Sequence[Layer]) -> None:
        """The functions of this package make packets; this is for them."""
        self._layers = tuple(layers)
        self._whole: Complete | None = None

    def __truediv__(self, inner: Packet | bytes | bytearray | memoryview) -> Packet:
        """The packet with another one, or bytes, in its last layer."""
        if isinstance(inner, (bytes, bytearray, memoryview)):
            inner = Packet((Layer(None, rest=bytes(inner)),) if len(inner) else ())
        if not isinstance(inner, Packet):
            raise TypeError(f"what follows / is a layer, such as udp(), or bytes; not {shown(inner)}")
        if any(layer.padding for layer in self._layers):
            raise TypeError("padding comes last: put the whole packet together before padded()")
        if self._layers and inner._layers:
            _check_order(self._layers[-1], inner._layers[0])
        return Packet(self._layers + inner._layers)

    def __bytes__(self) -> bytes:
        return self._complete.data

    def __len__(self) -> int:
        return len(self._complete.data)

    def __bool__(self) -> bool:
        """Whether there is anything in it; layers alone may lack what their checksums count."""
        return bool(self._layers)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (Packet, bytes, bytearray, memoryview)):
            return bytes(self) == bytes(other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(bytes(self))

    def __repr__(self) -> str:
        try:
            return packet_text(self._layers, self._complete)
        except (TypeError, ValueError) as error:  # what a debugger shows of it is no place to raise
            return f"<packet of {' / '.join(layer.name for layer in self._layers)}, which cannot be made: {error}>"

    def __contains__(self, header: object) -> bool:
        """Whether it has such a header: `Tcp in packet`."""
        return any(layer.kind is not None and layer.kind.header is header for layer in self._layers)

    def at(self, header: type[T], nth: int = 0) -> T:
        """A copy of one of its headers: `packet.at(IPv4).ttl`. `nth` counts those of that class from the outside.

        LookupError if there is none.
        """
        place = self._place(header, nth)
        kind = self._layers[place].kind
        assert kind is not None
        return header_of(kind, self._complete.parts[place])  # type: ignore[no-any-return]

    def offset(self, header: type, nth: int = 0) -> int:
        """Where one of its headers starts, in bytes."""
        return sum(map(len, self._complete.parts[: self._place(header, nth)]))

    def options(self, header: type, nth: int = 0) -> bytes:
        """What follows the struct in one of its headers: options of IPv4 and TCP, what an extension header holds."""
        place = self._place(header, nth)
        kind = self._layers[place].kind
        assert kind is not None
        return self._complete.parts[place][kind.size :]

    @property
    def payload(self) -> bytes:
        """The bytes behind its last header, without padding."""
        return b"".join(
            part for layer, part in zip(self._layers, self._complete.parts, strict=True) if layer.kind is None
        )

    def changed(self, header: type, nth: int = 0, /, **fields: Any) -> Packet:
        """The same packet with other fields in one of its headers; checksums and lengths are computed again.

        Those that were said, or wrong in what was dissected, stay as they are; None has a field computed.
        """
        place = self._place(header, nth)
        layers = list(unsaid(self._layers, self._complete))
        layer = layers[place]
        assert layer.kind is not None
        given = {name: value for name, value in fields.items() if value is not None}
        for name, value in given.items():
            _check_field(header, name)
            if name in layer.kind.addresses:
                given[name] = layer.kind.addresses[name][0](value, f"changed(): {header.__name__}.{name}")
        said = (layer.said | set(given)) - (set(fields) - set(given))
        layers[place] = Layer(
            layer.kind, replace(layer.header, **given), layer.rest, frozenset(said), layer.padding, layer.note
        )
        return Packet(layers)

    def padded(self, size: int, fill: int = 0) -> Packet:
        """A frame of at least `size` bytes: what is missing is added behind it, as network cards do up to 60 bytes."""
        _check_size(size, "padded()")
        if not self._layers or self._layers[0].kind is not KINDS["ethernet"]:
            first = self._layers[0].name if self._layers else "nothing"
            raise TypeError(
                f"padded() is for frames, and this begins with {first}: "
                "write (ethernet() / ...).padded(60), with the whole frame in parentheses"
            )
        frame, *rest = self._layers
        padding = frame.padding + bytes((number_in(fill, 255, "padded(): fill"),)) * (size - len(self))
        return Packet((Layer(frame.kind, frame.header, frame.rest, frame.said, padding), *rest))

    def truncated(self, size: int) -> Packet:
        """Its first `size` bytes. Lengths and checksums stay those of the whole packet."""
        _check_size(size, "truncated()")
        whole = self._complete
        if size > len(whole.data):
            raise ValueError(f"truncated() leaves {size} bytes of a packet that has {len(whole.data)}")
        kept: list[Layer] = []
        end = 0
        for layer, part in zip(self._layers, whole.parts, strict=True):
            if layer.kind is None or end + len(part) > size:
                break
            header = header_of(layer.kind, part)
            kept.append(Layer(layer.kind, header, part[layer.kind.size :], EVERY_FIELD))
            end += len(part)
        rest = whole.data[end:size]
        if rest:
            kept.append(
                Layer(None, rest=rest, note=_cut_note(self._layers[len(kept) :], whole.parts[len(kept) :], rest))
            )
        return Packet(kept)

    def fragments(self, size: int, *, id: int = 1) -> tuple[Packet, ...]:  # noqa: A002 - the field's name
        """The packet cut up into IP fragments, none of which is longer than `size`, the MTU.

        The outermost IP header is repeated in each; of IPv6, hop-by-hop options and routing headers are too. `id` says
        which fragments are of one packet; of IPv4 it is the header's, where that is not 0.
        """
        _check_size(size, "fragments()")
        cut = fragments(self._layers, self._complete, size, id)
        return (self,) if cut is None else tuple(map(Packet, cut))

    def _place(self, header: type, nth: int) -> int:
        if header not in BY_HEADER:
            known = ", ".join(each.__name__ for each in BY_HEADER)
            raise TypeError(f"a packet is asked for one of its headers: {known}; not for {shown(header)}")
        places = [
            place for place, layer in enumerate(self._layers) if layer.kind is not None and layer.kind.header is header
        ]
        if as_number(nth) is None:
            raise TypeError(f"a packet is asked for the header with a number, the first one's is 0; not {shown(nth)}")
        if not -len(places) <= nth < len(places):
            held = " / ".join(layer.name for layer in self._layers) or "nothing"
            which = f"{header.__name__} header" if nth == 0 else f"{header.__name__} header with the number {nth}"
            raise LookupError(f"there is no {which} in this packet, which is {held}")
        return places[nth]

    @property
    def _complete(self) -> Complete:
        if self._whole is None:
            self._whole = complete(self._layers)
        return self._whole


def _check_order(outer: Layer, inner: Layer) -> None:
    """Refuse what cannot be announced, unless the number that announces it is said."""
    if outer.kind is None or inner.kind is None or inner.kind.name in outer.kind.accepts:
        return
    said = ""
    who = ""
    if outer.kind.says is not None:
        name, who = outer.kind.says
        if name in outer.said or who in inner.kind.numbers:
            return
        said = f", or say {name}="
    follow = [f"{kind.name}()" for kind in KINDS.values() if who in kind.numbers or kind.name in outer.kind.accepts]
    raise TypeError(f"{inner.name} cannot follow {outer.name}: after it come {', '.join([*follow, 'bytes'])}{said}")


def _check_field(header: type, name: str) -> None:
    """Refuse to change what is read from several fields."""
    if not isinstance(getattr(header, name, None), property):
        return
    names = ", ".join(field.name for field in header.__osmia_layout__.fields)  # type: ignore[attr-defined]
    raise AttributeError(f"changed(): {name} of {header.__name__} is read from its other fields: change one of {names}")


def _check_size(size: object, what: str) -> None:
    number = as_number(size)
    if number is None or number < 0:
        raise TypeError(f"{what} takes a number of bytes, not {shown(size)}")


def _cut_note(layers: Sequence[Layer], parts: Sequence[bytes], rest: bytes) -> str:
    """What to call the start of what was cut off."""
    first = layers[0].kind if layers else None
    return "payload" if first is None or len(rest) >= len(parts[0]) else cut_note(first)
