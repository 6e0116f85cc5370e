"""be16, be32 and be64 at run time: integers whose most significant byte is stored first.

`osmia.types` has them for users: this is imported when one of them is first named.
"""

from __future__ import annotations

from osmia.types import class_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.types import BigEndian
else:

    class BigEndian(int):
        """An unsigned integer whose most significant byte is stored first. Its value is the number itself.

        Calling a subclass wraps a value at that width and gives a plain int. `storage` is the integer of its width.
        """

        storage = class_of("u8")

        def __new__(cls, value=0):
            return cls.storage(value)

    def _make(name, storage):
        doc = f"An unsigned {storage.bits}-bit integer in network byte order."
        fields = {"__module__": "osmia.types", "__qualname__": name, "__doc__": doc, "storage": storage}
        return type(name, (BigEndian,), fields)

    be16 = _make("be16", class_of("u16"))
    be32 = _make("be32", class_of("u32"))
    be64 = _make("be64", class_of("u64"))


def is_big_endian(of: object) -> bool:
    """Whether `of` is one of be16, be32, be64 themselves (not an instance)."""
    return isinstance(of, type) and of.__base__ is BigEndian
