"""The numbers of a JPEG XL codestream, after ISO/IEC 18181-1, 4.2 and annex B."""

from collections.abc import Callable

from pixelpipe.errors import DamagedImageError

# How a number is coded, by two bits: how many bits follow, and what is added to them.
Choices = tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]

ENUM: Choices = ((0, 0), (0, 1), (4, 2), (6, 18))

_U64_SHORT, _U64_BYTE = 1, 2
_U64_TWELVE, _U64_LAST_SHIFT = 12, 60


class Bits:
    """Bits of a codestream, least significant first.

    Args:
        data: What is looked at.
        damaged: Makes the error for a codestream that ends early.
        at: The bit to begin with.
    """

    __slots__ = ("_data", "at", "damaged")

    def __init__(
        self,
        data: bytes | memoryview,
        damaged: Callable[[str], DamagedImageError],
        at: int = 0,
    ) -> None:
        self._data = data
        self.damaged = damaged
        self.at = at

    def take(self, count: int) -> int:
        """The next `count` bits as a number.

        Raises:
            DamagedImageError: There are not so many.
        """
        at = self.at
        self.skip(count)
        word = int.from_bytes(self._data[at // 8 : -(-self.at // 8)], "little")
        return word >> at % 8 & (1 << count) - 1

    def skip(self, count: int) -> None:
        """Pass over the next `count` bits.

        Raises:
            DamagedImageError: There are not so many.
        """
        self.at += count
        if self.at > len(self._data) * 8:
            raise self.damaged("its header ends early, or is too long")

    def flag(self) -> bool:
        """The next bit."""
        return bool(self.take(1))

    def choose(self, choices: Choices) -> int:
        """A number that is coded in one of four ways."""
        count, offset = choices[self.take(2)]
        return offset + self.take(count)

    def long(self) -> int:
        """A number of up to 64 bits."""
        kind = self.take(2)
        if not kind:
            return 0
        if kind == _U64_SHORT:
            return 1 + self.take(4)
        if kind == _U64_BYTE:
            return 17 + self.take(8)
        value, shift = self.take(12), _U64_TWELVE
        while self.flag():
            if shift == _U64_LAST_SHIFT:
                return value | self.take(4) << shift
            value |= self.take(8) << shift
            shift += 8
        return value

    def skip_extensions(self) -> None:
        """Pass over what later versions may have added."""
        known = self.long()
        sizes = [self.long() for place in range(64) if known >> place & 1]
        self.skip(sum(sizes))

    def align(self) -> None:
        """Go on at the next byte."""
        self.at = -(-self.at // 8) * 8
